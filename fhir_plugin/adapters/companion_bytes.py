"""The content of a Binary in the companion store: in the vault, under a key of its own, beside the row that names it.

The row says what it is (`contentType`, `securityContext`, labels); the bytes are one vault item, owned by the Binary.
Both are written, and destroyed, in one transaction of our database. Content that is replaced or deleted is shredded
at once: an earlier version of a Binary has a row, and nothing to show.
"""

from __future__ import annotations

from typing import Any

from fhir_plugin.adapters.fhir_json import UnusableJson, decode_base64
from fhir_plugin.errors import NotFound, RecordRefused
from fhir_plugin.ports import Compartment, Vault, VaultItem, kept_under
from mappings.model.identifiers import FhirBase

Json = dict[str, Any]


class CompanionBytes:
    """What the Binaries of one FHIR base hold, here. Every method joins the open transaction."""

    def __init__(self, vault: Vault, base: FhirBase) -> None:
        self._vault = vault
        self._base = base

    def taken_from(self, resource: Json) -> Json:
        """A Binary's resource without its content, which is kept instead of what was kept before. Without `data`
        nothing but the rest of it changes. Raises `RecordRefused` for content that is none."""
        data = resource.get("data")
        if data is None:
            return resource
        try:
            content = decode_base64(data)
        except UnusableJson:
            raise RecordRefused("put Binary: its data is no base64", status=400, code="invalid") from None
        self.keep(str(resource["id"]), content)
        return {name: value for name, value in resource.items() if name != "data"}

    def keep(self, id: str, content: bytes) -> None:
        """In place of whatever was kept under that id."""
        before = self._items(id)
        self._vault.put(content, compartment=Compartment.COMPANION, owner=self._owner(id))
        for each in before:
            self._vault.destroy(each.vault_id)

    def content(self, id: str) -> bytes:
        """Raises `NotFound` where none is kept, `Tampered` where it does not verify."""
        items = self._items(id)
        if not items:
            raise NotFound(f"read Binary/{id}: nothing is kept of it", status=404)
        return self._vault.get(items[-1].vault_id)

    def destroy(self, id: str) -> int:
        """Key first, then bytes; returns how many there were."""
        items = self._items(id)
        for each in items:
            self._vault.destroy(each.vault_id)
        return len(items)

    def _items(self, id: str) -> list[VaultItem]:
        return self._vault.items(compartment=Compartment.COMPANION, owner=self._owner(id))

    def _owner(self, id: str) -> str:
        return kept_under(self._base, f"Binary/{id}")
