"""When a recording was made, and pictures that may be of a screen: from the form to what the record holds."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.capture.draft_json import draft_from_json, draft_to_json
from fhir_plugin.capture.filing import order_from_json, order_to_json
from fhir_plugin.capture.order import make_order
from fhir_plugin.capture.screens import looks_like_screen
from fhir_plugin.errors import Incomplete
from mappings.model.identifiers import CaptureId, ImageId, IntentId, Sha256
from mappings.model.images import CleanImage
from mappings.model.situation import Made
from mappings.r4.note import from_note
from mappings.r4.questionnaire_response import from_questionnaire_response
from tests.capture.bench import FOREARM, SESSION, SHARED, Bench
from tests.capture.test_filing_decision import AlteringRecord
from tests.capture.test_video import FILM, stage
from tests.fakes.record import FakeRecord
from tests.fakes.worker import picture

RECORDED = {
    "recording_reason": "The tremor shows only in motion",
    "consent_record_video": "given",
    "recording_confirmed": "yes",
}


def film(bench: Bench, *more: bytes, **said: str) -> CaptureId:
    """A capture of one film (and these), answered, at two in the afternoon."""
    _, capture = stage(bench)
    day = bench.clock.now().date()
    bench.clock.advance(
        seconds=(dt.datetime.combine(day, dt.time(14), dt.UTC) - bench.clock.now()).total_seconds() % 86400
    )
    images = [bench.captures.receive(SESSION, capture, each, "video/mp4").image_id for each in (FILM, *more)]
    answer(bench, capture, images, **{**RECORDED, **said})
    return capture


def answer(bench: Bench, capture: CaptureId, images: list[ImageId], **said: str) -> None:
    form = {**SHARED, "only_area": "yes", **said}
    for image in images:
        form |= {f"site-{image}": FOREARM, f"laterality-{image}": "left", f"decision-{image}": "store"}
    bench.captures.answer(SESSION, capture, form)


def stored(record: FakeRecord, kind: str) -> dict[str, Any]:
    (found,) = record.stored(kind)
    return found


def test_both_times_stand_in_image_note_and_decision() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture = film(bench, recording_began="13:40", recording_ended="13:43")
    assert bench.file(capture).state == "filed"
    day = bench.clock.now().date().isoformat()
    period = stored(record, "Media")["createdPeriod"]
    assert [period[each][:16] for each in ("start", "end")] == [f"{day}T13:40", f"{day}T13:43"]
    assert "Recorded from 13:40 to 13:43, by the clock." in from_note(stored(record, "DocumentReference")).text
    decided = from_questionnaire_response(stored(record, "QuestionnaireResponse")).decision
    said = {each.question: each.value for each in decided.answers}
    assert (said["recording_began"], said["recording_ended"]) == ("13:40", "13:43")


def test_an_end_that_nobody_wrote_down_is_reckoned_and_no_time_is_made_up() -> None:
    record = FakeRecord()
    bench = Bench(record)
    assert bench.file(film(bench, recording_began="13:40")).state == "filed"
    period = stored(record, "Media")["createdPeriod"]
    assert dt.datetime.fromisoformat(period["end"]) - dt.datetime.fromisoformat(period["start"]) == dt.timedelta(
        seconds=2
    )
    record = FakeRecord()
    bench = Bench(record)
    assert bench.file(film(bench)).state == "filed"
    assert "createdPeriod" not in stored(record, "Media")
    assert "by the clock" not in from_note(stored(record, "DocumentReference")).text


def test_of_two_films_nobody_said_which() -> None:
    record = FakeRecord()
    bench = Bench(record)
    assert bench.file(film(bench, FILM + b"2", recording_began="13:40")).state == "filed"
    assert all("createdPeriod" not in each for each in record.stored("Media"))
    assert "Recorded from 13:40" in from_note(stored(record, "DocumentReference")).text


def test_a_recording_that_cannot_have_ended_is_not_filed() -> None:
    bench = Bench()
    capture = film(bench, recording_began="14:20")
    with pytest.raises(Incomplete) as missing:
        bench.file(capture)
    assert set(missing.value.fields) == {"recording_began"} and bench.draft(capture).intent is None
    bench.captures.answer(SESSION, capture, {"recording_began": "", "recording_ended": ""})
    assert bench.file(capture).state == "filed"


def _later(media: dict[str, Any]) -> None:
    media["createdPeriod"]["end"] = "2031-01-01T00:00:00Z"


def _one_only(media: dict[str, Any]) -> None:
    media["createdDateTime"] = media.pop("createdPeriod")["start"]


@pytest.mark.parametrize("tamper", [_later, _one_only])
def test_a_record_that_keeps_other_times_has_not_kept_it(tamper: Any) -> None:
    bench = Bench(AlteringRecord("Media", tamper))
    receipt = bench.file(film(bench, recording_began="13:40", recording_ended="13:43"))
    assert (receipt.state, receipt.reason) == ("nothing-current", "read-back-mismatch")


def test_an_order_and_a_draft_say_the_same_after_a_crash() -> None:
    bench = Bench()
    capture = film(bench, recording_began="13:40", recording_ended="13:43")
    draft, patient = bench.draft(capture), bench.captures.patient(SESSION)
    assessment = bench.captures._assessment(draft, patient)
    order = make_order(bench.parts, SESSION, draft, patient, IntentId("i"), assessment)
    again = order_from_json(order_to_json(order))
    assert again == order and again.images[0].ended is not None
    old = order_to_json(order)
    for image in old["images"]:
        del image["ended"], image["made"]
    assert [(each.ended, each.made) for each in order_from_json(old).images] == [(None, Made.CAMERA)]
    marked = replace(draft, images=tuple(replace(each, screen_like=True) for each in draft.images))
    assert draft_from_json(draft_to_json(marked)) == marked


def shot(bench: Bench, **said: str) -> CaptureId:
    capture = bench.captures.begin(SESSION)
    image = bench.captures.receive(SESSION, capture, picture("screen"), "image/png")
    assert image.screen_like
    answer(bench, capture, [image.image_id], **said)
    return capture


def test_what_looks_like_a_screenshot_is_asked_about_and_told_as_what_it_is() -> None:
    record = FakeRecord()
    bench = Bench(record)
    bench.worker.captured_at = dt.datetime(2026, 1, 5, 9, 0, tzinfo=dt.UTC)
    capture = shot(bench)
    assert set(bench.captures.assess(SESSION, capture).missing) == {"made"}
    bench.captures.answer(SESSION, capture, {"made": "screen"})
    assert set(bench.captures.assess(SESSION, capture).missing) == {"arrival"}, "it was not taken now"
    bench.captures.answer(SESSION, capture, {"arrival": "other"})
    view = bench.captures.assess(SESSION, capture)
    assert "taken_on" in view.missing and "under-18" in view.flags, "the file tells the day of the copying"
    bench.captures.answer(SESSION, capture, {"taken_on": "2025-12-24"})
    assert bench.file(capture).state == "filed"
    media = stored(record, "Media")
    assert (media["createdDateTime"], media["modality"]["coding"][0]["code"]) == ("2025-12-24", "OT")
    assert "a copy of another picture" in from_note(stored(record, "DocumentReference")).text


def test_a_camera_s_picture_that_was_asked_about_goes_the_ordinary_way_and_an_edit_does_not_unask() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture = shot(bench, made="camera")
    (image,) = bench.draft(capture).images
    bench.captures.edit(SESSION, capture, image.image_id, replace(image.geometry, quarter_turns=1))
    assert bench.draft(capture).images[0].screen_like
    assert bench.file(capture).state == "filed"
    assert stored(record, "Media")["modality"]["coding"][0]["code"] == "XC"


@pytest.mark.parametrize(
    ("size", "kind", "removed", "screen"),
    [
        ((4032, 3024), "image/jpeg", (), False),
        ((1920, 1080), "image/jpeg", ("phone or camera model",), False),
        ((1600, 1200), "image/jpeg", (), False),
        ((1080, 1920), "image/jpeg", (), False),
        ((1170, 2532), "image/jpeg", (), True),
        ((2400, 1080), "image/jpeg", ("location",), True),
        ((1920, 1080), "image/jpeg", (), True),
        ((800, 600), "image/png", (), True),
        ((800, 600), "image/png", ("phone or camera model",), False),
    ],
)
def test_what_looks_like_a_screenshot(size: tuple[int, int], kind: str, removed: tuple[str, ...], screen: bool) -> None:
    sha = Sha256("0" * 64)
    image = CleanImage(ImageId("i"), b"", "image/jpeg", *size, sha, sha, b"", removed=removed)
    assert looks_like_screen(image, kind) is screen
    assert not looks_like_screen(replace(image, content_type="video/mp4"), kind)


def test_a_picture_with_a_reason_of_its_own_says_it_and_the_others_that_of_the_set() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, images = bench.add("a", "b")
    bench.answer(capture, {images[0]: "store", images[1]: "store"})
    bench.captures.answer(SESSION, capture, {f"purpose-{images[0]}": "The mole beside it"})
    assert bench.file(capture).state == "filed"
    reasons = {each["identifier"][0]["value"]: each["reasonCode"][0]["text"] for each in record.stored("Media")}
    assert reasons == {images[0]: "The mole beside it", images[1]: SHARED["purpose"]}
    text = from_note(stored(record, "DocumentReference")).text
    assert f"Reason for image: {SHARED['purpose']}" in text and "The mole beside it" in text
