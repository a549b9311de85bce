"""`fhir-plugin disclose`: from a server to a package that appears only whole, and everything that stops it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image
from stream_unzip import IncorrectAESPasswordError, stream_unzip

from fhir_plugin.app import install
from fhir_plugin.disclose.at_once import making
from fhir_plugin.disclose.contents import PackagedImage
from fhir_plugin.disclose.desk import deciding
from fhir_plugin.disclose.desk.released import released_pictures
from fhir_plugin.disclose.redact import redact_stream
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from fhir_plugin.sandbox.serve import RunningSandbox, start_sandbox
from fhir_plugin.settings import Settings
from fhir_plugin.walkthrough_disclosures import drawn_thing
from mappings.model.identifiers import FhirBase, PatientId, Sha256
from smart_launch import ClientKey, public_jwks
from tests.app.commands_here import Answer, CommandLine

Json = dict[str, Any]
PATIENT = "p-adult-2"
SECRET = "photo-secret-77"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def put(ehr: RunningSandbox, resource: Json) -> None:
    url = f"{ehr.fhir_base}/{resource['resourceType']}/{resource['id']}"
    requests.put(url, json=resource, headers={"Content-Type": "application/fhir+json"}, timeout=10).raise_for_status()


def photograph(id_: str, **more: Any) -> Json:
    return {
        "resourceType": "Media",
        "id": id_,
        "status": "completed",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "createdDateTime": "2026-03-02",
        "content": {"contentType": "image/jpeg", "url": f"Binary/bytes-of-{id_}"},
        **more,
    }


@pytest.fixture(scope="module")
def ehr() -> Iterator[RunningSandbox]:
    with start_sandbox(SandboxConfig(open=True)) as running:
        for id_, data in ((SECRET, drawn_thing()), ("photo-usual-78", _other())):
            labels = {"meta": {"security": [{"system": CONFIDENTIALITY, "code": "R" if id_ == SECRET else "N"}]}}
            put(running, photograph(id_, **labels))
            put(
                running,
                {
                    "resourceType": "Binary",
                    "id": f"bytes-of-{id_}",
                    "contentType": "image/jpeg",
                    "data": base64.b64encode(data).decode(),
                },
            )
        yield running


def _other() -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (320, 240), "#774411").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def here(tmp_path: Path) -> CommandLine:
    return CommandLine({"FHIR_PLUGIN_STATE": str(tmp_path / "state")})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "package.zip"


def disclose(here: CommandLine, ehr: RunningSandbox, out: Path, purpose: str = "insurer", *more: str) -> Answer:
    server = () if "--server" in more or "--issuer" in more else ("--server", ehr.fhir_base, "--no-auth")
    return here.run("disclose", "--patient", PATIENT, "--purpose", purpose, "-o", str(out), "--json", *server, *more)


def test_an_insurer_gets_a_whole_package_without_what_is_restricted(
    here: CommandLine, ehr: RunningSandbox, out: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    answer = disclose(here, ehr, out, "COVERAGE", "--recipient", "Example Insurance", "--report", str(report))
    assert answer.status == 0, answer.err
    said = answer.json()
    assert (said["pictures"], said["review"], said["not_read"]) == (1, [], {})
    with zipfile.ZipFile(out) as package:
        assert package.testzip() is None
        assert not any(SECRET.encode() in package.read(name) for name in package.namelist())
        assert b"photo-usual-78" in package.read("record.ndjson")
        assert b"COVERAGE" not in package.read("cover.html"), "a code tells nobody anything"
    assert out.stat().st_mode & 0o077 == 0
    told = json.loads(report.read_text())
    assert {each["id"]: each["verdict"] for each in told["resources"]}[SECRET] == "redact"
    assert told["recipient"] == "Example Insurance" and told["sha256"] == said["sha256"]
    assert ("record.disclosed", told["package_id"]) in here.actions()
    assert here.run("verify-package", str(out)).status == 0
    kept = sent(here, ehr)
    assert (kept.state, kept.requester, kept.package.sha256) == ("sent", "insurer", said["sha256"])
    assert kept.package.images == ("Media/photo-usual-78",)


def sent(here: CommandLine, ehr: RunningSandbox) -> Any:
    """What the desk knows of it, for the accounting."""
    installation = install(Settings(state=here.state))
    try:
        (found,) = installation.desk.parts.requests.of_patient(FhirBase(ehr.fhir_base), PatientId(PATIENT))
        return found
    finally:
        installation.close()


def test_the_patient_gets_everything(here: CommandLine, ehr: RunningSandbox, out: Path) -> None:
    assert disclose(here, ehr, out, "patient", "--watermark").json()["pictures"] == 2
    with zipfile.ZipFile(out) as package:
        assert SECRET.encode() in package.read("record.ndjson")


def test_what_needs_a_person_is_left_out_and_listed(here: CommandLine, ehr: RunningSandbox, out: Path) -> None:
    odd = photograph("photo-odd-79", meta={"security": [{"system": "urn:elsewhere", "code": "??"}]})
    put(ehr, odd)
    try:
        answer = disclose(here, ehr, out)
    finally:
        requests.delete(f"{ehr.fhir_base}/Media/photo-odd-79", timeout=10)
    assert answer.status == 3
    assert "photo-odd-79" in {each["id"] for each in answer.json()["review"]}
    with zipfile.ZipFile(out) as package:
        assert b"photo-odd-79" not in package.read("record.ndjson")


def test_a_new_password_is_told_once_and_opens_it(here: CommandLine, ehr: RunningSandbox, out: Path) -> None:
    password = disclose(here, ehr, out, "insurer", "--encrypt").json()["password"]
    assert "record.ndjson" in opened(out, password)
    with pytest.raises(IncorrectAESPasswordError):
        opened(out, "something else entirely")


def opened(path: Path, password: str) -> list[str]:
    with path.open("rb") as file:
        found = []
        for name, _size, pieces in stream_unzip(iter(lambda: file.read(65536), b""), password=password.encode()):
            found.append(name.decode())
            for _piece in pieces:
                pass
    return found


def test_a_password_of_ones_own(here: CommandLine, ehr: RunningSandbox, out: Path) -> None:
    arguments = ["disclose", "--patient", PATIENT, "--purpose", "insurer", "-o", str(out), "--password-stdin"]
    arguments += ["--server", ehr.fhir_base, "--no-auth"]
    assert here.run(*arguments, answers="short\n").status == 64
    assert not out.exists()
    assert here.run(*arguments, answers="correct horse battery\n").status == 0
    assert "record.ndjson" in opened(out, "correct horse battery")


def test_where_the_redactor_misses_something_nothing_appears(
    here: CommandLine, ehr: RunningSandbox, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.write_bytes(b"an earlier one")

    def lets_all_through(redaction, read_parts, listed, stays):  # type: ignore[no-untyped-def]  # a broken stand-in
        list(redact_stream(redaction, read_parts, listed, stays))
        return iter(read_parts())

    monkeypatch.setattr(deciding, "redact_stream", lets_all_through)
    answer = disclose(here, ehr, out)
    assert (answer.status, answer.json()["refused"]["code"]) == (1, "not-proven")
    assert SECRET not in answer.out + answer.err
    assert out.read_bytes() == b"an earlier one"
    assert {each.name for each in out.parent.iterdir()} <= {"package.zip", "state"}
    assert "record.disclosed" not in {action for action, _ in here.actions()}


def compressed_anew() -> bytes:
    """What our drawing shows, with no byte of it the same, and smaller."""
    picture, file = Image.open(io.BytesIO(drawn_thing())).convert("RGB"), io.BytesIO()
    picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)).save(file, "JPEG", quality=55)
    return file.getvalue()


@pytest.mark.parametrize("copy", [drawn_thing, compressed_anew])
def test_a_picture_that_stays_is_known_by_its_bytes_and_by_its_pixels_wherever_they_would_go_out(
    here: CommandLine, ehr: RunningSandbox, out: Path, monkeypatch: pytest.MonkeyPatch, copy: Callable[[], bytes]
) -> None:
    real = released_pictures

    def another_in_its_place(*asked: Any, **more: Any) -> Iterator[PackagedImage]:
        signed = Sha256(hashlib.sha256(copy()).hexdigest())
        return (replace(each, read=copy, signed=signed) for each in real(*asked, **more))

    monkeypatch.setattr(making, "released_pictures", another_in_its_place)
    answer = disclose(here, ehr, out)
    assert (answer.status, out.exists()) == (1, False), answer.out
    assert "not-proven" in answer.out and "pixels" in answer.out


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        (("--purpose", "nobody"), 2, "unknown-purpose"),
        (("--purpose", "patient", "--mode", "silent"), 2, "silence-not-allowed"),
        (("--patient", "p-nobody"), 2, "patient-unknown"),
        (("--patient", "Patient/../x"), 2, "not-a-patient"),
        (("--server", "http://127.0.0.1:9/fhir", "--no-auth"), 69, None),
        (("--server", "https://ehr.example/fhir", "--no-auth"), 2, "not-this-machine"),
        (("--issuer", "nobody"), 2, None),
    ],
)
def test_what_stops_it(
    here: CommandLine, ehr: RunningSandbox, out: Path, more: tuple[str, ...], status: int, code: str | None
) -> None:
    answer = disclose(here, ehr, out, "insurer", *more)
    assert answer.status == status, answer.out
    assert code is None or answer.json()["refused"]["code"] == code
    assert not out.exists()


@pytest.mark.parametrize(
    "more",
    [(), ("--server", "x"), ("--server", "x", "--issuer", "y"), ("--server", "x", "--no-auth", "--client-id", "c"),
     ("--server", "x", "--client-id", "c"), ("--issuer", "y", "--no-auth"),
     ("--server", "x", "--no-auth", "--encrypt", "--password-stdin")],
)  # fmt: skip
def test_what_does_not_fit_together(here: CommandLine, out: Path, more: tuple[str, ...]) -> None:
    assert here.run("disclose", "--patient", "p", "--purpose", "insurer", "-o", str(out), *more).status == 64
    assert not out.exists()


# ------------------------------------------------------------------------- with backend services


@pytest.fixture(scope="module")
def closed() -> Iterator[RunningSandbox]:
    with start_sandbox(SandboxConfig()) as running:
        yield running


def registered(closed: RunningSandbox, folder: Path, name: str = "disclosing") -> Path:
    key = ClientKey.generate(name, "ES384")
    closed.register(
        SandboxClient(
            client_id=name,
            name=name,
            launch_url="",
            redirect_uris=(),
            auth_method="private_key_jwt",
            jwks=public_jwks([key]),
            backend=True,
        )
    )
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.pem"
    path.write_bytes(key.as_pem())
    path.chmod(0o600)
    return path


def test_with_a_key_of_ones_own(here: CommandLine, closed: RunningSandbox, out: Path, tmp_path: Path) -> None:
    key = registered(closed, tmp_path / "keys")
    answer = disclose(
        here, closed, out, "insurer", "--server", closed.fhir_base, "--client-id", "disclosing", "--key", str(key)
    )
    assert answer.status == 0, answer.out
    assert zipfile.is_zipfile(out)


def test_another_key_is_refused(here: CommandLine, closed: RunningSandbox, out: Path, tmp_path: Path) -> None:
    registered(closed, tmp_path / "keys")
    (tmp_path / "keys" / "disclosing.pem").write_bytes(ClientKey.generate("disclosing", "ES384").as_pem())
    key = str(tmp_path / "keys" / "disclosing.pem")
    answer = disclose(
        here, closed, out, "insurer", "--server", closed.fhir_base, "--client-id", "disclosing", "--key", key
    )
    assert (answer.status, out.exists()) == (2, False)


def test_by_its_name_in_the_registry(here: CommandLine, closed: RunningSandbox, out: Path, tmp_path: Path) -> None:
    registered(closed, tmp_path / "secrets")
    issuers = tmp_path / "issuers.toml"
    issuers.write_text(
        f'[[issuer]]\nname = "ward"\niss = "{closed.fhir_base}"\nclient_id = "disclosing"\n'
        'auth_method = "private_key_jwt"\nkey_id = "disclosing"\nsandbox = true\n'
    )
    more = {"FHIR_PLUGIN_ISSUERS_FILE": str(issuers), "FHIR_PLUGIN_SECRETS": str(tmp_path / "secrets")}
    answer = here.run(
        "disclose", "--patient", f"Patient/{PATIENT}", "--purpose", "PATRQT", "-o", str(out), "--issuer", "ward", **more
    )
    assert answer.status == 0, answer.err
    assert "release" in answer.out and zipfile.is_zipfile(out)
