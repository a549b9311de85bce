"""Shaped as the clinician asked, and seen in the editor: always anew from what was received."""

from __future__ import annotations

from fhir_plugin.capture.cleaning import (
    ask_for,
    clean_into,
    content_of,
    keep_sound_as_said,
    make,
    received_of,
    wants_sound,
)
from fhir_plugin.capture.draft import Draft, DraftImage, Making
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import Incomplete, Refused, UnacceptableImage
from mappings.model.identifiers import CaptureId, ImageId
from mappings.model.images import Geometry
from mappings.model.people import ClinicalSession


def edit(
    parts: CaptureParts,
    session: ClinicalSession,
    capture_id: CaptureId,
    image_id: ImageId,
    geometry: Geometry,
    *,
    lossless: bool,
) -> DraftImage:
    """Turned, blacked out and cropped anew from what was received, so that edits never pile up."""
    draft = parts.draft(session, capture_id)
    draft.need_open()
    if lossless and not parts.policy.lossless_when_asked:
        raise Refused("Your organisation does not keep images losslessly.", code="lossless-off")
    image = draft.image(image_id)
    if image.is_video and not lossless:
        ask_for(parts, session, capture_id, image_id, Making(geometry, wants_sound(parts, draft)))
        return make(parts, session, capture_id, image_id)
    content = content_of(parts, image)
    return clean_into(parts, session, capture_id, image, content, geometry=geometry, lossless=lossless)


def settle_sound(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId) -> None:
    """Before filing: every video of the set keeps or loses its sound as was answered (G-R206: only for a reason).

    One that is nearly made is waited for; a long one goes on being made, and is not filed yet. Raises
    `UnacceptableImage` where it cannot be.
    """
    draft = parts.draft(session, capture_id)
    for told in draft.not_used:
        kept = [image for image in draft.images if image.image_id == told.image_id and image.discarded_at is None]
        if any(image.sound != wants_sound(parts, draft) for image in kept):
            raise UnacceptableImage(told.message, code=told.code)
    changing = keep_sound_as_said(parts, session, draft)
    for image in draft.images:
        if image.discarded_at is None and (image.making is not None or image.image_id in changing):
            make(parts, session, capture_id, image.image_id)


def need_sound_as_said(parts: CaptureParts, draft: Draft) -> None:
    """Raises `Incomplete` where a video still has its sound and nobody says why any more: it is made anew."""
    left = [image for image in draft.images if image.discarded_at is None and image.sound]
    if left and not wants_sound(parts, draft):
        text = (
            "The reason for keeping the sound was taken back a moment ago. Wait until the video is silent, then file."
        )
        raise Incomplete(text, fields={"images": text})


def preview(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, *, quarter_turns: int
) -> bytes:
    """A JPEG of the upright, turned, uncropped picture, for the editor."""
    image = parts.draft(session, capture_id).image(image_id)
    return parts.worker.preview(received_of(image, content_of(parts, image)), quarter_turns=quarter_turns)
