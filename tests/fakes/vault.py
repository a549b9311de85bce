"""A vault in memory."""

from __future__ import annotations

import hashlib
import hmac
import itertools

from fhir_plugin.errors import NotFound
from fhir_plugin.ports import Clock, Compartment, VaultItem
from mappings.model.identifiers import VaultId
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeVault:
    def __init__(self, clock: Clock, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._items: dict[VaultId, tuple[VaultItem, bytes]] = self._work.table()
        self._clock = clock
        self._count = itertools.count(1)

    def put(self, content: bytes, *, compartment: Compartment, owner: str) -> VaultId:
        vault_id = VaultId(f"{next(self._count):032x}")
        item = VaultItem(vault_id, compartment, owner, len(content), self._clock.now())
        with self._work.transaction():
            self._items[vault_id] = (item, bytes(content))
        return vault_id

    def get(self, vault_id: VaultId) -> bytes:
        if vault_id not in self._items:
            raise NotFound("There is no such vault item.", status=404)
        return self._items[vault_id][1]

    def destroy(self, vault_id: VaultId) -> None:
        with self._work.transaction():
            self._items.pop(vault_id, None)

    def items(self, *, compartment: Compartment | None = None, owner: str | None = None) -> list[VaultItem]:
        return [
            item
            for item, _ in self._items.values()
            if compartment in (None, item.compartment) and owner in (None, item.owner)
        ]

    def sweep(self) -> int:
        return 0

    def keyed_digest(self, content: bytes) -> str:
        return hmac.new(b"fake installation", content, hashlib.sha256).hexdigest()
