"""The sandbox on a socket: where it listens, what it keeps, how it ends, what it does not say."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from fhir_plugin.sandbox.app import SandboxConfig, create_sandbox, sandbox_of
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox, start_sandbox
from tests.sandbox.app_under_test import App
from tests.sandbox.conftest import TODAY


def test_it_listens_on_loopback_and_stops() -> None:
    with running_sandbox(SandboxConfig(today=TODAY)) as running:
        port = urlsplit(running.origin).port
        assert urlsplit(running.origin).hostname == "127.0.0.1"
        assert port
        answer = requests.get(f"{running.fhir_base}/metadata", timeout=5)
        assert answer.status_code == 200
        assert answer.raw.version == 11
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    running.stop()


def test_two_run_side_by_side_and_share_nothing() -> None:
    first, second = start_sandbox(SandboxConfig(today=TODAY)), start_sandbox(SandboxConfig(today=TODAY))
    with first, second:
        assert first.origin != second.origin
        first.store.put({"resourceType": "Patient", "id": "only-here"})
        assert second.store.read("Patient", "only-here") is None


def test_what_is_on_disk_is_there_the_next_time(tmp_path: Path) -> None:
    config = SandboxConfig(today=TODAY, data=tmp_path / "ehr.sqlite")
    with running_sandbox(config) as running:
        running.store.put({"resourceType": "Patient", "id": "p-stays"})
    with running_sandbox(config) as running:
        assert running.store.read("Patient", "p-stays") is not None
        assert running.store.read("Patient", "p-adult-1") is not None


def test_a_personality_and_faults_are_in_reach() -> None:
    with running_sandbox(SandboxConfig(today=TODAY, personality="hapi", open=True)) as running:
        requests.post(
            f"{running.origin}/_sandbox/faults",
            json={"kind": "too-many-requests", "match": {"path": "Patient"}},
            timeout=5,
        ).raise_for_status()
        assert running.faults.waiting()
        assert requests.get(f"{running.fhir_base}/Patient", timeout=5).status_code == 429


@pytest.mark.parametrize("base_url", ["", "127.0.0.1:80", "http://127.0.0.1:80/", "ftp://x.invalid"])
def test_a_sandbox_without_an_origin_is_refused(base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        create_sandbox(SandboxConfig(base_url=base_url))


def test_the_application_works_without_a_socket() -> None:
    app = create_sandbox(SandboxConfig(base_url="https://ehr.invalid", today=TODAY))
    try:
        client = app.test_client()
        document = client.get("/fhir/.well-known/smart-configuration").get_json()
        assert document["token_endpoint"] == "https://ehr.invalid/oauth/token"
        assert "Secure" in client.get("/sign-in/as/gp").headers["Set-Cookie"]
    finally:
        sandbox_of(app).close()


def test_only_this_machine_opens_the_doors_of_tests() -> None:
    app = create_sandbox(SandboxConfig(base_url="http://ehr.invalid", today=TODAY))
    try:
        client = app.test_client()
        elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
        for method, path in (
            ("POST", "/_sandbox/tokens/expire"),
            ("POST", "/_sandbox/launch"),
            ("GET", "/sign-in/as/gp"),
        ):
            assert client.open(path, method=method, environ_overrides=elsewhere).status_code == 403, path
    finally:
        sandbox_of(app).close()


def test_tokens_and_codes_reach_no_log_and_no_repr(
    app: App, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], ehr: RunningSandbox
) -> None:
    caplog.set_level(logging.DEBUG)
    handle = app.launch()
    code = app.code(launch=handle)
    token = app.exchange(code).json()
    again = app.refresh(token["refresh_token"]).json()
    known = ehr.sandbox.server.book.find_any(again["access_token"])
    # urllib3 is the test's own side of the connection.
    logged = [r.getMessage() for r in caplog.records if not r.name.startswith("urllib3")]
    written = "".join(logged) + "".join(capfd.readouterr()) + repr(known) + repr(ehr.sandbox.server.launches)
    for secret in (handle, code, token["access_token"], token["refresh_token"], again["access_token"]):
        assert secret not in written


def test_an_unknown_path_below_the_fhir_base_is_an_operation_outcome(ehr: RunningSandbox) -> None:
    for path in ("Nonsense", "Patient/a/b/c/d"):
        answer = requests.get(f"{ehr.fhir_base}/{path}", timeout=5)
        assert answer.json()["resourceType"] == "OperationOutcome"
