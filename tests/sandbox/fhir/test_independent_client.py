"""A client written by others (sekmet-fhir, Apache-2.0) plays its hospital scenarios against this server."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests.sandbox.fhir.client import FhirUnderTest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings(fhir: FhirUnderTest, tmp_path: Path) -> Iterator[Path]:
    """The other side's settings, with this server as its peer."""
    server = make_server("127.0.0.1", 0, fhir.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    port = free_port()
    path = tmp_path / "settings.yaml"
    path.write_text(
        f"db_path: {tmp_path}/sekmet.db\nlog_inbound: false\nhost: 127.0.0.1\nport: {port}\n"
        f"base_url: http://127.0.0.1:{port}/fhir\n"
        f"peers:\n  sandbox:\n    base_url: http://127.0.0.1:{server.server_port}/fhir\n"
    )
    yield path
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("scenario", ["conformance_smoke", "clinical_documentation", "lab_order_to_result"])
def test_scenarios_of_others_pass(settings: Path, tmp_path: Path, scenario: str) -> None:
    command = [sys.executable, "-m", "sekmet.cli", "scenario", "run", scenario, "--peer", "sandbox"]
    done = subprocess.run(
        [*command, "--config", str(settings), "--report-dir", str(tmp_path / "reports")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "1/1 scenarios passed" in done.stdout
    assert "PASSED" in done.stdout
    assert "FAILED" not in done.stdout
