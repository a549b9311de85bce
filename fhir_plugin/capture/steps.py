"""The single acts of filing. Each can be asked of the world whether it happened, and can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fhir_plugin.capture.withdraw import IDENTIFIED, withdraw
from fhir_plugin.errors import AnswerLost, Gone, NotFound, ReadBackMismatch, RecordRefused
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ports import ClinicalRecord, Json, Stored, TransactionEntry
from mappings.model.identifiers import CaptureId, Reference
from mappings.r4 import elements
from mappings.r4.attachment import attachment_of
from mappings.r4.note import words_in

CAPTURE_TAG = "urn:fhir-plugin:capture"
OURS = "urn:fhir-plugin:"
"""How the systems of our identifiers begin."""
WRITTEN = ("date", "dateTime", "authored", "issued")
"""Where the identified types say when they were written."""


def evidence_of(stored: Stored) -> Evidence:
    return {"reference": stored.reference, "version": stored.version or ""}


@dataclass
class Found:
    """What the steps of one plan have left in the world so far, by role: filled as they run or were run."""

    by_role: dict[str, Evidence] = field(default_factory=dict)

    def reference(self, role: str) -> Reference:
        return Reference(self.by_role[role]["reference"])


@dataclass
class ResourceStep:
    """One resource of an order, under an id of ours where the record takes one, else known by identifier or tag.

    `build(id)` gives the JSON, the same at every run. `role` names it within its order. `final_status` is the status
    of an image that has been proven; written alone it is not current yet, within a transaction it is.
    """

    role: str
    resource_type: str
    capture_id: CaptureId
    our_id: str | None
    identifier: str | None
    build: Callable[[str | None], Json] = field(repr=False)
    record: ClinicalRecord = field(repr=False)
    found: Found = field(repr=False)
    bundled: Mapping[str, Evidence] = field(default_factory=dict, repr=False)
    """What a transaction has already written, by role."""
    final_status: str | None = None

    @property
    def name(self) -> str:
        return self.role

    def in_transaction(self) -> Json:
        """The resource as a transaction writes it: all at once, so nothing has to wait."""
        resource = self.build(self.our_id)
        return {**resource, "status": self.final_status} if self.final_status else resource

    def happened(self) -> Evidence | None:
        if self.our_id is not None:
            try:
                resource = self.record.read(self.resource_type, self.our_id)
            except (NotFound, Gone):
                return None
            return self._remember(_stored(resource))
        matches = self._search()
        if not matches:
            return None
        first, *doubles = matches
        for double in doubles:  # a lost answer that was answered twice: one set, never two
            withdraw(self.record, Reference(f"{self.resource_type}/{double['id']}"))
        return self._remember(_stored(first))

    def do(self) -> Evidence:
        if self.role in self.bundled:
            evidence = self.bundled[self.role]
            self.found.by_role[self.role] = evidence
            return evidence
        resource = self.build(self.our_id)
        if self.our_id is not None:
            return self._looked_at(self.record.put(resource))
        stored = self.record.create(resource)
        try:
            # Counted afterwards: some servers, and some proxies in front of them, write a create twice.
            return self.happened() or self._looked_at(stored)
        except AnswerLost:  # it cannot be searched, so its answer is all there is
            return self._looked_at(stored)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return withdraw(self.record, Reference(evidence["reference"]))

    def _looked_at(self, stored: Stored) -> Evidence:
        """An image must be there before anything points to it: an EHR may hide what points to nothing from us, so
        that it could never be taken back."""
        if self.final_status is not None:
            try:
                self.record.read(stored.resource_type, stored.id)
            except (NotFound, Gone) as error:
                raise ReadBackMismatch("the EHR said that it stored this, and does not have it") from error
        return self._remember(stored)

    def _remember(self, stored: Stored) -> Evidence:
        evidence = evidence_of(stored)
        self.found.by_role[self.role] = evidence
        return evidence

    def _search(self) -> list[Json]:
        capability, by_patient = self.record.capability(), False
        if self.resource_type in IDENTIFIED and capability.searches(self.resource_type, "identifier"):
            wanted = {"identifier": self.identifier or ""}
        elif capability.searches(self.resource_type, "_tag"):
            wanted = {"_tag": f"{CAPTURE_TAG}|{self.capture_id}"}
        elif self.identifier is not None and capability.searches(self.resource_type, "patient"):
            wanted, by_patient = {"patient": _patient_of(self.build(None))}, True
        else:
            raise AnswerLost(f"this server cannot be asked whether {self.role} was written")
        try:
            found = self.record.search(self.resource_type, wanted)
        except RecordRefused as refused:
            raise AnswerLost(f"this server would not say whether {self.role} was written") from refused
        ours = [each for each in found if self._is_this(each) or (by_patient and self._says_this(each))]
        return _oldest_first(ours)

    def _says_this(self, candidate: Json) -> bool:
        """Of a server that keeps no identifiers of ours: of the same moment, and with the same words. Raises
        `AnswerLost` for what may be it and shows no words."""
        wanted = self.build(None)
        named = [str(each.get("system", "")) for each in elements.objects_of(candidate.get("identifier"))]
        if any(each.startswith(OURS) for each in named) or candidate.get("status") == "entered-in-error":
            return False
        if _written(candidate) != _written(wanted) or _kind(candidate) != _kind(wanted):
            return False
        words, said = words_in(wanted), words_in(candidate)
        if words is None or said is None:
            raise AnswerLost(f"something in the record may be {self.role}, and says of itself too little to tell")
        return " ".join(words.split()) in " ".join(said.split())

    def _is_this(self, candidate: Json) -> bool:
        """Whether this step wrote it, and not somebody else, another attempt of this capture or another of its steps.

        What a server found is never believed: what is taken for a double of ours is removed.
        """
        if candidate.get("status") == "entered-in-error":
            return False
        if self.identifier is not None:
            system, _, value = self.identifier.rpartition("|")
            return elements.identifier_in(candidate, system) == value
        wanted = self.build(None)
        return (
            elements.capture_of(candidate) == self.capture_id
            and _targets(candidate) == _targets(wanted)
            and _recorded(candidate) == _recorded(wanted)
        )


@dataclass
class BinaryStep:
    """The bytes of one image, before anything refers to them."""

    role: str
    capture_id: CaptureId
    our_id: str | None
    content_type: str
    security_context: Reference | None
    fallback_context: Reference
    load: Callable[[], bytes] = field(repr=False)
    record: ClinicalRecord = field(repr=False)
    found: Found = field(repr=False)

    @property
    def name(self) -> str:
        return self.role

    def happened(self) -> Evidence | None:
        if self.our_id is None:
            # No server lets a Binary be searched for by what it holds. One that nothing refers to is no image
            # in anybody's record, so the act is repeated; the capture's own count is that of its Media.
            return None
        reference = Reference(f"Binary/{self.our_id}")
        try:
            self.record.read_binary(reference)
        except (NotFound, Gone):
            return None
        return self._remember(Stored("Binary", self.our_id))

    def do(self) -> Evidence:
        content = self.load()
        try:
            stored = self._write(content, self.security_context or self.fallback_context)
        except RecordRefused as refusal:
            # A server that checks references refuses a context that is not there yet; the patient always is.
            if self.security_context is None or refusal.status not in (400, 404, 409, 412, 422):
                raise
            stored = self._write(content, self.fallback_context)
        return self._remember(stored)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return withdraw(self.record, Reference(evidence["reference"]))

    def _write(self, content: bytes, context: Reference) -> Stored:
        return self.record.create_binary(content, self.content_type, id=self.our_id, security_context=context)

    def _remember(self, stored: Stored) -> Evidence:
        evidence = evidence_of(stored)
        self.found.by_role[self.role] = evidence
        return evidence


@dataclass
class TransactionStep:
    """Everything but the bytes in one transaction, where all of it goes under ids of ours to the same server.

    Only the entries that the server reports as written count. What it did not write although it said 200 is
    written one by one by the steps that follow, so a server that runs transactions as batches ends the same way.
    """

    parts: Sequence[ResourceStep] = field(repr=False)
    record: ClinicalRecord = field(repr=False)
    bundled: dict[str, Evidence] = field(repr=False)
    name: str = "transaction"

    def happened(self) -> Evidence | None:
        there: dict[str, str] = {}
        for part in self.parts:
            evidence = part.happened()
            if evidence is not None:
                self.bundled[part.role] = evidence
                there[part.role] = evidence["reference"]
        return {"atomic": "unknown", **there} if there else None

    def do(self) -> Evidence:
        entries = [
            TransactionEntry("PUT", f"{part.resource_type}/{part.our_id}", part.in_transaction()) for part in self.parts
        ]
        try:
            outcomes = self.record.transact(entries)
        except RecordRefused:
            # One entry that this EHR does not take, or no transactions at all: the steps that follow find out which.
            return self.happened() or {"atomic": "refused"}
        written: dict[str, str] = {}
        for part, outcome in zip(self.parts, outcomes, strict=True):
            if outcome.ok:
                # Under whatever id it says: what is not under ours will not be proven, and must be found to be undone.
                stored = outcome.stored or Stored(part.resource_type, str(part.our_id))
                self.bundled[part.role] = evidence_of(stored)
                written[part.role] = stored.reference
        return {"atomic": "yes" if len(written) == len(self.parts) else "no", **written}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        residue: list[str] = []
        for part in reversed(self.parts):
            if part.role in evidence:
                residue += withdraw(self.record, Reference(evidence[part.role]))
        return residue


@dataclass
class CurrentStep:
    """The commit point: an image becomes current once everything has been proven. In a transaction it already is."""

    role: str
    image_role: str
    final_status: str
    record: ClinicalRecord = field(repr=False)
    found: Found = field(repr=False)
    proven: Mapping[str, Json] = field(repr=False)
    """What `verify` has just read, by role."""

    @property
    def name(self) -> str:
        return self.role

    def happened(self) -> Evidence | None:
        resource = self._read()
        return evidence_of(_stored(resource)) if resource.get("status") == self.final_status else None

    def do(self) -> Evidence:
        resource = self.proven.get(self.image_role) or self._read()
        if resource.get("status") != self.final_status:
            version = str(elements.version_of(resource) or "") or None
            reference = self.found.reference(self.image_role)
            stored = self.record.put({**resource, "status": self.final_status}, version=version)
            if stored.reference != reference:  # it made another one instead, which nobody has proven
                withdraw(self.record, stored.reference)
            before, resource = resource, self._read()
            kept = set(elements.labels_of(before)) <= set(elements.labels_of(resource))
            if resource.get("status") != self.final_status or not kept:
                raise ReadBackMismatch(f"{reference} did not become current as it was proven")
        return evidence_of(_stored(resource))

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()  # the image itself is withdrawn by its own step

    def _read(self) -> Json:
        return self.record.read(*self.found.reference(self.image_role).split("/"))


def _stored(resource: Json) -> Stored:
    version = resource.get("meta", {}).get("versionId")
    return Stored(str(resource["resourceType"]), str(resource["id"]), str(version) if version is not None else None)


def _oldest_first(resources: list[Json]) -> list[Json]:
    return sorted(resources, key=lambda each: (str(each.get("meta", {}).get("lastUpdated", "")), str(each["id"])))


def _targets(resource: Json) -> list[Reference | None]:
    return [elements.reference_of(each) for each in elements.objects_of(resource.get("target"))]


def _recorded(resource: Json) -> object:
    return _moment(resource.get("recorded"))


def _moment(said: object) -> object:
    """To the second: servers write the same instant in many ways."""
    moment = elements.parse_instant(said)
    return moment.replace(microsecond=0) if moment is not None else said


def _written(resource: Json) -> object:
    return next((_moment(resource[each]) for each in WRITTEN if each in resource), None)


def _kind(resource: Json) -> str:
    return elements.text_of(attachment_of(resource).get("contentType")).partition(";")[0]


def _patient_of(resource: Json) -> str:
    whose = elements.reference_of(resource.get("subject")) or elements.reference_of(resource.get("patient")) or ""
    return whose.rpartition("/")[2]
