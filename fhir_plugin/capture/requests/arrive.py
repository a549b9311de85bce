"""What a patient confirmed becomes a capture that waits for its owner; what they took back is destroyed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from fhir_plugin.capture.afterwards import shut_kept
from fhir_plugin.capture.answers import Answers
from fhir_plugin.capture.cleaning import destroy_image
from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.patient_said import NOTES, taken_back
from fhir_plugin.capture.requests.back import pictures_sent, without
from fhir_plugin.capture.requests.parts import RequestParts, patient_session
from fhir_plugin.capture.requests.request import Asked, PhotoRequest, Said
from fhir_plugin.capture.sealed import kept_sealed
from fhir_plugin.capture.taking import take_over
from fhir_plugin.errors import NotAllowed, NotFound, Refused
from mappings.model.consent import ChildView, ConsentAnswer, ConsentForm, ConsentScope, Grantor
from mappings.model.identifiers import CaptureId, Reference, RequestId
from mappings.model.images import Arrival, Photographer
from mappings.model.people import ClinicalSession, Role
from mappings.model.situation import Device, Identity
from mappings.model.work import WorkKind

_GIVER = {
    Asked.PATIENT: Grantor.PATIENT,
    Asked.PARENT: Grantor.PARENT,
    Asked.COMPETENT_CHILD: Grantor.COMPETENT_CHILD,
}


def begin_sending(parts: RequestParts, request: PhotoRequest) -> CaptureId:
    """An empty capture that belongs to the patient; joins the open transaction."""
    session = patient_session(request)
    capture_id = CaptureId(parts.capture.new_id())
    parts.capture.drafts.add(
        Draft(
            capture_id=capture_id,
            fhir_base=request.fhir_base,
            patient=request.patient,
            user=session.user.reference,
            launch=session.launch_id,
            encounter=None,
            state=DraftState.SENDING,
            created=parts.now,
            updated=parts.now,
            request=request.request_id,
            preauthorised_private=request.private_allowed,
        )
    )
    parts.capture.note(session, "capture.begun", capture_id, request=request.request_id)
    return capture_id


def arrive(parts: RequestParts, request: PhotoRequest, draft: Draft) -> None:
    """From now on it is the owner's, and on their list; joins the open transaction."""
    parts.capture.drafts.save(
        replace(
            draft,
            state=DraftState.OPEN,
            user=request.owner,
            launch=request.launch,
            answers=Answers(shared=said_as_answers(request)),
            patient_said=own_words(request),
            from_patient=tuple(image.image_id for image in draft.images),
            updated=parts.now,
        )
    )
    words = "Pictures came back on your request."
    if request.said.private:
        words += " The patient calls them private."
    if request.said.store is ConsentAnswer.REFUSED:
        words += " The patient does not want them kept: describe, then discard."
    if request.said.notes:
        words += " They wrote something: read it first."
    parts.wait_for_person(
        request, WorkKind.CAME_BACK, words, subject=draft.capture_id, due=parts.now + request.look_within
    )


THEIRS = ("consent_receive", "consent_store", "patient_says_private", "only_area", "photographer", "helper_agreed")
"""Answers of the capture that only they could give; what else stands there is the request's."""


def own_words(request: PhotoRequest) -> dict[str, str]:
    """What was said at the link, to be kept as it was said whatever a clinician answers later (G-R58, G-R170)."""
    answers = said_as_answers(request)
    said = {name: answers[name] for name in (*THEIRS, "child_view", "taken_on") if name in answers}
    return said | ({NOTES: request.said.notes} if request.said.notes else {})


def said_as_answers(request: PhotoRequest) -> dict[str, str]:
    """The patient's own electronic words as answers of the capture. What was not said is not there."""
    said: Said = request.said
    child = request.asked is not Asked.PATIENT
    answers: dict[str, str | None] = {
        "purpose": request.purpose,
        "arrival": Arrival.OUR_LINK,
        "device": Device.PATIENT,
        "identity": Identity.DATE_OF_BIRTH,
        "consent_receive": said.receive,
        "consent_store": said.store,
        "consent_form": ConsentForm.ELECTRONIC,
        "photographer": said.photographer,
        "patient_says_private": "yes" if said.private else None,
        "only_area": _yes_no(said.only_area),
        "helper_agreed": _yes_no(said.helper_agreed),
        "taken_on": said.taken_on.isoformat() if said.taken_on else None,
        "giver": _GIVER[request.asked] if child else None,
        "giver_relationship": request.parent_words if request.asked is Asked.PARENT else None,
        "gillick": "yes" if request.gillick_words else None,
        "gillick_words": request.gillick_words,
        "child_view": said.child_view,
        "legitimate_reason": request.necessity.legitimate_reason,
        "exceptional_reason": request.necessity.exceptional_reason,
        "alternative_offered": request.alternatives,
        "speaks_freely": _yes_no(request.necessity.speaks_freely),
    }
    return {name: str(answer) for name, answer in answers.items() if answer}


def take(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, *, from_user: Reference) -> RequestId:
    """A clinician at this chart takes a capture that came back, from the person whom the page showed. Audited.

    Raises `NotFound` for what is not of this chart or did not come back, `Refused` (`taken`) when somebody else was
    quicker or it is being filed.
    """
    if Role.CLINICIAN not in session.user.roles:
        raise NotAllowed("Only a clinician takes pictures that came back.", code="role")
    with parts.work.transaction():
        draft = parts.drafts.get(capture_id, for_change=True)
        here = (draft.fhir_base, draft.patient) == (session.fhir_base, session.patient_id)
        if not here or draft.request is None or draft.state is DraftState.SENDING:
            raise NotFound(f"there is no capture {capture_id}", status=404)
        mine = session.user.reference
        if draft.user == mine:
            return draft.request
        if draft.state is not DraftState.OPEN or draft.user != from_user:
            raise Refused("Somebody else has taken these pictures. Look again.", code="taken")
        take_over(parts, session, draft, request=draft.request)
    return draft.request


class Sent(StrEnum):
    """What became of pictures that were to be destroyed."""

    NONE = "none"
    """Nothing was ever sent."""
    GONE = "gone"
    SEALED = "sealed"
    """Something holds this patient's images: nobody sees them, and they go once nothing does."""
    KEPT = "kept"
    """Somebody is filing, has filed or described them."""


LEFT: Mapping[Sent, str] = {
    Sent.NONE: "",
    Sent.GONE: " No photo was kept.",
    Sent.SEALED: " Something holds this patient’s pictures: what was begun is sealed, unseen.",
    Sent.KEPT: "",
}
"""What whoever rings the patient is told of the pictures. The patient's page says the same in every case: who holds
their telephone must not learn from it that something is held (G-R311)."""


def destroy_sent(parts: RequestParts, request: PhotoRequest, *, actor: str, why: str) -> Sent:
    """Every picture of the request that nobody has decided on yet, at once; joins the open transaction.

    While an open concern, a complaint or a request for the record holds this patient's images, what was never
    confirmed stays sealed, no page reaches it, and `capture.sealed` destroys it later (G-R255, G-R312).
    """
    if request.capture_id is None:
        return Sent.NONE
    capture = parts.capture
    draft = capture.drafts.get(request.capture_id, for_change=True)
    if draft.state is DraftState.DISCARDED:
        return Sent.GONE
    if draft.state not in (DraftState.SENDING, DraftState.OPEN):
        return Sent.KEPT
    held = capture.held(request.fhir_base, request.patient)
    if held and draft.state is DraftState.OPEN:
        return Sent.SEALED  # with whoever has it: `take_back` shuts it to them
    if held and draft.images:
        sealed = replace(draft, answers=Answers(), state=DraftState.DISCARDED, result=kept_sealed(held))
        capture.drafts.save(replace(sealed, updated=parts.now))
        parts.note(request, "capture.sealed", actor, capture=draft.capture_id, why=why, pictures=len(draft.images))
        return Sent.SEALED
    theirs = pictures_sent(draft)
    for image in theirs:
        destroy_image(capture, image)
    capture.drafts.save(without(draft, theirs, parts.now))
    parts.note(request, "capture.discarded", actor, capture=draft.capture_id, why=why, pictures=len(theirs))
    return Sent.GONE


TAKEN_BACK = frozenset({ConsentScope.RECEIVE, ConsentScope.STORE})


def take_back(parts: RequestParts, request: PhotoRequest) -> Sent:
    """*Take them back*: destroyed where they may be, and shut to everybody wherever they are otherwise (G-R30, G-R242).

    With a clinician or on their way into the record: consent is taken back on the draft, so that the engine stops what
    is still to come and filing shuts what it files. In the record: shut in the register, and the record is told. Joins
    the open transaction.
    """
    sent = destroy_sent(parts, request, actor=request.subject, why="withdrawn")
    if request.capture_id is None or sent in (Sent.NONE, Sent.GONE):
        return sent
    capture = parts.capture
    draft = capture.drafts.get(request.capture_id, for_change=True)
    if draft.state is DraftState.FILED:
        shut_kept(capture, draft.fhir_base, draft.patient, draft.capture_id, TAKEN_BACK)
    else:
        capture.drafts.save(taken_back(draft, parts.now))
    parts.note(request, "consent.taken-back", request.subject, capture=draft.capture_id, draft=draft.state.value)
    return sent


def _yes_no(said: bool | None) -> str | None:
    return None if said is None else ("yes" if said else "no")


HELPERS = (Photographer.FAMILY_CARER, Photographer.OTHER)
"""Somebody who took it for the patient, and to whom the patient must have agreed (G-R336)."""

AGREES_ENOUGH = (ChildView.AGREES, ChildView.TOO_YOUNG)
"""What a parent may go on with at the link; a child who objects or is unsure is talked with first (X10, G-R106)."""
