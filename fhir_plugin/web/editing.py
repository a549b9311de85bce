"""Rotate, crop and black out one picture: by pointer, by keyboard, or by typing numbers."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import Refused
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient, show
from fhir_plugin.web.capture import said
from fhir_plugin.web.geometry import read_geometry, region_as_text
from fhir_plugin.web.security import picture_response
from mappings.model.identifiers import CaptureId, ImageId
from mappings.model.people import ClinicalSession, Role

editing = Blueprint("editing", __name__, url_prefix="/l/<launch>/captures/<capture_id>/images/<image_id>")


@editing.route("/edit", methods=["GET", "POST"])
@launched(Role.CLINICIAN)
def editor(session: ClinicalSession, capture_id: str, image_id: str) -> ResponseReturnValue:
    """The editor. Reached by POST from the screen, it saves the answers on the way."""
    captures = parts().captures
    draft = captures.draft(session, CaptureId(capture_id))
    if request.method == "POST":
        _, identity = same_patient(session)
        captures.answer(
            session,
            CaptureId(capture_id),
            said(request.form, draft),
            identity=identity,
            seen=request.form.get("answers_seen", ""),
            page=request.form.get("page", ""),
        )
        return redirect(url_for(".editor", capture_id=capture_id, image_id=image_id), 303)
    image = draft.image(ImageId(image_id))
    number = draft.images.index(image) + 1
    return show(
        "edit.html",
        session,
        captures.patient(session),
        draft=draft,
        image=image,
        number=number,
        crop=region_as_text(image.geometry.crop) if image.geometry.crop else "",
        black_outs=[region_as_text(box) for box in image.geometry.black_out],
        lossless_offered=parts().policy.lossless_when_asked,
    )


@editing.post("/geometry")
@launched(Role.CLINICIAN)
def change(session: ClinicalSession, capture_id: str, image_id: str) -> ResponseReturnValue:
    """Applies the geometry to the picture and goes back to the screen. A form without any gets the editor again."""
    same_patient(session)
    if "quarter_turns" not in request.form:  # pressed before the editor had begun: it would take the black boxes off
        return redirect(url_for(".editor", capture_id=capture_id, image_id=image_id), 303)
    geometry = read_geometry(request.form, request.form.getlist("black_out"))
    parts().captures.edit(
        session,
        CaptureId(capture_id),
        ImageId(image_id),
        geometry,
        lossless=request.form.get("lossless") == "yes",
    )
    return redirect(url_for("capture.screen", capture_id=capture_id, _anchor=f"image-{image_id}"), 303)


@editing.get("/preview")
@launched(Role.CLINICIAN)
def preview(session: ClinicalSession, capture_id: str, image_id: str) -> ResponseReturnValue:
    """The upright picture, turned, uncropped, without metadata: what the editor draws on."""
    turns = request.args.get("turns", "0")
    if turns not in ("0", "1", "2", "3"):
        raise Refused("A picture can be turned by 0, 1, 2 or 3 quarters.", code="bad-turn")
    content = parts().captures.preview(session, CaptureId(capture_id), ImageId(image_id), quarter_turns=int(turns))
    return picture_response(content, "image/jpeg")
