"""A standalone launch between its pages: who signed in so far, and for which authorization request."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Interaction:
    """One authorization request that waits for a person. Its id, unguessable, stands in the page's form."""

    parameters: Mapping[str, list[str]] = field(repr=False)
    expires_at: float
    user: str | None = None


class Interactions:
    """The waiting requests."""

    def __init__(self, *, lifetime: float, clock: Callable[[], float]) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._waiting: dict[str, Interaction] = {}
        self._lock = threading.Lock()

    def open(self, parameters: Mapping[str, list[str]]) -> str:
        now = self._clock()
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._waiting = {k: i for k, i in self._waiting.items() if i.expires_at > now}
            self._waiting[name] = Interaction(parameters, now + self._lifetime)
        return name

    def find(self, name: str) -> Interaction | None:
        found = self._waiting.get(name)
        return found if found is not None and found.expires_at > self._clock() else None

    def close(self, name: str) -> Interaction | None:
        """Take it out: an answer is given once."""
        with self._lock:
            found = self._waiting.pop(name, None)
        return found if found is not None and found.expires_at > self._clock() else None
