"""Who may ask for what. Shut by default: a route that nobody marked answers nobody.

A page of a launch needs three things that agree: the launch in its path, a live session, and the
browser-binding cookie of the browser that launched it. There is no "current patient" anywhere else, so two
charts in two tabs cannot cross (smart-client D, recommended design).
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from flask import Flask, Response, abort, current_app, g, has_request_context, request
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import NotAllowed, SignInNeeded
from fhir_plugin.ports import Json
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from mappings.model.people import NOBODY, ClinicalSession, Role, User
from smart_launch import BINDING_COOKIE, binding_cookie, binding_of

_MARK = "_who_may"
PUBLIC = "public"
LAUNCHED = "launched"
MACHINE = "machine"
UNATTENDED_HEADER = "X-Unattended"
"""Our scripts send it with what they ask by a timer: nobody is there, so it keeps no session alive."""
UNATTENDED_PARAMETER = "unattended"
"""The same for a page that loads itself again without scripts."""

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


class KeptSession(Protocol):
    """What the store keeps of a launch session."""

    @property
    def launch_id(self) -> LaunchId: ...
    @property
    def browser_binding_hash(self) -> str: ...
    @property
    def fhir_base(self) -> FhirBase: ...
    @property
    def issuer(self) -> str: ...
    @property
    def patient(self) -> PatientId | None: ...
    @property
    def encounter(self) -> str | None: ...
    @property
    def user(self) -> Reference | None: ...
    @property
    def user_display(self) -> str: ...
    @property
    def context(self) -> Json: ...


class TimeLeft(Protocol):
    """Whole seconds, rounded down."""

    @property
    def idle_seconds(self) -> int: ...
    @property
    def absolute_seconds(self) -> int: ...
    @property
    def warn_seconds(self) -> int: ...


class SessionStore(Protocol):
    def get(self, launch_id: LaunchId) -> KeptSession: ...
    def touch(self, launch_id: LaunchId) -> KeptSession: ...
    def time_left(self, launch_id: LaunchId) -> TimeLeft: ...


class AccessParts(Protocol):
    @property
    def sessions(self) -> SessionStore: ...


def public(view: View) -> View:
    """Marks a page that anybody may ask for: no patient, no session."""
    setattr(view, _MARK, PUBLIC)
    return view


def machine(view: View) -> View:
    """Marks a page for other systems: no cookie is read there; a bearer token, or nothing that needs one."""
    setattr(view, _MARK, MACHINE)
    return view


def launched(
    *roles: Role, touches: bool = True, requests_only: bool = False
) -> Callable[[Callable[..., ResponseReturnValue]], Callable[..., ResponseReturnValue]]:
    """Marks a page below `/l/<launch>` for people with one of `roles`; it gets the `ClinicalSession` first.

    `touches=False`: asking for it is no sign that somebody is there, and does not put off the idle time-out.
    `requests_only=True`: opens as well for who came in by the Guardian's own way, about no patient (docs/adr/0028).
    """

    def mark(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        @functools.wraps(view)
        def guarded(launch: str, **values: Any) -> ResponseReturnValue:
            session = current_session(LaunchId(launch), touches=touches)
            if session.requests_only and not requests_only:
                raise NotAllowed(
                    "This way in leads to requests for permanent deletion and to nothing else. For other work open "
                    "the app from the chart.",
                    code="requests-only",
                )
            if not session.user.roles & frozenset(roles):
                raise NotAllowed(
                    "Your role in the EHR does not include this. Ask your practice's administrator.", code="role"
                )
            return view(session, **values)

        setattr(guarded, _MARK, LAUNCHED)
        return guarded

    return mark


def current_session(launch_id: LaunchId, *, touches: bool = True) -> ClinicalSession:
    """The session of this launch for this browser. Raises `SignInNeeded`, all reasons alike.

    Only its own browser keeps a session alive, and only by what a person does there.
    """
    sessions = session_store()
    try:
        kept = sessions.get(launch_id)
        if bound_to_this_browser(kept.browser_binding_hash):
            return clinical_session(sessions.touch(launch_id) if touches and attended() else kept)
    except SignInNeeded:
        pass  # ended, ran out or never was: the answer is the same as to another browser
    raise SignInNeeded("This session has ended: launch again from the chart.", code="session-expired")


def session_store() -> SessionStore:
    """The launch sessions of this app."""
    return cast(AccessParts, current_app.extensions["fhir_plugin"]).sessions


def attended() -> bool:
    """Whether a person asks. A script that polls, tries again or saves by a timer says that none does."""
    return UNATTENDED_HEADER not in request.headers and UNATTENDED_PARAMETER not in request.args


def remembered_in_this_request() -> dict[LaunchId, Any]:
    """Launch sessions already read while this request is answered; a fresh dict outside of one."""
    if not has_request_context():
        return {}
    return cast(dict[LaunchId, Any], g.setdefault("launch_sessions", {}))


def clinical_session(kept: KeptSession) -> ClinicalSession:
    """Our own words for a kept session. Raises `NotAllowed` without a patient or a known person."""
    requests_only = bool(kept.context.get("requests_only"))
    if (kept.patient is None) is not requests_only or kept.user is None:
        raise NotAllowed("The EHR did not say which patient or which person this is.", code="no-context")
    roles = frozenset(Role(role) for role in kept.context.get("roles", []))
    person = str(kept.context.get("person") or "")
    return ClinicalSession(
        launch_id=kept.launch_id,
        fhir_base=kept.fhir_base,
        issuer=kept.issuer,
        patient_id=NOBODY if kept.patient is None else kept.patient,
        user=User(kept.user, kept.user_display, roles, Reference(person) if person else None),
        encounter=Reference(f"Encounter/{kept.encounter}") if kept.encounter else None,
        need_patient_banner=bool(kept.context.get("need_patient_banner", True)),
        requests_only=requests_only,
    )


def bound_to_this_browser(binding: str) -> bool:
    """Whether the cookie of this browser is the one that began the launch. Constant time."""
    cookie = browser_secret()
    return bool(cookie) and hmac.compare_digest(binding_of(cookie), binding)


def browser_secret() -> str:
    """The value of this browser's binding cookie; empty when it sent none."""
    return request.cookies.get(BINDING_COOKIE, "")


def set_browser_secret(response: Response, value: str) -> Response:
    """Sets the binding cookie. It opens nothing alone."""
    response.set_cookie(**binding_cookie(value))
    return response


def shut_by_default(app: Flask) -> None:
    """Before every request: an endpoint whose view was not marked does not exist."""

    @app.before_request
    def refuse_unmarked() -> None:
        endpoint = request.endpoint or ""
        if endpoint.endswith("assets.static") or not endpoint:
            return
        if getattr(app.view_functions.get(endpoint), _MARK, None) is None:
            abort(404)


def mark_of(app: Flask, endpoint: str) -> str | None:
    """How a route is marked; None: shut."""
    mark = getattr(app.view_functions.get(endpoint), _MARK, None)
    return str(mark) if mark else None
