"""Which key an id_token is verified with, and whose: key sets, rotation, and servers that name no key set."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
import responses
from joserfc.jwk import ECKey

from smart_launch import (
    DiscoveryError,
    IdTokenVerifier,
    Transport,
)
from smart_launch.discovery import read_configuration
from tests.smart_launch.counterparty import (
    BASE,
    LOGIN,
    NOW,
    a_configuration,
    an_issuer,
    ehr_key,
)
from tests.smart_launch.id_tokens import JWKS, NONCE, OTHER, SECONDS, publish, refused, token, verified

# --- keys ---


def test_no_kid_and_one_key(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    assert verified(wire, token(header={"alg": "RS256"})).subject


def test_no_kid_and_two_keys(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge, ehr_key(), OTHER)
    assert refused(wire, token(header={"alg": "RS256"})) == "kid"
    assert verified(wire, token()).subject


def test_no_kid_and_only_one_key_that_could_have_signed(edge: responses.RequestsMock, wire: Transport) -> None:
    encryption = {**OTHER.as_dict(private=False), "use": "enc"}
    publish(edge, ehr_key(), encryption, ECKey.generate_key("P-256", private=False), {"kty": "new"})
    assert verified(wire, token(header={"alg": "RS256"})).subject


@pytest.mark.parametrize("kid", [7, ["ehr-1"], {"a": 1}])
def test_a_strange_kid(edge: responses.RequestsMock, wire: Transport, kid: Any) -> None:
    publish(edge)
    head = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": kid}).encode()).decode().rstrip("=")
    raw = ".".join([head, *token().split(".")[1:]])
    assert refused(wire, raw) == "kid"


def test_two_keys_of_one_kid(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge, ehr_key(), {**OTHER.as_dict(private=False), "kid": "ehr-1"})
    assert refused(wire, token()) == "kid"


def test_a_weak_key_is_no_key(edge: responses.RequestsMock, wire: Transport) -> None:
    numbers = ehr_key().as_dict(private=False)
    publish(edge, {**numbers, "n": str(numbers["n"])[:100]}, {**numbers, "n": 7}, {**numbers, "n": "!"})
    assert refused(wire, token()) == "key"


def test_a_point_off_the_curve_is_no_key(edge: responses.RequestsMock, wire: Transport) -> None:
    key = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
    numbers = key.as_dict(private=False)
    publish(edge, {**numbers, "x": numbers["y"]}, {**numbers, "y": None}, {**numbers, "crv": "P-256"})
    raw = token(key, header={"alg": "ES384", "kid": "ec"})
    assert refused(wire, raw, issuer=an_issuer(id_token_algorithms=("ES384",))) == "key"


def test_a_rotated_key_is_found_by_asking_once_more(edge: responses.RequestsMock, wire: Transport) -> None:
    verifier = IdTokenVerifier(wire)
    first = publish(edge)
    assert verified(wire, token(), verifier=verifier).subject
    edge.remove(first)
    second = publish(edge, OTHER)
    raw = token(OTHER, header={"alg": "RS256", "kid": "other"})
    late = timedelta(minutes=2)
    assert verified(wire, raw, verifier=verifier, after=late).subject
    assert (first.call_count, second.call_count) == (1, 1)


def test_unknown_keys_do_not_make_us_ask_without_end(edge: responses.RequestsMock, wire: Transport) -> None:
    verifier = IdTokenVerifier(wire, pause=timedelta(seconds=30))
    published = publish(edge)
    raw = token(OTHER, header={"alg": "RS256", "kid": "unknown"})
    for second in range(0, 60, 3):
        assert refused(wire, raw, verifier=verifier, after=timedelta(seconds=second)) == "key"
    assert published.call_count == 2


def test_the_key_set_is_kept_for_its_time(edge: responses.RequestsMock, wire: Transport) -> None:
    verifier = IdTokenVerifier(wire, ttl=timedelta(hours=1))
    published = publish(edge)
    for minutes in (0, 2, 4):
        verified(wire, token(), verifier=verifier, after=timedelta(minutes=minutes))
    assert published.call_count == 1
    verified(wire, token(exp=SECONDS + 7200), verifier=verifier, after=timedelta(hours=1))
    assert published.call_count == 2


@pytest.mark.parametrize("body", ["{}", '{"keys": 7}', '{"keys": [7, null]}', '{"keys": []}'])
def test_an_empty_key_set(edge: responses.RequestsMock, wire: Transport, body: str) -> None:
    edge.add("GET", JWKS, body=body)
    assert refused(wire, token()) == "key"


@pytest.mark.parametrize(("status", "body"), [(404, "{}"), (200, "<html>"), (200, "[]")])
def test_no_key_set(edge: responses.RequestsMock, wire: Transport, status: int, body: str) -> None:
    edge.add("GET", JWKS, body=body, status=status)
    with pytest.raises(DiscoveryError):
        verified(wire, token())


@pytest.mark.parametrize(("algorithm", "curve"), [("ES256", "P-256"), ("ES384", "P-384")])
def test_other_algorithms_only_if_registered(
    edge: responses.RequestsMock, wire: Transport, algorithm: str, curve: Any
) -> None:
    key = ECKey.generate_key(curve, {"kid": "ec"}, private=True)
    publish(edge, key)
    raw = token(key, header={"alg": algorithm, "kid": "ec"})
    assert refused(wire, raw) == "algorithm"
    assert verified(wire, raw, issuer=an_issuer(id_token_algorithms=("RS256", algorithm))).subject


# --- which issuer: the cases without jwks_uri ---


def openid(edge: responses.RequestsMock, at: str, **changes: Any) -> None:
    document = {"issuer": at, "jwks_uri": f"{LOGIN}/jwks", **changes}
    edge.add("GET", f"{at}/.well-known/openid-configuration", json=document)


def test_without_jwks_uri_the_named_issuer_is_asked(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    openid(edge, LOGIN)
    verifier = IdTokenVerifier(wire)
    for _ in range(3):
        assert verified(wire, token(), verifier=verifier, jwks_uri=None).subject
    assert len(edge.calls) == 2


def test_inferno_names_no_issuer_so_the_base_is_asked(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    openid(edge, BASE)
    raw = token(iss=BASE, nonce=None, exp=SECONDS + 31_536_000)
    issuer = an_issuer()
    found = IdTokenVerifier(wire).verify(
        raw,
        issuer=issuer,
        configuration=read_configuration(
            issuer, {**a_configuration(issuer=None, jwks_uri=None), "capabilities": ["launch-ehr"]}
        ),
        nonce=NONCE,
        now=NOW,
    )
    assert found.issuer == BASE


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "https://evil.example/jwks"},
        {"jwks_uri": "http://login.ehr.example/jwks"},
    ],
)
def test_an_openid_configuration_that_points_elsewhere(
    edge: responses.RequestsMock, wire: Transport, changes: dict[str, Any]
) -> None:
    publish(edge)
    openid(edge, LOGIN, **changes)
    with pytest.raises(DiscoveryError):
        verified(wire, token(), jwks_uri=None)


def test_the_issuer_in_the_token_is_never_asked(edge: responses.RequestsMock, wire: Transport) -> None:
    publish(edge)
    openid(edge, LOGIN)
    evil = "https://evil.example"
    assert refused(wire, token(OTHER, iss=evil, header={"alg": "RS256"}), jwks_uri=None) == "signature"
    assert all(evil not in str(call.request.url) for call in edge.calls)


def test_an_expected_issuer_elsewhere_must_be_registered_as_host(wire: Transport) -> None:
    issuer = an_issuer(expected_issuer="https://id.example")
    configuration = read_configuration(issuer, {**a_configuration(), "issuer": "", "jwks_uri": ""})
    with pytest.raises(DiscoveryError):
        IdTokenVerifier(wire).verify(token(), issuer=issuer, configuration=configuration, nonce=NONCE, now=NOW)
