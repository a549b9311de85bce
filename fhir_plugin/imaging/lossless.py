"""Pixels untouched, everything else gone: only the colour profile and which way is up stay, both written afresh.

For where policy says that fidelity matters. It cannot find what hides in the coded pixels themselves, so a
rebuild is the rule and this the stated exception (OWASP ASVS 5.0, 5.2.2 asks for rewriting).
"""

from __future__ import annotations

import struct
import zlib

from fhir_plugin.imaging.anatomy import Anatomy, Kind
from fhir_plugin.imaging.exif import orientation_only
from fhir_plugin.imaging.png import SIGNATURE, chunk
from fhir_plugin.imaging.profiles import matrix_profile, profile_of
from fhir_plugin.imaging.refusals import refuse

_MATRIX_TAGS = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
_GREY_TAGS = (b"kTRC",)
_KEPT_IF_THERE = (b"wtpt", b"chad")
_LOOKUP_TAGS = frozenset({b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1", b"D2B2", b"D2B3"})
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
_MAX_TAGS = 100
_MAX_CURVE = 4096


def strip(anatomy: Anatomy) -> tuple[bytes, str]:
    """The same coded pixels in a clean container, and its media type.

    Raises `UnacceptableImage`: lossless-not-for-format for HEIC and WebP, lossless-colour-profile where the
    profile is needed but cannot be rebuilt from its numbers alone.
    """
    profile = _profile(anatomy)
    if anatomy.kind is Kind.JPEG:
        return _strip_jpeg(anatomy, profile), "image/jpeg"
    if anatomy.kind is Kind.PNG:
        return _strip_png(anatomy, profile), "image/png"
    raise refuse("lossless-not-for-format")


def _strip_jpeg(anatomy: Anatomy, profile: bytes | None) -> bytes:
    head = b""
    if anatomy.orientation != 1:
        head += _segment(0xE1, b"Exif\0\0" + orientation_only(anatomy.orientation))
    if profile is not None:
        head += _segment(0xE2, b"ICC_PROFILE\0\x01\x01" + profile)
    # JFIF, where there is one, must stay first (ITU-T T.871, 10.1).
    at = 20 if anatomy.essential[2:4] == b"\xff\xe0" else 2
    return anatomy.essential[:at] + head + anatomy.essential[at:]


def _segment(marker: int, payload: bytes) -> bytes:
    if len(payload) > 65_533:
        raise refuse("lossless-colour-profile")
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def _strip_png(anatomy: Anatomy, profile: bytes | None) -> bytes:
    header_end = len(SIGNATURE) + 25
    extra = b""
    if profile is not None:
        extra += chunk(b"iCCP", b"Picture\0\0" + zlib.compress(profile))
    if anatomy.orientation != 1:
        extra += chunk(b"eXIf", orientation_only(anatomy.orientation))
    _check_data_ends(anatomy.essential)
    return anatomy.essential[:header_end] + extra + anatomy.essential[header_end:]


def _check_data_ends(png: bytes) -> None:
    """Nothing may hide behind the end of the compressed pixels."""
    machine = zlib.decompressobj()
    at = len(SIGNATURE)
    limit = 0
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        name, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if name == b"IHDR":
            limit = _raw_size(body)
        elif name == b"IDAT":
            while body:
                try:
                    limit -= len(machine.decompress(body, 1 << 20))
                except zlib.error as error:
                    raise refuse("damaged") from error
                if limit < 0 or machine.unused_data:
                    raise refuse("hidden-bulk")
                body = machine.unconsumed_tail
        at += 12 + length
    if not machine.eof:
        raise refuse("truncated")


def _raw_size(header: bytes) -> int:
    """Most bytes of the filtered pixels: interlacing adds rows' filter bytes only."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, colour = header[8], header[9]
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = (width * depth * channels + 7) // 8 + 1
    adam7 = 16 * (width + height) + 64 if header[12] else 0
    return row * height + adam7


def _profile(anatomy: Anatomy) -> bytes | None:
    if anatomy.kind not in (Kind.JPEG, Kind.PNG):
        return None
    if anatomy.icc is not None:
        return numbers_only(anatomy.icc)
    return profile_of(anatomy.primaries) if anatomy.primaries is not None else None


def numbers_only(icc: bytes) -> bytes:
    """The profile rebuilt from the numbers that say its colours: no text, date, maker or serial number of the old.

    Raises `UnacceptableImage` lossless-colour-profile where colours depend on lookup tables.
    """
    space = icc[16:20]
    tags = _tags(icc)
    wanted = {b"RGB ": _MATRIX_TAGS, b"GRAY": _GREY_TAGS}.get(space)
    if wanted is None or _LOOKUP_TAGS & tags.keys() or not all(name in tags for name in wanted):
        raise refuse("lossless-colour-profile")
    kept = {name: _numbers(name, tags[name]) for name in (*wanted, *_KEPT_IF_THERE) if name in tags}
    return matrix_profile(kept, space=space, version=4 if icc[8:9] == b"\x04" else 2)


def _tags(icc: bytes) -> dict[bytes, bytes]:
    if len(icc) < 132 or icc[36:40] != b"acsp":
        raise refuse("lossless-colour-profile")
    count = int.from_bytes(icc[128:132], "big")
    tags: dict[bytes, bytes] = {}
    for at in range(132, 132 + 12 * min(count, _MAX_TAGS), 12):
        if at + 12 > len(icc):
            break
        name, start, size = struct.unpack_from(">4sII", icc, at)
        tags[name] = icc[start : start + size]
    return tags


def _numbers(name: bytes, content: bytes) -> bytes:
    """The tag cut to exactly the length its type says, reserved bytes zeroed."""
    kind = content[:4]
    if kind == b"XYZ " and name[1:] in (b"XYZ", b"tpt"):
        length = 20
    elif kind == b"sf32" and name == b"chad":
        length = 44
    elif kind == b"curv" and len(content) >= 12:
        count = int.from_bytes(content[8:12], "big")
        length = 12 + 2 * count if count <= _MAX_CURVE else -1
    elif kind == b"para" and len(content) >= 12:
        function = int.from_bytes(content[8:10], "big")
        length = 12 + 4 * _PARAMETERS.get(function, -4)
        content = content[:10] + b"\0\0" + content[12:]
    else:
        length = -1
    if length < 12 or len(content) < length:
        raise refuse("lossless-colour-profile")
    return kind + b"\0\0\0\0" + content[8:length]
