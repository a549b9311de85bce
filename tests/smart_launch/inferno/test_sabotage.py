"""The suite is no mirror of `smart_launch`: break `smart_launch`, and the verdict says what is broken."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest

from smart_launch import ClientKey, Issuer, SmartError, authorize, backend_services, client_auth, token
from tests.smart_launch.inferno.checks import judge
from tests.smart_launch.inferno.mock_server import MockServer
from tests.smart_launch.inferno.tested_app import registered_app

Break = Callable[[pytest.MonkeyPatch], None]


def assertion_for(audience_of: Callable[[str], str]) -> Break:
    right = client_auth.client_assertion

    def wrong(issuer: Issuer, key: ClientKey, *, audience: str, now: datetime) -> str:
        return right(issuer, key, audience=audience_of(audience), now=now)

    return lambda patch: patch.setattr(client_auth, "client_assertion", wrong)


def one_assertion_for_all(patch: pytest.MonkeyPatch) -> None:
    right, made = client_auth.client_assertion, list[str]()

    def kept(*args: Any, **options: Any) -> str:
        made.append(right(*args, **options))
        return made[0]

    patch.setattr(client_auth, "client_assertion", kept)


def no_proof(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(token, "authenticate", lambda *_args, **_options: ({}, {}))


def no_hash(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(authorize, "challenge_of", lambda verifier: verifier)


def query_with(**changes: str | None) -> Break:
    right = authorize._with_query

    def wrong(endpoint: str, fields: Mapping[str, str]) -> str:
        kept = {name: value for name, value in {**fields, **changes}.items() if value is not None}
        return right(endpoint, kept)

    return lambda patch: patch.setattr(authorize, "_with_query", wrong)


def no_scope(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(backend_services, "request_scopes", lambda *_args, **_options: "")


BROKEN: list[tuple[str, str, str, Break]] = [
    ("5.05", "ES384", "aud", query_with(aud="https://other.example/fhir")),
    ("5.06", "secret", "method", query_with(code_challenge_method="plain")),
    ("5.07", "public", "challenge", query_with(code_challenge=None)),
    ("5.07", "public", "redirect-unregistered", query_with(redirect_uri="https://images.trust.example/elsewhere")),
    ("5.05", "RS384", "launch", query_with(launch="another")),
    ("5.05", "RS384", "state", query_with(state=None)),
    ("5.08", "RS384", "pkce", no_hash),
    ("5.08", "ES384", "assertion-aud", assertion_for(lambda url: url + "/")),
    ("5.08", "RS384", "jti-reused", one_assertion_for_all),
    ("5.08", "ES384", "assertion-unreadable", no_proof),
    ("5.09", "secret", "basic", no_proof),
    ("5.10", "public", "public-client-id", no_proof),
    ("5.11", "backend-ES384", "assertion-aud", assertion_for(lambda url: url.removesuffix("/token"))),
    ("5.11", "backend-RS384", "jti-reused", one_assertion_for_all),
    ("5.11", "backend-RS384", "backend-scope", no_scope),
]


@pytest.mark.parametrize(
    ("number", "kind", "code", "break_it"), BROKEN, ids=[f"{each[0]}-{each[2]}-{each[1]}" for each in BROKEN]
)
def test_a_broken_client_fails(
    inferno: MockServer, monkeypatch: pytest.MonkeyPatch, number: str, kind: str, code: str, break_it: Break
) -> None:
    with registered_app(inferno, kind, client_id=f"broken-{kind}") as app:
        break_it(monkeypatch)
        with contextlib.suppress(SmartError, AssertionError):
            app.whole_suite()
        verdict = judge(number, app.session)
    assert verdict.result == "fail"
    assert code in verdict.codes
