"""The single acts of filing. Each can be asked of the world whether it happened, and can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fhir_plugin.errors import AnswerLost, Gone, NotFound, RecordRefused
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ports import ClinicalRecord, EntryOutcome, Json, Stored, TransactionEntry
from mappings.model.identifiers import CaptureId, Reference

CAPTURE_TAG = "urn:fhir-plugin:capture"
IDENTIFIED = frozenset({"Media", "Consent", "DocumentReference"})
"""Types that carry our identifier; Binary, Provenance and AuditEvent have none in R4 and are known by tag."""
CORRECTED = {"Media": "entered-in-error", "Consent": "entered-in-error", "DocumentReference": "entered-in-error"}
"""What `status` says where a server will not delete."""


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

    `build(id)` gives the JSON, the same at every run. `role` names it within its order.
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

    @property
    def name(self) -> str:
        return self.role

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
            self.record.delete(self.resource_type, str(double["id"]))
        return self._remember(_stored(first))

    def do(self) -> Evidence:
        if self.role in self.bundled:
            evidence = self.bundled[self.role]
            self.found.by_role[self.role] = evidence
            return evidence
        resource = self.build(self.our_id)
        stored = self.record.put(resource) if self.our_id is not None else self.record.create(resource)
        return self._remember(stored)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return withdraw(self.record, Reference(evidence["reference"]))

    def _remember(self, stored: Stored) -> Evidence:
        evidence = evidence_of(stored)
        self.found.by_role[self.role] = evidence
        return evidence

    def _search(self) -> list[Json]:
        capability = self.record.capability()
        if self.resource_type in IDENTIFIED and capability.searches(self.resource_type, "identifier"):
            return _oldest_first(self.record.search(self.resource_type, {"identifier": self.identifier or ""}))
        if capability.searches(self.resource_type, "_tag"):
            tag = f"{CAPTURE_TAG}|{self.capture_id}"
            found = self.record.search(self.resource_type, {"_tag": tag})
            return _oldest_first([each for each in found if self._is_this(each)])
        raise AnswerLost(f"this server cannot be asked whether {self.role} was written")

    def _is_this(self, candidate: Json) -> bool:
        """Several resources of one type share the capture's tag: ours is the one with the same targets."""
        wanted = self.build(candidate.get("id"))
        return all(candidate.get(key) == wanted.get(key) for key in ("target", "recorded") if key in wanted)


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
            TransactionEntry("PUT", f"{part.resource_type}/{part.our_id}", part.build(part.our_id))
            for part in self.parts
        ]
        outcomes = self.record.transact(entries)
        written: dict[str, str] = {}
        for part, outcome in zip(self.parts, outcomes, strict=True):
            if outcome.ok and _is_ours(outcome, part):
                stored = Stored(
                    part.resource_type, str(part.our_id), outcome.stored.version if outcome.stored else None
                )
                self.bundled[part.role] = evidence_of(stored)
                written[part.role] = stored.reference
        return {"atomic": "yes" if len(written) == len(self.parts) else "no", **written}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        residue: list[str] = []
        for part in reversed(self.parts):
            if part.role in evidence:
                residue += withdraw(self.record, Reference(evidence[part.role]), only_if_there=True)
        return residue


@dataclass
class CurrentStep:
    """The commit point of an ordered sequence: the image becomes current once everything else has been proven."""

    role: str
    resource_type: str
    image_role: str
    record: ClinicalRecord = field(repr=False)
    found: Found = field(repr=False)

    @property
    def name(self) -> str:
        return self.role

    def happened(self) -> Evidence | None:
        resource = self._read()
        return evidence_of(_stored(resource)) if resource.get("status") == self._final else None

    def do(self) -> Evidence:
        resource = self._read()
        version = str(resource.get("meta", {}).get("versionId") or "") or None
        changed = {**resource, "status": self._final}
        return evidence_of(self.record.put(changed, version=version))

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()  # the image itself is withdrawn by its own step

    @property
    def _final(self) -> str:
        return "completed" if self.resource_type == "Media" else "current"

    def _read(self) -> Json:
        return self.record.read(self.resource_type, self.found.reference(self.image_role).split("/")[-1])


def withdraw(record: ClinicalRecord, reference: Reference, *, only_if_there: bool = False) -> Sequence[str]:
    """Deletes a resource of ours, or marks it entered in error where the server will not delete. Says what remains."""
    resource_type, id = reference.split("/")
    if only_if_there:
        try:
            record.read(resource_type, id)
        except (NotFound, Gone):
            return ()
    capability = record.capability()
    try:
        record.delete(resource_type, id)
    except RecordRefused:
        if resource_type not in CORRECTED:
            return (f"{reference} remains: this server does not delete it",)
        current = record.read(resource_type, id)
        record.put({**current, "status": CORRECTED[resource_type]})
        return (f"{reference} remains, marked as entered in error",)
    if capability.may(resource_type, "vread") or capability.may(resource_type, "history-instance"):
        return (f"{reference} was deleted; this server may still show its old version to those who ask for it",)
    return ()


def _stored(resource: Json) -> Stored:
    version = resource.get("meta", {}).get("versionId")
    return Stored(str(resource["resourceType"]), str(resource["id"]), str(version) if version is not None else None)


def _oldest_first(resources: list[Json]) -> list[Json]:
    return sorted(resources, key=lambda each: (str(each.get("meta", {}).get("lastUpdated", "")), str(each["id"])))


def _is_ours(outcome: EntryOutcome, part: ResourceStep) -> bool:
    return outcome.stored is None or outcome.stored.id == part.our_id
