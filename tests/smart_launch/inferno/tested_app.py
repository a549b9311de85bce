"""The client under test at library level: `smart_launch` alone, registered with the mock, and a browser by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from smart_launch import (
    ClientKey,
    CompletedLaunch,
    Departure,
    Grant,
    Issuer,
    IssuerRegistry,
    Reply,
    SmartClient,
    Transport,
    keys_by_id,
    public_jwks,
)
from tests.smart_launch.inferno.mock_server import MockServer
from tests.smart_launch.inferno.recorded import ClientType, Registration, Session

APP = "https://images.trust.example"
"""What an installation prints for registration lies below its public origin: launch URL, redirect URI, JWKS."""
LAUNCH_URL, REDIRECT_URI, JWKS_URL = f"{APP}/launch", f"{APP}/callback", f"{APP}/.well-known/jwks.json"
KEYS = {"RS384": ClientKey.generate("inferno-rsa", "RS384"), "ES384": ClientKey.generate("inferno-ec", "ES384")}
SCOPES = ("openid", "fhirUser", "offline_access", "patient/Patient.rs", "patient/Media.cruds", "user/Practitioner.rs")
PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01"}
CONTEXT = {"patient": "p1", "need_patient_banner": False, "intent": "order-photo"}
BROWSER = "browser-secret-canary"

KINDS: dict[str, ClientType] = {
    "RS384": ClientType.ALCA,
    "ES384": ClientType.ALCA,
    "secret": ClientType.ALCS,
    "public": ClientType.ALP,
    "backend-RS384": ClientType.BSCA,
    "backend-ES384": ClientType.BSCA,
}
"""Every kind of client that is tested, by the way it authenticates."""


def read_jwks_url(url: str) -> str:
    """What is published at this app's JWKS URL."""
    assert url == JWKS_URL
    return json.dumps(public_jwks(KEYS.values()))


def registration_of(kind: str, **changes: Any) -> Registration:
    """What a tester types in for this app."""
    client_type = KINDS[kind]
    backend = client_type is ClientType.BSCA
    values: dict[str, Any] = {
        "client_id": f"app-{kind}",
        "launch_urls": "" if backend else LAUNCH_URL,
        "redirect_uris": "" if backend else REDIRECT_URI,
        "jwks": JWKS_URL if client_type.authentication == "confidential_asymmetric" else "",
        "secret": "s3cret/with:odd+ch%61rs" if kind == "secret" else "",
        "launch_context": json.dumps(CONTEXT),
        "fhir_user": "Practitioner/7",
        "resources": (PATIENT,),
        **changes,
    }
    return Registration(client_type, **values)


def issuer_of(mock: MockServer, registration: Registration, kind: str, **changes: Any) -> Issuer:
    """The registry's entry for the mock."""
    algorithm = kind.removeprefix("backend-")
    method = {"secret": "client_secret_basic", "public": "none"}.get(kind, "private_key_jwt")
    values: dict[str, Any] = {
        "name": "inferno",
        "iss": mock.fhir_base,
        "client_id": registration.client_id,
        "auth_method": method,
        "client_secret": registration.secret,
        "key_algorithm": algorithm if method == "private_key_jwt" else "",
        "scopes": SCOPES,
        "sandbox": True,
        **changes,
    }
    return Issuer(**values)


@dataclass
class AppUnderTest:
    """One client with its test session."""

    session: Session
    client: SmartClient
    transport: Transport

    @property
    def issuer(self) -> Issuer:
        return self.client.registry.named("inferno")

    def launched(self) -> CompletedLaunch:
        """Somebody opens the launch link of the waiting dialog."""
        (link,) = self.session.launch_links
        assert link.startswith(LAUNCH_URL + "?")
        return self.finish(self.client.begin(urlsplit(link).query, browser_secret=BROWSER))

    def standalone(self) -> CompletedLaunch:
        return self.finish(self.client.begin_standalone("inferno", browser_secret=BROWSER))

    def with_long_scopes(self) -> CompletedLaunch:
        """A standalone launch that asks for so much that its request must be posted."""
        scopes = SCOPES + tuple(f"user/Type{'abcdefghij'[n % 10] * (5 + n)}.cruds" for n in range(50))
        asking = SmartClient(
            IssuerRegistry([replace(self.issuer, scopes=scopes)]),
            redirect_uri=REDIRECT_URI,
            keys=keys_by_id(KEYS.values()),
            transport=self.transport,
        )
        departure = asking.begin_standalone("inferno", browser_secret=BROWSER)
        assert departure.form is not None
        return asking.finish(go_to_ehr(departure), browser_secret=BROWSER)

    def finish(self, departure: Departure) -> CompletedLaunch:
        return self.client.finish(go_to_ehr(departure), browser_secret=BROWSER)

    def read(self, grant: Grant, path: str = "Patient/p1") -> Reply:
        url = f"{grant.fhir_base}/{path}"
        return self.transport.send("GET", url, headers=grant.header_for(url))

    def whole_suite(self) -> None:
        """Everything that Inferno waits for, and a refresh, twice."""
        if self.session.registration.client_type is ClientType.BSCA:
            for _ in range(2):
                grant = self.client.system_grant("inferno", ["system/Patient.rs"])
                assert self.read(grant).status == 200
            return
        for launch in (self.launched(), self.standalone(), self.with_long_scopes()):
            assert self.read(launch.grant).status == 200
            grant = launch.grant
            for _ in range(2):
                grant = self.client.refresh(grant)
                assert self.read(grant).status == 200


def go_to_ehr(departure: Departure) -> str:
    """What a browser brings back from the EHR: the query of the callback."""
    if departure.form is None:
        answer = requests.get(departure.url, allow_redirects=False, timeout=10)
    else:
        action, fields = departure.form
        body = urlencode(fields)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = requests.post(action, data=body, headers=headers, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    location = answer.headers["Location"]
    assert location.startswith(REDIRECT_URI + "?")
    query = urlsplit(location).query
    assert set(parse_qs(query, strict_parsing=True)) == {"code", "state"}
    return query


@contextmanager
def registered_app(
    mock: MockServer, kind: str, *, issuer_changes: Any = None, **changes: Any
) -> Iterator[AppUnderTest]:
    """Registers one client with the mock. `changes` are inputs of the tester."""
    if kind == "RS384":  # the RSA client gives its keys themselves, the others say where they are
        changes = {"jwks": json.dumps(public_jwks([KEYS["RS384"]])), **changes}
    registration = registration_of(kind, **changes)
    session = mock.register(registration, read_jwks_url)
    issuer = issuer_of(mock, registration, kind, **(issuer_changes or {}))
    transport = Transport()
    client = SmartClient(
        IssuerRegistry([issuer]), redirect_uri=REDIRECT_URI, keys=keys_by_id(KEYS.values()), transport=transport
    )
    try:
        yield AppUnderTest(session, client, transport)
    finally:
        transport.close()


class Library:
    """The client of each kind, after its run of the whole suite, which happens once."""

    def __init__(self, mock: MockServer, until: ExitStack) -> None:
        self._mock, self._until = mock, until
        self._done: dict[str, AppUnderTest] = {}

    def __getitem__(self, kind: str) -> AppUnderTest:
        if kind not in self._done:
            self._done[kind] = self._until.enter_context(registered_app(self._mock, kind))
            self._done[kind].whole_suite()
        return self._done[kind]
