"""The examples for integrators (docs/redact-api.md), run word for word over real HTTP."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fhir_plugin.app import create_app, install
from fhir_plugin.running import bind, run
from fhir_plugin.settings import Settings
from smart_launch import IssuerRegistry
from tests.definitions.validator import issues
from tests.fakes.worker import FakeImageWorker
from tests.shape.project import text_of

FILE = re.compile(r"# ([\w.]+)\n")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text_of("docs/redact-api.md"), re.MULTILINE | re.DOTALL)


@pytest.mark.needs("curl")
def test_every_example_does_what_is_said(tmp_path: Path) -> None:
    for block in (*blocks("toml"), *blocks("python")):
        name = FILE.match(block)
        assert name is not None
        (tmp_path / name[1]).write_text(block)
    (record,) = blocks("json")
    (tmp_path / "record.json").write_text(record)
    assert issues(json.loads(record)) == []
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([sys.executable, "keys.py"], cwd=tmp_path, check=True, timeout=60)
    server, origin = bind("127.0.0.1", 0)
    installation = install(
        Settings(state=tmp_path / "state", base_url=origin, backend_clients_file=tmp_path / "clients.toml"),
        registry=IssuerRegistry([]),
        worker=FakeImageWorker(),
        client_keys={},
    )
    try:
        with run(server, origin, create_app(installation)):
            script = "set -eu\n" + "\n".join(blocks("bash"))
            done = subprocess.run(
                ["bash", "-c", script],
                cwd=tmp_path,
                env={**environment, "BASE": f"{origin}/fhir"},
                capture_output=True,
                text=True,
                timeout=120,
            )
        assert done.returncode == 0, done.stderr
        assert [each.entry.outcome for each in installation.audit.entries(action="record.redacted")] == [
            "success",
            "success",
            "refused",
        ]
    finally:
        installation.close()
    assert json.loads(done.stdout)["token_endpoint"] == f"{origin}/fhir/token"
    redacted = (tmp_path / "redacted.json").read_text()
    assert "photo-4711" not in redacted and "weight-1" in redacted and "72.50" in redacted
    assert "X-Redaction-Counts: release=3, redact=1, withhold=0, review=0" in (tmp_path / "headers.txt").read_text()
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert [each["name"] for each in answer["parameter"]] == ["return", "report"]
    assert "Example Insurance" in json.dumps(answer)
    assert (tmp_path / "status.txt").read_text() == "403\n"
    outcome = json.loads((tmp_path / "outcome.json").read_text())
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == "purpose-not-allowed"
