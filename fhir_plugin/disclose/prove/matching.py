"""Finding many needles in a window of bytes at once, at a cost that does not grow with their number.

Of each needle one four-byte piece is its anchor. A table over a hash of every four bytes of the window says where an
anchor may lie (numpy), and only there the needles are compared.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fhir_plugin.disclose.prove.needles import Kind, Needle

_BITS: Final = 18
_MULTIPLIER: Final = np.uint32(2654435761)
_SHIFT: Final = np.uint32(32 - _BITS)
_INSIDE_ID: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{2}")
_ENDS: Final = re.compile(
    rb"[^A-Za-z0-9.\-]|\.(?![A-Za-z0-9\-])"
    rb"|\.(?:jpe?g|png|gif|webp|hei[cf]|tiff?|bmp|dcm|pdf|mp4|mov|webm|json|xml|html?|txt|zip|gz)(?![A-Za-z0-9\-])",
    re.IGNORECASE,
)
"""A longer id goes on with a full stop; a sentence ends with one, and a file name goes on with its kind."""
_LONGEST_ENDING: Final = 8
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_\-]*")
_CUT: Final = (0, 2, 3)
"""How many characters of base64 depend on what stands before, for each of the three shifts."""


class Form(Enum):
    """How a needle is written."""

    PLAIN = 1
    HEX = 2
    WIDE = 3
    BASE64 = 4


@dataclass(frozen=True)
class Pattern:
    """Bytes to find for one needle in one form; of base64 at one `shift`."""

    needle: Needle
    data: bytes
    anchor: int
    form: Form
    shift: int = 0


class Matcher:
    """`find` gives the needles that stand in a window."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._plain = _Table(_plain(needles))
        self._base64 = _Table(_encoded(needles))

    def find(self, window: bytes, *, first: bool, last: bool) -> Iterator[tuple[int, Needle]]:
        """Where needles begin. A whole one at an edge counts only where the stream really begins or ends."""
        for place, pattern in self._plain.candidates(window.lower()):
            needle, end = pattern.needle, place + len(pattern.data)
            if pattern.form is Form.PLAIN:
                same = needle.fold or window[place:end] == needle.text
                alone = not needle.whole or _stands_alone(window, place, end, first=first, last=last)
            elif pattern.form is Form.HEX:
                same = True
                alone = not needle.whole or _stands_alone_in_hex(window, place, end)
            else:
                same = alone = True
            if same and alone:
                yield place, needle

    def find_base64(self, window: bytes) -> Iterator[tuple[int, Needle]]:
        """Where needles begin as base64, at any of its three alignments."""
        for place, pattern in self._base64.candidates(window):
            if _is_really_there(window, place, pattern):
                yield place, pattern.needle


class _Table:
    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._known: dict[bytes, list[Pattern]] = {}
        self._table = np.zeros(1 << _BITS, dtype=np.bool_)
        for pattern in patterns:
            piece = pattern.data[pattern.anchor : pattern.anchor + 4]
            self._known.setdefault(piece, []).append(pattern)
            self._table[_hashes(piece)[0]] = True

    def candidates(self, window: bytes) -> Iterator[tuple[int, Pattern]]:
        if len(window) < 4 or not self._known:
            return
        for found in np.flatnonzero(self._table[_hashes(window)]).tolist():
            for pattern in self._known.get(window[found : found + 4], ()):
                start = found - pattern.anchor
                if start >= 0 and window.startswith(pattern.data, start):
                    yield start, pattern


def _hashes(window: bytes) -> NDArray[np.uint32]:
    """A hash of each four bytes that stand together."""
    flat = np.frombuffer(window, dtype=np.uint8).astype(np.uint32)
    joined = flat[:-3] | flat[1:-2] << np.uint32(8) | flat[2:-1] << np.uint32(16) | flat[3:] << np.uint32(24)
    hashes: NDArray[np.uint32] = (joined * _MULTIPLIER) >> _SHIFT
    return hashes


def _anchor(data: bytes) -> int:
    """Where the rarest-looking four bytes begin: digits and signs are rarer than letters; the last of equals."""
    best, place = -1, 0
    for start in range(len(data) - 3):
        piece = data[start : start + 4]
        rarity = sum(2 if 48 <= byte <= 57 or byte > 127 else 0 if 97 <= byte <= 122 else 1 for byte in piece)
        rarity = 4 * rarity + len(set(piece))
        if rarity >= best:
            best, place = rarity, start
    return place


def _plain(needles: Iterable[Needle]) -> Iterator[Pattern]:
    for needle in needles:
        forms = {needle.text.lower(): Form.PLAIN, needle.text.hex().encode(): Form.HEX}
        if needle.kind is not Kind.BYTES and not needle.text.isascii():  # the others are found without their zeros
            words = needle.text.decode("utf-8", "replace")
            for wide in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
                forms[words.encode(wide, "replace").lower()] = Form.WIDE
        for data, form in forms.items():
            yield Pattern(needle, data, _anchor(data), form)


def _encoded(needles: Iterable[Needle]) -> Iterator[Pattern]:
    for needle in needles:
        for shift in range(3):
            text = base64.b64encode(b"\0" * shift + needle.text)
            rest = (shift + len(needle.text)) % 3
            sure = text[_CUT[shift] : len(text) - (0, 3, 2)[rest]]
            for data in {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}:
                if len(data) >= 5:
                    yield Pattern(needle, data, _anchor(data), Form.BASE64, shift)


def _stands_alone_in_hex(window: bytes, place: int, end: int) -> bool:
    before, after = (_HEX.findall(each) for each in (window[max(place - 2, 0) : place], window[end : end + 4]))
    text = bytes.fromhex(b"".join((*before[-1:], window[place:end], *after)).decode())
    left = len(before[-1:])
    return _stands_alone(text, left, left + (end - place) // 2, first=True, last=True)


def _stands_alone(window: bytes, place: int, end: int, *, first: bool, last: bool) -> bool:
    """Whether it does not go on to a longer id or word. A full stop ends it unless an id goes on behind it."""
    if (place == 0 and not first) or (end + _LONGEST_ENDING > len(window) and not last):
        return False  # the window before, or the next one, has it whole
    if place and window[place - 1] in _INSIDE_ID and window[place] in _INSIDE_ID:
        return False
    return end == len(window) or bool(_ENDS.match(window, end))


def _is_really_there(window: bytes, place: int, pattern: Pattern) -> bool:
    """Decode the groups around it: is the needle there, and does it stand alone?"""
    group = place - _CUT[pattern.shift]
    if group < 0:
        return False
    start = group
    for _ in range(2):  # eight characters before, where they are base64, show what stands before
        if start >= 4 and _BASE64.fullmatch(window, start - 4, start):
            start -= 4
    run = _BASE64.match(window, place)
    end = min(run.end() if run else place, place + len(pattern.data) + 12)
    text = window[start:end].translate(bytes.maketrans(b"-_", b"+/"))
    text = text[: len(text) - 1] if len(text) % 4 == 1 else text
    decoded = base64.b64decode(text + b"=" * (-len(text) % 4))
    needle = pattern.needle
    found = decoded.find(needle.text)
    while found >= 0:
        if not needle.whole or _stands_alone(decoded, found, found + len(needle.text), first=True, last=True):
            return True
        found = decoded.find(needle.text, found + 1)
    return False
