"""Traces in memory: what would be found if these were the contents of places."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from fhir_plugin.errors import Unavailable

_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


class FakeTraces:
    """`files`: place -> name -> content. `shut`: places that cannot be read."""

    def __init__(self, places: Sequence[str] = ("database", "queue", "state", "temp")) -> None:
        self._places = tuple(places)
        self.files: dict[str, dict[str, bytes]] = {each: {} for each in places}
        self.shut: set[str] = set()

    def places(self) -> tuple[str, ...]:
        return self._places

    def find(self, place: str, needles: Sequence[bytes]) -> tuple[str, ...]:
        if place in self.shut:
            raise Unavailable("a file there cannot be read", code="not-readable")
        return tuple(name for name, content in sorted(self.files[place].items()) if _in(content, needles))


def _in(content: bytes, needles: Sequence[bytes]) -> bool:
    """Worked out otherwise than the product does: every run of the content is decoded from each offset."""
    if any(needle in content for needle in needles):
        return True
    letters = bytes(each for each in content if each in _ALPHABET)
    for start in range(4):
        run = letters[start : start + (len(letters) - start) // 4 * 4]
        if any(needle in base64.b64decode(run) for needle in needles):
            return True
    return False
