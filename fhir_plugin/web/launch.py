"""The way in: launch from an EHR, standalone launch, callback, sign-out, and our public keys."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import NotAllowed, Refused
from fhir_plugin.ports import Clock, Json
from fhir_plugin.web.access import (
    BINDING_COOKIE,
    browser_secret,
    launched,
    public,
    set_browser_secret,
)
from fhir_plugin.web.launch_errors import answer_smart_error
from mappings.model.identifiers import FhirBase, LaunchId, PatientId
from mappings.model.people import ClinicalSession, Role, User
from smart_launch import (
    ClientKey,
    CompletedLaunch,
    ConfigurationCache,
    IdTokenVerifier,
    Issuer,
    IssuerRegistry,
    PendingLaunch,
    SmartError,
    Transport,
    begin_launch,
    complete,
    pending_key,
    read_launch,
)

SESSION_LENGTH = dt.timedelta(hours=8)
"""The longest a launch session lasts, however busy: a working day."""


@dataclass(frozen=True)
class NewSession:
    """What a completed launch tells us to keep."""

    launch_id: LaunchId
    browser_secret: str
    fhir_base: FhirBase
    issuer: str
    patient: PatientId
    encounter: str | None
    user: User
    scopes: str
    context: Json
    created: dt.datetime
    ends: dt.datetime


@dataclass(frozen=True)
class Launching:
    """What the way in works with; joined in `app`."""

    base_url: str
    registry: IssuerRegistry
    transport: Transport
    configurations: ConfigurationCache
    verifier: IdTokenVerifier
    client_keys: Mapping[str, ClientKey]
    clock: Clock
    keep_pending: Callable[[PendingLaunch], None]
    take_pending: Callable[[str], PendingLaunch]
    keep_session: Callable[[NewSession, CompletedLaunch], None]
    end_session: Callable[[LaunchId], None]
    find_user: Callable[[Issuer, CompletedLaunch], User]
    after_launch: Callable[[ClinicalSession], None]
    public_jwks: Callable[[], Json]

    @property
    def redirect_uri(self) -> str:
        return f"{self.base_url}/callback"


def register_launch(app: Flask, launching: Launching) -> None:
    """Adds the way in to `app`. Query strings of these routes are never logged: they carry codes and handles."""
    way_in = Blueprint("way_in", __name__)

    @way_in.get("/")
    @public
    def front_door() -> ResponseReturnValue:
        """Says what this is and how to come in; knows nobody."""
        return render_template("front_door.html", issuers=[each.name for each in launching.registry if each.sandbox])

    @way_in.get("/launch")
    @public
    def launch() -> ResponseReturnValue:
        """EHR launch (SMART App Launch 2.2, 2.0.7). An unknown `iss` makes no outbound request."""
        asked = read_launch(request.args.to_dict(flat=False), launching.registry)
        return _leave(launching, asked.issuer, launch=asked.launch, aud=asked.iss)

    @way_in.get("/standalone/<name>")
    @public
    def standalone(name: str) -> ResponseReturnValue:
        """Standalone launch at a registered EHR, by its name in the registry."""
        return _leave(launching, launching.registry.named(name), launch=None, aud=None)

    @way_in.get("/callback")
    @public
    def callback() -> ResponseReturnValue:
        """The way back. Nothing is exchanged unless this browser began this launch, and only once."""
        parameters = request.args.to_dict(flat=False)
        if not request.cookies.get(BINDING_COOKIE):
            raise Refused("Your browser did not send this app's cookie back.", code="cookies-blocked")
        pending = launching.take_pending(pending_key(parameters))
        issuer = launching.registry.find(pending.iss)
        now = launching.clock.now()
        done = complete(
            pending,
            parameters,
            issuer=issuer,
            browser_secret=request.cookies.get(BINDING_COOKIE),
            transport=launching.transport,
            verifier=launching.verifier,
            now=now,
            key=launching.client_keys.get(issuer.key_id),
        )
        session = _new_session(launching, issuer, done, now)
        launching.keep_session(session, done)
        launching.after_launch(
            ClinicalSession(
                launch_id=session.launch_id,
                fhir_base=session.fhir_base,
                issuer=session.issuer,
                patient_id=session.patient,
                user=session.user,
            )
        )
        response = redirect(url_for("gallery.timeline", launch=session.launch_id), 303)
        assert isinstance(response, Response)
        return set_browser_secret(response, session.browser_secret)

    @way_in.post("/l/<launch>/sign-out")
    @launched(*Role)
    def sign_out(session: ClinicalSession) -> ResponseReturnValue:
        """Ends this launch and forgets its tokens; other launches of this browser go on."""
        launching.end_session(session.launch_id)
        return render_template("signed_out.html")

    @way_in.get("/.well-known/jwks.json")
    @public
    def jwks() -> ResponseReturnValue:
        """Our public keys: those that sign statements, and those that authenticate this app (SMART-R301 to R303)."""
        response = jsonify(launching.public_jwks())
        response.headers["Cache-Control"] = "public, max-age=600"
        return response

    @way_in.get("/healthz")
    @public
    def healthz() -> ResponseReturnValue:
        """Says that the process answers; knows nothing else."""
        return jsonify({"status": "ok"})

    app.register_blueprint(way_in)
    app.register_error_handler(SmartError, answer_smart_error)


def _leave(launching: Launching, issuer: Issuer, *, launch: str | None, aud: str | None) -> Response:
    now = launching.clock.now()
    configuration = launching.configurations.get(issuer, now=now)
    secret = browser_secret()
    pending, url = begin_launch(
        issuer,
        configuration,
        redirect_uri=launching.redirect_uri,
        browser_secret=secret,
        now=now,
        launch=launch,
        aud=aud,
    )
    launching.keep_pending(pending)
    response = redirect(url, 303)
    assert isinstance(response, Response)
    return set_browser_secret(response, secret)


def _new_session(launching: Launching, issuer: Issuer, done: CompletedLaunch, now: dt.datetime) -> NewSession:
    context = done.context
    if context.patient is None:
        raise NotAllowed(
            "The EHR opened this app without a patient. Open a patient's chart and launch from there.",
            code="no-patient",
        )
    user = launching.find_user(issuer, done)
    return NewSession(
        launch_id=LaunchId(secrets.token_urlsafe(24)),
        browser_secret=request.cookies[BINDING_COOKIE],
        fhir_base=FhirBase(issuer.fhir_base),
        issuer=issuer.name,
        patient=PatientId(context.patient),
        encounter=context.encounter,
        user=user,
        scopes=str(done.grant.scopes),
        context={
            "roles": sorted(role.value for role in user.roles),
            "need_patient_banner": context.need_patient_banner,
            "intent": context.intent,
            "tenant": context.tenant,
        },
        created=now,
        ends=now + SESSION_LENGTH,
    )
