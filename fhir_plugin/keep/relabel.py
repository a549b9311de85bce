"""Changing the label of an image in the record: stricter at once, less strict with a reason and, by policy, two people.

What is raised is hidden here before the EHR has answered, and stays hidden if the EHR never takes it. Every change is a
signed Provenance, an entry of the audit chain, and read back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.keep import label_asking as asking
from fhir_plugin.keep.label_asking import Lowering
from fhir_plugin.keep.label_history import LabelHistory, history_of
from fhir_plugin.keep.label_order import KIND, LabelOrder, begin, from_bytes, signed, untold_under
from fhir_plugin.keep.label_plan import seen_to
from fhir_plugin.keep.label_steps import CHANGED_SINCE
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.keep.view import Gallery
from fhir_plugin.ledger.intents import Intent
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.ports import Compartment, Json
from mappings.model.filing import RecordedImage
from mappings.model.identifiers import IntentId, Reference, WorkId
from mappings.model.label_change import (
    LEVELS,
    TO_LOWER,
    TO_RAISE,
    ImageLabel,
    LabelLevel,
    LabelReason,
    at_least_as_strict,
    level_of,
    lowered,
    raised,
    says_the_same,
    together,
)
from mappings.model.labels import VERY_RESTRICTED, YOUNG, Label
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.r4 import elements
from mappings.r4.label_provenance import LabelChange
from mappings.r4.relabelled import labels_of_image
from mappings.r4.statement import labels_digest
from mappings.terminology import systems
from mappings.terminology.labels import UNREADABLE

SHORTEST, LONGEST = 3, 2000
"""Characters of somebody's own words."""
_USUAL = {
    LabelLevel.PRIVATE: LabelReason.PATIENT_ASKED,
    LabelLevel.INTIMATE: LabelReason.PRIVATE_AREA,
    LabelLevel.STRICTEST: LabelReason.AT_RISK,
}


@dataclass(frozen=True)
class LabelStanding:
    """The label of one image as it stands, and how it came to be."""

    entry: RecordedImage
    labels: tuple[Label, ...]
    """In force: what the record says and what we say."""
    level: LabelLevel
    known: ImageLabel | None
    history: LabelHistory
    same: bool
    """The record says what we signed, or we have signed nothing."""
    asked: Lowering | None
    two_people: bool
    """Whether a less strict label needs a second clinician."""
    seen: str
    last: Intent | None
    """The latest change that was ordered here, however it stands."""
    is_open: bool
    """Whether the picture may be seen now, and with it what people wrote about it."""


class Labels:
    """For clinicians at the patient's chart. `gallery` says which images there are, and what may be seen of them."""

    def __init__(self, parts: KeepParts, gallery: Gallery) -> None:
        self._parts = parts
        self._gallery = gallery

    # ------------------------------------------------------------------------------------------ looking

    def standing(self, session: ClinicalSession, patient: Patient, reference: Reference) -> LabelStanding:
        """Raises `NotFound` for an image that is not this patient's."""
        need_clinician(session)
        entry, resource = self._gallery.entry(session, reference)
        known = self._parts.labels.find(session.fhir_base, reference)
        history = history_of(self._parts, session, reference, resource, known)
        before = together(entry.labels)
        newest = history.newest
        signed_labels = known.labels if known is not None and known.labels else newest.labels if newest else ()
        return LabelStanding(
            entry=entry,
            labels=before,
            level=level_of(before),
            known=known,
            history=history,
            same=not signed_labels or says_the_same(labels_of_image(resource), signed_labels),
            asked=asking.asked(self._parts, session, reference),
            two_people=needs_two(before, self._parts.policy, child=is_child(entry, patient, self._parts)),
            seen=labels_digest(before),
            last=self._last(session, reference),
            is_open=self._gallery.is_open(session, entry),
        )

    def known(self, session: ClinicalSession, reference: Reference) -> ImageLabel | None:
        """What we say about the label of an image of this patient, without asking the record."""
        found = self._parts.labels.find(session.fhir_base, reference)
        return found if found is not None and found.patient == session.patient_id else None

    # ------------------------------------------------------------------------------------------ changing

    def change(
        self,
        session: ClinicalSession,
        patient: Patient,
        reference: Reference,
        level: LabelLevel,
        reason: LabelReason | None,
        words: str,
        seen: str,
    ) -> None:
        """Raises or lowers it to `level`; a lowering that two people need is put on the list. `seen`: of the standing.

        Raises `Incomplete` where a reason is missing or nothing would change, `Refused` (label-changed) where the label
        is no longer what was seen.
        """
        need_clinician(session)
        said = _said(words)
        entry, resource = self._gallery.entry(session, reference)
        before = together(entry.labels)
        if seen != labels_digest(before):
            raise Refused(CHANGED_SINCE, code="label-changed")
        child = is_child(entry, patient, self._parts)
        lowers = LEVELS.index(level) < LEVELS.index(level_of(before))
        after = lowered(before, level, child=child) if lowers else raised(before, level, child=child)
        if set(after) == set(before):
            why = "Choose another one." if not lowers else "What keeps it so strict was not set here, and stays."
            raise Incomplete("This changes nothing.", fields={"level": f"It is that already. {why}"})
        lowers = not at_least_as_strict(after, before)
        if not lowers:
            reason = reason if reason in TO_RAISE else _USUAL.get(level, LabelReason.OTHER)
            self.raise_to(session, reference, resource, before, after, reason, said)
            return
        if reason not in TO_LOWER:
            raise Incomplete("Say why it may be less strict.", fields={"reason": "Say why it may be less strict."})
        if len(said) < SHORTEST:
            raise Incomplete("Say it in your own words.", fields={"words": "Say in a sentence why."})
        order = self._order(session, reference, resource, before, after, reason, said, lowers=True)
        if needs_two(before, self._parts.policy, child=child):
            asking.ask(self._parts, session, patient, order)
        else:
            self._lower(session, order)

    def raise_to(
        self,
        session: ClinicalSession,
        reference: Reference,
        resource: Json,
        before: Sequence[Label],
        after: Sequence[Label],
        reason: LabelReason,
        words: str,
    ) -> None:
        """Hidden here as soon as this has written it down; then the record is told. Never less strict than `before`."""
        parts = self._parts
        after = together(after, before)
        order = self._order(session, reference, resource, before, after, reason, words, lowers=False)
        with parts.work.transaction():
            known = parts.labels.find(session.fhir_base, reference, for_change=True)
            if known is not None and known.labels:  # somebody raised it in this very moment: both hold
                after_both = together(order.change.after, known.labels)
                order = replace(order, change=replace(order.change, after=after_both))
            asking.end(parts, session, reference, "raised")
            intent = begin(parts, session, signed(parts, order))
            parts.note(session, "label.change-ordered", reference, why=reason)
        self._run(intent)

    # ------------------------------------------------------------------------------------------ two people

    def lowering(self, session: ClinicalSession, id: WorkId) -> tuple[Lowering, RecordedImage]:
        """What a second clinician is asked about, and the image. Raises `NotFound` for everything else."""
        need_clinician(session)
        item = self._parts.worklist.get(id)
        found = asking.lowering_of(self._parts, session, item)
        if found is None:
            raise NotFound(f"there is no request {id}", status=404)
        entry, _resource = self._gallery.entry(session, Reference(item.subject))
        return found, entry

    def answer(self, session: ClinicalSession, id: WorkId, agrees: bool, words: str, seen: str) -> None:
        """The second clinician says yes or no. Raises `NotAllowed` for who asked, `Refused` where somebody has answered
        or the label has been changed since."""
        need_clinician(session)
        parts, said = self._parts, _said(words)
        if not agrees and len(said) < SHORTEST:
            raise Incomplete("Say why not.", fields={"words": "Say in a sentence why not."})
        found, entry = self.lowering(session, id)
        intent = asking.answer(parts, session, found, entry, agrees=agrees, said=said, seen=seen)
        if intent is not None:
            self._run(intent)

    def take_back(self, session: ClinicalSession, id: WorkId) -> None:
        """Who asked asks no more."""
        need_clinician(session)
        found, _entry = self.lowering(session, id)
        if not found.mine:
            raise NotAllowed("Only who asked can take it back. You can say no.", code="not-yours")
        with self._parts.work.transaction():
            asking.end(self._parts, session, Reference(found.item.subject), "taken-back")

    # ------------------------------------------------------------------------------------------ after a launch

    def resume_for(self, session: ClinicalSession) -> None:
        """What waited for this person's sign-in goes on; what an EHR did not take is told to it once more."""
        parts = self._parts
        for intent in parts.ledger.waiting(
            fhir_base=session.fhir_base, patient=session.patient_id, user=session.user.reference
        ):
            if intent.kind == KIND and parts.engine.adopt(intent, session.launch_id):
                parts.engine.run(intent.id)
        if Role.CLINICIAN not in session.user.roles:
            return
        known = parts.labels.of_patient(session.fhir_base, session.patient_id)
        for label in (each for each in known if each.untold and not each.pending):
            capability = parts.records(session.launch_id).capability_of(label.reference)
            if capability.may(label.reference.split("/")[0], "update"):
                self._tell_again(session, label.reference)

    # ------------------------------------------------------------------------------------------ inside

    def _last(self, session: ClinicalSession, reference: Reference) -> Intent | None:
        mine = (session.fhir_base, session.patient_id)
        intents = [
            each
            for each in self._parts.ledger.for_subject(reference)
            if each.kind == KIND and (each.fhir_base, each.patient) == mine
        ]
        return max(intents, key=lambda each: each.created, default=None)

    def _tell_again(self, session: ClinicalSession, reference: Reference) -> None:
        parts, intents = self._parts, list[IntentId]()
        with parts.work.transaction():
            for kept in parts.vault.items(
                compartment=Compartment.DRAFT, owner=untold_under(session.fhir_base, reference)
            ):
                order = from_bytes(parts.vault.get(kept.vault_id))
                parts.vault.destroy(kept.vault_id)
                if not seen_to(parts, session, reference):
                    intents.append(begin(parts, session, order))
        for intent in intents:
            self._run(intent)

    def _lower(self, session: ClinicalSession, order: LabelOrder) -> None:
        parts = self._parts
        with parts.work.transaction():
            known = parts.labels.find(session.fhir_base, order.reference, for_change=True)
            if known is not None and known.pending:
                raise Refused("A change of this label is on its way. Try again in a moment.", code="label-pending")
            intent = begin(parts, session, signed(parts, order))
            parts.note(session, "label.change-ordered", order.reference, why=order.change.reason)
        self._run(intent)

    def _order(
        self,
        session: ClinicalSession,
        reference: Reference,
        resource: Json,
        before: Sequence[Label],
        after: Sequence[Label],
        reason: LabelReason,
        words: str,
        *,
        lowers: bool,
    ) -> LabelOrder:
        parts = self._parts
        on_server = labels_of_image(resource)
        if (
            UNREADABLE not in on_server
        ):  # it stood for a note of ours that cannot be read: it restricts, and is no label
            after = [label for label in after if label != UNREADABLE]
        change = LabelChange(
            target=reference,
            patient=Reference(f"Patient/{session.patient_id}"),
            image=elements.identifier_in(resource, systems.IMAGE),
            before=tuple(before),
            after=tuple(after),
            reason=reason,
            words=words,
            at=parts.clock.now(),
            by=session.user.reference,
            by_name=session.user.display,
            second=None,
            second_name="",
            policy_version=parts.policy.reference,
        )
        return LabelOrder(
            change=change,
            on_server=on_server,
            lowers=lowers,
            asked_by=session.user.person,
            provenance=parts.new_id(),
        )

    def _run(self, intent: IntentId) -> None:
        if not self._parts.engine.run(intent).ended:
            self._parts.queue.wake(after_seconds=5)


def needs_two(labels: Sequence[Label], policy: PolicyPack, *, child: bool) -> bool:
    """Whether a less strict label needs a second clinician: by policy, and always for what is very sensitive or of
    somebody who was under age when it was taken (G-R186)."""
    floor = child or VERY_RESTRICTED in labels or YOUNG in labels or level_of(labels) is LabelLevel.STRICTEST
    return floor or not policy.label_lowered_alone


def is_child(entry: RecordedImage, patient: Patient, parts: KeepParts) -> bool:
    """Under age when it was taken. Without a date, as the patient is today; without a birth date, yes."""
    day = entry.taken or parts.clock.now()
    age = patient.age_on(day.date() if isinstance(day, dt.datetime) else day)
    return age is None or age < parts.policy.age_child_image


def need_clinician(session: ClinicalSession) -> None:
    """Raises `NotAllowed` for everybody else."""
    if Role.CLINICIAN not in session.user.roles:
        raise NotAllowed("Only clinicians may see or change the label of a picture. Ask one of them.", code="role")


def _said(words: str) -> str:
    said = words.strip()
    if len(said) > LONGEST:
        too_long = f"Shorten this to {LONGEST} characters. It has {len(said)}."
        raise Incomplete(too_long, fields={"words": too_long})
    return said
