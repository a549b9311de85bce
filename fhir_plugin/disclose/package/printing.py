"""Headings, paragraphs, facts and pictures, down the page and on to the next one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final

from reportlab.pdfbase import pdfmetrics

from fhir_plugin.disclose.package.pdf import BOLD, HEIGHT, MARGIN, PLAIN, WIDTH, PdfPages, Pixels, has_letter
from fhir_plugin.disclose.package.reading import Fact
from fhir_plugin.disclose.package.reading.letters import showable

_ROOM: Final = WIDTH - 2 * MARGIN
_TOP: Final = HEIGHT - MARGIN
_BOTTOM: Final = 62.0
_SIZES: Final = {1: 20.0, 2: 15.0, 3: 11.5}
_TEXT: Final = 9.5
_LEADING: Final = 1.35
_LABELS: Final = 130.0
_STEP: Final = 12.0
_DEEPEST: Final = 6
_ABOVE_PICTURE: Final = 6.0
"""Points between the foot of a line of words, whose letters reach below it, and a picture."""
_HIGHEST_PICTURE: Final = 198.0
"""Points: two entries with a picture on a page. The files have them at their full size."""
_LONGEST_WORD: Final = 400
"""Letters of a word that are measured at once; of a longer one, each such piece begins a line."""
_DOT: Final = "\N{BULLET}"
_BOX: Final = "\N{WHITE SQUARE}"


class Flow:
    """One column of text on as many pages as it takes. `not_printed`: whether a letter had to be replaced."""

    def __init__(self, pages: PdfPages) -> None:
        self._pages = pages
        self._y = _TOP
        self.not_printed = False

    def heading(self, level: int, words: str, *, with_it: float = 0) -> None:
        """1 for the title, 2 for a part, 3 for an entry. Never the last line of a page, nor parted from the height
        `with_it` that comes next."""
        size = _SIZES[level]
        if self._y < _TOP:
            self._y -= size * (0.9 if level < 3 else 0.7)
        self._keep(size * 3.5 + with_it)
        if level == 2:
            self._pages.rule(MARGIN, self._y, _ROOM, weight=1.2, grey=0.35)
            self._y -= 4
        self._lines(f"H{level}", self._wrapped(words, BOLD, size, _ROOM), BOLD, size)
        self._y -= 3

    def paragraph(self, words: str, *, small: bool = False, bold: bool = False) -> None:
        """Lines as they stand, each wrapped."""
        size, font = (8.0 if small else _TEXT), (BOLD if bold else PLAIN)
        self._lines("P", self._wrapped(words, font, size, _ROOM), font, size)
        self._y -= 5

    def points(self, rows: Iterable[str]) -> None:
        """One paragraph for each, with a dot before it."""
        for row in rows:
            self._lines("P", self._wrapped(f"{_DOT}  {row}", PLAIN, _TEXT, _ROOM), PLAIN, _TEXT)
        self._y -= 5

    def facts(self, said: Iterable[Fact]) -> None:
        """Labels on the left, what they say on the right, facts within facts further in."""
        rows = list(_rows(said, 0))
        if not rows:
            return
        self._keep(2 * _TEXT)
        self._pages.begin("P")  # one for all rows: in a long record, one for each would be most of its memory
        for depth, label, value in rows:
            self._row(min(depth, _DEEPEST) * _STEP, label, value)
        self._pages.end()
        self._y -= 5

    def picture(
        self, read: Callable[[], bytes], pixels: Pixels, alt: str, *, highest: float = _HIGHEST_PICTURE
    ) -> None:
        """As wide as the column, or `highest` points high."""
        width, height = size_of(pixels, highest)
        self._keep(height + 4 * _TEXT + _ABOVE_PICTURE)
        self._y -= _ABOVE_PICTURE
        self._pages.begin("Figure", alt=self.printable(alt))
        self._pages.picture(read, pixels, MARGIN, self._y - height, width)
        self._pages.end()
        self._y -= height + 6

    def printable(self, words: str) -> str:
        """The words in letters that the font has: without an accent where it must be, else as a box."""
        words = showable(words).replace("\t", "    ")
        if words.isascii():
            return words
        return "".join(self._letter(letter) for letter in words)

    # ---------------------------------------------------------------------------------------------------------

    def _letter(self, letter: str) -> str:
        if letter.isascii() or has_letter(letter):
            return letter
        self.not_printed = True
        bare = "".join(each for each in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(each))
        return bare if bare and all(each.isascii() or has_letter(each) for each in bare) else _BOX

    def _wrapped(self, words: str, font: str, size: float, room: float) -> Iterator[str]:
        for line in self.printable(words).split("\n"):
            yield from wrapped(line, font, size, room)

    def _lines(self, tag: str, lines: Iterable[str], font: str, size: float) -> None:
        self._pages.begin(tag)
        for line in lines:
            self._next_line(size)
            self._pages.text(MARGIN, self._y, line, font, size)
        self._pages.end()

    def _row(self, indent: float, label: str, value: str) -> None:
        labels = [f"{each} " for each in wrapped_all(self.printable(label), BOLD, _TEXT, _LABELS - 8)]
        room = _ROOM - _LABELS - indent
        values = self._wrapped(value, PLAIN, _TEXT, room)
        place = 0
        while True:
            words = next(values, None)
            if words is None and place >= len(labels):
                return
            self._next_line(_TEXT)
            if place < len(labels):
                self._pages.text(MARGIN + indent, self._y, labels[place], BOLD, _TEXT)
            if words:
                self._pages.text(MARGIN + _LABELS + indent, self._y, f"{words} ", PLAIN, _TEXT)
            place += 1

    def _next_line(self, size: float) -> None:
        """Moves down by one line, inside the open element, on to the next page where there is no room."""
        self._y -= size * _LEADING
        if self._y < _BOTTOM:
            self._pages.end()
            self._pages.next_page()
            self._pages.go_on()
            self._y = _TOP - size * _LEADING

    def _keep(self, height: float) -> None:
        """What comes next stands on one page, if it fits on one at all."""
        if self._y - height < _BOTTOM and self._y < _TOP:
            self._pages.next_page()
            self._y = _TOP


def size_of(pixels: Pixels, highest: float = _HIGHEST_PICTURE) -> tuple[float, float]:
    """How large a picture is printed, in points: never larger than its pixels bear."""
    width = min(_ROOM, highest * pixels.width / pixels.height, pixels.width * 0.75)
    return width, width * pixels.height / pixels.width


def wrapped(line: str, font: str, size: float, room: float) -> Iterator[str]:
    """The line in pieces that fit; a word that is too long is broken."""
    out, width, space = "", 0.0, _width(" ", font, size)
    for whole in line.split(" "):
        for word in (whole[at : at + _LONGEST_WORD] for at in range(0, len(whole) or 1, _LONGEST_WORD)):
            its = _width(word, font, size)
            if out and width + space + its <= room and word is whole:
                out, width = f"{out} {word}", width + space + its
                continue
            if out:
                yield out
            while its > room:
                fits = _fitting(word, font, size, room)
                yield word[:fits]
                word = word[fits:]
                its = _width(word, font, size)
            out, width = word, its
    yield out


def wrapped_all(words: str, font: str, size: float, room: float) -> list[str]:
    """The same at once, for a label."""
    return [piece for line in words.split("\n") for piece in wrapped(line, font, size, room)]


def _fitting(word: str, font: str, size: float, room: float) -> int:
    """How many letters of a long word fit: at least one."""
    width = 0.0
    for place, letter in enumerate(word):
        width += _width(letter, font, size)
        if width > room:
            return max(1, place)
    return len(word)


@lru_cache(maxsize=20_000)
def _measured(word: str, font: str, size: float) -> float:
    return float(pdfmetrics.stringWidth(word, font, size))


def _width(word: str, font: str, size: float) -> float:
    if len(word) <= 40:
        return _measured(word, font, size)
    return float(pdfmetrics.stringWidth(word, font, size))


def _rows(said: Iterable[Fact], depth: int) -> Iterator[tuple[int, str, str]]:
    for fact in said:
        if isinstance(fact.value, str):
            yield depth, fact.label, fact.value
        else:
            yield depth, fact.label, ""
            yield from _rows(fact.value, depth + 1)
