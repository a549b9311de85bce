"""Whole launches over real HTTP, against the sandbox: an EHR that shares no code with this client."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest

from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.oauth.clients import AuthMethod, SandboxClient
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from smart_launch import (
    AuthorizationError,
    ClientKey,
    CompletedLaunch,
    IdTokenVerifier,
    InvalidClient,
    InvalidGrant,
    Issuer,
    IssuerRegistry,
    SmartConfiguration,
    Transport,
    begin_launch,
    complete,
    discover,
    public_jwks,
    read_launch,
    refresh,
    request_system_grant,
    revoke,
)

NOW = dt.datetime(2026, 11, 20, 10, 0, tzinfo=dt.UTC)
REDIRECT = "https://app.invalid/callback"
COOKIE = "browser-secret-canary"
KEYS = {"RS384": ClientKey.generate("rsa", "RS384"), "ES384": ClientKey.generate("ec", "ES384")}
SCOPES = ("openid", "fhirUser", "offline_access", "patient/Media.cruds", "patient/Patient.r")
KINDS = ("public", "secret", "RS384", "ES384")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def ehr() -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig(today=NOW.date(), clock=NOW.timestamp)) as running:
        yield running


@pytest.fixture
def transport() -> Iterator[Transport]:
    sender = Transport()
    yield sender
    sender.close()


@dataclass
class Registered:
    """This app, as one EHR knows it."""

    ehr: RunningSandbox
    issuer: Issuer
    key: ClientKey | None
    transport: Transport

    @property
    def configuration(self) -> SmartConfiguration:
        return discover(self.issuer, self.transport)

    def click(self, patient: str = "p-adult-1") -> dict[str, str]:
        """Somebody launches the app from a chart: the parameters that arrive at the launch URL."""
        reply = self.transport.send(
            "POST",
            f"{self.ehr.origin}/_sandbox/launch",
            headers={"Content-Type": "application/json"},
            content=(f'{{"client_id": "{self.issuer.client_id}", "user": "gp", "patient": "{patient}"}}').encode(),
        )
        assert reply.status == 200
        return {"iss": self.ehr.fhir_base, "launch": reply.json()["launch"]}

    def follow(self, url: str) -> dict[str, str]:
        """The browser goes to the EHR and comes back."""
        reply = self.transport.send("GET", url)
        assert reply.status in {302, 303}
        location = reply.headers["Location"]
        assert location.startswith(REDIRECT + "?")
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    def launch(self, patient: str = "p-adult-1", **changes: str) -> CompletedLaunch:
        request = read_launch(self.click(patient), IssuerRegistry([self.issuer]))
        pending, url = begin_launch(
            request.issuer,
            self.configuration,
            redirect_uri=REDIRECT,
            browser_secret=COOKIE,
            now=NOW,
            launch=request.launch,
            aud=request.iss,
        )
        return complete(
            pending,
            {**self.follow(url), **changes},
            issuer=self.issuer,
            browser_secret=COOKIE,
            transport=self.transport,
            verifier=IdTokenVerifier(self.transport),
            key=self.key,
            now=NOW,
        )


def register(ehr: RunningSandbox, transport: Transport, kind: str, *, backend: bool = False) -> Registered:
    methods: dict[str, AuthMethod] = {"public": "none", "secret": "client_secret_basic"}
    method: AuthMethod = methods.get(kind, "private_key_jwt")
    key = KEYS.get(kind)
    secret = "s3cret/with:odd chars" if kind == "secret" else ""
    name = f"smart-{kind}-{next(_numbers)}"
    ehr.register(
        SandboxClient(
            client_id=name,
            name=name,
            launch_url="https://app.invalid/launch",
            redirect_uris=(REDIRECT,),
            auth_method=method,
            secret=secret or None,
            jwks=public_jwks([key]) if key else None,
            backend=backend,
        )
    )
    issuer = Issuer(
        name="sandbox",
        iss=ehr.fhir_base,
        client_id=name,
        auth_method=method,
        client_secret=secret,
        key_id=key.kid if key else "",
        scopes=SCOPES,
        sandbox=True,
        require_nonce=True,
    )
    return Registered(ehr, issuer, key, transport)


@pytest.mark.parametrize("kind", KINDS)
def test_a_launch_from_chart_to_record(ehr: RunningSandbox, transport: Transport, kind: str) -> None:
    app = register(ehr, transport, kind)
    launch = app.launch()
    assert launch.context.patient == "p-adult-1"
    assert launch.identity is not None
    assert launch.context.fhir_user is not None
    assert launch.context.fhir_user.here
    assert launch.grant.scopes.allows("Media", "create")
    assert not launch.grant.scope_assumed
    url = f"{ehr.fhir_base}/Patient/p-adult-1"
    reply = transport.send("GET", url, headers=launch.grant.header_for(url))
    assert (reply.status, reply.json()["id"]) == (200, "p-adult-1")
    assert transport.send("GET", url).status == 401


@pytest.mark.parametrize("kind", KINDS)
def test_refresh_rotates_and_revocation_ends_it(ehr: RunningSandbox, transport: Transport, kind: str) -> None:
    app = register(ehr, transport, kind)
    first = app.launch().grant
    second = refresh(first, app.issuer, app.configuration, transport, key=app.key, now=NOW)
    assert second.access_token != first.access_token
    assert second.parameters["patient"] == "p-adult-1"
    assert second.refresh_token not in {None, first.refresh_token}
    if revoke(second, app.issuer, app.configuration, transport, key=app.key, now=NOW):
        url = f"{ehr.fhir_base}/Patient/p-adult-1"
        assert transport.send("GET", url, headers=second.header_for(url)).status == 401
    else:
        assert app.configuration.revocation_endpoint == ""
    with pytest.raises(InvalidGrant):
        refresh(first, app.issuer, app.configuration, transport, key=app.key, now=NOW)


def test_two_charts_at_once_keep_their_patients(ehr: RunningSandbox, transport: Transport) -> None:
    app = register(ehr, transport, "public")
    one, other = app.launch("p-adult-1"), app.launch("p-child-7")
    assert (one.context.patient, other.context.patient) == ("p-adult-1", "p-child-7")
    url = f"{ehr.fhir_base}/Patient/p-child-7"
    assert transport.send("GET", url, headers=one.grant.header_for(url)).status in {403, 404}
    assert transport.send("GET", url, headers=other.grant.header_for(url)).status == 200


def test_a_code_that_was_made_up_is_refused(ehr: RunningSandbox, transport: Transport) -> None:
    with pytest.raises(InvalidGrant):
        register(ehr, transport, "public").launch(code="made-up")


def test_a_wrong_secret_is_the_administrators_business(ehr: RunningSandbox, transport: Transport) -> None:
    app = register(ehr, transport, "secret")
    wrong = Registered(
        ehr,
        Issuer(
            name="sandbox",
            iss=ehr.fhir_base,
            client_id=app.issuer.client_id,
            auth_method="client_secret_basic",
            client_secret="wrong",
            scopes=SCOPES,
            sandbox=True,
        ),
        None,
        transport,
    )
    with pytest.raises(InvalidClient):
        wrong.launch()


def test_a_handle_that_was_made_up_is_refused(ehr: RunningSandbox, transport: Transport) -> None:
    app = register(ehr, transport, "public")
    pending, url = begin_launch(
        app.issuer,
        app.configuration,
        redirect_uri=REDIRECT,
        browser_secret=COOKIE,
        now=NOW,
        launch="made-up",
    )
    with pytest.raises(AuthorizationError) as caught:
        complete(
            pending,
            app.follow(url),
            issuer=app.issuer,
            browser_secret=COOKIE,
            transport=transport,
            verifier=IdTokenVerifier(transport),
            now=NOW,
        )
    assert caught.value.error.startswith("invalid")


@pytest.mark.parametrize("kind", ["RS384", "ES384"])
def test_the_app_gets_access_for_itself(ehr: RunningSandbox, transport: Transport, kind: str) -> None:
    app = register(ehr, transport, kind, backend=True)
    assert app.key is not None
    grant = request_system_grant(
        app.issuer, app.configuration, transport, scopes=["system/Patient.rs"], key=app.key, now=NOW
    )
    url = f"{ehr.fhir_base}/Patient/p-adult-1"
    assert transport.send("GET", url, headers=grant.header_for(url)).status == 200
    assert grant.refresh_token is None
