"""An EHR that asks us to wait is left alone, and the person is told when to come back. Others go on."""

from __future__ import annotations

import datetime as dt
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_plugin.adapters.sessions import LaunchSession
from fhir_plugin.app import create_app, install
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from smart_launch import BINDING_COOKIE, Grant, GrantedScopes, Issuer, IssuerRegistry, binding_of
from tests.fakes.worker import FakeImageWorker
from tests.smart_launch.loopback import answer, serving

BROWSER = "the-browser"
BUSY = "Retry-After: 45\r\n"
DOES = [{"code": code} for code in ("read", "search-type", "create", "update")]
CAPABILITY: dict[str, Any] = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "kind": "instance",
    "fhirVersion": "4.0.1",
    "format": ["json"],
    "rest": [{"mode": "server", "resource": [{"type": kind, "interaction": DOES} for kind in ("Patient", "Media")]}],
}


@dataclass
class BusyEhr:
    """An EHR over a socket. `said` maps a beginning of a request to the status line that it gets."""

    said: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, connection: socket.socket, request: bytes) -> None:
        head = request.partition(b"\r\n\r\n")[0].decode()
        line = head.splitlines()[0].removesuffix(" HTTP/1.1")
        who = next((each.split()[-1] for each in head.splitlines() if each.lower().startswith("authorization:")), "")
        self.asked.append(f"{line} {who}".strip())
        status = next((status for begins, status in self.said.items() if self.asked[-1].startswith(begins)), "")
        if status:
            connection.sendall(answer(b"", status=status, headers=BUSY))
            return
        body: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
        if "/metadata" in line:
            body = CAPABILITY
        elif "/Patient/" in line:
            body = {"resourceType": "Patient", "id": "p1", "name": [{"text": "Amy Lee"}], "birthDate": "1984-06-21"}
        connection.sendall(answer(json.dumps(body).encode(), headers="Content-Type: application/fhir+json\r\n"))


@dataclass
class Ward:
    installation: Installation
    ehr: BusyEhr
    base: str
    client: FlaskClient

    def begin(self, launch: str) -> None:
        """A launch whose access token is named after it."""
        now = self.installation.clock.now()
        until = now + dt.timedelta(hours=8)
        self.installation.sessions.create(
            LaunchSession(
                launch_id=LaunchId(launch),
                browser_binding_hash=binding_of(BROWSER),
                fhir_base=FhirBase(self.base),
                issuer="busy",
                patient=PatientId("p1"),
                encounter=None,
                user=Reference(f"Practitioner/{launch}"),
                user_display="Dr Priya Shah",
                scopes="",
                context={"roles": ["clinician"]},
                created=now,
                last_seen=now,
                ends=until,
            )
        )
        scopes = GrantedScopes.parse("patient/*.cruds")
        self.installation.tokens.save(LaunchId(launch), Grant(self.base, self.base, f"token-{launch}", until, scopes))

    def home(self, launch: str) -> TestResponse:
        return self.client.get(f"/l/{launch}/")

    def launch(self) -> TestResponse:
        return self.client.get("/launch", query_string={"iss": self.base, "launch": "x"})


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ehr = BusyEhr()
    with serving(ehr) as server:
        base = f"{server.url}/fhir"
        installation = install(
            Settings(state=tmp_path, base_url="http://localhost"),
            registry=IssuerRegistry([Issuer(name="busy", iss=base, client_id="x", sandbox=True)]),
            worker=FakeImageWorker(),
            client_keys={},
        )
        client = create_app(installation).test_client()
        client.set_cookie(BINDING_COOKIE, BROWSER, domain="localhost")
        yield Ward(installation, ehr, base, client)
        installation.close()


def assert_told_when_to_come_back(answer: TestResponse, *, exactly: bool) -> None:
    assert answer.status_code == 503
    seconds = int(answer.headers["Retry-After"])
    assert seconds == 45 if exactly else 40 <= seconds <= 45
    assert "Wait a minute" in answer.text
    assert "token-" not in answer.text


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_launch_while_discovery_is_busy(ward: Ward, status: str) -> None:
    ward.ehr.said["GET /fhir/.well-known"] = status
    first = ward.launch()
    assert_told_when_to_come_back(first, exactly=True)
    assert "Your EHR is busy" in first.text
    second = ward.launch()
    assert_told_when_to_come_back(second, exactly=False)
    assert "Your EHR is busy" in second.text
    assert len(ward.ehr.asked) == 1, "the second launch asked for nothing"


def test_one_person_s_haste_does_not_lock_the_ward_out(ward: Ward) -> None:
    ward.begin("hasty")
    ward.begin("calm")
    ward.ehr.said["GET /fhir/Patient/p1 token-hasty"] = "429 Too Many Requests"
    assert_told_when_to_come_back(ward.home("hasty"), exactly=True)
    asked = len(ward.ehr.asked)
    again = ward.home("hasty")
    assert_told_when_to_come_back(again, exactly=False)
    assert "Your pictures and answers are kept safely" in again.text
    assert len(ward.ehr.asked) == asked
    assert ward.home("calm").status_code == 200
    assert len(ward.ehr.asked) > asked


def test_a_closed_server_is_closed_for_everybody(ward: Ward) -> None:
    ward.begin("hasty")
    ward.begin("calm")
    ward.ehr.said["GET /fhir/Patient/p1 token-hasty"] = "503 Service Unavailable"
    assert_told_when_to_come_back(ward.home("hasty"), exactly=True)
    asked = len(ward.ehr.asked)
    assert_told_when_to_come_back(ward.home("calm"), exactly=False)
    assert_told_when_to_come_back(ward.launch(), exactly=False)
    assert len(ward.ehr.asked) == asked
