"""The client under test as the whole web application, in front of a browser that knows both it and the mock."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_plugin.app import create_app, install
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from smart_launch import IssuerRegistry
from tests.fakes.clock import FakeClock
from tests.fakes.worker import FakeImageWorker
from tests.smart_launch.inferno.mock_server import MockServer
from tests.smart_launch.inferno.recorded import Session
from tests.smart_launch.inferno.tested_app import APP, JWKS_URL, LAUNCH_URL, REDIRECT_URI, issuer_of, registration_of

SCOPES = (
    "openid",
    "fhirUser",
    "offline_access",
    "patient/Patient.rs",
    "patient/Media.cruds",
    "patient/DocumentReference.cruds",
    "patient/Binary.cruds",
    "patient/Consent.cruds",
    "patient/Provenance.cruds",
    "user/Practitioner.rs",
    "user/PractitionerRole.rs",
)
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"use": "official", "family": "Osei", "given": ["Ama"]}],
    "birthDate": "1980-01-01",
    "gender": "female",
}
PRACTITIONER: dict[str, Any] = {
    "resourceType": "Practitioner",
    "id": "7",
    "name": [{"use": "official", "family": "Grey", "given": ["Robin"]}],
}
NOTHING = json.dumps({"resourceType": "Bundle", "type": "searchset", "total": 0})
"""What Inferno echoes to everything else: a tester would paste something like it."""


def now() -> dt.datetime:
    """The mock's own time."""
    return dt.datetime.now(dt.UTC)


class _Form(HTMLParser):
    """The one form of a page: action, method and fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = self.method = ""
        self.fields: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.method = given.get("action", ""), given.get("method", "get")
        elif tag == "input" and self.action and given.get("name"):
            self.fields.append((given["name"], given.get("value", "")))


@dataclass
class Surfer:
    """A browser: the app over Flask's test client with its cookies, the EHR over HTTP; it follows every redirect."""

    client: FlaskClient
    seen: list[str] = field(default_factory=list)

    def open(self, url: str) -> TestResponse:
        """Goes there and wherever it is sent, forms that submit themselves included; the app's last page."""
        page, _ = self._go(url, "")
        assert page is not None
        return page

    def come_back(self, url: str) -> str:
        """Goes there and signs in at the EHR; the callback's URL, which is not opened yet."""
        page, back = self._go(url, REDIRECT_URI)
        assert page is None, page.text
        return back

    def _go(self, url: str, stop_before: str) -> tuple[TestResponse | None, str]:
        for _ in range(10):
            if stop_before and url.startswith(stop_before):
                return None, url
            self.seen.append(url)
            if not url.startswith(APP):
                url = self._at_ehr(requests.get(url, allow_redirects=False, timeout=10))
                continue
            parts = urlsplit(url)
            page = self.client.get(f"{parts.path}?{parts.query}" if parts.query else parts.path, base_url=APP)
            if page.status_code in {302, 303}:
                url = urljoin(url, page.headers["Location"])
                continue
            if "data-submit-at-once" not in page.text:
                return page, url
            form = _Form(page.text)
            assert form.method == "post"
            self.seen.append(form.action)
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            body = urlencode(form.fields)
            url = self._at_ehr(
                requests.post(form.action, data=body, headers=headers, allow_redirects=False, timeout=10)
            )
        raise AssertionError("too many redirects")

    @staticmethod
    def _at_ehr(answer: requests.Response) -> str:
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


@dataclass
class WholeApp:
    """One installation that knows the mock as its only EHR, and its test session there."""

    session: Session
    installation: Installation
    client: FlaskClient
    clock: FakeClock

    def __post_init__(self) -> None:
        self.session.fetch = self.fetch

    def surfer(self) -> Surfer:
        """Somebody's browser, without cookies."""
        return Surfer(self.client.application.test_client())

    def fetch(self, url: str) -> str:
        """What is published at the app's JWKS URL, as Inferno would read it."""
        assert url == JWKS_URL
        page = self.client.get(urlsplit(url).path, base_url=APP)
        assert page.status_code == 200
        return page.text

    def launched(self, surfer: Surfer | None = None) -> TestResponse:
        (link,) = self.session.launch_links
        assert link.startswith(LAUNCH_URL + "?")
        return (surfer or self.surfer()).open(link)

    def standalone(self, surfer: Surfer | None = None) -> TestResponse:
        return (surfer or self.surfer()).open(f"{APP}/standalone/inferno")

    def hour_passes(self, surfer: Surfer, page: TestResponse) -> TestResponse:
        """A busy hour, until the access token is over: the same page again and again."""
        assert page.request is not None
        for _ in range(4):
            self.clock.advance(minutes=15)
            page = surfer.open(f"{APP}{page.request.path}")
        return page


@contextmanager
def whole_app(
    mock: MockServer, kind: str, state: Path, *, issuer: Mapping[str, Any] | None = None, **inputs: Any
) -> Iterator[WholeApp]:
    """Installs the app with the mock in its registry. `issuer` changes the entry; `inputs` are the tester's."""
    registration = registration_of(
        kind, client_id=f"whole-{kind}", **{"resources": (PATIENT, PRACTITIONER), "echoed": NOTHING, **inputs}
    )
    entry = issuer_of(mock, registration, kind, **{"scopes": SCOPES, "default_role": "clinician", **(issuer or {})})
    clock = FakeClock(now())
    installation = install(
        Settings(state=state, base_url=APP),
        registry=IssuerRegistry([entry]),
        clock=clock,
        worker=FakeImageWorker(),
    )
    try:
        yield WholeApp(mock.register(registration), installation, create_app(installation).test_client(), clock)
    finally:
        installation.close()
