"""Moving over: what this app keeps beside a chart goes into it, once its server has learnt to hold it.

Under the same id, so that every reference stays true; read back and compared before it is purged here. Where a server
gives ids of its own, or a part of an image does not fit, everything stays where it is: kept whole, seen, given out and
destroyed as before. An image goes with its bytes or not at all (docs/adr/0036).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.capability import Capability
from fhir_plugin.capture.ladder import ladder
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import Gone, NotFound, ReadBackMismatch, RecordRefused
from fhir_plugin.ledger.copies_in_charts import in_charts, stands, take_out
from fhir_plugin.ledger.intents import Evidence, Intent, IntentState, Outcome, Plan, Step, intended_by
from fhir_plugin.ports import ClinicalRecord, Json, TwoPlaces
from mappings.model.identifiers import IntentId, LaunchId, Reference
from mappings.model.people import ClinicalSession, Role
from mappings.model.writeback import Rung
from mappings.r4 import elements
from mappings.r4.relabelled import binaries_of, labels_of_image

KIND: Final = "moving-over"
MAY: Final = frozenset({Role.CLINICIAN, Role.PRIVACY_OFFICER})
BY_ITSELF: Final = ("Consent", "QuestionnaireResponse", "CommunicationRequest", "Task", "Provenance", "AuditEvent")
"""Types that go each by itself, in this order: what others refer to first."""
_IN_PLACE: Final = frozenset({Rung.TRANSACTION, Rung.SEQUENCE})
_BINARY: Final = "Binary/"
_BY_THE_SERVER: Final = frozenset({"versionId", "lastUpdated", "source", "security"})

PlacesOf = Callable[[LaunchId], TwoPlaces]


@dataclass(frozen=True)
class Kept:
    """One thing that is kept beside a chart: `binaries` go with it. `why`: a code of why it stays; empty where it can
    go over."""

    reference: Reference
    binaries: tuple[Reference, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class MovingOver:
    """What is kept beside the chart of a launch's patient, and its way there."""

    parts: CaptureParts = field(repr=False)
    places: PlacesOf = field(repr=False)

    def kept(self, session: ClinicalSession) -> list[Kept]:
        """Everything, with why each thing stays that stays."""
        places = self.places(session.launch_id)
        capability = places.there.capability()
        known = self._known(session) if _takes(capability, "Provenance") else None
        return list(_kept(places, capability, places.kept(known)))

    def move(self, session: ClinicalSession, *, again: bool = False) -> dict[str, int]:
        """What can go over goes, one thing after the other; what somebody is changing waits for the next time. Returns
        how many `moved`, and how many `stay`.

        `again`: also what the server has refused before. A launch tries that once.
        """
        counted = {"moved": 0, "stay": 0}
        if session.requests_only or not session.user.roles & MAY:
            return counted
        if self._busy(session):
            return counted
        for kept in self.kept(session):
            if kept.why or not (again or not self._refused(kept.reference)):
                counted["stay"] += 1
                continue
            done = self._run(self._begin(session, kept.reference))
            counted["moved" if done else "stay"] += 1
        return counted

    def resume_for(self, session: ClinicalSession) -> None:
        """After a launch: what waited for a sign-in goes on, and what the server has learnt to hold goes over."""
        parts = self.parts
        for intent in parts.ledger.waiting(
            fhir_base=session.fhir_base, patient=session.patient_id, user=session.user.reference
        ):
            if intent.kind == KIND and parts.engine.adopt(intent, session.launch_id):
                parts.engine.run(intent.id)
        if any(not each.why and not self._refused(each.reference) for each in self.kept(session)):
            parts.background.begin(f"moving {session.patient_id}", lambda: self._behind(session))

    def _known(self, session: ClinicalSession) -> list[Reference]:
        """What our registers say was filed for this patient: what names nobody may be about it."""
        filed = self.parts.kept.of_patient(session.fhir_base, session.patient_id)
        return [each for image in filed for each in (image.reference, image.consent) if each is not None]

    def _behind(self, session: ClinicalSession) -> None:
        self.move(session)

    def _busy(self, session: ClinicalSession) -> bool:
        mine = (session.fhir_base, session.patient_id)
        return any((each.fhir_base, each.patient) == mine for each in self.parts.ledger.unsettled())

    def _refused(self, reference: Reference) -> bool:
        return any(
            each.kind == KIND and each.outcome is Outcome.NOTHING_CURRENT
            for each in self.parts.ledger.for_subject(reference)
        )

    def _begin(self, session: ClinicalSession, reference: Reference) -> IntentId:
        parts = self.parts
        with parts.work.transaction():
            for each in parts.ledger.for_subject(reference):
                if each.kind == KIND and not each.ended:
                    return each.id
            id = IntentId(parts.new_id())
            parts.ledger.add(intended_by(session, id=id, kind=KIND, subject=reference, created=parts.clock.now()))
            parts.note(session, "moving.ordered", reference)
        return id

    def _run(self, id: IntentId) -> bool:
        ran = self.parts.engine.run(id)
        if not ran.ended:
            self.parts.queue.wake(after_seconds=5)
        return ran.state is IntentState.ENDED and ran.outcome is Outcome.DONE


@dataclass(frozen=True)
class Movings:
    """Plans for intents of kind `moving-over`."""

    parts: CaptureParts = field(repr=False)
    places: PlacesOf = field(repr=False)

    def __call__(self, intent: Intent) -> Plan:
        return _Moving(self.parts, self.places(intent.launch), intent)


@dataclass(frozen=True)
class _Moving:
    parts: CaptureParts = field(repr=False)
    places: TwoPlaces = field(repr=False)
    intent: Intent

    def steps(self) -> Sequence[Step]:
        places, reference = self.places, Reference(self.intent.subject)
        all_of_it = (*self._binaries(reference), reference)
        copied = [CopyOver(places, each, self._found, f"over-{each}") for each in all_of_it]
        forget = ForgetHere(places, all_of_it, self._versions)
        return [Look(places, all_of_it), *copied, Compare(places, all_of_it), forget, self._copies(reference)]

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        self._audit("moving.moved", "success", copies=" ".join(sorted(set(evidence["copies"].values()))))

    def abandon(self, intent: Intent) -> None:
        self._audit("moving.moved", "failure", why=intent.reason)

    def _binaries(self, reference: Reference) -> tuple[Reference, ...]:
        """As they were when it was begun: what has been purged here is asked of the chart."""
        for record in (self.places.here, self.places.there):
            with suppress(NotFound, Gone):
                resource = record.read(*reference.split("/"))
                return tuple(dict.fromkeys(binaries_of(resource, base=record.base)))
        return ()

    def _found(self) -> Evidence:
        return self.parts.ledger.steps(self.intent.id)["look"].evidence

    def _versions(self) -> dict[str, str]:
        """Of each thing, the version here that was copied."""
        steps = self.parts.ledger.steps(self.intent.id)
        return {name.removeprefix("over-"): found.evidence.get("version", "") for name, found in steps.items()}

    def _copies(self, reference: Reference) -> Step:
        return CopiesAfterwards(self.parts, self.places.there, self.intent, reference)

    def _audit(self, action: str, outcome: str, **detail: str) -> None:
        self.parts.audit.append(self.intent.entry(action, detail, policy=self.parts.policy.reference, outcome=outcome))


@dataclass
class Look:
    """What stands in the chart under these ids before anything is written: nothing, or the very same. Anything else is
    somebody else's, and is never written over."""

    places: TwoPlaces = field(repr=False)
    references: Sequence[Reference]
    name: str = "look"

    def happened(self) -> Evidence | None:
        return None  # it only looks; once it is written down it is not done again

    def do(self) -> Evidence:
        return {str(each): self._at(each) for each in self.references}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()

    def _at(self, reference: Reference) -> str:
        here = _content(self.places.here, reference)
        there = _content(self.places.there, reference)
        if there is None:
            return "free"
        if here is None or _is(there, here):
            return "same"
        raise RecordRefused(f"{reference}: something else has this id there", status=409, code="there-already")


@dataclass
class CopyOver:
    """One resource under its own id into the chart; of a Binary its bytes. `found`: what `Look` found."""

    places: TwoPlaces = field(repr=False)
    reference: Reference
    found: Callable[[], Evidence] = field(repr=False)
    name: str

    def happened(self) -> Evidence | None:
        if self.found().get(self.reference) == "same":
            return self._evidence("")
        return self._evidence("yes") if _content(self.places.there, self.reference) is not None else None

    def do(self) -> Evidence:
        if self.found().get(self.reference) == "same":
            return self._evidence("")
        evidence = self._evidence("yes")
        resource = self.places.here.read(*self.reference.split("/"))
        if self.reference.startswith(_BINARY):
            self.places.there.create_binary(
                self.places.here.read_binary(self.reference).content,
                str(resource.get("contentType", "")),
                id=self.reference.removeprefix(_BINARY),
                security_context=elements.reference_of(elements.object_of(resource.get("securityContext"))),
            )
        else:
            self.places.there.put(_bare(resource, labels=True))
        return evidence

    def undo(self, evidence: Evidence) -> Sequence[str]:
        """Out of the chart again, as long as it is here."""
        if evidence.get("wrote") == "yes" and _content(self.places.here, self.reference) is not None:
            self.places.there.delete(*self.reference.split("/"))
            return (f"{self.reference} was there for a moment; the server may show its old version",)
        return ()

    def _evidence(self, wrote: str) -> Evidence:
        """With the version here: of it, and of no later one, it is a copy."""
        try:
            resource = self.places.here.read(*self.reference.split("/"))
        except (NotFound, Gone):
            return {"version": "", "wrote": wrote}
        return {"version": elements.version_of(resource) or "", "wrote": wrote}


@dataclass
class Compare:
    """Read back: the same elements and labels, the same bytes."""

    places: TwoPlaces = field(repr=False)
    references: Sequence[Reference]
    name: str = "compare"

    def happened(self) -> Evidence | None:
        return None

    def do(self) -> Evidence:
        for each in self.references:
            here, there = _content(self.places.here, each), _content(self.places.there, each)
            if here is not None and (there is None or not _is(there, here)):
                raise ReadBackMismatch(f"{each} is not what was sent", code="not-as-it-was")
        return {}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()


@dataclass
class ForgetHere:
    """Purged here, every version; unless somebody has changed it here meanwhile: then it stays, and is not there."""

    places: TwoPlaces = field(repr=False)
    references: Sequence[Reference]
    versions: Callable[[], Mapping[str, str]] = field(repr=False)
    name: str = "forget"

    def happened(self) -> Evidence | None:
        return {} if all(self._version(each) is None for each in self.references) else None

    def do(self) -> Evidence:
        copied = self.versions()
        for each in self.references:
            now = self._version(each)
            if now is not None and now != copied.get(each, ""):
                raise RecordRefused(f"{each} was changed meanwhile", status=409, code="changed-since")
        for each in reversed(self.references):  # what points first, so that nothing points nowhere
            self.places.purge(each)
        return {}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()

    def _version(self, reference: Reference) -> str | None:
        try:
            return elements.version_of(self.places.here.read(*reference.split("/"))) or ""
        except (NotFound, Gone):
            return None


@dataclass
class CopiesAfterwards:
    """Now that the chart holds the image: its copies stay, or are taken out, by policy (`chart_copy.when_moved`)."""

    parts: CaptureParts = field(repr=False)
    there: ClinicalRecord = field(repr=False)
    intent: Intent
    image: Reference
    name: str = "copies"

    def happened(self) -> Evidence | None:
        return None

    def do(self) -> Evidence:
        told: dict[str, str] = {}
        for copy in in_charts(self.parts.copies.of_image(self.intent.fhir_base, self.image)):
            state = take_out(self.there, copy) if self.parts.policy.chart_copy_taken_back else copy.state
            with self.parts.work.transaction():
                told[copy.id] = stands(self.parts, copy, state, by=self.intent.user).state.value
        return told

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()


# ------------------------------------------------------------------------------------------ what can go


def _kept(places: TwoPlaces, capability: Capability, references: Sequence[Reference]) -> Iterator[Kept]:
    images = [each for each in references if each.startswith("Media/")]
    for each in images:
        yield _image(places, capability, each)
    rest = [each for each in references if each not in images and not each.startswith(_BINARY)]
    order = {name: number for number, name in enumerate(BY_ITSELF)}
    for each in sorted(rest, key=lambda one: (order.get(one.split("/")[0], len(order)), one)):
        kind = each.split("/")[0]
        why = "" if kind in order and _takes(capability, kind) else _why(capability, kind)
        yield Kept(each, why=why)


def _image(places: TwoPlaces, capability: Capability, image: Reference) -> Kept:
    resource = places.here.read(*image.split("/"))
    binaries = tuple(dict.fromkeys(binaries_of(resource, base=places.here.base)))
    for kind in ("Media", "Binary"):
        if not _takes(capability, kind):
            return Kept(image, binaries, _why(capability, kind))
    contents = [places.here.read_binary(each) for each in binaries]
    largest = max((len(each.content) for each in contents), default=0)
    found = ladder(capability, largest=largest, content_types=frozenset(each.content_type for each in contents))
    goes = found.rung in _IN_PLACE and found.image_type == "Media"
    return Kept(image, binaries, "" if goes else "does-not-fit")


def _content(record: ClinicalRecord, reference: Reference) -> Json | bytes | None:
    """What stands there: the resource, or the bytes of a Binary; None where nothing does."""
    try:
        if reference.startswith(_BINARY):
            return record.read_binary(reference).content
        return record.read(*reference.split("/"))
    except (NotFound, Gone):
        return None


def _is(there: Json | bytes, here: Json | bytes) -> bool:
    if isinstance(there, bytes) or isinstance(here, bytes):
        return there == here
    return _same(there, here)


def _takes(capability: Capability, kind: str) -> bool:
    return capability.takes_our_id(kind) and capability.may(kind, "read")


def _why(capability: Capability, kind: str) -> str:
    return "ids-of-its-own" if capability.holds(kind) else "not-held"


def _same(there: Json, here: Json) -> bool:
    """But for what a server writes by itself: the same elements, and the same labels."""
    labels = set(labels_of_image(there)) == set(labels_of_image(here))
    return labels and _bare(there, labels=False) == _bare(here, labels=False)


def _bare(resource: Json, *, labels: bool) -> Json:
    """Without what a server writes itself. An empty `meta` and none are the same."""
    by_server = _BY_THE_SERVER - {"security"} if labels else _BY_THE_SERVER
    meta = {name: value for name, value in elements.object_of(resource.get("meta")).items() if name not in by_server}
    bare = {name: value for name, value in resource.items() if name not in ("meta", "text")}
    if labels and "text" in resource:
        bare["text"] = resource["text"]
    return {**bare, "meta": meta} if meta else bare
