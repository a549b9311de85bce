"""Every way in which a launch can fail has words: walked over the tree of errors and over the source."""

from __future__ import annotations

import ast
import re
from http import HTTPStatus
from pathlib import Path

import pytest

import smart_launch
from fhir_plugin.web import launch_errors
from fhir_plugin.web.launch_errors import BY_CLASS, failure_of, message_of
from smart_launch import errors
from smart_launch.errors import AuthorizationError, InvalidClient, InvalidGrant, SmartError, TokenError

SOURCE = Path(smart_launch.__file__).parent
STRANGER = "stranger-canary-5f1e"


def tree(root: type[SmartError] = SmartError) -> set[type[SmartError]]:
    here = {root} if root.__module__.startswith("smart_launch") else set()
    return here.union(*(tree(each) for each in root.__subclasses__()))


def literals(node: ast.expr | None) -> set[str]:
    """The texts that an expression can be, as far as they are written there."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=orelse):
            return literals(body) | literals(orelse)
        case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value=str(tail))]):
            return {name + tail for name in ("patient", "encounter")} if tail == "-changed" else set()
    return set()


def codes_in_the_source() -> set[tuple[type[SmartError], str]]:
    """Every class and `code` that smart_launch raises together, and every check that an id_token can fail."""
    found: set[tuple[type[SmartError], str]] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and str(node.value).startswith("discovery-"):
                found.add((errors.DiscoveryError, str(node.value)))  # chosen first, raised at the end
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            kind = getattr(errors, node.func.id, None)
            if isinstance(kind, type) and issubclass(kind, SmartError):
                given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                found |= {(kind, code) for value in given for code in literals(value)}
            if path.name == "id_token.py" and node.func.id == "_refused":
                found |= {(errors.IdTokenError, f"id-token-{check}") for check in literals(node.args[0])}
    return found


def codes_in_the_documentation() -> set[tuple[type[SmartError], str]]:
    """What the classes say of their codes."""
    return {
        (kind, code)
        for kind in tree()
        for sentence in re.findall(r"`code` (?:is one of|says which)[^.]*\.", kind.__doc__ or "")
        for code in re.findall(r"`([a-z0-9-]+)`", sentence)
        if code != "code"
    }


def example(kind: type[SmartError]) -> SmartError:
    if issubclass(kind, AuthorizationError):
        return kind("x")
    if issubclass(kind, TokenError):
        return kind("x", status=400)
    if issubclass(kind, errors.ReplyTooLarge):
        return kind("What happened.", status=200)
    return kind("What happened.")


def every_code() -> set[tuple[type[SmartError], str]]:
    return codes_in_the_source() | codes_in_the_documentation()


def test_the_walks_find_what_is_there() -> None:
    assert len(tree()) >= 19
    assert {
        (errors.LaunchRefused, "no-launch"),
        (errors.DiscoveryError, "discovery-no-s256"),
        (errors.IdTokenError, "id-token-nonce"),
        (errors.LaunchRefused, "patient-changed"),
    } <= codes_in_the_source()
    assert (errors.NotSent, "blocked-address") in codes_in_the_documentation()
    assert (errors.AnswerLost, "damaged") in codes_in_the_documentation()


def test_every_class_has_an_entry_of_its_own() -> None:
    assert set(BY_CLASS) == tree()


@pytest.mark.parametrize("kind", sorted(tree(), key=str), ids=str)
def test_every_class_is_answered_in_full(kind: type[SmartError]) -> None:
    failure = failure_of(example(kind))
    assert failure.status in set(HTTPStatus) and failure.status >= 400
    assert len(failure.explanation.title) > 10 and not failure.explanation.title.endswith(".")
    assert failure.explanation.what_to_do.endswith(".") and failure.explanation.safe.endswith(".")
    assert failure.code
    assert message_of(example(kind)).endswith(".")
    if kind is not SmartError:
        assert failure.explanation != BY_CLASS[SmartError].explanation


@pytest.mark.parametrize(("kind", "code"), sorted(every_code(), key=str), ids=str)
def test_every_code_has_words(kind: type[SmartError], code: str) -> None:
    error = example(kind)
    error.code = code
    failure = failure_of(error)
    assert failure.explanation != BY_CLASS[SmartError].explanation
    assert failure.code
    if kind in (errors.LaunchRefused, errors.StateMismatch):
        assert code in launch_errors.BY_CODE, "what these classes alone say is too little to act upon"


def test_no_code_in_the_table_is_out_of_date() -> None:
    assert set(launch_errors.BY_CODE) <= {code for _, code in every_code()}


STRANGE = [
    AuthorizationError(STRANGER),
    TokenError(STRANGER, status=400),
    TokenError(STRANGER, status=500),
    TokenError(STRANGER, status=429, retry_after=1e12),
    AuthorizationError({"error": STRANGER}),
    TokenError(None, status=302),
]


@pytest.mark.parametrize("error", STRANGE, ids=lambda error: f"{type(error).__name__}-{getattr(error, 'status', '')}")
def test_a_strangers_code_is_neither_shown_nor_logged(error: SmartError) -> None:
    failure = failure_of(error)
    assert STRANGER not in message_of(error) + failure.code + repr(failure)


OAUTH = {
    "authorization": (
        "invalid_request unauthorized_client access_denied unsupported_response_type invalid_scope server_error "
        "temporarily_unavailable login_required interaction_required consent_required account_selection_required "
        "request_not_supported request_uri_not_supported registration_not_supported invalid_request_uri "
        "invalid_request_object"
    ),
    "token": "invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope",
}


def test_every_code_of_the_standards_has_words_of_its_own() -> None:
    assert set(OAUTH["authorization"].split()) <= set(launch_errors.BY_AUTHORIZATION_ERROR)
    assert set(OAUTH["token"].split()) <= set(launch_errors.BY_TOKEN_ERROR)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AuthorizationError("access_denied"), 403, "authorization-access-denied"),
        (AuthorizationError("login_required"), 401, "authorization-login-required"),
        (AuthorizationError("server_error"), 502, "authorization-server-error"),
        (AuthorizationError("temporarily_unavailable"), 503, "authorization-temporarily-unavailable"),
        (AuthorizationError("invalid_scope"), 502, "authorization-invalid-scope"),
        (InvalidGrant("invalid_grant", status=400), 401, "invalid-grant"),
        (InvalidClient("invalid_client", status=401), 502, "invalid-client"),
        (InvalidClient("unauthorized_client", status=400), 502, "invalid-client"),
        (TokenError("invalid_scope", status=400), 502, "token-invalid-scope"),
        (TokenError(None, status=429), 503, "token-busy"),
        (TokenError("invalid_request", status=503), 503, "token-busy"),
        (TokenError(None, status=500), 502, "token-http-500"),
        (errors.NotSent("x", code="tls"), 502, "tls"),
        (errors.AnswerLost("x", code="timeout"), 504, "timeout"),
        (errors.StateMismatch("x", code="no-cookie"), 400, "cookies-blocked"),
        (errors.LaunchRefused("x", code="patient-changed"), 409, "patient-changed"),
    ],
)
def test_status_and_code(error: SmartError, status: int, code: str) -> None:
    failure = failure_of(error)
    assert (int(failure.status), failure.code) == (status, code)
