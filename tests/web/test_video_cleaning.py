"""The card of a video that is still being made: how far it is, and what takes its place."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.capture.cleaning import UNREADABLE
from fhir_plugin.capture.draft import Draft, Making, NotUsed
from mappings.model.identifiers import CaptureId, ImageId
from tests.web.conftest import Person
from tests.web.fake import FakeParts

AT = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)


@pytest.fixture
def video(person: Person, parts: FakeParts) -> tuple[str, str]:
    """A capture with one video that nobody has begun to make."""
    capture, image = person.ready()
    draft = parts.captures.drafts[CaptureId(capture)]
    first = draft.image(ImageId(image))
    waits = replace(first, content_type="video/mp4", clean=None, thumbnail=None, sha256_clean=None, making=Making())
    put(parts, draft.with_image(waits))
    return capture, image


def put(parts: FakeParts, draft: Draft) -> None:
    parts.captures.drafts[draft.capture_id] = draft


def made(parts: FakeParts, capture: str, image: str, making: Making | None) -> None:
    draft = parts.captures.drafts[CaptureId(capture)]
    changed = replace(draft.image(ImageId(image)), making=making)
    if making is None:
        done = parts.captures.drafts[CaptureId(capture)].image(ImageId(image))
        changed = replace(done, making=None, clean=done.received, seconds=2.5, width=10, height=10)
    put(parts, draft.with_image(changed))


def test_the_card_says_how_far_it_is_and_shows_no_picture(
    person: Person, parts: FakeParts, video: tuple[str, str]
) -> None:
    capture, image = video
    screen = person.get(f"captures/{capture}").text
    assert "Cleaning this video" in screen and "You can go on" in screen and "waits for its turn" in screen
    assert f"/images/{image}/thumbnail" not in screen
    assert ">Edit<" not in screen
    assert "Save and look again" in screen, "without a script"
    made(parts, capture, image, Making(at=AT, share=0.42))
    again = person.get(f"captures/{capture}/images/{image}/cleaning")
    assert again.status_code == 200 and "42% done" in again.text and 'value="42"' in again.text
    assert "X-Replaces" not in again.headers


def test_once_made_its_picture_takes_the_place_and_it_is_said_aloud(
    person: Person, parts: FakeParts, video: tuple[str, str]
) -> None:
    capture, image = video
    made(parts, capture, image, None)
    answer = person.get(f"captures/{capture}/images/{image}/cleaning")
    assert answer.headers["X-Replaces"] == f"seen-{image}"
    assert "Picture 1 is ready." in answer.text and f"/images/{image}/thumbnail" in answer.text
    assert "Cleaning" not in answer.text


def test_one_that_cannot_be_opened_any_more_says_what_to_do_and_can_be_discarded(
    person: Person, parts: FakeParts, video: tuple[str, str]
) -> None:
    capture, image = video
    draft = parts.captures.drafts[CaptureId(capture)]
    put(parts, draft.with_image(replace(draft.image(ImageId(image)), making=None, unreadable=True)))
    screen = person.get(f"captures/{capture}").text
    assert "Video: cannot be opened" in screen and UNREADABLE in screen
    assert f"/images/{image}/discard" in screen
    assert f"/images/{image}/thumbnail" not in screen and "Cleaning this video" not in screen
    assert "Nothing hidden was found" not in screen, "nobody looked"
    answer = person.get(f"captures/{capture}/images/{image}/cleaning")
    assert answer.headers["X-Replaces"] == f"seen-{image}"
    assert "A video cannot be opened." in answer.text and "is ready" not in answer.text


def test_one_that_was_refused_says_why_there_and_on_every_later_page(
    person: Person, parts: FakeParts, video: tuple[str, str]
) -> None:
    capture, image = video
    draft = parts.captures.drafts[CaptureId(capture)]
    why = NotUsed(ImageId(image), "video-damaged", "This video is damaged <b>.")
    put(parts, replace(draft, images=(), not_used=(why,)))
    answer = person.get(f"captures/{capture}/images/{image}/cleaning")
    assert answer.headers["X-Replaces"] == f"image-{image}"
    assert "This video was not used." in answer.text and "damaged &lt;b&gt;." in answer.text
    assert "A video that you added was not used." in person.get(f"captures/{capture}").text


def test_a_change_under_way_leaves_the_picture_in_its_place(
    person: Person, parts: FakeParts, video: tuple[str, str]
) -> None:
    capture, image = video
    made(parts, capture, image, None)
    made(parts, capture, image, Making(at=AT, share=0.5))
    screen = person.get(f"captures/{capture}").text
    assert "Making your change" in screen and f"/images/{image}/thumbnail" in screen


def test_waiting_for_a_video_keeps_nobody_signed_in(person: Person, parts: FakeParts, video: tuple[str, str]) -> None:
    capture, image = video
    before = list(parts.sessions.touched)
    person.get(f"captures/{capture}/images/{image}/cleaning")
    assert parts.sessions.touched == before
