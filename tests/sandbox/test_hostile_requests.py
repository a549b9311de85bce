"""Whatever is sent to the sandbox's own endpoints, it answers with a refusal, not with a failure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_plugin.sandbox.app import SandboxConfig, create_sandbox, sandbox_of
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from tests.sandbox.app_under_test import ASSERTION_TYPE, REDIRECT
from tests.sandbox.conftest import TODAY

_TEXT = st.text(max_size=60)
_KNOWN = st.sampled_from(
    [
        "code", "fuzz", "fuzz-secret", REDIRECT, "http://ehr.invalid/fhir", "S256", "plain", "a" * 43, "none",
        "authorization_code", "refresh_token", "client_credentials", "launch openid patient/*.rs", "p-adult-1",
        "gp", "login", ASSERTION_TYPE, "a.b.c", "e30.e30.", "eyJhbGciOiJFUzM4NCJ9.e30.AA", "null", "[]", "{}",
    ]
)  # fmt: skip
_NAMES = st.sampled_from(
    [
        "response_type", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge", "nonce",
        "code_challenge_method", "launch", "grant_type", "code", "code_verifier", "refresh_token", "token",
        "client_assertion", "client_assertion_type", "client_secret", "prompt", "interaction", "user", "patient",
        "token_type_hint", "find", "client", "visit", "version",
    ]
)  # fmt: skip
_FORM = st.lists(st.tuples(_NAMES, st.one_of(_KNOWN, _TEXT)), max_size=14)
_PATHS = st.sampled_from(
    [
        "/oauth/authorize", "/oauth/authorize/sign-in", "/oauth/authorize/allow", "/oauth/authorize/refuse",
        "/oauth/token", "/oauth/introspect", "/oauth/revoke", "/sign-in", "/sign-out", "/patients",
        "/chart/p-adult-1", "/chart/p-adult-1/tab", "/chart/p-adult-1/frame",
        "/chart/p-adult-1/raw/Patient/p-adult-1", "/chart/p-adult-1/picture/Media/x", "/record/Patient/p-adult-1",
        "/_sandbox/launch", "/_sandbox/tokens/expire",
    ]
)  # fmt: skip
_HEADERS = st.dictionaries(
    st.sampled_from(["Authorization", "Origin", "Sec-Fetch-Site", "Content-Type"]),
    st.one_of(
        st.sampled_from(
            ["Basic !!", "Basic Zm8=", "Basic ZnV6ei1zZWNyZXQ6w7w=", "Bearer x", "application/json", "same-origin"]
        ),
        st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
    ),
    max_size=2,
)


@pytest.fixture(scope="module")
def application() -> Iterator[Flask]:
    clients = (
        SandboxClient("fuzz", "Fuzz", "https://app.invalid/launch", (REDIRECT,)),
        SandboxClient(
            "fuzz-secret", "Fuzz", "https://app.invalid/l", (REDIRECT,), "client_secret_basic", "s\u00e9cret"
        ),
    )
    app = create_sandbox(SandboxConfig(base_url="http://ehr.invalid", clients=clients, today=TODAY))
    yield app
    sandbox_of(app).close()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(method=st.sampled_from(["GET", "POST"]), path=_PATHS, form=_FORM, headers=_HEADERS)
def test_nothing_that_is_sent_makes_it_fail(
    application: Flask, method: str, path: str, form: list[tuple[str, str]], headers: dict[str, str]
) -> None:
    client = application.test_client()
    client.get("/sign-in/as/gp")
    pairs: dict[str, list[str]] = {}
    for name, value in form:
        pairs.setdefault(name, []).append(value)
    if method == "GET":
        answer = client.get(path, query_string=pairs, headers=headers)
    else:
        answer = client.post(path, data=pairs, headers=headers)

    assert answer.status_code < 500
    location = answer.headers.get("Location", "")
    assert location.startswith((REDIRECT + "?", "/", "https://app.invalid/l")) or not location
    assert not location.startswith("//")


@settings(max_examples=100, deadline=None)
@given(
    body=st.one_of(st.binary(max_size=60), st.sampled_from([b"[]", b"null", b'{"user": 1}', b'{"fhir_context": 3}']))
)
def test_the_doors_of_tests_refuse_what_is_no_json_object(application: Flask, body: bytes) -> None:
    for path in ("/_sandbox/launch", "/_sandbox/tokens/expire"):
        answer = application.test_client().post(path, data=body, content_type="application/json")
        assert answer.status_code in (200, 400)
