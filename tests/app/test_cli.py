"""The command line keeps one contract: exit statuses, one JSON value on stdout, nothing lost when told to stop."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from fhir_plugin import VERSION
from fhir_plugin.app import install
from fhir_plugin.settings import Settings
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession, Role, User
from tests.imaging.bombs import BOMBS
from tests.imaging.drawing import Canaries, as_jpeg, grainy, loaded_jpeg

DONE, CHECK_FAILED, REFUSED, SOMEBODY_MUST_LOOK, USAGE, UNAVAILABLE = 0, 1, 2, 3, 64, 69
PROGRAM = [str(Path(sys.executable).with_name("fhir-plugin"))]
SESSION = ClinicalSession(
    launch_id=LaunchId("a-launch"),
    fhir_base=FhirBase("https://ehr.example/fhir"),
    issuer="https://ehr.example/fhir",
    patient_id=PatientId("p1"),
    user=User(Reference("Practitioner/dr"), "Dr Example", frozenset({Role.CLINICIAN})),
)


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        """Exactly one JSON value and nothing else."""
        value, end = json.JSONDecoder().raw_decode(self.out)
        assert self.out[end:].strip() == ""
        return value


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own; nothing of the machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_PLUGIN_")}
    (tmp_path / "tmp").mkdir()
    return {**kept, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}


@pytest.fixture
def run(environment: dict[str, str]) -> Any:
    def run(*arguments: str | Path, **more: str) -> Ran:
        done = subprocess.run(
            [*PROGRAM, *map(str, arguments)], env={**environment, **more}, capture_output=True, text=True, timeout=120
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@contextmanager
def running(environment: Mapping[str, str], *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    # A shell has what it runs in the background ignore Ctrl+C: tests that run there must not hand that on.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, inherited)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_for(url: str, process: subprocess.Popen[str]) -> requests.Response:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        try:
            return requests.get(url, timeout=5)
        except (requests.ConnectionError, requests.Timeout):  # it listens before it answers
            time.sleep(0.1)
    raise AssertionError(f"{url} never answered")


# ---------------------------------------------------------------------------------------- usage


def test_version(run: Any) -> None:
    assert run("version") == Ran(DONE, f"{VERSION}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("version", "--no-such-option"),
        ("walkthrough",),
        ("walkthrough", "--photo", "/no/such/file.jpg"),
        ("walkthrough", "--photo", "/"),
        ("sanitise",),
        ("sanitise", "/no/such/file.jpg", "-o", "x.jpg"),
        ("sandbox", "--port", "many"),
        ("sandbox", "--like", "no-such-server"),
        ("demo", "--once", "--like", "no-such-server"),
        ("audit", "no-such-check"),
        ("resume", "--state", __file__),
        ("bench", "--rounds", "0"),
    ],
    ids=" ".join,
)
def test_a_usage_error_is_64_and_says_so_on_stderr(run: Any, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (USAGE, "")
    assert len(ran.err.strip()) > 10


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("walkthrough", "--help"), ("audit", "--help")])
def test_help_is_help(run: Any, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert ran.status == DONE and ran.out.startswith("Usage: ") and ran.err == ""


# ---------------------------------------------------------------------------------- walkthrough


@pytest.mark.parametrize("like", ["default", "hapi", "no-transaction"])
def test_walkthrough_prints_what_the_ehr_holds(run: Any, tmp_path: Path, like: str) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(loaded_jpeg(Canaries(), orientation=6, image=grainy(200, 150)))
    ran = run("walkthrough", "--photo", photo, "--like", like, "--json")
    assert ran.status == DONE, ran.err
    said = ran.json()
    for name, kind in {
        "patient": "Patient",
        "media": "Media",
        "binary": "Binary",
        "consent": "Consent",
        "provenance": "Provenance",
        "audit_event": "AuditEvent",
    }.items():
        assert said[name].startswith(f"{kind}/"), name
    assert all("|" in label for label in said["labels"]) and said["labels"]
    assert said["sha256_clean"] == said["sha256_read_back"] != said["sha256_received"]
    assert "location" in said["removed_metadata"]
    assert all(isinstance(took, float) for took in said["seconds"].values()) and said["seconds"]
    packages = {Path(said[name]["package"]) for name in ("disclosure_insurer", "disclosure_patient")}
    (folder,) = (tmp_path / "tmp").iterdir()  # and no temporary state
    assert set(folder.iterdir()) == packages and folder.stat().st_mode & 0o077 == 0
    assert said["disclosure_insurer"]["counts"]["redact"] > said["disclosure_patient"]["counts"]["redact"] == 0


def test_walkthrough_in_words(run: Any, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(as_jpeg(grainy(64, 64)))
    ran = run("walkthrough", "--photo", photo)
    assert ran.status == DONE and ran.out.startswith("Filed to Patient/")


@pytest.mark.parametrize("name", ["executable", "png-50000-square", "nothing", "heic-of-ten-pictures"])
def test_a_refused_walkthrough_is_2_with_code_and_message(run: Any, tmp_path: Path, name: str) -> None:
    make, code = BOMBS[name]
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(make())
    ran = run("walkthrough", "--photo", photo, "--json")
    assert ran.status == REFUSED
    said = ran.json()
    assert said.keys() == {"refused"} and said["refused"].keys() == {"code", "message"}
    assert said["refused"]["code"] == code and len(said["refused"]["message"]) > 20
    assert not list((tmp_path / "tmp").iterdir()), "a folder for packages that never came"


def test_a_refusal_in_words_is_one_line_on_stderr(run: Any, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"MZ\x90\0" + bytes(200))
    ran = run("walkthrough", "--photo", photo)
    assert (ran.status, ran.out) == (REFUSED, "")
    assert [line for line in ran.err.splitlines() if line.startswith("executable: ")]


def test_a_photo_that_is_far_too_large_is_refused(run: Any, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    with photo.open("wb") as file:
        file.write(as_jpeg(grainy(64, 64)))
        file.truncate(60 << 20)
    ran = run("walkthrough", "--photo", photo, "--json")
    assert ran.status == REFUSED
    assert ran.json()["refused"]["message"]


def test_demo_once_prints_what_it_wrote(run: Any) -> None:
    ran = run("demo", "--once")
    assert ran.status == DONE
    for kind in ("Media/", "Binary/", "Consent/", "Provenance/", "AuditEvent/"):
        assert kind in ran.out
    assert run("demo", "--once", "--json").json()["media"].startswith("Media/")


# ------------------------------------------------------------------------------ resume and audit


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An installation that somebody has used a little, long ago, and left something waiting in."""
    state = tmp_path / "state"
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=60)

    class Then:
        def now(self) -> dt.datetime:
            return long_ago

    installation = install(Settings(state=state, image_workers=1), clock=Then())
    capture = installation.captures.begin(SESSION)
    installation.captures.receive(SESSION, capture, as_jpeg(grainy(64, 48)), "image/jpeg")
    installation.close()
    return state


def test_resume_of_nothing_is_done_twice(run: Any, tmp_path: Path) -> None:
    nothing: dict[str, list[str]] = {"resumed": [], "unsettled": [], "waiting_too_long": [], "late_work": []}
    for _ in range(2):
        ran = run("resume", "--state", tmp_path / "new", "--json")
        assert (ran.status, ran.json()) == (DONE, nothing)


def test_resume_lists_what_waits_for_a_person_and_changes_nothing_the_second_time(run: Any, state: Path) -> None:
    first = run("resume", "--state", state, "--json")
    assert first.status == SOMEBODY_MUST_LOOK
    (waits,) = first.json()["waiting_too_long"]
    assert waits.keys() == {"capture", "kind", "since"} and waits["kind"] == "unfinished"
    second = run("resume", "--state", state, "--json")
    assert (second.status, second.json()) == (first.status, first.json())
    assert "1 waiting too long" in run("resume", "--state", state).out


def test_audit_verify_is_content_with_an_untouched_chain(run: Any, state: Path) -> None:
    ran = run("audit", "verify", "--state", state, "--json")
    assert ran.status == DONE
    assert ran.json()["intact"] is True and ran.json()["entries"] >= 3


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {table} SET {text} = 'image.discarded' WHERE {key} = (SELECT min({key}) + 1 FROM {table})",
        "DELETE FROM {table} WHERE {key} = (SELECT min({key}) + 1 FROM {table})",
    ],
    ids=["changed", "removed"],
)
def test_audit_verify_finds_a_row_that_was_changed_or_removed(run: Any, state: Path, change: str) -> None:
    with sqlite3.connect(state / "plugin.sqlite") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(audit_entries)")]
        assert {"sequence", "action"} <= set(columns), columns
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute(change.format(table="audit_entries", key="sequence", text="action"))
    database.close()
    ran = run("audit", "verify", "--state", state, "--json")
    assert ran.status == CHECK_FAILED
    said = ran.json()
    assert said["intact"] is False and said["broken_at"] and said["message"]
    assert "BROKEN" in run("audit", "verify", "--state", state).out


@pytest.mark.parametrize("command", [("resume",), ("audit", "verify")])
def test_a_lost_master_key_is_never_replaced_by_another(run: Any, state: Path, command: tuple[str, ...]) -> None:
    (state / "master.key").unlink()
    ran = run(*command, "--state", state, "--json")
    assert ran.status == CHECK_FAILED
    assert ran.json()["refused"]["code"] == "master-key-missing"
    assert not (state / "master.key").exists()


@pytest.mark.parametrize("command", [("resume",), ("audit", "verify")])
def test_a_database_that_does_not_answer_is_69(run: Any, tmp_path: Path, command: tuple[str, ...]) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing"
    ran = run(*command, "--state", tmp_path / "state", "--json", FHIR_PLUGIN_DATABASE_URL=url)
    assert ran.status == UNAVAILABLE
    assert ran.json()["refused"].keys() == {"code", "message"}
    assert "nobody" not in ran.out


def test_a_setting_that_makes_no_sense_is_a_usage_error(run: Any, tmp_path: Path) -> None:
    ran = run("resume", "--state", tmp_path / "state", FHIR_PLUGIN_IMAGE_WORKERS="many")
    assert (ran.status, ran.out) == (USAGE, "")
    assert "FHIR_PLUGIN_IMAGE_WORKERS" in ran.err and "many" not in ran.err


def test_what_is_wrong_with_the_key_or_the_folder_is_said_without_a_traceback(run: Any, tmp_path: Path) -> None:
    ran = run("resume", "--state", tmp_path / "state", FHIR_PLUGIN_MASTER_KEY="c2hvcnQ")
    assert (ran.status, ran.out) == (UNAVAILABLE, "")
    assert "master key" in ran.err and "c2hvcnQ" not in ran.err
    ran = run("resume", "--state", "/dev/null/state", "--json")
    assert ran.status == UNAVAILABLE and ran.json()["refused"]["code"] == "system"


# ------------------------------------------------------------------------------ what goes on running


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_sandbox_serves_until_it_is_told_to_stop(environment: dict[str, str], told: signal.Signals) -> None:
    port = free_port()
    with running(environment, "sandbox", "--port", str(port), "--like", "hapi", "--open") as process:
        statement = wait_for(f"http://127.0.0.1:{port}/fhir/metadata", process).json()
        assert statement["resourceType"] == "CapabilityStatement"
        patients = requests.get(f"http://127.0.0.1:{port}/fhir/Patient", timeout=10).json()
        assert patients["resourceType"] == "Bundle"
        process.send_signal(told)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (DONE, "")
    assert "synthetic" in err and "Traceback" not in err
    assert not list(Path(environment["TMPDIR"]).iterdir())


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_demo_serves_until_it_is_told_to_stop(environment: dict[str, str], told: signal.Signals) -> None:
    app, ehr = free_port(), free_port()
    with running(environment, "demo", "--port", str(app), "--ehr-port", str(ehr)) as process:
        assert wait_for(f"http://127.0.0.1:{app}/healthz", process).json() == {"status": "ok"}
        assert wait_for(f"http://127.0.0.1:{ehr}/", process).ok
        process.send_signal(told)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (DONE, "")
    assert f"http://127.0.0.1:{ehr}/" in err and "Traceback" not in err
    assert not list(Path(environment["TMPDIR"]).iterdir())


def test_serve_and_worker_run_beside_each_other(environment: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    settings = {**environment, "FHIR_PLUGIN_STATE": str(tmp_path / "state")}
    with running(settings, "serve", "--port", str(port)) as serving:
        assert wait_for(f"http://127.0.0.1:{port}/healthz", serving).json() == {"status": "ok"}
        assert requests.get(f"http://127.0.0.1:{port}/.well-known/jwks.json", timeout=10).json()["keys"]
        with running(settings, "worker") as working:
            assert working.stderr is not None
            assert working.stderr.readline().startswith("Working.")
            assert working.poll() is None, working.communicate()
            working.send_signal(signal.SIGTERM)
            _, err = working.communicate(timeout=20)
            assert "Traceback" not in err
        serving.send_signal(signal.SIGTERM)
        _, err = serving.communicate(timeout=20)
        assert "Traceback" not in err
    assert (working.returncode, serving.returncode) == (DONE, DONE)


@pytest.mark.parametrize("command", ["sandbox", "demo"])
def test_a_port_that_is_taken_is_69(run: Any, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = run(command, "--port", port, *(["--ehr-port", "0"] if command == "demo" else []))
    assert (ran.status, ran.out) == (UNAVAILABLE, "")
    assert port in ran.err
