"""Everything that another system is told when it does not get a record: an OperationOutcome with its HTTP status."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final

import structlog
from flask import Response
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from fhir_plugin import errors
from fhir_plugin.adapters.machine_tokens import TokenRefused
from fhir_plugin.disclose.decide import SilenceNotAllowed, UnknownPurpose
from fhir_plugin.disclose.machines.answer import TwoPatients
from fhir_plugin.disclose.machines.order import UnclearOrder
from fhir_plugin.disclose.proven import CannotLook, NotProven
from fhir_plugin.disclose.redact import Finding, UnreadableRecord
from fhir_plugin.errors import PluginError

log = structlog.get_logger(__name__)

FHIR_JSON: Final = "application/fhir+json"
CODES: Final = "urn:fhir-plugin:codes:redact"
"""The system of our own codes in `issue.details`."""

Json = dict[str, Any]

# Most specific first: the first class that fits decides. The words of issue.code are FHIR's.
_BY_CLASS: Final[tuple[tuple[type[PluginError], HTTPStatus, str], ...]] = (
    (TokenRefused, HTTPStatus.UNAUTHORIZED, "login"),
    (UnclearOrder, HTTPStatus.BAD_REQUEST, "invalid"),
    (UnreadableRecord, HTTPStatus.BAD_REQUEST, "structure"),
    (UnknownPurpose, HTTPStatus.UNPROCESSABLE_ENTITY, "code-invalid"),
    (SilenceNotAllowed, HTTPStatus.UNPROCESSABLE_ENTITY, "business-rule"),
    (TwoPatients, HTTPStatus.UNPROCESSABLE_ENTITY, "business-rule"),
    (CannotLook, HTTPStatus.UNPROCESSABLE_ENTITY, "not-supported"),
    (errors.NotAllowed, HTTPStatus.FORBIDDEN, "forbidden"),
    (errors.Refused, HTTPStatus.BAD_REQUEST, "invalid"),
    (errors.Unavailable, HTTPStatus.SERVICE_UNAVAILABLE, "transient"),
    (NotProven, HTTPStatus.INTERNAL_SERVER_ERROR, "exception"),
    (PluginError, HTTPStatus.INTERNAL_SERVER_ERROR, "exception"),
)
_BY_STATUS: Final[dict[int, tuple[str, str]]] = {
    400: ("invalid", "The request was not understood."),
    401: ("login", "A bearer token is needed: see .well-known/smart-configuration."),
    404: ("not-found", "There is nothing here. See metadata."),
    405: ("not-supported", "This cannot be asked in that way. See metadata."),
    406: ("not-supported", "Answers are application/fhir+json."),
    413: ("too-long", "The document is larger than this installation takes."),
    415: ("not-supported", "Send application/fhir+json, as it is (no Content-Encoding)."),
    429: ("throttled", "Other records are being redacted: try again soon."),
}


def fhir_response(resource: Json, status: int = 200) -> Response:
    """A resource as an answer."""
    return Response(json.dumps(resource), status, content_type=FHIR_JSON)


def refusal(status: int, issue: str, code: str, words: str) -> Response:
    """One error. `words` never repeat what was sent."""
    response = fhir_response(
        {"resourceType": "OperationOutcome", "issue": [_issue("error", issue, code, words)]}, status
    )
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="fhir"' + (
            ', error="invalid_token"' if code == TokenRefused.code else ""
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = "2"
    return response


def refusal_of(status: int) -> Response:
    """What Flask or a page of ours refuses by its status alone."""
    issue, words = _BY_STATUS.get(status, ("exception", "Something went wrong here; it is in our log."))
    return refusal(status, issue, f"http-{status}", words)


def answer_plugin_error(error: PluginError) -> Response:
    """An error of ours. What is our fault is not explained to others."""
    status, issue = next((status, issue) for kind, status, issue in _BY_CLASS if isinstance(error, kind))
    if issue == "structure" and error.code == "not-a-resource":
        status, issue = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"
    log.info("machines.refused", code=error.code, status=int(status))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return refusal(status, issue, error.code, _BY_STATUS.get(status, ("", "Nothing was given out."))[1])
    return refusal(status, issue, error.code, error.message)


def answer_http_error(error: HTTPException) -> Response:
    """What Flask refuses, and what nobody foresaw (as a bare 500)."""
    if error.code is None or error.code < 400:
        return Response(status=400)
    response = refusal_of(error.code)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def answer_from_a_browser(_: CSRFError) -> Response:
    """A page of another site made a browser ask."""
    return refusal_of(HTTPStatus.BAD_REQUEST)


def outcome_of(findings: tuple[Finding, ...], counts: dict[str, int]) -> Json:
    """What became of each resource that does not go out as it came: a warning where a person has to look first."""
    issues = [
        _issue(
            "warning" if each.word == "review" else "information",
            "incomplete" if each.word == "review" else "suppressed",
            each.verdict.reason.rule,
            each.verdict.reason.text,
            f"{each.type}/{each.id}: {each.word}",
        )
        for each in findings
        if each.word != "release"
    ]
    words = ", ".join(f"{number} {name}" for name, number in counts.items())
    return {
        "resourceType": "OperationOutcome",
        "issue": [*issues, _issue("information", "informational", "counts", words)],
    }


def _issue(severity: str, issue: str, code: str, words: str, about: str = "") -> Json:
    found: Json = {
        "severity": severity,
        "code": issue,
        "details": {"coding": [{"system": CODES, "code": code}], "text": words},
    }
    if about:
        found["diagnostics"] = about
    return found
