"""What must not be found: everything by which a withheld resource can be named, worked out from the resources anew.

This package shares no code with the redactor (import-linter holds that): a mistake there must not be made here again.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class Kind(StrEnum):
    """What was found, or why nobody could look."""

    ID = "id"
    URL = "url"
    IDENTIFIER = "identifier"
    HASH = "hash"
    TITLE = "title"
    BYTES = "bytes"
    CANARY = "canary"
    PIXELS = "pixels"
    UNSEEN = "unseen"
    """Encrypted, damaged or too much: what cannot be looked into is not clean."""


@dataclass(frozen=True)
class Needle:
    """`text` as UTF-8 or raw bytes; `of`: the withheld resource (`Type/id`) that it would give away.

    `whole`: it must not go on to the left or right as a longer id or word. `fold`: upper and lower case are one.
    """

    kind: Kind
    of: str
    text: bytes = field(repr=False)
    whole: bool
    fold: bool


@dataclass(frozen=True)
class Needles:
    """Everything to look for. `pixel_hashes`: hash of pixels to the resource whose picture that is."""

    needles: tuple[Needle, ...]
    pixel_hashes: Mapping[str, str] = field(default_factory=dict, repr=False)


LONGEST: Final = 128
"""Bytes of one needle; of longer ones the end (of words the beginning) is looked for."""

_TELLING_ID: Final = re.compile(r"(?=.*[0-9])[A-Za-z0-9.\-]{8,64}")
_TELLING_VALUE: Final = re.compile(r"(?=.*[0-9]).{6,}", re.DOTALL)
_PLACE: Final = re.compile(r"(?:^|/)([A-Za-z]+/[A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?/?$")
_OF_ATTACHMENTS: Final = frozenset(
    {"language", "url", "size", "title", "creation", "height", "width", "duration", "pages"}
)
_HASH_LENGTHS: Final = (16, 20, 28, 32, 48, 64)
_SLICE: Final = 32


def what_to_look_for(
    withheld: Iterable[Mapping[str, Any]],
    *,
    full_urls: Iterable[tuple[str, str]] = (),
    canaries: Iterable[str] = (),
    pixel_hashes: Mapping[str, str] | None = None,
    common_titles: Collection[str] = (),
) -> Needles:
    """The needles of a withheld set.

    `full_urls`: `Type/id` with how a Bundle named it. `canaries`: words that must not appear anywhere.
    `common_titles`: titles that released resources bear in their own right, which therefore give nothing away.
    An id of fewer than eight characters, or without a digit, is looked for together with its type only.
    """
    found: dict[tuple[bytes, bool, bool], Needle] = {}
    common = {" ".join(title.casefold().split()) for title in common_titles}

    def add(kind: Kind, of: str, text: str | bytes, *, whole: bool, fold: bool = False) -> None:
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        data = data[:LONGEST] if kind in (Kind.TITLE, Kind.CANARY, Kind.BYTES) else data[-LONGEST:]
        if len(data) >= 4 or (kind is Kind.ID and b"/" in data):
            found.setdefault((data, whole, fold), Needle(kind, of, data, whole, fold))

    for resource in withheld:
        of = f"{resource.get('resourceType')}/{resource.get('id')}"
        for kind, text in _names(resource, of):
            if kind is Kind.TITLE and " ".join(str(text).casefold().split()) in common:
                continue
            add(kind, of, text, whole=kind not in (Kind.BYTES, Kind.HASH), fold=kind is Kind.TITLE)
    for of, url in full_urls:
        for kind, text in _of_url(url):
            add(kind, of, text, whole=True)
    for canary in canaries:
        add(Kind.CANARY, "", canary, whole=False, fold=True)
    return Needles(tuple(found.values()), dict(pixel_hashes or {}))


def _names(resource: Mapping[str, Any], of: str) -> Iterator[tuple[Kind, str | bytes]]:
    id_ = resource.get("id")
    if isinstance(id_, str) and id_:
        yield Kind.ID, of
        if _TELLING_ID.fullmatch(id_):
            yield Kind.ID, id_
    if resource.get("resourceType") == "Binary":
        yield from _of_data(resource.get("data"))
    for name in ("identifier", "masterIdentifier"):  # its own: those in references are other people's
        own = resource.get(name)
        for each in own if isinstance(own, list) else [own]:
            value = each.get("value") if isinstance(each, dict) else None
            if isinstance(value, str) and _TELLING_VALUE.fullmatch(value):
                yield Kind.IDENTIFIER, value.removeprefix("urn:uuid:").removeprefix("urn:oid:")
    title, url = resource.get("title"), resource.get("url")
    if isinstance(title, str):
        yield from _of_title(title)
    if isinstance(url, str):
        yield from _of_url(url)
    for node in _objects(resource):
        if node is not resource and _is_attachment(node):
            yield from _of_attachment(node)


def _is_attachment(node: Mapping[str, Any]) -> bool:
    """By what it holds; an extension, a link or a section has a url or title, too."""
    return bool({"contentType", "data", "hash"} & node.keys()) or (
        bool({"url", "title"} & node.keys()) and {name.lstrip("_") for name in node} <= _OF_ATTACHMENTS
    )


def _of_attachment(node: Mapping[str, Any]) -> Iterator[tuple[Kind, str | bytes]]:
    url, title, hash_ = node.get("url"), node.get("title"), node.get("hash")
    if isinstance(url, str):
        yield from _of_url(url)
    if isinstance(title, str):
        yield from _of_title(title)
    if isinstance(hash_, str):
        yield from _of_hash(hash_)
    yield from _of_data(node.get("data"))


def _of_title(title: str) -> Iterator[tuple[Kind, str]]:
    if len(title.strip()) >= 4:
        yield Kind.TITLE, title.strip()


def _of_url(url: str) -> Iterator[tuple[Kind, str]]:
    if url.startswith("data:"):
        return
    place = _PLACE.search(url.split("?")[0])
    if place and place.group(1).split("/")[0][:1].isupper():
        yield Kind.URL, place.group(1)
    text = url.removeprefix("urn:uuid:").removeprefix("urn:oid:")
    if len(text) >= 8:
        yield Kind.URL, text


def _of_hash(text: str) -> Iterator[tuple[Kind, str]]:
    if len(text) < 16:
        return
    yield Kind.HASH, text
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return
    if len(raw) in _HASH_LENGTHS:
        yield Kind.HASH, raw.hex()
        yield Kind.HASH, raw.hex().upper()


def _of_data(data: object) -> Iterator[tuple[Kind, bytes]]:
    """Pieces of the bytes themselves: wherever they appear, the picture was copied."""
    if not isinstance(data, str):
        return
    try:
        raw = base64.b64decode(data)
    except (binascii.Error, ValueError):
        return
    for start in {len(raw) // 4, len(raw) // 2, 3 * len(raw) // 4}:
        piece = raw[start : start + _SLICE]
        if len(piece) == _SLICE and len(set(piece)) >= 12:
            yield Kind.BYTES, piece


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
