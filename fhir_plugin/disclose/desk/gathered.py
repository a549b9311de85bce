"""What was read of a record, sealed in the vault: decisions are about exactly that."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from fhir_plugin.disclose.desk.reading import KeptBytes, Read, binary_at
from fhir_plugin.disclose.redact import Part
from fhir_plugin.disclose.redact.names import attachments
from fhir_plugin.disclose.redact.strict import Json, read_resource, write
from fhir_plugin.errors import Tampered
from fhir_plugin.ports import Compartment, Vault
from mappings.model.disclosure_request import DisclosureId, ItemKey
from mappings.model.identifiers import VaultId

_FORMAT: Final = 1


@dataclass(frozen=True)
class Gathered:
    """One resource a line, in the order of their types and ids. `pictures`: bytes of those Binaries that are one."""

    lines: tuple[bytes, ...] = field(repr=False)
    pictures: Mapping[str, KeptBytes]
    digest: str

    @cached_property
    def resources(self) -> tuple[Json, ...]:
        return tuple(read_resource(line) for line in self.lines)

    @cached_property
    def keys(self) -> tuple[ItemKey, ...]:
        return tuple(ItemKey(f"{each['resourceType']}/{each.get('id')}") for each in self.resources)

    @cached_property
    def by_key(self) -> Mapping[ItemKey, Json]:
        return dict(zip(self.keys, self.resources, strict=True))

    def parts(self) -> Iterator[Part]:
        """For the redactor: a line each, `record:1` and so on."""
        for number, line in enumerate(self.lines, start=1):
            yield Part("record", line, number)

    def changed_since(self, before: Gathered) -> frozenset[ItemKey]:
        """What is new or different, or shows other bytes, and what is gone."""
        mine, theirs = self._prints, before._prints
        return frozenset(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))

    @cached_property
    def _prints(self) -> Mapping[ItemKey, tuple[tuple[bytes, str] | None, ...]]:
        """Of each item with the files that it shows: another picture in its place is another item."""
        own = {}
        for key, line in zip(self.keys, self.lines, strict=True):
            kept = self.pictures.get(key)
            own[key] = (line, kept.digest if kept else "")
        return {
            key: (own[key], *(own.get(ItemKey(each)) for each in binaries_in(resource)))
            for key, resource in self.by_key.items()
        }


def binaries_in(resource: Mapping[str, Any]) -> Iterator[str]:
    """Every Binary that an attachment of this resource lies in."""
    for each in attachments(resource):
        url = each.get("url")
        key = binary_at(url) if isinstance(url, str) else None
        if key is not None:
            yield key


def owner_of(id: DisclosureId) -> str:
    """Under which name what was gathered for a request lies in the vault."""
    return f"disclosure/{id}/record"


def seal(vault: Vault, id: DisclosureId, read: Read) -> VaultId:
    """Sealed as one item; the pictures' bytes are items of their own already."""
    head = {
        "format": _FORMAT,
        "bytes": {
            key: [each.vault_id, each.content_type, each.digest, each.size]
            for key, each in sorted(read.pictures.items())
        },
    }
    lines = [json.dumps(head, separators=(",", ":")).encode()]
    lines += [write(resource) for _key, resource in sorted(read.resources.items())]
    return vault.put(zlib.compress(b"\n".join(lines), 6), compartment=Compartment.PACKAGE_PART, owner=owner_of(id))


def load(vault: Vault, vault_id: VaultId) -> Gathered:
    """Raises `NotFound` once it was forgotten, `Tampered` when it is not what was sealed."""
    packed = vault.get(vault_id)
    try:
        head, *lines = zlib.decompress(packed).split(b"\n")
        said = json.loads(head)
        kept = {
            key: KeptBytes(VaultId(vault), type_, digest, size)
            for key, (vault, type_, digest, size) in said["bytes"].items()
        }
        if said["format"] != _FORMAT:
            raise ValueError("an unknown format")
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise Tampered("What was read of the record cannot be opened.", code="gathered-damaged") from error
    return Gathered(tuple(lines), kept, _digest(lines, kept))


def _digest(lines: Sequence[bytes], pictures: Mapping[str, KeptBytes]) -> str:
    digest = hashlib.sha256(b"\n".join(lines))
    for key, kept in sorted(pictures.items()):
        digest.update(f"\n{key} {kept.digest}".encode())
    return digest.hexdigest()


def forget(vault: Vault, id: DisclosureId, *, but: frozenset[VaultId] = frozenset()) -> None:
    """Destroys what was read for this request, except `but`. Joins the open transaction; idempotent."""
    for item in vault.items(compartment=Compartment.PACKAGE_PART, owner=owner_of(id)):
        if item.vault_id not in but:
            vault.destroy(item.vault_id)


def held_by(gathered: Gathered, vault_id: VaultId) -> frozenset[VaultId]:
    """Every item of the vault that belongs to what was read."""
    return frozenset({vault_id, *(each.vault_id for each in gathered.pictures.values())})
