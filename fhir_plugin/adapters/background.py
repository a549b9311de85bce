"""Work that outlives the request that began it: a few threads of this process, which come and go with their work.

Nothing here survives the process. Who begins work has written down first what is to be done, and looks again later.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

import structlog

_log = structlog.get_logger(__name__)


class BackgroundThreads:
    """The `Background` port. At most `threads` pieces of work at once; the others wait their turn, first come first."""

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError("at least one thread")
        self._threads = threads
        self._begin_anew()

    def begin(self, name: str, work: Callable[[], object]) -> None:
        """See `Background.begin`."""
        with self._changed_here():
            if name in self._under_way:
                return
            self._under_way.add(name)
            self._waiting.append((name, work))
            self._start_where_needed()

    def wait(self, name: str, seconds: float) -> bool:
        """See `Background.wait`."""
        changed = self._changed_here()
        with changed:
            return changed.wait_for(lambda: name not in self._under_way, seconds)

    def settle(self, seconds: float) -> bool:
        """See `Background.settle`."""
        changed = self._changed_here()
        with changed:
            return changed.wait_for(lambda: not self._under_way, seconds)

    def _run(self) -> None:
        try:
            while (taken := self._next()) is not None:
                name, work = taken
                try:
                    work()
                finally:
                    self._end(name)
        except BaseException as error:
            _log.error("work in the background failed", error=type(error).__name__)
            with self._changed:
                self._running -= 1
                self._start_where_needed()
            raise

    def _next(self) -> tuple[str, Callable[[], object]] | None:
        with self._changed:
            if self._waiting:
                return self._waiting.popleft()
            self._running -= 1
            return None

    def _end(self, name: str) -> None:
        with self._changed:
            self._under_way.discard(name)
            self._changed.notify_all()

    def _start_where_needed(self) -> None:
        if self._waiting and self._running < self._threads:
            self._running += 1
            threading.Thread(target=self._run, name="background", daemon=True).start()

    def _changed_here(self) -> threading.Condition:
        """The condition of this very process: after a fork the parent's threads are the parent's."""
        if self._owner != os.getpid():
            self._begin_anew()
        return self._changed

    def _begin_anew(self) -> None:
        self._owner = os.getpid()
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, Callable[[], object]]] = deque()
        self._under_way: set[str] = set()
        self._running = 0
