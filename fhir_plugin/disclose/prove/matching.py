"""Finding many needles in a window of bytes at once, at a cost that does not grow with their number.

Of each needle some four-byte pieces are its anchors, so that wherever it stands one of them lies at a place that is
looked up: every fourth byte, or every second or each one for short needles. A table over a hash of those four bytes
says where an anchor may lie (numpy), and only there the needles are compared. Upper and lower case are one up to then.
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
_SMALL_LETTERS: Final = np.uint32(0x20202020)
"""Of letters this makes small ones; what else it makes alike is told apart when the needles are compared."""
_STEPS: Final = (4, 2, 1)
_MOST_ANCHORS: Final = 6
"""So many places, the last ones, are weighed to choose one."""
_TABLES: Final = ((1_500, 16), (8_000, 18), (30_000, 20), (1 << 60, 22))
"""Up to so many anchors, a table of so many bits: about one place in fifty has to be looked at more closely."""

_INSIDE_ID: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{2}")
_ENDS: Final = re.compile(
    rb"[^A-Za-z0-9.\-]|\.(?![A-Za-z0-9\-])"
    rb"|\.(?:[A-Za-z]{2,8}|mp[34]|m4[av]|3g[p2]|7z|bz2|jp2|h26[45]|z)(?![A-Za-z0-9\-])"
)
"""A longer id goes on with a full stop; a sentence ends with one, and a file name goes on with its kind: whatever
letters that is, since a kind that is not known here must not hide it."""
_LONGEST_ENDING: Final = 10
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_\-]*")
_NEAR: Final = 400
"""Bytes within which a number's system must stand."""
_CUT: Final = (0, 2, 3)
"""How many characters of base64 depend on what stands before, for each of the three shifts."""
_BEHIND: Final = 12
"""Characters of base64 that show what stands behind."""


class Form(Enum):
    """How a needle is written."""

    PLAIN = 1
    HEX = 2
    WIDE = 3
    BASE64 = 4


@dataclass(frozen=True, slots=True)
class Pattern:
    """Bytes to find for one needle in one form; of base64 at one `shift`."""

    needle: Needle
    data: bytes
    form: Form
    shift: int = 0


class Matcher:
    """`find` gives the needles that stand in a window."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        needles = tuple(needles)
        self._tables = _tables((*_plain(needles), *_encoded(needles)))
        self.no_backslash = not any(b"\\" in each.text or b"\\" in each.near for each in needles)
        """Nothing that is looked for holds one."""

    def find(self, window: bytes, *, first: bool, last: bool) -> Iterator[tuple[int, Needle]]:
        """Where needles begin. A whole one at an edge counts only where the stream really begins or ends."""
        for table in self._tables:
            for place, pattern in table.candidates(window):
                if _stands(window, place, pattern, first=first, last=last):
                    yield place, pattern.needle

    def find_base64(self, window: bytes, *, first: bool = True, last: bool = True) -> Iterator[tuple[int, Needle]]:
        """Where needles begin as base64 alone, at any of its three alignments: for what was folded in lines."""
        for table in self._tables:
            for place, pattern in table.candidates(window):
                if pattern.form is Form.BASE64 and _stands(window, place, pattern, first=first, last=last):
                    yield place, pattern.needle


def _tables(patterns: Iterable[Pattern]) -> tuple[_Table, ...]:
    """By how many bytes can be left out between the places that are looked up."""
    by_step: dict[int, list[Pattern]] = {}
    for each in patterns:
        by_step.setdefault(_step(each), []).append(each)
    return tuple(_Table(by_step[step], step) for step in sorted(by_step))


_Shape = tuple[int, int]
"""Where a piece may lie in patterns, and of which length those are."""


class _Table:
    """An anchor for each pattern at each distance from its beginning modulo `step`."""

    def __init__(self, patterns: Iterable[Pattern], step: int) -> None:
        self._step = step
        self._patterns: dict[bytes, list[Pattern]] = {}
        shapes: dict[int, tuple[_Shape, ...]] = {}
        alike: dict[tuple[_Shape, ...], tuple[_Shape, ...]] = {}
        for pattern in patterns:
            small = pattern.data.lower()
            self._patterns.setdefault(small, []).append(pattern)
            for anchor in _anchors(pattern, step):
                piece = int.from_bytes(small[anchor : anchor + 4], "little") | int(_SMALL_LETTERS)
                known = shapes.get(piece, ())
                if (anchor, len(small)) not in known:
                    known = (*known, (anchor, len(small)))
                    shapes[piece] = alike.setdefault(known, known)
        bits = next(bits for most, bits in _TABLES if len(shapes) <= most)
        self._shift = np.uint32(32 - bits)
        self._table = np.zeros(1 << bits, dtype=np.bool_)
        self._pieces = np.array(sorted(shapes), dtype=np.uint32)
        self._table[self._hashes(self._pieces)] = True
        self._shapes = [shapes[piece] for piece in self._pieces.tolist()]

    def candidates(self, window: bytes) -> Iterator[tuple[int, Pattern]]:
        """Patterns that stand in the window but for upper and lower case, each where it begins."""
        for offset in range(0, 4 if len(window) > 3 else 0, self._step):
            shifted = window[offset:] if offset else window  # numpy is slow where numbers begin at odd places
            groups = np.frombuffer(shifted, dtype="<u4", count=len(shifted) // 4) | _SMALL_LETTERS
            hits = self._table.take(self._hashes(groups)).nonzero()[0]
            if not len(hits):
                continue
            found = groups[hits]
            at = self._pieces.searchsorted(found)
            np.minimum(at, len(self._pieces) - 1, out=at)
            same = self._pieces.take(at) == found
            for place, piece in zip((hits[same] * 4 + offset).tolist(), at[same].tolist(), strict=True):
                for anchor, length in self._shapes[piece]:
                    start = place - anchor
                    if start >= 0:
                        for pattern in self._patterns.get(window[start : start + length].lower(), ()):
                            yield start, pattern

    def _hashes(self, groups: NDArray[np.uint32]) -> NDArray[np.uint32]:
        hashes: NDArray[np.uint32] = groups * _MULTIPLIER
        hashes >>= self._shift
        return hashes


def _own(pattern: Pattern) -> int:
    """From where on it has bytes of its own: the type before an id, and the server before that, are in every record."""
    if pattern.needle.kind not in (Kind.ID, Kind.URL):
        return 0
    slash = max(pattern.needle.text.rfind(b"/") - 1, 0)
    if pattern.form is Form.HEX:
        return 2 * slash
    return slash * 4 // 3 if pattern.form is Form.BASE64 else slash


def _step(pattern: Pattern) -> int:
    room = len(pattern.data) - 3 - _own(pattern)
    return next((step for step in _STEPS if step <= room), 1)


def _anchors(pattern: Pattern, step: int) -> Iterator[int]:
    """Of the last places at each distance modulo `step` the one with the rarest-looking four bytes."""
    last = len(pattern.data) - 4
    own = min(_own(pattern), last)
    words = pattern.form is Form.PLAIN and pattern.needle.kind is not Kind.BYTES
    for place in range(last, last - step, -1):
        if words:
            places = range(place, max(own, place - _MOST_ANCHORS * step) - 1, -step)
            yield max(places, key=lambda at: _rarity(pattern.data[at : at + 4]))
        else:
            yield place


def _rarity(piece: bytes) -> int:
    """Digits and signs are rarer than letters."""
    rarity = sum(2 if 48 <= byte <= 57 or byte > 127 else 0 if 97 <= byte <= 122 else 1 for byte in piece)
    return 4 * rarity + len(set(piece))


def _stands(window: bytes, place: int, pattern: Pattern, *, first: bool, last: bool) -> bool:
    """Whether a candidate is its needle: the same case, not part of something longer, where it counts."""
    needle, end = pattern.needle, place + len(pattern.data)
    if pattern.form is Form.PLAIN:
        return (
            (needle.fold or window[place:end] == pattern.data)
            and (not needle.whole or _stands_alone(window, place, end, first=first, last=last))
            and needle.near in window[max(place - _NEAR, 0) : end + _NEAR]
            and not _is_anothers(needle, window, place)
        )
    if pattern.form is Form.HEX:
        return not needle.whole or _stands_alone_in_hex(window, place, end)
    if pattern.form is Form.BASE64:
        return window[place:end] == pattern.data and _is_really_there(window, place, pattern, first=first, last=last)
    return True


def _plain(needles: Iterable[Needle]) -> Iterator[Pattern]:
    for needle in needles:
        yield Pattern(needle, needle.text, Form.PLAIN)
        if b" " in needle.text:  # as a form sends it
            yield Pattern(needle, needle.text.replace(b" ", b"+"), Form.PLAIN)
        if not needle.near:
            yield Pattern(needle, needle.text.hex().encode(), Form.HEX)
        if needle.kind is not Kind.BYTES and not needle.text.isascii():  # the others are found without their zeros
            words = needle.text.decode("utf-8", "replace")
            for wide in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
                yield Pattern(needle, words.encode(wide, "replace"), Form.WIDE)


def _encoded(needles: Iterable[Needle]) -> Iterator[Pattern]:
    for needle in needles:
        if needle.near or needle.kind is Kind.WORDS:  # long enough to be decoded and looked at as text
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


def _is_really_there(window: bytes, place: int, pattern: Pattern, *, first: bool, last: bool) -> bool:
    """Decode the groups around it: is the needle there, and does it stand alone?"""
    group = place - _CUT[pattern.shift]
    if group < 0:
        return first  # the window before has it whole, unless there is none
    if place + len(pattern.data) + _BEHIND > len(window) and not last:
        return False  # the next window has it whole
    if _BASE64.fullmatch(window, group, place) is None:
        return True  # cut off on the left: all the rest of it is there
    start = group
    before = 20 if pattern.needle.kind is Kind.ID else 2  # groups that show what stands before, where they are base64
    for _ in range(before):
        if start >= 4 and _BASE64.fullmatch(window, start - 4, start):
            start -= 4
    run = _BASE64.match(window, place)
    end = min(run.end() if run else place, place + len(pattern.data) + _BEHIND)
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
