"""Plain words for what XMP, IPTC and unknown blocks carry, from a bounded look at their bytes."""

from __future__ import annotations

from collections.abc import Iterator

_XMP_MARKS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("location", (b"GPSLatitude", b"GPSLongitude", b"photoshop:City", b"Iptc4xmpCore:Location", b"LocationCreated")),
    ("phone or camera model", (b"tiff:Model", b"tiff:Make", b"aux:Lens")),
    ("serial number", (b"SerialNumber",)),
    ("time", (b"CreateDate", b"DateCreated", b"DateTimeOriginal", b"ModifyDate")),
    ("owner or photographer", (b"dc:creator", b"dc:rights", b"xmpRights:", b"OwnerName")),
    ("description", (b"dc:description", b"dc:title", b"dc:subject", b"photoshop:Headline")),
    ("people tagged", (b"mwg-rs:", b"MP:RegionInfo", b"PersonInImage")),
    ("editing history", (b"xmpMM:", b"crs:", b"photoshop:DocumentAncestors", b"CreatorTool")),
    ("thumbnail", (b"xmp:Thumbnails", b"xapGImg:")),
    ("motion photo", (b"MotionPhoto", b"MicroVideo")),
    ("depth map", (b"GDepth", b"GImage")),
)
_IPTC_WORDS: dict[int, str] = {
    5: "description",
    25: "description",
    40: "description",
    55: "time",
    60: "time",
    62: "time",
    63: "time",
    65: "software",
    80: "owner or photographer",
    85: "owner or photographer",
    90: "location",
    92: "location",
    95: "location",
    100: "location",
    101: "location",
    105: "description",
    110: "owner or photographer",
    115: "owner or photographer",
    116: "owner or photographer",
    118: "owner or photographer",
    120: "description",
    122: "owner or photographer",
}
_MAX_RESOURCES = 1000


def xmp_words(packet: bytes) -> set[str]:
    """What an XMP packet (ISO 16684-1) seems to hold; never empty for a packet with content."""
    words = {word for word, marks in _XMP_MARKS if any(mark in packet for mark in marks)}
    return words or ({"notes by photo software"} if packet.strip(b"\0 \r\n\t") else set())


def photoshop_words(block: bytes) -> set[str]:
    """What a Photoshop image resource block (`8BIM` records) holds, IPTC-IIM included."""
    words: set[str] = set()
    for number, content in _resources(block):
        if number == 0x0404:
            words |= {_IPTC_WORDS.get(dataset, "description") for dataset in _iptc_datasets(content)}
        elif number in (0x0409, 0x040C):
            words.add("thumbnail")
        elif number in (0x0422, 0x0423):
            words.add("camera settings")
        elif number == 0x0424:
            words |= xmp_words(content)
    return words or {"editing history"}


def trailer_words(trailer: bytes) -> set[str]:
    """What was appended after the end of the picture."""
    if not trailer.strip(b"\0\r\n "):
        return set()
    if b"ftyp" in trailer[:64] or b"MotionPhoto_Data" in trailer or b"ftypmp42" in trailer or b"ftypisom" in trailer:
        return {"motion photo"}
    if b"\xff\xd8\xff" in trailer:
        return {"second picture"}
    return {"data after the picture"}


def _resources(block: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    for _ in range(_MAX_RESOURCES):
        at = block.find(b"8BIM", at)
        if at < 0 or at + 12 > len(block):
            return
        number = int.from_bytes(block[at + 4 : at + 6], "big")
        name_length = block[at + 6]
        size_at = at + 6 + (name_length + 2) // 2 * 2
        size = int.from_bytes(block[size_at : size_at + 4], "big")
        yield number, block[size_at + 4 : size_at + 4 + size]
        at = size_at + 4 + size


def _iptc_datasets(content: bytes) -> Iterator[int]:
    """Numbers of the datasets of record 2 (the application record)."""
    at = 0
    for _ in range(_MAX_RESOURCES):
        if at + 5 > len(content) or content[at] != 0x1C:
            return
        record, dataset = content[at + 1], content[at + 2]
        size = int.from_bytes(content[at + 3 : at + 5], "big")
        if size & 0x8000:
            return
        if record == 2 and dataset != 0:
            yield dataset
        at += 5 + size
