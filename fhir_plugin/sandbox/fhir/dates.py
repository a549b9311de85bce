"""FHIR dates as ranges of microseconds since 1970, UTC: what is not said is a range (R4 search, date)."""

from __future__ import annotations

import calendar
import datetime as dt
import re

BEGINNING = -(2**62)
"""Before every date: the start of a period that has none."""
END = 2**62

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?")


def instant(moment: dt.datetime) -> str:
    """An R4 instant in UTC with milliseconds."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def microseconds(moment: dt.datetime) -> int:
    """Since 1970, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def date_range(text: str) -> tuple[int, int] | None:
    """First microsecond of what `text` may mean and the first one after it; None if it is no date.

    Times without a zone are read as UTC.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        offset = _offset(zone)
        start = (
            dt.datetime(
                int(year),
                int(month or 1),
                int(day or 1),
                int(hour or 0),
                int(minute or 0),
                min(int(second or 0), 59),  # a leap second counts as the one before
                int((fraction or "0")[:6].ljust(6, "0")),
                tzinfo=dt.UTC,
            )
            - offset
        )
    except (ValueError, OverflowError):
        return None
    low = microseconds(start)
    return low, low + _width(int(year), month, day, hour, second, fraction)


def _offset(zone: str | None) -> dt.timedelta:
    if not zone or zone == "Z":
        return dt.timedelta()
    sign = -1 if zone[0] == "-" else 1
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    return sign * dt.timedelta(hours=hours, minutes=minutes)


def _width(
    year: int, month: str | None, day: str | None, hour: str | None, second: str | None, fraction: str | None
) -> int:
    day_width = 86_400_000_000
    if month is None:
        return (366 if calendar.isleap(year) else 365) * day_width
    if day is None:
        return calendar.monthrange(year, int(month))[1] * day_width
    if hour is None:
        return day_width
    if second is None:
        return 60_000_000
    return 1_000_000 if fraction is None else max(1, 10 ** (6 - len(fraction)) if len(fraction) <= 6 else 1)
