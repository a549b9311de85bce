"""`record.pdf`: the same words as `record.html`, from the same entries, for printing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fhir_plugin.disclose.contents import CoverSheet
from fhir_plugin.disclose.package.pdf import PdfPages, Pixels
from fhir_plugin.disclose.package.printing import Flow
from fhir_plugin.disclose.package.reading import Entry, Fact, Reading, Shown, plain_narrative
from fhir_plugin.disclose.package.reading.plain import date_words, day_words
from fhir_plugin.disclose.package.words import about, alt_of, kinds_here, not_included

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
    cover: CoverSheet, reading: Reading, picture_of: Callable[[Shown], SmallPicture | None]
) -> Iterator[bytes]:
    """The PDF in pieces, one picture at a time."""
    title = f"Health record of {cover.patient_name}"
    footer = f"Copy of a health record, made {day_words(cover.made.date())}"
    pages = PdfPages(title, cover.organisation, cover.made, footer=footer)
    flow = Flow(pages)
    flow.heading(1, "Copy of a health record")
    flow.facts(about(cover))
    if reading.count:
        flow.heading(2, "What is here")
        flow.paragraph(f"{reading.count} entries, the oldest first:")
        flow.points(kinds_here(reading))
    flow.heading(2, "The patient")
    for entry in reading.patients():
        _entry(flow, entry, picture_of)
    year = None
    for entry in reading.entries():
        its_year = entry.when[:4] or "Without a date"
        if its_year != year:
            year = its_year
            flow.heading(2, year)
        _entry(flow, entry, picture_of)
    stubs = not_included(reading)
    if stubs:
        flow.heading(2, "Not included")
        flow.paragraph(stubs[0])
        flow.points(stubs[1:])
    if flow.not_printed:
        flow.heading(2, "About this file")
        flow.paragraph(NOT_PRINTED)
    return pages.pieces()


def _entry(flow: Flow, entry: Entry, picture_of: Callable[[Shown], SmallPicture | None]) -> None:
    flow.heading(3, entry.heading)
    if entry.when:
        flow.paragraph(date_words(entry.when))
    for shown in entry.files:
        _file(flow, shown, entry, picture_of)
    flow.facts(entry.facts)
    narrative = plain_narrative(entry.narrative) if entry.narrative else ""
    if narrative:
        flow.facts([Fact("Summary in the words of the record", narrative)])
    if entry.technical:
        flow.facts([Fact("Technical details", entry.technical)])


def _file(flow: Flow, shown: Shown, entry: Entry, picture_of: Callable[[Shown], SmallPicture | None]) -> None:
    if not shown.media_type.startswith("image/"):
        what = "Video" if shown.media_type.startswith("video/") else "Document"
        flow.paragraph(f"{what} {shown.number}: the file {shown.name}")
        return
    picture = picture_of(shown)
    if picture is not None:
        flow.picture(picture.read, picture.pixels, alt_of(shown, entry))
    flow.paragraph(f"Picture {shown.number}. At its full size: the file {shown.name}", small=True)
