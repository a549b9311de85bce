"""Two who make one video, a filing or a new wish in the middle: what was asked for last counts, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture import cleaning, sanitise
from fhir_plugin.capture.draft import DraftState, Making
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.errors import Incomplete, UnacceptableImage
from mappings.model.identifiers import CaptureId
from mappings.model.images import Geometry, ReceivedImage, Region
from mappings.model.people import ClinicalSession
from tests.capture.bench import SESSION
from tests.capture.test_video_made_later import RECORDED, TURNED, Long, clean_film, refusing

HIDDEN = Geometry(black_out=(Region(0.2, 0.2, 0.4, 0.4),))


def another_process(long: Long) -> None:
    """Makes the video as it is asked for now, while somebody else is at it."""
    long.worker.on_clean = lambda _: None
    cleaning._make(long.bench.parts, SESSION, long.capture, long.image_id)


def test_who_ends_late_does_not_undo_what_was_asked_for_later_and_made_elsewhere() -> None:
    long = clean_film()
    long.bench.captures.edit(SESSION, long.capture, long.image_id, TURNED)

    def meanwhile(_received: ReceivedImage) -> None:
        cleaning.ask_for(long.bench.parts, SESSION, long.capture, long.image_id, Making(HIDDEN))
        another_process(long)
        assert long.image.geometry == HIDDEN

    long.worker.on_clean = meanwhile
    made = long.done()
    assert (made.geometry, made.is_made) == (HIDDEN, True), "a face that was blacked out stays so"
    assert len(long.bench.vault.items()) == 3


def test_a_late_refusal_says_nothing_of_what_was_made_meanwhile() -> None:
    long = clean_film()
    long.bench.captures.edit(SESSION, long.capture, long.image_id, TURNED)

    def meanwhile(received: ReceivedImage) -> None:
        cleaning.ask_for(long.bench.parts, SESSION, long.capture, long.image_id, Making(HIDDEN))
        another_process(long)
        refusing("region-too-small")(received)

    long.worker.on_clean = meanwhile
    assert long.done().geometry == HIDDEN and long.draft.not_used == ()


def test_a_refusal_of_what_is_asked_for_otherwise_by_now_is_nobodys_concern() -> None:
    long = clean_film()
    long.bench.captures.edit(SESSION, long.capture, long.image_id, TURNED)

    def meanwhile(received: ReceivedImage) -> None:
        long.worker.on_clean = lambda _: None
        cleaning.ask_for(long.bench.parts, SESSION, long.capture, long.image_id, Making(HIDDEN))
        refusing("region-too-small")(received)

    long.worker.on_clean = meanwhile
    assert long.done().geometry == HIDDEN and long.draft.not_used == ()


def test_a_new_wish_is_not_answered_with_why_the_last_was_refused() -> None:
    long = clean_film()
    long.bench.captures.edit(SESSION, long.capture, long.image_id, TURNED)
    long.worker.on_clean = refusing("region-too-small")
    long.done()
    long.worker.on_clean = lambda _: None
    assert long.bench.captures.edit(SESSION, long.capture, long.image_id, HIDDEN).geometry == HIDDEN
    assert long.draft.not_used == ()


@pytest.mark.parametrize("state", [DraftState.FILING, DraftState.FILED, DraftState.DISCARDED])
def test_once_filing_has_begun_a_refusal_takes_nothing_out_of_it(state: DraftState) -> None:
    """What was discarded, and is kept sealed by a hold, is not destroyed by the worker's refusal."""
    long = Long()
    before = long.image

    def meanwhile(_received: ReceivedImage) -> None:
        with long.bench.parts.work.transaction():
            draft = long.bench.parts.drafts.get(long.capture, for_change=True)
            long.bench.parts.drafts.save(replace(draft, state=state))
        raise UnacceptableImage("This video is damaged.", code="video-damaged")

    long.worker.on_clean = meanwhile
    after = long.done()
    assert after.received == before.received and len(long.bench.vault.items()) == 1
    assert long.draft.not_used == ()


def test_sound_whose_reason_is_taken_back_while_filing_begins_is_not_filed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In another tab, between the look at the sound and the filing itself."""
    long = Long()
    said = {**RECORDED, "sound_reason": "The cough is the finding"}
    long.bench.answer(long.capture, {long.image_id: "store"}, **said)
    assert long.done().sound

    def taken_back(parts: CaptureParts, _session: ClinicalSession, capture_id: CaptureId) -> None:
        with parts.work.transaction():
            draft = parts.drafts.get(capture_id, for_change=True)
            answers = draft.answers.with_form({"sound_reason": ""}, (long.image_id,))
            parts.drafts.save(replace(draft, answers=answers))

    monkeypatch.setattr(sanitise, "settle_sound", taken_back)
    with pytest.raises(Incomplete, match="taken back"):
        long.bench.file(long.capture)
    assert long.draft.intent is None
