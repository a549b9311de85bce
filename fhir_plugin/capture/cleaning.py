"""What came is made clean: a picture while its sender waits, a video by work that goes on without its request.

What is to be made of a video is written into its draft first (`Making`). Whoever makes it gives a sign of life there;
where that fails to come, whatever the reason, `take_up` begins anew. So a crash, a restart or a closed tab costs time
and nothing else. Filing waits until everything is made. What cannot be read any more is not tried for ever: it is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from fhir_plugin.capture.draft import Draft, DraftImage, DraftState, Making, NotUsed
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.screens import looks_like_screen
from fhir_plugin.errors import NotFound, RecordRefused, Refused, Tampered, UnacceptableImage, Unavailable
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import CaptureId, ImageId, WorkId
from mappings.model.images import Geometry, ReceivedImage, VideoTerms
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkItem, WorkKind

AT_ONCE = 5.0
"""Seconds that an upload waits for its video: a short one is ready by then, and what is no video is refused by then."""
WHOLE = 900.0
"""The same for a patient, who has no page that they come back to later."""
BEAT = dt.timedelta(seconds=5)
"""How often a sign of life is written."""
SILENT = dt.timedelta(minutes=2)
"""Without a sign of life for so long, nobody is at it any more."""


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
    progress: Callable[[float], None] | None = None,
) -> DraftImage:
    """Cleans one received image and puts the result into its draft, in place of an earlier result.

    A video keeps its sound only with `sound`, and is as long as policy lets it be. Raises `UnacceptableImage`;
    the draft is then as it was. Raises `Refused` or `NotFound` where nobody wants it any more.
    """
    terms = VideoTerms(sound=sound, most_seconds=parts.policy.video_most_seconds)
    received = received_of(image, content)
    clean = parts.worker.clean(received, geometry=geometry, lossless=lossless, video=terms, progress=progress)
    with parts.work.transaction():
        draft = parts.draft(session, capture_id, for_change=True)
        draft.need_open()
        before = draft.image(image.image_id)
        if before.received is None:
            raise NotFound("this picture was destroyed", status=404)
        if image.making is not None and before.making is None:
            raise Refused("Somebody else has made this video meanwhile.", code="made-meanwhile")
        asked_again = before.making is not None and not before.making.same_as(Making(geometry, sound))
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
            screen_like=before.screen_like or (before.clean is None and looks_like_screen(clean, before.declared_type)),
            seconds=clean.seconds,
            sound=clean.sound,
            making=before.making if asked_again else None,
        )
        parts.drafts.save(replace(draft.with_image(changed), updated=parts.clock.now()))
        for old in (before.clean, before.thumbnail):
            if old is not None:
                parts.vault.destroy(old)
        parts.note(session, "image.cleaned", capture_id, image=image.image_id, lossless=lossless)
    return changed


def received_of(image: DraftImage, content: bytes) -> ReceivedImage:
    """The picture as it came, for the worker."""
    return ReceivedImage(
        image_id=image.image_id, content=content, declared_type=image.declared_type, sha256=image.sha256_received
    )


def content_of(parts: CaptureParts, image: DraftImage) -> bytes:
    """The bytes as they came. Raises `NotFound` once they are destroyed."""
    if image.received is None:
        raise NotFound("this picture is no longer waiting", status=404)
    return parts.vault.get(image.received)


# ------------------------------------------------------------------------------------------------ videos


def ask_for(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, wanted: Making
) -> None:
    """Writes down that a video is to be made so, in the place of what was asked for, and refused, before."""
    with parts.work.transaction():
        draft = parts.draft(session, capture_id, for_change=True)
        draft.need_open()
        others = tuple(each for each in draft.not_used if each.image_id != image_id)
        changed = draft.with_image(replace(draft.image(image_id), making=wanted))
        parts.drafts.save(replace(changed, not_used=others))


def make(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId, *, within: float = AT_ONCE
) -> DraftImage:
    """Begins to make a video as it is asked for, and waits for it `within` seconds; the image as it is then.

    Raises `UnacceptableImage` where it was refused by then.
    """
    begin(parts, session, capture_id, image_id)
    sending = parts.draft(session, capture_id).state is DraftState.SENDING
    parts.background.wait(image_id, WHOLE if sending else within)
    with parts.work.transaction():
        draft = parts.draft(session, capture_id, for_change=True)
        told = next((each for each in draft.not_used if each.image_id == image_id), None)
        if told is not None:
            others = tuple(each for each in draft.not_used if each.image_id != image_id)
            parts.drafts.save(replace(draft, not_used=others))
    if told is not None:
        raise UnacceptableImage(told.message, code=told.code)
    return draft.image(image_id)


def begin(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> None:
    """Has a video made in the background, as its draft says."""
    parts.background.begin(image_id, lambda: _make(parts, session, capture_id, image_id))


def take_up(parts: CaptureParts, session: ClinicalSession, draft: Draft) -> int:
    """Begins anew what nobody gives a sign of life of; how many that was."""
    silent = [image for image in draft.images if _is_silent(image, parts.clock.now())]
    for image in silent:
        begin(parts, session, draft.capture_id, image.image_id)
    return len(silent)


def keep_sound_as_said(parts: CaptureParts, session: ClinicalSession, draft: Draft) -> list[ImageId]:
    """Every video keeps or loses its sound as was answered (G-R206: only for a reason); those that change are begun.

    What was refused is not tried again by itself.
    """
    wanted, refused = wants_sound(parts, draft), {each.image_id for each in draft.not_used}
    changing = []
    for image in draft.images:
        if image.image_id in refused or not image.is_video or image.discarded_at is not None or image.received is None:
            continue
        asked = image.making or Making(image.geometry, image.sound)
        known_silent = image.is_clean and not image.had_sound
        if asked.sound != wanted and not known_silent:
            ask_for(parts, session, draft.capture_id, image.image_id, Making(asked.geometry, wanted))
            begin(parts, session, draft.capture_id, image.image_id)
            changing.append(image.image_id)
    return changing


def wants_sound(parts: CaptureParts, draft: Draft) -> bool:
    """Whether videos of this capture keep their sound."""
    return parts.policy.video_sound and bool(draft.answers.said("sound_reason"))


def _is_silent(image: DraftImage, now: dt.datetime) -> bool:
    if image.making is None or image.received is None or image.discarded_at is not None or image.unreadable:
        return False
    last = image.making.at or image.received_at
    return last is None or now - last > SILENT


def _make(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> None:
    while (taken := _take(parts, session, capture_id, image_id)) is not None:
        image, wanted = taken
        progress = _SignsOfLife(parts, session, capture_id, image_id)
        try:
            content = content_of(parts, image)
        except (NotFound, Tampered):
            tell_unreadable(parts, session, capture_id, image)
            return
        except Unavailable:
            return  # its bytes stay sealed, and it is taken up again
        try:
            clean_into(
                parts,
                session,
                capture_id,
                image,
                content,
                geometry=wanted.geometry,
                lossless=False,
                sound=wanted.sound,
                progress=progress,
            )
        except UnacceptableImage as refusal:
            _refuse(parts, session, capture_id, image_id, wanted, refusal)
        except (NotFound, Refused):
            return  # thrown away, or ended, while it was made
        except (Unavailable, RecordRefused, Tampered):
            return  # its bytes stay sealed, and it is taken up again


def _take(
    parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId
) -> tuple[DraftImage, Making] | None:
    """The video and what is asked of it, if that is still so and nobody else is at it; from now on we are."""
    now = parts.clock.now()
    with parts.work.transaction():
        try:
            draft = parts.draft(session, capture_id, for_change=True)
            image = draft.image(image_id)
        except NotFound:
            return None
        wanted = image.making
        if wanted is None or draft.state not in (DraftState.OPEN, DraftState.SENDING):
            return None
        if image.received is None or image.discarded_at is not None:
            return None
        if wanted.at is not None and now - wanted.at <= SILENT:
            return None
        parts.drafts.save(draft.with_image(replace(image, making=replace(wanted, at=now, share=0.0))))
    return image, wanted


class _SignsOfLife:
    """Writes down how far a video is, now and then."""

    def __init__(self, parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image_id: ImageId) -> None:
        self._parts, self._session = parts, session
        self._capture_id, self._image_id = capture_id, image_id
        self._last = parts.clock.now()

    def __call__(self, share: float) -> None:
        parts, now = self._parts, self._parts.clock.now()
        if now - self._last < BEAT:
            return
        self._last = now
        with parts.work.transaction():
            draft = parts.draft(self._session, self._capture_id, for_change=True)
            image = draft.image(self._image_id)
            if image.making is None or image.making.at is None:
                return  # asked for otherwise meanwhile: that begins when this ends
            parts.drafts.save(draft.with_image(replace(image, making=replace(image.making, at=now, share=share))))


def _refuse(
    parts: CaptureParts,
    session: ClinicalSession,
    capture_id: CaptureId,
    image_id: ImageId,
    wanted: Making,
    refusal: UnacceptableImage,
) -> None:
    """A video that was never clean is destroyed; one that was stays as it was. Why is kept until somebody is told.

    Nothing happens where filing has begun, or where it is made or asked for otherwise meanwhile.
    """
    with parts.work.transaction():
        try:
            draft = parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            image = draft.image(image_id)
        except (NotFound, Refused):
            return
        if image.received is None or image.making is None or not image.making.same_as(wanted):
            return
        told = (
            *(each for each in draft.not_used if each.image_id != image_id),
            NotUsed(image_id, refusal.code, refusal.message),
        )
        if image.is_clean:
            draft = draft.with_image(replace(image, making=None))
        else:
            draft = replace(draft, images=tuple(each for each in draft.images if each.image_id != image_id))
            destroy_image(parts, image)
        parts.drafts.save(replace(draft, not_used=told, updated=parts.clock.now()))
        parts.note(session, "image.refused", capture_id, image=image_id, code=refusal.code)


UNREADABLE: Final = (
    "The bytes that came are damaged where they are kept, and cannot be opened any more. Discard it here, and take it "
    "again or ask for it again. Whoever runs this app may find it in a backup first."
)


def tell_unreadable(parts: CaptureParts, session: ClinicalSession, capture_id: CaptureId, image: DraftImage) -> None:
    """Trying again would go on for ever, with nobody told: it is written down, and put on the list of whoever has the
    capture. What was clean before stands, without the change. Nothing happens where it was thrown away meanwhile."""
    now = parts.clock.now()
    with parts.work.transaction():
        try:
            draft = parts.draft(session, capture_id, for_change=True)
            draft.need_open()
            found = draft.image(image.image_id)
        except (NotFound, Refused):
            return
        if found.received != image.received or found.discarded_at is not None or found.unreadable:
            return
        told = draft.not_used
        if found.is_clean:
            others = (each for each in told if each.image_id != found.image_id)
            told = (*others, NotUsed(found.image_id, "bytes-damaged", UNREADABLE))
        changed = draft.with_image(replace(found, making=None, unreadable=True))
        parts.drafts.save(replace(changed, not_used=told, updated=now))
        parts.note(session, "image.unreadable", capture_id, image=found.image_id)
        if not found.is_clean:
            what = "A video" if found.is_video else "A picture"
            parts.worklist.add(
                WorkItem(
                    id=WorkId(parts.new_id()),
                    kind=WorkKind.FOLLOW_UP,
                    fhir_base=draft.fhir_base,
                    patient=draft.patient,
                    subject=f"{capture_id}#{found.image_id}",
                    created=now,
                    due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.FOLLOW_UP]),
                    owner=draft.user,
                    words=f"{what} of a set that is not filed yet. {UNREADABLE}",
                )
            )


def destroy_image(parts: CaptureParts, image: DraftImage) -> None:
    """Every vault item of one drafted image."""
    for item in (image.received, image.clean, image.thumbnail):
        if item is not None:
            parts.vault.destroy(item)
