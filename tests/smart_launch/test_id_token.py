"""Who signed in: every way to lie in an id_token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
import responses
from joserfc import jws
from joserfc.jwk import OctKey

from smart_launch import (
    Transport,
)
from tests.smart_launch.counterparty import (
    CLIENT,
    LOGIN,
    NOW,
    an_issuer,
    ehr_key,
)
from tests.smart_launch.id_tokens import JWKS, OTHER, SECONDS, publish, refused, token, unsigned, verified


def test_a_good_token(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    found = verified(wire, token(fhirUser="Practitioner/7", auth_time=SECONDS - 5))
    assert (found.issuer, found.subject) == (LOGIN, "person-1")
    assert found.fhir_user is not None
    assert found.fhir_user.reference == "Practitioner/7"
    assert found.authenticated_at == NOW - timedelta(seconds=5)
    assert "person-1" not in repr(found)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE"])
def test_alg_none(edge: responses.RequestsMock, wire: Transport, name: str) -> None:
    publish(edge)
    assert refused(wire, unsigned({"alg": name, "kid": "ehr-1"})) == "algorithm"
    assert refused(wire, unsigned({"alg": name}, b"x")) == "algorithm"


def test_a_public_key_is_no_shared_secret(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    for secret in (ehr_key().as_pem(private=False), json.dumps(ehr_key().as_dict(private=False)).encode()):
        raw = unsigned({"alg": "HS256", "kid": "ehr-1"}).rpartition(".")[0]
        mac = hmac.new(secret, raw.encode(), hashlib.sha256).digest()
        forged = raw + "." + base64.urlsafe_b64encode(mac).decode().rstrip("=")
        assert refused(wire, forged) == "algorithm"


def test_a_symmetric_key_in_the_set_is_not_used(edge: responses.RequestsMock, wire: Transport) -> None:
    secret = OctKey.generate_key(256, {"kid": "ehr-1"})
    publish(edge, secret.as_dict())
    assert refused(wire, token()) == "key"


def test_a_key_in_the_header_is_not_believed(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    for extra in (
        {"jwk": OTHER.as_dict(private=False)},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/x"},
    ):
        forged = token(OTHER, header={"alg": "RS256", "kid": "ehr-1", **extra})
        assert refused(wire, forged) == "signature"
    assert {call.request.url for call in edge.calls} == {JWKS}


def test_an_unknown_critical_header_is_refused(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    head, payload, signature = token().split(".")
    strange = json.dumps({"alg": "RS256", "kid": "ehr-1", "crit": ["x"], "x": 1}).encode()
    forged = ".".join([base64.urlsafe_b64encode(strange).decode().rstrip("="), payload, signature])
    assert head
    assert refused(wire, forged) == "signature"


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": LOGIN + "/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"iss": [LOGIN]}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": {"a": CLIENT}}, "audience"),
        ({"aud": [CLIENT, "another"]}, "audience"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "audience"),
        ({"azp": "another"}, "audience"),
        ({"exp": SECONDS - 60}, "expired"),
        ({"exp": SECONDS - 100_000}, "expired"),
        ({"exp": None}, "times"),
        ({"exp": str(SECONDS + 300)}, "times"),
        ({"exp": True}, "times"),
        ({"exp": 1e300}, "times"),
        ({"iat": None}, "times"),
        ({"iat": SECONDS + 61}, "times"),
        ({"nbf": SECONDS + 61}, "times"),
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": 7}, "nonce"),
    ],
)
def test_wrong_claims(edge: responses.RequestsMock, wire: Transport, changes: dict[str, Any], check: str) -> None:
    publish(edge)
    assert refused(wire, token(**changes)) == check


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": SECONDS - 59},
        {"iat": SECONDS + 59},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"azp": CLIENT},
        {"exp": SECONDS + 31_536_000},
        {"sub": "x" * 255},
    ],
)
def test_claims_that_hold(edge: responses.RequestsMock, wire: Transport, changes: dict[str, Any]) -> None:
    publish(edge)
    assert verified(wire, token(**changes)).subject


def test_a_nonce_that_is_not_echoed(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    assert verified(wire, token(nonce=None)).subject
    assert refused(wire, token(nonce=None), issuer=an_issuer(require_nonce=True)) == "nonce"
    assert verified(wire, token(nonce="unasked"), nonce="").subject


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "a",
        "a.b",
        "a.b.c",
        "..",
        "a.b.c.d.e",
        "e30.e30.",
        "ü.e30.e30",
        "bnVsbA.e30.e30",
        "x" * 70_000,
        base64.urlsafe_b64encode(b"[" * 30_000).decode().rstrip("=") + ".e30.e30",
    ],
)
def test_what_is_no_token(edge: responses.RequestsMock, wire: Transport, raw: str) -> None:
    publish(edge)
    assert refused(wire, raw) in {"format", "algorithm"}


@pytest.mark.parametrize("payload", [b"[]", b"null", b"nonsense", b"\xff"])
def test_a_signed_payload_that_is_no_object(edge: responses.RequestsMock, wire: Transport, payload: bytes) -> None:
    publish(edge)
    raw = jws.serialize_compact({"alg": "RS256", "kid": "ehr-1"}, payload, ehr_key(), algorithms=["RS256"])
    assert refused(wire, raw) == "signature"


def test_a_changed_payload(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    head, _, signature = token().split(".")
    other = token(sub="somebody else").split(".")[1]
    assert refused(wire, f"{head}.{other}.{signature}") == "signature"
