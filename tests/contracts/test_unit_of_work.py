"""What `UnitOfWork` promises, seen through the stores that join it."""

from __future__ import annotations

import pytest

from fhir_plugin.errors import NotFound
from fhir_plugin.ports import AuditEntry, Compartment
from tests.contracts.conftest import Stores


class Oops(Exception):
    """Something goes wrong in the middle."""


def _actions(stores: Stores) -> list[str]:
    return [chained.entry.action for chained in stores.audit.entries()]


def test_all_of_a_transaction_stays(stores: Stores) -> None:
    with stores.work.transaction():
        vault_id = stores.vault.put(b"one", compartment=Compartment.CLEAN, owner="capture-1")
        stores.audit.append(AuditEntry("capture.received", "system"))
    assert stores.vault.get(vault_id) == b"one"
    assert _actions(stores) == ["capture.received"]


def test_nothing_of_a_failed_transaction_stays(stores: Stores) -> None:
    kept = stores.vault.put(b"before", compartment=Compartment.CLEAN, owner="capture-1")
    with pytest.raises(Oops), stores.work.transaction():
        lost = stores.vault.put(b"one", compartment=Compartment.CLEAN, owner="capture-1")
        stores.vault.destroy(kept)
        stores.audit.append(AuditEntry("capture.received", "system"))
        raise Oops
    with pytest.raises(NotFound):
        stores.vault.get(lost)
    assert stores.vault.get(kept) == b"before"
    assert _actions(stores) == []
    assert stores.audit.append(AuditEntry("next", "system")).sequence == 1


def test_an_inner_transaction_falls_with_the_outer_one(stores: Stores) -> None:
    with pytest.raises(Oops), stores.work.transaction():
        with stores.work.transaction():
            stores.audit.append(AuditEntry("inner", "system"))
        raise Oops
    assert _actions(stores) == []


def test_a_failed_inner_transaction_leaves_nothing_in_the_outer_one(stores: Stores) -> None:
    with stores.work.transaction():
        stores.audit.append(AuditEntry("outer", "system"))
        with pytest.raises(Oops), stores.work.transaction():
            stores.audit.append(AuditEntry("inner", "system"))
            lost = stores.vault.put(b"inner", compartment=Compartment.CLEAN, owner="capture-1")
            raise Oops
        stores.audit.append(AuditEntry("outer again", "system"))
    assert _actions(stores) == ["outer", "outer again"]
    with pytest.raises(NotFound):
        stores.vault.get(lost)
    assert stores.audit.verify().intact
