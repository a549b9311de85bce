"""Death at every step of what the vault does: nothing acknowledged is lost, nothing is left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fhir_plugin.errors import NotFound
from fhir_plugin.ports import AuditEntry, Compartment
from mappings.model.identifiers import VaultId
from tests.adapters.processes import count_commits, run_and_die
from tests.conftest import OwnStores, open_stores
from tests.fakes.clock import FakeClock

CONTENT = b"a picture " * 500
Acknowledge = Callable[[str], None]
Story = Callable[[OwnStores, VaultId, Acknowledge], None]


def put_alone(stores: OwnStores, _existing: VaultId, acknowledge: Acknowledge) -> None:
    for _ in range(2):
        acknowledge(f"put {stores.vault.put(CONTENT, compartment=Compartment.RECEIVED, owner='c-1')}")


def put_in_a_transaction(stores: OwnStores, _existing: VaultId, acknowledge: Acknowledge) -> None:
    with stores.database.transaction():
        ids = [stores.vault.put(CONTENT, compartment=Compartment.CLEAN, owner="c-1") for _ in range(2)]
        stores.audit.append(AuditEntry("capture.received", "system", subject=",".join(ids)))
    for vault_id in ids:
        acknowledge(f"put {vault_id}")


def put_and_roll_back(stores: OwnStores, _existing: VaultId, acknowledge: Acknowledge) -> None:
    try:
        with stores.database.transaction():
            stores.vault.put(CONTENT, compartment=Compartment.CLEAN, owner="c-1")
            raise KeyError
    except KeyError:
        acknowledge("rolled-back -")


def destroy_alone(stores: OwnStores, existing: VaultId, acknowledge: Acknowledge) -> None:
    stores.vault.destroy(existing)
    acknowledge(f"destroy {existing}")


def replace_in_a_transaction(stores: OwnStores, existing: VaultId, acknowledge: Acknowledge) -> None:
    with stores.database.transaction():
        clean = stores.vault.put(CONTENT, compartment=Compartment.CLEAN, owner="c-1")
        stores.vault.destroy(existing)
        stores.audit.append(AuditEntry("capture.cleaned", "system", subject=f"{clean},{existing}"))
    acknowledge(f"put {clean}")
    acknowledge(f"destroy {existing}")


def sweep(stores: OwnStores, existing: VaultId, acknowledge: Acknowledge) -> None:
    stores.vault.destroy(existing)
    (stores.state / "vault" / existing).write_bytes(b"half destroyed")
    acknowledge(f"destroy {existing}")
    stores.vault.sweep()


@pytest.mark.crash
@pytest.mark.parametrize(
    "story",
    [put_alone, put_in_a_transaction, put_and_roll_back, destroy_alone, replace_in_a_transaction, sweep],
    ids=lambda story: story.__name__,
)
def test_death_at_every_step(tmp_path: Path, story: Story) -> None:
    template = tmp_path / "template"
    existing = _prepare(template)
    steps, killed = 0, True
    while killed:
        steps += 1
        state = tmp_path / f"state-{steps}"
        shutil.copytree(template, state)
        killed, acknowledged = run_and_die(partial(_act, state, story, existing), steps)
        _check(state, existing, acknowledged, interrupted=killed)
        shutil.rmtree(state)
    assert steps > 6, "the steps were not counted"


def _open(state: Path, clock: FakeClock) -> OwnStores:
    return open_stores(f"sqlite:///{state}/plugin.db", state, clock)


def _prepare(state: Path) -> VaultId:
    stores = _open(state, FakeClock())
    stores.database.upgrade()
    existing = stores.vault.put(CONTENT, compartment=Compartment.RECEIVED, owner="c-1")
    stores.audit.append(AuditEntry("capture.begun", "system"))
    stores.database.dispose()
    return existing


def _act(state: Path, story: Story, existing: VaultId, acknowledge: Acknowledge) -> None:
    stores = _open(state, FakeClock())
    count_commits(stores.database)
    story(stores, existing, acknowledge)


def _check(state: Path, existing: VaultId, acknowledged: list[str], *, interrupted: bool) -> None:
    clock = FakeClock()
    stores = _open(state, clock)
    try:
        stores.vault.sweep()  # at once: whatever is young may stay, whatever was promised must
        clock.advance(hours=2)
        stores.vault.sweep()
        assert stores.vault.sweep() == 0
        said = [line.split(" ") for line in acknowledged]
        for vault_id in (VaultId(name) for verb, name in said if verb == "put"):
            assert stores.vault.get(vault_id) == CONTENT
        destroyed = [VaultId(name) for verb, name in said if verb == "destroy"]
        for vault_id in destroyed:
            with pytest.raises(NotFound):
                stores.vault.get(vault_id)
        listed = {item.vault_id for item in stores.vault.items()}
        assert {path.name for path in (state / "vault").iterdir()} == listed
        for vault_id in listed:
            assert stores.vault.get(vault_id) == CONTENT
        assert existing in listed or destroyed or interrupted
        promised = {
            name
            for chained in stores.audit.entries()
            if chained.entry.action == "capture.received"
            for name in (chained.entry.subject or "").split(",")
        }
        assert promised <= listed
        assert stores.audit.verify().intact
    finally:
        stores.database.dispose()
