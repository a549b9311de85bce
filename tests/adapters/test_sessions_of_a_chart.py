"""The live launches at one chart: those under which what could not be proven may be looked at again."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.sessions import LaunchSessions
from fhir_plugin.adapters.tables import launch_sessions
from mappings.model.identifiers import FhirBase, LaunchId, PatientId
from tests.adapters.launches import BASE, make_session
from tests.conftest import OwnStores

HERE, P1 = FhirBase(BASE), PatientId("p1")


@pytest.fixture
def sessions(own: OwnStores) -> LaunchSessions:
    return LaunchSessions(own.database, own.masters, own.clock, idle=dt.timedelta(minutes=20))


def named(sessions: LaunchSessions, base: FhirBase = HERE, patient: PatientId = P1) -> list[str]:
    return [each.launch_id for each in sessions.of_patient(base, patient)]


def test_those_of_this_patient_at_this_ehr_newest_first(own: OwnStores, sessions: LaunchSessions) -> None:
    now = own.clock.now()
    sessions.create(make_session(now, "first"))
    sessions.create(make_session(now, "second", created=now + dt.timedelta(seconds=5)))
    sessions.create(make_session(now, "another-patient", patient=PatientId("p2")))
    sessions.create(make_session(now, "another-ehr", fhir_base=FhirBase("https://other.example/fhir")))
    sessions.create(make_session(now, "no-patient", patient=None))
    assert named(sessions) == ["second", "first"]
    assert named(sessions, patient=PatientId("nobody")) == []


def test_none_that_has_ended_was_left_or_does_not_verify(own: OwnStores, sessions: LaunchSessions) -> None:
    now = own.clock.now()
    for name in ("ended", "damaged", "over", "idle", "live"):
        sessions.create(make_session(now, name, **({"ends": now + dt.timedelta(minutes=10)} if name == "over" else {})))
    sessions.end(LaunchId("ended"))
    with own.database.writing() as connection:
        damaged = launch_sessions.c.launch_id == "damaged"
        connection.execute(sa.update(launch_sessions).where(damaged).values(sealed=b"\x01" * 80))
    own.clock.advance(minutes=15)
    sessions.touch(LaunchId("live"))
    own.clock.advance(minutes=10)
    assert named(sessions) == ["live"]
