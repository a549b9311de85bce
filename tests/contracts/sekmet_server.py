"""sekmet-fhir, a FHIR R4 server written by others, in a process of its own on a free loopback port."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from mappings.model.identifiers import FhirBase

_START = """
import sys
import uvicorn
from sekmet.config import Settings, SimulatorSettings
from sekmet.main import create_app

folder, port = sys.argv[1], int(sys.argv[2])
settings = Settings(
    base_url=f"http://127.0.0.1:{port}/fhir", host="127.0.0.1", port=port, data_dir=folder,
    db_path=f"{folder}/sekmet.db", own_private_key_path=f"{folder}/key.pem",
    simulator=SimulatorSettings(enabled=False), log_inbound=False,
)
uvicorn.run(create_app(settings), host="127.0.0.1", port=port, log_level="critical", access_log=False)
"""
_PATIENCE = 60


@contextlib.contextmanager
def running_sekmet() -> Iterator[FhirBase]:
    """Its FHIR base, once it answers; ended, with all that it stored, on leaving."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        command = [sys.executable, "-c", _START, folder, str(port)]
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        try:
            base = FhirBase(f"http://127.0.0.1:{port}/fhir")
            _wait_for(f"{base}/metadata", process)
            yield base
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(f"sekmet ended with {process.returncode} before it answered")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"sekmet did not answer within {_PATIENCE} seconds")
