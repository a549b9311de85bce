"""Long runs of base64 in text, decoded as they come."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
import numpy as np

from fhir_plugin.disclose.prove.escapes import is_text, json_unescaped
from fhir_plugin.disclose.prove.wrappings import Inner

_WORTH: Final = 48
"""Characters from which on a run is decoded; what stands in shorter ones is looked for as it is encoded."""
_LINE: Final = 24
"""Characters of a line, from which on the next line belongs to the same run."""
_TOGETHER: Final = 1 << 16
"""Bytes of decoded content that are looked at at once, since every look costs something: of files in which others may
lie each by itself."""
_BETWEEN: Final = b"\n!\n"
"""Belongs to no id and no base64."""
_SHORT: Final = 512
"""Characters of a run (mostly of a URL that only looks like base64) that is decoded once."""
_MOST_SEEN: Final = 2000
_HELD: Final = 1 << 13
"""A run that has not come to its end is kept up to so many characters, and longer ones are decoded as they come."""

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_WHITE: Final = b"\r\n\t "
_IN, _OUT, _SPACE = range(3)
_CLASSES: Final = bytes(_IN if each in _ALPHABET else _SPACE if each in _WHITE else _OUT for each in range(256))
_MARGIN: Final = bytes([_OUT]) * 8
_SPACES_IN_WORD: Final = np.uint64(int.from_bytes(bytes([_SPACE]) * 8, "little"))
_SPACES: Final = re.compile(bytes([_SPACE]) + rb"*")
_PERCENT: Final = re.compile(rb"%2[BFbf]")
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_ARCHIVES: Final = (b"PK", b"\x1f\x8b", b"%PDF")


class BeginInner(Protocol):
    def __call__(self) -> Inner: ...


class Base64Runs:
    """`feed` it text, then `close`. What it decodes goes to an `Inner`: archives and what is to be seen `alone` each to
    its own, all others together."""

    def __init__(self, begin: BeginInner, alone: Callable[[bytes], bool] = lambda _content: False) -> None:
        self._begin = begin
        self._alone = alone
        self._held = b""
        self._inner: Inner | None = None
        """Of the run that goes on."""
        self._pending = b""
        """Of that run: less than four characters."""
        self._together: dict[bool, list[bytes]] = {True: [], False: []}
        self._size = 0
        self._seen: set[bytes] = set()

    def feed(self, piece: bytes) -> None:
        text = self._held + piece
        cut = max(text.rfind(b"\\", -6), text.rfind(b"%", -3))
        escape, text = (text[cut:], text[:cut]) if cut >= 0 else (b"", text)
        text = _plain(text)
        classes = text.translate(_CLASSES)
        last = classes.rfind(_OUT) + 1
        if len(text) - last <= _HELD:
            if last:
                self._take(text[:last], classes[:last], goes_on=False)
            self._held = text[last:] + escape
        else:
            rest = self._take(text, classes, goes_on=True)
            self._held = text[rest:] + escape

    def interrupt(self) -> None:
        """What comes next does not go on with what came before."""
        text = _plain(self._held)
        self._held = b""
        self._take(text, text.translate(_CLASSES), goes_on=False)

    def close(self) -> None:
        self.interrupt()
        self._look_at_others()

    def _take(self, text: bytes, classes: bytes, *, goes_on: bool) -> int:
        """Everything in a piece. Where it `goes_on`: from where on what it ends with has to be seen once more."""
        after = self._continued(text, classes, goes_on=goes_on) if self._inner is not None else 0
        if after == len(text):
            return after
        for place in _long(classes):
            if place >= after:
                start = _start(classes, place, after)
                after = self._run(text, classes, start, after, goes_on=goes_on)
        return _start(classes, len(text), after) if self._inner is None and goes_on else len(text)

    def _continued(self, text: bytes, classes: bytes, *, goes_on: bool) -> int:
        lines, end = _lines(text, classes, 0, continued=True)
        self._go_on(lines)
        if end < len(text) or not goes_on:
            self._finish()
        return end

    def _run(self, text: bytes, classes: bytes, start: int, after: int, *, goes_on: bool) -> int:
        """A run and the lines that follow it, and with the word before, which may belong to it: where it ends."""
        lines, end = _lines(text, classes, start)
        if end == len(text) and goes_on:
            self._inner = self._begin()
            self._go_on(lines)
            return end
        before = _before(text, classes, start, after)
        for run in (lines, before + lines) if before else (lines,):
            if len(run) >= _WORTH:
                self._whole(run)
        return end

    def _whole(self, run: bytes) -> None:
        if len(run) <= _SHORT:
            if run in self._seen:
                return
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen.add(run)
        content = _decode(run)
        if content.startswith(_ARCHIVES) or self._alone(content):
            self._begin_with(content)
            return
        self._together[is_text(content)].append(content)
        self._size += len(content)
        if self._size >= _TOGETHER:
            self._look_at_others()

    def _begin_with(self, content: bytes) -> None:
        inner = self._begin()
        inner.feed(content)
        inner.close()

    def _look_at_others(self) -> None:
        self._size = 0
        for contents in self._together.values():
            if contents:
                self._begin_with(_BETWEEN.join(contents))
                contents.clear()

    def _go_on(self, run: bytes) -> None:
        self._pending += run
        size = len(self._pending) // 4 * 4
        if size and self._inner is not None:
            self._inner.feed(_decode(self._pending[:size]))
            self._pending = self._pending[size:]

    def _finish(self) -> None:
        if self._inner is not None:
            self._inner.feed(_decode(self._pending))
            self._inner.close()
            self._inner = None
        self._pending = b""


def _plain(text: bytes) -> bytes:
    """Without the escapes that may stand within base64."""
    text = json_unescaped(text)
    if b"%" not in text or _PERCENT.search(text) is None:
        return text
    for written, sign in ((b"%2B", b"+"), (b"%2b", b"+"), (b"%2F", b"/"), (b"%2f", b"/")):
        text = text.replace(written, sign)
    return text


def _lines(text: bytes, classes: bytes, start: int, *, continued: bool = False) -> tuple[bytes, int]:
    """A run from here on with the lines that follow it, without their breaks; and where they end. `continued`: the
    first line has begun before."""
    end = _end(classes, start)
    lines, length = [text[start:end]], _LINE if continued else end - start
    while length >= _LINE and end < len(text) and classes[end] == _SPACE:
        begin = _past_spaces(classes, end)
        end = _end(classes, begin)
        length = end - begin
        lines.append(text[begin:end])
    return b"".join(lines), end


def _end(classes: bytes, start: int) -> int:
    """Where a run ends that begins here."""
    out = classes.find(_OUT, start)
    out = len(classes) if out < 0 else out
    space = classes.find(_SPACE, start, out)
    return out if space < 0 else space


def _past_spaces(classes: bytes, start: int) -> int:
    found = _SPACES.match(classes, start)
    return found.end() if found else start


def _before(text: bytes, classes: bytes, start: int, after: int) -> bytes:
    """The word before a run, where only space is between them."""
    if start == after or classes[start - 1] != _SPACE:
        return b""
    end = len(classes[after:start].rstrip(bytes([_SPACE]))) + after
    return text[_start(classes, end, after) : end]


def _long(classes: bytes) -> list[int]:
    """A place within each run of `_WORTH` or more, and within each of `_LINE` or more beside a space; of runs that
    cannot be told from those some more.

    By words of eight bytes: 48 in a row hold five whole ones, and 24 two.
    """
    words = np.frombuffer(_MARGIN + classes + _MARGIN * 5 + _MARGIN[: -len(classes) % 8], dtype="<u8")
    whole = words == 0
    pairs = whole[:-1] & whole[1:]
    five = pairs[:-3] & pairs[2:-1] & whole[4:]
    five[1:] &= ~five[:-1].copy()
    spaced = (words & _SPACES_IN_WORD) != 0
    folded = pairs[1:-1] & (spaced[:-3] | spaced[3:])
    found = {8 * (each - 1) for each in five.nonzero()[0].tolist()} | {
        8 * each for each in folded.nonzero()[0].tolist()
    }
    return sorted(found)


def _start(classes: bytes, place: int, least: int) -> int:
    """Where the run begins that goes up to this place or on from it."""
    while place > least:
        step = classes[max(place - 64, least) : place]
        own = len(step) - len(step.rstrip(bytes([_IN])))
        place -= own
        if own < len(step):
            break
    return place


_READ: Final = msgspec.json.Decoder(bytes)
"""Reads base64 three times as fast as the standard library."""


def _decode(run: bytes) -> bytes:
    if b"-" in run or b"_" in run:
        run = run.translate(_URL_SAFE)
    run = run[:-1] if len(run) % 4 == 1 else run
    return _READ.decode(b'"%b%b"' % (run, b"=" * (-len(run) % 4)))
