"""What an EHR can do to a connection, through the app's own transport: slow, endless, packed, cut off, going round."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator

import pytest

from fhir_plugin.adapters.tokens import LEASE_SECONDS
from fhir_plugin.app import create_app, install
from fhir_plugin.settings import Settings
from smart_launch import IssuerRegistry
from smart_launch.token import MOST_SECONDS
from tests.app.attacks.conftest import ORIGIN, World
from tests.app.attacks.ehr import BASE, EVIL, LOGIN, SECRETS, Ehr, an_issuer
from tests.app.attacks.expect import Refusal, assert_refused
from tests.app.attacks.wire import Wire, wired
from tests.fakes.clock import FakeClock
from tests.fakes.worker import FakeImageWorker
from tests.smart_launch.loopback import Respond, always, answer, once

WAIT = 0.4
"""Seconds for which this app waits for the EHR, each time; three times as long for a whole answer."""
THEIRS = "service desk"
UNUSABLE = "Your EHR's answer cannot be used"
SIGN_IN = "Your EHR's sign-in cannot be used"
SLOW = Refusal(504, "Your EHR did not answer in time", "Wait a minute", "timeout")
LOST = "Your EHR's answer did not arrive"


@pytest.fixture(scope="module")
def connected(installed: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Wire]]:
    """The same app, with real sockets between it and its EHR; the logs are those of the whole module."""
    clock = FakeClock()
    ehr = Ehr(clock)
    with wired(ehr, connect_timeout=WAIT, read_timeout=WAIT, total_timeout=3 * WAIT) as (wire, transport):
        installation = install(
            Settings(state=tmp_path_factory.mktemp("connected"), base_url=ORIGIN),
            registry=IssuerRegistry([an_issuer()]),
            transport=transport,
            clock=clock,
            worker=FakeImageWorker(),
            client_keys={},
        )
        try:
            installed.listen()
            yield World(installation, create_app(installation), ehr, clock, installed.events, installed.lines), wire
        finally:
            installation.close()


@pytest.fixture
def near(connected: tuple[World, Wire]) -> tuple[World, Wire]:
    world, wire = connected
    world.clock.advance(hours=2)
    world.ehr.reset()
    wire.raw.clear()
    world.events.entries.clear()
    world.lines.text.clear()
    return world, wire


def dripping(connection: socket.socket, _request: bytes) -> None:
    """One byte at a time, each in time, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b" ")
        time.sleep(WAIT / 4)


def silent(connection: socket.socket, _request: bytes) -> None:
    connection.settimeout(10 * WAIT)
    connection.recv(1)


def hanging_up(connection: socket.socket, _request: bytes) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def endless(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100_000):
        connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


BOMB = gzip.compress(b"[" + b" " * 50_000_000)
PACKED = "Content-Encoding: gzip\r\n"
LONG = f"X-Told: {'x' * 200_000}\r\n"
AROUND = f"Location: {BASE}/.well-known/smart-configuration\r\n"
WAYS: dict[str, tuple[Respond, Refusal, Refusal]] = {
    "silent": (silent, SLOW, SLOW),
    "dripping": (dripping, SLOW, SLOW),
    "hanging up": (hanging_up, Refusal(502, LOST, THEIRS, "answer-lost"), Refusal(502, LOST, THEIRS, "answer-lost")),
    "cut off": (
        once(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"),
        Refusal(502, LOST, THEIRS, "truncated"),
        Refusal(502, LOST, THEIRS, "truncated"),
    ),
    "endless": (
        endless,
        Refusal(502, SIGN_IN, THEIRS, "discovery-too-large"),
        Refusal(502, UNUSABLE, THEIRS, "reply-too-large"),
    ),
    "a length that lies": (
        always(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n"),
        Refusal(502, SIGN_IN, THEIRS, "discovery-too-large"),
        Refusal(502, UNUSABLE, THEIRS, "reply-too-large"),
    ),
    "a packed bomb": (
        always(answer(BOMB, headers=PACKED)),
        Refusal(502, SIGN_IN, THEIRS, "discovery-too-large"),
        Refusal(502, UNUSABLE, THEIRS, "reply-too-large"),
    ),
    "packed junk": (
        always(answer(b"junk", headers=PACKED)),
        Refusal(502, LOST, THEIRS, "damaged"),
        Refusal(502, LOST, THEIRS, "damaged"),
    ),
    "packing that nobody asked for": (
        always(answer(b"junk", headers="Content-Encoding: br\r\n")),
        Refusal(502, LOST, THEIRS, "damaged"),
        Refusal(502, LOST, THEIRS, "damaged"),
    ),
    "not HTTP": (
        once(b"SSH-2.0-OpenSSH_9.2\r\n"),
        Refusal(502, LOST, THEIRS, "answer-lost"),
        Refusal(502, LOST, THEIRS, "answer-lost"),
    ),
    "endless headers": (
        once(answer(b"{}", headers=LONG)),
        Refusal(502, LOST, THEIRS, "answer-lost"),
        Refusal(502, LOST, THEIRS, "answer-lost"),
    ),
    "round in circles": (
        always(answer(b"", status="302 Found", headers=AROUND)),
        Refusal(502, SIGN_IN, THEIRS, "discovery-missing"),
        Refusal(502, "Your EHR refused to give access", THEIRS, "token"),
    ),
    "away": (
        always(answer(b"", status="307 x", headers=f"Location: {EVIL}/{SECRETS['code']}\r\n")),
        Refusal(502, SIGN_IN, THEIRS, "discovery-missing"),
        Refusal(502, "Your EHR refused to give access", THEIRS, "token"),
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_discovery(near: tuple[World, Wire], name: str) -> None:
    world, wire = near
    misbehave, expected, _ = WAYS[name]
    wire.raw[f"{BASE}/.well-known/smart-configuration"] = misbehave
    visitor, kept = world.visitor(), world.kept()
    began = time.monotonic()
    assert_refused(visitor, visitor.launch(), expected, kept)
    assert time.monotonic() - began < 20, "a person waits for a slow EHR"
    assert len(world.ehr.asked) == 1, "it was asked again, or somebody else was"


@pytest.mark.parametrize("name", WAYS)
def test_the_token_endpoint(near: tuple[World, Wire], name: str) -> None:
    world, wire = near
    misbehave, _, expected = WAYS[name]
    wire.raw[f"{LOGIN}/token"] = misbehave
    visitor, kept = world.visitor(), world.kept()
    assert_refused(visitor, visitor.come_back(), expected, kept)
    assert len([asked for asked in world.ehr.asked if asked.path == f"{LOGIN}/token"]) == 1, "a code was sent twice"


@pytest.mark.parametrize("name", ["silent", "cut off", "a packed bomb", "away"])
@pytest.mark.parametrize("path", ["Practitioner/7", "PractitionerRole"])
def test_staff_records(near: tuple[World, Wire], name: str, path: str) -> None:
    world, wire = near
    wire.raw[f"{BASE}/{path}"] = WAYS[name][0]
    visitor, kept = world.visitor(), world.kept()
    answered = visitor.come_back()
    if (name, path) == ("away", "Practitioner/7"):  # it does not show its staff, but their roles
        assert answered.status_code == 303
        return
    assert answered.status_code in (403, 503), answered.text
    assert world.kept() == kept


def test_a_launch_over_real_sockets_works(near: tuple[World, Wire]) -> None:
    world, _ = near
    visitor = world.visitor()
    assert visitor.home().status_code == 200
    assert any("127.0.0.1" in line for line in world.lines.text), "nothing was logged at all"


def test_the_apps_own_time_limits_are_for_people() -> None:
    """A refresh that outlives its lease could be begun twice; a launch that takes minutes is begun twice by hand."""
    assert MOST_SECONDS < LEASE_SECONDS <= 90
    assert MOST_SECONDS <= 45
