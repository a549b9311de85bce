"""Who signed in: every way to lie in an id_token, and the oddities of honest servers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
import responses
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from smart_launch import (
    DiscoveryError,
    Identity,
    IdTokenError,
    IdTokenVerifier,
    Issuer,
    Transport,
)
from smart_launch.discovery import read_configuration
from tests.smart_launch.counterparty import (
    BASE,
    CLIENT,
    LOGIN,
    NOW,
    a_configuration,
    an_issuer,
    ehr_key,
)

JWKS = f"{LOGIN}/jwks"
SECONDS = int(NOW.timestamp())
NONCE = "nonce-canary"
OTHER = RSAKey.generate_key(2048, {"kid": "other"}, private=True)


def claims(**changes: Any) -> dict[str, Any]:
    values = {
        "iss": LOGIN,
        "sub": "person-1",
        "aud": CLIENT,
        "exp": SECONDS + 300,
        "iat": SECONDS,
        "nonce": NONCE,
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def token(key: RSAKey | ECKey | None = None, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    full = {"alg": "RS256", "kid": "ehr-1"} if header is None else header
    return jwt.encode(full, claims(**changes), key or ehr_key(), algorithms=[full["alg"]])


def publish(edge: responses.RequestsMock, *keys: Any, url: str = JWKS) -> responses.BaseResponse:
    entries = [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys or (ehr_key(),)]
    return edge.add("GET", url, json={"keys": entries})


def verified(
    wire: Transport,
    raw: str,
    *,
    issuer: Issuer | None = None,
    nonce: str = NONCE,
    verifier: IdTokenVerifier | None = None,
    after: timedelta = timedelta(0),
    **configuration: Any,
) -> Identity:
    issuer = issuer or an_issuer()
    return (verifier or IdTokenVerifier(wire)).verify(
        raw,
        issuer=issuer,
        configuration=read_configuration(issuer, a_configuration(**configuration)),
        nonce=nonce,
        now=NOW + after,
    )


def refused(wire: Transport, raw: str, **more: Any) -> str:
    with pytest.raises(IdTokenError) as caught:
        verified(wire, raw, **more)
    for secret in (raw, NONCE, "person-1"):
        assert len(secret) < 4 or secret not in str(caught.value)
    assert caught.value.__context__ is None
    return caught.value.code.removeprefix("id-token-")


def unsigned(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims()).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


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
