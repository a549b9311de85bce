"""An EHR in a box with this app in it, on this machine: what `make demo` shows."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fhir_plugin.app import Around, create_app, install, unwrapped
from fhir_plugin.capability import DESK_SCOPES, SCOPES
from fhir_plugin.installation import Installation
from fhir_plugin.ports import Clock, ImageWorker
from fhir_plugin.running import RunningApp, bind, run
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from fhir_plugin.sandbox.serve import RunningSandbox, start_sandbox
from fhir_plugin.settings import Settings
from fhir_plugin.tester.pages import register_tester
from fhir_plugin.tester.watching import Watch, WatchedTransport
from smart_launch import ClientKey, Issuer, IssuerRegistry, Transport

CLIENT_ID = "patient-images"
KEY_ID = "demo-client"


@dataclass
class Demo:
    """A sandbox and an installation that know each other."""

    sandbox: RunningSandbox
    app: RunningApp
    installation: Installation

    def stop(self) -> None:
        self.app.stop()
        self.installation.close()
        self.sandbox.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_demo(
    state: Path,
    *,
    like: str = "default",
    host: str = "127.0.0.1",
    app_port: int = 0,
    ehr_port: int = 0,
    sandbox: RunningSandbox | None = None,
    clock: Clock | None = None,
    transport: Transport | None = None,
    worker: ImageWorker | None = None,
    around: Around = unwrapped,
    tester: bool = False,
) -> Demo:
    """Starts both and makes them known to each other. `state` is made where it is not there.

    `sandbox`: one that already runs, e.g. in another process. `tester`: with the page `/tester`, in place of
    `transport`.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as begun:
        server, origin = bind(host, app_port)
        begun.callback(server.server_close)
        config = SandboxConfig(personality=like, data=state / "ehr.sqlite")
        running = sandbox or begun.enter_context(start_sandbox(config, host=host, port=ehr_port))
        key = ClientKey.generate(KEY_ID, "ES384")
        _register(running, origin, key)
        registry, watch = IssuerRegistry([_issuer(running)]), Watch()
        if tester:
            transport = WatchedTransport(watch, allowed_private_hosts=registry.private_hosts)
        installation = install(
            Settings(state=state / "app", base_url=origin),
            registry=registry,
            client_keys={KEY_ID: key},
            chart_link=lambda _base, _patient, reference: f"{running.origin}/record/{reference}",
            clock=clock,
            transport=transport,
            worker=worker,
            around=around,
            others=[state / "ehr.sqlite"],
        )
        app = create_app(installation)
        if tester:
            register_tester(app, watch, registry)
        begun.pop_all()
        return Demo(running, run(server, origin, app), installation)


def _register(running: RunningSandbox, origin: str, key: ClientKey) -> None:
    running.register(
        SandboxClient(
            client_id=CLIENT_ID,
            name="Patient images",
            launch_url=f"{origin}/launch",
            launch_urls={"disclosure-officer": f"{origin}/launch/disclosures"},
            redirect_uris=(f"{origin}/callback",),
            auth_method="private_key_jwt",
            jwks={"keys": [key.public_jwk()]},
        )
    )


def _issuer(running: RunningSandbox) -> Issuer:
    return Issuer(
        name="sandbox",
        iss=running.fhir_base,
        client_id=CLIENT_ID,
        auth_method="private_key_jwt",
        key_id=KEY_ID,
        scopes=SCOPES,
        privileged_scopes=DESK_SCOPES,
        frame_ancestors=(running.origin,),
        sandbox=True,
    )


@contextlib.contextmanager
def temporary_demo(*, like: str = "default") -> Iterator[Demo]:
    """A demo whose state goes with it."""
    with tempfile.TemporaryDirectory(prefix="fhir-plugin-") as folder, start_demo(Path(folder), like=like) as demo:
        yield demo


def keep_resuming(installation: Installation, stop: threading.Event, *, every_seconds: float = 5) -> threading.Thread:
    """Goes on with unfinished work until told to stop. In production `fhir-plugin worker` does this."""

    def work() -> None:
        while not stop.wait(every_seconds):
            installation.resume()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
