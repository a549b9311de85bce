"""`fhir-plugin issuer add` and servers that are not what they should be: a clear word, a status, nothing written."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_plugin.adapters import ehr_introduction
from tests.app.commands_here import CommandLine
from tests.app.ehrs import published
from tests.smart_launch.loopback import Heard, Respond, always, answer, once, serving

REFUSED, UNAVAILABLE = 2, 69


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ehr_introduction, "READ_SECONDS", 0.5)
    monkeypatch.setattr(ehr_introduction, "TOTAL_SECONDS", 1.0)
    return CommandLine({"FHIR_PLUGIN_STATE": str(tmp_path / "state"), "HOME": str(tmp_path / "home")})


def _refused(here: CommandLine, url: str, *options: str) -> tuple[int, str]:
    done = here.run("issuer", "add", url, "--yes", "--json", *options)
    assert not (here.state / "issuers.toml").exists() and here.actions() == []
    assert done.err == ""  # it was never good enough to be shown
    return done.status, done.json()["refused"]["code"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://fhir.trust-a.example/r4", "insecure-url"),
        ("https://10.1.2.3/fhir", "blocked-address"),
        ("https://169.254.169.254/latest", "blocked-address"),
        ("https://[fd00::1]/fhir", "blocked-address"),
        ("https://[::ffff:10.0.0.1]/fhir", "blocked-address"),
        ("ftp://fhir.trust-a.example/r4", "bad-url"),
        ("https://somebody:secret@fhir.trust-a.example/r4", "bad-url"),
        ("https://fhir.trust-a.example/r4?x=1", "bad-url"),
        ("https://fhir.trust-a.example/r4#x", "bad-url"),
        ("https://fhir.trust-a.example:port/r4", "bad-url"),
        ("https://[::1", "bad-url"),
        ("https://", "bad-url"),
        ("http://", "bad-url"),
        ("http://fhir.trust-a.example", "insecure-url"),
        ("https://fhir.trust-\N{CYRILLIC SMALL LETTER A}.example/r4", "bad-url"),
        ("fhir.trust-a.example", "bad-url"),
        ("", "bad-url"),
        ("https://fhir.trust-a.example/r4\n", "bad-url"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused(here: CommandLine, url: str, code: str) -> None:
    assert _refused(here, url) == (REFUSED, code)


def _drip(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(50):
        connection.sendall(b" ")
        threading.Event().wait(0.1)


def _silence(connection: socket.socket, _request: bytes) -> None:
    connection.settimeout(5)
    connection.recv(1)


_HTML = b"<!doctype html><title>Sign in</title><script>alert(1)</script>"
_BAD: dict[str, tuple[Respond, int, str]] = {
    "a web page": (always(answer(_HTML, headers="Content-Type: text/html\r\n")), REFUSED, "discovery-not-json"),
    "a list": (always(answer(b"[]")), REFUSED, "discovery-not-json"),
    "a number that is none": (always(answer(b'{"issuer": NaN}')), REFUSED, "discovery-not-json"),
    "deeply nested": (always(answer(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")), REFUSED, "discovery-not-json"),
    "huge": (always(answer(b'{"a": "' + b"x" * 2**20 + b'"}')), REFUSED, "discovery-too-large"),
    "not there": (always(answer(b"{}", status="404 Not Found")), REFUSED, "discovery-missing"),
    "a redirect": (
        always(answer(b"", status="302 Found", headers="Location: https://evil.example/\r\n")),
        REFUSED,
        "discovery-missing",
    ),
    "behind a sign-in": (always(answer(b"{}", status="401 Unauthorized")), REFUSED, "discovery-missing"),
    "too busy": (always(answer(b"{}", status="503 Service Unavailable")), UNAVAILABLE, "discovery-busy"),
    "asked too often": (always(answer(b"{}", status="429 Too Many Requests")), UNAVAILABLE, "discovery-busy"),
    "broken": (always(answer(b"", status="502 Bad Gateway")), UNAVAILABLE, "discovery-missing"),
    "silent": (_silence, UNAVAILABLE, "timeout"),
    "dripping": (_drip, UNAVAILABLE, "timeout"),
    "cut short": (once(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"), UNAVAILABLE, "truncated"),
    "not HTTP": (once(b"SSH-2.0-OpenSSH_9\r\n"), UNAVAILABLE, "answer-lost"),
}


@pytest.mark.parametrize("what", _BAD)
def test_a_server_that_is_no_ehr_is_refused_or_unavailable(here: CommandLine, what: str) -> None:
    respond, status, code = _BAD[what]
    with serving(respond) as heard:
        assert _refused(here, f"{heard.url}/fhir", "--sandbox") == (status, code)
    assert len(heard.requests) == 1  # never twice, and nothing else was asked


def test_a_port_where_nobody_listens_is_unavailable(here: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert _refused(here, f"http://127.0.0.1:{port}/fhir", "--sandbox") == (UNAVAILABLE, "refused")


_TWISTED: dict[str, tuple[dict[str, Any], str]] = {
    "no S256": ({"code_challenge_methods_supported": ["plain"]}, "discovery-no-s256"),
    "no PKCE": ({"code_challenge_methods_supported": None}, "discovery-no-s256"),
    "no token endpoint": ({"token_endpoint": None}, "discovery-incomplete"),
    "no sign-in": ({"authorization_endpoint": None}, "discovery-incomplete"),
    "an endpoint without TLS": ({"token_endpoint": "http://login.example/token"}, "discovery-endpoint"),
    "a script for an endpoint": ({"authorization_endpoint": "javascript:alert(1)"}, "discovery-endpoint"),
    "somebody's name in it": ({"authorization_endpoint": "https://me@login.example/a"}, "discovery-endpoint"),
    "an endpoint that is no URL": ({"jwks_uri": "https://[::1"}, "discovery-endpoint"),
    "an issuer without TLS": ({"issuer": "http://login.example"}, "discovery-issuer"),
    "an issuer that is no URL": ({"issuer": "somebody"}, "discovery-issuer"),
}


@pytest.mark.parametrize("what", _TWISTED)
def test_a_configuration_with_which_no_launch_could_work_is_refused(here: CommandLine, what: str) -> None:
    changes, code = _TWISTED[what]
    with _publishing(changes) as heard:
        assert _refused(here, f"{heard.url}/fhir", "--sandbox") == (REFUSED, code)
        assert len(heard.requests) == 1


def test_an_openid_configuration_of_another_issuer_is_shown_as_a_warning(here: CommandLine) -> None:
    with _publishing({}, other_issuer=True) as heard:
        done = here.run("issuer", "add", f"{heard.url}/fhir", "--sandbox", "--json", answers="n\n")
    assert done.status == REFUSED and "another issuer" in done.err


def test_a_clock_that_says_nonsense_is_not_compared(here: CommandLine) -> None:
    with _publishing({}, headers="Date: Thu, 01 Jan 1970 00:00:00 +99999999999999\r\n") as heard:
        done = here.run("issuer", "add", f"{heard.url}/fhir", "--sandbox", answers="n\n")
    assert done.status == REFUSED and "Trust this EHR" in done.out


def test_keys_at_a_private_address_are_not_fetched(here: CommandLine) -> None:
    """What a stranger names must not make us ask inside the network."""
    with _publishing({"jwks_uri": "https://10.0.0.1/jwks"}) as heard:
        done = here.run("issuer", "add", f"{heard.url}/fhir", "--sandbox", answers="n\n")
    assert "hosts to trust   10.0.0.1, 127.0.0.1" in done.out
    (identity,) = [line for line in done.out.splitlines() if " identity " in line]
    assert identity.split()[0] == "failed" and "10.0.0.1" in identity


def test_an_ehr_elsewhere_may_not_point_at_this_machine() -> None:
    document = published(
        authorization_endpoint="http://127.0.0.1:9/authorize", token_endpoint="https://localhost/token"
    )
    (smart, *_) = document.values()
    assert isinstance(smart, dict)
    assert ehr_introduction.hosts_named("https://fhir.trust-a.example/r4", smart) == {"login.trust-a.example"}


@contextlib.contextmanager
def _publishing(changes: dict[str, Any], *, other_issuer: bool = False, headers: str = "") -> Iterator[Heard]:
    """A loopback EHR that publishes a good configuration with `changes`."""
    where: list[str] = []

    def respond(connection: socket.socket, request: bytes) -> None:
        documents = published(f"{where[0]}/fhir", f"{where[0]}/login", **changes)
        if other_issuer:
            documents[f"{where[0]}/login/.well-known/openid-configuration"] = {"issuer": "https://evil.example"}
        found = documents.get(where[0] + request.split()[1].decode())
        body = json.dumps(found).encode() if isinstance(found, dict) else b""
        connection.sendall(answer(body, status="200 OK" if body else "404 Not Found", headers=headers))

    with serving(respond) as heard:
        where.append(heard.url)
        yield heard
