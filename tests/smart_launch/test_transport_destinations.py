"""Where the transport sends nothing, and at which address it reaches a name."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from smart_launch import NotSent, Transport
from tests.smart_launch.loopback import always, answer, certificate_for, serving
from tests.smart_launch.sending import CANARY, transport

__all__ = ["transport"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.org/", "insecure-url"),
        ("http://10.0.0.1/", "insecure-url"),
        ("http://localhost.example.org/", "insecure-url"),
        ("ftp://localhost/", "insecure-url"),
        ("file:///etc/passwd", "bad-url"),
        ("https://user@example.org/", "bad-url"),
        ("https://", "bad-url"),
        ("https://[::1", "bad-url"),
        ("https://localhost:99999/", "bad-url"),
        ("nonsense", "bad-url"),
        ("https://10.0.0.1/", "blocked-address"),
        ("https://192.168.1.1/", "blocked-address"),
        ("https://169.254.169.254/latest/meta-data", "blocked-address"),
        ("https://[fe80::1]/", "blocked-address"),
        ("https://[fd00:ec2::254]/", "blocked-address"),
        ("https://[::ffff:10.0.0.1]/", "blocked-address"),
        ("https://[64:ff9b::a00:1]/", "blocked-address"),
        ("https://0.0.0.0/", "blocked-address"),
        ("https://100.100.100.200/", "blocked-address"),
        ("https://168.63.129.16/", "blocked-address"),
        ("https://0x7f.1/", "blocked-address"),
        ("https://2130706433/", "blocked-address"),
    ],
)
def test_where_nothing_is_sent(transport: Transport, url: str, code: str) -> None:
    with pytest.raises(NotSent) as caught:
        transport.send("GET", url + "?" + CANARY)
    assert caught.value.code == code
    assert CANARY not in str(caught.value)


class Resolver:
    """Stands in for DNS: each look-up of a name gives the next of its answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)
        monkeypatch.setattr("smart_launch.connections.socket.getaddrinfo", self._look_up)

    def _look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        addresses = self._answers.pop(0) if self._answers else []
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0"])
def test_a_public_name_at_a_private_address_is_refused(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    Resolver(monkeypatch, [address])
    with pytest.raises(NotSent) as caught:
        transport.send("GET", "https://fhir.example.org/")
    assert caught.value.code == "blocked-address"


def test_a_loopback_name_that_resolves_elsewhere_is_refused(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, ["93.184.215.14"])
    with pytest.raises(NotSent) as caught:
        transport.send("GET", "http://localhost/")
    assert caught.value.code == "blocked-address"


def test_an_unknown_name_was_surely_not_sent(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch)
    with pytest.raises(NotSent) as caught:
        transport.send("GET", "https://fhir.example.org/")
    assert caught.value.code == "dns"


def test_a_registered_private_host_is_reached_at_the_address_that_was_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context, bundle = certificate_for("fhir.example.org", tmp_path)
    resolver = Resolver(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    sender = Transport(allowed_private_hosts=frozenset({"FHIR.example.org"}), ca_bundle=bundle)
    with serving(always(answer(b"secure")), tls=context) as server:
        for _ in range(2):
            reply = sender.send("GET", f"https://fhir.example.org:{server.port}/")
            assert reply.content == b"secure"
    assert resolver.asked == ["fhir.example.org"]
    sender.close()


def test_registration_is_no_pass_to_the_metadata_service(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, ["169.254.169.254"])
    sender = Transport(allowed_private_hosts=frozenset({"fhir.example.org"}))
    with pytest.raises(NotSent) as caught:
        sender.send("GET", "https://fhir.example.org/")
    assert caught.value.code == "blocked-address"


def test_a_certificate_for_another_name_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context, bundle = certificate_for("other.example.org", tmp_path)
    Resolver(monkeypatch, ["127.0.0.1"])
    sender = Transport(allowed_private_hosts=frozenset({"fhir.example.org"}), ca_bundle=bundle)
    with serving(always(answer()), tls=context) as server, pytest.raises(NotSent) as caught:
        sender.send("GET", f"https://fhir.example.org:{server.port}/")
    assert caught.value.code == "tls"
    assert server.requests == []


def test_names_below_localhost_mean_this_machine(transport: Transport) -> None:
    with serving(always(answer(b"here"))) as server:
        assert transport.send("GET", f"http://ehr.localhost:{server.port}/").content == b"here"
