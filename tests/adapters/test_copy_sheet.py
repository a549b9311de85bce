"""What a chart gets in the place of an image: whole, readable, and with nothing on it that nobody meant to be there."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from PIL import Image, ImageCms

from fhir_plugin.adapters.copy_sheet import RenderedSheets
from fhir_plugin.ports import SheetPicture, SheetWords
from tests.disclose.package.made import WorkerHere
from tests.disclose.package.test_printing import Pdf
from tests.fakes.clock import START
from tests.imaging.drawing import Canaries, as_jpeg, as_png, chart, grainy, loaded_jpeg

PDF, XHTML, HTML, TEXT = "application/pdf", "application/xhtml+xml", "text/html", "text/plain"
IDENTIFIER = "5d1f7c2e-0000-4000-8000-0123456789ab"
WORDS = SheetWords(
    title="Clinical photograph: forearm, left",
    organisation="The practice",
    banner=("SENSITIVE: for those who need it for this patient's care.",),
    rows=(("Patient", "Amy <Example> & Sons, born 1 May 1980"), ("Identifier", IDENTIFIER)),
    closing=("This is a copy for reading.",),
    alt="Photograph: forearm, left",
    made=START,
    smaller="The picture on this page is smaller than the photograph that is kept.",
)
SHEETS = RenderedSheets(WorkerHere())


def whole(content: bytes, content_type: str = "image/jpeg") -> SheetPicture:
    with Image.open(io.BytesIO(content)) as image:
        return SheetPicture(content, content_type, *image.size)


def of(content_type: str, picture: SheetPicture | None, most: int | None = None, *, reduce: bool = True) -> bytes:
    made = SHEETS.made(WORDS, content_type, picture=picture, most=most, reduce=reduce)
    assert made is not None and made.content_type == content_type
    assert most is None or len(made.content) <= most
    return made.content


def inside(content_type: str, content: bytes) -> bytes:
    """The one picture of a file."""
    if content_type == PDF:
        (found,) = re.findall(rb"/Filter /DCTDecode /Length \d+ >>\nstream\n(.*?)\r\nendstream", content, re.DOTALL)
        return bytes(found)
    (encoded,) = re.findall(rb'src="data:image/jpeg;base64,([^"]+)"', content)
    return base64.b64decode(encoded)


@pytest.mark.parametrize("content_type", [PDF, XHTML, HTML])
def test_a_clean_jpeg_that_fits_goes_in_as_it_is(content_type: str) -> None:
    picture = as_jpeg(grainy(640, 480), quality=90)
    content = of(content_type, whole(picture), len(picture) * 3)
    assert inside(content_type, content) == picture
    made = SHEETS.made(WORDS, content_type, picture=whole(picture), most=None, reduce=False)
    assert made is not None and not made.reduced and made.content == content  # the same bytes every time


def test_the_pdf_is_one_tagged_page_that_names_nobody_in_its_properties() -> None:
    content = of(PDF, whole(as_jpeg(chart(300, 200))))
    sheet = Pdf(content)
    assert len(sheet.of_type("Page")) == 1
    assert b"/Lang (en-GB)" in sheet.root() and b"/MarkInfo" in sheet.root() and b"/StructTreeRoot" in sheet.root()
    kinds = sheet.of_type("StructElem")
    assert sum(b"/S /H1" in each for each in kinds) == 1
    (figure,) = [each for each in kinds if b"/S /Figure" in each]
    assert "Photograph: forearm".encode("utf-16-be").hex().upper().encode() in figure
    words = " ".join(sheet.text().split())
    for expected in ("Amy <Example> & Sons", "SENSITIVE", IDENTIFIER, "This is a copy for reading."):
        assert expected in words
    assert "smaller than" not in words
    (xmp,) = re.findall(rb"<x:xmpmeta.*?</x:xmpmeta>", content, re.DOTALL)
    assert b"Clinical photograph<" in xmp and b"Example" not in xmp and b"forearm" not in xmp
    named = re.search(rb"/Info (\d+) 0 R", sheet.trailer)
    assert named is not None
    info = sheet.objects[int(named.group(1))]
    assert b"Example" not in info and b"forearm" not in info


@pytest.mark.parametrize("content_type", [XHTML, HTML])
def test_the_page_is_well_formed_and_fetches_and_runs_nothing(content_type: str) -> None:
    content = of(content_type, whole(as_jpeg(chart(300, 200))))
    page = ET.fromstring(content.decode())
    names = {each.tag.rpartition("}")[2] for each in page.iter()}
    assert names <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "div",
        "p",
        "strong",
        "img",
        "dl",
        "dt",
        "dd",
    }
    attributes = {(name, value) for each in page.iter() for name, value in each.attrib.items()}
    assert all(value.startswith("data:image/jpeg;base64,") for name, value in attributes if name in ("src", "href"))
    assert not any(name.startswith("on") for name, _value in attributes)
    assert b"url(" not in content and b"@import" not in content
    text = " ".join("".join(page.itertext()).split())
    assert "Amy <Example> & Sons, born 1 May 1980" in text and IDENTIFIER in text and "SENSITIVE" in text
    assert page.findtext(".//{*}title") == "Clinical photograph"


@pytest.mark.parametrize("content_type", [PDF, XHTML])
def test_what_does_not_fit_becomes_smaller_only_where_it_may_and_says_so(content_type: str) -> None:
    picture = as_jpeg(grainy(1200, 900), quality=95)
    assert len(picture) > 400_000
    content = of(content_type, whole(picture), 200_000)
    with Image.open(io.BytesIO(inside(content_type, content))) as smaller:
        assert 400 < smaller.width < 1200 and abs(smaller.width / smaller.height - 4 / 3) < 0.01
    said = Pdf(content).text() if content_type == PDF else content.decode()
    assert "smaller than the photograph" in " ".join(said.split())
    assert SHEETS.made(WORDS, content_type, picture=whole(picture), most=200_000, reduce=False) is None
    assert SHEETS.made(WORDS, content_type, picture=whole(picture), most=1000, reduce=True) is None


@pytest.mark.parametrize("content_type", [PDF, HTML])
def test_another_orientation_and_transparency_are_made_plain_without_anything_else(content_type: str) -> None:
    canaries = Canaries()
    turned = loaded_jpeg(canaries, orientation=6, image=chart(64, 48))
    made = inside(content_type, of(content_type, SheetPicture(turned, "image/jpeg", 48, 64)))
    with Image.open(io.BytesIO(made)) as image:
        assert image.size == (48, 64) and not image.getexif() and image.info.get("icc_profile") is None
    assert canaries.survivors(of(content_type, SheetPicture(turned, "image/jpeg", 48, 64))) == []
    clear = Image.new("RGBA", (40, 40), (10, 20, 30, 0))
    made = inside(content_type, of(content_type, whole(as_png(clear), "image/png")))
    with Image.open(io.BytesIO(made)) as image:
        assert image.convert("RGB").getpixel((20, 20)) == (255, 255, 255)


def test_a_colour_profile_is_applied_and_not_carried_along() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = as_jpeg(chart(64, 48), icc_profile=profile)
    content = of(PDF, whole(picture))
    assert inside(PDF, content) != picture and b"acsp" not in inside(PDF, content)


@pytest.mark.parametrize("content_type", [PDF, XHTML, TEXT])
def test_words_alone_have_no_picture_and_say_the_same(content_type: str) -> None:
    content = of(content_type, None)
    assert b"data:image" not in content and b"DCTDecode" not in content
    said = Pdf(content).text() if content_type == PDF else content.decode()
    assert IDENTIFIER in said and "SENSITIVE" in said
    assert SHEETS.made(WORDS, content_type, picture=None, most=10, reduce=True) is None


def test_text_is_never_shown_a_picture_and_other_types_are_not_made() -> None:
    content = of(TEXT, whole(as_jpeg(chart(300, 200))))
    assert content.decode().splitlines()[0] == "CLINICAL PHOTOGRAPH: FOREARM, LEFT"
    assert SHEETS.made(WORDS, "application/rtf", picture=None, most=None, reduce=True) is None


def test_letters_that_xml_cannot_hold_and_the_font_cannot_print_are_told() -> None:
    odd = replace(WORDS, rows=(("Purpose", "a\x00b\x0b\u4e2d"), ("Identifier", IDENTIFIER)))
    page = SHEETS.made(odd, XHTML, picture=None, most=None, reduce=True)
    assert page is not None and "ab\u4e2d" in "".join(ET.fromstring(page.content.decode()).itertext())
    sheet = SHEETS.made(odd, PDF, picture=None, most=None, reduce=True)
    assert sheet is not None and "Some letters cannot be printed" in " ".join(Pdf(sheet.content).text().split())
