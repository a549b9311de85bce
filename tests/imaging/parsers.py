"""A second, stricter opinion on files: own parsers that share nothing with the product's and allow nothing odd."""

from __future__ import annotations

import struct
import zlib


def jpeg_segments(content: bytes) -> list[tuple[int, bytes]]:
    """Every segment from SOI to EOI, entropy-coded data as marker 0; anything after EOI is an error."""
    assert content[:2] == b"\xff\xd8"
    segments: list[tuple[int, bytes]] = []
    at = 2
    while True:
        assert content[at] == 0xFF, "a marker where one must be"
        marker = content[at + 1]
        if marker == 0xD9:
            assert at + 2 == len(content), "nothing after the end"
            return segments
        (length,) = struct.unpack_from(">H", content, at + 2)
        segments.append((marker, content[at + 4 : at + 2 + length]))
        at += 2 + length
        if marker == 0xDA:
            start = at
            while not (content[at] == 0xFF and content[at + 1] not in (0, *range(0xD0, 0xD8))):
                at += 1
            segments.append((0, content[start:at]))


def png_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Every chunk, checksums verified; anything after IEND is an error."""
    assert content[:8] == bytes.fromhex("89504e470d0a1a0a")
    chunks = []
    at = 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        name, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", content, at + 8 + length)
        assert check == zlib.crc32(name + body)
        chunks.append((name, body))
        at += 12 + length
    assert chunks[-1] == (b"IEND", b"")
    return chunks


def unfold(content: bytes) -> bytes:
    """The bytes with whatever is compressed in them once more in clear: for a search that misses nothing."""
    if not content.startswith(b"\x89PNG"):
        return content
    clear = content
    for name, body in png_chunks(content):
        if name == b"iCCP":
            clear += zlib.decompress(body.split(b"\0", 1)[1][1:])
    return clear + zlib.decompress(b"".join(body for name, body in png_chunks(content) if name == b"IDAT"))


def icc_texts(profile: bytes) -> set[bytes]:
    """The contents of every tag whose type holds words."""
    texts = set()
    (count,) = struct.unpack_from(">I", profile, 128)
    covered = 132 + 12 * count
    for at in range(132, covered, 12):
        _, start, size = struct.unpack_from(">4sII", profile, at)
        covered = max(covered, (start + size + 3) // 4 * 4)
        if profile[start : start + 4] in (b"text", b"desc", b"mluc"):
            texts.add(profile[start : start + size])
    assert covered == len(profile), "no bytes outside the tags"
    return texts
