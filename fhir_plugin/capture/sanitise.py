"""From what came to what may be filed: rebuilt from pixels in a worker, shaped as the clinician asked."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.capture.draft import DraftImage
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import NotFound, Refused
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import CaptureId, ImageId
from mappings.model.images import Geometry, ReceivedImage, VideoTerms
from mappings.model.people import ClinicalSession


def clean_into(
    parts: CaptureParts,
    session: ClinicalSession,
    capture_id: CaptureId,
    image: DraftImage,
    content: bytes,
    *,
    geometry: Geometry,
    lossless: bool,
    sound: bool = False,
) -> DraftImage:
    """Cleans one received image and puts the result into its draft, in place of an earlier result.

    A video keeps its sound only with `sound`, and is as long as policy lets it be. Raises `UnacceptableImage`;
    the draft is then as it was.
    """
    terms = VideoTerms(sound=sound, most_seconds=parts.policy.video_most_seconds)
    clean = parts.worker.clean(_received(image, content), geometry=geometry, lossless=lossless, video=terms)
    with parts.work.transaction():
        draft = parts.draft(session, capture_id, for_change=True)
        draft.need_open()
        before = draft.image(image.image_id)
        changed = replace(
            before,
            clean=parts.vault.put(clean.content, compartment=Compartment.CLEAN, owner=capture_id),
            thumbnail=parts.vault.put(clean.thumbnail, compartment=Compartment.THUMBNAIL, owner=capture_id),
            sha256_clean=clean.sha256,
            clean_size=len(clean.content),
            content_type=clean.content_type,
            width=clean.width,
            height=clean.height,
            removed=clean.removed,
            captured_at=clean.captured_at,
            captured_at_has_offset=clean.captured_at_has_offset,
            lossless=clean.lossless,
            geometry=clean.geometry,
            seconds=clean.seconds,
            sound=clean.sound,
        )
        parts.drafts.save(replace(draft.with_image(changed), updated=parts.clock.now()))
        for old in (before.clean, before.thumbnail):
            if old is not None:
                parts.vault.destroy(old)
        parts.note(session, "image.cleaned", capture_id, image=image.image_id, lossless=lossless)
    return changed


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
    return clean_into(
        parts,
        session,
        capture_id,
        image,
        _content(parts, image),
        geometry=geometry,
        lossless=lossless,
        sound=image.sound,
    )


def settle_sound(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId) -> None:
    """Before filing: every video of the set keeps or loses its sound as was answered (G-R206: only for a reason).

    Each video that has to change is made anew from what was received.
    """
    draft = parts.draft(session, capture_id)
    for image in draft.images:
        if not image.is_video or image.discarded_at is not None or image.received is None:
            continue
        wanted = parts.policy.video_sound and bool(draft.answers.said("sound_reason"))
        if wanted != image.sound and (image.had_sound or image.sound):
            content = _content(parts, image)
            clean_into(
                parts, session, capture_id, image, content, geometry=image.geometry, lossless=False, sound=wanted
            )


def preview(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, *, quarter_turns: int
) -> bytes:
    """A JPEG of the upright, turned, uncropped picture, for the editor."""
    image = parts.draft(session, capture_id).image(image_id)
    return parts.worker.preview(_received(image, _content(parts, image)), quarter_turns=quarter_turns)


def _content(parts: CaptureParts, image: DraftImage) -> bytes:
    if image.received is None:
        raise NotFound("this picture is no longer waiting", status=404)
    return parts.vault.get(image.received)


def _received(image: DraftImage, content: bytes) -> ReceivedImage:
    return ReceivedImage(
        image_id=image.image_id, content=content, declared_type=image.declared_type, sha256=image.sha256_received
    )
