"""The second clinician's page: what is asked, the answers so far, the pictures only after a reason, then yes or no."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import Incomplete
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import own_page, parts, same_patient, show
from fhir_plugin.web.security import picture_response
from mappings.model.identifiers import CaptureId, ImageId
from mappings.model.people import ClinicalSession, Role

second_person = Blueprint("second_person", __name__, url_prefix="/l/<launch>/captures/<capture_id>/second-person")


def _page(session: ClinicalSession, capture_id: str, *, errors: dict[str, str] | None = None, words: str = "") -> str:
    captures = parts().captures
    return show(
        "second_person.html",
        session,
        captures.patient(session),
        case=captures.second_person_case(session, CaptureId(capture_id)),
        policy=parts().policy,
        reasons=parts().policy.reveal_reasons,
        errors=errors or {},
        words=words,
    )


@second_person.get("")
@launched(Role.CLINICIAN)
def shown(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """What another clinician asks. Never theirs to answer who asked."""
    return _page(session, capture_id)


@second_person.post("/reveal")
@launched(Role.CLINICIAN)
def reveal(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """Opens the pictures for this launch; the reason is logged."""
    same_patient(session)
    parts().captures.second_person_reveal(session, CaptureId(capture_id), request.form.get("reason", ""))
    return redirect(url_for(".shown", capture_id=capture_id, _anchor="pictures"), 303)


@second_person.get("/images/<image_id>")
@launched(Role.CLINICIAN)
def picture(session: ClinicalSession, capture_id: str, image_id: str) -> ResponseReturnValue:
    """One picture, after the reason."""
    content = parts().captures.second_person_picture(session, CaptureId(capture_id), ImageId(image_id))
    return picture_response(*content)


@second_person.post("/answer")
@launched(Role.CLINICIAN)
def answer(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """Yes or no, in words. What is missing is shown with every word still there."""
    own_page(session)
    same_patient(session)
    words, said = request.form.get("words", ""), request.form.get("agrees", "")
    about = request.form.get("about", "")
    if said not in ("yes", "no"):
        return _page(session, capture_id, errors={"agrees": "Choose whether you agree."}, words=words), 422
    try:
        parts().captures.answer_second_person(session, CaptureId(capture_id), said == "yes", words, about=about)
    except Incomplete as incomplete:
        return _page(session, capture_id, errors=incomplete.fields, words=words), 422
    return redirect(url_for(".shown", capture_id=capture_id), 303)
