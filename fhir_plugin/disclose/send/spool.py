"""A package sealed in the vault, in pieces of its own: nothing of it is on the disk in clear, nor whole in memory.

The pieces belong to the intent that makes them. Only the item that lists them, put last, makes them a package: pieces
without it are what a crash left, and go.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.errors import Tampered
from fhir_plugin.ports import Compartment, Json, Vault, VaultItem
from mappings.model.disclosed import DisclosedImage
from mappings.model.identifiers import IntentId, Reference, Sha256, VaultId
from mappings.model.labels import Label

PIECE: Final = 4 << 20
"""Bytes of one piece."""
_WHOLE: Final = "/whole"


@dataclass(frozen=True)
class Spooled:
    """A whole package and what is known of it. `digests`: keyed, of each image's bytes. `at`: when it was made."""

    pieces: tuple[VaultId, ...]
    size: int
    sha256: Sha256
    manifest: Sha256
    at: dt.datetime
    images: tuple[DisclosedImage, ...]
    digests: Mapping[Reference, str] = field(repr=False)
    counts: Mapping[str, int]
    key_check: str = ""
    """Of the key that signed it, for comparing over the telephone."""


def put_pieces(
    vault: Vault, intent: IntentId, package: Iterable[bytes], *, alive: Callable[[], None]
) -> tuple[tuple[VaultId, ...], int, Sha256]:
    """The pieces of a package, its size and SHA-256; whatever an earlier try left goes first. `alive` hears of each."""
    forget(vault, intent)
    pieces: list[VaultId] = []
    digest, size, waiting = hashlib.sha256(), 0, bytearray()

    def put(piece: bytes) -> None:
        alive()
        pieces.append(vault.put(piece, compartment=Compartment.PACKAGE_PART, owner=intent))

    for each in package:
        digest.update(each)
        size += len(each)
        waiting += each
        while len(waiting) >= PIECE:
            put(bytes(waiting[:PIECE]))
            del waiting[:PIECE]
    if waiting or not pieces:
        put(bytes(waiting))
    return tuple(pieces), size, Sha256(digest.hexdigest())


def make_whole(vault: Vault, intent: IntentId, spooled: Spooled) -> VaultId:
    """From here on the pieces are a package."""
    return vault.put(
        json.dumps(_to_json(spooled)).encode(), compartment=Compartment.PACKAGE_PART, owner=f"{intent}{_WHOLE}"
    )


def wholes_of(vault: Vault, intent: IntentId) -> frozenset[VaultId]:
    """What makes the pieces of this intent a package, as it lies there now."""
    found = vault.items(compartment=Compartment.PACKAGE_PART, owner=f"{intent}{_WHOLE}")
    return frozenset(each.vault_id for each in found)


def find_whole(vault: Vault, intent: IntentId) -> tuple[VaultId, Spooled] | None:
    """The package of this intent, if it was made to its end and every piece is still there."""
    for whole in sorted(wholes_of(vault, intent)):
        spooled = read_whole(vault, whole)
        kept = {each.vault_id for each in vault.items(compartment=Compartment.PACKAGE_PART, owner=intent)}
        if kept.issuperset(spooled.pieces):
            return whole, spooled
    return None


def read_whole(vault: Vault, whole: VaultId) -> Spooled:
    """Raises `NotFound` where it is kept no longer, `Tampered` where it does not verify."""
    return _from_json(json.loads(vault.get(whole)))


def content_of(vault: Vault, spooled: Spooled) -> Iterator[bytes]:
    """The package, piece by piece. Raises `Tampered` at its end where the pieces do not make the package."""
    digest = hashlib.sha256()
    for each in spooled.pieces:
        piece = vault.get(each)
        digest.update(piece)
        yield piece
    if digest.hexdigest() != spooled.sha256:
        raise Tampered("the pieces of this package do not make it up", code="package-damaged")


def forget(vault: Vault, intent: IntentId) -> int:
    """Destroys a package, or what there is of it; returns how many items. Idempotent."""
    items = [
        *vault.items(compartment=Compartment.PACKAGE_PART, owner=f"{intent}{_WHOLE}"),
        *vault.items(compartment=Compartment.PACKAGE_PART, owner=intent),
    ]
    for item in items:
        vault.destroy(item.vault_id)
    return len(items)


def intent_of(item: VaultItem) -> IntentId:
    """The intent that a piece, or a whole, belongs to."""
    return IntentId(item.owner.removesuffix(_WHOLE))


def _to_json(spooled: Spooled) -> Json:
    return {
        "pieces": list(spooled.pieces),
        "size": spooled.size,
        "sha256": spooled.sha256,
        "manifest": spooled.manifest,
        "at": spooled.at.isoformat(),
        "images": [
            {"reference": each.reference, "labels": [[label.system, label.code] for label in each.labels]}
            for each in spooled.images
        ],
        "digests": dict(spooled.digests),
        "counts": dict(spooled.counts),
        "key_check": spooled.key_check,
    }


def _from_json(value: Json) -> Spooled:
    return Spooled(
        pieces=tuple(map(VaultId, value["pieces"])),
        size=value["size"],
        sha256=Sha256(value["sha256"]),
        manifest=Sha256(value["manifest"]),
        at=dt.datetime.fromisoformat(value["at"]),
        images=tuple(
            DisclosedImage(Reference(each["reference"]), tuple(Label(system, code) for system, code in each["labels"]))
            for each in value["images"]
        ),
        digests={Reference(key): each for key, each in value["digests"].items()},
        counts=value["counts"],
        key_check=value.get("key_check", ""),
    )
