"""Times of day beside a recording: read strictly, past midnight too, and never from the end to the beginning."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fhir_plugin.policy.clock_times import LONGEST, UK, between, clock_time, recorded_from_to

DAY = dt.date(2026, 11, 22)
SPRING = dt.date(2026, 3, 29)
"""At one in the morning the clocks go to two."""


@pytest.mark.parametrize(
    ("text", "read"), [("14:05", dt.time(14, 5)), (" 00:00 ", dt.time(0)), ("23:59", dt.time(23, 59))]
)
def test_hours_and_minutes_are_read(text: str, read: dt.time) -> None:
    assert clock_time(text) == read


@pytest.mark.parametrize(
    "text", ["", "24:00", "9:05", "14.05", "14:60", "14:05:01", "1405", "two", "14:05Z", "١٤:٠٥", "14:05\n15:00"]
)
def test_anything_else_is_no_time(text: str) -> None:
    assert clock_time(text) is None


@given(some.times(), some.times())
def test_a_stretch_goes_forward_and_is_never_longer_than_a_consultation(began: dt.time, ended: dt.time) -> None:
    length = between(began.replace(second=0, microsecond=0), ended.replace(second=0, microsecond=0))
    assert length is None or dt.timedelta(0) <= length <= LONGEST


@pytest.mark.parametrize(
    ("began", "ended", "seconds", "start", "end"),
    [
        ("14:05", "14:07", 100.0, "2026-11-22T14:05:00+00:00", "2026-11-22T14:07:00+00:00"),
        ("14:05", None, 100.4, "2026-11-22T14:05:00+00:00", "2026-11-22T14:06:40+00:00"),
        ("14:05", "14:05", 12.0, "2026-11-22T14:05:00+00:00", "2026-11-22T14:05:12+00:00"),
        ("23:58", "00:02", 230.0, "2026-11-22T23:58:00+00:00", "2026-11-23T00:02:00+00:00"),
    ],
)
def test_what_is_not_written_down_is_reckoned_from_the_length(
    began: str, ended: str | None, seconds: float, start: str, end: str
) -> None:
    first = clock_time(began)
    assert first is not None
    last = clock_time(ended) if ended else None
    found = recorded_from_to(DAY, first, last, seconds)
    assert found == (dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end))
    assert all(each.tzinfo is UK for each in found)


def test_the_clocks_going_forward_lengthens_nothing() -> None:
    start, end = recorded_from_to(SPRING, dt.time(0, 59), None, 120.0)
    assert end.astimezone(dt.UTC) - start.astimezone(dt.UTC) == dt.timedelta(seconds=120)
    assert end.strftime("%H:%M") == "02:01"
