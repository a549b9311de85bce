"""`fhir-plugin serve` as a process of its own: no query string of the way in reaches its output, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.app.attacks.ehr import with_query
from tests.app.canary_sweep import Sweep
from tests.app.test_cli import free_port, running, wait_for
from tests.smart_launch.loopback import Heard, answer, serving

HANDLE, CODE, DESCRIPTION = "handle-canary-17c4", "code-canary-92fe", "description-canary-3d05"


def refusing(connection: socket.socket, request: bytes) -> None:
    """An EHR that publishes a configuration, and a token endpoint that repeats what it was sent."""
    host = request.split(b"Host: ")[1].split(b"\r\n")[0].decode()
    body = request.partition(b"\r\n\r\n")[2]
    if request.startswith(b"POST"):
        connection.sendall(answer(json.dumps({"error": body.decode()}).encode(), status="400 Bad Request"))
        return
    configuration = {
        "authorization_endpoint": f"http://{host}/authorize",
        "token_endpoint": f"http://{host}/token",
        "code_challenge_methods_supported": ["S256"],
    }
    connection.sendall(answer(json.dumps(configuration).encode()))


@pytest.fixture
def ehr() -> Iterator[Heard]:
    with serving(refusing) as heard:
        yield heard


@pytest.fixture
def environment(tmp_path: Path, ehr: Heard) -> dict[str, str]:
    issuers = tmp_path / "issuers.toml"
    issuers.write_text(
        f'[[issuer]]\nname = "ehr"\niss = "{ehr.url}/fhir"\nclient_id = "app"\nsandbox = true\nscopes = ["launch"]\n'
        "private_network = true\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_PLUGIN_")}
    mine = {"STATE": str(tmp_path / "state"), "ISSUERS_FILE": str(issuers)}
    return {**kept, "HOME": str(tmp_path), **{f"FHIR_PLUGIN_{name}": value for name, value in mine.items()}}


def test_no_query_string_reaches_the_output(environment: dict[str, str], ehr: Heard) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    sweep = Sweep()
    for name, secret in (("handle", HANDLE), ("code", CODE), ("description", DESCRIPTION)):
        sweep.add(name, secret)
    environment["FHIR_PLUGIN_BASE_URL"] = origin
    with running(environment, "serve", "--port", str(port)) as process:
        wait_for(f"{origin}/healthz", process)

        def ask(path: str, **fields: str) -> requests.Response:
            url = with_query(origin + path, fields)
            return requests.get(url, headers={"Cookie": f"__Host-bid={'b' * 43}"}, allow_redirects=False, timeout=10)

        away = ask("/launch", iss=f"{ehr.url}/fhir", launch=HANDLE)
        assert away.status_code == 303, away.text
        state = parse_qs(urlsplit(away.headers["Location"]).query)["state"][0]
        sweep.add("state", state)
        assert ask("/callback", state=state, code=CODE).status_code == 502
        assert ask("/callback", state=state, code=CODE).status_code == 401
        assert ask("/callback", state="unknown", error="x", error_description=DESCRIPTION).status_code == 401
        assert ask("/launch", iss=f"https://evil.example/{CODE}", launch=HANDLE).status_code == 403
        assert ask(f"/nowhere/{CODE}", launch=HANDLE).status_code == 404
        assert requests.post(f"{origin}/callback?code={CODE}", data={"code": CODE}, timeout=10).status_code in (
            400,
            405,
        )
        with socket.create_connection(("127.0.0.1", port), timeout=10) as broken:
            broken.sendall(f"GET /callback?code={CODE} HTTP/9.9\r\nX: {DESCRIPTION}\r\n\r\n".encode())
            broken.recv(1000)
        assert CODE in repr(ehr.requests), "the code never left, so nothing was tried"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert "launch.failed" in err and "token" in err, "nothing was logged at all"
    assert sweep.in_text(out + err, "the output") == []
    assert "/callback" not in out + err
