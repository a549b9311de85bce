"""A video while it is being played: a player asks for it in pieces, and the EHR is asked for it once.

Bytes leave this memory when nobody has asked for a piece for a while, when they have been here for the longest time
that there is, and when the launch ends, whichever comes first; nobody has to come by for that.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from mappings.model.identifiers import LaunchId, Reference

PLAYED_FOR = dt.timedelta(minutes=2)
"""How long after the last piece the bytes are kept, in memory only."""
LONGEST = dt.timedelta(minutes=20)
"""How long they are kept at the most: the EHR is then asked again."""
MOST = 2

Viewing = tuple[LaunchId, Reference, str]
"""Who watches which version of what."""

Later = Callable[[float, Callable[[], None]], None]
"""Does something once so many seconds have passed."""


def _on_a_timer(seconds: float, work: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


@dataclass
class _Kept:
    content: bytes = field(repr=False)
    since: dt.datetime
    asked: dt.datetime

    def is_over(self, now: dt.datetime) -> bool:
        return now - self.asked > PLAYED_FOR or now - self.since > LONGEST


@dataclass
class Played:
    """The few videos that are being watched in this process. Who may watch is asked anew for every piece, elsewhere."""

    clock: Callable[[], dt.datetime]
    later: Later = _on_a_timer
    _kept: dict[Viewing, _Kept] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _watched: bool = False

    def get(self, viewing: Viewing) -> bytes | None:
        """The bytes, if this viewing is still going on."""
        with self._lock:
            self._forget()
            kept = self._kept.pop(viewing, None)
            if kept is None:
                return None
            kept.asked = self.clock()
            self._kept[viewing] = kept
            return kept.content

    def keep(self, viewing: Viewing, content: bytes) -> None:
        """In the place of the one that was asked for least lately, where there are too many."""
        with self._lock:
            self._forget()
            now = self.clock()
            self._kept[viewing] = _Kept(content, now, now)
            while len(self._kept) > MOST:
                self._kept.pop(next(iter(self._kept)))
            self._watch()

    def end(self, launch: LaunchId) -> None:
        """The launch is over: nothing of it is kept."""
        with self._lock:
            self._kept = {viewing: kept for viewing, kept in self._kept.items() if viewing[0] != launch}

    def forget(self, image: Reference) -> None:
        """Nobody watches this one any more."""
        with self._lock:
            self._kept = {viewing: kept for viewing, kept in self._kept.items() if viewing[1] != image}

    def _forget(self) -> None:
        now = self.clock()
        self._kept = {viewing: kept for viewing, kept in self._kept.items() if not kept.is_over(now)}

    def _watch(self) -> None:
        if self._kept and not self._watched:
            self._watched = True
            self.later(PLAYED_FOR.total_seconds() / 4, self._look)

    def _look(self) -> None:
        with self._lock:
            self._watched = False
            self._forget()
            self._watch()
