"""Walking a PNG (ISO/IEC 15948, third edition) chunk by chunk."""

from __future__ import annotations

import struct
import zlib

from fhir_plugin.imaging.anatomy import Anatomy, Kind
from fhir_plugin.imaging.carriers import trailer_words, xmp_words
from fhir_plugin.imaging.colour_spaces import Primaries, primaries_of_code
from fhir_plugin.imaging.exif import ExifFacts, read_exif
from fhir_plugin.imaging.refusals import check_pixels, refuse

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_MAX_CHUNKS = 100_000
_MAX_INFLATED = 8 << 20
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SRGB_GAMMA = range(40_000, 51_000)
_TEXT_WORDS = (
    (b"author", "owner or photographer"),
    (b"copyright", "owner or photographer"),
    (b"comment", "comment"),
    (b"description", "description"),
    (b"title", "description"),
    (b"software", "software"),
    (b"creation time", "time"),
    (b"date:", "time"),
    (b"source", "phone or camera model"),
)


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))


def look_at_png(content: bytes) -> Anatomy:
    """Raises `UnacceptableImage`: damaged, truncated, too-many-pixels, hidden-bulk, animated."""
    walk = _Walk()
    at = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(content):
            raise refuse("truncated")
        length = int.from_bytes(content[at : at + 4], "big")
        name = content[at + 4 : at + 8]
        end = at + 12 + length
        if length > 0x7FFFFFFF or not name.isalpha():
            raise refuse("damaged")
        if end > len(content):
            raise refuse("truncated")
        walk.take(name, content[at + 8 : end - 4], content[at:end])
        at = end
        if name == b"IEND":
            break
    else:
        raise refuse("hidden-bulk")
    return walk.anatomy(trailer=content[at:])


class _Walk:
    """What has been met so far."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._width = self._height = 0
        self._has_data = False
        self._facts = ExifFacts()
        self._exif: bytes | None = None
        self._icc: bytes | None = None
        self._primaries: Primaries | None = None
        self._chromaticities: tuple[int, ...] | None = None
        self._gamma: int | None = None
        self._is_srgb = False
        self._inflated = 0
        self._found: set[str] = set()

    def take(self, name: bytes, content: bytes, whole: bytes) -> None:
        if not self._width and name != b"IHDR":
            raise refuse("damaged")
        if name in _NEEDED:
            if zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:], "big"):
                raise refuse("damaged")
            if name == b"IHDR":
                self._take_header(content)
            self._has_data = self._has_data or name == b"IDAT"
            self._kept.append(whole)
        elif name in (b"acTL", b"fcTL", b"fdAT"):
            raise refuse("animated")
        elif name[:1].isupper():
            raise refuse("damaged")
        else:
            self._take_extra(name, content)

    def _take_header(self, content: bytes) -> None:
        if self._width or len(content) != 13:
            raise refuse("damaged")
        width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", content)
        if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
            raise refuse("damaged")
        check_pixels(width, height)
        self._width, self._height = width, height

    def _take_extra(self, name: bytes, content: bytes) -> None:
        if name in (b"tEXt", b"zTXt", b"iTXt"):
            self._take_text(name, content)
        elif name == b"eXIf":
            if self._exif is None:
                self._exif = content.removeprefix(b"Exif\0\0")
                self._facts = read_exif(self._exif)
            self._found |= read_exif(content.removeprefix(b"Exif\0\0")).found
        elif name == b"iCCP":
            label, _, rest = content.partition(b"\0")
            self._icc = self._inflate(rest[1:]) if len(label) <= 79 else None
            self._found.add("colour profile")
        elif name == b"sRGB":
            self._is_srgb = True
        elif name == b"gAMA" and len(content) == 4:
            self._gamma = int.from_bytes(content, "big")
        elif name == b"cHRM" and len(content) == 32:
            self._chromaticities = struct.unpack(">8I", content)
        elif name == b"cICP" and len(content) == 4:
            self._primaries = primaries_of_code(content[0], content[1])
        elif name == b"tIME":
            self._found.add("time")
        elif name not in (b"pHYs", b"bKGD", b"sBIT", b"hIST", b"sPLT"):
            self._found.add("software notes")

    def _take_text(self, name: bytes, content: bytes) -> None:
        keyword, _, rest = content.partition(b"\0")
        text = rest
        if name == b"zTXt":
            text = self._inflate(rest[1:]) or b""
        elif name == b"iTXt" and len(rest) >= 2:
            body = rest[2:].split(b"\0", 2)[-1]
            text = (self._inflate(body) or b"") if rest[0] else body
        lowered = keyword.lower()
        if b"xmp" in lowered:
            self._found |= xmp_words(text)
            return
        if lowered.startswith(b"raw profile type"):
            self._found.add("editing history")
            return
        self._found.add(next((word for mark, word in _TEXT_WORDS if mark in lowered), "comment"))

    def _inflate(self, packed: bytes) -> bytes | None:
        """What is compressed, all texts and profiles together at most 8 MB; None where broken."""
        machine = zlib.decompressobj()
        try:
            text = machine.decompress(packed, _MAX_INFLATED - self._inflated + 1)
        except zlib.error:
            return None
        self._inflated += len(text)
        if self._inflated > _MAX_INFLATED:
            raise refuse("hidden-bulk")
        return text if machine.eof else None

    def _colour(self) -> Primaries | None:
        """cICP, then iCCP, then sRGB, then gAMA with cHRM: the order of the specification."""
        if self._primaries is not None or self._icc is not None or self._is_srgb or self._gamma is None:
            return self._primaries
        if not 1000 <= self._gamma <= 1_000_000:
            return None
        points = self._chromaticities
        if points is None:
            points = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
        if any(not 0 < value < 100_000 for value in points):
            return None
        xy = [(points[n] / 100_000, points[n + 1] / 100_000) for n in range(0, 8, 2)]
        gamma = None if self._gamma in _SRGB_GAMMA else 100_000 / self._gamma
        return Primaries(xy[0], xy[1], xy[2], xy[3], gamma=gamma)

    def anatomy(self, *, trailer: bytes) -> Anatomy:
        if not self._has_data:
            raise refuse("truncated")
        return Anatomy(
            kind=Kind.PNG,
            width=self._width,
            height=self._height,
            essential=SIGNATURE + b"".join(self._kept),
            orientation=self._facts.orientation,
            icc=None if self._primaries is not None else self._icc,
            primaries=self._colour(),
            exif=self._exif,
            found=frozenset(self._found | trailer_words(trailer)),
        )
