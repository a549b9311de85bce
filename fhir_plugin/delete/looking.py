"""Whether something that a record answers is, holds or points to the image that was destroyed."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from fhir_plugin.delete.matching import Forms
from fhir_plugin.delete.needles import Needles
from mappings.model.deletion import BoundImage
from mappings.r4.tombstone import is_tombstone

Json = dict[str, Any]

_WITHOUT: Final = Needles(pieces=())
PUT_OVER: Final = b"This was permanently deleted."
"""What destroying puts over bytes that a server does not delete. Said here again: the proof takes nobody's word."""
_ENCODED: Final = base64.b64encode(PUT_OVER)
_MOST_AROUND: Final = 2000
_OF_A_BINARY: Final = frozenset({"resourceType", "id", "meta", "contentType", "securityContext", "data"})
_XML_PUT_OVER: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?<Binary\b[^>]*>(?:(?!<data\b).)*<data value=\""
    + re.escape(_ENCODED)
    + rb"\"\s*/>\s*</Binary>\s*",
    re.DOTALL,
)
_SHORTEST_DATA: Final = 16
"""Letters of a text that may be base64 of bytes."""
_A_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}")
_AN_ID: Final = re.compile(r"[A-Za-z0-9.\-]{1,64}")


class Sought:
    """One image that should be nowhere any more. `keyed`: `Vault.keyed_digest`."""

    def __init__(self, image: BoundImage, needles: Needles | None, keyed: Callable[[bytes], str]) -> None:
        held = needles or _WITHOUT
        self._image = image
        self._digests = held.digests | frozenset(image.digest.split())  # one for each of its contents
        self._marks = held.marks
        self._forms = Forms(held.pieces)
        self._keyed = keyed
        self._binaries = frozenset(image.binaries)

    def found_in(self, resource: object) -> str | None:
        """As what a resource remains, `Type/id/_history/version`; None where nothing of the image is in it.

        The image itself counts whatever it holds, unless it is our tombstone. A tombstone that holds the picture in a
        corner is none.
        """
        if not isinstance(resource, dict):
            return None
        name = f"{resource.get('resourceType')}/{resource.get('id')}"
        itself = name == self._image.reference or name in self._binaries
        if self._holds(resource):
            return named(resource)
        return named(resource) if itself and not (is_tombstone(resource) or _is_binary_put_over(resource)) else None

    def in_bytes(self, content: bytes) -> bool:
        """Whether it is the image, or has a piece of it inside, plainly or as base64."""
        return self._keyed(content) in self._digests or self._forms.stand_in(content)

    def _holds(self, resource: Json) -> bool:
        for name, text in texts(resource):
            if name == "url" and self._points(text):
                return True
            if name == "hash" and self._is_mark(text):
                return True
            if len(text) >= _SHORTEST_DATA and self._in_text(text):
                return True
        return False

    def _points(self, url: str) -> bool:
        """An attachment that is stored in a Binary of the image, under whatever address."""
        path = url.partition("?")[0].partition("#")[0].partition("/_history/")[0].rstrip("/")
        return any(path == each or path.endswith(f"/{each}") for each in self._binaries)

    def _is_mark(self, text: str) -> bool:
        found = _decoded(text)
        if found is not None and self._keyed(found) in self._marks:
            return True
        try:
            return self._keyed(bytes.fromhex(text)) in self._marks
        except ValueError:
            return False

    def _in_text(self, text: str) -> bool:
        if self._forms.stand_in(text.encode("utf-8", "replace")):
            return True
        content = _decoded(text)
        return content is not None and self._keyed(content) in self._digests


def named(resource: Json) -> str:
    """`Type/id`, with `/_history/version` where it has one; `?` for what is no id, which could say anything."""
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    name = f"{_or_unnamed(_A_TYPE, resource.get('resourceType'))}/{_or_unnamed(_AN_ID, resource.get('id'))}"
    return f"{name}/_history/{_or_unnamed(_AN_ID, version)}" if version else name


def _or_unnamed(pattern: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else "?"


def is_deleted(resource: object) -> bool:
    """How `ClinicalRecord.history` tells of a deletion: `meta.deleted`, and nothing of content."""
    meta = resource.get("meta") if isinstance(resource, dict) else None
    only = isinstance(resource, dict) and set(resource) <= {"resourceType", "id", "meta"}
    return only and isinstance(meta, dict) and meta.get("deleted") is True


def texts(resource: Json) -> Iterator[tuple[str, str]]:
    """Every text in it, however deep, with the name of its element. Walks without recursion: depth is the server's."""
    waiting: list[tuple[str, object]] = [("", resource)]
    while waiting:
        name, node = waiting.pop()
        match node:
            case str():
                yield name, node
            case dict():
                waiting.extend((str(key), value) for key, value in node.items())
            case list():
                waiting.extend((name, each) for each in node)
            case _:
                continue


def is_put_over(content: bytes) -> bool:
    """Whether it is exactly what is put over bytes that a server does not delete, and nothing else: as it is, in JSON,
    or in XML."""
    if content == PUT_OVER:
        return True
    if len(content) > _MOST_AROUND:
        return False
    if _XML_PUT_OVER.fullmatch(content):
        return True
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(value) <= _OF_A_BINARY and value.get("data") == _ENCODED.decode("ascii")


def _is_binary_put_over(resource: Json) -> bool:
    return resource.get("resourceType") == "Binary" and is_put_over(json.dumps(resource).encode())


def outcome_or_page(content: bytes) -> bool:
    """An OperationOutcome, or a page for people: whatever its status says, it is no answer to the question."""
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<operationoutcome")) or b"<operationoutcome" in start:
        return True
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("resourceType") == "OperationOutcome"


def _decoded(text: str) -> bytes | None:
    line = "".join(text.split()).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(line + "=" * (-len(line) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
