"""What the app and the worker process say to each other: a line of JSON with lengths, then bytes. No pickles.

Neither side believes the other: what comes back from a process that has opened hostile bytes is parsed
field by field, and what does not fit is `BrokenFrame`.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from mappings.model.images import Geometry, Region, VideoTerms

Header = dict[str, Any]

MAX_HEADER = 1 << 16
MAX_PART = 1 << 28
MAX_PARTS = 2
PREFIX = 4


class BrokenFrame(Exception):
    """The other side does not speak our language: it is not to be trusted any more."""


def pack_header(header: Header, parts: list[bytes]) -> bytes:
    """The bytes that go before the parts: length of the header, header. The parts follow as they are."""
    text = json.dumps({**header, "parts": [len(part) for part in parts]}).encode()
    if len(text) > MAX_HEADER:
        raise BrokenFrame("header too long")
    return len(text).to_bytes(PREFIX, "big") + text


def header_length(prefix: bytes) -> int:
    length = int.from_bytes(prefix, "big")
    if not 2 <= length <= MAX_HEADER:
        raise BrokenFrame("header length out of range")
    return length


def unpack_header(text: bytes) -> tuple[Header, list[int]]:
    """The header and the lengths of the parts that follow it."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BrokenFrame("header is not JSON") from error
    lengths = header.pop("parts", None) if isinstance(header, dict) else None
    if not isinstance(lengths, list) or len(lengths) > MAX_PARTS:
        raise BrokenFrame("header has no parts")
    if not all(isinstance(length, int) and 0 <= length <= MAX_PART for length in lengths):
        raise BrokenFrame("part length out of range")
    return header, lengths


def geometry_to_json(geometry: Geometry) -> Header:
    return {
        "quarter_turns": geometry.quarter_turns,
        "crop": _region_to_json(geometry.crop) if geometry.crop is not None else None,
        "black_out": [_region_to_json(region) for region in geometry.black_out],
    }


def geometry_from_json(value: Header) -> Geometry:
    return Geometry(
        quarter_turns=value["quarter_turns"],
        crop=Region(*value["crop"]) if value["crop"] is not None else None,
        black_out=tuple(Region(*region) for region in value["black_out"]),
    )


def terms_to_json(terms: VideoTerms) -> Header:
    return {"sound": terms.sound, "most_seconds": terms.most_seconds}


def terms_from_json(value: Header) -> VideoTerms:
    return VideoTerms(sound=value["sound"] is True, most_seconds=float(value["most_seconds"]))


def share_from_json(value: object) -> float:
    """From 0 to 1. Raises `BrokenFrame` for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise BrokenFrame("not a share")
    return float(value)


def _region_to_json(region: Region) -> list[float]:
    return [region.left, region.top, region.right, region.bottom]


def time_from_json(value: object) -> dt.datetime | None:
    """An aware instant, or None. Raises `BrokenFrame` for anything else."""
    if value is None:
        return None
    try:
        instant = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError as error:
        raise BrokenFrame("not a time") from error
    if instant is None or instant.tzinfo is None:
        raise BrokenFrame("not a time")
    return instant
