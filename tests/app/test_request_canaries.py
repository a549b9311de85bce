"""A whole request on the joined app: its secret, the number and who it is about are nowhere but where they belong."""

from __future__ import annotations

import base64
import datetime as dt
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image
from structlog.testing import capture_logs

from fhir_plugin.app import create_app, install
from fhir_plugin.capture.requests.asking import Issued, seen_as
from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.requests.request import RequestState
from fhir_plugin.errors import PluginError
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from mappings.model.people import Patient
from smart_launch import IssuerRegistry
from tests.capture.bench import SESSION
from tests.capture.requests.bench import COVER, FIRST, FORM, LAST

NAME, BORN, NUMBER = "Canaryna Quillfeather", dt.date(1931, 2, 27), "07700900987"
PURPOSE, AREA, WORDS = "the purpose canary", "the area canary", "the canary that the patient wrote"
ABOUT = (NAME, "Quillfeather", "1931-02-27", NUMBER, PURPOSE, AREA, WORDS)


def photograph() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((320, 240), 60).convert("RGB").save(out, "JPEG")
    return out.getvalue()


@dataclass
class Whole:
    installation: Installation
    issued: Issued
    state: Path

    @property
    def secret(self) -> str:
        return self.issued.link.rsplit("/", 1)[1]

    def in_files(self, text: str) -> list[str]:
        """Files of the state, apart from the outbox and the key, that hold it in any spelling."""
        raw = text.encode()
        spellings = [raw, raw.hex().encode(), raw.decode().encode("utf-16-le")]
        spellings += [base64.b64encode(b"x" * offset + raw)[4:-4] for offset in range(3)]
        return [
            path.name
            for path in self.state.rglob("*")
            if path.is_file() and path.parent.name != "outbox"
            if any(each in path.read_bytes() for each in spellings)
        ]


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    installation = install(
        Settings(state=tmp_path, base_url="https://app.example"), registry=IssuerRegistry([]), client_keys={}
    )
    requests = installation.requests
    patient = Patient(SESSION.patient_id, NAME, BORN)
    facts = requests.facts(SESSION, patient, (COVER,))
    request = requests.prepare(facts, {**FORM, "purpose": PURPOSE, "area": AREA})
    form = {"number": NUMBER, "number_again": NUMBER}
    yield Whole(
        installation, requests.issue(SESSION, patient, request.request_id, form, seen=seen_as(request)), tmp_path
    )
    installation.close()


def answer(whole: Whole) -> Door:
    visits, door = whole.installation.visits, Door(whole.secret, whole.installation.visits.new_browser(), "192.0.2.1")
    with pytest.raises(PluginError) as wrong:
        visits.check_birth_date(door, BORN + dt.timedelta(days=1))
    assert all(each not in repr(wrong.value) + str(wrong.value) for each in ABOUT)
    door = replace(door, browser=visits.check_birth_date(door, BORN))
    visits.say(door, FIRST)
    visits.add_picture(door, photograph(), "image/jpeg")
    visits.say(door, replace(LAST, notes=WORDS))
    visits.confirm(door)
    return door


def test_nothing_of_it_is_readable_in_files_logs_or_the_audit_trail(
    whole: Whole, capfd: pytest.CaptureFixture[str]
) -> None:
    door = answer(whole)
    whole.installation.resume()
    entries = whole.installation.audit.entries()
    assert {"request.prepared", "request.sent", "request.opened", "request.answered", "request.birth-date-wrong"} <= {
        each.entry.action for each in entries
    }
    logged = "".join(capfd.readouterr())
    request = whole.installation.request_parts.requests.get(whole.issued.request.request_id)
    assert request.state is RequestState.ANSWERED
    shown = repr(request) + repr(whole.issued) + repr(door) + repr(whole.installation.visits.open(door).said)
    for canary in (*ABOUT, whole.secret, door.browser):
        assert canary not in logged
        assert canary not in repr(entries)
        assert canary not in shown
        assert whole.in_files(canary) == []
    (item,) = whole.installation.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)
    assert item.patient_name == NAME
    assert all(canary not in repr(item) for canary in ABOUT)


def test_the_search_finds_what_is_there(whole: Whole) -> None:
    (whole.state / "leak").write_bytes(b"..." + base64.b64encode(b"ab" + whole.secret.encode() + b"cd"))
    assert whole.in_files(whole.secret) == ["leak"]
    (message,) = (whole.state / "outbox").iterdir()
    assert whole.secret in message.read_text()
    assert whole.secret not in message.name


def test_the_patients_pages_carry_the_secret_in_their_path_alone_and_name_nobody(
    whole: Whole, capfd: pytest.CaptureFixture[str]
) -> None:
    client: FlaskClient = create_app(whole.installation).test_client()
    page = client.get(f"/p/{whole.secret}", base_url="https://app.example", follow_redirects=True)
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    title = re.search(r"<title>(.*?)</title>", page.text, re.DOTALL)
    assert title is not None
    assert whole.secret not in title[1]
    for canary in ABOUT:
        assert canary not in page.text
    for wrong in ("a" * 43, whole.secret[:-1] + "_", "x"):
        assert client.get(f"/p/{wrong}", base_url="https://app.example", follow_redirects=True).status_code >= 400
    assert whole.secret not in "".join(capfd.readouterr())


def test_what_nobody_foresaw_is_logged_without_the_path_or_a_value(
    whole: Whole, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(digest: str, **_: object) -> None:
        raise RuntimeError(f"{whole.secret} {digest} {NAME}")

    app = create_app(whole.installation)
    monkeypatch.setattr(whole.installation.request_parts.requests, "by_link", broken)
    caplog.set_level(0)
    with capture_logs() as told:
        answer = app.test_client().get(f"/p/{whole.secret}/birth", base_url="https://app.example")
    assert answer.status_code == 500
    (line,) = (each for each in told if each["event"] == "unforeseen")
    assert (line["endpoint"], line["method"], line["kinds"]) == ("patient.birth", "GET", ["builtins.RuntimeError"])
    assert line["lines"][-1].startswith("tests.app.test_request_canaries:")
    written = "".join(capfd.readouterr()) + caplog.text + repr(told)
    for canary in (whole.secret, NAME, "/p/"):
        assert canary not in written
