"""A launch that failed, in the words and with the status of our own errors."""

from __future__ import annotations

import structlog
from flask import Response, make_response

from fhir_plugin.errors import NotAllowed, PluginError, Refused, SignInNeeded, Unavailable
from fhir_plugin.web.errors import answer_plugin_error
from smart_launch import AuthorizationError, SmartError, StateMismatch, TransportError, UnknownIssuer
from smart_launch.errors import DiscoveryError, LaunchExpired

log = structlog.get_logger(__name__)


def answer_smart_error(error: SmartError) -> Response:
    """A launch that failed, in the words and with the status of our own errors. Secrets are never in a SmartError."""
    log.info("launch.failed", kind=type(error).__name__, code=error.code)
    return make_response(answer_plugin_error(_in_our_words(error)))


def _in_our_words(error: SmartError) -> PluginError:
    message = str(error)
    match error:
        case UnknownIssuer():
            return NotAllowed(message, code="unknown-issuer")
        case StateMismatch(code="other-browser"):
            return Refused(message, code="cookies-blocked")
        case StateMismatch() | LaunchExpired():
            return SignInNeeded(message, code="session-expired")
        case AuthorizationError():
            return NotAllowed(message, code=error.code)
        case TransportError() | DiscoveryError():
            return Unavailable(message, code=error.code)
        case _:
            return Refused(message, code=error.code)
