"""Who asked us to wait, and until when: Retry-After with 429 or 503, obeyed before anything is sent (RFC 9110, 10.2.3).

With a bearer token it is the record that answers: its 503 speaks for the whole origin, its 429 to whoever holds that
token, so that one person's haste does not lock everybody else out. Without one (discovery, key sets, styles, the token
endpoint) either speaks for that path alone: other services may stand behind the same name, and a stylesheet that is
busy must not close the record.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

LONGEST_SECONDS = 120.0
"""No server locks us out for longer at a time, whatever it asks for; asking then says whether it still means it."""

MOST_KEPT = 10_000
_PORTS = {"https": 443, "http": 80}

Key = tuple[str, ...]


class Waits:
    """The waits that this process was asked for, on a monotonic clock. Holds hashes of tokens, never tokens."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._until: dict[Key, float] = {}

    def left(self, url: str, authorization: str | None) -> float:
        """Seconds until such a request may be sent; 0: now."""
        with self._lock:
            until = max(self._until.get(key, 0.0) for key in (_everybody(url), _one(url, authorization)))
        return max(0.0, until - self._now())

    def note(self, url: str, authorization: str | None, *, status: int, retry_after: float | None) -> None:
        """Remember what an answer asked for. Anything but 429 and 503 with a time asks for nothing."""
        if status not in (429, 503) or not retry_after:
            return
        key = _everybody(url) if status == 503 and _bearer(authorization) else _one(url, authorization)
        now = self._now()
        with self._lock:
            if len(self._until) >= MOST_KEPT:
                self._until = {each: until for each, until in self._until.items() if until > now}
            if len(self._until) >= MOST_KEPT:
                self._until.pop(next(iter(self._until)))
            self._until[key] = now + min(retry_after, LONGEST_SECONDS)


def _everybody(url: str) -> Key:
    parts = urlsplit(url)
    return (f"{parts.scheme}://{(parts.hostname or '').rstrip('.')}:{parts.port or _PORTS.get(parts.scheme)}",)


def _one(url: str, authorization: str | None) -> Key:
    token = _bearer(authorization)
    return (*_everybody(url), hashlib.sha256(token.encode()).hexdigest() if token else urlsplit(url).path)


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    return token if scheme.lower() == "bearer" else ""
