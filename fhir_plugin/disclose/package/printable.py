"""`record.pdf`: the same words as `record.html`, from the same entries, for printing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fhir_plugin.disclose.contents import CoverSheet
from fhir_plugin.disclose.package.notes import WordsOf
from fhir_plugin.disclose.package.pdf import PdfPages, Pixels
from fhir_plugin.disclose.package.printing import Flow, size_of
from fhir_plugin.disclose.package.reading import Entry, Fact, Reading, Shown, plain_narrative
from fhir_plugin.disclose.package.reading.plain import date_words, day_words
from fhir_plugin.disclose.package.words import (
    CONFIDENTIAL,
    UNDATED,
    about,
    alt_of,
    entries_here,
    for_whom,
    kinds_here,
    not_included,
    told_in,
    whose,
)

_CAPTION: Final = 24.0
_ROW: Final = 13.0
_MOST_ROWS: Final = 7
"""Points, and rows: what is kept together of one entry."""
NOT_PRINTED = (
    "Some letters in this file cannot be printed with its typeface: accents are left out, others are shown as a box. "
    "record.html has every letter."
)


@dataclass(frozen=True)
class SmallPicture:
    """A JPEG of reading size, read when it is written."""

    read: Callable[[], bytes]
    pixels: Pixels


def printable_record(
    cover: CoverSheet, reading: Reading, picture_of: Callable[[Shown], SmallPicture | None], words_of: WordsOf
) -> Iterator[bytes]:
    """The PDF in pieces, one picture at a time."""
    title = f"Health record of {cover.patient_name}"
    footer = f"Copy of a health record, made {day_words(cover.made.date())}"
    pages = PdfPages(title, cover.organisation, cover.made, footer=footer)
    flow = Flow(pages)
    pages.above = (flow.printable(whose(cover)), flow.printable(for_whom(cover)))
    flow.heading(1, "Copy of a health record")
    flow.facts(about(cover))
    flow.paragraph(CONFIDENTIAL)
    if reading.count:
        flow.heading(2, "What is here")
        flow.paragraph(entries_here(reading))
        flow.points(kinds_here(reading))
    flow.heading(2, "The patient")
    for entry in reading.patients():
        _entry(flow, entry, picture_of, words_of)
    year = None
    for entry in reading.entries():
        if entry.when[:4] != year:
            year = entry.when[:4]
            flow.heading(2, year or UNDATED, with_it=_beginning_of(entry, picture_of))
        _entry(flow, entry, picture_of, words_of)
    stubs = not_included(reading)
    if stubs:
        flow.heading(2, "Not included")
        flow.paragraph(stubs[0])
        flow.points(stubs[1:])
    if flow.not_printed:
        flow.heading(2, "About this file")
        flow.paragraph(NOT_PRINTED)
    return pages.pieces()


def _entry(flow: Flow, entry: Entry, picture_of: Callable[[Shown], SmallPicture | None], words_of: WordsOf) -> None:
    flow.heading(3, entry.heading, with_it=_beginning_of(entry, picture_of))
    if entry.when:
        flow.paragraph(date_words(entry.when))
    for shown in entry.files:
        _file(flow, shown, entry, picture_of)
    flow.facts([*told_in(entry, words_of), *entry.facts])
    narrative = plain_narrative(entry.narrative) if entry.narrative else ""
    if narrative:
        flow.facts([Fact("Summary in the words of the record", narrative)])
    if entry.technical:
        flow.paragraph(f"Technical details: {'; '.join(_in_a_line(entry.technical))}", small=True)


def _beginning_of(entry: Entry, picture_of: Callable[[Shown], SmallPicture | None]) -> float:
    """The height of an entry's first picture and first facts: its heading does not stay behind on the page before."""
    first = next((each for each in entry.files if each.media_type.startswith("image/")), None)
    picture = picture_of(first) if first is not None else None
    return (size_of(picture.pixels)[1] + _CAPTION if picture is not None else 0) + _ROW * min(
        len(entry.facts) + 3, _MOST_ROWS
    )


def _in_a_line(said: Iterable[Fact]) -> Iterator[str]:
    for fact in said:
        if isinstance(fact.value, str):
            yield f"{fact.label} {fact.value}"
        else:
            yield f"{fact.label} ({'; '.join(_in_a_line(fact.value))})"


def _file(flow: Flow, shown: Shown, entry: Entry, picture_of: Callable[[Shown], SmallPicture | None]) -> None:
    if not shown.media_type.startswith("image/"):
        what = "Video" if shown.media_type.startswith("video/") else "Document"
        flow.paragraph(f"{what} {shown.number}: the file {shown.name}")
        return
    picture = picture_of(shown)
    if picture is not None:
        flow.picture(picture.read, picture.pixels, alt_of(shown, entry))
    flow.paragraph(f"Picture {shown.number}. At its full size: the file {shown.name}", small=True)
