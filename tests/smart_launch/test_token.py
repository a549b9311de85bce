"""Trading codes and refresh tokens, and judging what comes back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from smart_launch import (
    AnswerLost,
    Grant,
    InvalidClient,
    InvalidGrant,
    IssuerRegistry,
    LaunchRefused,
    NotSent,
    ScopeTooNarrow,
    SmartClient,
    SmartConfiguration,
    SmartError,
    TokenError,
    TokenOutOfBounds,
    Transport,
    UnusableReply,
    exchange,
    refresh,
)
from smart_launch.discovery import read_configuration
from smart_launch.token import read_grant
from tests.smart_launch.counterparty import (
    ACCESS,
    BASE,
    LOGIN,
    NOW,
    REDIRECT,
    REFRESH,
    Counterparty,
    a_configuration,
    an_issuer,
)

TOKEN_URL = f"{LOGIN}/token"
GOOD = {"access_token": ACCESS, "token_type": "Bearer", "expires_in": 600, "scope": "patient/Media.cruds"}
REQUESTED = "launch patient/Media.cruds patient/Binary.cruds"


def configuration() -> SmartConfiguration:
    return read_configuration(an_issuer(), a_configuration())


def judged(**changes: Any) -> Grant:
    answer = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return read_grant(answer, an_issuer(), requested=REQUESTED, now=NOW)


def trade(wire: Transport) -> Grant:
    return exchange(
        an_issuer(),
        configuration(),
        wire,
        code="code-canary",
        redirect_uri=REDIRECT,
        verifier="verifier-canary",
        requested=REQUESTED,
        now=NOW,
    )


def test_a_good_response() -> None:
    grant = judged(patient="p1", refresh_token=REFRESH)
    assert grant.access_token == ACCESS
    assert grant.expires_at == NOW + timedelta(seconds=600)
    assert str(grant.scopes) == "patient/Media.cruds"
    assert (grant.scope_assumed, grant.expiry_assumed) == (False, False)
    assert grant.parameters["patient"] == "p1"
    assert "access_token" not in grant.parameters
    assert Grant.from_record(json.loads(json.dumps(grant.as_record()))) == grant


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_any_case_of_bearer(kind: str) -> None:
    assert judged(token_type=kind).access_token == ACCESS


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"access_token": None}, "no-access-token"),
        ({"access_token": ""}, "no-access-token"),
        ({"access_token": 7}, "bad-token"),
        ({"access_token": "a\r\nX: y"}, "bad-token"),
        ({"access_token": "a b"}, "bad-token"),
        ({"access_token": "ü"}, "bad-token"),
        ({"refresh_token": ["x"]}, "bad-token"),
        ({"id_token": {"a": 1}}, "bad-token"),
        ({"token_type": None}, "not-bearer"),
        ({"token_type": "mac"}, "not-bearer"),
        ({"token_type": 1}, "not-bearer"),
        ({"scope": ["patient/Media.rs"]}, "bad-scope"),
    ],
)
def test_an_unusable_response(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(UnusableReply) as caught:
        judged(**changes)
    assert caught.value.code == code
    assert ACCESS not in str(caught.value)


def test_a_missing_scope_is_assumed_and_flagged() -> None:
    grant = judged(scope=None)
    assert grant.scope_assumed
    assert grant.scopes.allows("Binary", "create")


@pytest.mark.parametrize("scope", ["", "openid", "patient/Media.rs"])
def test_a_narrower_scope_counts_as_granted(scope: str) -> None:
    grant = judged(scope=scope)
    assert not grant.scope_assumed
    assert not grant.scopes.allows("Media", "create")
    with pytest.raises(ScopeTooNarrow):
        grant.require("Media", "create")


def test_what_is_granted_is_not_refused() -> None:
    judged().require("Media", "create")


@pytest.mark.parametrize(
    ("value", "seconds", "assumed"),
    [
        (570, 570, False),
        ("3600", 3600, False),
        (1.5, 1.5, False),
        (None, 300, True),
        (0, 300, True),
        (-1, 300, True),
        (True, 300, True),
        ("soon", 300, True),
        ([], 300, True),
        (float("nan"), 300, True),
        (1e300, 30 * 24 * 3600, False),
        (10**400, 30 * 24 * 3600, False),
    ],
)
def test_how_long_it_lives(value: Any, seconds: float, assumed: bool) -> None:
    grant = judged(expires_in=value)
    assert grant.expires_at == NOW + timedelta(seconds=seconds)
    assert grant.expiry_assumed is assumed


def test_expiry_leaves_time_to_finish() -> None:
    grant = judged(expires_in=600)
    assert not grant.is_expired(NOW)
    assert not grant.is_expired(NOW + timedelta(seconds=569))
    assert grant.is_expired(NOW + timedelta(seconds=570))
    assert not grant.is_expired(NOW + timedelta(seconds=570), leeway=timedelta(0))


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "refresh_token", "id_token", "patient", "fhirContext"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_no_answer_breaks_the_judge(changes: dict[str, Any]) -> None:
    try:
        grant = read_grant({**GOOD, **changes}, an_issuer(), requested="", now=NOW)
    except SmartError:
        return
    assert grant.expires_at > NOW


# --- the token goes only where it belongs ---


@pytest.mark.parametrize("url", [BASE, f"{BASE}/", f"{BASE}/Media/1?x=https://evil.example", f"{BASE}?x"])
def test_inside_the_base(url: str) -> None:
    assert judged().header_for(url) == {"Authorization": f"Bearer {ACCESS}"}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/r4/Media",
        "https://fhir.ehr.example/r4x/Media",
        "https://fhir.ehr.example/other",
        "https://fhir.ehr.example/r4/../other",
        "https://fhir.ehr.example/r4/%2e%2e/other",
        "https://fhir.ehr.example/r4/%2E./other",
        "https://fhir.ehr.example/r4/..%2fother",
        "https://fhir.ehr.example/r4/a\\..\\..\\other",
        "https://fhir.ehr.example:8443/r4/Media",
        "http://fhir.ehr.example/r4/Media",
        "https://fhir.ehr.example@evil.example/r4/Media",
        "https://fhir.ehr.example.evil.example/r4/Media",
        "//fhir.ehr.example/r4/Media",
        "Media/1",
        "https://[::1/r4",
        "",
    ],
)
def test_outside_the_base(url: str) -> None:
    with pytest.raises(TokenOutOfBounds) as caught:
        judged().header_for(url)
    assert ACCESS not in str(caught.value)


def test_an_explicit_default_port_is_the_same_place() -> None:
    assert judged().header_for("https://fhir.ehr.example:443/r4/Media")


# --- refusals of the token endpoint ---


@pytest.mark.parametrize(
    ("status", "body", "kind", "error"),
    [
        (400, {"error": "invalid_grant"}, InvalidGrant, "invalid_grant"),
        (400, {"error": "invalid_client"}, InvalidClient, "invalid_client"),
        (401, {"error": "invalid_client"}, InvalidClient, "invalid_client"),
        (400, {"error": "unauthorized_client"}, InvalidClient, "unauthorized_client"),
        (401, "<html>canary", InvalidClient, "invalid_client"),
        (400, {"error": "invalid_scope"}, TokenError, "invalid_scope"),
        (400, {"error": ["canary"]}, TokenError, "unspecified"),
        (400, ["canary"], TokenError, "unspecified"),
        (500, "canary", TokenError, "unspecified"),
        (503, "", TokenError, "unspecified"),
        (302, "canary", TokenError, "unspecified"),
        (400, {"error": "<b>\ncanary" + "x" * 100}, TokenError, None),
    ],
)
def test_refusals(
    edge: responses.RequestsMock,
    wire: Transport,
    status: int,
    body: Any,
    kind: type[TokenError],
    error: str | None,
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    edge.add("POST", TOKEN_URL, body=text, status=status, headers={"Retry-After": "7", "Location": "/x"})
    with pytest.raises(TokenError) as caught:
        trade(wire)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert caught.value.retry_after == 7
    assert error is None or caught.value.error == error
    assert len(caught.value.error) <= 64
    assert not set("<>\n") & set(str(caught.value))
    assert len(edge.calls) == 1, "a code is never sent twice"
    if error is not None:
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("body", ["", "<html>", "[]", '"x"', "null", "access_token=a&token_type=bearer"])
def test_a_success_that_is_no_json_object(edge: responses.RequestsMock, wire: Transport, body: str) -> None:
    edge.add("POST", TOKEN_URL, body=body, status=200)
    with pytest.raises(UnusableReply):
        trade(wire)


def test_a_lost_answer_is_said_to_be_lost(edge: responses.RequestsMock, wire: Transport) -> None:
    edge.add("POST", TOKEN_URL, body=ConnectionResetError("canary"))
    with pytest.raises(AnswerLost) as caught:
        trade(wire)
    assert "canary" not in str(caught.value)


# --- refresh ---


def refreshed(wire: Transport, grant: Grant, **changes: Any) -> Grant:
    return refresh(grant, an_issuer(), configuration(), wire, now=NOW, **changes)


def a_grant(**changes: Any) -> Grant:
    return judged(patient="p1", encounter="e1", refresh_token=REFRESH, id_token="id-token-canary", **changes)


def test_a_configuration_that_is_lost_leaves_the_refresh_token_unsent(
    edge: responses.RequestsMock, wire: Transport
) -> None:
    edge.add("GET", f"{BASE}/.well-known/smart-configuration", body=ConnectionResetError("canary"))
    client = SmartClient(IssuerRegistry([an_issuer()]), redirect_uri=REDIRECT, transport=wire, now=lambda: NOW)
    with pytest.raises(NotSent) as caught:
        client.refresh(a_grant())
    assert caught.value.host and "canary" not in str(caught.value)
    edge.reset()
    edge.add("GET", f"{BASE}/.well-known/smart-configuration", json=a_configuration())
    edge.add("POST", TOKEN_URL, body=ConnectionResetError("canary"))
    with pytest.raises(AnswerLost):
        client.refresh(a_grant())


def test_refresh_keeps_what_the_answer_leaves_out(ehr: Counterparty, wire: Transport) -> None:
    ehr.sends_id_token = False
    ehr.answer = {"access_token": "fresh", "refresh_token": None, "patient": None, "scope": None}
    old = a_grant()
    new = refreshed(wire, old)
    assert new.access_token == "fresh"
    assert (new.refresh_token, new.id_token) == (REFRESH, "id-token-canary")
    assert (new.parameters["patient"], new.parameters["encounter"]) == ("p1", "e1")
    assert new.scopes == old.scopes
    assert not new.scope_assumed
    assert ehr.forms == [{"grant_type": "refresh_token", "refresh_token": REFRESH, "client_id": "photographs"}]


def test_refresh_takes_a_new_refresh_token(ehr: Counterparty, wire: Transport) -> None:
    ehr.answer = {"refresh_token": "rotated"}
    assert refreshed(wire, a_grant()).refresh_token == "rotated"


def test_refresh_may_ask_for_less(ehr: Counterparty, wire: Transport) -> None:
    ehr.answer = {"scope": "patient/Media.r"}
    new = refreshed(wire, a_grant(), scopes="patient/Media.r")
    assert ehr.forms[0]["scope"] == "patient/Media.r"
    assert not new.scopes.allows("Media", "create")


@pytest.mark.parametrize("changes", [{"patient": "p2"}, {"encounter": "e2"}])
def test_a_refresh_for_another_patient_is_refused(ehr: Counterparty, wire: Transport, changes: dict[str, str]) -> None:
    ehr.answer = changes
    with pytest.raises(LaunchRefused) as caught:
        refreshed(wire, a_grant())
    assert caught.value.code == f"{next(iter(changes))}-changed"
    assert "p2" not in str(caught.value)


def test_a_spent_refresh_token_ends_the_session(edge: responses.RequestsMock, wire: Transport) -> None:
    edge.add("POST", TOKEN_URL, json={"error": "invalid_grant"}, status=400)
    with pytest.raises(InvalidGrant) as caught:
        refreshed(wire, a_grant())
    assert REFRESH not in str(caught.value)


def test_without_a_refresh_token_nobody_is_asked(edge: responses.RequestsMock, wire: Transport) -> None:
    with pytest.raises(InvalidGrant):
        refreshed(wire, judged())
    assert len(edge.calls) == 0


def test_tokens_do_not_show() -> None:
    shown = repr(a_grant()) + str(a_grant())
    for secret in (ACCESS, REFRESH, "id-token-canary", "p1", "e1"):
        assert secret not in shown
