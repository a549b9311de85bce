"""Pictures at the desk: closed until somebody opens one with a reason, and only then clean pixels of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_plugin.disclose.desk.gathered import Gathered, binaries_in
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.redact.names import attachments
from fhir_plugin.errors import NotFound, Refused
from fhir_plugin.ports import Compartment, Vault
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, ItemKey
from mappings.model.identifiers import ImageId, Sha256, VaultId
from mappings.model.images import Geometry, ReceivedImage
from mappings.r4.media import plays

_PICTURES: Final = ("image/", "video/")


@dataclass(frozen=True)
class Pixels:
    """One picture of an item, as the record gave it. `binary`: None where it stands in the resource itself."""

    content_type: str
    binary: ItemKey | None
    content: bytes = field(repr=False)

    @property
    def is_video(self) -> bool:
        return self.content_type.startswith("video/")


def pixels_of(vault: Vault, gathered: Gathered, key: ItemKey) -> list[Pixels]:
    """Every picture and video that this item shows. Raises `NotFound` for an item that is not there."""
    resource = gathered.by_key.get(key)
    if resource is None:
        raise NotFound("there is no such item", status=404)
    found = []
    for binary in dict.fromkeys([str(key)] if key in gathered.pictures else binaries_in(resource)):
        kept = gathered.pictures.get(binary)
        if kept is not None:
            found.append(Pixels(kept.content_type, ItemKey(binary), vault.get(kept.vault_id)))
    for each in attachments(resource):
        type_ = str(each.get("contentType") or "").lower()
        content = inline(each)
        if content is not None and type_.startswith(_PICTURES):
            found.append(Pixels(type_, None, content))
    return found


def inline(attachment: Mapping[str, Any]) -> bytes | None:
    """The bytes that stand in an attachment; None where there are none that can be read."""
    data = attachment.get("data")
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def shown(parts: DeskParts, request: DisclosureRequest, gathered: Gathered, key: ItemKey) -> tuple[bytes, str]:
    """The first picture of an item, rebuilt from its pixels, with its black-outs; a video as it is, if it plays."""
    one = _first(parts.vault, gathered, key)
    cut = cuts_by_bytes(parts.vault, request, gathered).get(parts.vault.keyed_digest(one.content))
    if cut is not None:
        content = parts.vault.get(cut)
        return content, type_of(content)
    if one.is_video:
        if not plays(one.content_type):
            raise Refused("This video cannot be played here. Open it in the EHR.", code="not-playable")
        return one.content, one.content_type
    clean = parts.worker.clean(_received(one))
    return clean.content, clean.content_type


def upright(parts: DeskParts, gathered: Gathered, key: ItemKey, quarter_turns: int) -> bytes:
    """The whole picture for the editor, turned clockwise."""
    one = _need_picture(parts.vault, gathered, key)
    return parts.worker.preview(_received(one), quarter_turns=quarter_turns)


def cut(parts: DeskParts, id: DisclosureId, gathered: Gathered, key: ItemKey, geometry: Geometry) -> VaultId | None:
    """A derivative with parts blacked out, sealed: this is what goes out. None for an empty geometry.

    It is rebuilt from its pixels: nothing of what is under a black part is left in it. It says nothing about whether
    somebody can still be recognised.
    """
    one = _need_picture(parts.vault, gathered, key)
    if geometry.is_identity:
        return None
    clean = parts.worker.clean(_received(one), geometry=geometry)
    return parts.vault.put(clean.content, compartment=Compartment.PACKAGE_PART, owner=cuts_of(id))


def digests_of(vault: Vault, gathered: Gathered, key: ItemKey) -> frozenset[str]:
    """Keyed digests of every picture that this item shows: alike wherever the bytes are."""
    resource = gathered.by_key.get(key, {})
    binaries = [str(key)] if key in gathered.pictures else binaries_in(resource)
    found = {gathered.pictures[each].digest for each in binaries if each in gathered.pictures}
    for each in attachments(resource):
        content = inline(each) if str(each.get("contentType") or "").lower().startswith(_PICTURES) else None
        if content is not None:
            found.add(vault.keyed_digest(content))
    return frozenset(found)


def cuts_by_bytes(vault: Vault, request: DisclosureRequest, gathered: Gathered) -> Mapping[str, VaultId]:
    """What goes out in the place of a picture, by the keyed digest of its bytes: wherever the record shows them."""
    found = {}
    for key, made in request.black_outs.items():
        for digest in digests_of(vault, gathered, key):
            found[digest] = made
    return found


def showing_the_same(vault: Vault, request: DisclosureRequest, gathered: Gathered, key: ItemKey) -> frozenset[ItemKey]:
    """Every item of which parts were made black and that shows the picture of this one; this one among them."""
    mine = digests_of(vault, gathered, key)
    return frozenset({key, *(each for each in request.black_outs if mine & digests_of(vault, gathered, each))})


def cuts_of(id: DisclosureId) -> str:
    """Under which name the derivatives of a request lie in the vault."""
    return f"disclosure/{id}/cuts"


def type_of(content: bytes) -> str:
    """Of what the worker made: JPEG, or PNG where there was transparency."""
    return "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"


def _need_picture(vault: Vault, gathered: Gathered, key: ItemKey) -> Pixels:
    one = _first(vault, gathered, key)
    if one.is_video:
        raise Refused("A video cannot be blacked out here. Keep it back, or let it go out whole.", code="video")
    if len(pixels_of(vault, gathered, key)) > 1:
        raise Refused(
            "This item holds several pictures. Keep it back, or let it go out whole.", code="several-pictures"
        )
    return one


def _first(vault: Vault, gathered: Gathered, key: ItemKey) -> Pixels:
    found = pixels_of(vault, gathered, key)
    if not found:
        raise NotFound("this item holds no picture", status=404)
    return found[0]


def _received(one: Pixels) -> ReceivedImage:
    return ReceivedImage(ImageId("disclosure"), one.content, one.content_type, Sha256("0" * 64))
