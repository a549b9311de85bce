"""A queue that keeps its wake-ups, or runs them on the spot."""

from __future__ import annotations

from collections.abc import Callable


class InlineQueue:
    """With `work`, an immediate wake-up runs it at once (never inside itself); delayed ones are only noted."""

    def __init__(self, work: Callable[[], object] | None = None) -> None:
        self._work = work
        self._busy = False
        self.wakes: list[float] = []

    def wake(self, *, after_seconds: float = 0) -> None:
        self.wakes.append(after_seconds)
        if self._work is not None and not after_seconds and not self._busy:
            self._busy = True
            try:
                self._work()
            finally:
                self._busy = False
