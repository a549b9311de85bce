"""A second clinician agrees before a label is made less strict: who asks may never be who answers.

What was asked lies sealed beside its item on the list; the answer is bound to it. Two who answer at once: the first
one counts, the second is told so.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

from fhir_plugin.errors import NotAllowed, Refused
from fhir_plugin.keep.label_order import LabelOrder, begin, from_bytes, signed, to_bytes
from fhir_plugin.keep.label_steps import CHANGED_SINCE
from fhir_plugin.keep.parts import KeepParts
from fhir_plugin.ports import Compartment
from mappings.model.filing import RecordedImage
from mappings.model.identifiers import IntentId, Reference, WorkId
from mappings.model.label_change import LabelLevel, LabelReason, level_of, together
from mappings.model.labels import Label
from mappings.model.people import ClinicalSession, Patient
from mappings.model.work import WorkItem, WorkKind
from mappings.r4.statement import labels_digest


@dataclass(frozen=True)
class Lowering:
    """A less strict label that somebody asks a second clinician to agree to."""

    item: WorkItem
    level: LabelLevel
    reason: LabelReason
    words: str = field(repr=False)
    by_name: str = field(repr=False)
    at: dt.datetime
    before: tuple[Label, ...]
    after: tuple[Label, ...]
    mine: bool
    """Asked by the person who looks now, who cannot be the second."""
    seen: str
    """Goes back with the answer: which label it is about."""


def ask(parts: KeepParts, session: ClinicalSession, patient: Patient, order: LabelOrder) -> None:
    """Puts the question on the practice's list. Raises `Refused` where one about this image is open already."""
    now = parts.clock.now()
    with parts.work.transaction():
        item = parts.worklist.add(
            WorkItem(
                id=WorkId(parts.new_id()),
                kind=WorkKind.SECOND_PERSON,
                fhir_base=session.fhir_base,
                patient=session.patient_id,
                subject=order.reference,
                created=now,
                due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.SECOND_PERSON]),
                patient_name=patient.name,
                words="Asks for a second clinician before the label of a picture is made less strict.",
                not_by=session.user.person,
            )
        )
        if parts.vault.items(compartment=Compartment.DRAFT, owner=item.id):
            raise Refused("A second clinician is asked about this label already.", code="already-asked")
        parts.vault.put(to_bytes(order), compartment=Compartment.DRAFT, owner=item.id)
        parts.note(session, "label.lowering-asked", order.reference, why=order.change.reason)


def asked(parts: KeepParts, session: ClinicalSession, reference: Reference) -> Lowering | None:
    """The open question about this image."""
    for item in parts.worklist.of_patient(session.fhir_base, session.patient_id):
        if item.subject == reference and (found := lowering_of(parts, session, item)) is not None:
            return found
    return None


def lowering_of(parts: KeepParts, session: ClinicalSession, item: WorkItem) -> Lowering | None:
    """What an item asks, at this patient's chart; None for one that asks something else, or has been answered."""
    mine = (item.fhir_base, item.patient) == (session.fhir_base, session.patient_id)
    if not mine or item.kind is not WorkKind.SECOND_PERSON or not item.about_a_label:
        return None
    kept = parts.vault.items(compartment=Compartment.DRAFT, owner=item.id)
    if not kept:
        return None
    order = from_bytes(parts.vault.get(kept[0].vault_id))
    change = order.change
    return Lowering(
        item=item,
        level=level_of(change.after),
        reason=change.reason,
        words=change.words,
        by_name=change.by_name,
        at=change.at,
        before=change.before,
        after=change.after,
        mine=order.asked_by in (session.user.person, session.user.reference),
        seen=labels_digest((*change.before, *change.after)),
    )


def answer(
    parts: KeepParts,
    session: ClinicalSession,
    found: Lowering,
    entry: RecordedImage,
    *,
    agrees: bool,
    said: str,
    seen: str,
) -> IntentId | None:
    """Yes or no. With a yes the change is signed with both names and intended; None after a no."""
    intent, id = None, found.item.id
    with parts.work.transaction():
        item = parts.worklist.get(id, for_change=True)
        if item.done_at is not None:
            raise Refused("Somebody has answered this a moment before you.", code="already-answered")
        kept = parts.vault.items(compartment=Compartment.DRAFT, owner=id)
        order = from_bytes(parts.vault.get(kept[0].vault_id))
        if order.asked_by in (session.user.person, session.user.reference):
            raise NotAllowed("You asked this yourself: somebody else has to answer it.", code="own-question")
        if seen != found.seen or labels_digest(together(entry.labels)) != labels_digest(order.change.before):
            raise Refused(CHANGED_SINCE, code="label-changed")
        if agrees:
            change = replace(
                order.change,
                at=parts.clock.now(),
                second=session.user.reference,
                second_name=session.user.display,
                words="\n".join(each for each in (order.change.words, said) if each),
            )
            intent = begin(parts, session, signed(parts, replace(order, change=change)))
        for each in kept:
            parts.vault.destroy(each.vault_id)
        outcome = "agreed" if agrees else "refused"
        now = parts.clock.now()
        line = f"{session.user.display}: {said}" if said else ""
        lines = "\n".join(each for each in (item.words, line) if each)
        parts.worklist.save(replace(item, words=lines, done_at=now, done_by=session.user.reference, outcome=outcome))
        parts.note(session, f"label.lowering-{outcome}", item.subject)
    return intent


def end(parts: KeepParts, session: ClinicalSession, reference: Reference, outcome: str) -> None:
    """Nobody is asked about this image any more. Joins the open transaction."""
    for item in parts.worklist.of_patient(session.fhir_base, session.patient_id):
        if item.kind is WorkKind.SECOND_PERSON and item.subject == reference:
            for kept in parts.vault.items(compartment=Compartment.DRAFT, owner=item.id):
                parts.vault.destroy(kept.vault_id)
            held = parts.worklist.get(item.id, for_change=True)
            now = parts.clock.now()
            parts.worklist.save(replace(held, done_at=now, done_by=session.user.reference, outcome=outcome))
            parts.note(session, f"label.lowering-{outcome}", reference)
