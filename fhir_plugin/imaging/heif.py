"""Looking at a HEIC still (ISO/IEC 23008-12): one primary picture, its tiles, and everything else left out.

The decoder gets a container written afresh, with the primary picture's items only.
"""

from __future__ import annotations

import struct

from fhir_plugin.imaging.anatomy import Anatomy, Kind
from fhir_plugin.imaging.boxes import Box, Item, ItemTable, read_items, walk_boxes
from fhir_plugin.imaging.carriers import xmp_words
from fhir_plugin.imaging.colour_spaces import Primaries, primaries_of_code
from fhir_plugin.imaging.exif import read_exif
from fhir_plugin.imaging.hevc import check_units, declared_size, length_size
from fhir_plugin.imaging.refusals import MAX_PIXELS, check_pixels, refuse

_PICTURES = frozenset({b"hvc1", b"hev1", b"grid", b"iden", b"iovl", b"av01", b"jpeg", b"unci", b"j2k1", b"vvc1"})
_ONE_PICTURE_GROUPS = frozenset({b"altr", b"ster", b"pymd"})
_KEPT_PROPERTIES = frozenset({b"hvcC", b"ispe", b"pixi", b"irot", b"imir", b"clap", b"auxC", b"colr"})
_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
_MAX_ICC = 4 << 20
_LARGEST_BLOCK = 64
_TILE_MARGIN = 1.3
"""Tiles may stick out over the edge of the picture; their area together may not be much more than its own."""


def look_at_heic(content: bytes) -> Anatomy:
    """Raises `UnacceptableImage`: damaged, truncated, too-many-pixels, several-images, animated, hdr-colours."""
    boxes = list(walk_boxes(content))
    if any(box.name == b"moov" for box in boxes):
        raise refuse("animated")
    metas = [box.body for box in boxes if box.name == b"meta"]
    if len(metas) != 1:
        raise refuse("damaged")
    return _Still(content, read_items(metas[0]), boxes).anatomy()


class _Still:
    """The primary picture of one file."""

    def __init__(self, content: bytes, table: ItemTable, boxes: list[Box]) -> None:
        self._content = content
        self._table = table
        self._boxes = boxes
        self._primary = self._item(table.primary)

    def anatomy(self) -> Anatomy:
        self._check_alone()
        width, height = self._size(self._primary)
        check_pixels(width, height)
        needed = [*self._with_tiles(self._primary), *self._alpha()]
        exif = self._exif()
        facts = read_exif(exif or b"")
        icc, primaries = self._colours(needed)
        found = self._found(needed) | facts.found
        if icc is not None:
            found.add("colour profile")
        return Anatomy(
            kind=Kind.HEIC,
            width=width,
            height=height,
            essential=self._container(needed),
            # Which way is up is said by irot and imir, which the decoder applies (23008-12, 6.5.10).
            orientation=1,
            icc=icc,
            primaries=primaries if icc is None else None,
            exif=exif,
            found=frozenset(found),
        )

    # ------------------------------------------------------------------ which items

    def _item(self, identity: int) -> Item:
        item = self._table.items.get(identity)
        if item is None:
            raise refuse("damaged")
        return item

    def _referenced(self, kind: bytes, origin: int) -> tuple[int, ...]:
        return tuple(
            to for name, start, targets in self._table.references if (name, start) == (kind, origin) for to in targets
        )

    def _check_alone(self) -> None:
        """Thumbnails, depth maps, gain maps and tiles belong to a picture; another picture does not."""
        parts = {start for name, start, _ in self._table.references if name in (b"thmb", b"auxl")}
        parts |= {to for name, _, targets in self._table.references if name == b"dimg" for to in targets}
        for name, members in self._table.groups:
            if name in _ONE_PICTURE_GROUPS and self._primary.id in members:
                parts |= set(members)
        others = [
            item
            for item in self._table.items.values()
            if item.kind in _PICTURES and not item.hidden and item.id not in parts and item is not self._primary
        ]
        if others:
            raise refuse("several-images")

    def _with_tiles(self, item: Item) -> list[Item]:
        """The item and what it is made of, all measured."""
        if item.kind == b"hvc1":
            self._check_coded(item)
            return [item]
        if item.kind != b"grid":
            raise refuse("unsupported-format")
        tiles = [self._item(identity) for identity in self._referenced(b"dimg", item.id)]
        rows, columns = self._grid(item)
        if len(tiles) != rows * columns or any(tile.kind != b"hvc1" for tile in tiles):
            raise refuse("damaged")
        area = 0
        for tile in {tile.id: tile for tile in tiles}.values():
            self._check_coded(tile)
        for tile in tiles:
            width, height = self._size(tile)
            area += width * height
        if area > MAX_PIXELS * _TILE_MARGIN:
            raise refuse("too-many-pixels")
        return [item, *{tile.id: tile for tile in tiles}.values()]

    def _grid(self, item: Item) -> tuple[int, int]:
        """Rows and columns; the size it claims must be that of `ispe` (6.6.2.3)."""
        body = self._data(item)
        if len(body) < 8:
            raise refuse("damaged")
        wide = body[1] & 1
        if len(body) < (12 if wide else 8):
            raise refuse("damaged")
        if struct.unpack_from(">II" if wide else ">HH", body, 4) != self._size(item):
            raise refuse("damaged")
        return body[2] + 1, body[3] + 1

    def _alpha(self) -> list[Item]:
        for name, start, targets in self._table.references:
            if name == b"auxl" and self._primary.id in targets:
                item = self._item(start)
                kind = self._table.property_of(item, b"auxC") or b""
                if kind[4:].split(b"\0")[0] in _ALPHA:
                    if self._size(item) != self._size(self._primary):
                        raise refuse("damaged")
                    return self._with_tiles(item)
        return []

    def _check_coded(self, item: Item) -> None:
        """The decoder makes room for what the coded data claims: it must be what the container claims."""
        width, height = self._size(item)
        check_pixels(width, height)
        configuration = self._table.property_of(item, b"hvcC") or b""
        coded_width, coded_height = declared_size(configuration)
        if not (0 <= coded_width - width < _LARGEST_BLOCK and 0 <= coded_height - height < _LARGEST_BLOCK):
            raise refuse("damaged")
        check_units(self._data(item), length_size(configuration))

    def _size(self, item: Item) -> tuple[int, int]:
        extent = self._table.property_of(item, b"ispe")
        if extent is None or len(extent) < 12:
            raise refuse("damaged")
        width, height = struct.unpack_from(">II", extent, 4)
        return width, height

    # ------------------------------------------------------------------ what is in them

    def _data(self, item: Item) -> bytes:
        """The bytes of an item, from the file or from `idat`. Raises truncated where they are not all there."""
        source = self._table.idat if item.in_idat else self._content
        if not item.extents:
            raise refuse("damaged")
        if sum(length for _, length in item.extents) > len(source):
            raise refuse("truncated")
        if any(length == 0 or start + length > len(source) for start, length in item.extents):
            raise refuse("truncated")
        return b"".join(source[start : start + length] for start, length in item.extents)

    def _described(self) -> list[Item]:
        """Metadata items of the primary picture."""
        return [item for item in self._table.items.values() if item.kind in (b"Exif", b"mime")]

    def _exif(self) -> bytes | None:
        for item in self._described():
            if item.kind == b"Exif" and self._primary.id in self._referenced(b"cdsc", item.id):
                body = self._data(item)
                return body[4 + int.from_bytes(body[:4], "big") :]
        return None

    def _colours(self, needed: list[Item]) -> tuple[bytes | None, Primaries | None]:
        icc: bytes | None = None
        primaries: Primaries | None = None
        for item in needed[:2]:
            for position, _ in item.properties:
                if not 1 <= position <= len(self._table.properties):
                    continue
                box = self._table.properties[position - 1]
                if box.name != b"colr":
                    continue
                if box.body[:4] in (b"prof", b"rICC"):
                    icc = icc or (box.body[4:] if len(box.body) <= _MAX_ICC else None)
                elif box.body[:4] == b"nclx" and len(box.body) >= 8:
                    found = primaries_of_code(*struct.unpack_from(">HH", box.body, 4))
                    primaries = primaries or found
        return icc, primaries

    def _found(self, needed: list[Item]) -> set[str]:
        kept = {item.id for item in needed}
        found: set[str] = set()
        for item in self._described():
            if item.kind == b"mime" and item.extents:
                packet = self._data(item)
                found |= xmp_words(packet) if b"rdf+xml" in item.media_type else {"software notes"}
        for name, start, _ in self._table.references:
            if name == b"thmb":
                found.add("thumbnail")
            elif name == b"auxl" and start not in kept:
                found.add("depth map or extra light data")
        for name, members in self._table.groups:
            if name == b"ster" and self._primary.id in members:
                found.add("second picture")
        if any(box.name == b"mpvd" for box in self._boxes):
            found.add("motion photo")
        return found

    # ------------------------------------------------------------------ a container of our own

    def _container(self, needed: list[Item]) -> bytes:
        """ftyp, meta and mdat with nothing but the needed items, their data and the properties that decoding needs."""
        data = [self._data(item) for item in needed]
        if sum(map(len, data)) > len(self._content) + (1 << 20):
            raise refuse("hidden-bulk")
        head = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
        size = len(head) + len(self._meta(needed, data, 0)) + 8
        return head + self._meta(needed, data, size) + _box(b"mdat", b"".join(data))

    def _meta(self, needed: list[Item], data: list[bytes], start: int) -> bytes:
        kept = {item.id for item in needed}
        infos = b"".join(
            _full_box(b"infe", struct.pack(">IH4sB", item.id, 0, item.kind, 0), version=3) for item in needed
        )
        places = struct.pack(">HI", 0x4400, len(needed))
        for item, body in zip(needed, data, strict=True):
            places += struct.pack(">IHHHII", item.id, 0, 0, 1, start, len(body))
            start += len(body)
        references = b"".join(
            _box(name, struct.pack(f">IH{len(targets)}I", origin, len(targets), *targets))
            for name, origin, targets in self._table.references
            if name in (b"dimg", b"auxl") and origin in kept and kept.issuperset(targets)
        )
        return _full_box(
            b"meta",
            _full_box(b"hdlr", b"\0\0\0\0pict" + b"\0" * 13)
            + _full_box(b"pitm", struct.pack(">I", self._primary.id), version=1)
            + _full_box(b"iloc", places, version=2)
            + _full_box(b"iinf", struct.pack(">I", len(needed)) + infos, version=1)
            + (_full_box(b"iref", references, version=1) if references else b"")
            + self._properties(needed),
        )

    def _properties(self, needed: list[Item]) -> bytes:
        boxes: list[bytes] = []
        where: dict[int, int] = {}
        lines = b""
        for item in needed:
            mine = []
            for position, essential in item.properties:
                if not 1 <= position <= len(self._table.properties):
                    continue
                box = self._table.properties[position - 1]
                if box.name not in _KEPT_PROPERTIES or (box.name == b"colr" and box.body[:4] != b"nclx"):
                    continue
                if position not in where:
                    boxes.append(_box(box.name, box.body))
                    where[position] = len(boxes)
                mine.append(where[position] | (0x8000 if essential else 0))
            lines += struct.pack(f">IB{len(mine)}H", item.id, len(mine), *mine)
        associations = _full_box(b"ipma", struct.pack(">I", len(needed)) + lines, version=1, flags=1)
        return _box(b"iprp", _box(b"ipco", b"".join(boxes)) + associations)


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


def _full_box(name: bytes, body: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    return _box(name, struct.pack(">I", version << 24 | flags) + body)
