"""Where something packed begins: a member of a ZIP, a gzip file, a stream of a PDF; and whether a PDF does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

ZIP: Final = b"PK\x03\x04"
GZIP: Final = b"\x1f\x8b\x08"
PDF: Final = b"%PDF-"
STREAM: Final = b"stream"
_LINE_END: Final = re.compile(rb"stream\r?\n")


def beginnings(data: bytes) -> list[tuple[int, int, bytes]]:
    """Where each begins, where its first sign ends, and which: `ZIP`, `GZIP`, `PDF`."""
    if b"\x03" not in data and b"\x1f" not in data and b"%" not in data:
        return []
    return list(_packed(data))


def streams(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The same for each `STREAM` of a PDF."""
    place = data.find(STREAM)
    while place >= 0:
        end = _LINE_END.match(data, place)
        if end is not None and data[max(place - 3, 0) : place] != b"end":
            yield place, end.end(), STREAM
        place = data.find(STREAM, place + 1)


def _packed(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """By their first two bytes, all at once: faster than three searches where those are frequent."""
    codes = np.frombuffer(data, dtype=np.uint8)
    first, second = codes[:-1], codes[1:]
    pairs = (first == 0x1F) & (second == 0x8B)
    pairs |= (first == 0x50) & (second == 0x4B)
    pairs |= (first == 0x25) & (second == 0x50)
    for start in pairs.nonzero()[0].tolist():
        for sign in (ZIP, GZIP, PDF):
            if data.startswith(sign, start):
                yield start, start + len(sign), sign
