"""From the command line to a launch: an EHR added by hand, keys turned in another process, no restart."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from fhir_plugin.app import create_app, install
from fhir_plugin.demo import CLIENT_ID, Demo
from fhir_plugin.running import bind, run
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from fhir_plugin.sandbox.serve import start_sandbox
from fhir_plugin.settings import Settings
from tests.adapters.processes import in_children
from tests.app.commands_here import CommandLine
from tests.app.conftest import RecordingTransport, Shop
from tests.fakes.worker import FakeImageWorker


@pytest.fixture
def here(tmp_path: Path) -> CommandLine:
    return CommandLine({"FHIR_PLUGIN_STATE": str(tmp_path / "state"), "HOME": str(tmp_path / "home")})


@pytest.fixture
def added(here: CommandLine, shop: Shop) -> Iterator[Shop]:
    """An app that knows its EHR from `issuer add` alone, and is known there by its key set's address."""
    server, origin = bind("127.0.0.1", 0)
    with start_sandbox() as sandbox:
        done = here.run("issuer", "add", sandbox.fhir_base, "--sandbox", "--yes", FHIR_PLUGIN_BASE_URL=origin)
        assert done.status == 0, done
        client = SandboxClient(
            client_id=CLIENT_ID,
            name="Patient images",
            launch_url=f"{origin}/launch",
            redirect_uris=(f"{origin}/callback",),
            auth_method="private_key_jwt",
            jwks_uri=f"{origin}/.well-known/jwks.json",
        )
        sandbox.register(client)
        installation = install(Settings(state=here.state, base_url=origin), worker=FakeImageWorker())
        with Demo(sandbox, run(server, origin, create_app(installation)), installation) as demo:
            yield Shop(demo, RecordingTransport(), shop.logs, here.state)


def _only(shop: Shop, kid: str) -> None:
    """From now on the EHR takes assertions of this key alone."""
    sandbox, app = shop.demo.sandbox, shop.demo.app
    published = requests.get(f"{app.origin}/.well-known/jwks.json", timeout=10).json()["keys"]
    client = sandbox.sandbox.server.clients.find(CLIENT_ID)
    assert client is not None
    keys = [key for key in published if key["kid"] == kid]
    assert keys, "an EHR that asks for our key set finds the key that signs"
    sandbox.register(dataclasses.replace(client.registration, jwks_uri=None, jwks={"keys": keys}))


def test_a_rotation_in_another_process_is_followed_by_a_running_app(here: CommandLine, added: Shop) -> None:
    assert added.browser().launch()
    before = added.demo.installation.client_keys.current("ES384").kid
    in_children(lambda: _expect_done(here, "keys", "rotate", "--at-once"))
    now = added.demo.installation.client_keys.current("ES384").kid
    assert now != before
    _only(added, now)
    assert added.browser().launch()
    in_children(lambda: _expect_done(here, "keys", "revoke", now))
    after = added.demo.installation.client_keys.current("ES384").kid
    _only(added, after)
    assert added.browser().launch()
    published = requests.get(f"{added.demo.app.origin}/.well-known/jwks.json", timeout=10).json()["keys"]
    kids = {key["kid"] for key in published}
    assert now not in kids and {before, after} <= kids
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {name for key in published for name in key}


def _expect_done(here: CommandLine, *command: str) -> None:
    assert here.run(*command).status == 0
