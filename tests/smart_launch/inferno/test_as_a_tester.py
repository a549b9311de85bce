"""The journey of somebody who tests this app with Inferno: by the commands, by what they print, and by a browser.

Nothing is told to the mock but what `fhir-plugin issuer add` prints for registration.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_plugin.app import create_app, install
from fhir_plugin.settings import Settings
from tests.app.commands_here import CommandLine
from tests.fakes.clock import FakeClock
from tests.fakes.worker import FakeImageWorker
from tests.smart_launch.inferno.checks import NUMBERS, judge
from tests.smart_launch.inferno.mock_server import MockServer, running_mock
from tests.smart_launch.inferno.recorded import ClientType, Registration
from tests.smart_launch.inferno.test_whole_app import run
from tests.smart_launch.inferno.tested_app import APP
from tests.smart_launch.inferno.whole_app import NOTHING, PATIENT, PRACTITIONER, WholeApp, now

SECRET = "s3cret/with:odd+ch%61rs"
OPTIONS: dict[str, tuple[ClientType, tuple[str, ...]]] = {
    "as-it-chooses": (ClientType.ALCA, ()),
    "RS384": (ClientType.ALCA, ("--algorithm", "RS384")),
    "secret": (ClientType.ALCS, ("--auth-method", "client_secret_basic", "--secret-ref", "INFERNO")),
    "public": (ClientType.ALP, ("--auth-method", "none")),
}


@pytest.fixture
def mock() -> Iterator[MockServer]:
    with running_mock() as running:
        yield running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "INFERNO").write_text(SECRET)
    return CommandLine(
        {
            "FHIR_PLUGIN_STATE": str(tmp_path / "state"),
            "FHIR_PLUGIN_BASE_URL": APP,
            "FHIR_PLUGIN_SECRETS": str(tmp_path / "secrets"),
        }
    )


@pytest.mark.parametrize("choice", list(OPTIONS))
@pytest.mark.parametrize("describes_itself", [True, False], ids=["with-metadata", "as-it-is"])
def test_add_register_launch_and_pass(mock: MockServer, here: CommandLine, choice: str, describes_itself: bool) -> None:
    mock.describes_itself = describes_itself
    client_type, options = OPTIONS[choice]
    known = ("--sandbox", "--name", "inferno", "--client-id", "tester")
    added = here.run("issuer", "add", mock.fhir_base, *known, *options, "--yes", "--json")
    assert added.status in {0, 3}, added.err
    printed = added.json()["register"]
    session = mock.register(
        Registration(
            client_type,
            "tester",
            launch_urls=printed["launch_url"],
            redirect_uris=printed["redirect_uri"],
            jwks=printed.get("key_set_url", ""),
            secret=SECRET if "secret_file" in printed else "",
            launch_context=json.dumps({"patient": "p1"}),
            fhir_user="Practitioner/7",
            resources=(PATIENT, PRACTITIONER),
            echoed=NOTHING,
        )
    )
    clock = FakeClock(now())
    settings = Settings(state=here.state, base_url=APP, secrets=Path(here.settings["FHIR_PLUGIN_SECRETS"]))
    installation = install(settings, clock=clock, worker=FakeImageWorker())
    try:
        app = WholeApp(session, installation, create_app(installation).test_client(), clock)
        if describes_itself:
            run(app)
        else:
            app.launched()
            app.standalone()
        for number in NUMBERS[client_type]:
            verdict = judge(number, session)
            assert (number, verdict.result, verdict.problems, verdict.warnings) == (number, "pass", [], [])
    finally:
        installation.close()


def test_the_added_entry_passes_its_own_check(mock: MockServer, here: CommandLine) -> None:
    mock.describes_itself = True
    here.run("issuer", "add", mock.fhir_base, "--sandbox", "--name", "inferno", "--client-id", "tester", "--yes")
    checked = here.run("issuer", "check", "inferno", "--json")
    assert checked.status == 0, checked.out
    assert checked.json()["failed"] == []
