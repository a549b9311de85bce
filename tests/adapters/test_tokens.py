"""One refresh at a time, and a refresh token never leaves twice."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.clock import SystemClock
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.tables import tokens as table
from fhir_plugin.adapters.tokens import LEASE_SECONDS, RefreshState, Tokens, TokenSource
from fhir_plugin.errors import RecordUnavailable, SignInNeeded, Tampered
from mappings.model.identifiers import LaunchId
from smart_launch.errors import (
    AnswerLost,
    DiscoveryError,
    InvalidClient,
    InvalidGrant,
    LaunchRefused,
    NotSent,
    SmartError,
    TokenError,
    UnusableReply,
)
from smart_launch.token import Grant
from tests.adapters.launches import CANARY, make_grant
from tests.adapters.processes import fork, in_children
from tests.conftest import OwnStores, open_stores
from tests.fakes.clock import FakeClock

LAUNCH = LaunchId("launch-1")


class Ehr:
    """A token endpoint: counts, and answers or raises as told."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.seen: list[str] = []
        self.error: SmartError | None = None
        self.during: Callable[[], object] = lambda: None

    def refresh(self, grant: Grant) -> Grant:
        assert grant.refresh_token is not None
        self.seen.append(grant.refresh_token)
        self.during()
        if self.error is not None:
            raise self.error
        return make_grant(self.clock.now(), name=f"new{len(self.seen)}")


@pytest.fixture
def held(own: OwnStores) -> Tokens:
    return Tokens(own.database, own.masters, own.clock)


@pytest.fixture
def ehr(own: OwnStores) -> Ehr:
    return Ehr(own.clock)


@pytest.fixture
def source(held: Tokens, ehr: Ehr, own: OwnStores) -> TokenSource:
    return TokenSource(held, ehr.refresh, own.clock, wait=lambda seconds: own.clock.advance(seconds=seconds))


# ---------------------------------------------------------------------------------------------- the source


def test_a_fresh_token_is_used_as_it_is(own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=239)
    assert source.current(LAUNCH) == f"{CANARY}-access-first"
    assert ehr.seen == []


def test_it_is_refreshed_a_minute_before_it_expires(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=240)
    assert source.current(LAUNCH) == f"{CANARY}-access-new1"
    assert source.current(LAUNCH) == f"{CANARY}-access-new1"
    own.clock.advance(seconds=1000)
    assert source.current(LAUNCH) == f"{CANARY}-access-new2"
    assert ehr.seen == [f"{CANARY}-refresh-first", f"{CANARY}-refresh-new1"]


def test_a_short_lived_token_is_not_refreshed_at_every_request(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now(), seconds=40))
    own.clock.advance(seconds=19)
    source.current(LAUNCH)
    assert ehr.seen == []
    own.clock.advance(seconds=1)
    source.current(LAUNCH)
    assert len(ehr.seen) == 1


def test_a_rejected_token_is_refreshed_early_but_only_once(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    rejected = source.current(LAUNCH)
    assert source.current(LAUNCH, rejected=rejected) == f"{CANARY}-access-new1"
    assert source.current(LAUNCH, rejected=rejected) == f"{CANARY}-access-new1"
    assert len(ehr.seen) == 1


def test_without_a_refresh_token_it_lasts_until_it_expires(own: OwnStores, held: Tokens, source: TokenSource) -> None:
    held.save(LAUNCH, make_grant(own.clock.now(), refreshable=False))
    own.clock.advance(seconds=299)
    token = source.current(LAUNCH)
    with pytest.raises(SignInNeeded):
        source.current(LAUNCH, rejected=token)
    own.clock.advance(seconds=1)
    with pytest.raises(SignInNeeded):
        source.current(LAUNCH)


def test_no_tokens_no_access(source: TokenSource) -> None:
    with pytest.raises(SignInNeeded):
        source.current(LaunchId("never"))


@pytest.mark.parametrize(
    "error",
    [
        InvalidGrant("invalid_grant", status=400),
        InvalidClient("invalid_client", status=401),
        TokenError("server_error", status=500),
        AnswerLost("lost"),
        UnusableReply("odd"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refresh_that_was_refused_or_lost_is_never_repeated(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr, error: SmartError
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=250)
    ehr.error = error
    assert source.current(LAUNCH) == f"{CANARY}-access-first", "it is good for 50 seconds more"
    own.clock.advance(seconds=50)
    ehr.error = None
    for _ in range(3):
        with pytest.raises(SignInNeeded):
            source.current(LAUNCH)
    assert len(ehr.seen) == 1


@pytest.mark.parametrize(
    "error",
    [
        NotSent("not sent"),
        NotSent("not yet", code="asked-to-wait", retry_after=45),
        DiscoveryError("no configuration"),
        DiscoveryError("busy", code="discovery-busy", retry_after=45),
        TokenError("temporarily_unavailable", status=503, retry_after=7),
        TokenError("slow_down", status=429),
    ],
    ids=lambda error: f"{type(error).__name__}",
)
def test_a_refresh_that_surely_did_not_happen_is_tried_again(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr, error: SmartError
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=250)
    ehr.error = error
    assert source.current(LAUNCH) == f"{CANARY}-access-first"
    own.clock.advance(seconds=50)
    with pytest.raises(RecordUnavailable) as raised:
        source.current(LAUNCH)
    assert raised.value.retry_after == getattr(error, "retry_after", None)
    ehr.error = None
    assert source.current(LAUNCH) == f"{CANARY}-access-new3"


def test_when_our_own_keys_fail_before_it_left_the_refresh_token_may_leave_later(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr
) -> None:
    def no_key() -> None:
        raise Tampered("This key is not what it was.")

    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=300)
    ehr.during = no_key
    with pytest.raises(Tampered):
        source.current(LAUNCH)
    ehr.during = lambda: None
    assert source.current(LAUNCH) == f"{CANARY}-access-new2"


def test_a_refresh_for_another_patient_ends_the_access(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=250)
    ehr.error = LaunchRefused("other patient", code="patient-changed")
    with pytest.raises(SignInNeeded):
        source.current(LAUNCH)


def test_no_lock_is_held_while_the_ehr_thinks(own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr) -> None:
    def look_around() -> None:
        assert not own.database.in_transaction
        with own.database.transaction():
            assert held.get(LAUNCH).refresh_state is RefreshState.SENT
            assert not held.lease(LAUNCH, "other", 10)

    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=250)
    ehr.during = look_around
    source.current(LAUNCH)
    assert len(ehr.seen) == 1


def test_it_is_not_asked_for_inside_a_transaction(own: OwnStores, source: TokenSource) -> None:
    with pytest.raises(RuntimeError), own.database.transaction():
        source.current(LAUNCH)


def test_others_use_a_token_that_still_holds_while_somebody_renews_it(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=250)
    assert held.lease(LAUNCH, "somebody else", 10_000)
    before = own.clock.now()
    assert source.current(LAUNCH) == f"{CANARY}-access-first"
    assert own.clock.now() == before and ehr.seen == []
    with pytest.raises(RecordUnavailable):
        source.current(LAUNCH, rejected=f"{CANARY}-access-first")


def test_others_wait_for_whoever_refreshes_and_give_up_in_the_end(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=300)
    assert held.lease(LAUNCH, "somebody else", 10_000)
    before = own.clock.now()
    with pytest.raises(RecordUnavailable) as raised:
        source.current(LAUNCH)
    assert raised.value.code == "refresh-slow"
    assert dt.timedelta(seconds=59) < own.clock.now() - before < dt.timedelta(seconds=61)
    assert ehr.seen == []


def test_a_lease_that_ran_out_before_anything_was_sent_is_taken_over(
    own: OwnStores, held: Tokens, source: TokenSource, ehr: Ehr
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    assert held.lease(LAUNCH, "dead before it sent", LEASE_SECONDS)
    own.clock.advance(seconds=300)
    assert source.current(LAUNCH) == f"{CANARY}-access-new1"


def test_a_worker_that_died_while_refreshing_leaves_a_token_that_is_not_sent_again(
    own: OwnStores, sqlite_url: str, held: Tokens, source: TokenSource, ehr: Ehr
) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    own.clock.advance(seconds=300)
    ehr.during = lambda: os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(fork(partial(source.current, LAUNCH)), 0)[1]) == 9
    ehr.during = lambda: None
    own.clock.advance(seconds=LEASE_SECONDS)
    with pytest.raises(SignInNeeded):
        source.current(LAUNCH)
    assert ehr.seen == []


# ------------------------------------------------------------------------------------------------- the rows


def test_leases(own: OwnStores, held: Tokens) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    assert held.lease(LAUNCH, "one", 10)
    assert not held.lease(LAUNCH, "two", 10)
    held.release(LAUNCH, "two")
    assert not held.lease(LAUNCH, "two", 10)
    held.release(LAUNCH, "one")
    assert held.lease(LAUNCH, "two", 10)
    own.clock.advance(seconds=10)
    assert held.lease(LAUNCH, "three", 10)
    assert not held.lease(LaunchId("never"), "one", 10)


def test_only_the_lease_holder_sends_and_only_once(own: OwnStores, held: Tokens) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    held.lease(LAUNCH, "one", 10)
    assert not held.send(LAUNCH, "two", 1)
    assert not held.send(LAUNCH, "one", 2)
    assert held.send(LAUNCH, "one", 1)
    assert not held.send(LAUNCH, "one", 1)


def test_replacing_is_compare_and_swap(own: OwnStores, held: Tokens) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    assert held.replace(LAUNCH, make_grant(own.clock.now(), name="second"), 1)
    assert not held.replace(LAUNCH, make_grant(own.clock.now(), name="third"), 1)
    assert held.get(LAUNCH).grant.access_token == f"{CANARY}-access-second"
    assert held.get(LAUNCH).version == 2


@pytest.mark.parametrize("change", [{"version": 2}, {"launch_id": "launch-2"}, {"sealed": b"\x01" * 90}])
def test_a_token_row_cannot_be_altered(own: OwnStores, held: Tokens, change: dict[str, object]) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    with own.database.writing() as connection:
        connection.execute(sa.update(table).values(**change))
    with pytest.raises(Tampered):
        held.get(LaunchId(str(change.get("launch_id", LAUNCH))))


def test_an_old_version_cannot_be_put_back_as_the_new_one(own: OwnStores, held: Tokens) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    with own.database.connection() as connection:
        old = connection.execute(sa.select(table.c.sealed)).scalar_one()
    held.replace(LAUNCH, make_grant(own.clock.now(), name="second"), 1)
    with own.database.writing() as connection:
        connection.execute(sa.update(table).values(sealed=old))
    with pytest.raises(Tampered):
        held.get(LAUNCH)


def test_tokens_do_not_show(own: OwnStores, held: Tokens, source: TokenSource) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    assert CANARY not in repr(held.get(LAUNCH)) + repr(held) + repr(source)


def test_rotating_the_master_key_keeps_tokens(own: OwnStores, held: Tokens) -> None:
    held.save(LAUNCH, make_grant(own.clock.now()))
    path = own.state / "master.key"
    rotated = Tokens(own.database, MasterKeys.add_to_file(path), own.clock)
    assert (rotated.rotate_master(), rotated.rotate_master()) == (1, 0)
    only_new = Tokens(own.database, MasterKeys.forget_old(path), own.clock)
    assert only_new.get(LAUNCH).grant == make_grant(own.clock.now())


# ------------------------------------------------------------------------------------- fifty at the same time


def _ask_many(url: str, state: Path, requests: int) -> None:
    own = open_stores(url, state, FakeClock())
    clock = SystemClock()

    def refresh(grant: Grant) -> Grant:
        descriptor = os.open(state / "refreshes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, f"{grant.refresh_token}\n".encode())
        os.close(descriptor)
        time.sleep(0.3)
        return make_grant(clock.now(), name="new")

    source = TokenSource(Tokens(own.database, own.masters, clock), refresh, clock)
    with ThreadPoolExecutor(requests) as workers:
        given = list(workers.map(lambda _: source.current(LAUNCH), range(requests)))
    assert given == [f"{CANARY}-access-new"] * requests


def _check_fifty(own: OwnStores, url: str) -> None:
    clock = SystemClock()
    Tokens(own.database, own.masters, clock).save(LAUNCH, make_grant(clock.now(), seconds=-1))
    in_children(*(partial(_ask_many, url, own.state, requests) for requests in (13, 13, 12, 12)))
    assert (own.state / "refreshes").read_text() == f"{CANARY}-refresh-first\n"


def test_fifty_requests_in_four_processes_make_one_refresh(own: OwnStores, sqlite_url: str) -> None:
    _check_fifty(own, sqlite_url)


@pytest.mark.needs("postgresql")
def test_fifty_requests_in_four_processes_make_one_refresh_on_postgresql(
    own_on_postgresql: OwnStores, postgresql_url: str
) -> None:
    _check_fifty(own_on_postgresql, postgresql_url)
