"""Words that the page and the print share, so that both say the same."""

from __future__ import annotations

from fhir_plugin.disclose.contents import CoverSheet
from fhir_plugin.disclose.package.notes import WordsOf
from fhir_plugin.disclose.package.reading import Entry, Fact, Reading, Shown
from fhir_plugin.disclose.package.reading.kinds import kind_of
from fhir_plugin.disclose.package.reading.plain import date_words, day_words, nhs_number

UNDATED = "Without a date"
CONFIDENTIAL = "Confidential: for whoever it was copied for. What was checked, and whom to ask, is on the cover sheet."


def whose(cover: CoverSheet) -> str:
    """On every page that is printed, should one be left lying alone."""
    said = [cover.patient_name, f"NHS number {nhs_number(cover.nhs_number)}" if cover.nhs_number else ""]
    said += [f"born {day_words(cover.born)}"] if cover.born else []
    return ", ".join(each for each in said if each)


def for_whom(cover: CoverSheet) -> str:
    """The same of who gets it."""
    return f"Copied for {cover.recipient}" if cover.recipient else ""


def entries_here(reading: Reading) -> str:
    """How many entries, and in what order they stand."""
    return "1 entry." if reading.count == 1 else f"{reading.count:,} entries, the oldest first."


def about(cover: CoverSheet) -> list[Fact]:
    """Whose record it is, for whom and by whom it was copied."""
    said = [Fact("Name", cover.patient_name), Fact("NHS number", nhs_number(cover.nhs_number) or "not known")]
    said += [Fact("Date of birth", day_words(cover.born))] if cover.born else []
    said += [Fact("Copied for", cover.recipient)] if cover.recipient else []
    return [*said, Fact("Made", f"{day_words(cover.made.date())} by {cover.organisation}")]


def kinds_here(reading: Reading) -> list[str]:
    """Condition: 3, and so on."""
    return [f"{kind}: {number}" for kind, number in reading.kinds().items()]


def not_included(reading: Reading) -> list[str]:
    """One sentence, then the kinds; empty where there is no mark of anything that was taken out."""
    if not reading.not_included:
        return []
    first = "The record holds these as well. They were taken out, and a mark in the record shows that something is"
    rows = [f"{kind}: {number}" for kind, number in sorted(_marked(reading).items())]
    return [f"{first} not included.", *rows]


def how_marked(taken_out: int, reading: Reading) -> str:
    """What the record itself shows of so many entries that were taken out, so that both numbers make sense."""
    marks = sum(_marked(reading).values())
    listed = 'listed at the end of record.html and record.pdf under "Not included"'
    no_mark = (
        "some kinds of entry, such as an agreement of the patient or a note of where an entry comes from, cannot hold "
        "a mark"
    )
    if not marks:
        return f"Nothing stands in their place in the record: {no_mark}."
    if marks == taken_out:
        return f"A mark in the record stands in the place of each, and they are {listed}."
    if marks > taken_out:
        return f"With what belongs to them, {marks:,} marks stand in the record, {listed}."
    rest = taken_out - marks
    where = "a mark stands in its place" if marks == 1 else "marks stand in their place"
    return (
        f"For {marks:,} of them {where} in the record, {listed}. For the other {rest:,} nothing does: {no_mark}. "
        "The file of a picture or document is not counted beside it."
    )


def _marked(reading: Reading) -> dict[str, int]:
    files = kind_of("Binary").name  # the bytes of something else here, but for one that stands alone
    return {kind: number for kind, number in reading.not_included.items() if kind != files} or reading.not_included


def told_in(entry: Entry, words_of: WordsOf) -> list[Fact]:
    """The words of the plain texts that an entry shows."""
    said = ((shown, words_of(shown)) for shown in entry.files)
    return [
        Fact("What it says" if len(entry.files) == 1 else f"Document {shown.number} says", words)
        for shown, words in said
        if words
    ]


def alt_of(shown: Shown, entry: Entry) -> str:
    """What a person who cannot see the picture is told: which one it is, of what, and when."""
    said = f"Picture {shown.number}: {entry.heading}"
    return f"{said}, {date_words(entry.when)}" if entry.when else said
