"""The same ports thrice: the fakes, our own storage on SQLite, and on PostgreSQL where there is one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fhir_plugin.ports import AuditTrail, StatementSigner, UnitOfWork, Vault
from tests.conftest import OwnStores
from tests.fakes.audit import FakeAuditTrail
from tests.fakes.clock import FakeClock
from tests.fakes.signer import FakeStatementSigner
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.vault import FakeVault


@dataclass(frozen=True)
class Stores:
    work: UnitOfWork
    vault: Vault
    audit: AuditTrail
    signer: StatementSigner
    clock: FakeClock


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stores" in metafunc.fixturenames:
        kinds = ["fake", "own"]
        if metafunc.config.getoption("--postgresql"):
            kinds.append("own_on_postgresql")
        metafunc.parametrize("stores", kinds, indirect=True)


@pytest.fixture
def stores(request: pytest.FixtureRequest, clock: FakeClock) -> Stores:
    if request.param == "fake":
        work = FakeUnitOfWork()
        return Stores(work, FakeVault(clock, work), FakeAuditTrail(clock, work), FakeStatementSigner(), clock)
    own: OwnStores = request.getfixturevalue(request.param)
    return Stores(own.database, own.vault, own.audit, own.signer, clock)
