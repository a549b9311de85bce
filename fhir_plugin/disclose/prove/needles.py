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

from fhir_plugin.disclose.prove.letters import LONGEST_PIECE, Letters, has_words, is_letter


class Kind(StrEnum):
    """What was found, or why nobody could look."""

    ID = "id"
    URL = "url"
    IDENTIFIER = "identifier"
    HASH = "hash"
    TITLE = "title"
    BYTES = "bytes"
    WORDS = "words"
    """Of a letter. Looked for as they are read: what is encoded is decoded first."""
    CANARY = "canary"
    PIXELS = "pixels"
    UNSEEN = "unseen"
    """Encrypted, damaged or too much: what cannot be looked into is not clean."""


@dataclass(frozen=True)
class Needle:
    """`text` as UTF-8 or raw bytes; `of`: the withheld resource (`Type/id`) that it would give away.

    `whole`: it must not go on to the left or right as a longer id or word. `fold`: upper and lower case are one.
    `near`: counts only where this stands close by: a number that many things bear gives nothing away without its
    system.
    """

    kind: Kind
    of: str
    text: bytes = field(repr=False)
    whole: bool
    fold: bool
    near: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Needles:
    """Everything to look for. `prints`: of pictures (see `pixels`), with the resource whose picture that is."""

    needles: tuple[Needle, ...]
    prints: Mapping[bytes, str] = field(default_factory=dict, repr=False)


LONGEST: Final = LONGEST_PIECE
"""Bytes of one needle; of longer ones the end (of words the beginning) is looked for."""

_TELLING_ID: Final = re.compile(r"(?=.*[0-9])[\w.\-]{8,512}", re.ASCII)
_TELLING_VALUE: Final = re.compile(
    r"(?![0-9]{4}(?:-[0-9]{2}){1,2}\Z)(?=.*[0-9])(?:(?=.*[^0-9]).{6,}|[0-9]{8,})", re.DOTALL
)
"""No number of seven digits or fewer, and no date."""
_PLACE: Final = re.compile(r"(?:^|/)([A-Za-z]+/[\w.\-]{1,512})(?:/_history/[A-Za-z0-9.\-]{1,64})?/?$", re.ASCII)
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
    prints: Mapping[bytes, str] | None = None,
    common_titles: Collection[str] = (),
    released: Iterable[Mapping[str, Any]] = (),
    letters: Letters | None = None,
) -> Needles:
    """The needles of a withheld set.

    `full_urls`: `Type/id` with how a Bundle named it. `canaries`: words that must not appear anywhere.
    `common_titles`: titles that released resources bear in their own right, which therefore give nothing away.
    `released`: the resources that go out, read once. A title in plain words that one of them bears, too, and the bare
    id where one of another type has the same, give nothing away; what tells of one thing alone (numbers, file names)
    is looked for all the same.
    `letters`: who gathers the letters that stay, and is asked for their needles later (`of_letters`); otherwise they
    are among these, without what `released` says, too.
    An id of fewer than eight characters, or without a digit, is looked for together with its type only.
    """
    found: dict[_Key, Needle] = {}
    common = {" ".join(title.casefold().split()) for title in common_titles}

    def add(kind: Kind, of: str, text: str | bytes, *, whole: bool, fold: bool = False, near: str = "") -> None:
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        data = data[:LONGEST] if kind in (Kind.TITLE, Kind.CANARY, Kind.BYTES, Kind.WORDS) else data[-LONGEST:]
        if len(data) >= 4 or (kind is Kind.ID and b"/" in data):
            by = near.encode("utf-8", "surrogatepass")[-LONGEST:]
            found.setdefault((data, whole, fold, by), Needle(kind, of, data, whole, fold, by))

    gathered = Letters() if letters is None else letters
    for resource in withheld:
        gathered.add(resource)
        of = f"{resource.get('resourceType')}/{resource.get('id')}"
        for kind, text in _names(resource, of):
            if kind is Kind.TITLE and " ".join(str(text).casefold().split()) in common:
                continue
            add(kind, of, text, whole=kind not in (Kind.BYTES, Kind.HASH), fold=kind is Kind.TITLE)
        for text, system in _identifiers(resource):
            add(Kind.IDENTIFIER, of, text, whole=True, near=system)
    for of, url in full_urls:
        for kind, text in _of_url(url):
            add(kind, of, text, whole=True)
    for canary in canaries:
        add(Kind.CANARY, "", canary, whole=False, fold=True)
    _without_what_others_bear(found, released, gathered)
    if letters is None:
        for each in of_letters(gathered):
            add(each.kind, each.of, each.text, whole=False)
    return Needles(tuple(found.values()), dict(prints or {}))


def of_letters(letters: Letters) -> Iterator[Needle]:
    """What must not be found of the letters that stay."""
    for piece, of in letters.pieces().items():
        yield Needle(Kind.WORDS, of, piece, whole=False, fold=False)


_Key = tuple[bytes, bool, bool, bytes]


def _without_what_others_bear(
    found: dict[_Key, Needle], released: Iterable[Mapping[str, Any]], letters: Letters
) -> None:
    """Take out the words that name something else as well. Only what is looked for is kept while they are read."""
    titles = {_words(key[0]): key for key, each in found.items() if each.kind is Kind.TITLE and _is_plain(each.text)}
    ids = {key[0]: key for key, each in found.items() if each.kind is Kind.ID and b"/" not in each.text}
    types = {(each.of.partition("/")[2].encode(), each.of.partition("/")[0]) for each in found.values()}
    for resource in released:
        if letters:
            letters.beside(resource)
        id_ = str(resource.get("id", "")).encode("utf-8", "surrogatepass")
        if id_ in ids and (id_, str(resource.get("resourceType"))) not in types:
            found.pop(ids[id_], None)
        if titles:
            for node in _objects(resource):
                title = node.get("title")
                if isinstance(title, str):
                    found.pop(titles.get(_words(title.strip().encode("utf-8", "surrogatepass")[:LONGEST]), _NONE), None)


_NONE: Final[_Key] = (b"", False, False, b"")
_ONE_WORD: Final = re.compile(r"[^\W\d_]+")
_TELLING_TITLE: Final = re.compile(rb"[0-9]|\.[A-Za-z]{3,4}\Z")


def _words(title: bytes) -> bytes:
    return b" ".join(title.lower().split())


def _is_plain(title: bytes) -> bool:
    """Words that may be said of many things; not a number or the name of a file."""
    return _TELLING_TITLE.search(title) is None


def _names(resource: Mapping[str, Any], of: str) -> Iterator[tuple[Kind, str | bytes]]:
    id_ = resource.get("id")
    if isinstance(id_, str) and id_:
        yield Kind.ID, of
        if _TELLING_ID.fullmatch(id_):
            yield Kind.ID, id_
    if resource.get("resourceType") == "Binary":
        yield from _of_data(resource.get("data"))
    title, url = resource.get("title"), resource.get("url")
    if isinstance(title, str) and not isinstance(url, str):  # a definition's title is what its kind is called
        yield from _of_title(title)
    if isinstance(url, str):
        yield from _of_url(url)
    for node in _objects(resource):
        if node is not resource and _is_attachment(node):
            yield from _of_attachment(node)


def _identifiers(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Its own identifiers (those in references are other people's), each with the system that must stand near it:
    none for a value that tells of one thing alone. A short one without a system is in every record."""
    for name in ("identifier", "masterIdentifier"):
        own = resource.get(name)
        for each in own if isinstance(own, list) else [own]:
            value, system = (each.get("value"), each.get("system")) if isinstance(each, dict) else (None, None)
            if not isinstance(value, str):
                continue
            bare = value.removeprefix("urn:uuid:").removeprefix("urn:oid:")
            if _TELLING_VALUE.fullmatch(bare):
                yield bare, ""
            elif isinstance(system, str) and len(system) >= 4:
                yield bare, system


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
    yield from _of_signature(node["data"]) if _is_signature(node) else _of_data(node.get("data"))


def _is_signature(node: Mapping[str, Any]) -> bool:
    """R4 Signature: when and who are required of it."""
    return "when" in node and "who" in node and isinstance(node.get("data"), str)


def _of_signature(data: str) -> Iterator[tuple[Kind, bytes]]:
    """Its end alone: a JWS begins with the name of its key, as does every other by that key, a package's own too."""
    try:
        raw = base64.b64decode(data)
    except (binascii.Error, ValueError):
        return
    if len(raw) >= _SLICE:
        yield Kind.BYTES, raw[-_SLICE:]


def _of_title(title: str) -> Iterator[tuple[Kind, str]]:
    """One word of letters alone ("Photo", "Rash") is in every record."""
    if len(title.strip()) >= 4 and _ONE_WORD.fullmatch(title.strip()) is None:
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
    if has_words(raw):
        return  # `letters`
    raw = raw[_pixels_begin(raw) :]
    size = LONGEST if is_letter(raw) else _SLICE  # texts are often alike: more of one is looked for
    for start in {len(raw) // 4, len(raw) // 2, 3 * len(raw) // 4} if len(raw) >= 2 * size else {0}:
        piece = raw[start : start + size]
        if len(piece) >= _SLICE and len(set(piece)) >= 12:
            yield Kind.BYTES, piece


def _pixels_begin(raw: bytes) -> int:
    """Where a JPEG or PNG begins to be its own: before that stand tables and colour profiles that thousands share, and
    of a small picture they are most of the file."""
    if raw.startswith(b"\x89PNG"):
        return max(raw.find(b"IDAT"), 0)
    at = 2 if raw.startswith(b"\xff\xd8\xff") else len(raw)
    while at + 4 <= len(raw) and raw[at] == 0xFF:
        size = int.from_bytes(raw[at + 2 : at + 4], "big")
        if raw[at + 1] == 0xDA:  # start of scan
            return min(at + 2 + size, len(raw))
        at += 2 + size
    return 0


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
