"""When launches end: all of it here or nothing, each with its entry, and nobody waits long for the EHR."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.ehr_records import LaunchRecords
from fhir_plugin.adapters.launches import HURRIED, Launches
from fhir_plugin.adapters.server_limits import DatabaseServerLimits
from fhir_plugin.adapters.sessions import LaunchSessions
from fhir_plugin.adapters.tables import launch_sessions
from fhir_plugin.adapters.tables import tokens as token_rows
from fhir_plugin.adapters.tokens import Tokens, TokenSource
from fhir_plugin.errors import SignInNeeded, Tampered
from mappings.model.identifiers import LaunchId
from smart_launch import Grant, IssuerRegistry, SmartClient, SmartConfiguration, Transport
from tests.adapters.launches import make_grant, make_session
from tests.conftest import OwnStores


class Ehr(SmartClient):
    """An EHR that takes its time to take tokens back, or at which our own keys fail."""

    def __init__(self) -> None:
        super().__init__(IssuerRegistry([]), redirect_uri="https://app.example/callback")
        self.moment = 0.0
        self.takes = 0.0
        self.error: Tampered | None = None
        self.given_back: list[str] = []
        self.allowed: list[float] = []

    def sign_out(self, grant: Grant, *, seconds: float = 5) -> bool:
        self.given_back.append(grant.access_token)
        self.allowed.append(seconds)
        self.moment += min(self.takes, 2 * seconds)
        if self.error is not None:
            raise self.error
        return True


@dataclass
class Ward:
    """One app, with `ehr` on the other side."""

    own: OwnStores
    ehr: Ehr
    sessions: LaunchSessions = field(init=False)
    tokens: Tokens = field(init=False)
    launches: Launches = field(init=False)

    def __post_init__(self) -> None:
        database, masters, clock = self.own.database, self.own.masters, self.own.clock
        self.sessions = LaunchSessions(database, masters, clock)
        self.tokens = Tokens(database, masters, clock)
        records = LaunchRecords(
            database=database,
            masters=masters,
            vault=self.own.vault,
            sessions=self.sessions,
            tokens=TokenSource(self.tokens, self.ehr.refresh, clock),
            transport=Transport(),
            registry=self.ehr.registry,
            clock=clock,
            limits=DatabaseServerLimits(database, clock),
            discover=lambda issuer: SmartConfiguration(issuer.fhir_base),
        )
        self.launches = Launches(
            database=database,
            sessions=self.sessions,
            tokens=self.tokens,
            records=records,
            audit=self.own.audit,
            smart=self.ehr,
        )

    def arrive(self, name: str, user: str) -> None:
        session = make_session(self.own.clock.now(), name, user=user)
        self.launches.begin(session, make_grant(self.own.clock.now(), name=name))

    def spoil(self, table: sa.Table, name: str) -> None:
        with self.own.database.writing() as connection:
            connection.execute(sa.update(table).where(table.c.launch_id == name).values(sealed=b"\x01" * 90))

    def is_open(self, name: str) -> bool:
        try:
            self.sessions.get(LaunchId(name))
        except SignInNeeded:
            return False
        return True

    def ended(self) -> list[tuple[str | None, str, Any]]:
        entries = [each.entry for each in self.own.audit.entries(action="launch.ended")]
        return [(each.launch, each.actor, each.detail["why"]) for each in entries]


@pytest.fixture
def ward(own: OwnStores, monkeypatch: pytest.MonkeyPatch) -> Ward:
    ehr = Ehr()
    monkeypatch.setattr("fhir_plugin.adapters.launches.time.monotonic", lambda: ehr.moment)
    return Ward(own, ehr)


def test_the_next_person_does_not_wait_for_every_launch_of_the_one_before(ward: Ward) -> None:
    for number in range(10):
        ward.arrive(f"before-{number}", "Practitioner/gp")
    ward.ehr.takes = 1.5
    ward.arrive("mine", "Practitioner/nurse")
    assert ward.ehr.moment <= 2 * HURRIED
    assert 2 <= len(ward.ehr.given_back) < 10 and all(0 < seconds <= HURRIED for seconds in ward.ehr.allowed)
    assert len(ward.ended()) == 10 and ward.is_open("mine")


def test_what_of_ours_fails_while_access_is_given_back_stops_nobody(ward: Ward) -> None:
    ward.arrive("before", "Practitioner/gp")
    ward.ehr.error = Tampered("This key is not what it was.")
    ward.arrive("mine", "Practitioner/nurse")
    assert (ward.is_open("before"), ward.is_open("mine")) == (False, True)


def test_tokens_that_are_not_what_they_were_go_with_their_session(ward: Ward) -> None:
    ward.arrive("before", "Practitioner/gp")
    ward.spoil(token_rows, "before")
    ward.arrive("mine", "Practitioner/nurse")
    assert (ward.is_open("before"), ward.is_open("mine")) == (False, True)
    assert ward.ehr.given_back == []
    with pytest.raises(SignInNeeded):
        ward.tokens.get(LaunchId("before"))


def test_launches_end_together_with_what_ends_them(ward: Ward) -> None:
    for name in ("sound", "damaged"):
        ward.arrive(name, "Practitioner/gp")
    ward.spoil(launch_sessions, "damaged")
    both = [LaunchId("sound"), LaunchId("damaged")]
    with pytest.raises(ZeroDivisionError), ward.own.database.transaction():
        ward.launches.end_all(both, "appointment-withdrawn")
        raise ZeroDivisionError
    assert ward.is_open("sound") and ward.ended() == [] and ward.ehr.given_back == []
    with ward.own.database.transaction():
        assert ward.launches.end_all(both, "appointment-withdrawn") == 2
        assert ward.ehr.given_back == [], "no HTTP inside a transaction"
    assert (ward.is_open("sound"), ward.is_open("damaged")) == (False, False)
    assert len(ward.ehr.given_back) == 2
    assert ward.ended() == [
        ("sound", "Practitioner/gp", "appointment-withdrawn"),
        ("damaged", "unknown", "appointment-withdrawn"),
    ]
