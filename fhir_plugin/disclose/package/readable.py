"""`record.html`: the whole record for a person, with a picture of reading size in its place.

The pictures stand in the page itself, so that it shows everything when somebody opens it inside the ZIP (which unpacks
that one file only) or mails it on; the files beside it have them at their full size.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator

from fhir_plugin.disclose.contents import CoverSheet
from fhir_plugin.disclose.package.markup import facts, page, text
from fhir_plugin.disclose.package.reading import Entry, Fact, Reading, Shown, safe_narrative
from fhir_plugin.disclose.package.reading.plain import date_words, day_words, nhs_number

PictureOf = Callable[[Shown], bytes | None]
"""A JPEG of reading size; None where the page shows a grey tile in its place."""


def longest_side(pictures: int) -> int:
    """In pixels: the more pictures, the smaller in the page, so that a browser can still open it."""
    return 1200 if pictures <= 60 else 800 if pictures <= 200 else 600


def readable_page(cover: CoverSheet, reading: Reading, picture_of: PictureOf) -> Iterator[bytes]:
    """The page in pieces, one picture at a time."""
    return page(f"Health record of {cover.patient_name}", _body(cover, reading, picture_of))


def _body(cover: CoverSheet, reading: Reading, picture_of: PictureOf) -> Iterator[str]:
    yield _beginning(cover, reading)
    yield "<h2>The patient</h2>\n"
    any_patient = False
    for entry in reading.patients():
        any_patient = True
        yield from _entry(entry, picture_of)
    if not any_patient:
        yield "<p>Nothing is recorded here about the patient as a person.</p>\n"
    year = None
    for entry in reading.entries():
        its_year = entry.when[:4] or "Without a date"
        if its_year != year:
            year = its_year
            yield f"<h2>{text(year)}</h2>\n"
        yield from _entry(entry, picture_of)
    yield _not_included(reading.not_included)


def _beginning(cover: CoverSheet, reading: Reading) -> str:
    about = [Fact("Name", cover.patient_name), Fact("NHS number", nhs_number(cover.nhs_number) or "not known")]
    about += [Fact("Date of birth", day_words(cover.born))] if cover.born else []
    about += [Fact("Copied for", cover.recipient)] if cover.recipient else []
    about += [Fact("Made", f"{day_words(cover.made.date())} by {cover.organisation}")]
    rows = "".join(f"<li>{text(kind)}: {number}</li>\n" for kind, number in reading.kinds().items())
    what = f"<h2>What is here</h2>\n<p>{reading.count} entries, the oldest first:</p>\n<ul>\n{rows}</ul>\n"
    return f"<h1>Copy of a health record</h1>\n{facts(about)}{what if rows else ''}"


def _entry(entry: Entry, picture_of: PictureOf) -> Iterator[str]:
    when = f'<p class="when">{text(date_words(entry.when))}</p>\n' if entry.when else ""
    yield f'<article>\n<h3 dir="auto">{text(entry.heading)}</h3>\n{when}'
    for shown in entry.files:
        yield _file(shown, entry, picture_of)
    yield facts(entry.facts)
    narrative = safe_narrative(entry.narrative) if entry.narrative else ""
    if narrative:
        yield (
            "<details>\n<summary>Summary in the words of the record</summary>\n"
            f'<div class="narrative" dir="auto">{narrative}</div>\n</details>\n'
        )
    if entry.technical:
        yield f"<details>\n<summary>Technical details</summary>\n{facts(entry.technical)}</details>\n"
    yield "</article>\n"


def _file(shown: Shown, entry: Entry, picture_of: PictureOf) -> str:
    link = f'<a href="{text(shown.name)}">{text(shown.name)}</a>'
    if shown.media_type.startswith("video/"):
        return f"<p>Video {shown.number}: the file {link}</p>\n"
    if not shown.media_type.startswith("image/"):
        return f"<p>Document {shown.number}: the file {link}</p>\n"
    picture = picture_of(shown)
    alt = ", ".join(each for each in (f"Picture {shown.number}: {entry.heading}", date_words(entry.when)) if each)
    image = (
        f'<div class="tile">Picture {shown.number} is here</div>'
        if picture is None
        else f'<img alt="{text(alt)}" src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">'
    )
    return f"<figure>\n{image}\n<figcaption>Picture {shown.number}. At its full size: {link}</figcaption>\n</figure>\n"


def _not_included(stubs: dict[str, int]) -> str:
    if not stubs:
        return ""
    rows: Iterable[str] = (f"<li>{text(kind)}: {number}</li>\n" for kind, number in sorted(stubs.items()))
    return (
        "<h2>Not included</h2>\n<p>The record holds these as well. They were taken out, and a mark in the record shows "
        f"that something is not included.</p>\n<ul>\n{''.join(rows)}</ul>\n"
    )
