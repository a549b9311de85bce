"""Numbers, dates and names as people read them."""

from __future__ import annotations

import datetime as dt

import pytest

from fhir_plugin.web.words import checksum, clock_time, day, listed, nhs_number, possessive, tellingly


@pytest.mark.parametrize(
    ("number", "read"),
    [("9990000018", "999 000 0018"), ("999 000 0018", "999 000 0018"), (None, "not known"), ("99900", "99900")],
)
def test_nhs_numbers_are_read_in_threes_and_four(number: str | None, read: str) -> None:
    assert nhs_number(number) == read


def test_a_day_is_the_day_on_a_uk_clock() -> None:
    assert day(dt.datetime(2026, 6, 30, 23, 30, tzinfo=dt.UTC)) == "1 July 2026"
    assert day(dt.datetime(2026, 12, 31, 23, 30, tzinfo=dt.UTC)) == "31 December 2026"
    assert day(dt.datetime(2026, 6, 30, 23, 30)) == "30 June 2026"  # noqa: DTZ001 - a camera knows no zone
    assert day(dt.date(2026, 3, 4)) == "4 March 2026"
    assert day(None) == "date unknown"
    assert clock_time(dt.datetime(2026, 6, 30, 11, 5, tzinfo=dt.UTC)) == "12:05pm"
    assert clock_time(dt.datetime(2026, 1, 30, 0, 5, tzinfo=dt.UTC)) == "12:05am"


def test_names_and_lists() -> None:
    assert possessive("Amy Lee") == "Amy Lee’s"
    assert possessive("James REES") == "James REES’"
    assert listed(("a", "b", "c")) == "a, b and c"
    assert listed(("a",)) == "a"
    assert listed(()) == ""
    assert checksum("0123456789abcdef" * 4) == "0123 4567 89ab cdef"


def test_what_matters_to_privacy_comes_first() -> None:
    assert tellingly(("camera settings", "time", "location")) == ["location", "time", "camera settings"]
