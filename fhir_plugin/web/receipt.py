"""What became of a capture, in plain words; while it is still under way, a page that looks again by itself."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient, show
from mappings.model.identifiers import CaptureId
from mappings.model.people import ClinicalSession, Role

receipt = Blueprint("receipt", __name__, url_prefix="/l/<launch>/captures")

MOVING = frozenset({"filing"})
"""States that may change without anybody doing anything soon: the page polls."""


@receipt.get("/<capture_id>/receipt")
@launched(Role.CLINICIAN)
def shown(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """The receipt, or how far filing has come."""
    captures = parts().captures
    draft = captures.draft(session, CaptureId(capture_id))
    outcome = captures.receipt(session, CaptureId(capture_id))
    if outcome.state == "open":
        return redirect(url_for("capture.screen", capture_id=capture_id), 303)
    again = max(2, min(30, round(outcome.retry_after or 2))) if outcome.state in MOVING else None
    polled = "HX-Request" in request.headers
    page = show(
        "receipt/_outcome.html" if polled else "receipt.html",
        session,
        captures.patient(session),
        draft=draft,
        receipt=outcome,
        again=again,
        by_hand=parts().exports.may(session, CaptureId(capture_id)),
        image_numbers={image.image_id: number for number, image in enumerate(draft.images, 1)},
    )
    response = make_response(page)
    if polled and again is None:
        response.headers["HX-Refresh"] = "true"  # the finished receipt gets its own heading and title
    return response


@receipt.get("/<capture_id>/export")
@launched(Role.CLINICIAN)
def export(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """The signed file of what the EHR did not take, for its clinician to file by hand."""
    response = Response(parts().exports.of(session, CaptureId(capture_id)), content_type="application/zip")
    response.headers.set("Content-Disposition", "attachment", filename="to-file-by-hand.zip")
    return response


@receipt.get("/by-hand/<copy_id>")
@launched(Role.CLINICIAN)
def of_copy(session: ClinicalSession, copy_id: str) -> ResponseReturnValue:
    """From a line of the list to the receipt of what it is about."""
    return redirect(url_for(".shown", capture_id=parts().exports.capture_of(session, copy_id)), 303)


@receipt.post("/<capture_id>/resume")
@launched(Role.CLINICIAN)
def check_again(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """Asks the record now instead of waiting for the next check. Safe at any time, any number of times."""
    same_patient(session)
    parts().captures.resume(session, CaptureId(capture_id))
    return redirect(url_for(".shown", capture_id=capture_id), 303)


@receipt.post("/<capture_id>/source-emptied")
@launched(Role.CLINICIAN)
def source_emptied(session: ClinicalSession, capture_id: str) -> ResponseReturnValue:
    """The clinician says that the mailbox or the device no longer holds the picture (G-R130, G-R275)."""
    same_patient(session)
    parts().captures.mark_source_emptied(session, CaptureId(capture_id))
    return redirect(url_for(".shown", capture_id=capture_id), 303)
