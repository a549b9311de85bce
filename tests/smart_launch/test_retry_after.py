"""Who asks us to wait is left alone until then, and nobody else is locked out by it."""

from __future__ import annotations

import datetime as dt
import gc
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch import DiscoveryError, Issuer, NotSent, Transport, discover
from smart_launch.waiting import LONGEST_SECONDS, MOST_KEPT, Waits
from tests.smart_launch.loopback import Heard, Respond, answer, serving

CANARY = "canary-71be"
MINE, YOURS = f"Bearer {CANARY}-mine", f"Bearer {CANARY}-yours"
BASE = "https://fhir.example/r4"


class Watch:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def __call__(self) -> float:
        return self.moment


# ------------------------------------------------------------------------------- who waits for whom


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def waits(watch: Watch) -> Waits:
    return Waits(now=watch)


def test_a_429_is_for_one_person_and_all_that_person_asks(waits: Waits) -> None:
    waits.note(f"{BASE}/Patient/1", MINE, status=429, retry_after=30)
    assert waits.left(f"{BASE}/Media?x=1", MINE) == 30
    assert waits.left(f"{BASE}/Patient/1", YOURS) == 0
    assert waits.left(f"{BASE}/Patient/1", None) == 0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("who", [None, "Basic YTpi"])
def test_without_a_persons_token_it_is_for_that_path(waits: Waits, status: int, who: str | None) -> None:
    waits.note("https://fhir.example/token", who, status=status, retry_after=30)
    assert waits.left("https://fhir.example/token", None) == 30
    assert waits.left("https://fhir.example/token", "Basic YTpi") == 30, "the same client, whichever way it signs"
    assert waits.left("https://fhir.example/.well-known/smart-configuration", None) == 0
    assert waits.left(f"{BASE}/Patient/1", MINE) == 0


def test_a_503_of_the_record_is_for_everybody_at_that_origin_alone(waits: Waits) -> None:
    waits.note(f"{BASE}/Patient/1", MINE, status=503, retry_after=30)
    for url in (f"{BASE}/Media", "https://fhir.example/token", "https://FHIR.example:443/", "https://fhir.example./x"):
        for who in (MINE, YOURS, None):
            assert waits.left(url, who) == 30, url
    for url in ("https://fhir.example:8443/", "http://fhir.example/", "https://other.example/"):
        assert waits.left(url, MINE) == 0


@pytest.mark.parametrize(("status", "retry_after"), [(429, None), (503, None), (429, 0.0), (200, 30.0), (500, 30.0)])
def test_only_a_refusal_with_a_time_asks_for_anything(waits: Waits, status: int, retry_after: float | None) -> None:
    waits.note(BASE, MINE, status=status, retry_after=retry_after)
    assert waits.left(BASE, MINE) == 0


def test_a_wait_ends_by_itself_and_is_never_longer_than_the_cap(waits: Waits, watch: Watch) -> None:
    waits.note(BASE, MINE, status=429, retry_after=86_400 * 365)
    assert waits.left(BASE, MINE) == LONGEST_SECONDS
    watch.moment += LONGEST_SECONDS - 1
    assert waits.left(BASE, MINE) == 1
    watch.moment += 1
    assert waits.left(BASE, MINE) == 0


def test_the_last_word_counts(waits: Waits) -> None:
    waits.note(BASE, MINE, status=429, retry_after=100)
    waits.note(BASE, MINE, status=429, retry_after=5)
    assert waits.left(BASE, MINE) == 5
    waits.note(BASE, MINE, status=503, retry_after=50)
    assert waits.left(BASE, MINE) == 50


def test_no_token_is_kept(waits: Waits) -> None:
    waits.note(BASE, MINE, status=429, retry_after=5)
    assert CANARY not in repr(vars(waits))
    assert not any(isinstance(each, str) and CANARY in each for each in gc.get_referents(*gc.get_referents(waits)))


def test_any_number_of_tokens_takes_only_so_much_room(waits: Waits, watch: Watch) -> None:
    for number in range(MOST_KEPT + 50):
        waits.note(BASE, f"Bearer {number}", status=429, retry_after=60)
    assert len(vars(waits)["_until"]) == MOST_KEPT
    assert waits.left(BASE, f"Bearer {MOST_KEPT + 49}") == 60
    watch.moment += 61
    waits.note(BASE, "Bearer last", status=429, retry_after=60)
    assert len(vars(waits)["_until"]) == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from([MINE, YOURS, None]),
            st.sampled_from([200, 429, 500, 503]),
            st.floats(0, 1e12),
            st.floats(0, 60),
        ),
        max_size=20,
    )
)
def test_it_is_as_simple_as_this(steps: list[tuple[str | None, int, float, float]]) -> None:
    """The later of what was last said to me and what was last said to everybody, within the cap."""
    watch = Watch()
    waits = Waits(now=watch)
    me = everybody = 0.0
    for who, status, seconds, passed in steps:
        waits.note(BASE, who, status=status, retry_after=seconds)
        until = watch.moment + min(seconds, LONGEST_SECONDS)
        if seconds and status == 503 and who is not None:
            everybody = until
        elif seconds and status == 429 and who == MINE:
            me = until
        watch.moment += passed
        assert waits.left(BASE, MINE) == max(0.0, max(me, everybody) - watch.moment)


# ------------------------------------------------------------------------------- the sender obeys


@pytest.fixture
def transport() -> Iterator[Transport]:
    sender = Transport(connect_timeout=2, read_timeout=2, total_timeout=5)
    yield sender
    sender.close()


def then_well(status: str, retry_after: str) -> Respond:
    """The first request is refused, the others are not."""
    refused = threading.Event()

    def respond(connection: socket.socket, _request: bytes) -> None:
        first = not refused.is_set()
        refused.set()
        connection.sendall(answer(status=status, headers=f"Retry-After: {retry_after}\r\n") if first else answer())

    return respond


def ask(transport: Transport, server: Heard, who: str | None = MINE, path: str = "/fhir/Patient") -> int:
    headers = {} if who is None else {"authorization": who}
    return transport.send("GET", server.url + path, headers=headers).status


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_nothing_is_sent_before_the_moment_and_then_it_is(transport: Transport, status: str) -> None:
    with serving(then_well(status, "1")) as server:
        assert ask(transport, server) == int(status[:3])
        with pytest.raises(NotSent) as caught:
            ask(transport, server, path="/fhir/Media")
        assert len(server.requests) == 1
        assert caught.value.code == "asked-to-wait"
        assert caught.value.host == "127.0.0.1"
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 1
        assert CANARY not in str(caught.value) + repr(caught.value)
        threading.Event().wait(caught.value.retry_after)
        assert ask(transport, server) == 200


def test_a_date_is_obeyed_like_seconds(transport: Transport) -> None:
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    with serving(then_well("503 Service Unavailable", later)) as server:
        ask(transport, server)
        with pytest.raises(NotSent) as caught:
            ask(transport, server)
    assert caught.value.retry_after is not None
    assert 80 < caught.value.retry_after <= 90


def test_others_go_on_after_a_429_and_nobody_does_after_a_503(transport: Transport) -> None:
    with serving(then_well("429 Too Many Requests", "60")) as server:
        assert ask(transport, server, MINE) == 429
        assert ask(transport, server, YOURS) == 200
        assert ask(transport, server, None) == 200
    with serving(then_well("503 Service Unavailable", "60")) as server:
        assert ask(transport, server, MINE) == 503
        for who in (MINE, YOURS, None):
            with pytest.raises(NotSent):
                ask(transport, server, who)
        assert len(server.requests) == 1


_NO_TIME = (
    "",
    "soon",
    "-1",
    "0",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 +99999999999999",
    f"Thu, 01 Jan {'9' * 30} 00:00:00 GMT",
)


def test_it_can_be_switched_off() -> None:
    rude = Transport(obey_retry_after=False)
    with serving(then_well("503 Service Unavailable", "60")) as server:
        assert [ask(rude, server) for _ in range(2)] == [503, 200]
    rude.close()


@pytest.mark.parametrize("value", [*_NO_TIME, "1" * 400])
def test_a_time_that_is_none_or_past_or_absurd_does_no_harm(transport: Transport, value: str) -> None:
    with serving(then_well("503 Service Unavailable", value)) as server:
        assert ask(transport, server) == 503
        if value.startswith("1"):
            with pytest.raises(NotSent) as caught:
                ask(transport, server)
            assert (caught.value.retry_after or 0) <= LONGEST_SECONDS
        else:
            assert ask(transport, server) == 200


def test_a_busy_discovery_says_so_each_time_and_asks_once(transport: Transport) -> None:
    with serving(then_well("503 Service Unavailable", "60")) as server:
        ehr = Issuer(name="ehr", iss=f"{server.url}/fhir", client_id="x", sandbox=True)
        with pytest.raises(DiscoveryError) as first:
            discover(ehr, transport)
        with pytest.raises(NotSent) as second:
            discover(ehr, transport)
        assert len(server.requests) == 1
    assert (first.value.code, first.value.retry_after) == ("discovery-busy", 60)
    assert second.value.code == "asked-to-wait"
