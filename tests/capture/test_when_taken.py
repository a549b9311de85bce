"""An unknown day is a child's: neither a camera's wrong clock nor an open question makes it today."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from mappings.model.identifiers import CaptureId
from tests.capture.bench import PATIENT, SESSION, Bench

JUST_18 = {**PATIENT, "birthDate": "2008-01-10"}
"""On the day of the bench, 2 March 2026."""


def sent(bench: Bench, camera: dt.datetime | None) -> CaptureId:
    capture, [image] = bench.add("one")
    draft = bench.draft(capture)
    with bench.work.transaction():
        bench.drafts.save(draft.with_image(replace(draft.image(image), captured_at=camera)))
    bench.answer(capture, {image: "store"}, arrival="other", photographer="patient", device="patient")
    return capture


@pytest.mark.parametrize(
    "camera", [None, dt.datetime(2031, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 4, tzinfo=dt.UTC)]
)
def test_a_day_that_nobody_knows_is_asked_and_counts_as_a_childs(camera: dt.datetime | None) -> None:
    bench = Bench(patient=JUST_18)
    capture = sent(bench, camera)
    view = bench.captures.assess(SESSION, capture)
    assert "taken_on" in view.missing and "under-18" in view.flags
    bench.captures.answer(SESSION, capture, {"taken_on": "2026-03-01"})
    view = bench.captures.assess(SESSION, capture)
    assert view.may_file and "under-18" not in view.flags, (view.missing, view.holds)


@pytest.mark.parametrize("day", [2, 3])
def test_a_camera_a_time_zone_ahead_is_believed(day: int) -> None:
    bench = Bench(patient=JUST_18)
    capture = sent(bench, dt.datetime(2026, 3, day, tzinfo=dt.UTC))
    view = bench.captures.assess(SESSION, capture)
    assert view.may_file and "under-18" not in view.flags, (view.missing, view.holds)
