"""HEIC files put together for the tests around the coded picture of the one sample (nothing here encodes HEVC)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from fhir_plugin.imaging.boxes import read_items, walk_boxes
from tests.imaging.bombs import heic

WIDTH, HEIGHT = 640, 426


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


def full_box(name: bytes, body: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags) + body)


def extent(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    return full_box(b"ispe", struct.pack(">II", width, height))


def coded() -> tuple[bytes, bytes]:
    """The sample's coded picture and the `hvcC` property that goes with it."""
    table = read_items(next(part.body for part in walk_boxes(heic()) if part.name == b"meta"))
    item = table.items[table.primary]
    configuration = table.property_of(item, b"hvcC")
    assert configuration is not None
    ((start, length),) = item.extents
    return heic()[start : start + length], box(b"hvcC", configuration)


@dataclass
class HeicFile:
    """Items in the order in which they are added; the first is the primary one."""

    infos: list[bytes] = field(default_factory=list)
    data: list[tuple[int, bytes, bool]] = field(default_factory=list)
    properties: list[bytes] = field(default_factory=list)
    associations: list[tuple[int, list[int]]] = field(default_factory=list)
    references: list[bytes] = field(default_factory=list)
    groups: list[bytes] = field(default_factory=list)
    count: int = 0

    def add(
        self,
        kind: bytes,
        data: bytes,
        *properties: bytes,
        hidden: bool = False,
        in_idat: bool = False,
        media_type: bytes = b"",
    ) -> int:
        """Adds an item and gives its id."""
        self.count += 1
        words = b"\0" + (media_type + b"\0" if media_type else b"")
        self.infos.append(full_box(b"infe", struct.pack(">HH4s", self.count, 0, kind) + words, 2, int(hidden)))
        self.data.append((self.count, data, in_idat))
        start = len(self.properties)
        self.properties.extend(properties)
        self.associations.append((self.count, list(range(start + 1, start + 1 + len(properties)))))
        return self.count

    def picture(self, *properties: bytes, hidden: bool = False) -> int:
        """Adds the coded picture of the sample."""
        data, configuration = coded()
        return self.add(b"hvc1", data, configuration, extent(), *properties, hidden=hidden)

    def refer(self, kind: bytes, origin: int, *targets: int) -> None:
        self.references.append(box(kind, struct.pack(f">HH{len(targets)}H", origin, len(targets), *targets)))

    def group(self, kind: bytes, *members: int) -> None:
        body = struct.pack(f">II{len(members)}I", 900 + len(self.groups), len(members), *members)
        self.groups.append(full_box(kind, body))

    def build(self) -> bytes:
        head = box(b"ftyp", b"heic\0\0\0\0mif1heic")
        data_at = len(head) + len(self._meta(0)) + 8
        stored = b"".join(data for _, data, in_idat in self.data if not in_idat)
        return head + self._meta(data_at) + box(b"mdat", stored)

    def _meta(self, data_at: int) -> bytes:
        places = struct.pack(">HH", 0x4400, self.count)
        idat = b""
        for identity, data, in_idat in self.data:
            start = len(idat) if in_idat else data_at
            places += struct.pack(">HHHHII", identity, int(in_idat), 0, 1, start, len(data))
            if in_idat:
                idat += data
            else:
                data_at += len(data)
        lines = b"".join(
            struct.pack(f">HB{len(positions)}B", identity, len(positions), *(0x80 | n for n in positions))
            for identity, positions in self.associations
        )
        return full_box(
            b"meta",
            full_box(b"hdlr", b"\0\0\0\0pict" + bytes(13))
            + full_box(b"pitm", struct.pack(">H", 1))
            + full_box(b"iinf", struct.pack(">H", self.count) + b"".join(self.infos))
            + full_box(b"iloc", places, 1)
            + (full_box(b"iref", b"".join(self.references)) if self.references else b"")
            + box(
                b"iprp",
                box(b"ipco", b"".join(self.properties))
                + full_box(b"ipma", struct.pack(">I", len(self.associations)) + lines),
            )
            + (box(b"idat", idat) if idat else b"")
            + (box(b"grpl", b"".join(self.groups)) if self.groups else b""),
        )


def grid_of(columns: int, rows: int = 1, *, claim: tuple[int, int] | None = None) -> HeicFile:
    """A primary grid of the sample's picture, side by side and one below the other."""
    size = claim or (WIDTH * columns, HEIGHT * rows)
    made = HeicFile()
    grid = made.add(b"grid", struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size), extent(*size), in_idat=True)
    tiles = [made.picture(hidden=True) for _ in range(columns * rows)]
    made.refer(b"dimg", grid, *tiles)
    return made
