"""Times of day as people write them beside a recording, and the stretch of time between two of them (G-R208)."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo

UK: Final = ZoneInfo("Europe/London")
"""The clock in the room: this is written for the United Kingdom."""
LONGEST: Final = dt.timedelta(hours=4)
"""No recording of a consultation is longer: an end so long after its beginning lies before it."""
_WRITTEN: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def clock_time(text: str) -> dt.time | None:
    """A time of day in hours and minutes; None for anything else."""
    written = text.strip()
    return dt.time.fromisoformat(written) if _WRITTEN.fullmatch(written) else None


def between(began: dt.time, ended: dt.time) -> dt.timedelta | None:
    """How long from one to the other, past midnight too; None where the end lies before the beginning."""
    day = dt.timedelta(days=1)
    length = (
        dt.timedelta(hours=ended.hour, minutes=ended.minute) - dt.timedelta(hours=began.hour, minutes=began.minute)
    ) % day
    return length if length <= LONGEST else None


def recorded_from_to(
    day: dt.date, began: dt.time, ended: dt.time | None, seconds: float
) -> tuple[dt.datetime, dt.datetime]:
    """When a recording began and ended. Where nobody wrote the end down, or in the same minute, the video's own length
    says it."""
    start = dt.datetime.combine(day, began, UK)
    length = between(began, ended) if ended is not None else None
    return start, (start.astimezone(dt.UTC) + (length or dt.timedelta(seconds=round(seconds)))).astimezone(UK)
