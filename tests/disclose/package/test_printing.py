"""The prints: real PDFs that say what the pages say, with what a screen reader needs, and every picture."""

from __future__ import annotations

import io
import re
import zlib
from typing import Any

import pytest
from PIL import Image

from fhir_plugin.disclose.package.pdf import PdfPages, pixels_of
from fhir_plugin.disclose.package.printing import Flow, wrapped
from fhir_plugin.disclose.package.reading import Fact
from fhir_plugin.disclose.prove import Leaks, prove, what_to_look_for
from tests.disclose.package.made import MADE, PATIENT, contents, drawn, image, lines, media, members, written
from tests.disclose.package.test_reading import RECORD

RECORD_PDF = members(written(contents(lines(*RECORD), [image(1)]))[0])["record.pdf"]
_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)


class Pdf:
    """A PDF of ours, read by its cross-reference table alone."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        start = int(data.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
        rows = data[start:].split(b"trailer")[0].split(b"\n")[2:]
        self.objects: dict[int, bytes] = {}
        for number, row in enumerate(rows):
            if row.endswith(b" n "):
                at = int(row[:10])
                assert data[at:].startswith(b"%d 0 obj" % number)
                self.objects[number] = data[at : data.index(b"endobj", at)]
        self.trailer = data[start:].split(b"trailer")[1]

    def root(self) -> bytes:
        found = re.search(rb"/Root (\d+) 0 R", self.trailer)
        assert found
        return self.objects[int(found.group(1))]

    def of_type(self, name: str) -> list[bytes]:
        return [each for each in self.objects.values() if re.search(rb"/Type /%s\b" % name.encode(), each[:400])]

    def stream(self, number: int) -> bytes:
        head, _, rest = self.objects[number].partition(b"stream\n")
        length = re.search(rb"/Length (\d+)", head)
        assert length
        content = rest[: int(length.group(1))]
        assert rest[int(length.group(1)) :].startswith(b"\r\nendstream"), "an end that cannot be taken for content"
        return zlib.decompress(content) if b"FlateDecode" in head else content

    def code(self) -> list[bytes]:
        """What is drawn on each page."""
        found = []
        for page in self.of_type("Page"):
            number = re.search(rb"/Contents (\d+) 0 R", page)
            assert number
            found.append(self.stream(int(number.group(1))))
        return found

    def text(self) -> str:
        """The words, as far as they are ASCII: those the proof can read, too."""
        strings = re.findall(rb"\(((?:\\.|[^\\()])*)\) Tj", b"\n".join(self.code()))
        plain = (re.sub(rb"\\([0-7]{3}|.)", _unescaped, each) for each in strings)
        return "\n".join(each.decode("latin-1") for each in plain)


def _unescaped(found: re.Match[bytes]) -> bytes:
    said = found.group(1)
    return bytes([int(said, 8)]) if len(said) == 3 else said


def test_every_page_says_whose_it_is_and_for_whom() -> None:
    what = contents(lines(*RECORD, *({**media(1), "id": f"m{n}"} for n in range(9))), [image(1)])
    print_ = Pdf(members(written(what)[0])["record.pdf"])
    pages = print_.code()
    assert len(pages) > 2
    for each in pages:
        assert b"/Subtype /Header" in each and b"Amy Lee, NHS number 999 000 0018, born 2 January 1980" in each
        assert b"Copied for" in each


def test_a_name_that_is_too_long_for_a_line_is_cut() -> None:
    pages = PdfPages("x", "x", MADE, footer="x")
    pages.above = ("W" * 400,)
    code = b"".join(Pdf(b"".join(pages.pieces())).code())
    assert b"WWW...) Tj" in code and b"W" * 100 not in code


def test_an_entry_stays_with_its_picture() -> None:
    """Two to a page, and no heading left behind at the foot of the page before."""
    shown = [image(n, content=drawn(n, (640, 480))) for n in range(1, 8)]
    print_ = Pdf(members(written(contents(lines(PATIENT, *(media(n) for n in range(1, 8))), shown))[0])["record.pdf"])
    for page in print_.code()[1:]:
        assert page.count(b"/Figure") == page.count(b"/H3"), "as many headings as pictures"


def test_it_says_what_the_page_says() -> None:
    words = Pdf(RECORD_PDF).text()
    for each in ("Copy of a health record", "Amy Lee", "999 000 0018", "2 January 1980", "Eczema", "72.5 kg", "Rash",
                 "Hydrocortisone 1% cream", "Dr Sam Shah", "Zebra", "Not included", "Page 1 of "):  # fmt: skip
        assert each in words, each


def test_a_screen_reader_finds_language_title_headings_in_order_and_words_for_the_picture() -> None:
    pdf = Pdf(RECORD_PDF)
    assert b"/Lang (en-GB)" in pdf.root()
    assert b"/Marked true" in b"".join(pdf.objects.values())
    assert b"/DisplayDocTitle true" in b"".join(pdf.objects.values())
    (metadata,) = pdf.of_type("Metadata")
    assert b"<dc:language><rdf:Bag><rdf:li>en-GB" in metadata
    assert b"Health record of Amy Lee" in metadata
    elements = [re.search(rb"/S /(\w+)", each) for each in pdf.of_type("StructElem")]
    tags = [each.group(1).decode() for each in elements if each]
    assert next(tag for tag in tags if tag != "Document") == "H1"
    assert tags.count("H1") == 1
    assert {"H2", "H3", "P", "Figure"} <= set(tags)
    for before, after in zip(headings := [int(tag[1]) for tag in tags if tag[0] == "H"], headings[1:], strict=False):
        assert after - before <= 1, "no level is left out"
    (figure,) = [each for each in pdf.of_type("StructElem") if b"/S /Figure" in each]
    alt = re.search(rb"/Alt <FEFF([0-9A-F]+)>", figure)
    assert alt
    assert bytes.fromhex(alt.group(1).decode()).decode("utf-16-be") == (
        "Picture 1: Photograph or video: Left forearm, 1 March 2024"
    )
    assert all(b"/StructParents" in page and b"/Tabs /S" in page for page in pdf.of_type("Page"))


def test_every_word_is_marked_and_marks_are_closed_and_known() -> None:
    pdf = Pdf(RECORD_PDF)
    marks = 0
    for code in pdf.code():
        depth = 0
        for token in re.findall(rb"BDC|BMC|EMC|Tj", code):
            depth += {b"BDC": 1, b"BMC": 1, b"EMC": -1, b"Tj": 0}[token]
            assert token != b"Tj" or depth == 1, "words outside of any mark, or within two"
        assert depth == 0
        marks += len(re.findall(rb"/MCID \d+", code))
    assert marks == len(re.findall(rb"/Type /MCR", b"".join(pdf.of_type("StructElem"))))


def test_fonts_are_in_it_with_their_unicode_and_the_picture_is() -> None:
    pdf = Pdf(RECORD_PDF)
    fonts = [each for each in pdf.of_type("Font") if b"Vera" in each]
    assert fonts
    assert all(b"/ToUnicode" in each for each in fonts)
    assert sum(b"/FontFile2" in each for each in pdf.objects.values()) >= 2
    jpeg = next(number for number, each in pdf.objects.items() if b"/DCTDecode" in each[:400])
    with Image.open(io.BytesIO(pdf.stream(jpeg))) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (64, 48)


def test_its_time_is_that_of_making_and_nothing_of_this_machine_is_in_it() -> None:
    assert b"D:20260201123000+00'00'" in RECORD_PDF
    assert not re.search(rb"/(?:JavaScript|JS|OpenAction|AA|Launch|URI|EmbeddedFile)\b", RECORD_PDF)


@pytest.mark.parametrize("words", ["plum coloured elephant", "Media/secret-000123"])
def test_the_proof_reads_it(words: str) -> None:
    pages = PdfPages("t", "o", MADE, footer="f")
    flow = Flow(pages)
    flow.heading(1, "Title")
    flow.facts([Fact("Note", f"It is a {words} there")])
    verdict = prove([("x.pdf", pages.pieces())], what_to_look_for([], canaries=[words]))
    assert isinstance(verdict, Leaks)


def test_a_long_record_goes_over_many_pages_and_their_number_is_on_each() -> None:
    many = [{"resourceType": "Flag", "id": f"f{n}", "note": "word " * 300} for n in range(20)]
    words = Pdf(members(written(contents(lines(*many), []))[0])["record.pdf"]).text()
    pages = [int(number) for number in re.findall(r"Page (\d+) of", words)]
    assert pages == list(range(1, len(pages) + 1))
    assert len(pages) > 5


def test_letters_that_the_typeface_has_not_are_told() -> None:
    for said, printed, told in (("Zoë Łukasz", "Zoë Łukasz", False), ("ż 王 \u05d0", "z \u25a1 \u25a1", True)):
        flow = Flow(PdfPages("t", "o", MADE, footer="f"))
        assert flow.printable(said) == printed
        assert flow.not_printed is told
    found = Pdf(
        members(written(contents(lines({"resourceType": "Flag", "id": "f", "note": "王"}), []))[0])["record.pdf"]
    )
    assert "record.html has every letter" in " ".join(found.text().split())


@pytest.mark.parametrize(
    "line", ["", "a", "two words", "x" * 1000, f"{'y' * 500} and {'z' * 90} ", "  spaces  in  it "]
)
def test_wrapping_loses_no_letter_and_no_line_is_too_long(line: str) -> None:
    found = list(wrapped(line, "PackageVera", 9.5, 200))
    assert "".join(found).replace(" ", "") == line.replace(" ", "")
    assert all(len(each) < 80 for each in found)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00", b"GIF89a", drawn(1)[:20]])
def test_what_is_no_jpeg_is_not_printed(content: bytes) -> None:
    assert pixels_of(content) is None


def test_the_size_of_a_jpeg_is_read_from_it() -> None:
    found: Any = pixels_of(drawn(1, (70, 30)))
    assert (found.width, found.height, found.grey) == (70, 30, False)


def test_a_video_is_named_and_not_shown() -> None:
    shown = media(1, content={"contentType": "video/mp4", "url": "Binary/b1"})
    from dataclasses import replace

    files = members(written(contents(lines(shown), [replace(image(1, content=b"video"), content_type="video/mp4")]))[0])
    assert files["images/001.mp4"] == b"video"
    assert "Video 1: the file images/001.mp4" in Pdf(files["record.pdf"]).text()
    assert b"Video 1: the file" in files["record.html"]
    assert b"1 video" in files["cover.html"]
