"""A video while it is being played: a player asks for it in pieces, and the EHR is asked for it once."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field

from mappings.model.identifiers import LaunchId, Reference

PLAYED_FOR = dt.timedelta(minutes=2)
"""How long after the last piece the bytes are kept, in memory only."""
MOST = 2

Viewing = tuple[LaunchId, Reference, str]
"""Who watches which version of what."""


@dataclass
class Played:
    """The few videos that are being watched in this process. Who may watch is asked anew for every piece, elsewhere."""

    _kept: dict[Viewing, tuple[dt.datetime, bytes]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, viewing: Viewing, now: dt.datetime) -> bytes | None:
        """The bytes, if this viewing is still going on."""
        with self._lock:
            self._forget(now)
            kept = self._kept.pop(viewing, None)
            if kept is None:
                return None
            self._kept[viewing] = (now, kept[1])
            return kept[1]

    def keep(self, viewing: Viewing, content: bytes, now: dt.datetime) -> None:
        """In the place of the one that was asked for least lately, where there are too many."""
        with self._lock:
            self._forget(now)
            self._kept[viewing] = (now, content)
            while len(self._kept) > MOST:
                self._kept.pop(next(iter(self._kept)))

    def _forget(self, now: dt.datetime) -> None:
        self._kept = {viewing: kept for viewing, kept in self._kept.items() if now - kept[0] <= PLAYED_FOR}
