"""Bytes come in: into the vault before anything reads them, then cleaned, then part of the draft."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from fhir_plugin.capture.cleaning import clean_into, destroy_image, make, wants_sound
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState, Making
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import Refused, UnacceptableImage
from fhir_plugin.imaging.video_anatomy import sniff_video
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import CaptureId, ImageId, Sha256
from mappings.model.people import ClinicalSession


def begin(parts: CaptureParts, session: ClinicalSession) -> CaptureId:
    """An empty capture of this user for this patient."""
    now = parts.clock.now()
    capture_id = CaptureId(parts.new_id())
    with parts.work.transaction():
        parts.drafts.add(
            Draft(
                capture_id=capture_id,
                fhir_base=session.fhir_base,
                patient=session.patient_id,
                user=session.user.reference,
                launch=session.launch_id,
                encounter=session.encounter,
                state=DraftState.OPEN,
                created=now,
                updated=now,
            )
        )
        parts.note(session, "capture.begun", capture_id)
    return capture_id


def receive(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, content: bytes, declared_type: str
) -> DraftImage:
    """One image. Held sealed in quarantine first, decoded afterwards, in another process (G-R147, design principle).

    A video that takes long is still being made when this returns (`DraftImage.making`).

    Raises `UnacceptableImage` (nothing is kept), `Refused` too-many-images, too-large or duplicate-image.
    """
    sha256 = Sha256(hashlib.sha256(content).hexdigest())
    image = _quarantine(parts, session, capture_id, content, declared_type, sha256)
    if image.is_video:
        return make(parts, session, capture_id, image.image_id)
    try:
        return clean_into(parts, session, capture_id, image, content, geometry=image.geometry, lossless=False)
    except UnacceptableImage as refusal:
        _reject(parts, session, capture_id, image, refusal.code)
        raise


def remove(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> None:
    """Takes an image out of the capture as if it had never come: destroyed at once, noted by id."""
    with parts.work.transaction():
        draft = parts.draft(session, capture_id, for_change=True)
        draft.need_open()
        image = draft.image(image_id)
        destroy_image(parts, image)
        kept = tuple(each for each in draft.images if each.image_id != image_id)
        parts.drafts.save(replace(draft, images=kept, updated=parts.clock.now()))
        parts.note(session, "image.discarded", capture_id, image=image_id)


def _quarantine(
    parts: CaptureParts,
    session: ClinicalSession,
    capture_id: CaptureId,
    content: bytes,
    declared_type: str,
    sha256: Sha256,
) -> DraftImage:
    policy = parts.policy
    video = sniff_video(content)
    most = policy.video_most_bytes if video else policy.most_bytes_per_image
    if len(content) > most:
        what = "video" if video else "picture"
        raise Refused(f"This {what} is larger than {most // 2**20} MB. Send a smaller one.", code="too-large")
    with parts.work.transaction():
        draft = parts.draft(session, capture_id, for_change=True)
        draft.need_open()
        if len(draft.images) >= policy.most_images:
            message = f"A set holds at most {policy.most_images} pictures. File this set, then start another."
            raise Refused(message, code="too-many-images")
        if any(image.sha256_received == sha256 for image in draft.images):
            raise Refused("This picture is already in the set.", code="duplicate-image")
        image = DraftImage(
            image_id=ImageId(parts.new_id()),
            declared_type=declared_type[:100],
            sha256_received=sha256,
            size=len(content),
            received_at=parts.clock.now(),
            received=parts.vault.put(content, compartment=Compartment.QUARANTINE, owner=capture_id),
            content_type=f"video/{video}" if video else "",
            making=Making(sound=wants_sound(parts, draft)) if video else None,
        )
        parts.drafts.save(replace(draft, images=(*draft.images, image), updated=parts.clock.now()))
        digest = parts.vault.keyed_digest(content)
        parts.note(session, "image.received", capture_id, image=image.image_id, digest=digest, bytes=len(content))
    return image


def _reject(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image: DraftImage, code: str) -> None:
    with parts.work.transaction():
        draft = parts.draft(session, capture_id, for_change=True)
        kept = tuple(each for each in draft.images if each.image_id != image.image_id)
        parts.drafts.save(replace(draft, images=kept, updated=parts.clock.now()))
        destroy_image(parts, image)
        parts.note(session, "image.refused", capture_id, image=image.image_id, code=code)
