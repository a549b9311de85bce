"""Safeguarding concerns, complaints and requests for the record: who said what, who was told, what must stay.

A concern is written into the record as a note that the people who treat this patient can read (G-R259, G-R289,
G-R319), is on somebody's list the same day (G-R312), and until somebody closes it with a reason nothing of this
patient is destroyed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.ledger.concern_note import KIND, intend_note
from fhir_plugin.ledger.intents import IntentState
from fhir_plugin.policy.holds import reasons
from fhir_plugin.policy.ruling import Reason
from fhir_plugin.work.parts import WorkParts
from fhir_plugin.work.practice import finished
from mappings.model.identifiers import FhirBase, IntentId, PatientId, WorkId
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.model.practice import Hold, HoldKind
from mappings.model.work import WorkItem, WorkKind

MOST_WORDS = 4000
"""Characters of one field: a note, not a file."""


class Concerns:
    """What holds a patient's images, and the notes of it."""

    def __init__(self, parts: WorkParts) -> None:
        self._parts = parts

    def held(self, fhir_base: FhirBase, patient: PatientId) -> tuple[Reason, ...]:
        """Why nothing of this patient may be destroyed; nothing when nothing holds."""
        return reasons(self._parts.holds.of_patient(fhir_base, patient))

    def of_chart(self, session: ClinicalSession, *, lifted: bool = False) -> list[Hold]:
        """What holds the patient of this launch. Its words are for clinicians."""
        self._need_clinician(session)
        return self._parts.holds.of_patient(session.fhir_base, session.patient_id, lifted=lifted)

    def legal_holds(self, session: ClinicalSession) -> list[Hold]:
        """Legal holds of the patient of this launch, lifted ones as well: for privacy officers."""
        if Role.PRIVACY_OFFICER not in session.user.roles:
            raise NotAllowed("Legal holds are the privacy officer's.", code="role")
        found = self._parts.holds.of_patient(session.fhir_base, session.patient_id, lifted=True)
        return [each for each in found if each.kind is HoldKind.LEGAL]

    def get(self, session: ClinicalSession, id: str) -> Hold:
        """One of this patient's; for every other launch it does not exist."""
        self._need_clinician(session)
        return self._mine(session, id)

    def raise_concern(self, session: ClinicalSession, patient: Patient, *, words: str, about: str, told: str) -> Hold:
        """Writes it down, puts it on the list for today and into the record; pressed twice, it is there once.

        Anybody at this chart may raise one, triage too. Raises `Incomplete` without words.
        """
        self._need_staff(session)
        said = words.strip()
        if not said:
            raise Incomplete("Say what concerns you.", fields={"words": "Say what concerns you, in your own words."})
        if max(len(each) for each in (said, about, told)) > MOST_WORDS:
            raise Incomplete("That is too long.", fields={"words": f"Write at most {MOST_WORDS} characters."})
        parts, now = self._parts, self._parts.clock.now()
        with parts.work.transaction():
            for each in parts.holds.of_patient(session.fhir_base, session.patient_id):
                if (each.kind, each.by, each.words) == (HoldKind.SAFEGUARDING, session.user.reference, said):
                    return each
            hold = self._hold(session, HoldKind.SAFEGUARDING, said, about=about.strip(), told=told.strip())
            parts.holds.add(hold)
            parts.worklist.add(
                WorkItem(
                    id=WorkId(parts.new_id()),
                    kind=WorkKind.SAFEGUARDING,
                    fhir_base=session.fhir_base,
                    patient=session.patient_id,
                    subject=hold.id,
                    created=now,
                    due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.SAFEGUARDING]),
                    patient_name=patient.name,
                    words="A safeguarding concern was raised.",
                )
            )
            intent = intend_note(parts.ledger, hold, id=IntentId(parts.new_id()), launch=session.launch_id)
            parts.note(session, "concern.raised", hold.id, session.patient_id, told=bool(hold.told))
        if not parts.engine.run(intent).ended:
            parts.queue.wake(after_seconds=5)
        return hold

    def resume_for(self, session: ClinicalSession) -> None:
        """After a launch: notes of this person that waited for a sign-in go on."""
        waiting = self._parts.ledger.waiting(
            fhir_base=session.fhir_base, patient=session.patient_id, user=session.user.reference
        )
        for intent in waiting:
            if intent.kind == KIND and self._parts.engine.adopt(intent, session.launch_id):
                self._parts.engine.run(intent.id)

    def note_state(self, hold: Hold) -> str:
        """Where the note is: written, waiting (it goes on by itself), sign-in, or refused by the EHR."""
        if hold.note is not None:
            return "written"
        states = [intent for intent in self._parts.ledger.for_subject(hold.id) if intent.kind == KIND]
        if not states:
            return "none"
        last = states[-1]
        if last.state is IntentState.WAITING_FOR_SIGN_IN:
            return "sign-in"
        return "refused" if last.ended else "waiting"

    def set_hold(self, session: ClinicalSession, kind: HoldKind, words: str) -> Hold:
        """A complaint or a request for the record is open: nothing is destroyed until it is closed. A legal hold is set
        by a privacy officer as well."""
        if kind is not HoldKind.LEGAL or Role.PRIVACY_OFFICER not in session.user.roles:
            self._need_clinician(session)
        if kind is HoldKind.SAFEGUARDING:
            raise Refused("A safeguarding concern is raised on its own page.", code="raise-instead")
        if not words.strip():
            raise Incomplete("Say why.", fields={"words": "Say in a sentence what it is about."})
        with self._parts.work.transaction():
            for each in self._parts.holds.of_patient(session.fhir_base, session.patient_id):
                if (each.kind, each.words) == (kind, words.strip()):
                    return each
            hold = self._hold(session, kind, words.strip())
            self._parts.holds.add(hold)
            self._parts.note(session, "hold.set", hold.id, session.patient_id, kind=kind)
        self._parts.queue.wake()  # what is asked to be destroyed is held at once
        return hold

    def lift(self, session: ClinicalSession, id: str, because: str) -> Hold:
        """Closes it with a reason; the item of a concern is done with it. Of two at once the second is told so. A legal
        hold is lifted by a privacy officer, and by nobody else."""
        self._need_lifter(session, id)
        why = because.strip()
        if not why:
            raise Incomplete("Say why.", fields={"because": "Say what was done and why this can be closed."})
        parts, now = self._parts, self._parts.clock.now()
        with parts.work.transaction():
            hold = self._mine(session, id, for_change=True)
            if hold.follows:
                raise Refused(
                    "It ends when the request for a copy of the record has been answered or closed: the disclosure "
                    "officer does that.",
                    code="ends-with-request",
                )
            if hold.lifted is not None:
                raise Refused("Somebody has closed this meanwhile.", code="closed-meanwhile")
            lifted = replace(
                hold,
                lifted=now,
                lifted_by=session.user.reference,
                lifted_by_name=session.user.display,
                lifted_because=why,
            )
            parts.holds.save(lifted)
            for item in parts.worklist.of_patient(session.fhir_base, session.patient_id):
                if (item.kind, item.subject) == (WorkKind.SAFEGUARDING, hold.id):
                    parts.worklist.save(finished(item, session, now, "closed", ""))
            parts.note(session, "hold.lifted", hold.id, session.patient_id, kind=hold.kind)
        parts.queue.wake()  # what it held goes on
        return lifted

    # ------------------------------------------------------------------------------------------ inside

    def _hold(self, session: ClinicalSession, kind: HoldKind, words: str, *, about: str = "", told: str = "") -> Hold:
        return Hold(
            id=self._parts.new_id(),
            kind=kind,
            fhir_base=session.fhir_base,
            patient=session.patient_id,
            since=self._parts.clock.now(),
            by=session.user.reference,
            by_name=session.user.display,
            words=words,
            about=about,
            told=told,
            policy=self._parts.policy.reference,
        )

    def _mine(self, session: ClinicalSession, id: str, *, for_change: bool = False) -> Hold:
        hold = self._parts.holds.get(id, for_change=for_change)
        if (hold.fhir_base, hold.patient) != (session.fhir_base, session.patient_id):
            raise NotFound(f"there is no hold {id}", status=404)
        return hold

    def _need_lifter(self, session: ClinicalSession, id: str) -> None:
        with self._parts.work.transaction():
            kind = self._mine(session, id).kind
        if kind is not HoldKind.LEGAL:
            self._need_clinician(session)
        elif Role.PRIVACY_OFFICER not in session.user.roles:
            raise NotAllowed("A legal hold is lifted by the privacy officer.", code="role")

    def _need_clinician(self, session: ClinicalSession) -> None:
        if Role.CLINICIAN not in session.user.roles:
            raise NotAllowed("Only clinicians may read this. Ask one of them.", code="role")

    def _need_staff(self, session: ClinicalSession) -> None:
        if not session.user.roles & {Role.CLINICIAN, Role.TRIAGE}:
            raise NotAllowed("Your role does not include this. Tell the safeguarding lead yourself.", code="role")
