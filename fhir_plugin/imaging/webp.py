"""Walking a WebP (RFC 9649): a RIFF file of chunks."""

from __future__ import annotations

import struct

from fhir_plugin.imaging.anatomy import Anatomy, Kind
from fhir_plugin.imaging.carriers import trailer_words, xmp_words
from fhir_plugin.imaging.exif import ExifFacts, read_exif
from fhir_plugin.imaging.refusals import check_pixels, refuse

_MAX_CHUNKS = 1000
_MAX_ICC = 4 << 20
_ANIMATION, _ALPHA = 0x02, 0x10


def look_at_webp(content: bytes) -> Anatomy:
    """Raises `UnacceptableImage`: damaged, truncated, too-many-pixels, animated."""
    end = 8 + int.from_bytes(content[4:8], "little")
    if end > len(content):
        raise refuse("truncated")
    if end < 20:
        raise refuse("damaged")
    facts, exif, icc = ExifFacts(), None, None
    canvas: tuple[int, int] | None = None
    picture: tuple[bytes, bytes] | None = None
    alpha: bytes | None = None
    found = trailer_words(content[end + end % 2 :])
    for name, body in _chunks(content, end):
        if name in (b"ANIM", b"ANMF"):
            raise refuse("animated")
        if name == b"VP8X":
            canvas = _canvas(body)
        elif name in (b"VP8 ", b"VP8L"):
            if picture is not None:
                raise refuse("damaged")
            picture = (name, body)
        elif name == b"ALPH":
            alpha = alpha or body
        elif name == b"ICCP":
            icc = icc or (body if len(body) <= _MAX_ICC else None)
            found.add("colour profile")
        elif name == b"EXIF":
            if exif is None:
                exif = body.removeprefix(b"Exif\0\0")
                facts = read_exif(exif)
            found |= facts.found
        elif name == b"XMP ":
            found |= xmp_words(body)
        else:
            found.add("software notes")
    if picture is None:
        raise refuse("damaged")
    width, height = _lossy_size(picture[1]) if picture[0] == b"VP8 " else _lossless_size(picture[1])
    check_pixels(width, height)
    if canvas is not None and canvas != (width, height):
        raise refuse("damaged")
    return Anatomy(
        kind=Kind.WEBP,
        width=width,
        height=height,
        essential=_riff(picture, alpha if picture[0] == b"VP8 " else None, (width, height)),
        orientation=facts.orientation,
        icc=icc,
        exif=exif,
        found=frozenset(found),
    )


def _chunks(content: bytes, end: int) -> list[tuple[bytes, bytes]]:
    chunks: list[tuple[bytes, bytes]] = []
    at = 12
    while at < end:
        if at + 8 > end or len(chunks) >= _MAX_CHUNKS:
            raise refuse("damaged")
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            raise refuse("truncated")
        chunks.append((content[at : at + 4], content[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return chunks


def _canvas(body: bytes) -> tuple[int, int]:
    if len(body) < 10:
        raise refuse("damaged")
    if body[0] & _ANIMATION:
        raise refuse("animated")
    return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1


def _lossy_size(body: bytes) -> tuple[int, int]:
    """RFC 6386, 9.1: a key frame's header."""
    if len(body) < 10 or body[0] & 1 or body[3:6] != b"\x9d\x01\x2a":
        raise refuse("damaged")
    first_part = int.from_bytes(body[:3], "little") >> 5
    if 10 + first_part > len(body):
        raise refuse("truncated")
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _lossless_size(body: bytes) -> tuple[int, int]:
    if len(body) < 5 or body[0] != 0x2F:
        raise refuse("damaged")
    bits = int.from_bytes(body[1:5], "little")
    return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1


def _riff(picture: tuple[bytes, bytes], alpha: bytes | None, size: tuple[int, int]) -> bytes:
    parts = b""
    if alpha is not None:
        flags = struct.pack("<I", _ALPHA)
        dimensions = (size[0] - 1).to_bytes(3, "little") + (size[1] - 1).to_bytes(3, "little")
        parts = _chunk(b"VP8X", flags + dimensions) + _chunk(b"ALPH", alpha)
    parts += _chunk(*picture)
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WEBP" + parts


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
