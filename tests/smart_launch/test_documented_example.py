"""The Flask app of `docs/smart_launch.md`, run as it is printed, against an EHR on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from flask import Flask

from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from fhir_plugin.sandbox.serve import start_sandbox
from smart_launch import LaunchRefused, StateMismatch, read_registry

DOCUMENT = Path(__file__).parents[2] / "docs" / "smart_launch.md"
CALLBACK = "https://app.example/callback"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_printed_app_shows_the_patient_of_its_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, toml = block("python"), block("toml")
    assert len(read_registry(toml)) == 1
    with start_sandbox(SandboxConfig()) as ehr:
        ehr.register(
            SandboxClient(
                client_id="my-app", name="Mine", launch_url="https://app.example/launch", redirect_uris=(CALLBACK,)
            )
        )
        here = toml.replace("https://fhir.trust-a.example/r4", ehr.fhir_base) + "sandbox = true\n"
        (tmp_path / "issuers.toml").write_text(here, "utf-8")
        monkeypatch.chdir(tmp_path)
        space: dict[str, Any] = {"__name__": "example"}
        exec(compile(code, str(DOCUMENT), "exec"), space)  # its very lines
        app = space["app"]
        assert isinstance(app, Flask)
        browser = app.test_client()

        def launch(patient: str) -> str:
            asked = requests.post(
                f"{ehr.origin}/_sandbox/launch",
                json={"client_id": "my-app", "user": "gp", "patient": patient},
                timeout=10,
            ).json()["launch_url"]
            away = browser.get(asked, base_url="https://app.example").headers["Location"]
            sent = requests.get(away, allow_redirects=False, timeout=10)
            return urljoin(away, sent.headers["Location"])

        first, second = launch("p-adult-1"), launch("p-adult-2")  # two charts at once, answered in the other order
        shown = [browser.get(back, base_url="https://app.example").get_json() for back in (second, first)]
        assert [name[0]["family"] for name in shown] == ["Whitlock", "Anand"]

        app.testing = True
        with pytest.raises(StateMismatch):
            browser.get(first, base_url="https://app.example")
        with pytest.raises(LaunchRefused):
            browser.get("/launch?iss=https://evil.example/fhir&launch=x", base_url="https://app.example")
        stranger = app.test_client()
        with pytest.raises(StateMismatch):
            stranger.get(urlsplit(launch("p-adult-1"))._replace(scheme="", netloc="").geturl())
