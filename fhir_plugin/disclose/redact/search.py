"""Which lines hold one of many needles, at a cost that does not grow with their number.

Of every needle two pieces of four bytes are chosen, one at an even and one at an odd distance from its beginning, the
rarest ones by a sample of what will be searched. One of them lies at an even place wherever the needle stands, so that
looking up every second group of four bytes in a table misses nothing. Of a needle of three or four bytes the groups
count that hold three of them, with any other byte beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BITS: Final = (16, 20)
"""Of the table's size: for a few needles, and for many."""

_MANY: Final = 500
_CASE: Final = 0x20
_MULTIPLIER: Final = np.uint32(2654435761)
_FOLD: Final = bytes(each | _CASE for each in range(256))
_CASES: Final = np.uint32(0x20202020)
_PIECE: Final = 4
_STEP: Final = 2
_SHORTEST: Final = 3
_NEIGHBOURS: Final = b"   "
_SAMPLE: Final = 1 << 20

Words = NDArray[np.uint32]


def folded(text: bytes) -> bytes:
    """The same for all spellings that differ in their case (and for some more), ready to be compared."""
    return _cased(text).translate(_FOLD)


class Search:
    """`lines` says which lines may hold a needle: upper and lower case are one. Every needle carries marks (bits)."""

    def __init__(self, needles: Mapping[bytes, int], sample: bytes = b"") -> None:
        """A needle of one or two bytes, or with a line break, is in every line."""
        self._marks: dict[bytes, int] = {}
        self._everywhere = 0
        for needle, marks in needles.items():
            text = folded(needle)
            if len(text) < _SHORTEST or b"\n" in needle:
                self._everywhere |= marks
            else:
                self._marks[text] = self._marks.get(text, 0) | marks
        self._pieces: dict[int, list[tuple[int, bytes]]] = {}
        bits = _BITS[len(self._marks) > _MANY]
        self._shift = np.uint32(32 - bits)
        self._table = np.zeros(1 << bits, dtype=np.bool_)
        self._choose(_cased(sample[:_SAMPLE]))
        self._known = np.array(sorted(self._pieces), dtype=np.uint32)
        self._table[self._hashes(self._known)] = True

    def _choose(self, sample: bytes) -> None:
        pieces: list[int] = []
        choices: list[tuple[bytes, int, range]] = []
        for needle in self._marks:
            for parity in range(_STEP):
                if parity + _PIECE <= len(needle):
                    places = range(parity, len(needle) - _PIECE + 1, _STEP)
                    choices.append((needle, parity, range(len(pieces), len(pieces) + len(places))))
                    pieces += [int.from_bytes(needle[at : at + _PIECE], "little") for at in places]
                else:
                    for piece, at in _with_any_neighbour(needle, parity):
                        self._pieces.setdefault(piece, []).append((at, needle))
        often = np.bincount(self._hashes(_words(sample, 0)), minlength=len(self._table))
        weights = often[self._hashes(np.array(pieces, dtype=np.uint32))].tolist()
        for needle, parity, among in choices:
            best = min(among, key=weights.__getitem__)
            self._pieces.setdefault(pieces[best], []).append((parity + _STEP * (best - among.start), needle))

    def lines(self, block: bytes) -> dict[int, int]:
        """The numbers of the lines (from 0) that hold needles, and the marks of all that they hold."""
        found: dict[int, int] = {}
        block = _cased(block) + _NEIGHBOURS
        places: list[int] = []
        marks: list[int] = []
        if self._pieces:
            for offset in range(0, _PIECE, _STEP):
                words = _words(block, offset)
                hits = np.flatnonzero(self._table.take(self._hashes(words)))
                if not len(hits):
                    continue
                perhaps = words[hits]
                same = self._known.take(np.searchsorted(self._known, perhaps), mode="clip") == perhaps
                self._compare(block, (hits[same] * _PIECE + offset).tolist(), perhaps[same].tolist(), places, marks)
        if places:
            breaks = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
            for line, mark in zip(np.searchsorted(breaks, places).tolist(), marks, strict=True):
                found[line] = found.get(line, 0) | mark
        if self._everywhere:
            lines = block.count(b"\n") + (not block.endswith(b"\n" + _NEIGHBOURS))
            found = {line: found.get(line, 0) | self._everywhere for line in range(lines)}
        return found

    def marks_in(self, text: bytes) -> int:
        """The marks of all needles in a text."""
        marks = 0
        for each in self.lines(text.replace(b"\n", b" ")).values():
            marks |= each
        return marks

    def _hashes(self, words: Words) -> Words:
        hashes: Words = words * _MULTIPLIER
        hashes >>= self._shift
        return hashes

    def _compare(self, block: bytes, at: list[int], words: list[int], places: list[int], marks: list[int]) -> None:
        for place, word in zip(at, words, strict=True):
            for before, needle in self._pieces[word]:
                start = place - before
                if start >= 0 and block[start : start + len(needle)].translate(_FOLD) == needle:
                    places.append(start)
                    marks.append(self._marks[needle])


@cache
def _with_any_neighbour(needle: bytes, parity: int) -> tuple[tuple[int, int], ...]:
    """Of a needle that is too short to hold a piece of its own: three of its bytes with whatever stands beside them."""
    before = 1 if len(needle) < _PIECE and parity else 0
    known = needle[parity - before :][: _PIECE - 1]
    others = sorted({each | _CASE for each in range(256)})
    texts = [bytes([other]) + known if before else known + bytes([other]) for other in others]
    return tuple((int.from_bytes(text, "little"), parity - 2 * before) for text in texts)


def _cased(text: bytes) -> bytes:
    """Letters beyond ASCII may have an ASCII letter as their lower case; elsewhere case is only a bit."""
    if text.isascii():
        return text
    return text.decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")


def _words(block: bytes, offset: int) -> Words:
    count = max(0, len(block) - offset) // _PIECE
    return np.frombuffer(block, dtype="<u4", count=count, offset=offset if count else 0) | _CASES
