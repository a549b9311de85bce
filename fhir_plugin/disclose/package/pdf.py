"""A PDF in pieces: pages are laid out first, pictures are fetched one by one while the file is written.

Tagged (ISO 32000-1, 14.8) with language, title and words for every picture, so that a screen reader can read it; the
embedded fonts carry their Unicode. reportlab writes the pages; it keeps a whole file in memory, so that the writing
itself is done here.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

PLAIN: Final = "PackageVera"
BOLD: Final = "PackageVeraBold"
WIDTH, HEIGHT = A4
_TOTAL: Final = "total"
_SMALL: Final = 7.5
_END: Final = b"endstream\nendobj\n"


@dataclass
class _Element:
    """One node of the structure tree. `marks`: on which page (from 0) it has which marked piece."""

    tag: str
    alt: str
    marks: list[tuple[int, int]] = field(default_factory=list)


class PdfPages:
    """Pages to draw on, and at the end `pieces`. Coordinates in points from the lower left."""

    def __init__(
        self,
        title: str,
        organisation: str,
        made: dt.datetime,
        *,
        footer: str,
        subject: str = "Copy of a health record",
    ) -> None:
        _fonts()
        self._title, self._organisation, self._made = title, organisation, made.astimezone(dt.UTC)
        self._footer = footer
        self.above: tuple[str, ...] = ()
        """Lines at the top of every page, in letters that the font has."""
        making: Any = Canvas  # what is done here goes deeper than its published types
        self._canvas = making(
            io.BytesIO(), pagesize=A4, pageCompression=1, invariant=1, initialFontName=PLAIN, lang="en-GB"
        )
        self._canvas.setTitle(title)
        self._canvas.setAuthor(organisation)
        self._canvas.setSubject(subject)
        self._canvas.setCreator("fhir-plugin")
        self._canvas.setViewerPreference("DisplayDocTitle", "true")
        self._document = self._canvas._doc
        self._document._timeStamp = _Stamp(self._made)
        self._elements: list[_Element] = []
        self._on_page: list[list[int]] = [[]]
        self._pictures = 0

    @property
    def count(self) -> int:
        """Pages that have been begun."""
        return len(self._on_page)

    # ------------------------------------------------------------------------------------------------- drawing

    def begin(self, tag: str, alt: str = "") -> None:
        """What is drawn from here until `end` is one element for a screen reader: H1, H2, H3, P, Figure."""
        self._elements.append(_Element(tag, alt))
        self._mark()

    def end(self) -> None:
        self._canvas._code.append("EMC")

    def next_page(self) -> None:
        """Inside an element it goes on there. `end` first what was begun for that page's last line, if need be."""
        self._footed()
        self._canvas.showPage()
        self._on_page.append([])

    def go_on(self) -> None:
        """The element that was ended last goes on, on a new page."""
        self._mark()

    def text(self, x: float, y: float, words: str, font: str, size: float) -> None:
        self._canvas.setFont(font, size)
        self._canvas.drawString(x, y, words)

    def rule(self, x: float, y: float, width: float, *, weight: float = 0.5, grey: float = 0.7) -> None:
        """A line that means nothing to a screen reader."""
        self._canvas._code.append("/Artifact BMC")
        self._canvas.setLineWidth(weight)
        self._canvas.setStrokeGray(grey)
        self._canvas.line(x, y, x + width, y)
        self._canvas._code.append("EMC")

    def picture(self, read: Callable[[], bytes], pixels: Pixels, x: float, y: float, width: float) -> None:
        """A JPEG, read when its turn to be written comes."""
        self._pictures += 1
        name = f"picture{self._pictures}"
        self._document.Reference(_Jpeg(read, pixels), pdfdoc.xObjectName(name))
        self._canvas._formsinuse.append(name)
        self._canvas._currentPageHasImages = 1
        self._canvas.saveState()
        self._canvas.translate(x, y)
        self._canvas.scale(width, width * pixels.height / pixels.width)
        self._canvas._code.append(f"/{pdfdoc.xObjectName(name)} Do")
        self._canvas.restoreState()

    def _mark(self) -> None:
        element = len(self._elements) - 1
        page = len(self._on_page) - 1
        mark = len(self._on_page[page])
        self._on_page[page].append(element)
        self._elements[element].marks.append((page, mark))
        self._canvas._code.append(f"/{self._elements[element].tag} <</MCID {mark}>> BDC")

    def _footed(self) -> None:
        number = len(self._on_page)
        self._canvas._code.append("/Artifact <</Type /Pagination /Subtype /Header>> BDC")
        for line, words in enumerate(self.above):
            self.text(MARGIN, HEIGHT - 28 - 10 * line, _shortened(words), PLAIN, _SMALL)
        self._canvas._code.append("EMC")
        self._canvas._code.append("/Artifact <</Type /Pagination /Subtype /Footer>> BDC")
        self.text(MARGIN, 30, self._footer, PLAIN, _SMALL)
        words = f"Page {number} of "
        room = pdfmetrics.stringWidth("00000", PLAIN, _SMALL)
        start = WIDTH - MARGIN - room - pdfmetrics.stringWidth(words, PLAIN, _SMALL)
        self.text(start, 30, words, PLAIN, _SMALL)
        self._canvas.saveState()
        self._canvas.translate(WIDTH - MARGIN - room, 30)
        self._canvas.doForm(_TOTAL)
        self._canvas.restoreState()
        self._canvas._code.append("EMC")

    # ------------------------------------------------------------------------------------------------- writing

    def pieces(self) -> Iterator[bytes]:
        """The whole file, object by object."""
        self._footed()
        self._canvas.showPage()
        self._canvas.beginForm(_TOTAL)
        self.text(0, 0, str(len(self._on_page)), PLAIN, _SMALL)
        self._canvas.endForm()
        document = self._document
        self._describe(document)
        for font in document.delayedFonts:
            font.addObjects(document)
        document.info.invariant = 1
        document.info.digest(document.signature)
        document.Outlines.ready = -1
        document.Catalog.Outlines = None
        document.encrypt.prepare(document)
        catalog, info = document.Reference(document.Catalog), document.Reference(document.info)
        yield from _written(document, catalog, info)

    def _describe(self, document: Any) -> None:
        """Structure, language and metadata as PDF/UA-1 wants them; it is not claimed: no validator has said so."""
        catalog = document.Catalog
        catalog.MarkInfo = pdfdoc.PDFDictionary({"Marked": "true"})
        catalog.Metadata = _Raw(lambda _doc: _stream(self._xmp(), "/Type /Metadata /Subtype /XML"))
        root = _Raw(lambda doc: self._root(doc, names, whole, parents))
        whole = _Raw(lambda doc: self._whole(doc, root, names))
        names = [
            document.Reference(_Raw(lambda doc, number=number: self._node(doc, number, whole))).name
            for number in range(len(self._elements))
        ]
        parents = [
            document.Reference(_Raw(lambda doc, marks=marks: _array(doc, [names[each] for each in marks]))).name
            for marks in self._on_page
        ]
        document.Reference(whole)
        catalog.StructTreeRoot = root
        document.Reference(root)
        for number, page in enumerate(document.Pages.pages):
            page.__NoDefault__ = [*page.__NoDefault__, "StructParents", "Tabs"]
            page.StructParents, page.Tabs = number, "/S"

    def _root(self, document: Any, names: list[str], whole: _Raw, parents: list[str]) -> bytes:
        nums = " ".join(f"{number} {_ref(document, name)}" for number, name in enumerate(parents))
        return (
            f"<< /Type /StructTreeRoot /K {_ref(document, whole.__InternalName__)} "
            f"/ParentTree << /Nums [ {nums} ] >> /ParentTreeNextKey {len(parents)} >>"
        ).encode("ascii")

    def _whole(self, document: Any, root: _Raw, names: list[str]) -> bytes:
        kids = " ".join(_ref(document, name) for name in names)
        return (
            f"<< /Type /StructElem /S /Document /P {_ref(document, root.__InternalName__)} /K [ {kids} ] >>"
        ).encode("ascii")

    def _node(self, document: Any, number: int, whole: _Raw) -> bytes:
        element = self._elements[number]
        kids = " ".join(
            f"<< /Type /MCR /Pg {_ref(document, f'Page{page + 1}')} /MCID {mark} >>" for page, mark in element.marks
        )
        alt = f" /Alt {_string(element.alt)}" if element.alt else ""
        parent = _ref(document, whole.__InternalName__)
        return f"<< /Type /StructElem /S /{element.tag} /P {parent}{alt} /K [ {kids} ] >>".encode("ascii")

    def _xmp(self) -> bytes:
        made = self._made.isoformat(timespec="seconds")
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
            'xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
            f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(self._title)}</rdf:li></rdf:Alt></dc:title>'
            f"<dc:creator><rdf:Seq><rdf:li>{escape(self._organisation)}</rdf:li></rdf:Seq></dc:creator>"
            "<dc:language><rdf:Bag><rdf:li>en-GB</rdf:li></rdf:Bag></dc:language>"
            f"<xmp:CreateDate>{made}</xmp:CreateDate>"
            '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
        ).encode()


MARGIN: Final = 56.0


@dataclass(frozen=True)
class Pixels:
    """How large a JPEG is; `grey`: one colour channel."""

    width: int
    height: int
    grey: bool


def pixels_of(jpeg: bytes) -> Pixels | None:
    """From its header (ITU-T T.81, B.2.2); None for what is no JPEG that can be printed."""
    at = 2
    while jpeg[:2] == b"\xff\xd8" and at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = int.from_bytes(jpeg[at + 5 : at + 7], "big"), int.from_bytes(jpeg[at + 7 : at + 9], "big")
            channels = jpeg[at + 9]
            return Pixels(width, height, channels == 1) if width and height and channels in (1, 3) else None
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return None


class _Raw(pdfdoc.PDFObject):
    """An object that says its own bytes, when they are asked for."""

    __RefOnly__ = 1
    __InternalName__: str

    def __init__(self, said: Callable[..., bytes]) -> None:
        self._said = said

    def format(self, document: Any) -> bytes:
        return self._said(document)


class _Jpeg(pdfdoc.PDFObject):
    __RefOnly__ = 1

    def __init__(self, read: Callable[[], bytes], pixels: Pixels) -> None:
        self._read = read
        self._pixels = pixels

    def format(self, _document: Any) -> bytes:
        colours = "DeviceGray" if self._pixels.grey else "DeviceRGB"
        return _stream(
            self._read(),
            f"/Type /XObject /Subtype /Image /Width {self._pixels.width} /Height {self._pixels.height} "
            f"/BitsPerComponent 8 /ColorSpace /{colours} /Filter /DCTDecode",
        )


class _Stamp:
    """The time at which the package was made, as reportlab asks for it."""

    def __init__(self, made: dt.datetime) -> None:
        self.t = made.timestamp()
        self.lt = made.timetuple()
        self.YMDhms = tuple(self.lt)[:6]
        self.dhh = self.dmm = 0
        self.tzname = "UTC"


def _written(document: Any, catalog: Any, info: Any) -> Iterator[bytes]:
    head = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    yield head
    offset = len(head)
    offsets: list[int] = []
    while (number := len(offsets) + 1) in document.numberToId:
        name = document.numberToId[number]
        data: bytes = pdfdoc.PDFIndirectObject(name, document.idToObject[name]).format(document)
        if data.endswith(_END) and not isinstance(document.idToObject[name], _Raw | _Jpeg):
            data = data[: -len(_END)] + b"\r\n" + _END  # as ISO 32000-1, 7.3.8.1 wants it, and reportlab does not
        offsets.append(offset)
        offset += len(data)
        yield data
    table = b"".join(b"%010d 00000 n \n" % each for each in offsets)
    yield b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(offsets) + 1, table)
    trailer = f"trailer\n<< /Size {len(offsets) + 1} /Root {_ref(document, catalog.name)} "
    trailer += f"/Info {_ref(document, info.name)} /ID [ <{document.signature.hexdigest()}> "
    yield f"{trailer}<{document.signature.hexdigest()}> ] >>\nstartxref\n{offset}\n%%EOF\n".encode("ascii")


def _shortened(words: str) -> str:
    """One line of a page's head, however long a name is."""
    room = WIDTH - 2 * MARGIN
    if pdfmetrics.stringWidth(words, PLAIN, _SMALL) <= room:
        return words
    while words and pdfmetrics.stringWidth(f"{words}...", PLAIN, _SMALL) > room:
        words = words[:-1]
    return f"{words}..."


def _ref(document: Any, name: str) -> str:
    return "{} {} R".format(*document.idToObjectNumberAndVersion[name])


def _array(document: Any, names: list[str]) -> bytes:
    return f"[ {' '.join(_ref(document, name) for name in names)} ]".encode("ascii")


def _stream(content: bytes, entries: str) -> bytes:
    return f"<< {entries} /Length {len(content)} >>\nstream\n".encode("ascii") + content + b"\r\nendstream\n"


def _string(words: str) -> str:
    return f"<FEFF{words.encode('utf-16-be', 'replace').hex().upper()}>"


def _fonts() -> None:
    """Bitstream Vera comes with reportlab and may be embedded. Plain ASCII stays ASCII in the file, for the proof."""
    rl_config.useA85 = 0
    for name, file in ((PLAIN, "Vera.ttf"), (BOLD, "VeraBd.ttf")):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, file))


def has_letter(letter: str, font: str = PLAIN) -> bool:
    """Whether the font can print it."""
    _fonts()
    registered: Any = pdfmetrics.getFont(font)
    return ord(letter) in registered.face.charToGlyph
