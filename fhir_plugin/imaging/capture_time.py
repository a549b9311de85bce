"""When the camera says the picture was taken: a claim, kept apart from the picture."""

from __future__ import annotations

import datetime as dt
import re

from fhir_plugin.imaging.exif import ExifFacts

_DATE_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)
_YEARS = range(1990, 2100)
_RESET_CLOCKS = frozenset({(2000, 1, 1), (2001, 1, 1), (2002, 1, 1)})
"""Dates that cameras show when their battery has been out; midnight or noon of them says nothing."""


def capture_time(facts: ExifFacts) -> tuple[dt.datetime | None, bool]:
    """DateTimeOriginal and whether its offset to UTC is known (EXIF 2.31, OffsetTimeOriginal).

    Without an offset it is the clock on the wall where the picture was taken, carried as if it were UTC:
    show it without a zone and compare it by the day only. (None, False) where absent or not plausible.
    """
    match = _DATE_TIME.fullmatch(facts.date_time_original or "")
    if match is None:
        return None, False
    year, month, day, hour, minute, second = map(int, match.groups())
    if year not in _YEARS or ((year, month, day) in _RESET_CLOCKS and hour in (0, 12) and minute < 10):
        return None, False
    offset = _offset(facts.offset_time_original)
    try:
        taken = dt.datetime(year, month, day, hour, minute, second, tzinfo=offset or dt.UTC)
    except ValueError:
        return None, False
    return taken, offset is not None


def _offset(text: str | None) -> dt.timezone | None:
    match = _OFFSET.fullmatch(text or "")
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    if minutes > 14 * 60 or minutes % 15:
        return None
    return dt.timezone(dt.timedelta(minutes=-minutes if match[1] == "-" else minutes))
