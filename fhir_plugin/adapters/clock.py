"""The one place that tells the time."""

from __future__ import annotations

import datetime as dt


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> dt.datetime:
        """An aware UTC instant."""
        return dt.datetime.now(dt.UTC)
