"""`cover.html` and `cover.pdf`: one sheet in plain words. In `Mode.SILENT` nothing says that something is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fhir_plugin.disclose.contents import CoverSheet
from fhir_plugin.disclose.package.files import PackedFile
from fhir_plugin.disclose.package.markup import facts, page, text
from fhir_plugin.disclose.package.pdf import PdfPages
from fhir_plugin.disclose.package.printing import Flow
from fhir_plugin.disclose.package.reading import Fact, Reading
from fhir_plugin.disclose.package.reading.plain import day_words
from fhir_plugin.disclose.package.words import about, for_whom, how_marked, whose
from mappings.model.disclosure import Mode

TITLE = "About this copy of a health record"


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it, in this order. `key`: for comparing letter by letter."""

    heading: str
    sentences: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    points: Sequence[str] = ()
    after: Sequence[str] = ()
    key: str = field(default="")


@dataclass(frozen=True)
class Inside:
    """What the package holds: nothing here says what it does not hold."""

    reading: Reading
    pictures: Sequence[PackedFile]
    documents: int
    record_name: str
    package_id: str
    key_check: str


def sections(cover: CoverSheet, inside: Inside) -> list[Section]:
    """The sheet, from whose record it is to where to complain."""
    found = [_whose(cover, inside), _what(inside), _files(inside)]
    taken_out = _taken_out(cover, inside)
    found += [taken_out] if taken_out else []
    if cover.checked:
        found.append(Section("What was checked", points=cover.checked))
    if cover.not_checked:
        found.append(Section("What was not checked", points=cover.not_checked))
    return [*found, _whole(cover, inside), _care(), _again(cover), _signed(cover)]


def cover_page(cover: CoverSheet, inside: Inside) -> Iterator[bytes]:
    """`cover.html` in pieces."""

    def body() -> Iterator[str]:
        yield f"<h1>{text(TITLE)}</h1>\n"
        for each in sections(cover, inside):
            yield f"<h2>{text(each.heading)}</h2>\n"
            yield "".join(f"<p>{text(sentence)}</p>\n" for sentence in each.sentences)
            yield facts(each.facts)
            if each.points:
                yield "<ul>\n" + "".join(f'<li dir="auto">{text(point)}</li>\n' for point in each.points) + "</ul>\n"
            if each.key:
                yield f'<p class="key">{text(each.key)}</p>\n'
            yield "".join(f"<p>{text(sentence)}</p>\n" for sentence in each.after)

    return page(TITLE, body())


def cover_sheet(cover: CoverSheet, inside: Inside) -> Iterator[bytes]:
    """`cover.pdf` in pieces."""
    pages = PdfPages(TITLE, cover.organisation, cover.made, footer=f"Package {inside.package_id}")
    flow = Flow(pages)
    pages.above = (flow.printable(whose(cover)), flow.printable(for_whom(cover)))
    flow.heading(1, TITLE)
    for each in sections(cover, inside):
        flow.heading(2, each.heading)
        for sentence in each.sentences:
            flow.paragraph(sentence)
        flow.facts(each.facts)
        if each.points:
            flow.points(each.points)
        if each.key:
            flow.paragraph(each.key, bold=True)
        for sentence in each.after:
            flow.paragraph(sentence)
    return pages.pieces()


def _whose(cover: CoverSheet, inside: Inside) -> Section:
    rows = [each for each in about(cover) if each.label != "Made"]
    rows += [
        Fact("Asked for by", cover.row.title),
        Fact("By what right", cover.row.right),
        *([Fact("What for", cover.purpose)] if cover.purpose else []),
        Fact("Asked on", day_words(cover.received)),
        Fact("Made on", day_words(cover.made.date())),
        Fact("Made by", cover.organisation),
        Fact("Package", inside.package_id),
    ]
    return Section("Whose record this is, and who asked", facts=rows)


def _what(inside: Inside) -> Section:
    pictures = sum(not each.is_video for each in inside.pictures)
    videos = len(inside.pictures) - pictures
    rows = [_number(inside.reading.count, "entry", "entries")]
    rows += [_number(pictures, "picture", "pictures")] if pictures else []
    rows += [_number(videos, "video", "videos")] if videos else []
    rows += [_number(inside.documents, "document", "documents")] if inside.documents else []
    return Section("What is in it", points=rows)


def _files(inside: Inside) -> Section:
    rows = [
        "record.html: the record to read on a screen. Start here; any browser opens it.",
        "record.pdf: the same to print.",
    ]
    rows += ["images: every picture and video at its full size."] if inside.pictures else []
    rows += ["documents: letters and other files of the record, as they were."] if inside.documents else []
    rows += [
        f"{inside.record_name}: the record for computer systems (HL7 FHIR).",
        "manifest.json, manifest.jws and keys.json: to check that nothing was changed.",
    ]
    return Section("The files", points=rows)


def _taken_out(cover: CoverSheet, inside: Inside) -> Section | None:
    """Only what the marks in the record tell anyway."""
    marked = {reason: number for reason, number in cover.taken_out.items() if number > 0}
    if cover.mode is not Mode.MARKED or not marked:
        return None
    total = sum(marked.values())
    first = f"{_number(total, 'entry was', 'entries were')} taken out."
    rows = [f"{_number(number, 'entry', 'entries')}: {reason}" for reason, number in sorted(marked.items())]
    return Section("What was taken out, and why", sentences=[first, how_marked(total, inside.reading)], points=rows)


def _whole(cover: CoverSheet, inside: Inside) -> Section:
    return Section(
        "How to check that this is whole and unchanged",
        sentences=[
            "Every file is listed with its fingerprint, and the list is signed. The command fhir-plugin verify-package "
            "checks all of it, on any computer.",
            "It also shows by which key. To be sure that this key is ours, ring "
            f"{cover.organisation} on a number that you already know, and have it read out. It is:",
        ],
        key=inside.key_check,
    )


def _care() -> Section:
    return Section(
        "Look after it",
        sentences=[
            "This is confidential. Show it only to people who need it for what it was asked for, and delete it when it "
            "is not needed any more. Whoever gets it from you should get this sheet, too.",
            "We keep a note of what was sent, to whom and when, but not a second copy of the record in it. The patient "
            "can ask to see that note at any time.",
        ],
    )


def _again(cover: CoverSheet) -> Section:
    where = cover.contact or f"the person at {cover.organisation} who sent you this"
    return Section(
        "If something is missing, wrong or unclear",
        sentences=[
            f"Ask again: {where}. Please give the package number above. Asking costs nothing, and you may ask for the "
            "reasons for any decision.",
            "If you think that personal information was not handled as it should be, you can complain to us, and then "
            "to the Information Commissioner's Office: ico.org.uk/make-a-complaint, telephone 0303 123 1113. It is "
            "best to do so within three months of our last answer.",
        ],
    )


def _signed(cover: CoverSheet) -> Section:
    return Section("Signed by", points=cover.signed_by)


def _number(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
