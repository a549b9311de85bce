"""The routes below `/fhir`. No cookie is read here and none is set; without a bearer token nothing is redacted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from typing import Any, Final, Protocol

import structlog
from flask import Blueprint, Flask, Response, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from fhir_plugin import VERSION
from fhir_plugin.disclose.machines.answer import Redacted
from fhir_plugin.disclose.machines.order import Caller, Order, read_order
from fhir_plugin.errors import PluginError, Refused
from fhir_plugin.web.access import machine
from fhir_plugin.web.machines import outcome
from fhir_plugin.web.machines.outcome import FHIR_JSON, fhir_response, outcome_of, refusal_of
from fhir_plugin.web.machines.report import report_of

log = structlog.get_logger(__name__)

SCOPE: Final = "urn:fhir-plugin:operation:redact"
"""The operation's canonical URL: SMART has no syntax for scopes on operations (docs/adr/0024)."""

AT_ONCE: Final = 2
"""How many records one process redacts at a time: one of many small resources needs 25 times its size in memory."""
TOKEN_BYTES: Final = 32_768

_JSON: Final = (FHIR_JSON, "application/json")
_FORMATS: Final = ("", "json", FHIR_JSON, "application/json")


class AskForToken(Protocol):
    def __call__(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        """The token response. Raises `OAuthRefused`."""


class OAuthRefused(Refused):
    """An error of RFC 6749, 5.2. `error` is its word."""

    def __init__(self, error: str, message: str, *, code: str | None = None) -> None:
        super().__init__(message, code=code or error)
        self.error = error


@dataclass(frozen=True)
class Machines:
    """What the routes work with; joined in `fhir_plugin.machines`. `base`: the URL of `/fhir`."""

    base: str
    most_bytes: int
    ask_for_token: AskForToken
    caller_of: Callable[[str], Caller]
    """From an access token. Raises `TokenRefused`, `NotAllowed`."""
    answer: Callable[[Caller, Order], Redacted]


def register_machines(app: Flask, machines: Machines) -> None:
    """Adds `/fhir` to `app`."""
    pages = Blueprint("machines", __name__, url_prefix="/fhir")
    busy = threading.BoundedSemaphore(AT_ONCE)
    metadata = _definition("capability-statement", machines.base)
    metadata["software"]["version"] = VERSION
    operation = _definition("redact", machines.base)

    @pages.before_request
    def limit() -> None:
        is_operation = request.endpoint == "machines.redact"
        request.max_content_length = machines.most_bytes if is_operation else TOKEN_BYTES
        request.max_form_memory_size = TOKEN_BYTES

    @pages.get("/.well-known/smart-configuration")
    @machine
    def smart_configuration() -> ResponseReturnValue:
        """SMART App Launch 2.2, discovery: what a backend client needs, and nothing that is not here."""
        return _json(
            {
                "token_endpoint": f"{machines.base}/token",
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
                "scopes_supported": [SCOPE],
                "code_challenge_methods_supported": ["S256"],  # SMART requires the entry of everybody
                "capabilities": ["client-confidential-asymmetric"],
            }
        )

    @pages.get("/metadata")
    @machine
    def capability_statement() -> ResponseReturnValue:
        """What can be asked here."""
        return _unless_unacceptable() or fhir_response(metadata)

    @pages.get("/OperationDefinition/redact")
    @machine
    def operation_definition() -> ResponseReturnValue:
        """What the operation takes and gives."""
        return _unless_unacceptable() or fhir_response(operation)

    @pages.post("/token")
    @machine
    def token() -> ResponseReturnValue:
        """SMART Backend Services: client_credentials with a signed assertion."""
        if request.mimetype != "application/x-www-form-urlencoded" or request.args:
            return _oauth_error("invalid_request", "Send a form, and nothing in the URL.")
        form = request.form.to_dict(flat=False)
        if any(len(values) != 1 for values in form.values()):
            return _oauth_error("invalid_request", "A parameter is there twice.")
        try:
            answer = machines.ask_for_token({name: values[0] for name, values in form.items()})
        except OAuthRefused as refused:
            log.info("machines.token-refused", error=refused.error, code=refused.code)
            return _oauth_error(refused.error, refused.message)
        return _json(answer)

    @pages.post("/$redact")
    @machine
    def redact() -> ResponseReturnValue:
        """The operation."""
        scheme, _, access = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not access:
            return refusal_of(HTTPStatus.UNAUTHORIZED)
        caller = machines.caller_of(access.strip())
        if request.mimetype not in _JSON or request.headers.get("Content-Encoding", "identity") != "identity":
            return refusal_of(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        if unacceptable := _unless_unacceptable():
            return unacceptable
        if not busy.acquire(blocking=False):
            return refusal_of(HTTPStatus.TOO_MANY_REQUESTS)
        try:
            order = read_order(request.get_data(cache=False), _query())
            return _answered(machines.answer(caller, order), report=order.report)
        finally:
            busy.release()

    @pages.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @pages.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @machine
    def nothing_else(path: str) -> ResponseReturnValue:  # noqa: ARG001 - whatever it was
        """No resource lies here."""
        return refusal_of(HTTPStatus.NOT_FOUND)

    pages.register_error_handler(PluginError, outcome.answer_plugin_error)
    pages.register_error_handler(CSRFError, outcome.answer_from_a_browser)
    pages.register_error_handler(HTTPException, outcome.answer_http_error)
    app.register_blueprint(pages)
    app.extensions["csrf"].exempt(pages)  # a browser has no bearer token that it would send by itself


def _answered(answer: Redacted, *, report: bool) -> Response:
    counts = ", ".join(f"{name}={number}" for name, number in answer.counts.items())
    if "return=operationoutcome" in request.headers.get("Prefer", "").lower().replace(" ", ""):
        response = fhir_response(outcome_of(answer.findings, answer.counts))
    elif report:
        said = json.dumps(report_of(answer)).encode()
        document = b"" if answer.document is None else b'{"name":"return","resource":%b},' % answer.document.strip()
        body = b'{"resourceType":"Parameters","parameter":[%b%b]}' % (document, said)
        response = Response(body, content_type=FHIR_JSON)
    elif answer.document is None:
        response = fhir_response(outcome_of(answer.findings, answer.counts))
    else:
        response = Response(answer.document, content_type=FHIR_JSON)
    response.headers["X-Redaction-Counts"] = counts
    return response


def _query() -> dict[str, str]:
    query = request.args.to_dict(flat=False)
    if any(len(values) != 1 for values in query.values()):
        raise Refused("A parameter of the URL is there twice.", code="twice")
    return {name: values[0] for name, values in query.items() if name not in ("_format", "_pretty")}


def _unless_unacceptable() -> Response | None:
    asked = request.accept_mimetypes
    if request.args.get("_format", "") not in _FORMATS or (asked and not asked.best_match(_JSON)):
        return refusal_of(HTTPStatus.NOT_ACCEPTABLE)
    return None


def _definition(name: str, base: str) -> dict[str, Any]:
    text = (resources.files("mappings.profiles") / "operations" / f"{name}.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text.replace("{base}", base))
    return found


def _json(answer: Mapping[str, Any]) -> Response:
    response = Response(json.dumps(answer), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _oauth_error(error: str, words: str) -> Response:
    response = _json({"error": error, "error_description": words})
    response.status_code = HTTPStatus.UNAUTHORIZED if error == "invalid_client" else HTTPStatus.BAD_REQUEST
    return response
