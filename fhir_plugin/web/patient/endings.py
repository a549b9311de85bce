"""Where a visit stands when it is not under way, and what is said when something fails: calm, with a number to call."""

from __future__ import annotations

import structlog
from flask import Response, make_response, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from fhir_plugin.capture.requests.link import LinkRefused
from fhir_plugin.capture.requests.page import Stage, Visit
from fhir_plugin.capture.requests.request import RequestState
from fhir_plugin.errors import Incomplete, NotFound, PluginError
from fhir_plugin.web.asking import asked_by_script
from fhir_plugin.web.patient import door as at_the_door
from fhir_plugin.web.patient.blueprint import go, patient
from fhir_plugin.web.patient.door import at, closed, show, words_for

log = structlog.get_logger(__name__)


def stage_page(visit: Visit) -> Response:
    """The page of a visit that is not under way."""
    words, look = words_for(visit.information)
    practice = at_the_door.practice_of(visit)
    phone = visit.information.phone
    if visit.stage is Stage.SENT and visit.withdraw_until is not None:
        sent = visit.withdraw_until - visit.information.policy.withdraw_window
        looked_at = words.moment(sent + visit.information.look_within)
        one = visit.details is not None and visit.details.most_pictures == 1
        return make_response(show("patient/done.html", visit, words, look, looked_at=looked_at, count=1 if one else 2))
    if visit.stage is Stage.CLOSED:
        texts = [words("locked.why"), words("locked.what", phone=phone)]
        return at_the_door.said(words, look, practice, words("locked.title"), texts, 403)
    if visit.stage is Stage.ELSEWHERE:
        texts = [words("elsewhere.why"), words("elsewhere.what", phone=phone)]
        return at_the_door.said(words, look, practice, words("elsewhere.title"), texts, 403)
    if not at_the_door.ended_here(visit):
        return closed()
    stopped = at_the_door.stopped_here()
    if visit.state is RequestState.CALL_ME and stopped:
        texts = [words(f"stopped.{stopped}"), words("stopped.call"), words("stopped.deleted")]
        return at_the_door.said(words, look, practice, words(f"stopped.{stopped}_title"), texts)
    endings = {
        RequestState.DECLINED: ("declined", ("what", "deleted", "clean")),
        RequestState.CALL_ME: ("called", ("what", "deleted")),
        RequestState.WITHDRAWN: ("withdrawn", ("what", "again")),
        RequestState.ANSWERED: ("answered", ("what", "later")),
        RequestState.EXPIRED: ("over", ("why", "what")),
        RequestState.CANCELLED: ("over", ("why", "what")),
    }
    if visit.state not in endings:
        return closed()
    section, keys = endings[visit.state]
    texts = [words(f"{section}.{key}", phone=phone) for key in keys]
    return at_the_door.said(words, look, practice, words(f"{section}.title"), texts)


# ------------------------------------------------------------------------------------------------ when something fails


@patient.errorhandler(LinkRefused)
def refuse(error: LinkRefused) -> ResponseReturnValue:
    """A link that opens nothing: one page for all of them. What this browser may know, `start` says."""
    if error.code == "link-busy":
        words, look = words_for(None)
        texts = [words("busy.why"), words("busy.what")]
        nobody = at_the_door.Practice(words("every.practice"), at_the_door.installation_phone())
        return at_the_door.said(words, look, nobody, words("busy.title"), texts, 429)
    if error.code == "link-cookie":
        return allow_cookies()
    if error.code == "link-unknown" or request.endpoint == "patient.start":
        return go("start") if asked_by_script() else closed()
    return go("start")


@patient.errorhandler(CSRFError)
def blocked(_: CSRFError) -> ResponseReturnValue:
    return allow_cookies()


def allow_cookies() -> ResponseReturnValue:
    """A browser that keeps nothing between two pages: what to do about it."""
    words, look = words_for(None)
    nobody = at_the_door.Practice(words("every.practice"), at_the_door.installation_phone())
    if asked_by_script():
        return {"go": at("start")}, 409
    texts = [words("trouble.cookies")]
    return at_the_door.said(
        words,
        look,
        nobody,
        words("trouble.cookies_title"),
        texts,
        400,
        onward=at("start"),
        onward_text=words("trouble.again"),
    )


@patient.errorhandler(Incomplete)
def incomplete(_: Incomplete) -> ResponseReturnValue:
    """Another tab, or the back button: on to what is still to be said."""
    return go("start")


@patient.errorhandler(PluginError)
@patient.errorhandler(HTTPException)
def trouble(error: PluginError | HTTPException) -> ResponseReturnValue:
    """Anything else: what is kept is safe, and there is a number to call."""
    words, look = words_for(None)
    nobody = at_the_door.Practice(words("every.practice"), at_the_door.installation_phone())
    if isinstance(error, PluginError):
        status = 404 if isinstance(error, NotFound) else 503
        log.warning("patient-page.failed", code=error.code, kind=type(error).__name__, status=status)
    else:
        status = error.code or 500
    if isinstance(error, HTTPException) and (error.response is not None or status < 400):
        return error.get_response()
    if asked_by_script():
        return {"text": words("trouble.what")}, status
    texts = [words("trouble.what")]
    if nobody.phone:
        texts.append(words("trouble.call", phone=nobody.phone))
    return at_the_door.said(
        words,
        look,
        nobody,
        words("trouble.title"),
        texts,
        status,
        onward=at("start"),
        onward_text=words("trouble.again"),
    )
