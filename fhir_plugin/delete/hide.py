"""Hide from record, wrong patient, and restore: the clinician's three acts upon a picture that was filed.

What is hidden is gone from every ordinary view of this app from the moment it is written down; then the record is told
(`hiding_plan`). Nothing is ever purged by it (G-R264, G-R280).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from fhir_plugin.delete.hidden_kept import forget_thumbnails
from fhir_plugin.delete.hiding_order import KIND, HidingOrder
from fhir_plugin.delete.hiding_plan import order_in
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.wrong_patient import prompt_breach
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.ledger.intents import intended_by
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import IntentId, Reference
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.r4.hiding_provenance import HidingAct

SHORTEST, LONGEST = 3, 2000
"""Characters of somebody's own words."""


class Pictures(Protocol):
    """Which pictures there are to see at this chart. `keep.view.Gallery` fits."""

    def entry(self, session: ClinicalSession, reference: Reference) -> object:
        """Raises `NotFound` for one that is not this patient's, or that nobody sees."""


@dataclass(frozen=True)
class Around:
    """What other flows do once a picture is hidden. `stop`: ends what still shows it elsewhere (second opinions).
    `ask_to_destroy`: a request for the permanent deletion of one that is of another patient; done twice, it is one.
    `seen_by`: who has seen or received it, each in plain words."""

    stop: Callable[[ClinicalSession], None]
    ask_to_destroy: Callable[[ClinicalSession, HiddenImage], None]
    seen_by: Callable[[ClinicalSession, Reference], Sequence[str]]


@dataclass(frozen=True)
class Hiding:
    """For clinicians at the patient's chart."""

    parts: DeleteParts = field(repr=False)
    pictures: Pictures = field(repr=False)
    around: Around = field(repr=False)

    # ------------------------------------------------------------------------------------------ looking

    def of_patient(self, session: ClinicalSession) -> Sequence[HiddenImage]:
        """What is hidden of this patient, newest first: that it is, by whom and why; never what it shows."""
        return self.parts.hidden.of_patient(session.fhir_base, session.patient_id)

    def one(self, session: ClinicalSession, reference: Reference) -> HiddenImage:
        """Raises `NotFound` for one that is not hidden, or not this patient's."""
        found = self.parts.hidden.find(session.fhir_base, reference)
        if found is None or found.patient != session.patient_id:
            raise NotFound("this picture is not hidden", status=404)
        return found

    def seen_by(self, session: ClinicalSession, reference: Reference) -> Sequence[str]:
        """Who has seen or received it, as far as this app knows, each in plain words; oldest first."""
        _need_clinician(session)
        return self.around.seen_by(session, reference)

    # ------------------------------------------------------------------------------------------ the three acts

    def hide(
        self, session: ClinicalSession, patient: Patient, reference: Reference, reason: HidingReason | None, words: str
    ) -> HiddenImage:
        """Hidden here from the moment it returns; then the record is told. The same one again changes nothing, but that
        an EHR that did not take it is told once more.

        Raises `Incomplete` without a reason, or without words for `OTHER`; `NotFound` for another patient's.
        """
        _need_clinician(session)
        if reason is None or reason is HidingReason.WRONG_PATIENT:
            raise Incomplete("Say why it should be hidden.", fields={"reason": "Say why it should be hidden."})
        said = _said(words, needed=reason is HidingReason.OTHER)
        return self._hide(session, patient, reference, reason, said, HidingAct.HIDE)

    def wrong_patient(
        self,
        session: ClinicalSession,
        patient: Patient,
        reference: Reference,
        words: str,
    ) -> HiddenImage:
        """Hidden here at once and marked as entered in error, its permanent deletion asked for, and whoever answers for
        the record asked to think of a breach. What is hidden already is marked as well. Raises `Incomplete` without
        words."""
        _need_clinician(session)
        said = _said(words, needed=True)
        self._hide(session, patient, reference, HidingReason.WRONG_PATIENT, said, HidingAct.WRONG_PATIENT)
        self._ask_to_destroy(session)
        return self.one(session, reference)

    def restore(self, session: ClinicalSession, patient: Patient, reference: Reference, words: str) -> HiddenImage:
        """Begins to put back exactly what was; hidden until that is proven, and after it if it is not.

        Raises `Refused` for one of another patient, one that is on its way, and one hidden for longer than policy lets
        anybody take back; `Incomplete` without words.
        """
        if not session.user.roles & {Role.CLINICIAN, Role.PRIVACY_OFFICER}:
            raise NotAllowed("Only clinicians and privacy officers put a picture back. Ask one of them.", code="role")
        said = _said(words, needed=True)
        parts, now = self.parts, self.parts.clock.now()
        with parts.work.transaction():
            row = parts.hidden.find(session.fhir_base, reference, for_change=True)
            if row is None or row.patient != session.patient_id:
                raise NotFound("this picture is not hidden", status=404)
            if row.wrong_patient:
                raise Refused("It is of another patient: it is not put back into this record.", code="wrong-patient")
            if row.pending:
                raise Refused("A change of it is on its way. Try again in a moment.", code="hiding-pending")
            if now - row.since > parts.policy.hiding_restorable:
                raise Refused("It has been hidden for longer than it can be taken back.", code="hidden-too-long")
            back = replace(row, state=HidingState.RESTORING, words=_joined(row.words, said))
            if row.resource is None:  # the record never took it: there is nothing to put back
                parts.hidden.forget(session.fhir_base, reference)
                parts.note(session, "hiding.restored", reference, why=row.reason, told="never")
                return replace(back, pending="")
            intent = IntentId(parts.new_id())
            back = replace(back, pending=intent)
            parts.hidden.keep(back)
            self._order(session, intent, HidingAct.RESTORE, row, before=row.state)
            parts.note(session, "hiding.restore-ordered", reference, why=row.reason)
        self._run(intent)
        return self.parts.hidden.find(session.fhir_base, reference) or replace(back, pending="")

    # ------------------------------------------------------------------------------------------ after a launch

    def resume_for(self, session: ClinicalSession) -> None:
        """What waited for this person's sign-in goes on; what is of another patient, and nobody has asked to destroy
        yet because something died in between, is asked for now."""
        parts = self.parts
        for intent in parts.ledger.waiting(
            fhir_base=session.fhir_base, patient=session.patient_id, user=session.user.reference
        ):
            if intent.kind == KIND and parts.engine.adopt(intent, session.launch_id):
                parts.engine.run(intent.id)
        if Role.CLINICIAN in session.user.roles:
            self._ask_to_destroy(session)

    # ------------------------------------------------------------------------------------------ inside

    def _hide(
        self,
        session: ClinicalSession,
        patient: Patient,
        reference: Reference,
        reason: HidingReason,
        words: str,
        act: HidingAct,
    ) -> HiddenImage:
        parts, now = self.parts, self.parts.clock.now()
        if parts.hidden.find(session.fhir_base, reference) is None:
            self.pictures.entry(session, reference)  # it is this patient's, and there to be seen
        with parts.work.transaction():
            row = parts.hidden.find(session.fhir_base, reference, for_change=True)
            if row is not None and row.patient != session.patient_id:
                raise NotFound("there is no such picture", status=404)
            if row is not None and _says_so(row, reason, act):
                return row
            if row is not None and row.state is HidingState.RESTORING:
                raise Refused("It is being put back. Try again in a moment.", code="hiding-pending")
            hidden = HiddenImage(
                fhir_base=session.fhir_base,
                reference=reference,
                patient=session.patient_id,
                since=now if row is None else row.since,
                state=HidingState.HIDING,
                reason=reason,
                by=session.user.reference,
                by_name=session.user.display,
                words=words if row is None else _joined(row.words, words),
                content=None if row is None else row.content,
                resource=None if row is None else row.resource,
                digest="" if row is None else row.digest,
                policy=parts.policy.reference,
            )
            intent = IntentId(row.pending) if row is not None and row.pending else IntentId(parts.new_id())
            hidden = replace(hidden, pending=intent)
            parts.hidden.keep(hidden)
            if row is None or not row.pending:
                taken = row.state if row is not None and row.resource is not None else None
                self._order(session, intent, act, hidden, before=taken)
            forget_thumbnails(parts.vault, session.fhir_base, reference)
            if hidden.wrong_patient:
                prompt_breach(parts, hidden, patient.name)
            parts.note(session, "hiding.ordered", reference, why=reason, act=act)
        self.around.stop(session)
        self._run(intent)
        return parts.hidden.find(session.fhir_base, reference) or hidden

    def _order(
        self,
        session: ClinicalSession,
        id: IntentId,
        act: HidingAct,
        row: HiddenImage,
        *,
        before: HidingState | None,
    ) -> None:
        parts, now = self.parts, self.parts.clock.now()
        order = HidingOrder(
            act=act,
            target=row.reference,
            patient=Reference(f"Patient/{row.patient}"),
            reason=row.reason,
            at=now,
            by=session.user.reference,
            by_name=session.user.display,
            provenance=parts.new_id(),
            policy=parts.policy.reference,
            before=before,
        )
        order_in(parts, intended_by(session, id=id, kind=KIND, subject=row.reference, created=now), order)

    def _ask_to_destroy(self, session: ClinicalSession) -> None:
        """Once the record says what it will say of it: an approval is of one version."""
        for each in self.of_patient(session):
            if each.wrong_patient and not each.pending:
                self.around.ask_to_destroy(session, each)

    def _run(self, intent: IntentId) -> None:
        if not self.parts.engine.run(intent).ended:
            self.parts.queue.wake(after_seconds=5)


def _says_so(row: HiddenImage, reason: HidingReason, act: HidingAct) -> bool:
    """Whether it is hidden for this reason already, or for a graver one, and nothing is left to tell."""
    untold = row.state is HidingState.HIDDEN_HERE_ONLY and not row.pending
    if act is HidingAct.WRONG_PATIENT:
        return row.reason is reason and not untold
    return row.wrong_patient or not untold


def _said(words: str, *, needed: bool) -> str:
    said = words.strip()
    if len(said) > LONGEST or (needed and len(said) < SHORTEST):
        why = "Say in a sentence why." if len(said) < SHORTEST else f"Say it in at most {LONGEST} characters."
        raise Incomplete("Say it in your own words.", fields={"words": why})
    return said


def _joined(*lines: str) -> str:
    return "\n".join(each for each in lines if each)


def _need_clinician(session: ClinicalSession) -> None:
    if Role.CLINICIAN not in session.user.roles:
        raise NotAllowed("Only clinicians may hide a picture. Ask one of them.", code="role")
