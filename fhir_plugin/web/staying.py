"""How long a launch session still lasts, staying signed in, and what a page says once it is over.

A person is warned two minutes before an idle session ends and may stay (WCAG 2.2, 2.2.1); what they typed is
saved before the warning counts down (2.2.6). The longest a session may last cannot be put off: the warning says
so. Asking how long is left is no use of the session: else a forgotten page would never sign anybody out.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import SignInNeeded
from fhir_plugin.policy.questions import Kind, catalogue
from fhir_plugin.web.access import TimeLeft, launched, session_store
from fhir_plugin.web.asking import own_page
from fhir_plugin.web.errors import answer_plugin_error, wants_json
from mappings.model.identifiers import LaunchId
from mappings.model.people import ClinicalSession, Role

staying = Blueprint("staying", __name__, url_prefix="/l/<launch>/session")

NOTHING_LEFT = {"idle_seconds": 0, "absolute_seconds": 0, "warn_seconds": 0}

_QUESTIONS = {name: question.text for name, question in catalogue().items() if question.kind is Kind.TEXT}
"""Every question that people answer in their own words, as the add-images screen asks it."""


@dataclass(frozen=True)
class Typed:
    """Words that came with a form which could not be taken any more."""

    label: str
    words: str


@staying.get("")
@launched(*Role, touches=False, requests_only=True)
def time_left(session: ClinicalSession) -> ResponseReturnValue:
    """Seconds left, as JSON. 401 when it is over."""
    return jsonify(_left(session.launch_id))


@staying.post("")
@launched(*Role, requests_only=True)
def stay(session: ClinicalSession) -> ResponseReturnValue:
    """*Stay signed in*: a use of the session like any other. Answers as `time_left` does.

    The EHR is not asked, so that people can stay while it is down; nothing is written for any patient.
    """
    own_page(session)
    return jsonify(_left(session.launch_id))


@staying.app_context_processor
def for_templates() -> dict[str, object]:
    """`seconds_left()`: what a page of a launch tells its script."""
    return {"seconds_left": _seconds_left}


@staying.app_errorhandler(SignInNeeded)
def answer_session_over(error: SignInNeeded) -> Response:
    """401. A form that came too late gets its words back: only its own browser sees them, and only now.

    A script gets JSON. Anything but a form gets the page that all errors get.
    """
    typed = _typed() if request.method == "POST" else []
    answer = answer_plugin_error(error)
    if typed and not wants_json():
        page = make_response(render_template("session_over.html", typed=typed, code=error.code), answer.status_code)
        page.headers["WWW-Authenticate"] = answer.headers["WWW-Authenticate"]
        return page
    return answer


def _left(launch: LaunchId) -> dict[str, int]:
    left: TimeLeft = session_store().time_left(launch)
    return {
        "idle_seconds": left.idle_seconds,
        "absolute_seconds": left.absolute_seconds,
        "warn_seconds": left.warn_seconds,
    }


def _seconds_left() -> dict[str, int]:
    launch = (request.view_args or {}).get("launch")
    try:
        return _left(LaunchId(launch)) if launch else NOTHING_LEFT
    except SignInNeeded:  # it ended while this page was made: the page will find out at once
        return NOTHING_LEFT


def _typed() -> list[Typed]:
    """What somebody wrote in their own words, by the question. Choices are made again in a moment."""
    found = []
    for field in request.form:  # a picture's own field ends in the picture's id
        question = _QUESTIONS.get(field) or _QUESTIONS.get(field.partition("-")[0])
        words = request.form[field].strip()
        if question and words:
            found.append(Typed(question, words))
    return found
