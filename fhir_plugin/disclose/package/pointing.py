"""The record points to the files of the package: each attachment to exactly its file, with that file's size and hash.

What stands in the record as base64, and what the record's Binaries hold, becomes a file, too, and stands there once.
A picture that nothing in the record shows does not go out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_plugin.disclose.contents import PackagedImage
from fhir_plugin.disclose.package.files import PackedFile
from fhir_plugin.errors import Refused

Json = dict[str, object]

_BINARY: Final = re.compile(r"(?:^|/)(Binary/[A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?/?$")
_NOT_ATTACHMENTS: Final = frozenset({"who", "sigFormat", "targetFormat", "origin", "dimensions"})
"""Signatures and sampled data have `data`, too."""
_PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*")
DERIVED_TITLE: Final = "A copy of which parts were made black. It may still show who it is."
_NAMED_ANEW: Final = ("data", "url", "size", "hash", "contentType")


@dataclass(frozen=True)
class Loose:
    """A file that stands in the record itself. `owner`: the resource, `binary`: that Binary if it is one."""

    ordinal: int
    owner: str
    binary: str | None
    media_type: str
    is_picture: bool
    """By what it says or by how it begins: a picture is cleaned, whatever it calls itself."""
    content: bytes = field(repr=False)

    def without_content(self) -> Loose:
        """The same, for remembering where it stood."""
        return replace(self, content=b"")


class Pointing:
    """First `survey` every resource and `surveyed`; then hand in the `files`; then `point` every resource."""

    def __init__(self, images: Sequence[PackagedImage]) -> None:
        self._images = images
        self._by_binary = {str(each.binary): number for number, each in enumerate(images) if each.binary}
        self._of_resource: dict[str, list[int]] = defaultdict(list)
        for number, each in enumerate(images):
            if not each.binary:
                self._of_resource[str(each.reference)].append(number)
        self._shown: set[int] = set()
        self._full_urls: dict[str, str] = {}
        self._listed: dict[int, int] = {}
        """Which attachment of the record (counted through all of it) is which of the listed pictures."""
        self._count = 0
        self._pictures: Sequence[PackedFile] = ()
        self._loose: dict[int, PackedFile] = {}
        self._loose_binaries: dict[str, PackedFile] = {}

    # ------------------------------------------------------------------------------------------- the first pass

    def survey(self, resource: Json) -> Iterator[Loose]:
        """Notes what the resource shows; gives what stands in it and in no picture of the list."""
        waiting = dict(self._of_resource)
        self._full_urls.update((full_url, owner) for full_url, owner, _node in nodes(resource) if full_url)
        for _full_url, owner, node in nodes(resource):
            ordinal, self._count = self._count, self._count + 1
            number = self._which(owner, node, waiting)
            if number is not None:
                self._listed[ordinal] = number
                if owner == str(self._images[number].reference):
                    self._shown.add(number)
            elif isinstance(node.get("data"), str):
                yield _loose(ordinal, owner, node)

    def surveyed(self) -> None:
        """Raises `Refused` (`picture-not-shown`) for a picture that no resource of the record shows."""
        for number, image in enumerate(self._images):
            if number not in self._shown:
                raise Refused(
                    f"The record that goes out does not show the picture of {image.reference}: it stays.",
                    code="picture-not-shown",
                )

    def _which(self, owner: str, node: Json, waiting: dict[str, list[int]]) -> int | None:
        key = owner if owner.startswith("Binary/") and "resourceType" in node else self._binary_of(node.get("url"))
        if key is not None and key in self._by_binary:
            return self._by_binary[key]
        if waiting.get(owner) and is_inline_picture(node):
            number, *waiting[owner] = waiting[owner]
            return number
        return None

    def _binary_of(self, url: object) -> str | None:
        if not isinstance(url, str):
            return None
        found = _BINARY.search(url)
        return found.group(1) if found else self._full_urls.get(url)

    # ------------------------------------------------------------------------------------------ the second pass

    def files(self, pictures: Sequence[PackedFile], loose: Sequence[tuple[Loose, PackedFile]]) -> None:
        """`pictures`: one for each picture of the list; `loose`: one for each that `survey` gave."""
        self._pictures = pictures
        self._loose = {each.ordinal: file for each, file in loose}
        self._loose_binaries = {each.binary: file for each, file in loose if each.binary}
        self._count = 0

    def point(self, resource: Json) -> tuple[Json | None, bool]:
        """The resource with its attachments pointing to files, and whether anything was changed in it.

        None for a Binary that is a file now. The resource that came is changed.
        """
        changed = False
        for _full_url, _owner, node in nodes(resource):
            ordinal, self._count = self._count, self._count + 1
            file = self._file(ordinal, node)
            if file is None or "resourceType" in node:
                continue
            for name in _NAMED_ANEW:
                node.pop(name, None)
                node.pop(f"_{name}", None)
            node.update(contentType=file.media_type, url=file.name, size=file.size, hash=file.sha1)
            if file.derived:
                node["title"] = DERIVED_TITLE
            changed = True
        if self.became_file(resource):
            return None, True
        return resource, self._without_files(resource) or changed

    def _file(self, ordinal: int, node: Json) -> PackedFile | None:
        if ordinal in self._listed:
            return self._pictures[self._listed[ordinal]]
        if ordinal in self._loose:
            return self._loose[ordinal]
        key = self._binary_of(node.get("url"))
        return self._loose_binaries.get(key) if key else None

    def became_file(self, resource: Json) -> bool:
        """Whether this is a Binary whose content is a file of the package."""
        key = f"{resource.get('resourceType')}/{resource.get('id')}"
        return key in self._by_binary or key in self._loose_binaries

    def _without_files(self, resource: Json) -> bool:
        """Takes Binaries that are files now out of a Bundle, and out of those within it."""
        entries = resource.get("entry")
        if resource.get("resourceType") != "Bundle" or not isinstance(entries, list):
            return False
        kept = []
        changed = False
        for entry in entries:
            inner = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(inner, dict):
                if self.became_file(inner):
                    continue
                changed = self._without_files(inner) or changed
            kept.append(entry)
        gone = len(entries) - len(kept)
        if gone:
            resource["entry"] = kept
            if isinstance(resource.get("total"), int):
                resource["total"] = len(kept)
        return changed or gone > 0


def nodes(resource: Json) -> Iterator[tuple[str, str, Json]]:
    """Every attachment and Binary of a resource and of those in it: fullUrl (or ""), the resource it is in, itself.

    Always in the same order. A contained resource counts as the one that holds it. A resource with a fullUrl that is
    no Binary comes with an empty object, for the sake of its name.
    """
    waiting: list[tuple[str, str, bool, object]] = [("", "", False, resource)]
    while waiting:
        full_url, owner, contained, node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(("", owner, contained, each) for each in reversed(node))
        elif isinstance(node, dict):
            if isinstance(node.get("resourceType"), str):
                owner = owner if contained else _key(node)
                if node["resourceType"] == "Binary":
                    yield full_url, owner, node
                    continue
                if full_url:
                    yield full_url, owner, {}
            elif _is_attachment(node):
                yield "", owner, node
            url = node.get("fullUrl")
            waiting.extend(
                (url if name == "resource" and isinstance(url, str) else "", owner, name == "contained", each)
                for name, each in reversed(list(node.items()))
                if isinstance(each, dict | list)
            )


def is_inline_picture(node: Json) -> bool:
    """Whether an attachment holds a picture or video itself, and says so."""
    said = str(node.get("contentType", "")).lower()
    return isinstance(node.get("data"), str) and "resourceType" not in node and said.startswith(("image/", "video/"))


def _key(resource: Json) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _is_attachment(node: Json) -> bool:
    if _NOT_ATTACHMENTS & node.keys():
        return False
    if isinstance(node.get("data"), str):
        return True
    return isinstance(node.get("url"), str) and ("contentType" in node or bool(_BINARY.search(str(node["url"]))))


def _loose(ordinal: int, owner: str, node: Json) -> Loose:
    try:
        content = base64.b64decode("".join(str(node["data"]).split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"What {owner} holds is not base64.", code="not-base64") from None
    is_binary = node.get("resourceType") == "Binary"
    if is_binary and not owner.startswith("Binary/"):
        raise Refused(f"{owner} holds a file in a way that cannot be packaged (a contained Binary).", code="contained")
    media_type = str(node.get("contentType") or "application/octet-stream")
    return Loose(ordinal, owner, owner if is_binary else None, media_type, _is_picture(media_type, content), content)


def _is_picture(media_type: str, content: bytes) -> bool:
    start = content[:16]
    return (
        media_type.startswith(("image/", "video/"))
        or start.startswith(_PICTURES)
        or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
        or start[4:8] == b"ftyp"
    )


__all__: Sequence[str] = ("Json", "Loose", "Pointing", "is_inline_picture", "nodes")
