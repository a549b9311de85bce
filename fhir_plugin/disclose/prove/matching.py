"""Finding many needles in a window of bytes at once, at a cost that does not grow with their number.

Of each needle two four-byte pieces are its anchors. A table over a hash of every second four bytes of the window says
where an anchor may lie (numpy), and only there the needles are compared.
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
from fhir_plugin.disclose.prove.types import type_before

_MULTIPLIER: Final = np.uint32(2654435761)
_MANY: Final = 1000
"""Patterns, for which a larger table is worth its memory."""

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
_NEAR: Final = 400
"""Bytes within which a number's system must stand."""
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
                alone = alone and needle.near in window[max(place - _NEAR, 0) : end + _NEAR]
                alone = alone and not _is_anothers(needle, window, place)
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
    """Two anchors for each pattern, at an even and at an odd distance from its beginning: one of them lies at an even
    place wherever the pattern stands, so that only every second group of four bytes is looked up."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._known: dict[int, list[tuple[int, Pattern]]] = {}
        found = list(patterns)
        self._step = 2 if all(len(each.data) > 4 for each in found) else 1
        bits = 16 if len(found) < _MANY else 20
        self._shift = np.uint32(32 - bits)
        self._table = np.zeros(1 << bits, dtype=np.bool_)
        for pattern in found:
            for parity in range(self._step):
                anchor = _anchor(pattern.data, parity, self._step)
                piece = int.from_bytes(pattern.data[anchor : anchor + 4], "little")
                self._known.setdefault(piece, []).append((anchor, pattern))
        if self._known:
            self._pieces = np.array(sorted(self._known), dtype=np.uint32)
            self._table[self._hashes(self._pieces)] = True

    def candidates(self, window: bytes) -> Iterator[tuple[int, Pattern]]:
        if len(window) < 4 or not self._known:
            return
        for offset in range(0, 4, self._step):
            groups = np.frombuffer(window, dtype="<u4", count=max(0, len(window) - offset) // 4, offset=offset)
            hits = np.flatnonzero(self._table.take(self._hashes(groups)))
            if not len(hits):
                continue
            found = groups[hits]
            same = self._pieces.take(np.searchsorted(self._pieces, found), mode="clip") == found
            for place, piece in zip((hits[same] * 4 + offset).tolist(), found[same].tolist(), strict=True):
                for anchor, pattern in self._known[piece]:
                    start = place - anchor
                    if start >= 0 and window.startswith(pattern.data, start):
                        yield start, pattern

    def _hashes(self, groups: NDArray[np.uint32]) -> NDArray[np.uint32]:
        hashes: NDArray[np.uint32] = groups * _MULTIPLIER
        hashes >>= self._shift
        return hashes


def _anchor(data: bytes, parity: int, step: int) -> int:
    """Where the rarest-looking four bytes begin: digits and signs are rarer than letters; the last of equals."""
    best, place = -1, parity
    for start in range(parity, len(data) - 3, step):
        piece = data[start : start + 4]
        rarity = sum(2 if 48 <= byte <= 57 or byte > 127 else 0 if 97 <= byte <= 122 else 1 for byte in piece)
        rarity = 4 * rarity + len(set(piece))
        if rarity >= best:
            best, place = rarity, start
    return place


def _plain(needles: Iterable[Needle]) -> Iterator[Pattern]:
    for needle in needles:
        forms = {needle.text.lower(): Form.PLAIN}
        if not needle.near:
            forms[needle.text.hex().encode()] = Form.HEX
        if needle.kind is not Kind.BYTES and not needle.text.isascii():  # the others are found without their zeros
            words = needle.text.decode("utf-8", "replace")
            for wide in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
                forms[words.encode(wide, "replace").lower()] = Form.WIDE
        for data, form in forms.items():
            yield Pattern(needle, data, form)


def _encoded(needles: Iterable[Needle]) -> Iterator[Pattern]:
    for needle in needles:
        if needle.near:  # with its system it is long enough to be decoded and looked at as text
            continue
        for shift in range(3):
            text = base64.b64encode(b"\0" * shift + needle.text)
            rest = (shift + len(needle.text)) % 3
            sure = text[_CUT[shift] : len(text) - (0, 3, 2)[rest]]
            for data in {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}:
                if len(data) >= 5:
                    yield Pattern(needle, data, Form.BASE64, shift)


def _stands_alone_in_hex(window: bytes, place: int, end: int) -> bool:
    before, after = (_HEX.findall(each) for each in (window[max(place - 2, 0) : place], window[end : end + 4]))
    text = bytes.fromhex(b"".join((*before[-1:], window[place:end], *after)).decode())
    left = len(before[-1:])
    return _stands_alone(text, left, left + (end - place) // 2, first=True, last=True)


def _is_anothers(needle: Needle, text: bytes, place: int) -> bool:
    """Whether a bare id stands behind the type of another resource, which has the same."""
    if needle.kind is not Kind.ID or b"/" in needle.text:
        return False
    return type_before(text, place) not in (b"", needle.of.partition("/")[0].encode())


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
    before = 20 if pattern.needle.kind is Kind.ID else 2  # groups that show what stands before, where they are base64
    for _ in range(before):
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
        alone = not needle.whole or _stands_alone(decoded, found, found + len(needle.text), first=True, last=True)
        if alone and not _is_anothers(needle, decoded, found):
            return True
        found = decoded.find(needle.text, found + 1)
    return False
