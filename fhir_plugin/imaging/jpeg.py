"""Walking a JPEG (ITU-T T.81) marker by marker: nothing is decoded, everything that is not needed is left out."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from fhir_plugin.imaging.anatomy import Anatomy, Kind
from fhir_plugin.imaging.carriers import photoshop_words, trailer_words, xmp_words
from fhir_plugin.imaging.colour_spaces import ADOBE_RGB
from fhir_plugin.imaging.exif import ExifFacts, read_exif
from fhir_plugin.imaging.refusals import MAX_SCANS, check_pixels, refuse

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI, _COM, _APP0, _APP1, _APP2, _APP13, _APP14 = (
    0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xFE, 0xE0, 0xE1, 0xE2, 0xED, 0xEE,
)  # fmt: skip
_TABLES = frozenset({_DQT, _DHT, _DRI})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_HUFFMAN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_APPS = range(0xE0, 0xF0)
_MAX_SEGMENTS = 4000
_MAX_ICC = 4 << 20

_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FILL = re.compile(rb"\xff{2,}")
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_EXIF_LABEL = b"Exif\0"
_XMP_LABEL = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP_LABEL = b"http://ns.adobe.com/xmp/extension/\0"
_ICC_LABEL = b"ICC_PROFILE\0"


@dataclass
class _Walk:
    """What has been met so far."""

    kept: list[bytes] = field(default_factory=list)
    width: int = 0
    height: int = 0
    progressive: bool = False
    blocks: int = 0
    halved_colour: bool = False
    scans: int = 0
    scan_bytes: int = 0
    exif: bytes | None = None
    facts: ExifFacts = field(default_factory=ExifFacts)
    icc_parts: dict[int, bytes] = field(default_factory=dict)
    has_jfif: bool = False
    has_adobe: bool = False
    found: set[str] = field(default_factory=set)


def look_at_jpeg(content: bytes) -> Anatomy:
    """Raises `UnacceptableImage`: damaged, truncated, too-many-pixels, too-many-scans, unsupported-format."""
    walk = _Walk()
    at = 2
    for _ in range(_MAX_SEGMENTS):
        marker, at = _next_marker(content, at)
        if marker == _EOI:
            break
        if marker == _SOI or marker <= 0x01 or 0xD0 <= marker <= 0xD7:
            raise refuse("damaged")
        end = _segment_end(content, at)
        payload = content[at + 2 : end]
        if marker == _SOS:
            at = _take_scan(walk, content, at, end)
            continue
        if marker in _FRAMES:
            _take_frame(walk, marker, payload)
            walk.kept.append(content[at - 2 : end])
        elif marker in _TABLES:
            walk.kept.append(content[at - 2 : end])
        else:
            _take_extra(walk, marker, payload)
        at = end
    else:
        raise refuse("hidden-bulk")
    _check_whole(walk)
    walk.found |= trailer_words(content[at:])
    icc = _join_icc(walk)
    if icc is not None:
        walk.found.add("colour profile")
    return Anatomy(
        kind=Kind.JPEG,
        width=walk.width,
        height=walk.height,
        essential=b"".join((b"\xff\xd8", _JFIF if walk.has_jfif else b"", *walk.kept, b"\xff\xd9")),
        orientation=walk.facts.orientation,
        halved_colour=walk.halved_colour,
        icc=icc,
        primaries=ADOBE_RGB if icc is None and walk.facts.adobe_rgb else None,
        exif=walk.exif,
        found=frozenset(walk.found),
    )


def _next_marker(content: bytes, at: int) -> tuple[int, int]:
    """The marker at `at` (fill bytes skipped) and where its length field starts."""
    if at + 2 > len(content):
        raise refuse("truncated")
    if content[at] != 0xFF:
        raise refuse("damaged")
    while content[at] == 0xFF:
        at += 1
        if at >= len(content):
            raise refuse("truncated")
    return content[at], at + 1


def _segment_end(content: bytes, at: int) -> int:
    if at + 2 > len(content):
        raise refuse("truncated")
    length = int.from_bytes(content[at : at + 2], "big")
    if length < 2:
        raise refuse("damaged")
    if at + length > len(content):
        raise refuse("truncated")
    return at + length


def _take_frame(walk: _Walk, marker: int, payload: bytes) -> None:
    if marker not in _HUFFMAN_FRAMES:
        raise refuse("unsupported-format")
    if walk.width or len(payload) < 6:
        raise refuse("damaged")
    precision, height, width, components = struct.unpack_from(">BHHB", payload)
    if len(payload) != 6 + 3 * components or components not in (1, 3, 4):
        raise refuse("damaged")
    if precision != 8:
        raise refuse("unsupported-format")
    check_pixels(width, height)
    sampling = [(payload[7 + 3 * n] >> 4, payload[7 + 3 * n] & 15) for n in range(components)]
    if not all(1 <= across <= 4 and 1 <= down <= 4 for across, down in sampling):
        raise refuse("damaged")
    widest, tallest = max(across for across, _ in sampling), max(down for _, down in sampling)
    walk.blocks = sum(
        -(-width * across // (widest * 8)) * -(-height * down // (tallest * 8)) for across, down in sampling
    )
    walk.halved_colour = sampling == [(2, 2), (1, 1), (1, 1)]
    walk.width, walk.height, walk.progressive = width, height, marker == 0xC2


def _take_scan(walk: _Walk, content: bytes, at: int, end: int) -> int:
    """Keeps one scan, header and entropy-coded data; returns where the next marker starts."""
    if not walk.width:
        raise refuse("damaged")
    walk.scans += 1
    if walk.scans > MAX_SCANS:
        raise refuse("too-many-scans")
    following = _MARKER_IN_SCAN.search(content, end)
    if following is None:
        raise refuse("truncated")
    walk.scan_bytes += following.start() - end
    scan = content[at - 2 : following.start()]
    if b"\xff\xff" in scan or scan.endswith(b"\xff"):
        # Fill bytes before a marker (B.1.1.2): nothing needs them, and their number could say something.
        scan = scan[: end - at + 2] + _FILL.sub(b"\xff", scan[end - at + 2 :]).removesuffix(b"\xff")
    walk.kept.append(scan)
    return following.start()


def _take_extra(walk: _Walk, marker: int, payload: bytes) -> None:
    """Remembers what an application segment, a comment or a reserved segment was; keeps none but Adobe's."""
    if marker == _APP0:
        walk.has_jfif = walk.has_jfif or payload.startswith(b"JFIF\0")
        if payload.startswith(b"JFXX\0") or (len(payload) > 14 and payload[12] and payload[13]):
            walk.found.add("thumbnail")
    elif marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
        if not walk.has_adobe:
            walk.kept.append(b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + payload[11:12])
        walk.has_adobe = True
    elif marker == _APP1 and payload.startswith(_EXIF_LABEL):
        if walk.exif is None:
            walk.exif = payload[6:]
            walk.facts = read_exif(walk.exif)
        walk.found |= read_exif(payload[6:]).found
    elif marker == _APP1:
        walk.found |= xmp_words(payload.removeprefix(_XMP_LABEL).removeprefix(_MORE_XMP_LABEL))
    elif marker == _APP2 and payload.startswith(_ICC_LABEL) and len(payload) >= 14:
        walk.icc_parts.setdefault(payload[12], payload[14:])
    elif marker == _APP2 and payload.startswith(b"MPF\0"):
        walk.found.add("second picture")
    elif marker == _APP13:
        walk.found |= photoshop_words(payload)
    elif marker == _COM:
        walk.found.add("comment")
    elif marker in _APPS:
        walk.found.add("maker notes")
    else:
        raise refuse("damaged")


def _check_whole(walk: _Walk) -> None:
    """A block costs at least one bit (its DC code), two where its AC codes are in the same scan (T.81 F.1.2, G.1.2)."""
    if not walk.scans:
        raise refuse("truncated")
    bits = walk.blocks * (1 if walk.progressive else 2)
    if walk.scan_bytes * 8 < bits:
        raise refuse("truncated")


def _join_icc(walk: _Walk) -> bytes | None:
    if not walk.icc_parts or sum(map(len, walk.icc_parts.values())) > _MAX_ICC:
        return None
    return b"".join(part for _, part in sorted(walk.icc_parts.items()))
