"""What every suite shares: options, the `needs` marker, our own stores on a database of their own."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url

from fhir_plugin.adapters.audit import DatabaseAuditTrail
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.signing import DatabaseStatementSigner
from fhir_plugin.adapters.vault import FileVault
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from playwright.sync_api import Playwright
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # how long something takes is measured by `fhir-plugin bench`, not asserted here

POSTGRESQL_VARIABLE = "FHIR_PLUGIN_TEST_POSTGRESQL"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--exhaustive", action="store_true", help="run the on-demand versions of sampled tests")
    parser.addoption(
        "--no-skips",
        action="store_true",
        help="a test whose tool is missing fails: for CI, which promises to have every tool",
    )
    parser.addoption(
        "--postgresql",
        metavar="URL",
        default=os.environ.get(POSTGRESQL_VARIABLE),
        help="also run the contract suites on this PostgreSQL (each test in a schema of its own)",
    )


TOGETHER = re.compile(
    r"tests/journeys/(browser/|test_crash|test_walkthrough)|_in_the_browser\.py|tests/sandbox/test_browser"
    r"|test_servers_of_others|test_r5_server|test_hl7_validator"
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Slow tests that share a ward or a server stay together, a module at a time, and begin first; each of the many
    small ones goes to whichever core is free. (Marks of groups do not reach xdist 3.8 under pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    def unit(nodeid: str) -> str:
        module = nodeid.split("::")[0]
        return module if TOGETHER.search(module) else nodeid

    units = LoadScopeScheduling(config, log)
    units._split_scope = unit
    return units


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("exhaustive") and not item.config.getoption("--exhaustive"):
        pytest.skip("only with --exhaustive")
    for marker in item.iter_markers("needs"):
        tool = marker.args[0]
        if tool == "postgresql":
            present = bool(item.config.getoption("--postgresql"))
        else:
            present = shutil.which(tool) is not None
        if not present and item.config.getoption("--no-skips"):
            pytest.fail(f"needs {tool}, and nothing may be skipped here (--no-skips)", pytrace=False)
        if not present:
            pytest.skip(f"needs {tool}")


@dataclass(frozen=True)
class OwnStores:
    """Our own storage, joined as the app joins it."""

    database: Database
    state: Path
    masters: MasterKeys
    clock: FakeClock
    vault: FileVault
    signer: DatabaseStatementSigner
    audit: DatabaseAuditTrail


def open_stores(url: str, state: Path, clock: FakeClock) -> OwnStores:
    """Joins the stores over a database that has its schema. Also for child processes of a test."""
    database = Database(url)
    masters = MasterKeys.from_file(state / "master.key")
    signer = DatabaseStatementSigner(database, masters, clock)
    return OwnStores(
        database=database,
        state=state,
        masters=masters,
        clock=clock,
        vault=FileVault(database, state / "vault", masters, clock),
        signer=signer,
        audit=DatabaseAuditTrail(database, clock, signer),
    )


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Playwright]:
    """One for all suites of a process: a second one beside it would refuse to start."""
    from playwright.sync_api import expect, sync_playwright  # only where a browser is

    expect.set_options(timeout=20_000)  # two cores may be busy with something else
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/plugin.db"


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A schema of its own on the PostgreSQL that the option names, dropped afterwards."""
    url = make_url(request.config.getoption("--postgresql")).set(drivername="postgresql+psycopg")
    schema = f"test_{secrets.token_hex(6)}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    try:
        own = url.update_query_dict({"options": f"-csearch_path={schema}"})
        yield own.render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.execute(sa.schema.DropSchema(schema, cascade=True))
        engine.dispose()


@pytest.fixture
def own(sqlite_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[OwnStores]:
    """Our own storage on the embedded default."""
    stores = open_stores(sqlite_url, tmp_path / "state", clock)
    stores.database.upgrade()
    yield stores
    stores.database.dispose()


@pytest.fixture
def own_on_postgresql(postgresql_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[OwnStores]:
    """Our own storage on PostgreSQL."""
    stores = open_stores(postgresql_url, tmp_path / "state", clock)
    stores.database.upgrade()
    yield stores
    stores.database.dispose()
