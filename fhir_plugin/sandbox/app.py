"""The sandbox EHR as one Flask application: FHIR server, authorization server, people and face, joined."""

from __future__ import annotations

import datetime as dt
import mimetypes
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from fhir_plugin.sandbox import people
from fhir_plugin.sandbox.access import create_access
from fhir_plugin.sandbox.browser_policy import guard_pages
from fhir_plugin.sandbox.face.banner import read_banner
from fhir_plugin.sandbox.face.routes import create_face_blueprint
from fhir_plugin.sandbox.faults import Faults, create_faults_blueprint
from fhir_plugin.sandbox.fhir import FhirStore, Personality, create_fhir_blueprint, load_personality
from fhir_plugin.sandbox.fhir.outcome import Issue, operation_outcome
from fhir_plugin.sandbox.hooks import create_hooks_blueprint
from fhir_plugin.sandbox.launching import Launcher
from fhir_plugin.sandbox.oauth.clients import ClientRegistry, SandboxClient
from fhir_plugin.sandbox.oauth.context import LaunchContext
from fhir_plugin.sandbox.oauth.routes import create_oauth_blueprint
from fhir_plugin.sandbox.oauth.scopes import narrow
from fhir_plugin.sandbox.oauth.server import SmartServer
from fhir_plugin.sandbox.oauth.tokens import Lifetimes

EXTENSION = "sandbox"
"""The key of the `Sandbox` in `app.extensions`."""


@dataclass(frozen=True)
class SandboxConfig:
    """How one sandbox is set up."""

    base_url: str = ""
    """Public origin, no slash at the end, e.g. `http://127.0.0.1:8090`. `running_sandbox` fills it in."""
    data: Path | None = None
    """The SQLite file; None: a temporary one that goes with the sandbox."""
    personality: str = "default"
    """A name from `sandbox/personalities`, or a path to a TOML file."""
    open: bool = False
    """FHIR without a token, for testers. A token that is sent is still held to its scopes."""
    clients: tuple[SandboxClient, ...] = ()
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    today: dt.date | None = None
    """The day by which people keep their ages; None: the real one."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch, for codes, tokens and assertions."""


@dataclass(frozen=True)
class Sandbox:
    """The joined parts, for whoever runs the sandbox."""

    config: SandboxConfig
    store: FhirStore
    faults: Faults
    server: SmartServer
    launcher: Launcher

    def register(self, client: SandboxClient) -> None:
        """Make an app known, or replace its registration, while the sandbox runs."""
        self.server.clients.register(client)

    def today(self) -> dt.date:
        return self.config.today or dt.datetime.now(dt.UTC).date()

    def close(self) -> None:
        self.store.close()


def create_sandbox(config: SandboxConfig) -> Flask:
    """The application. Its parts are at `app.extensions["sandbox"]`; close them when done.

    Raises `ValueError` without a base URL: issuer, audience and references all begin with it.
    """
    if not config.base_url.startswith(("http://", "https://")) or config.base_url.endswith("/"):
        raise ValueError("base_url must be an origin such as http://127.0.0.1:8090, without a slash at the end")
    app = Flask(__name__, template_folder="face/templates", static_folder=None)
    app.secret_key = secrets.token_bytes(32)
    app.config.update(
        SESSION_COOKIE_NAME="sandbox_ehr",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.base_url.startswith("https://"),
        MAX_FORM_MEMORY_SIZE=100_000,
    )
    store = FhirStore(config.data)
    personality = load_personality(config.personality)
    server = SmartServer(
        base_url=config.base_url,
        clients=ClientRegistry(config.clients, partial(_granted, personality)),
        users=people.staff(),
        lifetimes=config.lifetimes,
        clock=config.clock,
        capabilities=personality.smart_capabilities,
        scopes_supported=personality.scopes_supported,
    )
    sandbox = Sandbox(config, store, Faults(), server, Launcher(server, store))
    app.extensions[EXTENSION] = sandbox
    people.seed(store, sandbox.today())

    guard_pages(app)
    _serve_static(app)
    app.register_blueprint(_fhir(sandbox, personality))
    app.register_blueprint(create_faults_blueprint(sandbox.faults))
    app.register_blueprint(create_oauth_blueprint(server, _Ward(sandbox)))
    app.register_blueprint(create_hooks_blueprint(server, sandbox.launcher))
    app.register_blueprint(
        create_face_blueprint(server=server, store=store, launcher=sandbox.launcher, today=sandbox.today)
    )
    app.register_error_handler(HTTPException, _say_what_happened)
    return app


def _serve_static(app: Flask) -> None:
    """The face's few small files, from memory: a client that is killed half-way leaves no file open."""
    folder = Path(__file__).parent / "face" / "static"
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    @app.get("/static/<filename>", endpoint="static")
    def static(filename: str) -> Response:
        if filename not in files:
            raise NotFound
        return Response(files[filename], content_type=mimetypes.guess_type(filename)[0])


def sandbox_of(app: Flask) -> Sandbox:
    """The parts of an application that `create_sandbox` made."""
    found = app.extensions[EXTENSION]
    if not isinstance(found, Sandbox):
        raise TypeError("this application is no sandbox")
    return found


def _granted(personality: Personality, asked: str) -> str:
    return narrow(asked, personality.granted, v1=personality.scope_spelling == "v1")


def _fhir(sandbox: Sandbox, personality: Personality) -> Blueprint:
    def look_up(resource_type: str, id: str) -> dict[str, Any] | None:
        versions = sandbox.store.history(resource_type, id)
        return next((version.resource for version in versions if not version.deleted), None)

    server, config = sandbox.server, sandbox.config
    access = create_access(
        server.book,
        fhir_base=server.fhir_base,
        look_up=look_up,
        is_open=config.open,
        fhir_user=lambda user: server.users[user].fhir_user,
    )
    oauth = f"{server.base_url}/oauth"
    uris = {"authorize": f"{oauth}/authorize", "token": server.token_url, "revoke": f"{oauth}/revoke"}
    return create_fhir_blueprint(sandbox.store, personality, sandbox.faults, access, oauth_uris=lambda: uris)


class _Ward:
    """The people as the pages of a standalone launch show them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def staff(self) -> list[dict[str, str]]:
        return [{"id": p.user, "name": p.name, "role": p.title} for p in people.staff().values()]

    def patients(self) -> list[dict[str, str]]:
        found = self._sandbox.store.search("Patient", {})
        banners = [read_banner(patient, self._sandbox.today()) for patient in found]
        return [
            {"id": b.id, "name": b.name, "born": b.born, "nhs_number": b.nhs_number}
            for b in sorted(banners, key=lambda banner: banner.name)
        ]

    def current_encounter(self, patient: str) -> str | None:
        visits = self._sandbox.store.search("Encounter", {"patient": f"Patient/{patient}", "_sort": "-date"})
        return str(visits[0]["id"]) if visits else None

    def launch_context(self, patient: str | None, encounter: str | None) -> LaunchContext:
        return self._sandbox.launcher.context(patient, encounter)


def _say_what_happened(error: HTTPException) -> Response:
    """A page for people, JSON for the doors of tests, an OperationOutcome at the FHIR endpoint."""
    status = error.code or 500
    text = error.description or error.name
    if request.path.startswith("/fhir"):
        outcome = operation_outcome([Issue("not-found" if status == 404 else "processing", text)])
        response = jsonify(outcome)
        response.content_type = "application/fhir+json"
    elif request.path.startswith("/_sandbox"):
        response = jsonify(error=text)
    else:
        response = make_response(render_template("refused.html", code=error.name, text=text))
    response.status_code = status
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(error.valid_methods)
    return response
