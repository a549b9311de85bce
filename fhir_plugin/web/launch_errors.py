"""A launch that failed: the HTTP status, what happened, what to do now, and what is safe, for every `SmartError`.

`smart_launch.errors` says who must act; here that becomes a page. A status of the 4xx class is for the person or
the page that was asked for, 502 to 504 for an EHR that failed or whose answer cannot be used, 500 for a fault in
our own registration or code. Nothing that a stranger wrote is shown or logged: an OAuth code only if a standard
has it, a description never (RFC 6749, 4.1.2.1 and 5.2; OpenID Connect Core, 3.1.2.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import structlog
from flask import Response

from fhir_plugin.web.errors import ADMINISTRATOR, Explanation, answer, explanation_of_code
from smart_launch import errors
from smart_launch.errors import AuthorizationError, SmartError, TokenError

log = structlog.get_logger(__name__)

LONGEST_RETRY_SECONDS = 3600
"""The longest wait that is passed on to a browser, whatever an EHR asked for."""

_SAFE = "Nobody was signed in by this launch, and nothing was written to any record. Work you had saved is kept."
_AGAIN = "Go back to the patient's chart and open the app again from there."
_OURS = f"tell {ADMINISTRATOR}, and give the code below."
_THEIRS = "tell your EHR's service desk, and give the code below."


@dataclass(frozen=True)
class Failure:
    """How one kind of failed launch is answered. `code` is what the page, a script and the log are given."""

    status: HTTPStatus
    explanation: Explanation
    code: str = ""
    alarming: bool = False
    """Whether somebody who reads the log should look: an attack, or a set-up that no launch can pass."""


def _failure(status: HTTPStatus, title: str, what_to_do: str, *, alarming: bool = False, safe: str = _SAFE) -> Failure:
    return Failure(status, Explanation(title, what_to_do, safe), alarming=alarming)


def _known(code: str) -> Failure:
    """The words that our own errors have for this code."""
    status, explanation = explanation_of_code(code)
    return Failure(status, explanation, code)


_NOT_SET_UP = _failure(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "This app is not set up for your EHR",
    f"Trying again will not help. Please {_OURS}",
    alarming=True,
)
_NOT_ACCEPTED = _failure(
    HTTPStatus.BAD_GATEWAY,
    "Your EHR does not accept this app",
    f"Trying again will not help: the app and the EHR are not set up for each other. Please {_OURS}",
    alarming=True,
)
_UNUSABLE = _failure(
    HTTPStatus.BAD_GATEWAY,
    "Your EHR's answer cannot be used",
    f"{_AGAIN} If it goes on, {_THEIRS}",
)
_FAILED = _failure(
    HTTPStatus.BAD_GATEWAY,
    "Your EHR could not sign you in",
    f"Wait a minute. {_AGAIN} If it goes on, {_THEIRS}",
)
_BUSY = _failure(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Your EHR is busy",
    f"Wait a minute. {_AGAIN} If it goes on, {_THEIRS}",
)
_SLOW = _failure(
    HTTPStatus.GATEWAY_TIMEOUT,
    "Your EHR did not answer in time",
    f"Wait a minute. {_AGAIN} If it goes on, {_THEIRS}",
)
_MALFORMED = _failure(
    HTTPStatus.BAD_REQUEST,
    "This link cannot open the app",
    f"{_AGAIN} Do not use a bookmark or a link from a message.",
)
_SIGN_IN_FIRST = _failure(
    HTTPStatus.UNAUTHORIZED,
    "Your EHR wants you to sign in first",
    f"Sign in to the EHR, then open the patient's chart and the app from there. If it goes on, {_THEIRS}",
)
_ANOTHER_PATIENT = _failure(
    HTTPStatus.CONFLICT,
    "Your EHR has changed what this launch is about",
    f"Close this tab. {_AGAIN} Check the patient's name before you go on.",
    alarming=True,
    safe="Nothing was written to either record.",
)

BY_CLASS: dict[type[SmartError], Failure] = {
    SmartError: _failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The app could not be opened",
        f"{_AGAIN} If it goes on, {_OURS}",
    ),
    errors.TransportError: _FAILED,
    errors.NotSent: _failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Your EHR cannot be reached",
        f"Wait a minute. {_AGAIN} If it goes on, {_THEIRS}",
    ),
    errors.AnswerLost: _failure(
        HTTPStatus.BAD_GATEWAY,
        "Your EHR's answer did not arrive",
        f"{_AGAIN} If it goes on, {_THEIRS}",
    ),
    errors.ReplyTooLarge: _UNUSABLE,
    errors.UnusableReply: _UNUSABLE,
    errors.LaunchRefused: _failure(HTTPStatus.BAD_REQUEST, "This launch cannot go on", _AGAIN),
    errors.UnknownIssuer: _known("unknown-issuer"),
    errors.StateMismatch: _failure(
        HTTPStatus.UNAUTHORIZED,
        "This sign-in has been used or is not known",
        f"{_AGAIN} Going back or reloading this page does not help: a sign-in works once.",
    ),
    errors.LaunchExpired: _failure(
        HTTPStatus.UNAUTHORIZED,
        "The sign-in took too long",
        f"{_AGAIN} You have ten minutes to sign in.",
    ),
    errors.PatientMissing: _known("no-patient"),
    errors.DiscoveryError: _failure(
        HTTPStatus.BAD_GATEWAY,
        "Your EHR's sign-in cannot be used",
        f"Trying again will hardly help: what the EHR says about its sign-in is missing, broken or unsafe. "
        f"Please {_THEIRS}",
        alarming=True,
    ),
    errors.AuthorizationError: _failure(
        HTTPStatus.FORBIDDEN,
        "Your EHR refused the sign-in",
        f"{_AGAIN} If it goes on, {_THEIRS}",
    ),
    errors.TokenError: _failure(
        HTTPStatus.BAD_GATEWAY,
        "Your EHR refused to give access",
        f"{_AGAIN} If it goes on, {_THEIRS}",
    ),
    errors.InvalidGrant: _failure(
        HTTPStatus.UNAUTHORIZED,
        "The sign-in is no longer good",
        f"{_AGAIN} Going back or reloading this page does not help: a sign-in works once.",
    ),
    errors.InvalidClient: _NOT_ACCEPTED,
    errors.IdTokenError: _failure(
        HTTPStatus.BAD_GATEWAY,
        "Your EHR could not prove who you are",
        f"{_AGAIN} If it goes on, {_THEIRS}",
        alarming=True,
    ),
    errors.ScopeTooNarrow: _failure(
        HTTPStatus.FORBIDDEN,
        "Your EHR does not let the app do this",
        f"If it is part of your work, {_THEIRS}",
    ),
    errors.TokenOutOfBounds: _failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "A check failed",
        f"Stop here. Please {_OURS}",
        alarming=True,
    ),
    errors.Misconfigured: _NOT_SET_UP,
}
"""Every class of the tree, with an entry of its own."""

BY_CODE: dict[str, Failure] = {
    "insecure-url": _NOT_SET_UP,
    "bad-url": _NOT_SET_UP,
    "bad-request": _NOT_SET_UP,
    "blocked-address": _failure(
        HTTPStatus.BAD_GATEWAY,
        "Your EHR's address is not allowed",
        f"Trying again will not help. Please {_OURS}",
        alarming=True,
    ),
    "tls": _failure(
        HTTPStatus.BAD_GATEWAY,
        "The connection to your EHR is not safe",
        f"Do not go on. Please {_OURS}",
        alarming=True,
    ),
    "asked-to-wait": _BUSY,
    "discovery-busy": _BUSY,
    "timeout": _SLOW,
    "connect-timeout": _SLOW,
    "no-cookie": _known("cookies-blocked"),
    "other-browser": _failure(
        HTTPStatus.BAD_REQUEST,
        "This sign-in was begun in another browser",
        f"{_AGAIN} If you did not begin it, close this tab: somebody may have sent you their own sign-in.",
        alarming=True,
    ),
    "other-issuer": _failure(
        HTTPStatus.BAD_REQUEST,
        "Another server answered than the one that was asked",
        f"Close this tab. {_AGAIN} If it happens again, {_OURS}",
        alarming=True,
    ),
    "no-launch": _MALFORMED,
    "not-privileged": _failure(
        HTTPStatus.FORBIDDEN,
        "This EHR has no disclosure desk here",
        f"Open the app from its usual entry in the chart. If requests for copies are answered there, {_OURS}",
    ),
    "repeated-parameter": _MALFORMED,
    "parameter-too-long": _MALFORMED,
    "too-many-parameters": _MALFORMED,
    "context-contradiction": _failure(
        HTTPStatus.BAD_GATEWAY,
        "Your EHR contradicts itself about the patient",
        f"Close this tab. {_AGAIN} If it happens again, {_THEIRS}",
        alarming=True,
    ),
    "patient-changed": _ANOTHER_PATIENT,
    "encounter-changed": _ANOTHER_PATIENT,
    "id-token-expired": _failure(
        HTTPStatus.BAD_GATEWAY,
        "Your EHR's proof of who you are is out of date",
        f"{_AGAIN} If it goes on, the clock of the EHR or of this app is wrong: {_OURS}",
    ),
    "id-token-times": _failure(
        HTTPStatus.BAD_GATEWAY,
        "Your EHR's proof of who you are has the wrong time",
        f"{_AGAIN} If it goes on, the clock of the EHR or of this app is wrong: {_OURS}",
    ),
}
"""A code that says more than its class."""

BY_AUTHORIZATION_ERROR: dict[str, Failure] = {
    "access_denied": _failure(
        HTTPStatus.FORBIDDEN,
        "You or your EHR did not allow this",
        f"If you chose not to, you can close this tab. If not: {_AGAIN.lower()} If it goes on, ask your practice's "
        "administrator whether your role in the EHR may use this app.",
    ),
    "login_required": _SIGN_IN_FIRST,
    "interaction_required": _SIGN_IN_FIRST,
    "account_selection_required": _SIGN_IN_FIRST,
    "consent_required": _failure(
        HTTPStatus.FORBIDDEN,
        "Your EHR needs your agreement first",
        f"{_AGAIN} When the EHR asks whether the app may have access, answer it there.",
    ),
    "unmet_authentication_requirements": _failure(
        HTTPStatus.FORBIDDEN,
        "Your EHR wants a stronger sign-in",
        f"Sign in to the EHR with your smartcard or second step. {_AGAIN}",
    ),
    "server_error": _FAILED,
    "temporarily_unavailable": _BUSY,
    "invalid_request": _NOT_ACCEPTED,
    "unauthorized_client": _NOT_ACCEPTED,
    "unsupported_response_type": _NOT_ACCEPTED,
    "invalid_scope": _NOT_ACCEPTED,
    "invalid_target": _NOT_ACCEPTED,
    "invalid_request_uri": _NOT_ACCEPTED,
    "invalid_request_object": _NOT_ACCEPTED,
    "request_not_supported": _NOT_ACCEPTED,
    "request_uri_not_supported": _NOT_ACCEPTED,
    "registration_not_supported": _NOT_ACCEPTED,
}
"""The codes of RFC 6749 4.1.2.1, RFC 8707, RFC 9101 and OpenID Connect Core 3.1.2.6; others fall to the class."""

BY_TOKEN_ERROR: dict[str, Failure] = {
    "invalid_request": _NOT_ACCEPTED,
    "invalid_client": _NOT_ACCEPTED,
    "unauthorized_client": _NOT_ACCEPTED,
    "unsupported_grant_type": _NOT_ACCEPTED,
    "invalid_scope": _NOT_ACCEPTED,
    "invalid_target": _NOT_ACCEPTED,
    "invalid_dpop_proof": _NOT_ACCEPTED,
    "use_dpop_nonce": _NOT_ACCEPTED,
    "invalid_grant": BY_CLASS[errors.InvalidGrant],
    "no_refresh_token": BY_CLASS[errors.InvalidGrant],
    "server_error": _FAILED,
    "temporarily_unavailable": _BUSY,
}
"""The codes of RFC 6749 5.2, RFC 8707 and RFC 9449, and two that servers borrow; others fall to the status."""


def failure_of(error: SmartError) -> Failure:
    """How this error is answered, with the code that is shown. Never fails: the root has words too."""
    match error:
        case AuthorizationError():
            return _named(BY_AUTHORIZATION_ERROR.get(error.error), error, error.error)
        case TokenError(status=429 | 503):
            return _named(_BUSY, error, "busy")
        case TokenError():
            found = BY_TOKEN_ERROR.get(error.error)
            if found is None and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return _named(_FAILED, error, f"http-{error.status}")
            return _named(found, error, error.error)
    found = BY_CODE.get(error.code) or _by_class(type(error))
    return Failure(found.status, found.explanation, found.code or error.code, found.alarming)


def _by_class(kind: type[SmartError]) -> Failure:
    return next(BY_CLASS[each] for each in kind.__mro__ if each in BY_CLASS)


def _named(found: Failure | None, error: SmartError, word: str) -> Failure:
    """The failure under a code that names the server's word for it, if that word is one of a standard's."""
    plain = _by_class(type(error))
    if found is None:
        return Failure(plain.status, plain.explanation, error.code, plain.alarming)
    refined = type(error) in (AuthorizationError, TokenError)
    code = f"{error.code}-{word.replace('_', '-')}" if refined else error.code
    return Failure(found.status, found.explanation, code, found.alarming)


def message_of(error: SmartError) -> str:
    """What happened, for the page. A code that no standard has is left out: it is a stranger's text."""
    if isinstance(error, AuthorizationError) and error.error not in BY_AUTHORIZATION_ERROR:
        return "The EHR refused the sign-in and gave no reason that this app knows."
    if isinstance(error, TokenError) and error.error not in BY_TOKEN_ERROR:
        return f"The EHR's token endpoint refused the request (HTTP {error.status})."
    return error.message


def answer_smart_error(error: SmartError) -> Response:
    """A page or JSON for a launch that failed. Secrets are never in a `SmartError`."""
    failure = failure_of(error)
    note = log.warning if failure.alarming or failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR else log.info
    note("launch.failed", kind=type(error).__name__, code=failure.code, status=int(failure.status))
    wait = error.retry_after if isinstance(error, TokenError | errors.NotSent | errors.DiscoveryError) else None
    return answer(
        failure.status,
        failure.code,
        message_of(error),
        failure.explanation,
        retry_after=None if wait is None else min(wait, LONGEST_RETRY_SECONDS),
    )
