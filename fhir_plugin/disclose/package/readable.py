"""`record.html`: the whole record for a person, with a picture of reading size in its place.

The pictures stand in the page itself, so that it shows everything when somebody opens it inside the ZIP (which unpacks
that one file only) or mails it on; the files beside it have them at their full size.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from fhir_plugin.disclose.contents import CoverSheet
from fhir_plugin.disclose.package.markup import facts, page, text
from fhir_plugin.disclose.package.notes import WordsOf
from fhir_plugin.disclose.package.reading import Entry, Reading, Shown, safe_narrative
from fhir_plugin.disclose.package.reading.plain import date_words
from fhir_plugin.disclose.package.words import (
    CONFIDENTIAL,
    UNDATED,
    about,
    alt_of,
    entries_here,
    kinds_here,
    not_included,
    told_in,
)

PictureOf = Callable[[Shown], bytes | None]
"""A JPEG of reading size; None where the page shows a grey tile in its place."""


def longest_side(pictures: int) -> int:
    """In pixels: the more pictures, the smaller in the page, so that a browser can still open it."""
    return 1200 if pictures <= 60 else 800 if pictures <= 200 else 600


def readable_page(cover: CoverSheet, reading: Reading, picture_of: PictureOf, words_of: WordsOf) -> Iterator[bytes]:
    """The page in pieces, one picture at a time."""
    return page(f"Health record of {cover.patient_name}", _body(cover, reading, picture_of, words_of))


def _body(cover: CoverSheet, reading: Reading, picture_of: PictureOf, words_of: WordsOf) -> Iterator[str]:
    yield _beginning(cover, reading)
    yield '<h2 id="patient">The patient</h2>\n'
    any_patient = False
    for entry in reading.patients():
        any_patient = True
        yield from _entry(entry, picture_of, words_of)
    if not any_patient:
        yield "<p>Nothing is recorded here about the patient as a person.</p>\n"
    year = None
    for entry in reading.entries():
        if entry.when[:4] != year:
            year = entry.when[:4]
            yield f'<h2 id="{_place(year)}">{text(year or UNDATED)}</h2>\n'
        yield from _entry(entry, picture_of, words_of)
    yield _not_included(not_included(reading))


def _beginning(cover: CoverSheet, reading: Reading) -> str:
    rows = "".join(f"<li>{text(each)}</li>\n" for each in kinds_here(reading))
    what = (
        f'<h2>What is here</h2>\n<p>{entries_here(reading)}</p>\n<ul class="kinds">\n{rows}</ul>\n{_contents(reading)}'
    )
    heading = f'<h1>Copy of a health record</h1>\n<div class="box">\n{facts(about(cover))}</div>\n'
    return f"{heading}<p>{text(CONFIDENTIAL)}</p>\n{what if rows else ''}"


def _contents(reading: Reading) -> str:
    """Ways into a long page."""
    ways = [("patient", "The patient"), *((_place(year), year or UNDATED) for year in reading.years())]
    ways += [("not-included", "Not included")] if reading.not_included else []
    links = "".join(f'<li><a href="#{place}">{text(words)}</a></li>\n' for place, words in ways)
    return f'<nav aria-label="On this page">\n<ul class="ways">\n{links}</ul>\n</nav>\n'


def _place(year: str) -> str:
    return f"year-{year}" if year.isascii() and year.isdecimal() else "undated"


def _entry(entry: Entry, picture_of: PictureOf, words_of: WordsOf) -> Iterator[str]:
    when = f'<p class="when">{text(date_words(entry.when))}</p>\n' if entry.when else ""
    yield f'<article>\n<h3 dir="auto">{text(entry.heading)}</h3>\n{when}'
    for shown in entry.files:
        yield _file(shown, entry, picture_of)
    yield facts([*told_in(entry, words_of), *entry.facts])
    narrative = safe_narrative(entry.narrative) if entry.narrative else ""
    if narrative:
        yield (
            "<details>\n<summary>Summary in the words of the record</summary>\n"
            f'<div class="narrative" dir="auto">{narrative}</div>\n</details>\n'
        )
    if entry.technical:
        yield f'<details class="technical">\n<summary>Technical details</summary>\n{facts(entry.technical)}</details>\n'
    yield "</article>\n"


def _file(shown: Shown, entry: Entry, picture_of: PictureOf) -> str:
    link = f'<a href="{text(shown.name)}">{text(shown.name)}</a>'
    if shown.media_type.startswith("video/"):
        return f"<p>Video {shown.number}: the file {link}</p>\n"
    if not shown.media_type.startswith("image/"):
        return f"<p>Document {shown.number}: the file {link}</p>\n"
    picture = picture_of(shown)
    if picture is None:
        image = f'<div class="tile">Picture {shown.number} is here</div>'
    else:
        inside = base64.b64encode(picture).decode()
        image = f'<img alt="{text(alt_of(shown, entry))}" src="data:image/jpeg;base64,{inside}">'
    return f"<figure>\n{image}\n<figcaption>Picture {shown.number}. At its full size: {link}</figcaption>\n</figure>\n"


def _not_included(said: list[str]) -> str:
    if not said:
        return ""
    rows = "".join(f"<li>{text(each)}</li>\n" for each in said[1:])
    return f'<h2 id="not-included">Not included</h2>\n<p>{text(said[0])}</p>\n<ul>\n{rows}</ul>\n'
