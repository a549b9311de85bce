"""Telling the EHR that tokens are no longer wanted, and asking whether they still hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses

from smart_launch import (
    DiscoveryError,
    Grant,
    InvalidClient,
    TokenError,
    TokenState,
    Transport,
    UnusableReply,
    introspect,
    revoke,
)
from smart_launch.discovery import read_configuration
from smart_launch.token import read_grant
from tests.smart_launch.counterparty import ACCESS, CLIENT, LOGIN, NOW, REFRESH, a_configuration, an_issuer

REVOKE, INTROSPECT = f"{LOGIN}/revoke", f"{LOGIN}/introspect"


def a_grant(**more: str) -> Grant:
    answer = {"access_token": ACCESS, "token_type": "bearer", "scope": "user/Media.rs", **more}
    return read_grant(answer, an_issuer(), requested="", now=NOW)


def sign_out(wire: Transport, grant: Grant, **changes: Any) -> bool:
    configuration = read_configuration(an_issuer(), a_configuration(**changes))
    return revoke(grant, an_issuer(), configuration, wire, now=NOW)


def ask(wire: Transport, **changes: Any) -> TokenState:
    configuration = read_configuration(an_issuer(), a_configuration(**changes))
    return introspect(ACCESS, an_issuer(), configuration, wire, now=NOW)


def forms(edge: responses.RequestsMock) -> list[dict[str, str]]:
    bodies = (call.request.body for call in edge.calls)
    return [dict(parse_qsl(body.decode() if isinstance(body, bytes) else str(body))) for body in bodies]


def test_the_refresh_token_goes_first(edge: responses.RequestsMock, wire: Transport) -> None:
    edge.add("POST", REVOKE)
    assert sign_out(wire, a_grant(refresh_token=REFRESH))
    assert forms(edge) == [
        {"token": REFRESH, "token_type_hint": "refresh_token", "client_id": CLIENT},
        {"token": ACCESS, "token_type_hint": "access_token", "client_id": CLIENT},
    ]


def test_an_access_token_alone(edge: responses.RequestsMock, wire: Transport) -> None:
    edge.add("POST", REVOKE)
    assert sign_out(wire, a_grant())
    assert len(forms(edge)) == 1


def test_no_revocation_offered(edge: responses.RequestsMock, wire: Transport) -> None:
    assert not sign_out(wire, a_grant(), revocation_endpoint=None)
    assert len(edge.calls) == 0


@pytest.mark.parametrize(
    ("status", "kind"), [(400, TokenError), (401, InvalidClient), (503, TokenError), (302, TokenError)]
)
def test_a_refused_revocation_is_no_success(
    edge: responses.RequestsMock, wire: Transport, status: int, kind: type[TokenError]
) -> None:
    edge.add("POST", REVOKE, status=status, body="canary")
    with pytest.raises(kind) as caught:
        sign_out(wire, a_grant())
    assert "canary" not in str(caught.value)
    assert ACCESS not in str(caught.value)


def test_a_refused_refresh_token_does_not_keep_the_access_token(edge: responses.RequestsMock, wire: Transport) -> None:
    edge.add("POST", REVOKE, status=400, json={"error": "unsupported_token_type"})
    edge.add("POST", REVOKE)
    with pytest.raises(TokenError) as caught:
        sign_out(wire, a_grant(refresh_token=REFRESH))
    assert caught.value.error == "unsupported_token_type"
    assert [form["token"] for form in forms(edge)] == [REFRESH, ACCESS]


def test_of_two_refusals_the_first_is_raised(edge: responses.RequestsMock, wire: Transport) -> None:
    edge.add("POST", REVOKE, status=400, json={"error": "unsupported_token_type"})
    edge.add("POST", REVOKE, status=401, json={"error": "invalid_client"})
    with pytest.raises(TokenError) as caught:
        sign_out(wire, a_grant(refresh_token=REFRESH))
    assert caught.value.error == "unsupported_token_type" and len(edge.calls) == 2


def test_an_active_token(edge: responses.RequestsMock, wire: Transport) -> None:
    answer = {"active": True, "scope": "patient/Media.rs", "client_id": CLIENT, "exp": 1_800_000_000}
    edge.add("POST", INTROSPECT, json={**answer, "patient": "p1"})
    state = ask(wire)
    assert state.active
    assert state.scopes.allows("Media", "read")
    assert state.client_id == CLIENT
    assert state.expires_at == datetime.fromtimestamp(1_800_000_000, UTC)
    assert state.parameters["patient"] == "p1"
    assert "p1" not in repr(state)
    assert forms(edge) == [{"token": ACCESS, "client_id": CLIENT}]


def test_an_inactive_token_says_nothing_else(edge: responses.RequestsMock, wire: Transport) -> None:
    edge.add("POST", INTROSPECT, json={"active": False, "scope": "user/*.cruds"})
    assert ask(wire) == TokenState(False)


def test_strange_details_are_dropped(edge: responses.RequestsMock, wire: Transport) -> None:
    edge.add("POST", INTROSPECT, json={"active": True, "scope": 7, "exp": True, "client_id": []})
    state = ask(wire)
    assert (state.active, str(state.scopes), state.expires_at, state.client_id) == (True, "", None, "")


@pytest.mark.parametrize("body", ["{}", "[]", '{"active": "true"}', '{"active": 1}', "<html>"])
def test_no_clear_answer_is_none(edge: responses.RequestsMock, wire: Transport, body: str) -> None:
    edge.add("POST", INTROSPECT, body=body)
    with pytest.raises(UnusableReply):
        ask(wire)


def test_a_refused_question(edge: responses.RequestsMock, wire: Transport) -> None:
    edge.add("POST", INTROSPECT, status=401, json={"error": "invalid_client"})
    with pytest.raises(InvalidClient):
        ask(wire)


def test_no_introspection_offered(wire: Transport) -> None:
    with pytest.raises(DiscoveryError) as caught:
        ask(wire, introspection_endpoint=None)
    assert caught.value.code == "no-introspection"
