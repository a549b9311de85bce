"""Everything that can go wrong between an app and an EHR's OAuth, and who must act.

::

    SmartError
    |-- TransportError              HTTP itself failed
    |   |-- NotSent                 surely never reached the server: trying again is safe
    |   |-- AnswerLost              sent, but no whole answer came: it may have happened, ask before repeating
    |   `-- ReplyTooLarge           answered with more than we are willing to read; it may have happened
    |-- UnusableReply               the server answered, but not in the shape its standard asks for
    |-- LaunchRefused               this launch must not go on: the person starts again from the chart
    |   |-- UnknownIssuer           the EHR is not registered here: the app's administrator decides
    |   |-- StateMismatch           this callback does not belong to this browser and launch
    |   |-- LaunchExpired           the sign-in took too long
    |   `-- PatientMissing          patient access was granted without saying which patient
    |-- DiscoveryError              what the EHR publishes about itself is missing, broken or unsafe
    |-- AuthorizationError          the EHR's sign-in page said no; `.error` is the OAuth code
    |-- TokenError                  the token endpoint said no; `.error` is the OAuth code
    |   |-- InvalidGrant            the code or refresh token is spent: the person launches again
    |   `-- InvalidClient           our registration or key is not accepted: the administrator acts
    |-- IdTokenError                the identity token does not hold: nobody is signed in
    |-- ScopeTooNarrow              what was granted does not reach to what is asked
    |-- TokenOutOfBounds            a token was about to go to another server: a fault of the app
    `-- Misconfigured               the registry or a key is wrong: the app's administrator acts

Messages name hosts and codes only: never a token, code, secret, query string or text written by a server.
A code that a server sent is cut to 64 characters of the OAuth alphabet before it is kept. Each class has a
stable `code` for programs; some errors refine it.
"""

from __future__ import annotations

import re

_NOT_CODE = re.compile(r"[^A-Za-z0-9_.:/-]")


def bounded_code(value: object) -> str:
    """An error code that a server sent, made safe to show and to log: at most 64 plain characters."""
    if not isinstance(value, str) or not value:
        return "unspecified"
    return _NOT_CODE.sub("?", value[:64])


class SmartError(Exception):
    """The root. `code` is stable and machine readable; `message` is plain English without secrets."""

    code = "smart-error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class TransportError(SmartError):
    """HTTP itself failed. `host` is the server that was addressed."""

    code = "transport"

    def __init__(self, message: str, *, code: str | None = None, host: str = "") -> None:
        super().__init__(message, code=code)
        self.host = host


class NotSent(TransportError):
    """The request surely never reached the server; trying again is safe, mending the cause is the operator's.

    `code` is one of `not-sent`, `insecure-url`, `bad-url`, `bad-request`, `blocked-address`, `dns`,
    `refused`, `connect-timeout`, `tls`, `asked-to-wait`. `retry_after`: with the last, seconds until it may be sent.
    """

    code = "not-sent"

    def __init__(
        self, message: str, *, code: str | None = None, host: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code, host=host)
        self.retry_after = retry_after


class AnswerLost(TransportError):
    """Sent, but no whole answer came: the caller must ask the server what happened before repeating.

    `code` is one of `answer-lost`, `timeout`, `truncated`, `damaged`. `status` is the HTTP status if that much arrived.
    """

    code = "answer-lost"

    def __init__(self, message: str, *, code: str | None = None, host: str = "", status: int | None = None) -> None:
        super().__init__(message, code=code, host=host)
        self.status = status


class ReplyTooLarge(TransportError):
    """The server answered with more bytes than allowed; the request was received and may have acted."""

    code = "reply-too-large"

    def __init__(self, message: str, *, host: str = "", status: int) -> None:
        super().__init__(message, host=host)
        self.status = status


class UnusableReply(SmartError):
    """The server answered, but not in the shape its standard asks for: the EHR's administrator must look."""

    code = "unusable-reply"


class LaunchRefused(SmartError):
    """This launch must not go on; the person starts again from the chart."""

    code = "launch-refused"


class UnknownIssuer(LaunchRefused):
    """The EHR that started this launch is not registered here; the app's administrator decides on it.

    No request was made to it.
    """

    code = "unknown-issuer"


class StateMismatch(LaunchRefused):
    """This callback does not belong to this browser and launch; the person launches again from the chart."""

    code = "state-mismatch"


class LaunchExpired(LaunchRefused):
    """The sign-in took too long; the person launches again from the chart."""

    code = "launch-expired"


class PatientMissing(LaunchRefused):
    """Access to one patient was granted without saying to whom; the EHR's administrator must look."""

    code = "patient-missing"


class DiscoveryError(SmartError):
    """What the EHR publishes about itself is missing, broken or unsafe; the EHR's administrator must look.

    `retry_after`: with the code `discovery-busy`, how many seconds it wants us to wait, if it said so.
    """

    code = "discovery"

    def __init__(self, message: str, *, code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class AuthorizationError(SmartError):
    """The EHR's sign-in page said no; the person, or for `invalid_*` codes the administrator, must act.

    `error` is the OAuth code, bounded. The description that came with it is dropped: it is a stranger's text.
    """

    code = "authorization"

    def __init__(self, error: object) -> None:
        self.error = bounded_code(error)
        super().__init__(f"The EHR refused the sign-in ({self.error}).")


class TokenError(SmartError):
    """The token endpoint said no; `error` is the OAuth code (bounded), `status` the HTTP status (0: not asked).

    `retry_after` is how many seconds it wants us to wait, if it said so.
    """

    code = "token"

    def __init__(
        self, error: object, *, status: int, message: str | None = None, retry_after: float | None = None
    ) -> None:
        self.error = bounded_code(error)
        self.status = status
        self.retry_after = retry_after
        super().__init__(message or f"The EHR's token endpoint refused the request ({self.error}, HTTP {status}).")


class InvalidGrant(TokenError):
    """The code or refresh token is spent, withdrawn or expired; the person launches again from the chart."""

    code = "invalid-grant"


class InvalidClient(TokenError):
    """Our registration, secret or key is not accepted; the app's administrator must act."""

    code = "invalid-client"


class IdTokenError(SmartError):
    """The identity token does not hold, so nobody is signed in; launch again, and the administrator looks.

    `code` says which check failed, for example `id-token-signature`, `id-token-nonce`.
    """

    code = "id-token"


class ScopeTooNarrow(SmartError):
    """What was granted does not reach to what is asked; the EHR's administrator may grant more."""

    code = "scope-too-narrow"


class TokenOutOfBounds(SmartError):
    """A token was about to go to a server it was not made for; a fault of the app, nothing was sent."""

    code = "token-out-of-bounds"


class Misconfigured(SmartError):
    """The registry or a key is wrong; the app's administrator must act."""

    code = "misconfigured"
