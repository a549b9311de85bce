"""The way in: launch from an EHR, standalone launch, callback, sign-out, and our public keys."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from flask import (
    Blueprint,
    Flask,
    Response,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed

from fhir_plugin.errors import NotAllowed, PluginError
from fhir_plugin.ports import Clock, Json
from fhir_plugin.web.access import browser_secret, launched, public, set_browser_secret
from fhir_plugin.web.disclosing.blueprint import DESK
from fhir_plugin.web.launch_errors import answer_smart_error
from mappings.model.identifiers import FhirBase, LaunchId, PatientId
from mappings.model.people import NOBODY, ClinicalSession, Role, User
from smart_launch import CompletedLaunch, Departure, SmartClient, SmartError
from smart_launch.authorize import read_launch

TRIED = "cookie"
"""The parameter with which `/launch` comes back to itself, to see whether its cookie came along."""


@dataclass(frozen=True)
class NewSession:
    """What a completed launch tells us to keep."""

    launch_id: LaunchId
    browser_secret: str
    fhir_base: FhirBase
    issuer: str
    patient: PatientId | None
    """None: about no patient, at the Guardian's own way in."""
    encounter: str | None
    user: User
    roles: frozenset[Role]
    """What this person has at this EHR at this launch, also where the way in is for less."""
    scopes: str
    context: Json
    created: dt.datetime
    ends: dt.datetime


@dataclass(frozen=True)
class Launching:
    """What the way in works with; joined in `app`."""

    client: SmartClient
    clock: Clock
    session_length: dt.timedelta
    """The longest a launch session lasts, however busy."""
    begin: Callable[[NewSession, CompletedLaunch], None]
    """Keeps the session, and ends those that another person has open in this browser."""
    end: Callable[[LaunchId], bool]
    """Ends it here, then gives its access back; True when the EHR has confirmed that."""
    refuse: Callable[[CompletedLaunch, PluginError], None]
    """Writes down a launch that we do not take up, and gives its access back."""
    find_user: Callable[[CompletedLaunch], User]
    after_launch: Callable[[ClinicalSession, bool], None]
    """Goes on with what waited for this sign-in. True: the launch was at the disclosure desk's address. At the
    Guardian's (`requests_only`) it is noted who was here, with every role that they have, and nothing goes on."""
    public_jwks: Callable[[], Json]


def register_launch(app: Flask, launching: Launching) -> None:
    """Adds the way in to `app`. Query strings of these routes are never logged: they carry codes and handles."""
    way_in = Blueprint("way_in", __name__)

    @way_in.get("/")
    @public
    def front_door() -> ResponseReturnValue:
        """Says what this is and how to come in; knows nobody."""
        sandboxes = [each.name for each in launching.client.registry if each.sandbox]
        return render_template("front_door.html", issuers=sandboxes)

    @way_in.get("/launch")
    @public
    def launch() -> ResponseReturnValue:
        """EHR launch (SMART App Launch 2.2, 2.0.7). An unknown `iss` makes no outbound request.

        A browser that has no cookie of ours comes back once to show that it keeps them: only then is the EHR's
        handle spent, so that a person whose browser blocks cookies can still open it in another way.
        """
        return begin(".launch", ".standalone")

    @way_in.get("/launch/disclosures")
    @public
    def desk_launch() -> ResponseReturnValue:
        """The same for the disclosure desk, which has to read whole records: it asks for more (docs/adr/0026), and
        opens for a disclosure officer only."""
        return begin(".desk_launch", ".desk_standalone", privileged=True)

    @way_in.get("/launch/deletions")
    @public
    def guardian_launch() -> ResponseReturnValue:
        """The same for a Caldicott Guardian, internal or external: it asks for no patient's record (docs/adr/0028), and
        leads to requests for permanent deletion alone."""
        return begin(".guardian_launch", ".guardian_standalone", identity_only=True)

    def begin(
        here: str, standalone: str, *, privileged: bool = False, identity_only: bool = False
    ) -> ResponseReturnValue:
        query = request.args.to_dict(flat=False)
        if not browser_secret():
            asked = read_launch(query, launching.client.registry)
            if TRIED not in query:
                response = redirect(url_for(here, iss=asked.iss, launch=asked.launch, cookie="1"), 303)
                return set_browser_secret(make_response(response), secrets.token_urlsafe(32))
            return cookies_blocked(
                retry_url=url_for(here, iss=asked.iss, launch=asked.launch),
                standalone_url=url_for(standalone, name=asked.issuer.name),
            )
        departure = launching.client.begin(
            query, browser_secret=browser_secret(), privileged=privileged, identity_only=identity_only
        )
        return _leave(departure)

    @way_in.get("/standalone/<name>")
    @public
    def standalone(name: str) -> ResponseReturnValue:
        """Standalone launch at a registered EHR, by its name in the registry."""
        return _leave(launching.client.begin_standalone(name, browser_secret=browser_secret()))

    @way_in.get("/standalone/<name>/disclosures")
    @public
    def desk_standalone(name: str) -> ResponseReturnValue:
        """Standalone launch of the disclosure desk."""
        departure = launching.client.begin_standalone(name, browser_secret=browser_secret(), privileged=True)
        return _leave(departure)

    @way_in.get("/standalone/<name>/deletions")
    @public
    def guardian_standalone(name: str) -> ResponseReturnValue:
        """Standalone launch of a Caldicott Guardian: no patient is chosen."""
        departure = launching.client.begin_standalone(name, browser_secret=browser_secret(), identity_only=True)
        return _leave(departure)

    @way_in.get("/callback")
    @public
    def callback() -> ResponseReturnValue:
        """The way back. Nothing is exchanged unless this browser began this launch, and only once."""
        if request.method != "GET":  # a look by HEAD, as link checkers take, must not use a code up
            raise MethodNotAllowed(valid_methods=["GET"])
        if not browser_secret():
            return cookies_blocked()
        query = request.args.to_dict(flat=False)
        done = launching.client.finish(query, browser_secret=browser_secret())
        try:
            session = _new_session(launching, done)
        except PluginError as error:
            launching.refuse(done, error)
            raise
        launching.begin(session, done)
        launching.after_launch(
            ClinicalSession(
                launch_id=session.launch_id,
                fhir_base=session.fhir_base,
                issuer=session.issuer,
                patient_id=NOBODY if session.patient is None else session.patient,
                user=replace(session.user, roles=session.roles),
                requests_only=done.identity_only,
            ),
            done.privileged,
        )
        first = "guarding.queue" if done.identity_only else "home.enter"
        return redirect(url_for(first, launch=session.launch_id), 303)

    @way_in.post("/l/<launch>/sign-out")
    @launched(*Role, requests_only=True)
    def sign_out(session: ClinicalSession) -> ResponseReturnValue:
        """Ends this launch here and at the EHR, and forgets its tokens; other launches of this browser go on."""
        return render_template("signed_out.html", confirmed=launching.end(session.launch_id))

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


def cookies_blocked(*, retry_url: str = "", standalone_url: str = "") -> Response:
    """The page for a browser that keeps no cookie of ours, with the ways out that are open."""
    page = render_template("cookies_blocked.html", retry_url=retry_url, standalone_url=standalone_url)
    return make_response(page, 400)


def _leave(departure: Departure) -> Response:
    """Sends the browser to the EHR's sign-in page; a long request goes as a form where the EHR takes that."""
    if departure.form is None:
        response = make_response(redirect(departure.url, 303))
    else:
        action, fields = departure.form
        g.form_action = action
        response = make_response(render_template("authorize.html", action=action, fields=fields))
    return set_browser_secret(response, departure.browser_secret)


def _new_session(launching: Launching, done: CompletedLaunch) -> NewSession:
    context, now = done.context, launching.clock.now()
    if context.patient is None and not done.identity_only:
        raise NotAllowed(
            "The EHR opened this app without a patient. Open a patient's chart and launch from there.",
            code="no-patient",
        )
    user = launching.find_user(done)
    if done.privileged:
        user = _of_the_desk(user)
    roles = user.roles
    if done.identity_only:
        user = _guardian(user)
    return NewSession(
        launch_id=LaunchId(secrets.token_urlsafe(24)),
        browser_secret=browser_secret(),
        fhir_base=FhirBase(done.issuer.fhir_base),
        issuer=done.issuer.name,
        patient=None if done.identity_only or context.patient is None else PatientId(context.patient),
        encounter=None if done.identity_only else context.encounter,
        user=user,
        roles=roles,
        scopes=str(done.grant.scopes),
        context={
            "roles": sorted(role.value for role in user.roles),
            "person": user.person,
            "need_patient_banner": context.need_patient_banner,
            "intent": context.intent,
            "smart_style_url": context.smart_style_url,
            "tenant": context.tenant,
            "desk": done.privileged,
            "requests_only": done.identity_only,
        },
        created=now,
        ends=now + launching.session_length,
    )


def _of_the_desk(user: User) -> User:
    """What opens a whole record is for a disclosure officer, who does nothing else with it: whoever files pictures as
    well opens the chart for that in the usual way."""
    if Role.DISCLOSURE_OFFICER not in user.roles:
        raise NotAllowed(
            "This way in is the disclosure desk's: it opens the whole record, and is for disclosure officers only. "
            "Open the app from its usual entry in the chart.",
            code="not-at-the-desk",
        )
    return replace(user, roles=user.roles & frozenset(DESK))


def _guardian(user: User) -> User:
    """Who comes in here decides about requests and does nothing else, whatever else they may do at a chart."""
    if Role.CALDICOTT_GUARDIAN not in user.roles:
        raise NotAllowed(
            "This way in is the Caldicott Guardian's. Open the app from its usual entry in the chart.",
            code="not-the-guardian",
        )
    return replace(user, roles=frozenset({Role.CALDICOTT_GUARDIAN}))
