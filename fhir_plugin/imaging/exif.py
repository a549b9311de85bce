"""Reading EXIF (a TIFF directory, CIPA DC-008) from bytes that may lie. Never raises, never follows far.

Only three things are wanted: which way is up, when the camera says it was, and which kinds of metadata
are there, so that the person can be told what was taken out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_MAX_ENTRIES = 512

ORIENTATION = 0x0112
DATE_TIME_ORIGINAL = 0x9003
OFFSET_TIME_ORIGINAL = 0x9011
_EXIF_IFD = 0x8769
_GPS_IFD = 0x8825
_INTEROP_IFD = 0xA005
_INTEROP_INDEX = 0x0001
_THUMBNAIL_OFFSETS = (0x0201, 0x0111)

_CAMERA_SETTINGS = "camera settings"
_WORDS: dict[int, str] = {
    0x010F: "phone or camera model",
    0x0110: "phone or camera model",
    0xA432: "phone or camera model",
    0xA433: "phone or camera model",
    0xA434: "phone or camera model",
    0x0131: "software",
    0x0132: "time",
    0x9003: "time",
    0x9004: "time",
    0x9010: "time",
    0x9011: "time",
    0x9012: "time",
    0x013B: "owner or photographer",
    0x8298: "owner or photographer",
    0x9C9D: "owner or photographer",
    0xA430: "owner or photographer",
    0x010E: "description",
    0x010D: "description",
    0x9C9B: "description",
    0x9C9C: "description",
    0x9C9E: "description",
    0x9C9F: "description",
    0x9286: "comment",
    0x013C: "phone or camera model",
    0xA420: "serial number",
    0xA431: "serial number",
    0xA435: "serial number",
    0xC62F: "serial number",
    0x927C: "maker notes",
}


@dataclass(frozen=True)
class ExifFacts:
    """What was understood. `orientation` is 1 where absent or absurd."""

    orientation: int = 1
    date_time_original: str | None = field(default=None, repr=False)
    offset_time_original: str | None = field(default=None, repr=False)
    adobe_rgb: bool = False
    found: frozenset[str] = frozenset()


def read_exif(tiff: bytes) -> ExifFacts:
    """Reads a TIFF block (starting `II*\\0` or `MM\\0*`); whatever is broken in it is as if absent."""
    if tiff[:4] == b"II*\0":
        order = "<"
    elif tiff[:4] == b"MM\0*":
        order = ">"
    else:
        return ExifFacts(found=frozenset({_CAMERA_SETTINGS}) if tiff.strip(b"\0") else frozenset())
    reader = _Tiff(tiff, order)
    main, following = reader.directory(reader.long_at(4))
    camera, _ = reader.directory(reader.pointer(main.get(_EXIF_IFD)))
    gps, _ = reader.directory(reader.pointer(main.get(_GPS_IFD)))
    interop, _ = reader.directory(reader.pointer(camera.get(_INTEROP_IFD)))
    second, _ = reader.directory(following)

    found = {_WORDS.get(tag, _CAMERA_SETTINGS) for tag in (*main, *camera) if tag != ORIENTATION}
    if any(tag != 0 for tag in gps):
        found.add("location")
    if any(tag in second for tag in _THUMBNAIL_OFFSETS):
        found.add("thumbnail")
    turned = reader.number(main.get(ORIENTATION))
    return ExifFacts(
        orientation=turned if turned is not None and 1 <= turned <= 8 else 1,
        date_time_original=reader.text(camera.get(DATE_TIME_ORIGINAL) or main.get(DATE_TIME_ORIGINAL)),
        offset_time_original=reader.text(camera.get(OFFSET_TIME_ORIGINAL) or main.get(OFFSET_TIME_ORIGINAL)),
        adobe_rgb=reader.text(interop.get(_INTEROP_INDEX)) == "R03",
        found=frozenset(found),
    )


def orientation_only(orientation: int) -> bytes:
    """A fresh TIFF block of one tag, the orientation, and not a byte more."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)


@dataclass(frozen=True)
class _Entry:
    kind: int
    count: int
    at: int
    """Where the value starts, wherever it is kept."""


class _Tiff:
    """Offsets into a TIFF block, each checked against its length."""

    def __init__(self, content: bytes, order: str) -> None:
        self._content = content
        self._order = order

    def long_at(self, at: int) -> int:
        if at + 4 > len(self._content):
            return 0
        value: int = struct.unpack_from(self._order + "I", self._content, at)[0]
        return value

    def directory(self, at: int) -> tuple[dict[int, _Entry], int]:
        """The entries of the directory at `at`, by tag, and where the next directory is (0: none)."""
        if at < 8 or at + 2 > len(self._content):
            return {}, 0
        (count,) = struct.unpack_from(self._order + "H", self._content, at)
        entries = dict(self._entries(at + 2, min(count, _MAX_ENTRIES)))
        return entries, self.long_at(at + 2 + 12 * count)

    def _entries(self, at: int, count: int) -> Iterator[tuple[int, _Entry]]:
        for start in range(at, at + 12 * count, 12):
            if start + 12 > len(self._content):
                return
            tag, kind, how_many = struct.unpack_from(self._order + "HHI", self._content, start)
            length = _TYPE_SIZES.get(kind, 0) * how_many
            yield tag, _Entry(kind, how_many, start + 8 if length <= 4 else self.long_at(start + 8))

    def pointer(self, entry: _Entry | None) -> int:
        return self.long_at(entry.at) if entry is not None and entry.kind in (4, 13) else 0

    def number(self, entry: _Entry | None) -> int | None:
        if entry is None or entry.count != 1 or entry.at + 4 > len(self._content):
            return None
        if entry.kind == 3:
            short: int = struct.unpack_from(self._order + "H", self._content, entry.at)[0]
            return short
        return self.long_at(entry.at) if entry.kind == 4 else None

    def text(self, entry: _Entry | None) -> str | None:
        if entry is None or entry.kind != 2 or not 1 <= entry.count <= 64:
            return None
        raw = self._content[entry.at : entry.at + entry.count].split(b"\0")[0]
        return raw.decode("ascii", "replace").strip() or None
