"""Packs in force across restarts: on the embedded database, from files that come, go and break."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.packs import MOST_BYTES, DatabasePacks
from fhir_plugin.adapters.tables import packs_in_force
from fhir_plugin.app import create_app, install
from fhir_plugin.policy.contents import PolicyPack, UnusablePack
from fhir_plugin.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.worker import FakeImageWorker
from tests.policy.packs import base, overlay

START = dt.datetime(2026, 12, 1, 8, 0, tzinfo=dt.UTC)
OWN = {"id": "elm", "organisation": "Elm Tree Surgery"}
REQUIRED = {"crop.before_filing": "required_or_reason"}


class Machine:
    """One installation that is started again and again."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(START)
        self.own = folder / "elm.toml"
        self.url = f"sqlite:///{folder / 'plugin.sqlite'}"
        Database(self.url).upgrade()

    def start(self, names: str = "strict", *, own: bool = False) -> PolicyPack:
        """A new process: nothing is remembered but the database."""
        self.clock.advance(minutes=1)
        database = Database(self.url)
        try:
            return DatabasePacks(database, self.clock).in_force(names, self.own if own else None)
        finally:
            database.dispose()

    def history(self) -> list[str]:
        database = Database(self.url)
        try:
            return [each.reference for each in DatabasePacks(database, self.clock).history()]
        finally:
            database.dispose()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_broken_file_leaves_the_last_good_pack_in_force_until_it_is_mended(machine: Machine) -> None:
    machine.own.write_text(overlay(REQUIRED, **OWN), "utf-8")
    assert machine.start(own=True).reference == "strict+elm/2026.11+1"
    machine.own.write_text(overlay({"age.child_image": 16}, version="2", **OWN), "utf-8")
    for _ in range(2):
        with capture_logs() as logs:
            stayed = machine.start(own=True)
        assert (stayed.reference, stayed.crop) == ("strict+elm/2026.11+1", "required_or_reason")
        assert "age.child_image" in stayed.stayed_because and "child-image-age" in stayed.stayed_because
        [said] = [each for each in logs if each["event"] == "policy-notice"]
        assert (said["log_level"], said["pack"]) == ("warning", "strict+elm/2026.11+1")
    machine.own.write_text(overlay({"crop.before_filing": "prompt"}, version="3", **OWN), "utf-8")
    mended = machine.start(own=True)
    assert (mended.reference, mended.stayed_because) == ("strict+elm/2026.11+3", "")
    assert machine.history() == ["strict+elm/2026.11+3", "strict+elm/2026.11+1"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"", b"[pack", b"x" * (MOST_BYTES + 1), "folder"])
def test_a_file_that_is_no_pack_never_stops_a_clinic(machine: Machine, content: bytes | str | None) -> None:
    before = machine.start()
    if isinstance(content, bytes):
        machine.own.write_bytes(content)
    elif content:
        machine.own.mkdir()
    assert machine.start(own=True).reference == before.reference
    assert machine.start("nothing-like-this").stayed_because
    assert machine.start().stayed_because == ""


def test_without_a_last_good_pack_the_app_does_not_start(machine: Machine) -> None:
    with pytest.raises(UnusablePack, match=r"elm\.toml cannot be read.*does not start"):
        machine.start(own=True)
    with pytest.raises(UnusablePack, match="does not start"):
        machine.start("dermatology")
    assert machine.history() == []


def test_going_back_to_an_earlier_pack_makes_it_the_last_good_one_again(machine: Machine) -> None:
    for names in ("strict", "gp-inform-only", "strict"):
        machine.start(names)
    assert machine.start("nothing").reference == "strict/2026.11"
    assert machine.history() == ["strict/2026.11", "gp-inform-only/2026.11"]


def test_a_clock_that_was_put_back_brings_no_older_pack_back(machine: Machine) -> None:
    machine.start("strict")
    machine.clock.advance(days=-3)
    machine.start("gp-inform-only")
    assert machine.start("nothing").reference == "gp-inform-only/2026.11"


def test_one_version_never_means_two_things(machine: Machine) -> None:
    machine.own.write_text(overlay(REQUIRED, **OWN), "utf-8")
    machine.start(own=True)
    machine.start()
    machine.own.write_text(overlay({"crop.before_filing": "prompt"}, **OWN), "utf-8")
    stayed = machine.start(own=True)
    assert stayed.reference == "strict/2026.11" and "new version" in stayed.stayed_because


def test_a_decision_finds_its_pack_years_later(machine: Machine) -> None:
    old = machine.start("gp-inform-only+wounds")
    machine.clock.advance(days=900)
    machine.start("strict")
    database = Database(machine.url)
    try:
        packs = DatabasePacks(database, machine.clock)
        kept = packs.kept(old.reference)
        assert kept is not None and kept.load() == old
        assert packs.kept("strict/1900.1") is None
    finally:
        database.dispose()


def test_a_row_that_was_damaged_is_no_pack(machine: Machine) -> None:
    machine.start()
    database = Database(machine.url)
    for source in ("", "nothing", "{}", "[]", "[1]", '["pack.kind = 1"]'):
        with database.writing() as connection:
            connection.execute(sa.update(packs_in_force).values(source=source))
        with pytest.raises(UnusablePack, match="last good one"):
            machine.start("nothing")
    database.dispose()
    assert machine.start().stayed_because == ""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    yield folder


def test_a_clinic_never_stops_at_midnight(state: Path) -> None:
    """The same running app, on the day of the review and the next: it says so on its pages and goes on."""
    clock = FakeClock(dt.datetime(2027, 11, 30, 23, 59, tzinfo=dt.UTC))
    installation = install(Settings(state=state), clock=clock, worker=FakeImageWorker())
    try:
        says: Any = create_app(installation).jinja_env.globals["policy_notices"]
        assert "due for review by" in says()[0]
        clock.advance(minutes=2)
        assert "was due for review on 2027-11-30" in says()[0]
        assert installation.parts.policy is installation.policy
    finally:
        installation.close()


def test_an_installation_takes_the_organisations_file(state: Path) -> None:
    own = state / "elm.toml"
    own.write_text(overlay(REQUIRED, **OWN), "utf-8")
    for text, reference, stays in (
        (None, "strict+paediatrics+elm/2026.11+2026.11+1", False),
        ("broken", "strict+paediatrics+elm/2026.11+2026.11+1", True),
        (base(pack__id="elm-whole"), "elm-whole+paediatrics/2026.11", False),
    ):
        if text:
            own.write_text(text, "utf-8")
        installation = install(
            Settings(state=state, policy="strict+paediatrics", policy_file=own), worker=FakeImageWorker()
        )
        try:
            assert (installation.policy.reference, bool(installation.policy.stayed_because)) == (reference, stays)
            assert installation.parts.policy.reference == reference
        finally:
            installation.close()


def test_a_change_of_policy_is_in_the_audit_chain(state: Path) -> None:
    for names in ("strict", "strict", "gp-inform-only", "nothing", "strict+wounds"):
        installation = install(Settings(state=state, policy=names), worker=FakeImageWorker())
        try:
            assert installation.audit.verify().intact
            changes = [each.entry for each in installation.audit.entries(action="policy.changed")]
        finally:
            installation.close()
    assert [(each.detail["before"], each.subject) for each in changes] == [
        ("strict/2026.11", "gp-inform-only/2026.11"),
        ("gp-inform-only/2026.11", "strict+wounds/2026.11"),
    ]
    assert all((each.actor, each.policy) == ("system", each.subject) for each in changes)


def test_an_installation_without_any_usable_pack_refuses_to_start(state: Path) -> None:
    with pytest.raises(UnusablePack, match="does not start"):
        install(Settings(state=state, policy="lenient"), worker=FakeImageWorker())
