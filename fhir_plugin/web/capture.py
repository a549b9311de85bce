"""Adding pictures: one screen, autosaved, from the first file to the button that writes.

Pages of the editor are in `editing`, what became of it in `receipt`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import Blueprint, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from fhir_plugin.capture.answers import IMAGE_FIELDS, SHARED_FIELDS
from fhir_plugin.capture.cleaning import UNREADABLE
from fhir_plugin.capture.decide import WORTH_KEEPING
from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.standing import CaptureView
from fhir_plugin.capture.unasked import is_unasked
from fhir_plugin.errors import AnswersChanged, Incomplete, Unavailable
from fhir_plugin.web import sites
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import IDENTITY_HEADER, asked_by_script, claimed, own_page, parts, same_patient, show
from fhir_plugin.web.questions import (
    AT_ONCE,
    FILLS,
    LATERALITY,
    ON_PAGE,
    QUESTIONS,
    UNASKED,
    MoreQuestions,
    more_questions,
    other_uses,
)
from fhir_plugin.web.security import picture_response, takes_video
from fhir_plugin.web.uploads import read_picture
from mappings.model.identifiers import CaptureId, ImageId
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.terminology.body_sites import site_with_code

View = Callable[..., ResponseReturnValue]

capture = Blueprint("capture", __name__, url_prefix="/l/<launch>/captures")


def said(form: MultiDict[str, str], draft: Draft) -> dict[str, str]:
    """The answers of a form, by name. A page sends `whole`, `asked` for every question that it draws beyond the fast
    path, and `image` for every picture that it shows: of these, an unticked box or an unchosen choice is said as
    empty, so that it clears what was there. Nothing is said about a question or a picture that the page did not show
    (another tab may have added it). A button pressed for several answers at once says them all."""
    on_page = frozenset(form.getlist("image"))
    drawn = frozenset(form.getlist("asked")) | (frozenset(ON_PAGE) if "whole" in form else frozenset())
    answers = {name: form.get(name, "") for name in SHARED_FIELDS if name in form or name in drawn}
    for image in draft.images:
        for name in IMAGE_FIELDS:
            key = f"{name}-{image.image_id}"
            if key in form or image.image_id in on_page:
                answers[key] = form.get(key, "")
        if "parity" in form and image.image_id in on_page:
            _read_store_button(answers, str(image.image_id))
    pressed = form.get("at_once", "")
    if draft.request is None or pressed == UNASKED.name:  # what a patient said at the link is not said in one tap
        answers.update(FILLS.get(pressed, {}))
    return answers


def _read_store_button(answers: dict[str, str], image: str) -> None:
    """On our page the button reads *Store: I would keep it face to face*, with why beside it: it says both."""
    stored = answers.get(f"decision-{image}") == "store"
    answers[f"face_to_face-{image}"] = "yes" if stored else ""
    if not stored:
        answers[f"store_justification-{image}"] = ""


def _facts(session: ClinicalSession, draft: Draft) -> dict[str, Any]:
    kept = [image for image in draft.images if image.discarded_at is None]
    assessment = parts().captures.assess(session, draft.capture_id)
    unasked = is_unasked(draft) or "unsolicited" in assessment.flags
    return {
        "draft": draft,
        "unreadable": UNREADABLE,
        "kept": kept,
        "assessment": assessment,
        "more": more_questions(assessment.questions, draft.answers),
        "uses": other_uses(assessment.questions, draft.answers),
        "writes_only_note": _writes_only_note(draft),
        "image_numbers": {image.image_id: number for number, image in enumerate(draft.images, 1)},
        "policy": parts().policy,
        "camera_day": _camera_day(draft),
        "last_try": _last_try(session, draft),
        "questions": QUESTIONS,
        "at_once": [] if draft.request else [each for each in AT_ONCE if not each.unless & assessment.flags],
        "unasked": UNASKED,
        "is_unasked": unasked,
        "handling": parts().captures.handling(session, draft.capture_id) if unasked else [],
        "worth_keeping": WORTH_KEEPING,
        "sides": [{"value": side.value, "text": side.text} for side in LATERALITY],
        "site_named": site_with_code,
        "all_sites": sites.every_site(),
        "regions": sites.REGION_NAMES,
        "errors_in_order": errors_in_order,
        "on_page": frozenset(request.form.getlist("on_page")),  # the card of another may still be on its way there
        "on_screen": frozenset(request.form.getlist("shown")),
        "worth_asked": frozenset(request.form.getlist("asked_worth")),
    }


def _camera_day(draft: Draft) -> str:
    """The one day that the cameras of all these pictures name, to spare typing it; empty when they differ."""
    days = {image.captured_at.date() for image in draft.images if image.captured_at and image.discarded_at is None}
    return days.pop().isoformat() if len(days) == 1 else ""


def _last_try(session: ClinicalSession, draft: Draft) -> str:
    """What the record said when filing this capture failed and was taken back; empty when it never did."""
    if draft.intent is None:
        return ""
    outcome = parts().captures.receipt(session, draft.capture_id)
    return outcome.message if outcome.state == "nothing-current" else ""


def _writes_only_note(draft: Draft) -> bool:
    choices = {
        draft.answers.per_image.get(image.image_id, {}).get("decision", "")
        for image in draft.images
        if image.discarded_at is None
    }
    return draft.only_words or (choices <= {"describe", "discard"} and bool(draft.images))


def _screen(
    session: ClinicalSession, patient: Patient, draft: Draft, *, errors: Mapping[str, str] | None = None
) -> str:
    page = secrets.token_urlsafe(9)  # which page speaks: it knows what it saved itself
    return show("capture.html", session, patient, errors=errors or {}, page_id=page, **_facts(session, draft))


def looks_again(view: View) -> View:
    """A form whose page does not know what another has saved since changes nothing: it gets the answers as they are.
    A script gets the error, and the words stay in its page."""

    @wraps(view)
    def looked(session: ClinicalSession, capture_id: str, **more: str) -> ResponseReturnValue:
        try:
            return view(session, capture_id, **more)
        except AnswersChanged as changed:
            if asked_by_script():
                raise
            draft = parts().captures.draft(session, CaptureId(capture_id))
            patient = parts().captures.patient(session)
            return _screen(session, patient, draft, errors={"standing": changed.message}), 409

    return looked


def errors_in_order(errors: Mapping[str, str], numbers: Mapping[ImageId, int]) -> list[dict[str, str]]:
    """What is missing, as the error summary lists it: in the order of the page, each picture by its number."""
    by_image: list[tuple[int, dict[str, str]]] = []
    shared: list[tuple[int, dict[str, str]]] = []
    for name, text in errors.items():
        field, _, image = name.partition("-")
        number = numbers.get(ImageId(image))
        link = {"images": "#pictures"}.get(name, f"#{name}")
        if field in IMAGE_FIELDS and number is not None:
            by_image.append((number, {"text": f"Picture {number}: {text}", "href": link}))
        else:
            place = SHARED_FIELDS.index(name) if name in SHARED_FIELDS else -1
            shared.append((place, {"text": text, "href": link}))
    by_image.sort(key=lambda each: each[0])
    shared.sort(key=lambda each: each[0])
    return [each for _, each in [*by_image, *shared]]


@capture.post("")
@launched(Role.CLINICIAN)
def begin(session: ClinicalSession) -> ResponseReturnValue:
    """A new capture; nothing is asked yet."""
    _, identity = same_patient(session)
    captures = parts().captures
    capture_id = captures.begin(session)
    if request.form.get("at_once", "") in FILLS:  # said before the first byte arrives
        captures.answer(session, capture_id, FILLS[request.form["at_once"]], identity=identity)
    return redirect(url_for(".screen", capture_id=capture_id), 303)


@capture.get("/<capture_id>")
@launched(Role.CLINICIAN)
def screen(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """Add images: pictures on the left, questions on the right."""
    draft = parts().captures.draft(session, CaptureId(capture_id))
    if draft.state is not DraftState.OPEN:
        return redirect(url_for("receipt.shown", capture_id=capture_id), 303)
    return _screen(session, parts().captures.patient(session), draft)


@capture.route("/<capture_id>/answers", methods=["POST", "PUT"])
@launched(Role.CLINICIAN)
@looks_again
def answers(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """Saves what is typed so far, valid or not. A script gets what the answers amount to; a form goes on.

    A script gets 204 when all is kept but the EHR cannot be asked: the words are safe, and what it shows stands.
    """
    own_page(session)
    draft = _save(session, CaptureId(capture_id))
    if "HX-Request" in request.headers:
        try:
            patient, _ = same_patient(session)
            facts = _facts(session, draft)
            return show("capture/_standing.html", session, patient, errors=_passed_over(facts["more"]), **facts)
        except Unavailable:
            return "", 204
    patient, _ = same_patient(session)
    if passed_over := _passed_over(_facts(session, draft)["more"]):
        return _screen(session, patient, draft, errors=passed_over), 422
    anchor = "more" if request.form.get("next") else "standing"
    return redirect(url_for(".screen", capture_id=capture_id, _anchor=anchor), 303)


def _passed_over(more: MoreQuestions) -> dict[str, str]:
    """What *Continue* was pressed at without an answer, and what to say there."""
    asked = next((group.open for group in more.groups if group.open), None)
    pressed = "next" in request.form and asked is not None and asked.question.name in request.form.getlist("asked")
    return {asked.question.name: "Answer this to go on."} if pressed and asked and not asked.said else {}


def _save(session: ClinicalSession, capture_id: CaptureId) -> Draft:
    captures = parts().captures
    draft = captures.draft(session, capture_id)
    return captures.answer(
        session,
        capture_id,
        said(request.form, draft),
        identity=claimed("identity_seen", IDENTITY_HEADER),
        seen=request.form.get("answers_seen", ""),
        page=request.form.get("page", ""),
    )


@capture.route("/<capture_id>/images", methods=["POST", "PUT"])
@takes_video
@launched(Role.CLINICIAN)
@looks_again
def add_image(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """One more picture. A script gets its card as HTML; a form goes back to the screen."""
    patient, _ = same_patient(session)
    captures = parts().captures
    content, declared = read_picture(
        request,
        most_bytes=parts().policy.most_bytes_per_image,
        most_bytes_of_video=parts().policy.video_most_bytes,
    )
    if request.form:
        _save(session, CaptureId(capture_id))
    added = captures.receive(session, CaptureId(capture_id), content, declared)
    if request.form:
        return redirect(url_for(".screen", capture_id=capture_id, _anchor=f"image-{added.image_id}"), 303)
    draft = captures.draft(session, CaptureId(capture_id))
    page = show("capture/_card.html", session, patient, image=added, errors={}, **_facts(session, draft))
    response = make_response(page, 201)
    response.headers["X-Image"] = added.image_id
    return response


@capture.get("/<capture_id>/images/<image_id>/cleaning")
@launched(Role.CLINICIAN, touches=False)
def cleaning(session: ClinicalSession, capture_id: str, image_id: str) -> ResponseReturnValue:
    """How far a video is, for the page that waits for it; once it is made or refused, what takes its place."""
    captures = parts().captures
    draft, patient = captures.draft(session, CaptureId(capture_id)), captures.patient(session)
    image = next((each for each in draft.images if each.image_id == image_id), None)
    why = next((each.message for each in draft.not_used if each.image_id == image_id), "")
    facts = {**_facts(session, draft), "image_id": image_id, "not_used": why, "errors": {}}
    page = show("capture/_cleaning.html", session, patient, **facts)
    response = make_response(page)
    if image is None or image.making is None:
        response.headers["X-Replaces"] = f"{'image' if image is None else 'seen'}-{image_id}"
    return response


@capture.get("/<capture_id>/images/<image_id>/thumbnail")
@launched(Role.CLINICIAN)
def thumbnail(session: ClinicalSession, capture_id: str, image_id: str) -> ResponseReturnValue:
    """The small clean picture."""
    return picture_response(*parts().captures.thumbnail(session, CaptureId(capture_id), ImageId(image_id)))


@capture.get("/<capture_id>/images/<image_id>/picture")
@launched(Role.CLINICIAN)
def picture(session: ClinicalSession, capture_id: str, image_id: str) -> ResponseReturnValue:
    """The clean picture exactly as it will be filed."""
    return picture_response(*parts().captures.picture(session, CaptureId(capture_id), ImageId(image_id)))


@capture.post("/<capture_id>/images/<image_id>/discard")
@launched(Role.CLINICIAN)
@looks_again
def discard(session: ClinicalSession, capture_id: str, image_id: str) -> ResponseReturnValue:
    """Not needed, and why: never filed. Can be undone for a while."""
    same_patient(session)
    _save(session, CaptureId(capture_id))
    reason = request.form.get("because", "")
    parts().captures.discard(session, CaptureId(capture_id), ImageId(image_id), reason=reason)
    return redirect(url_for(".screen", capture_id=capture_id, _anchor=f"image-{image_id}"), 303)


@capture.post("/<capture_id>/images/<image_id>/keep")
@launched(Role.CLINICIAN)
@looks_again
def undo_discard(session: ClinicalSession, capture_id: str, image_id: str) -> ResponseReturnValue:
    """The undo of a discard."""
    same_patient(session)
    _save(session, CaptureId(capture_id))
    parts().captures.undo_discard(session, CaptureId(capture_id), ImageId(image_id))
    return redirect(url_for(".screen", capture_id=capture_id, _anchor=f"image-{image_id}"), 303)


@capture.post("/<capture_id>/discard")
@launched(Role.CLINICIAN)
def discard_all(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """Everything of this capture, never filed; a note says that it came and why it was not kept."""
    _, identity = same_patient(session)
    outcome = parts().captures.discard_all(
        session,
        CaptureId(capture_id),
        reason=request.form.get("because", ""),
        patient_id=session.patient_id,
        identity_digest=identity,
    )
    if outcome is None:
        return redirect(url_for("gallery.timeline"), 303)
    return redirect(url_for("receipt.shown", capture_id=capture_id), 303)


@capture.post("/<capture_id>/second-person/ask")
@launched(Role.CLINICIAN)
@looks_again
def ask_second_person(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """Puts it to another clinician, on the practice's list."""
    same_patient(session)
    _save(session, CaptureId(capture_id))
    parts().captures.ask_second_person(session, CaptureId(capture_id))
    return redirect(url_for(".screen", capture_id=capture_id, _anchor="standing"), 303)


@capture.post("/<capture_id>/same-patient")
@launched(Role.CLINICIAN)
@looks_again
def still_the_same(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """The record names the patient differently than when the answers were given; somebody has looked."""
    _, identity = same_patient(session)
    _save(session, CaptureId(capture_id))
    parts().captures.confirm_patient(session, CaptureId(capture_id), identity=identity)
    return redirect(url_for(".screen", capture_id=capture_id, _anchor="standing"), 303)


@capture.post("/<capture_id>/file")
@launched(Role.CLINICIAN)
@looks_again
def file(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """The button that writes. What is missing is shown on the same screen, with every word still there.

    The words are kept before the EHR is asked anything: when it is down, nothing typed is lost.
    """
    own_page(session)
    draft = parts().captures.draft(session, CaptureId(capture_id))
    if draft.state is DraftState.OPEN:
        draft = _save(session, CaptureId(capture_id))
        patient, identity = same_patient(session)
        standing = parts().captures.assess(session, CaptureId(capture_id))
        if not standing.may_file:
            return _screen(session, patient, draft, errors=_said_what_is_missing(standing)), 422
        try:
            parts().captures.file(
                session, CaptureId(capture_id), patient_id=session.patient_id, identity_digest=identity
            )
        except Incomplete as incomplete:
            return _screen(session, patient, draft, errors=incomplete.fields), 422
    return redirect(url_for("receipt.shown", capture_id=capture_id), 303)


def _said_what_is_missing(standing: CaptureView) -> dict[str, str]:
    missing = dict(standing.missing)
    if standing.cleaning:
        missing["images"] = standing.cleaning
    if not missing:
        missing["standing"] = "More is needed before this can be filed."
    return missing


@capture.get("/sites")
@launched(Role.CLINICIAN)
def find_sites(_session: ClinicalSession) -> ResponseReturnValue:
    """Body sites whose names begin with what was typed, or that lie in a region of the outline."""
    query = request.args.get("q", "")[:60]
    found = sites.search(query, region=request.args.get("region", ""))
    return {"sites": sites.with_sides(found, query, intimate=parts().policy.intimate_sites)}
