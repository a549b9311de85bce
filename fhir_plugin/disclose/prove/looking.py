"""Looking through one stream of bytes, and through the streams within it, in windows of bounded size."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.disclose.prove.base64_runs import Base64Runs
from fhir_plugin.disclose.prove.beginnings import GZIP, PDF, STREAM, ZIP, beginnings, streams
from fhir_plugin.disclose.prove.escapes import (
    is_text,
    may_be_folded,
    stretches_of_text,
    strings_of_pdf,
    unescaped,
    without_line_breaks,
)
from fhir_plugin.disclose.prove.matching import Matcher
from fhir_plugin.disclose.prove.needles import LONGEST, Kind, Needle
from fhir_plugin.disclose.prove.pixels import PixelReader, Prints, is_picture
from fhir_plugin.disclose.prove.wrappings import Inflating, PdfStream, Tap, ZipMember

WINDOW: Final = 1 << 17
_OVERLAP: Final = 12 * LONGEST
"""A needle with every byte escaped still lies whole in one window."""
_EDGE: Final = 10
"""Bytes of the window before, in which a sign may have begun."""
_DEEPEST: Final = 6
_MOST_DECODED: Final = 1 << 34
_LARGEST_PICTURE: Final = 1 << 26
_PDF_NOT_SEEN: Final = (b"/Encrypt", b"/LZWDecode", b"/RunLengthDecode")


@dataclass(frozen=True)
class Find:
    """What was found and where, without its content. `place`: part, byte within it, and what it was inside of."""

    kind: Kind
    of: str
    place: str


@dataclass
class Findings:
    """Shared by every stream of one proof."""

    matcher: Matcher
    prints: Prints
    pixels: PixelReader | None
    finds: dict[tuple[Kind, str, str], Find] = field(default_factory=dict)
    looked_at: int = 0
    inside: int = 0
    compared: dict[bytes, frozenset[str] | None] = field(default_factory=dict)
    """By the digest of each picture: whose pictures show the same, or None where nobody can say."""

    def compares(self, beginning: bytes) -> bool:
        """Whether this is a picture whose pixels are compared."""
        return self.pixels is not None and bool(self.prints) and is_picture(beginning)

    def whose(self, picture: bytes) -> frozenset[str] | None:
        """Whose pictures show what this one shows; None where it cannot be opened. Each file is opened once."""
        digest = hashlib.sha256(picture).digest()
        if digest not in self.compared:
            print_ = self.pixels(picture) if self.pixels is not None else None
            self.compared[digest] = None if print_ is None else self.prints.same(print_)
        return self.compared[digest]

    def add(self, kind: Kind, of: str, part: str, place: str) -> None:
        """The first place of each in each part; more of the same would only be longer."""
        self.finds.setdefault((kind, of, part), Find(kind, of, place))


class Look:
    """One stream: `feed` it, then `close`. Overlapping windows; whatever begins inside it is looked through as well."""

    def __init__(self, findings: Findings, part: str, inside: tuple[str, ...] = ()) -> None:
        self._findings = findings
        self._part = part
        self._inside = inside
        self._tail = b""
        self._waiting = bytearray()
        self._at = 0
        """Where the tail begins in the stream."""
        self._taps: list[Tap] = []
        self._base64 = Base64Runs(lambda: self._within("base64"), findings.compares) if len(inside) < _DEEPEST else None
        self._pdf = False
        self._was_text = False
        self._picture: bytearray | None = None
        self._begun = False

    def feed(self, piece: bytes) -> None:
        if self._inside:
            self._findings.inside += len(piece)
            if self._findings.inside > _MOST_DECODED:
                self.unseen("too much inside")
                return
        self._findings.looked_at += 0 if self._inside else len(piece)
        self._waiting += piece
        while len(self._waiting) > WINDOW:  # the last window is never empty, so that no second one is needed
            self._window(bytes(self._waiting[:WINDOW]), last=False)
            del self._waiting[:WINDOW]

    def close(self) -> None:
        self._window(bytes(self._waiting), last=True)
        self._waiting.clear()
        if self._base64 is not None:
            self._base64.close()
        for tap in self._taps:
            tap.close()
        self._taps.clear()
        self._look_at_pixels()

    def unseen(self, why: str) -> None:
        self._findings.add(Kind.UNSEEN, "", self._part, self._place(self._at, why))

    def _window(self, new: bytes, *, last: bool) -> None:
        if not self._begun:
            self._begin(new)
        self._keep_picture(new)
        window = self._tail + new
        edge = self._tail[-_EDGE:]
        begun = [each for each in beginnings(edge + new) if each[1] > len(edge)]
        self._pdf = self._pdf or any(sign is PDF for _start, _end, sign in begun)
        text = is_text(new)
        self._find(window, text=text or self._was_text, first=self._at == 0, last=last)
        if self._base64 is not None and text:
            self._base64.feed(new)
        elif not text:
            self._look_at_text_within(new)
        self._was_text = text
        self._go_inside(new, edge, begun)
        keep = min(len(window), _OVERLAP)
        self._at += len(window) - keep
        self._tail = window[len(window) - keep :]

    def _find(self, window: bytes, *, text: bool, first: bool, last: bool) -> None:
        matcher = self._findings.matcher
        readings = list(unescaped(window, text=text, simple=matcher.no_backslash))
        if self._pdf:
            readings += [each for reading in readings[:2] for each in strings_of_pdf(reading)]
            if any(word in window for word in _PDF_NOT_SEEN):
                self.unseen("a PDF that is encrypted or packed in a way that is not read here")
        for reading in readings:
            for place, needle in matcher.find(reading, first=first, last=last):
                self._found(needle, place if reading is window else -1)
            if may_be_folded(reading, text=text):
                for _place, needle in matcher.find_base64(without_line_breaks(reading), first=first, last=last):
                    self._found(needle, -1, "base64")

    def _look_at_text_within(self, new: bytes) -> None:
        """What is no text on the whole may hold some: letters in an old file format, say."""
        if self._base64 is not None and self._was_text:
            self._base64.interrupt()
        for start, end in stretches_of_text(new):
            stretch = new[start:end]
            self._find(stretch, text=True, first=False, last=False)
            if self._base64 is not None:
                self._base64.feed(stretch)
                self._base64.interrupt()

    def _found(self, needle: Needle, place: int, *inside: str) -> None:
        at = self._place(self._at + max(place, 0), *inside)
        self._findings.add(needle.kind, needle.of, self._part, at)

    def _place(self, at: int, *inside: str) -> str:
        return ", ".join((f"{self._part}: byte {at}" if not self._inside else self._part, *self._inside, *inside))

    def _within(self, name: str) -> Look:
        child = Look(self._findings, self._part, (*self._inside, f"{name} near byte {self._at}"))
        child._pdf = name == "PDF stream"
        return child

    def _begin(self, new: bytes) -> None:
        self._begun = True
        if self._findings.compares(new):
            self._picture = bytearray()

    def _keep_picture(self, new: bytes) -> None:
        if self._picture is None:
            return
        if len(self._picture) + len(new) > _LARGEST_PICTURE:
            self.unseen("a picture that is too large to compare")
            self._picture = None
            return
        self._picture += new

    def _look_at_pixels(self) -> None:
        if self._picture is None:
            return
        found = self._findings.whose(bytes(self._picture))
        self._picture = None
        if found is None:
            self.unseen("a picture that cannot be opened")
            return
        for of in found:
            self._findings.add(Kind.PIXELS, of, self._part, self._place(0))

    def _go_inside(self, new: bytes, edge: bytes, begun: list[tuple[int, int, bytes]]) -> None:
        """Hand the new bytes to what is open, then open what begins in them (or across the edge before them)."""
        self._taps = [tap for tap in self._taps if tap.feed(new)]
        both = edge + new
        if self._pdf:
            begun = sorted([*begun, *(each for each in streams(both) if each[1] > len(edge))])
        for start, end, sign in begun:
            if sign is PDF:
                continue
            tap = self._tap(sign, at_start=self._at == 0 and not self._tail and start == 0)
            if tap is None:
                continue
            rest = both[end if sign is STREAM else start :]
            if rest and not tap.feed(rest):
                continue
            self._taps.append(tap)

    def _tap(self, sign: bytes, *, at_start: bool) -> Tap | None:
        if len(self._inside) >= _DEEPEST:
            self.unseen("too deep inside")
            return None
        if sign is ZIP:
            return ZipMember(self._within("ZIP"))
        if sign is GZIP:
            return Inflating(self._within("gzip"), 31, certain=at_start)
        return PdfStream(self._within("PDF stream"))
