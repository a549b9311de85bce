"""Everything that a clinician can do with a capture, from the first byte to the receipt. The web's one door to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fhir_plugin.capture import discarding, receive, sanitise, second_person, unasked
from fhir_plugin.capture.begun import begin_filing, go_on, run
from fhir_plugin.capture.cleaning import keep_sound_as_said
from fhir_plugin.capture.concern import note_concern
from fhir_plugin.capture.decide import Assessment
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState
from fhir_plugin.capture.due import put_all_on_list
from fhir_plugin.capture.order import assess_draft, make_order, need_clean, note_text
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.patient_said import note_asked_again
from fhir_plugin.capture.receipt import Receipt, receipt_of
from fhir_plugin.capture.requests.decided import decided
from fhir_plugin.capture.routing import WaitingHere, name_of, waiting_here
from fhir_plugin.capture.sealed import ENDED
from fhir_plugin.capture.second_person import SecondPersonCase
from fhir_plugin.capture.standing import CaptureView, view_of
from fhir_plugin.capture.taking import take_unsolicited
from fhir_plugin.capture.this_ehr import ThisEhr, this_ehr
from fhir_plugin.capture.unasked import Handled
from fhir_plugin.capture.waiting import WaitingItem, mark_source_emptied, waiting
from fhir_plugin.capture.whose import KnownPatients, identity_of
from fhir_plugin.errors import NotFound, WrongPatient
from mappings.model.identifiers import CaptureId, ImageId, IntentId, Reference
from mappings.model.images import Geometry
from mappings.model.people import ClinicalSession, Patient


class Captures:
    """One per process. Every method is done for exactly the session's user, patient and EHR."""

    def __init__(self, parts: CaptureParts) -> None:
        self._parts = parts
        self._patients = KnownPatients(parts)

    # ------------------------------------------------------------------------------------------- images

    def begin(self, session: ClinicalSession) -> CaptureId:
        return receive.begin(self._parts, session)

    def receive(
        self, session: ClinicalSession, capture_id: CaptureId, content: bytes, declared_type: str
    ) -> DraftImage:
        return receive.receive(self._parts, session, capture_id, content, declared_type)

    def edit(
        self,
        session: ClinicalSession,
        capture_id: CaptureId,
        image_id: ImageId,
        geometry: Geometry,
        *,
        lossless: bool = False,
    ) -> DraftImage:
        self._seen(session, capture_id, image_id)
        return sanitise.edit(self._parts, session, capture_id, image_id, geometry, lossless=lossless)

    def preview(
        self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, *, quarter_turns: int
    ) -> bytes:
        self._seen(session, capture_id, image_id)
        return sanitise.preview(self._parts, session, capture_id, image_id, quarter_turns=quarter_turns)

    def picture(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> tuple[bytes, str]:
        """The clean picture as it will be filed, and its type."""
        image = self._seen(session, capture_id, image_id)
        if image.clean is None:
            raise NotFound("this picture is no longer waiting", status=404)
        return self._parts.vault.get(image.clean), image.content_type

    def thumbnail(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> tuple[bytes, str]:
        image = self._seen(session, capture_id, image_id)
        if image.thumbnail is None:
            raise NotFound("this picture is no longer waiting", status=404)
        return self._parts.vault.get(image.thumbnail), "image/jpeg"

    def _seen(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> DraftImage:
        """The picture, if this person may look at it now; that they do is written down where it matters (G-R121).

        Raises `NotAllowed` held-unseen. The engine is asked, not the page.
        """
        parts = self._parts
        draft = parts.draft(session, capture_id)
        image = draft.image(image_id)
        if draft.state in ENDED:  # what is left of it is sealed
            raise NotFound("this picture is no longer waiting", status=404)
        if not self._assessment(draft, self._patients.known(session)).may_reveal(image_id):
            raise unasked.unseen()
        unasked.note_opening(parts, session, draft, image_id)
        return image

    # ------------------------------------------------------------------------------------------ answers

    def draft(self, session: ClinicalSession, capture_id: CaptureId) -> Draft:
        return self._parts.draft(session, capture_id)

    def open_captures(self, session: ClinicalSession) -> list[Draft]:
        """Unfinished captures of this user for this patient, newest first."""
        mine = self._parts.drafts.of(
            fhir_base=session.fhir_base, patient=session.patient_id, user=session.user.reference
        )
        return [draft for draft in mine if draft.state in (DraftState.OPEN, DraftState.FILING)]

    def answer(
        self,
        session: ClinicalSession,
        capture_id: CaptureId,
        form: Mapping[str, str],
        *,
        identity: str = "",
        seen: str = "",
        page: str = "",
    ) -> Draft:
        """Keeps what was said, right or wrong. Nothing typed is lost because something else is missing.

        `identity`: how the page named the patient, as a digest: the answers are about that person. `seen`: the digest
        of the answers that the page `page` saw last; raises `AnswersChanged` where another has changed them since.
        """
        parts = self._parts
        name = self._patients.name(session)  # before the transaction, over which nobody asks an EHR
        with parts.work.transaction():
            draft = parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            changed = draft.with_form(form, identity=identity, seen=seen, page=page, now=parts.clock.now())
            parts.drafts.save(changed)
            unasked.note_changes(parts, session, draft, changed, patient_name=name)
            concern_note = note_concern(parts, session, changed, patient_name=name)
            note_asked_again(parts, session, draft, changed)
        if concern_note is not None:
            parts.queue.wake()  # into the record by itself: words are kept without waiting for an EHR
        return parts.draft(session, capture_id) if keep_sound_as_said(parts, session, changed) else changed

    def confirm_patient(self, session: ClinicalSession, capture_id: CaptureId, *, identity: str) -> Draft:
        """Somebody looked: the record names the patient differently now, and the answers are still about them."""
        parts = self._parts
        with parts.work.transaction():
            draft = replace(parts.draft(session, capture_id, for_change=True), identity=identity)
            draft.need_open()
            parts.drafts.save(draft)
            parts.note(session, "capture.patient-confirmed", capture_id)
        return draft

    def assess(self, session: ClinicalSession, capture_id: CaptureId) -> CaptureView:
        """What the answers so far amount to."""
        draft, patient = self._parts.draft(session, capture_id), self.patient(session)
        return view_of(self._parts, session, draft, self._assessment(draft, patient), patient)

    def _assessment(self, draft: Draft, patient: Patient) -> Assessment:
        return assess_draft(self._parts, draft, patient, identity=self.identity_digest(patient))

    def handling(self, session: ClinicalSession, capture_id: CaptureId) -> list[Handled]:
        """The log of what happened to these pictures, from the first receipt on (G-R121)."""
        return unasked.handling(self._parts, session, self._parts.draft(session, capture_id).capture_id)

    def discard(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, *, reason: str = "") -> Draft:
        """*Discard (never filed)*: out of the set at once, destroyed on filing or when the undo has lapsed."""
        patient = self.patient(session)
        with self._parts.work.transaction():
            draft = self._parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            draft.image(image_id)
            return self._discard(session, draft, patient, (image_id,), reason)

    def _discard(
        self, session: ClinicalSession, draft: Draft, patient: Patient, images: tuple[ImageId, ...], reason: str
    ) -> Draft:
        draft = discarding.thrown_away(draft, images, reason, now=self._parts.clock.now())
        discarding.need_allowed(self._parts, draft, self._assessment(draft, patient), images)
        return discarding.mark(self._parts, session, draft, images)

    def undo_discard(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> Draft:
        with self._parts.work.transaction():
            draft = self._parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            return discarding.bring_back(self._parts, session, draft, image_id)

    def discard_all(
        self, session: ClinicalSession, capture_id: CaptureId, *, reason: str, patient_id: str, identity_digest: str
    ) -> Receipt | None:
        """Ends a capture without keeping anything: a note says that pictures came and why none was kept, then every
        byte is destroyed (G-R270, G-R278). None: there was no picture, and nothing is left of the words either."""
        patient = self.patient(session)
        with self._parts.work.transaction():
            draft = self._parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            if not draft.images:
                self._end_empty(session, draft)
                return None
            left = tuple(image.image_id for image in draft.images if image.discarded_at is None)
            self._discard(session, draft, patient, left, reason)
        return self.file(session, capture_id, patient_id=patient_id, identity_digest=identity_digest)

    def take_unsolicited(self, session: ClinicalSession, capture_id: CaptureId, *, owner_seen: str) -> Draft:
        """A cover goes on with what waits for its sender; see `taking.take_unsolicited`."""
        return take_unsolicited(self._parts, session, capture_id, owner_seen=owner_seen)

    # ------------------------------------------------------------------------------------ a second clinician

    def ask_second_person(self, session: ClinicalSession, capture_id: CaptureId) -> Draft:
        """Puts it to another clinician, on the practice's list."""
        patient = self.patient(session)
        with self._parts.work.transaction():
            draft = self._parts.draft(session, capture_id, for_change=True)
            assessment = self._assessment(draft, patient)
            named = self.identity_digest(patient)
            return second_person.ask(self._parts, session, draft, assessment, patient_name=patient.name, identity=named)

    def second_person_case(self, session: ClinicalSession, capture_id: CaptureId) -> SecondPersonCase:
        """What another clinician at this chart is asked. Raises `NotFound` where nobody asked, `NotAllowed` for the
        person who did."""
        parts = self._parts
        draft, patient = second_person.asked_draft(parts, session, capture_id), self.patient(session)
        assessment = self._assessment(draft, patient)
        note = note_text(draft, assessment, patient, now=parts.clock.now(), pack=parts.policy.reference)
        name = name_of(parts, session, draft.user)
        return second_person.case_of(parts, session, draft, assessment, name=name, note=note)

    def second_person_reveal(self, session: ClinicalSession, capture_id: CaptureId, reason: str) -> None:
        patient = self.patient(session)
        second_person.reveal(
            self._parts, session, capture_id, reason, assess=lambda draft: self._assessment(draft, patient)
        )

    def second_person_picture(
        self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId
    ) -> tuple[bytes, str]:
        """The clean picture, for the second clinician, after a reason."""
        draft = second_person.asked_draft(self._parts, session, capture_id)
        assessment = self._assessment(draft, self._patients.known(session))
        return second_person.picture(self._parts, session, draft, assessment, image_id)

    def answer_second_person(
        self, session: ClinicalSession, capture_id: CaptureId, agrees: bool, words: str, *, about: str
    ) -> Draft:
        """Agrees or refuses, in words. Of two at once the first counts, and the second is told."""
        return second_person.answer(self._parts, session, capture_id, agrees=agrees, words=words, about=about)

    # ------------------------------------------------------------------------------------------- filing

    def patient(self, session: ClinicalSession) -> Patient:
        """The patient of this launch as the EHR named them a moment ago. Filing asks again."""
        return self._patients.lately(session)

    def identity_digest(self, patient: Patient) -> str:
        """Changes when anything by which a person recognises the patient does. Says nothing about them."""
        return identity_of(self._parts.vault, patient)

    def this_ehr(self, session: ClinicalSession) -> ThisEhr:
        """What the EHR of this launch can do, and why not more. Raises as reading from it does."""
        capability = self._parts.records(session.launch_id).capability()
        return this_ehr(capability, self._parts.policy, encounter=session.encounter is not None)

    def file(
        self, session: ClinicalSession, capture_id: CaptureId, *, patient_id: str, identity_digest: str
    ) -> Receipt:
        """Carries the decisions out: files, writes the note, destroys what is not kept.

        `patient_id` and `identity_digest` are those of the page that was pressed. Raises `WrongPatient` when the
        launch or the record now names somebody else, `Incomplete` while something is missing or held. Calling it
        again for a capture under way only says where it stands.
        """
        parts = self._parts
        if patient_id != session.patient_id:
            raise WrongPatient("This page belongs to another patient. Nothing was filed. Go back and start again.")
        current = parts.draft(session, capture_id)
        if current.state is not DraftState.OPEN:
            return self.resume(session, capture_id)
        patient = self._patients.now(session)
        if identity_digest != self.identity_digest(patient):
            raise WrongPatient(
                "The patient's details have changed since this page was opened. Nothing was filed. Check who this "
                "is, then file again."
            )
        sanitise.settle_sound(parts, session, capture_id)
        intent_id = IntentId(parts.new_id())
        with parts.work.transaction():
            draft = parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            need_clean(draft)
            sanitise.need_sound_as_said(parts, draft)
            assessment = self._assessment(draft, patient)
            order = make_order(parts, session, draft, patient, intent_id, assessment)
            concern_note = note_concern(parts, session, draft, patient_name=patient.name)
            put_all_on_list(parts, session, draft, assessment.work, patient_name=patient.name)
            begin_filing(parts, session, draft, order)
        run(parts, intent_id)
        if concern_note is not None:
            run(parts, concern_note)
        return self.receipt(session, capture_id)

    def resume(self, session: ClinicalSession, capture_id: CaptureId) -> Receipt:
        """Goes on with a filing that waits, under this launch, and says where it stands."""
        go_on(self._parts, session, capture_id)
        return self.receipt(session, capture_id)

    def resume_for(self, session: ClinicalSession) -> list[Receipt]:
        """After a launch: everything of this user for this patient that is not finished goes on, where it may now."""
        mine = self._parts.drafts.of(
            fhir_base=session.fhir_base, patient=session.patient_id, user=session.user.reference
        )
        return [self.resume(session, draft.capture_id) for draft in mine if draft.state is DraftState.FILING]

    def receipt(self, session: ClinicalSession, capture_id: CaptureId) -> Receipt:
        parts = self._parts
        draft = parts.draft(session, capture_id)

        def link(reference: Reference) -> str | None:
            return parts.chart_link(session.fhir_base, session.patient_id, reference)

        intent = parts.ledger.get(draft.intent) if draft.intent else None
        return receipt_of(draft, intent, now=parts.clock.now(), link=link)

    def waiting(self, session: ClinicalSession) -> list[WaitingItem]:
        """What waits for this user and patient, newest first."""
        return waiting(self._parts, session)

    def waiting_here(self, session: ClinicalSession) -> list[WaitingHere]:
        """What waits at this chart, whoever's it is, for people who pass on without looking."""
        return waiting_here(self._parts, session)

    def mark_source_emptied(self, session: ClinicalSession, capture_id: CaptureId) -> None:
        """The e-mail is deleted, the device is clean: somebody says so."""
        mark_source_emptied(self._parts, session, capture_id)

    def source_emptied_for(self, session: ClinicalSession, capture_id: CaptureId) -> None:
        """The same, said by somebody who sees to it for the person who filed it."""
        mark_source_emptied(self._parts, session, capture_id, own=False)

    def _end_empty(self, session: ClinicalSession, draft: Draft) -> None:
        parts = self._parts
        ended = replace(draft, state=DraftState.DISCARDED, result={"not_stored": []}, updated=parts.clock.now())
        parts.drafts.save(ended)
        decided(parts, ended)
        parts.note(session, "capture.discarded", draft.capture_id, images=0)
