"""A clock that moves only when told to."""

from __future__ import annotations

import datetime as dt

START = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)


class FakeClock:
    def __init__(self, now: dt.datetime = START) -> None:
        self._now = now

    def now(self) -> dt.datetime:
        return self._now

    def advance(self, **units: float) -> None:
        """`advance(minutes=5)`; backwards too, as real clocks do."""
        self._now += dt.timedelta(**units)
