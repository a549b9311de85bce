"""`fhir-plugin conformance --issuer`: as the app itself, or signed in by a person; never at an EHR with patients."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from fhir_plugin.adapters.clock import SystemClock
from fhir_plugin.cli import main
from fhir_plugin.conformance.loopback import Doorstep
from fhir_plugin.conformance.signing_in import REDIRECT, redirect_for, signed_in
from fhir_plugin.errors import Refused, Unavailable
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from smart_launch import ClientKey, Issuer, Transport
from tests.conformance.browsing import sign_in

SCOPES = ["openid", "fhirUser", "patient/Patient.rs", "patient/Media.cruds", "patient/Binary.cruds"]


@dataclass(frozen=True)
class Here:
    """An installation with one EHR, where the app is registered twice."""

    sandbox: RunningSandbox
    folder: Path
    redirect_uri: str
    key: ClientKey

    @property
    def environment(self) -> dict[str, str]:
        return {"FHIR_PLUGIN_STATE": str(self.folder), "FHIR_PLUGIN_SECRETS": str(self.folder / "secrets")}

    def run(self, *options: str) -> Result:
        return CliRunner().invoke(main, ["conformance", *options, "--json"], env=self.environment)

    def issuer(self, **changes: object) -> Issuer:
        values = {"name": "by-hand", "iss": self.sandbox.fhir_base, "client_id": "by-hand", "sandbox": True}
        return Issuer(**{**values, "scopes": tuple(SCOPES), **changes})  # type: ignore[arg-type]  # as in the file


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    folder = tmp_path_factory.mktemp("state")
    key = ClientKey.generate("machine", "ES384")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "machine.pem").write_bytes(key.as_pem())
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback"
    with running_sandbox(SandboxConfig()) as sandbox:
        as_itself = SandboxClient(
            "machine", "Machine", "", (), auth_method="private_key_jwt", jwks={"keys": [key.public_jwk()]}, backend=True
        )
        sandbox.register(as_itself)
        sandbox.register(SandboxClient("by-hand", "By hand", "https://app.invalid/launch", (redirect_uri,)))
        entry = f'iss = "{sandbox.fhir_base}"\nsandbox = true\nclient_id = '
        other = sandbox.fhir_base.replace("127.0.0.1", "localhost")
        (folder / "issuers.toml").write_text(
            f'[[issuer]]\nname = "itself"\n{entry}"machine"\nauth_method = "private_key_jwt"\nkey_id = "machine"\n'
            f'[[issuer]]\nname = "by-hand"\n{entry.replace(sandbox.fhir_base, other)}"by-hand"\n'
            '[[issuer]]\nname = "clinic"\niss = "https://ehr.example/r4"\nclient_id = "app"\n'
        )
        yield Here(sandbox, folder, redirect_uri, key)


def test_as_the_app_itself(here: Here, tmp_path: Path) -> None:
    result = here.run("--issuer", "itself", "--report-dir", str(tmp_path))
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["entered"] == "as this app itself (backend services)"
    assert "system/Media.cruds" in answer["scopes"]
    assert {check["verdict"] for check in answer["checks"]} == {"passed"}
    assert answer["matrix"]["Media"]["create"] == "can"
    assert answer["matrix"]["CommunicationRequest"]["create"] == "not-granted"
    for each in tmp_path.iterdir():
        assert "client_assertion" not in each.read_text("utf-8"), each
        assert "Bearer" not in each.read_text("utf-8"), each


def test_a_person_signs_in_from_the_command_line(here: Here) -> None:
    """The whole command, as somebody runs it: it prints an address, and goes on when their browser comes back."""
    (here.folder / "hand").mkdir()
    (here.folder / "hand" / "issuers.toml").write_text(
        f'[[issuer]]\nname = "by-hand"\niss = "{here.sandbox.fhir_base}"\nsandbox = true\nclient_id = "by-hand"\n'
        f"scopes = {json.dumps(SCOPES)}\n"
    )
    command = [
        "-c",
        "from fhir_plugin.cli import main; main()",
        "conformance",
        "--issuer",
        "by-hand",
        "--redirect-uri",
        here.redirect_uri,
        "--json",
    ]
    with subprocess.Popen(
        [sys.executable, *command, "--state", str(here.folder / "hand")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = ""
        while (found := re.search(r"^  (http\S+/authorize\?\S+)$", said, re.MULTILINE)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        assert "Back to the terminal" in sign_in(found[1]).text
        out, _err = process.communicate(timeout=120)
    assert process.returncode == 0, out
    answer = json.loads(out)
    assert answer["entered"].startswith("signed in by a person")
    verdicts = {check["name"]: check["verdict"] for check in answer["checks"]}
    assert verdicts["patient"] == verdicts["image"] == verdicts["labels"] == "passed"
    assert verdicts["beside-consent"] == "unavailable"  # it was not granted
    assert answer["left_behind"] == []


def enter(here: Here, *, step: str = "allow", wait: float = 20, **changes: object) -> object:
    transport = Transport()

    def go(address: str) -> None:
        threading.Thread(target=sign_in, args=(address,), kwargs={"step": step}, daemon=True).start()

    try:
        return signed_in(
            here.issuer(**changes),
            None,
            transport,
            SystemClock(),
            redirect_uri=here.redirect_uri,
            tell=go if step else lambda _address: None,
            wait=wait,
        )
    finally:
        transport.close()


def test_somebody_who_says_no(here: Here) -> None:
    with pytest.raises(Refused, match="gives no access") as refused:
        enter(here, step="refuse")
    assert refused.value.code == "access_denied" or "denied" in refused.value.message


def test_nobody_comes_back(here: Here) -> None:
    with pytest.raises(Refused) as refused:
        enter(here, step="", wait=0.2)
    assert refused.value.code == "nobody-came"


def test_somebody_elses_visit_ends_nobodys_sign_in(here: Here) -> None:
    def go(address: str) -> None:
        def visits() -> None:
            for query in ("state=guess&code=stolen", "code=stolen", "error=access_denied"):
                assert requests.get(f"{here.redirect_uri}?{query}", timeout=10).status_code == 200
            for elsewhere in (here.redirect_uri, f"{here.redirect_uri}/other?state=x"):
                assert requests.get(elsewhere, timeout=10).status_code == 404
            sign_in(address)

        threading.Thread(target=visits, daemon=True).start()

    access = signed_in(
        here.issuer(), None, Transport(), SystemClock(), redirect_uri=here.redirect_uri, tell=go, wait=20
    )
    assert access.patient == "p-adult-1"
    assert access.token is not None
    assert access.granted("Media", "create")
    assert not access.granted("Consent", "create")


def test_a_port_that_is_taken(here: Here) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unavailable) as unavailable:
            Doorstep(f"http://127.0.0.1:{taken.getsockname()[1]}/callback")
    assert unavailable.value.code == "port"
    for wrong in ("https://127.0.0.1:9/c", "http://app.example:9/c", "http://127.0.0.1/c"):
        with pytest.raises(Unavailable):
            Doorstep(wrong)


def test_where_the_browser_comes_back_to() -> None:
    assert redirect_for("http://127.0.0.1:8080") == "http://127.0.0.1:8080/callback"
    assert redirect_for("https://app.example") == REDIRECT


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        (("--issuer", "clinic"), 2, "not-sandbox"),
        (("--issuer", "nobody"), 2, "unknown-issuer"),
        (("--issuer", "itself", "--fhir-base", "https://elsewhere.example/fhir"), 2, "unknown-issuer"),
        (("--issuer", "itself", "--fhir-base", "https://ehr.example/r4"), 2, "other-issuer"),
    ],
)
def test_where_it_does_not_enter(here: Here, options: tuple[str, ...], status: int, code: str) -> None:
    result = here.run(*options)
    assert result.exit_code == status, result.output
    assert json.loads(result.stdout)["refused"]["code"] == code


@pytest.mark.parametrize(
    "options",
    [
        ("--issuer", "itself", "--open"),
        ("--issuer", "itself", "--token-env", "HOME"),
        ("--issuer", "itself", "--server", "hapi"),
        ("--fhir-base", "http://127.0.0.1:9/fhir", "--open", "--sign-in"),
        ("--fhir-base", "http://127.0.0.1:9/fhir", "--open", "--redirect-uri", REDIRECT),
    ],
)
def test_what_is_asked_wrongly(here: Here, options: tuple[str, ...]) -> None:
    assert here.run(*options).exit_code == 64
