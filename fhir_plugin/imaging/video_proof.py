"""What a clean video may consist of, walked without decoding: the parent's look at what a worker hands back.

Everything in the file is on a list: boxes (or elements), the zero times in them, the handler's names, and within
each coded H.264 picture the kinds of unit. Anything else, above all notes to the decoder (SEI), is not clean.
"""

from __future__ import annotations

import re
import struct

from fhir_plugin.imaging.refusals import refuse
from fhir_plugin.imaging.video_webm import (
    CLUSTER,
    CODEC_ID,
    CUES,
    INFO,
    MUXER,
    PIXEL_HEIGHT,
    PIXEL_WIDTH,
    SEEK_HEAD,
    SEGMENT,
    TAGS,
    TRACK_ENTRY,
    TRACK_NUMBER,
    TRACK_TYPE,
    TRACKS,
    VIDEO,
    VOID,
    WRITER,
    Element,
    Elements,
    look_at_webm,
)

_CONTAINERS = {
    b"": (b"ftyp", b"moov", b"mdat"),
    b"moov": (b"mvhd", b"trak"),
    b"trak": (b"tkhd", b"mdia"),
    b"mdia": (b"mdhd", b"hdlr", b"minf"),
    b"minf": (b"vmhd", b"smhd", b"dinf", b"stbl"),
    b"dinf": (b"dref",),
    b"stbl": (b"stsd", b"stts", b"stss", b"stsz", b"stsc", b"stco", b"co64", b"ctts", b"sgpd", b"sbgp"),
}
_HANDLERS = (b"VideoHandler\0", b"SoundHandler\0")
_SHOWN_UNITS = frozenset({1, 5, 7, 8, 9})
"""H.264 (Table 7-1): slices, parameter sets and delimiters. Not 6, which is SEI."""
_MAX_SIDE = 4096
_SEEK, _POINT, _PLACES, _COLOUR, _HEARD, _GROUP = 0x4DBB, 0xBB, 0xB7, 0x55B0, 0xE1, 0xA0
_TAG, _TARGETS, _SIMPLE_TAG, _TAG_NAME, _TAG_TEXT = 0x7373, 0x63C0, 0x67C8, 0x45A3, 0x4487
_PRIVATE, _LANGUAGE, _SIMPLE_BLOCK, _BLOCK = 0x63A2, 0x22B59C, 0xA3, 0xA1
_INNER: dict[int, frozenset[int]] = {
    SEGMENT: frozenset({SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, TAGS, VOID}),
    SEEK_HEAD: frozenset({_SEEK}),
    _SEEK: frozenset({0x53AB, 0x53AC}),
    INFO: frozenset({0x2AD7B1, MUXER, WRITER, 0x4489, VOID}),
    TRACKS: frozenset({TRACK_ENTRY}),
    TRACK_ENTRY: frozenset(
        {TRACK_NUMBER, 0x73C5, 0x9C, _LANGUAGE, 0x88, CODEC_ID, TRACK_TYPE, 0x23E383, VIDEO, _HEARD}
        | {0x56AA, 0x56BB, _PRIVATE}
    ),
    VIDEO: frozenset({PIXEL_WIDTH, PIXEL_HEIGHT, 0x9A, 0x54B0, 0x54BA, 0x54B2, _COLOUR}),
    _COLOUR: frozenset({0x55BA, 0x55B1, 0x55BB, 0x55B9, 0x55B7, 0x55B8}),
    _HEARD: frozenset({0x9F, 0xB5, 0x6264}),
    CLUSTER: frozenset({0xE7, _SIMPLE_BLOCK, _GROUP}),
    _GROUP: frozenset({_BLOCK, 0x9B, 0x75A2, 0xFB}),
    CUES: frozenset({_POINT}),
    _POINT: frozenset({0xB3, _PLACES}),
    _PLACES: frozenset({0xF7, 0xF1, 0xF0}),
    TAGS: frozenset({_TAG}),
    _TAG: frozenset({_TARGETS, _SIMPLE_TAG}),
    _TARGETS: frozenset({0x63C5}),
    _SIMPLE_TAG: frozenset({_TAG_NAME, _TAG_TEXT}),
}
"""WebM (RFC 9559): which element may stand in which. Names in words where this module asks for them."""
_TEXTS = {
    MUXER: re.compile(rb"Lavf"),
    WRITER: re.compile(rb"Lavf"),
    CODEC_ID: re.compile(rb"V_VP8|A_OPUS"),
    _LANGUAGE: re.compile(rb"und"),
    _PRIVATE: re.compile(rb"OpusHead.{3,11}", re.DOTALL),
    _TAG_NAME: re.compile(rb"DURATION"),
    _TAG_TEXT: re.compile(rb"\d\d:\d\d:\d\d\.\d{1,9}"),
}
_CODED = frozenset({_SIMPLE_BLOCK, _BLOCK})
_NUMBER = 8
"""Most bytes of a number."""


def in_order(content: bytes) -> bytes:
    """The MP4 as a browser wants it, index first, and without the boxes for notes that a muxer leaves empty."""
    parts = {name: (at, end) for name, at, end in _boxes(content, 0, len(content))}
    head, index, media = parts[b"ftyp"], parts[b"moov"], parts[b"mdat"]
    moov = _without_notes(content, *index)
    shift = (head[1] - head[0]) + len(moov) - media[0]
    return content[slice(*head)] + _shifted(moov, shift) + content[slice(*media)]


def _without_notes(content: bytes, at: int, end: int) -> bytes:
    name = content[at + 4 : at + 8]
    if name not in _CONTAINERS:
        return content[at:end]
    inner = b"".join(
        _without_notes(content, a, e) for each, a, e in _boxes(content, at + 8, end) if each in _CONTAINERS[name]
    )
    return struct.pack(">I4s", 8 + len(inner), name) + inner


def _shifted(moov: bytes, shift: int) -> bytes:
    """Every chunk offset moved: the index now stands before the media."""
    changed = bytearray(moov)
    for at, end in _tables(moov, 0, len(moov)):
        layout = ">Q" if moov[at + 4 : at + 8] == b"co64" else ">I"
        for place in range(at + 16, end, struct.calcsize(layout)):
            (offset,) = struct.unpack_from(layout, moov, place)
            struct.pack_into(layout, changed, place, offset + shift)
    return bytes(changed)


def _tables(content: bytes, start: int, end: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for name, at, stop in _boxes(content, start, end):
        if name in (b"stco", b"co64"):
            found.append((at, stop))
        elif name in _CONTAINERS:
            found += _tables(content, at + 8, stop)
    return found


def _boxes(content: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    boxes: list[tuple[bytes, int, int]] = []
    at = start
    while at < end:
        if at + 8 > end:
            raise refuse("decoder-crashed")
        size, name = struct.unpack_from(">I4s", content, at)
        if size == 1 and at + 16 <= end:
            (size,) = struct.unpack_from(">Q", content, at + 8)
        if size < 8 or at + size > end:
            raise refuse("decoder-crashed")
        boxes.append((name, at, at + size))
        at += size
    return boxes


# ------------------------------------------------------------------------------------------- is it clean?


def prove_mp4(content: bytes) -> tuple[int, int, float, bool]:
    """Width, height, seconds and whether there is sound. Raises `UnacceptableImage` for what is not listed."""
    try:
        return _prove_mp4(content)
    except (struct.error, KeyError, IndexError):
        raise refuse("decoder-crashed") from None


def _prove_mp4(content: bytes) -> tuple[int, int, float, bool]:
    tops = _boxes(content, 0, len(content))
    _need([name for name, _, _ in tops] == [b"ftyp", b"moov", b"mdat"])
    _, moov_at, moov_end = tops[1]
    inner = _boxes(content, moov_at + 8, moov_end)
    _need([name for name, _, _ in inner] in ([b"mvhd", b"trak"], [b"mvhd", b"trak", b"trak"]))
    _, at, _ = inner[0]
    version, _, _, scale, length = struct.unpack_from(">B3xIIII", content, at + 8)
    _need(version == 0 and scale > 0 and not any(content[at + 12 : at + 20]))
    size, sound = (0, 0), False
    for _, at, end in inner[1:]:
        shown = _prove_track(content, at, end, tops[2][1], tops[2][2])
        _need(shown is None if size != (0, 0) else True)
        sound, size = sound or shown is None, shown or size
    _need(size != (0, 0))
    return (*size, length / scale, sound)


def _prove_track(content: bytes, start: int, end: int, media_at: int, media_end: int) -> tuple[int, int] | None:
    """The size of a picture track, None for sound."""
    found: dict[bytes, tuple[int, int]] = {}
    _collect(content, start + 8, end, b"trak", found)
    for name in (b"tkhd", b"mdhd"):
        at = found[name][0]
        _need(content[at + 8] == 0 and not any(content[at + 12 : at + 20]))
    at, stop = found[b"hdlr"]
    kind, name = content[at + 16 : at + 20], content[at + 32 : stop]
    _need(kind in (b"vide", b"soun") and name in _HANDLERS)
    at, stop = found[b"dref"]
    _need(content[at + 8 : stop] == b"\0\0\0\0\0\0\0\1\0\0\0\x0curl \0\0\0\1")
    at, stop = found[b"stsd"]
    entry = content[at + 16 : stop]
    _need(content[at + 12 : at + 16] == b"\0\0\0\1" and entry[4:8] == (b"avc1" if kind == b"vide" else b"mp4a"))
    samples = _samples(content, found)
    _need(all(media_at + 8 <= offset and offset + size <= media_end for offset, size in samples))
    if kind == b"soun":
        return None
    _need(not any(entry[50:82]))
    width, height = struct.unpack_from(">2H", entry, 32)
    _need(0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE)
    for offset, size in samples:
        _prove_units(content, offset, offset + size)
    return width, height


def _collect(content: bytes, start: int, end: int, parent: bytes, found: dict[bytes, tuple[int, int]]) -> None:
    for name, at, stop in _boxes(content, start, end):
        _need(name in _CONTAINERS[parent] and name not in found)
        found[name] = (at, stop)
        if name in _CONTAINERS:
            _collect(content, at + 8, stop, name, found)


def _samples(content: bytes, found: dict[bytes, tuple[int, int]]) -> list[tuple[int, int]]:
    """Place and length of every coded picture or piece of sound (ISO 14496-12, 8.7)."""
    at, end = found[b"stsz"]
    constant, count = struct.unpack_from(">2I", content, at + 12)
    _need(constant == 0 and count > 0 and end - at == 20 + 4 * count)
    sizes = struct.unpack_from(f">{count}I", content, at + 20)
    wide = b"co64" in found
    at, end = found[b"co64" if wide else b"stco"]
    layout = f">{(end - at - 16) // (8 if wide else 4)}{'Q' if wide else 'I'}"
    chunks = struct.unpack_from(layout, content, at + 16)
    at, end = found[b"stsc"]
    runs = list(struct.iter_unpack(">3I", content[at + 16 : end]))
    places: list[tuple[int, int]] = []
    taken = 0
    for index, (first, per_chunk, _) in enumerate(runs):
        following = runs[index + 1][0] if index + 1 < len(runs) else len(chunks) + 1
        _need(1 <= first <= following <= len(chunks) + 1)
        for chunk in range(first - 1, following - 1):
            offset = chunks[chunk]
            _need(taken + per_chunk <= count)
            for size in sizes[taken : taken + per_chunk]:
                places.append((offset, size))
                offset += size
            taken += per_chunk
    _need(taken == count)
    return places


def _prove_units(content: bytes, at: int, end: int) -> None:
    while at < end:
        _need(at + 5 <= end)
        (length,) = struct.unpack_from(">I", content, at)
        _need(length > 0 and content[at + 4] & 0x1F in _SHOWN_UNITS)
        at += 4 + length
    _need(at == end)


def prove_webm(content: bytes) -> tuple[int, int, bool]:
    """Width, height and whether there is sound. Raises `UnacceptableImage` for what is not listed."""
    anatomy = look_at_webm(content)
    _need(anatomy.found <= {"sound", "software", "software notes"})
    elements = Elements(memoryview(content))
    whole = list(elements.within(0, len(content)))
    _need(len(whole) == 2 and whole[1].end == len(content))
    for child in elements.segment(whole[1]):
        _need(child.id in _INNER[SEGMENT])
        _prove_element(elements, child)
    return anatomy.width, anatomy.height, anatomy.has_sound


def _prove_element(elements: Elements, element: Element) -> None:
    if element.id in _INNER:
        for inner in elements.within(element.body, element.end):
            _need(inner.id in _INNER[element.id] and not inner.unknown)
            _prove_element(elements, inner)
    elif element.id == VOID:
        _need(not any(elements.content[element.body : element.end]))
    elif element.id in _TEXTS:
        _need(element.end - element.body <= 64 and bool(_TEXTS[element.id].fullmatch(elements.text(element))))
    elif element.id not in _CODED:
        _need(element.end - element.body <= _NUMBER)


def _need(clean: bool) -> None:
    if not clean:
        raise refuse("decoder-crashed")
