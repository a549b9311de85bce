"""The package: made exactly as signed, then looked through by somebody else."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_plugin.disclose.contents import PackageContents, PackagedImage
from fhir_plugin.disclose.prove import Leaks, prove
from fhir_plugin.disclose.proven import NotProven
from fhir_plugin.disclose.send.parts import SendParts, ToSend, Writes
from fhir_plugin.disclose.send.spool import (
    Spooled,
    content_of,
    find_whole,
    forget,
    make_whole,
    put_pieces,
)
from fhir_plugin.errors import Refused
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ports import Json
from mappings.model.disclosed import DisclosedImage
from mappings.model.disclosure_request import DisclosureRequest
from mappings.model.identifiers import IntentId, Reference
from mappings.model.labels import RESTRICTED, Label
from mappings.r4 import elements

NOT_AS_SIGNED: Final = "not-as-signed"
NOT_CLEAN: Final = "package-not-clean"
_MOST_FINDS: Final = 5


@dataclass
class Contents:
    """What is to be sent, worked out once for both steps of a run. Raises `Refused` unless it is what was signed."""

    request: DisclosureRequest
    intent: IntentId
    prepare: Callable[[], ToSend] = field(repr=False)
    _found: ToSend | None = field(default=None, repr=False)

    def get(self) -> ToSend:
        if self._found is None:
            found = self.prepare()
            signed = [each.about for each in (self.request.first, self.request.second) if each is not None]
            if not signed or any(about != found.digest for about in signed):
                raise Refused(
                    "What would go out is not what was signed: look at the request again, and sign it anew.",
                    code=NOT_AS_SIGNED,
                )
            self._found = found
        return self._found


@dataclass
class MakePackage:
    """Writes the package into the vault; only once it is whole and proven it lists its pieces."""

    contents: Contents
    parts: SendParts = field(repr=False)
    write: Writes = field(repr=False)
    name: str = "package"

    def happened(self) -> Evidence | None:
        found = find_whole(self.parts.vault, self.contents.intent)
        return None if found is None else _evidence(*found)

    def do(self) -> Evidence:
        vault, intent, contents = self.parts.vault, self.contents.intent, self.contents.get().contents
        digests: dict[Reference, dict[str, None]] = {}

        def noted(reference: Reference, content: bytes) -> None:
            digests.setdefault(reference, {})[vault.keyed_digest(content)] = None

        watched = replace(contents, images=tuple(_watched(each, noted) for each in contents.images))
        package = self.write(watched, package_id=self.contents.request.id, needles=self.contents.get().needles)
        try:
            pieces, size, sha256 = put_pieces(vault, intent, package, alive=self.parts.engine.keep_lease)
            proven = package.proven
        except NotProven as found:  # turns the intent round: nothing of it goes out, and no second try mends it
            raise Refused(found.message, code=NOT_CLEAN) from found
        if (proven.sha256, proven.size) != (sha256, size):
            raise Refused("What lies in the vault is not what was proven.", code=NOT_CLEAN)
        spooled = Spooled(
            pieces=pieces,
            size=size,
            sha256=sha256,
            manifest=proven.manifest,
            at=self.parts.clock.now(),
            images=_disclosed(contents, noted),
            digests={reference: " ".join(each) for reference, each in digests.items()},
            counts=dict(contents.cover.counts),
            key_check=proven.key_check,
        )
        return _evidence(make_whole(vault, intent, spooled), spooled)

    def undo(self, evidence: Evidence) -> tuple[str, ...]:
        forget(self.parts.vault, self.contents.intent)
        return ()


@dataclass
class ProvePackage:
    """Looks once more, at every byte as it lies in the vault and would be given out. Anything but clean is refused.

    Pictures were compared by their pixels while they were packed; here it is names, addresses, words and bytes.
    """

    contents: Contents
    parts: SendParts = field(repr=False)
    name: str = "proof"

    def happened(self) -> Evidence | None:
        return None  # a proof that nobody wrote down is made again

    def do(self) -> Evidence:
        _whole, spooled = whole_of(self.parts, self.contents.intent)
        pieces = _alive(content_of(self.parts.vault, spooled), self.parts)
        needles = self.contents.get().needles
        if not needles.needles:  # nothing stays, so that nothing can be in what nobody can look into
            looked_at = sum(len(piece) for piece in pieces)
            return {"sha256": spooled.sha256, "bytes": str(looked_at), "inside": "0"}
        verdict = prove([("package.zip", pieces)], needles)
        if isinstance(verdict, Leaks):
            raise Refused(_found(verdict), code=NOT_CLEAN)
        return {"sha256": spooled.sha256, "bytes": str(verdict.bytes), "inside": str(verdict.inside)}

    def undo(self, evidence: Evidence) -> tuple[str, ...]:
        return ()


def whole_of(parts: SendParts, intent: IntentId) -> tuple[str, Spooled]:
    """The package that this intent has made. Raises `Refused` where it is gone: then nothing may say that it went."""
    found = find_whole(parts.vault, intent)
    if found is None:
        raise Refused("The package that was made is not there any more: sign again.", code="package-gone")
    return found


def _found(leaks: Leaks) -> str:
    """Where and what kind, never what. `of` names a resource of this record by type and id."""
    said = "; ".join(
        f"{each.kind.value}{f' of {each.of}' if each.of else ''} in {each.place}" for each in leaks.finds[:_MOST_FINDS]
    )
    more = len(leaks.finds) - _MOST_FINDS
    return f"The check found what must not go out: {said}{f'; and {more} more' if more > 0 else ''}."


def _evidence(whole: str, spooled: Spooled) -> Evidence:
    return {"vault": whole, "sha256": spooled.sha256, "manifest": spooled.manifest}


def _watched(image: PackagedImage, noted: Callable[[Reference, bytes], None]) -> PackagedImage:
    """The same image; of what is read of it, `noted` hears."""

    def read() -> bytes:
        content = image.read()
        noted(image.reference, content)
        return content

    return replace(image, read=read)


def _alive(pieces: Iterator[bytes], parts: SendParts) -> Iterator[bytes]:
    for piece in pieces:
        parts.engine.keep_lease()
        yield piece


def _disclosed(contents: PackageContents, noted: Callable[[Reference, bytes], None]) -> tuple[DisclosedImage, ...]:
    """Every image that goes out, with its labels as they go: those that are files of the package, and those that stand
    in a resource itself, whose bytes `noted` hears. One whose labels nobody finds counts as restricted."""
    labels: dict[Reference, tuple[Label, ...]] = {each.reference: (RESTRICTED,) for each in contents.images}
    for part in contents.record():
        for resource in _resources(json.loads(part.data)):
            reference = Reference(f"{resource.get('resourceType')}/{resource.get('id')}")
            shown = list(_shown_in(resource))
            if reference in labels or shown:
                labels[reference] = elements.labels_of(resource)
            for content in shown:
                noted(reference, content)
    return tuple(DisclosedImage(each, found) for each, found in labels.items())


def _shown_in(resource: Json) -> Iterator[bytes]:
    """The pictures and videos that stand in a Media or a DocumentReference itself."""
    contents = list(elements.objects_of(resource.get("content")))
    if resource.get("resourceType") == "DocumentReference":
        contents = [elements.object_of(each.get("attachment")) for each in contents]
    elif resource.get("resourceType") != "Media":
        return
    for each in contents:
        data, type_ = elements.text_of(each.get("data")), elements.text_of(each.get("contentType")).lower()
        if data and type_.startswith(("image/", "video/")):
            with contextlib.suppress(binascii.Error, ValueError):
                yield base64.b64decode(data)


def _resources(resource: Json) -> Iterator[Json]:
    waiting = [resource]
    while waiting:
        each = waiting.pop()
        yield each
        for entry in elements.objects_of(each.get("entry")) if each.get("resourceType") == "Bundle" else ():
            inner = elements.object_of(entry.get("resource"))
            if inner:
                waiting.append(inner)
