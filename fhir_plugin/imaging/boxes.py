"""Boxes (ISO/IEC 14496-12) and the item tables of HEIF (ISO/IEC 23008-12), read from bytes that may lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from fhir_plugin.imaging.refusals import refuse

_MAX_BOXES = 10_000
MAX_ITEMS = 4096


@dataclass(frozen=True)
class Box:
    name: bytes
    body: bytes = field(repr=False)


def walk_boxes(content: bytes) -> Iterator[Box]:
    """The boxes side by side in `content`. Raises `UnacceptableImage` truncated where one ends beyond it."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at >= len(content):
            return
        if at + 8 > len(content):
            raise refuse("truncated")
        size, name = struct.unpack_from(">I4s", content, at)
        head = 8
        if size == 1:
            if at + 16 > len(content):
                raise refuse("truncated")
            (size,) = struct.unpack_from(">Q", content, at + 8)
            head = 16
        end = at + size if size else len(content)
        if size and size < head:
            raise refuse("damaged")
        if end > len(content):
            raise refuse("truncated")
        yield Box(name, content[at + head : end])
        at = end
    raise refuse("hidden-bulk")


class Fields:
    """Numbers one after the other; running out of bytes is damage."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def take(self, length: int) -> bytes:
        if self._at + length > len(self._content):
            raise refuse("damaged")
        self._at += length
        return self._content[self._at - length : self._at]

    def text(self) -> bytes:
        end = self._content.find(b"\0", self._at)
        end = end if end >= 0 else len(self._content)
        start, self._at = self._at, min(end + 1, len(self._content))
        return self._content[start:end]

    def rest(self) -> bytes:
        return self._content[self._at :]

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._content)


@dataclass
class Item:
    """One item: `infe`, `iloc` and `ipma` together. `properties` are positions in `ItemTable.properties`."""

    id: int
    kind: bytes
    hidden: bool
    media_type: bytes = b""
    in_idat: bool = False
    extents: list[tuple[int, int]] = field(default_factory=list)
    properties: list[tuple[int, bool]] = field(default_factory=list)


@dataclass
class ItemTable:
    """The `meta` box, understood."""

    primary: int = 0
    items: dict[int, Item] = field(default_factory=dict)
    references: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)
    properties: list[Box] = field(default_factory=list, repr=False)
    groups: list[tuple[bytes, tuple[int, ...]]] = field(default_factory=list)
    idat: bytes = field(default=b"", repr=False)

    def property_of(self, item: Item, name: bytes) -> bytes | None:
        """The first property of that name which belongs to the item."""
        for position, _ in item.properties:
            if 1 <= position <= len(self.properties) and self.properties[position - 1].name == name:
                return self.properties[position - 1].body
        return None


def read_items(meta: bytes) -> ItemTable:
    """Reads the body of a `meta` box. Raises `UnacceptableImage`: damaged, truncated, hidden-bulk."""
    boxes = {box.name: box.body for box in walk_boxes(meta[4:])}
    table = ItemTable(idat=boxes.get(b"idat", b""))
    try:
        _read_primary(table, boxes[b"pitm"])
        _read_infos(table, boxes[b"iinf"])
        _read_locations(table, boxes[b"iloc"])
        _read_properties(table, boxes[b"iprp"])
    except KeyError:
        raise refuse("damaged") from None
    _read_references(table, boxes.get(b"iref"))
    for group in walk_boxes(boxes.get(b"grpl", b"")):
        fields = Fields(group.body)
        fields.take(8)
        count = fields.number(4)
        if count <= MAX_ITEMS:
            table.groups.append((group.name, tuple(fields.number(4) for _ in range(count))))
    return table


def _read_primary(table: ItemTable, body: bytes) -> None:
    fields = Fields(body)
    version = fields.number(4) >> 24
    table.primary = fields.number(2 if version == 0 else 4)


def _read_infos(table: ItemTable, body: bytes) -> None:
    fields = Fields(body)
    version = fields.number(4) >> 24
    if fields.number(2 if version == 0 else 4) > MAX_ITEMS:
        raise refuse("hidden-bulk")
    for box in walk_boxes(fields.rest()):
        if box.name != b"infe":
            continue
        entry = Fields(box.body)
        header = entry.number(4)
        if header >> 24 < 2:
            raise refuse("damaged")
        identity = entry.number(2 if header >> 24 == 2 else 4)
        if entry.number(2) or identity in table.items or len(table.items) >= MAX_ITEMS:
            # Protected items cannot be opened; two of one id cannot be told apart.
            raise refuse("damaged")
        item = Item(identity, entry.take(4), hidden=bool(header & 1))
        entry.text()
        if item.kind == b"mime":
            item.media_type = entry.text()
        table.items[identity] = item


def _read_locations(table: ItemTable, body: bytes) -> None:
    fields = Fields(body)
    version = fields.number(4) >> 24
    sizes = fields.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    count = fields.number(2 if version < 2 else 4)
    if version > 2 or count > MAX_ITEMS or not {offset_size, length_size, base_size, index_size} <= {0, 4, 8}:
        raise refuse("damaged")
    for _ in range(count):
        identity = fields.number(2 if version < 2 else 4)
        method = fields.number(2) & 15 if version else 0
        elsewhere = fields.number(2)
        base = fields.number(base_size)
        extents = []
        for _ in range(fields.number(2)):
            fields.take(index_size)
            start = base + fields.number(offset_size)
            extents.append((start, fields.number(length_size)))
        item = table.items.get(identity)
        if item is not None and method < 2 and not elsewhere:
            item.in_idat, item.extents = method == 1, extents


def _read_properties(table: ItemTable, body: bytes) -> None:
    for box in walk_boxes(body):
        if box.name == b"ipco":
            table.properties = list(walk_boxes(box.body))
        elif box.name == b"ipma":
            fields = Fields(box.body)
            header = fields.number(4)
            wide = header & 1
            for _ in range(min(fields.number(4), MAX_ITEMS)):
                item = table.items.get(fields.number(2 if header >> 24 == 0 else 4))
                for _ in range(fields.number(1)):
                    value = fields.number(2 if wide else 1)
                    essential, position = (value >> 15, value & 0x7FFF) if wide else (value >> 7, value & 0x7F)
                    if item is not None:
                        item.properties.append((position, bool(essential)))


def _read_references(table: ItemTable, body: bytes | None) -> None:
    if body is None:
        return
    width = 2 if body[:1] == b"\0" else 4
    for box in walk_boxes(body[4:]):
        fields = Fields(box.body)
        origin = fields.number(width)
        count = fields.number(2)
        if count > MAX_ITEMS:
            raise refuse("hidden-bulk")
        table.references.append((box.name, origin, tuple(fields.number(width) for _ in range(count))))
