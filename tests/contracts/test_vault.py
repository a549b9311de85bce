"""What `Vault` promises."""

from __future__ import annotations

import hashlib

import pytest

from fhir_plugin.errors import NotFound
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import VaultId
from tests.contracts.conftest import Stores


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 5000], ids=["empty", "one", "much"])
def test_bytes_come_back_as_they_went_in(stores: Stores, content: bytes) -> None:
    vault_id = stores.vault.put(content, compartment=Compartment.RECEIVED, owner="capture-1")
    assert stores.vault.get(vault_id) == content


def test_the_same_bytes_twice_are_two_items(stores: Stores) -> None:
    first, second = (stores.vault.put(b"same", compartment=Compartment.RECEIVED, owner="capture-1") for _ in range(2))
    stores.vault.destroy(first)
    assert first != second
    assert stores.vault.get(second) == b"same"


def test_destroyed_is_gone_and_destroying_again_is_fine(stores: Stores) -> None:
    vault_id = stores.vault.put(b"gone", compartment=Compartment.CLEAN, owner="capture-1")
    stores.vault.destroy(vault_id)
    stores.vault.destroy(vault_id)
    with pytest.raises(NotFound):
        stores.vault.get(vault_id)
    assert stores.vault.items() == []


@pytest.mark.parametrize("unknown", ["0" * 32, "", "../../etc/passwd", "A" * 32, "x\x00"])
def test_what_was_never_there_is_not_found(stores: Stores, unknown: str) -> None:
    with pytest.raises(NotFound) as raised:
        stores.vault.get(VaultId(unknown))
    assert "passwd" not in str(raised.value)
    stores.vault.destroy(VaultId(unknown))


def test_items_are_listed_by_compartment_and_owner(stores: Stores) -> None:
    received = stores.vault.put(b"12345", compartment=Compartment.RECEIVED, owner="capture-1")
    clean = stores.vault.put(b"12", compartment=Compartment.CLEAN, owner="capture-1")
    other = stores.vault.put(b"", compartment=Compartment.CLEAN, owner="capture-2")
    assert [item.vault_id for item in stores.vault.items(owner="capture-2")] == [other]
    assert {item.vault_id for item in stores.vault.items(compartment=Compartment.CLEAN)} == {clean, other}
    assert len(stores.vault.items()) == 3
    (item,) = stores.vault.items(compartment=Compartment.RECEIVED, owner="capture-1")
    assert (item.vault_id, item.size, item.created) == (received, 5, stores.clock.now())


def test_sweeping_removes_nothing_that_was_promised(stores: Stores) -> None:
    vault_id = stores.vault.put(b"stays", compartment=Compartment.CLEAN, owner="capture-1")
    destroyed = stores.vault.put(b"goes", compartment=Compartment.CLEAN, owner="capture-1")
    stores.vault.destroy(destroyed)
    stores.clock.advance(days=400)
    assert stores.vault.sweep() == 0
    assert stores.vault.get(vault_id) == b"stays"


def test_a_keyed_digest_matches_equal_bytes_only(stores: Stores) -> None:
    digest = stores.vault.keyed_digest(b"picture")
    assert digest == stores.vault.keyed_digest(b"picture")
    assert digest != stores.vault.keyed_digest(b"picturf")
    assert digest != hashlib.sha256(b"picture").hexdigest()
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")
