"""What the log of destructions promises, on the fake and on our own file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from fhir_plugin.adapters.destruction_log import DestructionLogFile
from fhir_plugin.ports import Destroyed, DestructionLog
from mappings.model.identifiers import FhirBase, Reference, VaultId
from tests.fakes.clock import START, FakeClock
from tests.fakes.destruction_log import FakeDestructionLog
from tests.fakes.vault import FakeVault


def destroyed(number: int) -> Destroyed:
    return Destroyed(
        at=START + dt.timedelta(minutes=number, microseconds=number),
        item=f"item-{number}",
        fhir_base=FhirBase("https://ehr.example/fhir"),
        reference=Reference(f"Media/photo-{number}"),
        vault_items=tuple(VaultId(f"{each:032x}") for each in range(number)),
        digest=f"{number:064x}",
    )


@pytest.fixture(params=["fake", "own"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> DestructionLog:
    if request.param == "fake":
        return FakeDestructionLog()
    return DestructionLogFile(tmp_path / "destroyed.log", FakeVault(FakeClock()).keyed_digest)


def test_it_is_empty_at_first(log: DestructionLog) -> None:
    assert log.entries() == []


def test_everything_comes_back_oldest_first(log: DestructionLog) -> None:
    expected = [destroyed(number) for number in (3, 1, 2)]
    for each in expected:
        log.append(each)
    assert log.entries() == expected


def test_the_same_one_again_changes_nothing(log: DestructionLog) -> None:
    log.append(destroyed(1))
    log.append(destroyed(2))
    log.append(destroyed(1))
    assert log.entries() == [destroyed(1), destroyed(2)]
