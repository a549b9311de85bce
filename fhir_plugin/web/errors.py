"""The one place that picks the HTTP status of everything that can go wrong, and says it on a page or as JSON.

Failed launches have a table of their own (`launch_errors`), and end in the same page.

Every answer tells three things: what happened, what to do now, and that nothing is lost. It never repeats
what somebody typed, and never names the patient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus

import structlog
from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from fhir_plugin import errors
from fhir_plugin.errors import PluginError
from fhir_plugin.web.asking import asked_by_script

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Explanation:
    """What the page says: the heading, what to do now, and what happened to the work so far."""

    title: str
    what_to_do: str
    safe: str


ADMINISTRATOR = "the person who looks after this app"
"""How advice names whom to ask, until the setting `administrator` says who that is."""

_NOT_WRITTEN = "Nothing was written to the record, and nothing you had saved is lost."
_WAITS = "Your pictures and answers are kept safely on the server."

# Most specific first: the first class that fits decides.
_BY_CLASS: tuple[tuple[type[PluginError], HTTPStatus, Explanation], ...] = (
    (
        errors.UnacceptableImage,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        Explanation("This picture cannot be used", "Choose another picture, or take a new one.", _NOT_WRITTEN),
    ),
    (
        errors.WrongPatient,
        HTTPStatus.CONFLICT,
        Explanation(
            "This page is for another patient",
            "Close this tab, go back to the chart, check the patient's name and open the app from there.",
            "Nothing was written to either patient's record.",
        ),
    ),
    (
        errors.NotAllowed,
        HTTPStatus.FORBIDDEN,
        Explanation(
            "You cannot do this",
            "If it is part of your work, ask your practice's administrator to check your role in the EHR.",
            _NOT_WRITTEN,
        ),
    ),
    (
        errors.Incomplete,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        Explanation("Some answers are missing", "Go back, answer what is marked, and try again.", _NOT_WRITTEN),
    ),
    (
        errors.AnswersChanged,
        HTTPStatus.CONFLICT,
        Explanation(
            "Somebody, perhaps you in another tab, has changed these answers",
            "Copy the words that you typed here since, then reload this page and look again.",
            _NOT_WRITTEN,
        ),
    ),
    (
        errors.AlreadyThere,
        HTTPStatus.CONFLICT,
        Explanation("This was sent already", "Go back and reload the page: it is there, once.", _NOT_WRITTEN),
    ),
    (
        errors.Refused,
        HTTPStatus.BAD_REQUEST,
        Explanation("This was not possible", "Go back and try another way.", _NOT_WRITTEN),
    ),
    (
        errors.SignInNeeded,
        HTTPStatus.UNAUTHORIZED,
        Explanation(
            "Your sign-in has ended",
            "Go back to the patient's chart and open the app again. It carries on where you were.",
            _WAITS,
        ),
    ),
    (
        errors.Unavailable,
        HTTPStatus.SERVICE_UNAVAILABLE,
        Explanation(
            "The record is not answering",
            "Wait a minute and try again. If it goes on, tell your EHR's service desk.",
            _WAITS,
        ),
    ),
    (
        errors.NotFound,
        HTTPStatus.NOT_FOUND,
        Explanation("Not found", "Go back to the patient's images and open it from there.", _NOT_WRITTEN),
    ),
    (
        errors.Gone,
        HTTPStatus.GONE,
        Explanation("This has been deleted", "Go back to the patient's images.", _NOT_WRITTEN),
    ),
    (
        errors.VersionConflict,
        HTTPStatus.CONFLICT,
        Explanation("Somebody else changed this", "Reload the page and look at it again.", _NOT_WRITTEN),
    ),
    (
        errors.TooLarge,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        Explanation("This picture is too large", "Choose a smaller picture, or crop it first.", _NOT_WRITTEN),
    ),
    (
        errors.ContentRefused,
        HTTPStatus.BAD_GATEWAY,
        Explanation(
            "This EHR does not take this kind of picture",
            "File it again: the app has learnt this, and files it in the next best way.",
            _NOT_WRITTEN,
        ),
    ),
    (
        errors.RecordRefused,
        HTTPStatus.BAD_GATEWAY,
        Explanation(
            "The record did not accept this",
            "Try once more. If it goes on, tell your EHR's service desk and give the code below.",
            _WAITS,
        ),
    ),
    (
        errors.AnswerLost,
        HTTPStatus.GATEWAY_TIMEOUT,
        Explanation(
            "We do not know yet whether this was filed",
            "Do not file it again. The app checks by itself and shows the outcome with this patient's images.",
            _WAITS,
        ),
    ),
    (
        errors.ReadBackMismatch,
        HTTPStatus.BAD_GATEWAY,
        Explanation(
            "The record holds something else than was sent",
            "The image has been taken out of use. Tell your EHR's service desk and give the code below.",
            _WAITS,
        ),
    ),
    (
        errors.Tampered,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        Explanation(
            "A check failed",
            f"Stop, and tell {ADMINISTRATOR}. Give the code below.",
            "Nothing was written to the record.",
        ),
    ),
    (
        errors.PluginError,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        Explanation(
            "Something went wrong",
            f"Try once more. If it goes on, tell {ADMINISTRATOR} and give the code below.",
            _WAITS,
        ),
    ),
)

# A code that says more than its class.
_BY_CODE: dict[str, tuple[HTTPStatus, Explanation]] = {
    "not-open": (
        HTTPStatus.CONFLICT,
        Explanation(
            "These pictures have been filed or finished meanwhile, perhaps by you in another tab",
            "Copy the words that you typed here since, then go back to this patient's images and look at the receipt.",
            "Nothing that was typed here since has been written to the record.",
        ),
    ),
    "session-expired": (
        HTTPStatus.UNAUTHORIZED,
        Explanation(
            "This page has expired",
            "Go back to the patient's chart and open the app again. It carries on where you were.",
            _WAITS,
        ),
    ),
    "cookies-blocked": (
        HTTPStatus.BAD_REQUEST,
        Explanation(
            "Your browser blocks the cookie that keeps this page safe",
            "Allow cookies for this app, or open it in a tab of its own from the chart. Then try again.",
            _NOT_WRITTEN,
        ),
    ),
    "no-patient": (
        HTTPStatus.FORBIDDEN,
        Explanation(
            "No patient's chart is open",
            "Open a patient's chart in the EHR, and open the app from there.",
            "Nobody was signed in by this launch, and nothing was written to any record.",
        ),
    ),
    "patient-unknown": (
        HTTPStatus.NOT_FOUND,
        Explanation(
            "The record does not have this patient",
            "Go back to the chart, check who the patient is, and open the app again from there. If it goes on, tell "
            "your EHR's service desk.",
            _WAITS,
        ),
    ),
    "patient-forbidden": (
        HTTPStatus.FORBIDDEN,
        Explanation(
            "Your EHR does not show this patient to the app",
            "Check that you may see this patient's record. If you may, tell your EHR's service desk.",
            _WAITS,
        ),
    ),
    "patient-merged": (
        HTTPStatus.CONFLICT,
        Explanation(
            "This record has been merged into another",
            "Close this tab. Open the patient's current record in the EHR, and open the app from there.",
            "Nothing was written to either record.",
        ),
    ),
    "request-state": (
        HTTPStatus.CONFLICT,
        Explanation(
            "This request has moved on",
            "Go back to the requests for photos, and look where it stands now.",
            _NOT_WRITTEN,
        ),
    ),
    "taken": (
        HTTPStatus.CONFLICT,
        Explanation(
            "Somebody else has these photos now",
            "Go back to the request: it names who has them. You can take them over from there.",
            _NOT_WRITTEN,
        ),
    ),
    "no-user": (
        HTTPStatus.FORBIDDEN,
        Explanation(
            "Your EHR did not say who you are",
            "Trying again will hardly help. Please tell your EHR's service desk, and give the code below.",
            "Nobody was signed in by this launch, and nothing was written to any record.",
        ),
    ),
    "unknown-issuer": (
        HTTPStatus.FORBIDDEN,
        Explanation(
            "This EHR is not known to the app",
            f"Ask {ADMINISTRATOR} to register your EHR. Open the app only from the chart.",
            _NOT_WRITTEN,
        ),
    ),
}

_BY_STATUS: dict[int, Explanation] = {
    400: Explanation("This request was not understood", "Go back, reload the page and try again.", _NOT_WRITTEN),
    403: _BY_CLASS[2][2],
    404: Explanation("Page not found", "Go back to the patient's images and start from there.", _NOT_WRITTEN),
    405: Explanation("This page cannot be used that way", "Go back and use the buttons of the page.", _NOT_WRITTEN),
    413: Explanation(
        "This picture is too large",
        "A picture may be up to 25 MB. Choose a smaller one, or take it again at a lower resolution.",
        _NOT_WRITTEN,
    ),
    415: Explanation(
        "This kind of file was not understood", "Use the buttons of the page to add pictures.", _NOT_WRITTEN
    ),
    500: _BY_CLASS[-1][2],
}


def status_and_explanation(error: PluginError) -> tuple[HTTPStatus, Explanation]:
    """The HTTP status and the words for one error: by its code where that says more, else by its class."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    for kind, status, explanation in _BY_CLASS:
        if isinstance(error, kind):
            return status, explanation
    raise AssertionError("PluginError is the root")


def wants_json() -> bool:
    """A script asked (fetch, XHR or htmx): it shows the words itself."""
    if asked_by_script():
        return True
    best = request.accept_mimetypes.best_match(("text/html", "application/json"))
    return best == "application/json"


def explanation_of_code(code: str) -> tuple[HTTPStatus, Explanation]:
    """The HTTP status and the words of a code that says more than its class. Raises `KeyError` for any other."""
    return _BY_CODE[code]


def _by_name(advice: str) -> str:
    """Advice with the person who looks after this app named, where the settings name somebody."""
    settings = getattr(current_app.extensions.get("fhir_plugin"), "settings", None)
    name = str(getattr(settings, "administrator", "")).strip()
    return advice.replace(ADMINISTRATOR, name) if name else advice


def answer(
    status: int, code: str, message: str, explanation: Explanation, *, retry_after: float | None = None
) -> Response:
    """The page or the JSON, with the headers that its status asks for. `retry_after` is in seconds."""
    explanation = replace(explanation, what_to_do=_by_name(explanation.what_to_do))
    if wants_json():
        body = {
            "error": {
                "code": code,
                "title": explanation.title,
                "message": message,
                "what_to_do": explanation.what_to_do,
                "safe": explanation.safe,
            }
        }
        response = jsonify(body)
    else:
        page = render_template("error.html", explanation=explanation, message=message, code=code)
        response = make_response(page)
    response.status_code = status
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(0, round(retry_after)))
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Launch realm="patient chart"'
    return response


def answer_plugin_error(error: PluginError) -> Response:
    """A page or JSON for an error of ours."""
    status, explanation = status_and_explanation(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("page.failed", code=error.code, kind=type(error).__name__, status=int(status))
    wait = error.retry_after if isinstance(error, errors.RecordUnavailable) else None
    return answer(status, error.code, error.message, explanation, retry_after=wait)


def answer_http_error(error: HTTPException) -> Response:
    """A page or JSON for what Flask refuses, and for what nobody foresaw (as a bare 500)."""
    if error.response is not None or error.code is None:
        return make_response(error.get_response())
    if 300 <= error.code < 400:
        return make_response(error.get_response())
    explanation = _BY_STATUS.get(error.code, _BY_STATUS[500 if error.code >= 500 else 400])
    response = answer(error.code, f"http-{error.code}", "", explanation)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def answer_csrf_error(_: CSRFError) -> Response:
    """No token came back: nearly always a blocked cookie."""
    status, explanation = _BY_CODE["cookies-blocked"]
    return answer(status, "cookies-blocked", "", explanation)


def register_errors(app: Flask) -> None:
    """Every error of this app ends here."""
    app.register_error_handler(PluginError, answer_plugin_error)
    app.register_error_handler(CSRFError, answer_csrf_error)
    app.register_error_handler(HTTPException, answer_http_error)
