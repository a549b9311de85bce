"""The files that a chart gets in the place of an image: a tagged PDF page, one self-contained (X)HTML page, or words.

An adapter because it joins two flows that do not know each other: what filing says, and how packages print. The same
words and the same picture give the same bytes, so that a document in a chart can be compared with what was sent. What
names the patient stands on the page and never in a file's own properties.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Final

from fhir_plugin.capture.copy_words import plain_text
from fhir_plugin.disclose.package.pdf import PdfPages, pixels_of
from fhir_plugin.disclose.package.printing import Flow
from fhir_plugin.disclose.package.reading import Fact
from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.jpeg import look_at_jpeg
from fhir_plugin.ports import ImageWorker, Sheet, SheetPicture, SheetWords

PDF: Final = "application/pdf"
PAGES: Final = frozenset({"application/xhtml+xml", "text/html"})
TEXT: Final = "text/plain"
_TITLE: Final = "Clinical photograph"
"""Of the file: what a window or a list of files shows, and nothing about anybody."""
_NOT_PRINTED: Final = "Some letters cannot be printed here: accents are left out, others are shown as a box."
_UPRIGHT: Final = 1
_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;color:#212b32;background:#fff;margin:1em;max-width:50em}"
    "img{box-sizing:border-box;max-width:100%;height:auto;border:1px solid #768692}"
    ".banner{border:4px solid #d4351c;padding:.5em 1em}"
    "dl{margin:1em 0}dt{font-weight:bold}dd{margin:0 0 .5em 0}"
)

Render = Callable[[bytes | None, bool], bytes]
"""The file around a JPEG, or without one; whether that is smaller than the image."""


@dataclass(frozen=True)
class RenderedSheets:
    """Implements `ports.CopySheets`. Pictures are opened by the worker alone; the bytes of a clean JPEG that fits go in
    as they are."""

    worker: ImageWorker

    def made(
        self, words: SheetWords, content_type: str, *, picture: SheetPicture | None, most: int | None, reduce: bool
    ) -> Sheet | None:
        if content_type == TEXT:
            return _if_it_fits(Sheet(plain_text(words).encode(), TEXT), most)
        if content_type == PDF:
            render, grows = _pdf(words), 1.0
        elif content_type in PAGES:
            render, grows = _page(words), 4 / 3
        else:
            return None
        if picture is None:
            return _if_it_fits(Sheet(render(None, False), content_type), most)
        room = None if most is None else int((most - len(render(None, True)) - _ROUND_A_PICTURE) / grows)
        inside = self._fitting(picture, room)
        if inside is None:
            return None
        pixels = pixels_of(inside)
        smaller = pixels is None or pixels.width * pixels.height < picture.width * picture.height
        if smaller and not reduce:
            return None
        return _if_it_fits(Sheet(render(inside, smaller), content_type, smaller), most)

    def _fitting(self, picture: SheetPicture, room: int | None) -> bytes | None:
        """A JPEG that prints as people see the picture; None where no room is left for one."""
        if room is not None and room <= 0:
            return None
        if picture.content_type == "image/jpeg" and (room is None or len(picture.content) <= room):
            anatomy = look_at_jpeg(picture.content)
            if anatomy.orientation in (0, _UPRIGHT) and anatomy.icc is None and pixels_of(picture.content) is not None:
                return picture.content
        try:
            return self.worker.fitted(picture.content, most_bytes=room)
        except UnacceptableImage as refusal:
            if refusal.code == "too-many-bytes":
                return None
            raise


_ROUND_A_PICTURE: Final = 2048
"""Bytes that a picture takes in a file beside its own: its object, its words, its place on a page."""


def _if_it_fits(sheet: Sheet, most: int | None) -> Sheet | None:
    return sheet if most is None or len(sheet.content) <= most else None


def _pdf(words: SheetWords) -> Render:
    def render(jpeg: bytes | None, smaller: bool) -> bytes:
        pages = PdfPages(_TITLE, words.organisation, words.made, footer=_TITLE, subject=_TITLE)
        flow = Flow(pages)
        flow.heading(1, words.title)
        for line in words.banner:
            flow.paragraph(line, bold=True)
        pixels = pixels_of(jpeg) if jpeg is not None else None
        if jpeg is not None and pixels is not None:
            flow.picture(lambda: jpeg, pixels, words.alt, highest=_HIGHEST)
        flow.facts(Fact(label, value) for label, value in words.rows)
        for paragraph in (*words.closing, *((words.smaller,) if smaller else ())):
            flow.paragraph(paragraph)
        if flow.not_printed:
            flow.paragraph(_NOT_PRINTED, small=True)
        return b"".join(pages.pieces())

    return render


_HIGHEST: Final = 380.0
"""Points: half a page for the picture."""


def _page(words: SheetWords) -> Render:
    """XHTML that HTML readers understand as well (polyglot markup): no script, nothing from elsewhere, closed tags."""

    def render(jpeg: bytes | None, smaller: bool) -> bytes:
        banner = "".join(f"<p><strong>{_text(line)}</strong></p>\n" for line in words.banner)
        rows = "".join(f"<dt>{_text(label)}</dt>\n<dd>{_text(value)}</dd>\n" for label, value in words.rows)
        closing = (*words.closing, *((words.smaller,) if smaller else ()))
        inside = "" if jpeg is None else base64.b64encode(jpeg).decode("ascii")
        image = f'<p><img alt="{_text(words.alt)}" src="data:image/jpeg;base64,{inside}" /></p>\n' if inside else ""
        return (
            '<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" lang="en-GB" xml:lang="en-GB">\n<head>\n'
            f'<meta charset="UTF-8" />\n<title>{_TITLE}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n'
            f"<h1>{_text(words.title)}</h1>\n"
            + (f'<div class="banner">\n{banner}</div>\n' if banner else "")
            + f"{image}<dl>\n{rows}</dl>\n"
            + "".join(f"<p>{_text(each)}</p>\n" for each in closing)
            + "</body>\n</html>\n"
        ).encode()

    return render


def _text(words: str) -> str:
    """In letters that XML may hold."""
    return escape("".join(letter for letter in words if letter in "\t\n\r" or letter >= " "))
