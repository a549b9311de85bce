"""A long video: the upload is answered once its bytes are safe; what comes then survives crashes and closed tabs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from fhir_plugin.capture import cleaning
from fhir_plugin.capture.draft import Draft, DraftImage, Making
from fhir_plugin.capture.draft_json import draft_from_json, draft_to_json
from fhir_plugin.capture.waiting import mend
from fhir_plugin.errors import Incomplete, UnacceptableImage, Unavailable
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import CaptureId, ImageId
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage, Region, VideoTerms
from tests.capture.bench import SESSION, Bench
from tests.capture.test_video import FILM, Cinema, stage

RECORDED = {
    "recording_reason": "To show the tremor",
    "consent_record_video": "given",
    "recording_confirmed": "yes",
}
AFTER_SILENCE = cleaning.SILENT + dt.timedelta(seconds=1)


class Long:
    """A capture with a video that takes long: its upload is answered, and nothing is made yet."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.worker, self.capture = stage(self.bench)
        self.bench.background.held = True
        self.image_id = self.bench.captures.receive(SESSION, self.capture, FILM, "video/mp4").image_id

    @property
    def draft(self) -> Draft:
        return self.bench.draft(self.capture)

    @property
    def image(self) -> DraftImage:
        return self.draft.image(self.image_id)

    def done(self) -> DraftImage:
        """Everything that waits is made."""
        self.bench.background.held = False
        self.bench.background.release()
        return self.image


def refusing(code: str) -> Callable[[ReceivedImage], None]:
    def refuse(_received: ReceivedImage) -> None:
        raise UnacceptableImage("This video is damaged.", code=code)

    return refuse


def test_the_upload_is_answered_once_the_bytes_are_sealed() -> None:
    long = Long()
    assert long.image.is_video and not long.image.is_clean and long.image.making == Making()
    assert [each.compartment for each in long.bench.vault.items()] == [Compartment.QUARANTINE]
    assert long.worker.asked == []
    made = long.done()
    assert (made.is_made, made.seconds, made.making) == (True, 2.5, None)
    assert len(long.bench.vault.items()) == 3


def test_questions_come_while_it_is_made_and_filing_waits() -> None:
    long = Long()
    view = long.bench.captures.assess(SESSION, long.capture)
    assert any(question.id == "recording_reason" for question in view.questions), "it is known to be a video"
    long.bench.answer(long.capture, {long.image_id: "store"}, **RECORDED)
    view = long.bench.captures.assess(SESSION, long.capture)
    assert (view.may_file, view.missing) == (True, {}) and "still being cleaned" in view.cleaning
    with pytest.raises(Incomplete, match="still being cleaned"):
        long.bench.file(long.capture)
    assert long.draft.intent is None
    long.done()
    view = long.bench.captures.assess(SESSION, long.capture)
    assert (view.may_file, view.cleaning) == (True, "")
    assert long.bench.file(long.capture).state == "filed"


def test_after_a_crash_it_is_taken_up_by_whoever_looks_next() -> None:
    long = Long()
    long.bench.background.lost()
    assert mend(long.bench.parts) == 0, "somebody may still be at it"
    long.bench.clock.advance(seconds=AFTER_SILENCE.total_seconds())
    assert mend(long.bench.parts) == 1
    assert long.done().is_made
    assert mend(long.bench.parts) == 0


def test_a_crash_in_the_middle_is_noticed_by_silence_and_nobody_makes_it_twice_at_once() -> None:
    long = Long()
    bench = long.bench

    class Died(BaseException):
        pass

    def die(_received: ReceivedImage) -> None:
        raise Died

    long.worker.on_clean = die
    with pytest.raises(Died):
        long.done()
    assert long.image.making is not None and long.image.making.at == bench.clock.now()
    long.worker.on_clean = lambda _: None
    cleaning.begin(bench.parts, SESSION, long.capture, long.image_id)
    assert not long.image.is_clean, "the one who is at it gave a sign of life a moment ago"
    bench.clock.advance(seconds=AFTER_SILENCE.total_seconds())
    assert mend(bench.parts) == 1
    assert long.image.is_made


def test_how_far_it_is_is_written_down_as_a_sign_of_life() -> None:
    long = Long()
    seen: list[tuple[float, dt.datetime | None]] = []
    bench = long.bench

    class Slow(Cinema):
        def clean(
            self,
            received: ReceivedImage,
            *,
            geometry: Geometry = UNCHANGED,
            lossless: bool = False,
            video: VideoTerms | None = None,
            progress: Callable[[float], None] | None = None,
        ) -> CleanImage:
            assert progress is not None
            for share in (0.2, 0.4, 0.6):
                bench.clock.advance(seconds=100)  # longer in all than silence may be
                progress(share)
                making = long.image.making
                assert making is not None
                seen.append((making.share, making.at))
                assert mend(bench.parts) == 0
            return super().clean(received, geometry=geometry, lossless=lossless, video=video)

    long.bench.parts = replace(bench.parts, worker=Slow())
    bench.background.held = False
    bench.background.lost()
    cleaning.begin(bench.parts, SESSION, long.capture, long.image_id)
    assert [share for share, _ in seen] == [0.2, 0.4, 0.6]
    assert long.image.is_made


def test_what_turns_out_to_be_no_video_goes_and_somebody_is_told() -> None:
    long = Long()
    long.worker.on_clean = refusing("video-damaged")
    long.bench.background.held = False
    long.bench.background.release()
    assert (long.draft.images, long.bench.vault.items()) == ((), [])
    (told,) = long.draft.not_used
    assert (told.image_id, told.code, told.message) == (long.image_id, "video-damaged", "This video is damaged.")
    assert long.bench.audit.entries()[-1].entry.detail["code"] == "video-damaged"
    assert draft_from_json(draft_to_json(long.draft)) == long.draft


def test_a_worker_that_is_busy_is_asked_again_later() -> None:
    long = Long()

    def busy(_received: ReceivedImage) -> None:
        raise Unavailable("busy")

    long.worker.on_clean = busy
    assert not long.done().is_clean
    assert long.draft.not_used == ()
    long.worker.on_clean = lambda _: None
    long.bench.clock.advance(seconds=AFTER_SILENCE.total_seconds())
    assert mend(long.bench.parts) == 1 and long.image.is_made


def test_thrown_away_while_it_is_made_no_byte_stays() -> None:
    long = Long()
    digest = long.bench.captures.identity_digest(long.bench.captures.patient(SESSION))

    def thrown_away(_received: ReceivedImage) -> None:
        said = {"patient_id": str(SESSION.patient_id), "identity_digest": digest}
        long.bench.captures.discard_all(SESSION, long.capture, reason="duplicate", **said)

    long.worker.on_clean = thrown_away
    long.bench.background.held = False
    long.bench.background.release()
    assert long.bench.vault.items() == []


# ------------------------------------------------------------------------------------------------ made anew


def clean_film() -> Long:
    long = Long()
    long.done()
    long.bench.background.held = True
    return long


TURNED = Geometry(quarter_turns=1)


def test_a_change_goes_on_without_its_request_and_what_was_clean_stays_until_then() -> None:
    long = clean_film()
    before = long.image
    answered = long.bench.captures.edit(SESSION, long.capture, long.image_id, TURNED)
    assert (answered.clean, answered.making) == (before.clean, Making(TURNED))
    assert "still being cleaned" in long.bench.captures.assess(SESSION, long.capture).cleaning
    made = long.done()
    assert made.is_made and made.geometry == TURNED and made.clean != before.clean


def test_of_two_changes_the_later_counts_though_the_earlier_is_still_made() -> None:
    long = clean_film()
    cropped = Geometry(crop=Region(0.1, 0.1, 0.9, 0.9))
    long.bench.captures.edit(SESSION, long.capture, long.image_id, TURNED)

    def change_once(_received: ReceivedImage) -> None:
        long.worker.on_clean = lambda _: None
        cleaning.ask_for(long.bench.parts, SESSION, long.capture, long.image_id, Making(cropped))

    long.worker.on_clean = change_once
    assert long.done().geometry == cropped
    assert len(long.bench.vault.items()) == 3


def test_a_change_that_cannot_be_made_leaves_the_video_as_it_was() -> None:
    long = clean_film()
    before = long.image
    long.bench.captures.edit(SESSION, long.capture, long.image_id, TURNED)
    long.worker.on_clean = refusing("region-too-small")
    assert long.done() == before
    assert [each.code for each in long.draft.not_used] == ["region-too-small"]


def test_sound_is_begun_when_its_reason_is_given_and_one_that_cannot_be_kept_stops_the_filing() -> None:
    long = clean_film()
    said = {**RECORDED, "sound_reason": "The cough is the finding"}
    changed = long.bench.answer(long.capture, {long.image_id: "store"}, **said)
    assert changed.image(long.image_id).making == Making(sound=True)
    long.worker.on_clean = refusing("video-damaged")
    assert long.done().sound is False
    long.bench.answer(long.capture, {long.image_id: "store"}, **said)
    assert long.image.making is None, "what was refused is not tried at every keystroke"
    with pytest.raises(UnacceptableImage):
        long.bench.file(long.capture)
    long.worker.on_clean = lambda _: None
    long.bench.answer(long.capture, {long.image_id: "store"}, **{**said, "sound_reason": ""})
    assert long.bench.file(long.capture).state == "filed"


def test_a_picture_never_waits_for_a_video() -> None:
    long = Long()
    image = long.bench.captures.receive(SESSION, long.capture, b"PICTURE:face", "image/jpeg")
    assert image.is_made and not long.image.is_made


def test_for_a_capture_that_is_nobodys_nothing_is_made() -> None:
    long = Long()
    stranger = replace(SESSION, fhir_base=type(SESSION.fhir_base)("https://other.example/fhir"))
    long.bench.background.lost()
    long.bench.background.held = False
    cleaning.begin(long.bench.parts, stranger, long.capture, long.image_id)
    cleaning.begin(long.bench.parts, SESSION, CaptureId("nowhere"), ImageId("none"))
    assert not long.image.is_clean
