"""Reading the same shape of JSON once: lines of NDJSON without what their strings say, recognised as seen before.

A line's skeleton is the line with every string that is a value emptied and every run of digits made one. A skeleton is
read by the strict reader, once. Every line with that skeleton is then valid JSON without a key that stands twice:
what was taken out (the inside of strings, digits) cannot make a good skeleton of a bad line, because strings are looked
at for what may not stand in them (control characters, escapes, broken UTF-8), and numbers for leading zeros, exponents
and their length. Where that is not certain, a line has no skeleton, and has to be read strictly itself. So this may say
"read it" too often, and never too seldom.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fhir_plugin.disclose.redact.strict import UnreadableRecord, depth_of, is_object, read

_REMEMBERED: Final = 16 * 1024 * 1024
"""Bytes of skeletons that are remembered."""

_LONGEST: Final = 16 * 1024
"""A longer skeleton is hardly ever seen twice."""

_TYPE_FIRST: Final = b'{"resourceType":'
_LONGEST_TYPE: Final = 48
_MOST_DIGITS: Final = 900
_LONG_RUN: Final = 200
"""Digits on end, of which a number with too many has twice as many on one side of its point."""
_EMPTY: Final = re.compile(rb'""(?!\s*:)')
_NEWLINE, _RETURN, _SPACE, _QUOTE, _DOT, _ZERO, _NINE, _COLON, _BACKSLASH = 10, 13, 32, 34, 46, 48, 57, 58, 92
_EXPONENT, _CASE = ord("e"), 32
_ESCAPABLE: Final = np.isin(np.arange(256), list(b'"\\/bfnrt'))

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Shape:
    """What all lines of one skeleton have in common.

    `type`: the resource's type, empty where it does not come first. `id_at`: which of the emptied values, counted from
    0, is its id (-1: it has none). `keys`: every key, at any depth, with its digits squeezed. `nested`: there is a
    resource inside. `odd`: a `meta` or `securityLabel` that is no object. `data`: the values under `data`. `depth`: how
    deep it nests.
    """

    type: str
    id_at: int
    keys: frozenset[str]
    nested: bool
    odd: bool
    data: tuple[int, ...]
    depth: int

    @property
    def signed(self) -> bool:
        return "signature" in self.keys


@dataclass
class Skimmed:
    """The lines of one block: where each begins and ends (without its line break), and its shape, if that is known."""

    block: bytes
    starts: list[int]
    ends: list[int]
    shapes: list[Shape | None]
    _opens: Places = field(repr=False)
    _closes: Places = field(repr=False)
    _firsts: list[int] = field(repr=False)

    def value(self, line: int, at: int) -> bytes:
        """The inside of one value of a line that has a shape, as it stands there; empty for -1."""
        if at < 0:
            return b""
        place = self._firsts[line] + at
        return self.block[self._opens[place] + 1 : self._closes[place]]

    def without_data(self, line: int, shape: Shape) -> bytes:
        """The line with the values under `data` emptied."""
        found, at = [], self.starts[line]
        for each in shape.data:
            place = self._firsts[line] + each
            found.append(self.block[at : self._opens[place] + 1])
            at = int(self._closes[place])
        return b"".join((*found, self.block[at : self.ends[line]]))


class Skeletons:
    """Remembers the skeletons that it has seen."""

    def __init__(self) -> None:
        self._known: dict[bytes, Shape | None] = {}
        self._size = 0

    def skim(self, block: bytes) -> Skimmed:
        """The lines of a block that ends with a line."""
        text = np.frombuffer(block, dtype=np.uint8)
        breaks, unsure = _breaks_and_other_controls(text)
        starts = np.concatenate(([0], breaks[:-1] + 1))
        if not (block.isascii() or _is_utf8(block)):
            unsure[:] = True
        if b"\\" in block:
            text = _without_escapes(text, breaks, unsure)
        quotes = np.flatnonzero(text == _QUOTE)
        before = np.searchsorted(quotes, starts)
        odd = np.diff(np.append(before, len(quotes))) % 2 != 0
        if odd.any() or len(quotes) == 0:
            return self._all_unsure(block, starts, breaks)
        opens, closes = quotes[0::2], quotes[1::2]
        after = np.minimum(closes + 1, len(text) - 1)
        values = text[after] != _COLON
        values[_first_values(text, starts, opens, closes)] = False
        opens, closes = opens[values], closes[values]
        firsts = np.searchsorted(opens, starts)
        skeletons = self._skeletons(text, breaks, opens, closes, unsure)
        shapes: list[Shape | None] = [None] * len(starts)
        known = self._known
        for number, skeleton in enumerate(skeletons):
            if skeleton is not None:
                shapes[number] = known[skeleton] if skeleton in known else self._learn(skeleton)
        return Skimmed(block, starts.tolist(), breaks.tolist(), shapes, opens, closes, firsts.tolist())

    @staticmethod
    def _all_unsure(block: bytes, starts: Places, breaks: Places) -> Skimmed:
        none = np.zeros(0, dtype=np.intp)
        return Skimmed(block, starts.tolist(), breaks.tolist(), [None] * len(starts), none, none, [0] * len(starts))

    @staticmethod
    def _skeletons(
        text: Bytes, breaks: Places, opens: Places, closes: Places, unsure: NDArray[np.bool_]
    ) -> list[bytes | None]:
        """Everything from the end of one value to the beginning of the next, with the digits squeezed."""
        begins = np.concatenate(([0], closes)).astype(np.int32)
        lengths = np.append(opens + 1, len(text)).astype(np.int32) - begins
        ends = np.cumsum(lengths, dtype=np.int32)
        kept = np.repeat(begins - ends + lengths, lengths) + np.arange(ends[-1], dtype=np.int32)
        left = text.take(kept, mode="clip")
        digit = (left - np.uint8(_ZERO)) <= _NINE - _ZERO
        again = np.zeros(len(left), dtype=np.bool_)
        np.logical_and(digit[1:], digit[:-1], out=again[1:])
        doubtful = (left[1:-1] == _ZERO) & digit[2:] & ~digit[:-2] & (left[:-2] != _DOT)
        doubtful |= digit[:-2] & ((left[1:-1] | _CASE) == _EXPONENT)
        lines = np.flatnonzero(left == _NEWLINE)
        if doubtful.any():
            unsure[np.searchsorted(lines, np.flatnonzero(doubtful) + 1)] = True
        if again.any():
            here_and_there = again[::_LONG_RUN]
            if (here_and_there[1:] & here_and_there[:-1]).any():
                removed = np.searchsorted(lines, np.flatnonzero(again))
                unsure[np.flatnonzero(np.bincount(removed, minlength=len(breaks)) > _MOST_DIGITS)] = True
            left[digit] = _ZERO + 1
            left = left[~again]
        else:
            left[digit] = _ZERO + 1
        found: list[bytes | None] = list(left.tobytes().split(b"\n")[: len(breaks)])
        for number in np.flatnonzero(unsure).tolist():
            found[number] = None
        return found

    def _learn(self, skeleton: bytes) -> Shape | None:
        if len(skeleton) > _LONGEST:
            return None
        if self._size > _REMEMBERED:
            self._known.clear()
            self._size = 0
        self._size += len(skeleton) + 500
        shape = self._known[skeleton] = _shape(skeleton)
        return shape


def _breaks_and_other_controls(text: Bytes) -> tuple[Places, NDArray[np.bool_]]:
    """Where lines end, and which lines hold another control character (but for a return at their end)."""
    controls = np.flatnonzero(text < _SPACE)
    codes = text[controls]
    is_break = codes == _NEWLINE
    breaks = controls[is_break]
    if len(breaks) == 0 or breaks[-1] != len(text) - 1:
        breaks = np.append(breaks, len(text))
    unsure = np.zeros(len(breaks), dtype=np.bool_)
    if not is_break.all():
        following = text[np.minimum(controls + 1, len(text) - 1)]
        bad = controls[~is_break & ~((codes == _RETURN) & (following == _NEWLINE))]
        unsure[np.searchsorted(breaks, bad)] = True
    return breaks, unsure


def _first_values(text: Bytes, starts: Places, opens: Places, closes: Places) -> Places:
    """Which values are the type of a resource that says so before anything else: those are kept in the skeleton."""
    begins = starts[starts + len(_TYPE_FIRST) + _LONGEST_TYPE < len(text)]
    for at, byte in enumerate(_TYPE_FIRST):
        begins = begins[text[begins + at] == byte]
    found = np.searchsorted(opens, begins + len(_TYPE_FIRST))
    found, begins = found[found < len(opens)], begins[found < len(opens)]
    return found[(opens[found] - begins <= len(_TYPE_FIRST) + 1) & (closes[found] - opens[found] <= _LONGEST_TYPE)]


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _without_escapes(text: Bytes, breaks: Places, unsure: NDArray[np.bool_]) -> Bytes:
    """The same with every two characters of an escape blanked. Lines with others than the short ones are unsure."""
    signs = np.flatnonzero(text == _BACKSLASH)
    after_another = np.concatenate(([False], np.diff(signs) == 1))
    runs = np.flatnonzero(~after_another)
    within = np.arange(len(signs)) - np.repeat(runs, np.diff(np.append(runs, len(signs))))
    signs = signs[within % 2 == 0]
    following = np.minimum(signs + 1, len(text) - 1)
    good = _ESCAPABLE[text[following]] & (following > signs)
    if not good.all():
        unsure[np.searchsorted(breaks, signs[~good])] = True
        signs, following = signs[good], following[good]
    text = text.copy()
    text[signs] = text[following] = ord("_")
    return text


def _shape(skeleton: bytes) -> Shape | None:
    """The shape of all lines with this skeleton; None when they have to be read strictly themselves."""
    count = -1

    def number(_found: re.Match[bytes]) -> bytes:
        nonlocal count
        count += 1
        return b'"%d"' % count

    try:
        value = read(_EMPTY.sub(number, skeleton))
    except UnreadableRecord:
        return None
    if not is_object(value) or not isinstance(value.get("resourceType"), str):
        return None
    type_ = str(value["resourceType"])  # or the number of its value
    id_ = value.get("id")
    if "id" in value and not isinstance(id_, str):
        return None
    keys: set[str] = set()
    data: list[int] = []
    resources, odd = 0, False
    for name, inner in _pairs(value):
        keys.add(name)
        resources += name == "resourceType"
        odd = odd or (name in ("meta", "securityLabel") and not is_object(inner))
        if name == "data" and isinstance(inner, str):
            data.append(int(inner))
    return Shape(
        type=type_ if type_.isalpha() else "",
        id_at=int(id_) if isinstance(id_, str) else -1,
        keys=frozenset(keys),
        nested=resources > 1,
        odd=odd,
        data=tuple(sorted(data)),
        depth=depth_of(value),
    )


def _pairs(value: object) -> Iterator[tuple[str, object]]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if is_object(each):
            yield from each.items()
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
