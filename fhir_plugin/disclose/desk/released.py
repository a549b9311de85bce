"""The pictures that go out, whichever way the record holds them: in a Binary, or in the resource that shows them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from fhir_plugin.disclose.contents import PackagedImage
from fhir_plugin.disclose.desk.deciding import Decision
from fhir_plugin.disclose.desk.gathered import binaries_in
from fhir_plugin.disclose.desk.hidden_copies import is_hidden_copy
from fhir_plugin.disclose.desk.pictures import inline, type_of
from fhir_plugin.disclose.desk.titles import day_of, title_of
from fhir_plugin.disclose.package.pointing import is_inline_picture, nodes
from fhir_plugin.disclose.prove import Needles, PixelReader, is_picture, what_to_look_for
from fhir_plugin.disclose.redact import Part
from fhir_plugin.disclose.redact.strict import Json, read_resource
from fhir_plugin.ports import StatementSigner
from mappings.model.disclosure_request import ItemKey
from mappings.model.identifiers import Reference, Sha256, VaultId
from mappings.r4 import elements
from mappings.r4.errors import NotReadable
from mappings.r4.provenance import from_provenance
from mappings.r4.statement import VERSION
from mappings.terminology import systems

SHOWN_THEMSELVES: Final = ("Media", "DocumentReference")
"""What counts as an image of the record. A picture that stands elsewhere (a portrait) is a file of the package, too,
but nobody would ask to whom it was sent."""


@dataclass(frozen=True)
class Derivatives:
    """What goes out in the place of pictures of which parts were made black: by the `digest` of a picture's bytes.
    `told`: whether the package says so; where it may tell nothing, only the picture itself does."""

    of: Mapping[str, VaultId]
    digest: Callable[[bytes], str] = field(repr=False)
    told: bool


def released_pictures(
    decision: Decision,
    record: Iterable[Part],
    read: Callable[[VaultId], bytes],
    signer: StatementSigner,
    *,
    made: Derivatives | None = None,
) -> Iterator[PackagedImage]:
    """Each picture once, in the order of what shows it. `record`: as it goes out, derivatives in their places."""
    cuts = made.of if made is not None else {}
    told = made is not None and made.told
    gathered, released = decision.gathered, decision.released
    signed = _signed(decision, signer)
    seen: set[str] = set()
    for key, resource in zip(gathered.keys, gathered.resources, strict=True):
        if key not in released or resource["resourceType"] == "Binary":
            continue
        known = signed.get(elements.identifier_in(dict(resource), systems.IMAGE) or "")
        for binary in binaries_in(resource):
            kept = gathered.pictures.get(binary)
            if kept is None or binary in seen or ItemKey(binary) not in released:
                continue
            seen.add(binary)
            cut = cuts.get(kept.digest)
            if cut is None:
                yield _image(key, resource, binary, kept.content_type, partial(read, kept.vault_id), known)
            else:
                yield _derivative(key, resource, binary, partial(read, cut), told=told)
    theirs = {made.digest(read(cut)) for cut in cuts.values()} if made is not None else frozenset[str]()
    for part in record:
        if b'"data"' not in part.data:
            continue
        resource = read_resource(part.data)
        key = ItemKey(f"{resource['resourceType']}/{resource.get('id')}")
        if resource["resourceType"] not in SHOWN_THEMSELVES:
            continue
        known = signed.get(elements.identifier_in(dict(resource), systems.IMAGE) or "")
        for number, node in enumerate(_inline(resource)):
            content = partial(_content, part.data, number)
            if theirs and made is not None and made.digest(content()) in theirs:
                yield _derivative(key, resource, None, content, told=told)
            else:
                yield _image(key, resource, None, str(node["contentType"]).lower(), content, known)


def title(resource: Mapping[str, object]) -> str:
    """What a person may call it: what it is, where, and when."""
    said, day = title_of(resource, image=True, sensitive=False), day_of(resource)
    return f"{said}, {day}" if day else said


def _image(
    key: ItemKey,
    resource: Json,
    binary: str | None,
    content_type: str,
    read: Callable[[], bytes],
    signed: Sha256 | None,
    *,
    derived: bool = False,
) -> PackagedImage:
    return PackagedImage(
        reference=Reference(key),
        binary=Reference(binary) if binary is not None else None,
        content_type=content_type,
        title=title(resource),
        taken=day_of(resource),
        read=read,
        signed=signed,
        derived=derived,
    )


def _derivative(
    key: ItemKey, resource: Json, binary: str | None, read: Callable[[], bytes], *, told: bool
) -> PackagedImage:
    """What our own worker has made of it stands for itself: it is not made a second time."""
    content = read()
    own = Sha256(hashlib.sha256(content).hexdigest())
    return _image(key, resource, binary, type_of(content), read, own, derived=told)


def needles_of(
    decision: Decision, read: Callable[[VaultId], bytes], pixels: PixelReader, cuts: Collection[str] = ()
) -> Needles:
    """By what everything that stays can be named: also by the bytes of pictures that lie beside the record, and by
    prints of what pictures show. `cuts`: digests of those that go out with parts made black: their bytes stay, and
    what they show goes out in part."""
    released = decision.released
    found = list(decision.needles.needles)
    prints = dict(decision.needles.prints)

    def shows(of: str, content: bytes) -> None:
        print_ = pixels(content) if is_picture(content[:12]) else None
        if print_ is not None:
            prints.setdefault(print_, of)

    for key, kept in decision.gathered.pictures.items():
        if ItemKey(key) in released and kept.digest not in cuts:
            continue
        content = read(kept.vault_id)
        data = base64.b64encode(content).decode("ascii")
        found += what_to_look_for([{"resourceType": "Binary", "data": data}]).needles
        if kept.digest not in cuts and not is_hidden_copy(key):  # what that shows, the record's own picture shows
            shows(key, content)
    for item, resource in decision.gathered.by_key.items():
        if item not in released:
            for node in _inline(resource):
                held = inline(node)
                if held is not None:
                    shows(item, held)
    return Needles(tuple(dict.fromkeys(found)), prints)


def _inline(resource: Json) -> list[dict[str, object]]:
    return [node for _url, _owner, node in nodes(dict(resource)) if is_inline_picture(node)]


def _content(line: bytes, number: int) -> bytes:
    """The bytes of the n-th picture that stands in a resource itself."""
    data = str(_inline(json.loads(line))[number]["data"])
    return base64.b64decode("".join(data.split()), validate=True)


def _signed(decision: Decision, signer: StatementSigner) -> dict[str, Sha256]:
    """For each image of ours by its identifier: the hash of its bytes that we signed when we filed them."""
    found = {}
    for resource in decision.gathered.resources:
        if resource["resourceType"] != "Provenance" or not resource.get("signature"):
            continue
        try:
            told = from_provenance(resource)
        except NotReadable:
            continue
        said = told.statement
        if said is None or told.jws is None or said["version"] != VERSION:
            continue
        if signer.verify(said, told.jws):
            found[str(said["image"])] = Sha256(said["sha256_clean"])
    return found
