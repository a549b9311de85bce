"""The picture that stands in the place of a hidden one: grey, with words that say so; drawn, and always the same bytes.

A PNG of one bit per pixel, written by hand: it needs no library, no font and no file, so that it is the same in every
installation and every version of what draws.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from typing import Final

LINES: Final = ("HIDDEN FROM", "THE RECORD")
_SCALE: Final = 4
"""Pixels of one dot of a letter."""
_MARGIN: Final = 6
"""Dots around the words, and twice between them."""
_LETTERS: Final = {
    "C": (".###.", "#...#", "#....", "#....", "#....", "#...#", ".###."),
    "D": ("####.", "#...#", "#...#", "#...#", "#...#", "#...#", "####."),
    "E": ("#####", "#....", "#....", "####.", "#....", "#....", "#####"),
    "F": ("#####", "#....", "#....", "####.", "#....", "#....", "#...."),
    "H": ("#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
    "I": (".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."),
    "M": ("#...#", "##.##", "#.#.#", "#.#.#", "#...#", "#...#", "#...#"),
    "N": ("#...#", "##..#", "#.#.#", "#.#.#", "#..##", "#...#", "#...#"),
    "O": (".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."),
    "R": ("####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"),
    "T": ("#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#.."),
    " ": (".....",) * 7,
}


@cache
def neutral_picture() -> bytes:
    """The PNG (ISO/IEC 15948): two greys, no metadata."""
    rows = _dots()
    wide, high = len(rows[0]) * _SCALE, len(rows) * _SCALE
    scan = b"".join((b"\x00" + _packed(row)) * _SCALE for row in rows)
    palette = bytes((0xD8, 0xDD, 0xE0)) + bytes((0x42, 0x55, 0x63))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 1, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"IDAT", _stored(scan)),
            _chunk(b"IEND", b""),
        )
    )


def _dots() -> list[str]:
    width = max(len(line) for line in LINES) * 6 - 1 + 2 * _MARGIN
    rows = ["." * width] * _MARGIN
    for line in LINES:
        for row in range(7):
            text = ".".join(_LETTERS[letter][row] for letter in line)
            rows.append(text.center(width, "."))
        rows += ["." * width] * _MARGIN
    return rows


def _packed(row: str) -> bytes:
    bits = "".join(("1" if dot == "#" else "0") * _SCALE for dot in row)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _stored(data: bytes) -> bytes:
    """As one stored block (RFC 1950, RFC 1951 3.2.4): a compressor of another version would make other bytes of it, and
    what stands in a record has to be known again years later."""
    size = struct.pack("<HH", len(data), len(data) ^ 0xFFFF)
    return b"\x78\x01\x01" + size + data + struct.pack(">I", zlib.adler32(data))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
