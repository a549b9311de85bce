"""An installation with registered systems, and those systems: keys, assertions, requests. No network."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from werkzeug.test import TestResponse

from fhir_plugin.app import create_app, install
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from fhir_plugin.web.machines.pages import SCOPE
from smart_launch import ClientKey, IssuerRegistry, public_jwks
from smart_launch.client_auth import ASSERTION_TYPE
from tests.fakes.clock import FakeClock
from tests.fakes.transport import ScriptedTransport
from tests.fakes.worker import FakeImageWorker

Json = dict[str, Any]
ORIGIN = "https://images.example"
BASE = f"{ORIGIN}/fhir"
TOKEN_URL = f"{BASE}/token"

CLIENTS = """
[[client]]
client_id = "claims"
name = "Claims gateway"
jwks_file = "claims.json"
purposes = ["insurer"]

[[client]]
client_id = "portal"
jwks_file = "portal.json"
purposes = ["patient", "second-opinion", "insurer", "court-order"]
modes = ["marked", "silent"]
several_patients = true

[[client]]
client_id = "published"
jwks_uri = "https://published.example/jwks"
purposes = ["insurer"]
"""


@dataclass
class Shop:
    """The app, and the keys of the systems that it knows."""

    installation: Installation
    app: Flask
    clock: FakeClock
    transport: ScriptedTransport
    keys: dict[str, ClientKey]

    @property
    def http(self) -> FlaskClient:
        client = self.app.test_client(use_cookies=False)
        client.environ_base["wsgi.url_scheme"] = "https"
        client.environ_base["HTTP_HOST"] = "images.example"
        return client

    def claims(self, client: str = "claims", **changed: Any) -> Json:
        """What a good assertion says; None leaves a claim out."""
        now = int(self.clock.now().timestamp())
        said = {
            "iss": client, "sub": client, "aud": TOKEN_URL, "iat": now, "exp": now + 240,
            "jti": secrets.token_urlsafe(16), **changed,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    def assertion(
        self, client: str = "claims", *, key: ClientKey | None = None, header: Json | None = None, **changed: Any
    ) -> str:
        key = key or self.keys[client]
        top = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
        top = {name: value for name, value in top.items() if value is not None}
        return jwt.encode(top, self.claims(client, **changed), key.private, algorithms=[key.algorithm])

    def ask(self, assertion: str, **changed: str) -> TestResponse:
        """Asks for a token."""
        form = {
            "grant_type": "client_credentials", "scope": SCOPE, "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion, **changed,
        }  # fmt: skip
        return self.http.post("/fhir/token", data={name: value for name, value in form.items() if value != ""})

    def token(self, client: str = "claims") -> str:
        answer = self.ask(self.assertion(client))
        assert answer.status_code == 200, answer.text
        return str(answer.json["access_token"])  # type: ignore[index]

    def redact(
        self, body: bytes | Json, query: str = "", *, client: str = "claims", headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        carried = {"Content-Type": "application/fhir+json", "Authorization": f"Bearer {self.token(client)}"}
        return self.http.post(f"/fhir/$redact{query}", data=sent, headers={**carried, **(headers or {})})

    def entries(self) -> list[Any]:
        return [each.entry for each in self.installation.audit.entries(action="record.redacted")]


@pytest.fixture(scope="session")
def client_keys() -> dict[str, ClientKey]:
    return {
        "claims": ClientKey.generate("claims-1", "ES384"),
        "portal": ClientKey.generate("portal-1", "RS384"),
        "published": ClientKey.generate("published-1", "ES384"),
        "stranger": ClientKey.generate("claims-1", "ES384"),
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, client_keys: dict[str, ClientKey]) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("machines")
    with opened(folder, client_keys) as found:
        yield found


class opened:  # noqa: N801 - a context, as `open` is
    """An installation at `folder` with these systems; `settings` as in `Settings`."""

    def __init__(self, folder: Path, keys: dict[str, ClientKey], clients: str = CLIENTS, **settings: Any) -> None:
        for name in ("claims", "portal"):
            (folder / f"{name}.json").write_text(json.dumps(public_jwks([keys[name]])))
        (folder / "clients.toml").write_text(clients)
        clock, transport = FakeClock(dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)), ScriptedTransport()
        installation = install(
            Settings(state=folder / "state", base_url=ORIGIN, backend_clients_file=folder / "clients.toml", **settings),
            registry=IssuerRegistry([]),
            transport=transport,
            clock=clock,
            worker=FakeImageWorker(),
            client_keys={},
        )
        self._shop = Shop(installation, create_app(installation), clock, transport, keys)

    def __enter__(self) -> Shop:
        return self._shop

    def __exit__(self, *_: object) -> None:
        self._shop.installation.close()
