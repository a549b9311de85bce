"""Everything that a clinician can do with a capture, from the first byte to the receipt. The web's one door to it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fhir_plugin.capture import receive, sanitise
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState
from fhir_plugin.capture.filing import FilingOrder, order_to_json
from fhir_plugin.capture.order import assess_draft, draft_labels, make_order, need_clean, note_text, online_default
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.receipt import Receipt, receipt_of
from fhir_plugin.capture.routing import WaitingHere, waiting_here
from fhir_plugin.capture.verdicts import Discard, Reason, Verdict
from fhir_plugin.capture.waiting import WaitingItem, mark_source_emptied, waiting
from fhir_plugin.capture.write import KIND
from fhir_plugin.errors import NotFound, RecordRefused, Refused, WrongPatient
from fhir_plugin.ledger.intents import Intent
from mappings.model.identifiers import CaptureId, ImageId, IntentId, LaunchId, Reference
from mappings.model.images import Geometry
from mappings.model.people import ClinicalSession, Patient
from mappings.r4.patient import from_patient
from mappings.terminology.labels import plain_label

_NO_PATIENT = {403: "patient-forbidden", 404: "patient-unknown", 410: "patient-unknown"}
"""What a refused reading of the patient means, by the EHR's status."""

PATIENT_IS_FRESH = dt.timedelta(seconds=60)
"""How long a page may show the patient's details without asking the EHR again."""


@dataclass(frozen=True)
class CaptureView:
    """What the add-images screen shows of a capture: what is missing, what stops, the note as it will be written."""

    verdicts: Mapping[ImageId, Verdict]
    missing: Mapping[str, str]
    holds: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    may_file: bool
    note: str
    labels: Mapping[ImageId, tuple[str, ...]]
    """In people's words."""
    show_online_default: Mapping[ImageId, bool]


class Captures:
    """One per process. Every method is done for exactly the session's user, patient and EHR."""

    def __init__(self, parts: CaptureParts) -> None:
        self._parts = parts
        self._patients: dict[LaunchId, tuple[dt.datetime, Patient]] = {}

    # ------------------------------------------------------------------------------------------- images

    def begin(self, session: ClinicalSession) -> CaptureId:
        return receive.begin(self._parts, session)

    def receive(
        self, session: ClinicalSession, capture_id: CaptureId, content: bytes, declared_type: str
    ) -> DraftImage:
        return receive.receive(self._parts, session, capture_id, content, declared_type)

    def remove(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> None:
        receive.remove(self._parts, session, capture_id, image_id)

    def edit(
        self,
        session: ClinicalSession,
        capture_id: CaptureId,
        image_id: ImageId,
        geometry: Geometry,
        *,
        lossless: bool = False,
    ) -> DraftImage:
        return sanitise.edit(self._parts, session, capture_id, image_id, geometry, lossless=lossless)

    def preview(
        self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, *, quarter_turns: int
    ) -> bytes:
        return sanitise.preview(self._parts, session, capture_id, image_id, quarter_turns=quarter_turns)

    def picture(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> tuple[bytes, str]:
        """The clean picture as it will be filed, and its type."""
        image = self._parts.draft(session, capture_id).image(image_id)
        if image.clean is None:
            raise NotFound("this picture is no longer waiting", status=404)
        return self._parts.vault.get(image.clean), image.content_type

    def thumbnail(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> tuple[bytes, str]:
        image = self._parts.draft(session, capture_id).image(image_id)
        if image.thumbnail is None:
            raise NotFound("this picture is no longer waiting", status=404)
        return self._parts.vault.get(image.thumbnail), "image/jpeg"

    # ------------------------------------------------------------------------------------------ answers

    def draft(self, session: ClinicalSession, capture_id: CaptureId) -> Draft:
        return self._parts.draft(session, capture_id)

    def open_captures(self, session: ClinicalSession) -> list[Draft]:
        """Unfinished captures of this user for this patient, newest first."""
        mine = self._parts.drafts.of(
            fhir_base=session.fhir_base, patient=session.patient_id, user=session.user.reference
        )
        return [draft for draft in mine if draft.state in (DraftState.OPEN, DraftState.FILING)]

    def answer(self, session: ClinicalSession, capture_id: CaptureId, form: Mapping[str, str]) -> Draft:
        """Keeps what was said, right or wrong. Nothing typed is lost because something else is missing."""
        parts = self._parts
        with parts.work.transaction():
            draft = parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            images = tuple(image.image_id for image in draft.images)
            changed = replace(draft, answers=draft.answers.with_form(form, images), updated=parts.clock.now())
            parts.drafts.save(changed)
        return changed

    def assess(self, session: ClinicalSession, capture_id: CaptureId) -> CaptureView:
        """What the answers so far amount to."""
        parts = self._parts
        draft = parts.draft(session, capture_id)
        assessment = assess_draft(parts, draft, self.patient(session))
        labels = {image.image_id: draft_labels(draft, image.image_id) for image in draft.images}
        return CaptureView(
            verdicts=assessment.verdicts,
            missing=assessment.missing,
            holds=assessment.holds,
            warnings=assessment.warnings,
            may_file=assessment.may_file,
            note=note_text(draft, assessment, now=parts.clock.now()),
            labels={image: tuple(plain_label(label) for label in each) for image, each in labels.items()},
            show_online_default={image: online_default(each, parts) for image, each in labels.items()}
            if parts.policy.ask_online_record
            else {},
        )

    def discard(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> Draft:
        """*Discard (never filed)*: out of the set at once, destroyed on filing or when the undo has lapsed."""
        return self._mark(session, capture_id, image_id, discarded=True)

    def undo_discard(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> Draft:
        return self._mark(session, capture_id, image_id, discarded=False)

    def discard_all(self, session: ClinicalSession, capture_id: CaptureId) -> None:
        """Ends a capture without filing anything: every byte destroyed now, an audit entry stays (G-R270)."""
        with self._parts.work.transaction():
            draft = self._parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            self._end_discarded(session, draft)

    # ------------------------------------------------------------------------------------------- filing

    def patient(self, session: ClinicalSession) -> Patient:
        """The patient of this launch as the EHR named them a moment ago. Filing asks again."""
        now = self._parts.clock.now()
        known = self._patients.get(session.launch_id)
        if known is None or now - known[0] > PATIENT_IS_FRESH:
            known = (now, self._patient_now(session))
            self._patients = {key: value for key, value in self._patients.items() if now - value[0] <= PATIENT_IS_FRESH}
            self._patients[session.launch_id] = known
        return known[1]

    def _patient_now(self, session: ClinicalSession) -> Patient:
        """Refuses a record that was merged into another, and says so when the EHR will not show this one."""
        try:
            resource = self._parts.records(session.launch_id).read("Patient", session.patient_id)
        except RecordRefused as refused:
            code = _NO_PATIENT.get(refused.status)
            if code is None:
                raise
            raise type(refused)(refused.message, status=refused.status, code=code) from refused
        links = resource.get("link")
        if isinstance(links, list) and any(
            isinstance(link, dict) and link.get("type") == "replaced-by" for link in links
        ):
            raise WrongPatient(
                "This record has been merged into another. Open the patient's current record and launch from there.",
                code="patient-merged",
            )
        return from_patient(resource)

    def identity_digest(self, patient: Patient) -> str:
        """Changes when anything by which a person recognises the patient does. Says nothing about them."""
        shown = [patient.id, patient.name, str(patient.birth_date), patient.nhs_number, patient.deceased]
        return self._parts.vault.keyed_digest(json.dumps(shown).encode())[:32]

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
        patient = self._patient_now(session)
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
            assessment = assess_draft(parts, draft, patient)
            verdicts = assessment.verdicts.values()
            if draft.images and assessment.may_file and all(isinstance(each, Discard) for each in verdicts):
                self._end_discarded(session, draft)
                return self.receipt(session, capture_id)
            order = make_order(parts, session, draft, patient, intent_id)
            self._intend(session, draft, order)
        self._run(intent_id)
        return self.receipt(session, capture_id)

    def resume(self, session: ClinicalSession, capture_id: CaptureId) -> Receipt:
        """Goes on with a filing that waits, under this launch, and says where it stands."""
        parts = self._parts
        draft = parts.draft(session, capture_id)
        if draft.intent is not None and draft.state is DraftState.FILING:
            intent = parts.ledger.get(draft.intent)
            due = intent.next_attempt is None or intent.next_attempt <= parts.clock.now()
            if parts.engine.adopt(intent, session.launch_id) or due:
                self._run(intent.id)
            if parts.engine.adopt(intent, session.launch_id):  # that run found out that the old sign-in has ended
                self._run(intent.id)
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

    # ------------------------------------------------------------------------------------------ inside

    def _intend(self, session: ClinicalSession, draft: Draft, order: FilingOrder) -> None:
        parts = self._parts
        parts.ledger.add(
            Intent(
                id=order.intent_id,
                kind=KIND,
                subject=draft.capture_id,
                fhir_base=session.fhir_base,
                patient=session.patient_id,
                user=session.user.reference,
                launch=session.launch_id,
                created=parts.clock.now(),
            )
        )
        filing = order_to_json(order)
        parts.drafts.save(
            replace(
                draft,
                state=DraftState.FILING,
                launch=session.launch_id,
                intent=order.intent_id,
                filing=filing,
                updated=parts.clock.now(),
            )
        )
        parts.note(session, "capture.filing", draft.capture_id, images=len(order.images), intent=order.intent_id)

    def _run(self, intent_id: IntentId) -> None:
        intent = self._parts.engine.run(intent_id)
        if not intent.ended:
            self._parts.queue.wake(after_seconds=5)

    def _mark(self, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, *, discarded: bool) -> Draft:
        parts = self._parts
        now = parts.clock.now()
        with parts.work.transaction():
            draft = parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            image = draft.image(image_id)
            if not discarded and image.discarded_at and now - image.discarded_at > parts.policy.discard_undo:
                raise Refused("This picture was discarded too long ago to be brought back.", code="undo-lapsed")
            changed = draft.with_image(replace(image, discarded_at=now if discarded else None))
            parts.drafts.save(replace(changed, updated=now))
            parts.note(
                session, "image.discard-marked" if discarded else "image.discard-undone", capture_id, image=image_id
            )
        return changed

    def _end_discarded(self, session: ClinicalSession, draft: Draft) -> None:
        parts = self._parts
        for image in draft.images:
            receive.destroy_image(parts, image)
        bare = tuple(replace(image, received=None, clean=None, thumbnail=None) for image in draft.images)
        result = {"not_stored": [[image.image_id, "discarded"] for image in draft.images]}
        parts.drafts.save(
            replace(draft, state=DraftState.DISCARDED, images=bare, result=result, updated=parts.clock.now())
        )
        parts.note(session, "capture.discarded", draft.capture_id, images=len(draft.images))
