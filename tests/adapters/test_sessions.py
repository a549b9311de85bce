"""Pending launches are taken once; sessions end, idle and cannot be altered."""

from __future__ import annotations

import datetime as dt
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.sessions import KEEP_ENDED, LaunchSession, LaunchSessions, PendingLaunches, TimeLeft
from fhir_plugin.adapters.tables import launch_sessions, pending_launches
from fhir_plugin.adapters.tokens import Tokens
from fhir_plugin.errors import SignInNeeded, Tampered
from mappings.model.identifiers import LaunchId
from smart_launch.errors import LaunchExpired, StateMismatch
from tests.adapters.launches import CANARY, make_grant, make_pending, make_session
from tests.adapters.processes import in_children
from tests.conftest import OwnStores

LAUNCH = LaunchId("launch-1")


@pytest.fixture
def pending(own: OwnStores) -> PendingLaunches:
    return PendingLaunches(own.database, own.masters, own.clock)


@pytest.fixture
def sessions(own: OwnStores) -> LaunchSessions:
    return LaunchSessions(own.database, own.masters, own.clock, idle=dt.timedelta(minutes=20))


# ---------------------------------------------------------------------------------------- pending launches


def test_a_pending_launch_comes_back_once(own: OwnStores, pending: PendingLaunches) -> None:
    launch = make_pending(own.clock.now())
    pending.save(launch)
    assert pending.take(launch.key) == launch
    with pytest.raises(StateMismatch):
        pending.take(launch.key)


def test_one_that_was_never_there_is_refused(pending: PendingLaunches) -> None:
    with pytest.raises(StateMismatch):
        pending.take("0" * 64)


def test_an_expired_one_is_refused_and_gone(own: OwnStores, pending: PendingLaunches) -> None:
    launch = make_pending(own.clock.now())
    pending.save(launch)
    own.clock.advance(minutes=10)
    with pytest.raises(LaunchExpired):
        pending.take(launch.key)
    with pytest.raises(StateMismatch):
        pending.take(launch.key)


def test_one_of_many_takers_gets_it(own: OwnStores, pending: PendingLaunches, tmp_path: Path) -> None:
    launch = make_pending(own.clock.now())
    pending.save(launch)
    takers = tmp_path / "takers"

    def take() -> None:
        try:
            pending.take(launch.key)
        except StateMismatch:
            return
        descriptor = os.open(takers, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, b"x")
        os.close(descriptor)

    in_children(take, take, take, take)
    assert takers.read_bytes() == b"x"


def test_a_row_cannot_answer_for_another_state(own: OwnStores, pending: PendingLaunches) -> None:
    pending.save(make_pending(own.clock.now()))
    with own.database.writing() as connection:
        connection.execute(sa.update(pending_launches).values(state_digest="0" * 64))
    with pytest.raises(Tampered):
        pending.take("0" * 64)


def test_abandoned_ones_are_purged(own: OwnStores, pending: PendingLaunches) -> None:
    pending.save(make_pending(own.clock.now()))
    assert pending.purge() == 0
    own.clock.advance(minutes=11)
    assert pending.purge() == 1


# ------------------------------------------------------------------------------------------------ sessions


def test_a_session_comes_back_as_it_was(own: OwnStores, sessions: LaunchSessions) -> None:
    session = make_session(own.clock.now())
    sessions.create(session)
    assert sessions.get(LAUNCH) == session


def test_a_session_may_lack_patient_encounter_and_user(own: OwnStores, sessions: LaunchSessions) -> None:
    session = make_session(own.clock.now(), patient=None, encounter=None, user=None)
    sessions.create(session)
    assert sessions.get(LAUNCH) == session


def test_use_keeps_it_alive_until_its_end(own: OwnStores, sessions: LaunchSessions) -> None:
    sessions.create(make_session(own.clock.now(), ends=own.clock.now() + dt.timedelta(hours=1)))
    for _ in range(3):
        own.clock.advance(minutes=19)
        assert sessions.touch(LAUNCH).last_seen == own.clock.now()
    own.clock.advance(minutes=3)
    with pytest.raises(SignInNeeded):
        sessions.get(LAUNCH)


def test_an_idle_session_ends(own: OwnStores, sessions: LaunchSessions) -> None:
    sessions.create(make_session(own.clock.now()))
    own.clock.advance(minutes=20)
    for look in (sessions.get, sessions.touch):
        with pytest.raises(SignInNeeded):
            look(LAUNCH)


def test_quick_requests_write_nothing(own: OwnStores, sessions: LaunchSessions) -> None:
    sessions.create(make_session(own.clock.now()))
    commits: list[None] = []
    own.database.on_commit.append(lambda: commits.append(None))
    own.clock.advance(seconds=5)
    sessions.touch(LAUNCH)
    assert commits == []


def test_time_left_counts_down_and_is_no_use(own: OwnStores, sessions: LaunchSessions) -> None:
    sessions.create(make_session(own.clock.now(), ends=own.clock.now() + dt.timedelta(hours=1)))
    own.clock.advance(minutes=5)
    assert sessions.time_left(LAUNCH) == TimeLeft(idle_seconds=900, absolute_seconds=3300, warn_seconds=120)
    sessions.touch(LAUNCH)
    assert sessions.time_left(LAUNCH) == TimeLeft(idle_seconds=1200, absolute_seconds=3300, warn_seconds=120)
    own.clock.advance(seconds=1199.5)
    assert sessions.time_left(LAUNCH).idle_seconds == 0, "rounded down: nobody is promised time that is not there"
    own.clock.advance(seconds=0.5)
    with pytest.raises(SignInNeeded):
        sessions.time_left(LAUNCH)


def test_a_short_idle_time_is_kept_exactly_enough(own: OwnStores) -> None:
    short = LaunchSessions(own.database, own.masters, own.clock, idle=dt.timedelta(minutes=2))
    short.create(make_session(own.clock.now()))
    assert short.time_left(LAUNCH).warn_seconds == 30
    own.clock.advance(seconds=12)
    assert short.touch(LAUNCH).last_seen == own.clock.now()


def test_what_was_read_is_remembered_but_not_its_time(own: OwnStores) -> None:
    memory: dict[LaunchId, LaunchSession] = {}
    sessions = LaunchSessions(own.database, own.masters, own.clock, remembered=lambda: memory)
    sessions.create(make_session(own.clock.now()))
    first = sessions.get(LAUNCH)
    with own.database.writing() as connection:
        connection.execute(sa.delete(launch_sessions))
    assert sessions.get(LAUNCH) is first
    own.clock.advance(minutes=31)
    with pytest.raises(SignInNeeded):
        sessions.get(LAUNCH)
    memory.clear()
    own.clock.advance(minutes=-31)
    with pytest.raises(SignInNeeded):
        sessions.get(LAUNCH)


def test_what_was_used_or_ended_is_not_remembered_as_it_was(own: OwnStores) -> None:
    memory: dict[LaunchId, LaunchSession] = {}
    sessions = LaunchSessions(own.database, own.masters, own.clock, remembered=lambda: memory)
    sessions.create(make_session(own.clock.now()))
    sessions.get(LAUNCH)
    own.clock.advance(minutes=10)
    sessions.touch(LAUNCH)
    assert sessions.get(LAUNCH).last_seen == own.clock.now()
    sessions.end(LAUNCH)
    with pytest.raises(SignInNeeded):
        sessions.get(LAUNCH)


def test_ended_and_unknown_look_alike(own: OwnStores, sessions: LaunchSessions) -> None:
    tokens = Tokens(own.database, own.masters, own.clock)
    sessions.create(make_session(own.clock.now()))
    tokens.save(LAUNCH, make_grant(own.clock.now()))
    sessions.end(LAUNCH)
    sessions.end(LAUNCH)
    said = []
    for launch in (LAUNCH, LaunchId("never")):
        with pytest.raises(SignInNeeded) as raised:
            sessions.get(launch)
        said.append((str(raised.value), raised.value.code))
    assert said[0] == said[1]
    with pytest.raises(SignInNeeded):
        tokens.get(LAUNCH)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("patient", "p2"),
        ("patient", None),
        ("user", "Practitioner/other"),
        ("fhir_base", "https://other.example/fhir"),
        ("ends", dt.datetime(2099, 1, 1, tzinfo=dt.UTC)),
        ("created", dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
        ("sealed", b"\x01" * 100),
    ],
)
def test_a_session_cannot_be_altered(own: OwnStores, sessions: LaunchSessions, column: str, value: Any) -> None:
    sessions.create(make_session(own.clock.now()))
    with own.database.writing() as connection:
        connection.execute(sa.update(launch_sessions).values({column: value}))
    with pytest.raises(Tampered):
        sessions.get(LAUNCH)


def test_tokens_of_a_session_that_ran_out_wait_a_day_for_work_in_flight(
    own: OwnStores, sessions: LaunchSessions
) -> None:
    tokens = Tokens(own.database, own.masters, own.clock)
    sessions.create(make_session(own.clock.now()))
    tokens.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(hours=9)
    assert sessions.purge() == 0
    tokens.get(LAUNCH)
    own.clock.advance(seconds=KEEP_ENDED.total_seconds())
    assert sessions.purge() == 1
    with pytest.raises(SignInNeeded):
        tokens.get(LAUNCH)


def test_one_row_that_is_not_what_it_was_does_not_stop_the_others(own: OwnStores, sessions: LaunchSessions) -> None:
    now = own.clock.now()
    for name in ("damaged", "sound"):
        sessions.create(make_session(now, name, user="Practitioner/before"))
    with own.database.writing() as connection:
        damaged = launch_sessions.c.launch_id == "damaged"
        connection.execute(sa.update(launch_sessions).where(damaged).values(sealed=b"\x01" * 90))
    with structlog.testing.capture_logs() as said:
        assert [each.launch_id for each in sessions.of_others(make_session(now))] == ["sound"]
    assert [each["event"] for each in said] == ["session.unreadable"] and CANARY not in repr(said)


def test_nothing_private_shows(own: OwnStores) -> None:
    assert CANARY not in repr(make_session(own.clock.now()))


def test_rotating_the_master_key_keeps_sessions(own: OwnStores, sessions: LaunchSessions) -> None:
    session = make_session(own.clock.now())
    sessions.create(session)
    path = own.state / "master.key"
    rotated = LaunchSessions(own.database, MasterKeys.add_to_file(path), own.clock)
    assert (rotated.rotate_master(), rotated.rotate_master()) == (1, 0)
    only_new = LaunchSessions(own.database, MasterKeys.forget_old(path), own.clock)
    assert only_new.get(LAUNCH) == session


def test_many_processes_create_sessions(own: OwnStores, sessions: LaunchSessions) -> None:
    now = own.clock.now()
    in_children(*(partial(sessions.create, make_session(now, f"launch-{n}")) for n in range(4)))
    assert all(sessions.get(LaunchId(f"launch-{n}")).patient == "p1" for n in range(4))
