"""How we prove who we are, judged by a server that does not use our libraries."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwt
from joserfc.jwk import KeySet

from smart_launch import (
    ClientKey,
    Misconfigured,
    Transport,
    client_assertion,
    exchange,
    public_jwks,
    refresh,
    request_system_grant,
)
from smart_launch.client_auth import SigningAlgorithm, authenticate
from smart_launch.discovery import read_configuration
from tests.smart_launch.counterparty import (
    CLIENT,
    LOGIN,
    NOW,
    Counterparty,
    a_configuration,
    an_issuer,
)

TOKEN_URL = f"{LOGIN}/token"
KEYS: dict[SigningAlgorithm, ClientKey] = {
    "RS384": ClientKey.generate("k-rsa", "RS384"),
    "ES384": ClientKey.generate("k-ec", "ES384"),
}
both = pytest.mark.parametrize("algorithm", ["RS384", "ES384"])


def signed(algorithm: SigningAlgorithm, **changes: Any) -> str:
    key = KEYS[algorithm]
    issuer = an_issuer(auth_method="private_key_jwt", key_id=key.kid, **changes)
    return client_assertion(issuer, key, audience=TOKEN_URL, now=NOW)


@both
def test_an_assertion_holds_before_a_strict_server(algorithm: SigningAlgorithm) -> None:
    strict = Counterparty(keys=list(KEYS.values()))
    found = strict.check_assertion(signed(algorithm))
    assert found["header"] == {"alg": algorithm, "kid": KEYS[algorithm].kid, "typ": "JWT"}
    assert found["claims"]["exp"] - found["claims"]["iat"] == 240
    for _ in range(20):
        strict.check_assertion(signed(algorithm))


@both
def test_an_assertion_holds_before_another_library(algorithm: SigningAlgorithm) -> None:
    published = KeySet.import_key_set(public_jwks(KEYS.values()))  # type: ignore[arg-type]  # plain dict
    assert jwt.decode(signed(algorithm), published, algorithms=[algorithm]).claims["sub"] == CLIENT


def test_jku_is_sent_if_it_is_registered() -> None:
    found = Counterparty(keys=list(KEYS.values())).check_assertion(signed("ES384", jku="https://app.example/jwks.json"))
    assert found["header"]["jku"] == "https://app.example/jwks.json"


@both
def test_code_refresh_and_system_requests_are_all_signed_afresh(
    ehr: Counterparty, wire: Transport, algorithm: SigningAlgorithm
) -> None:
    key = KEYS[algorithm]
    ehr.keys = [key]
    issuer = an_issuer(auth_method="private_key_jwt", key_id=key.kid)
    launch = ehr.launch(issuer, wire, key=key)
    configuration = read_configuration(issuer, a_configuration())
    refresh(launch.grant, issuer, configuration, wire, key=key, now=NOW)
    ehr.answer = {"scope": "system/Media.rs", "refresh_token": None}
    system = request_system_grant(issuer, configuration, wire, scopes=["system/Media.rs"], key=key, now=NOW)
    assert system.scopes.allows("Media", "read")
    assert [form["grant_type"] for form in ehr.forms] == [
        "authorization_code",
        "refresh_token",
        "client_credentials",
    ]
    assert len(ehr.jtis) == 3
    for form in ehr.forms:
        assert "client_id" not in form
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert ehr.forms[2]["scope"] == "system/Media.rs"


@pytest.mark.parametrize(
    ("encode", "expected"),
    [(False, "photographs:s:e/c r+t%"), (True, "photographs:s%3Ae%2Fc+r%2Bt%25")],
)
def test_a_secret_goes_in_the_header_only(ehr: Counterparty, wire: Transport, encode: bool, expected: str) -> None:
    issuer = an_issuer(auth_method="client_secret_basic", client_secret="s:e/c r+t%", encode_basic=encode)
    ehr.launch(issuer, wire)
    request = next(request for request in ehr.asked if request.method == "POST")
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(expected.encode()).decode()
    assert "client_id" not in ehr.forms[0]
    assert "client_secret" not in ehr.forms[0]


def test_a_public_client_names_itself_and_proves_nothing() -> None:
    assert authenticate(an_issuer(), audience=TOKEN_URL, key=None, now=NOW) == ({}, {"client_id": CLIENT})


@pytest.mark.parametrize("key", [None, KEYS["ES384"]])
def test_the_wrong_key_is_not_used(key: ClientKey | None) -> None:
    issuer = an_issuer(auth_method="private_key_jwt", key_id="another")
    with pytest.raises(Misconfigured) as caught:
        authenticate(issuer, audience=TOKEN_URL, key=key, now=NOW)
    assert caught.value.code == "key-missing"


@both
def test_only_public_halves_are_published(algorithm: SigningAlgorithm) -> None:
    (published,) = public_jwks([KEYS[algorithm]])["keys"]
    needed = {"RS384": {"n", "e"}, "ES384": {"crv", "x", "y"}}[algorithm]
    assert set(published) == needed | {"kty", "kid", "alg", "use", "key_ops"}
    assert published["alg"] == algorithm


@both
def test_a_key_survives_storage_and_does_not_show(algorithm: SigningAlgorithm) -> None:
    key = KEYS[algorithm]
    again = ClientKey.from_pem(key.as_pem(), kid=key.kid)
    assert again == key
    assert again.public_jwk() == key.public_jwk()
    private = key.private.as_dict(private=True)["d"]
    assert str(private) not in repr(key)


def test_an_encrypted_key_opens_with_its_password() -> None:
    pem = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret-canary"),
    )
    assert ClientKey.from_pem(pem, kid="k", password=b"secret-canary").algorithm == "ES384"
    for password in (None, b"wrong"):
        with pytest.raises(Misconfigured) as caught:
            ClientKey.from_pem(pem, kid="k", password=password)
        assert "canary" not in str(caught.value)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"nonsense",
        _pem(ec.generate_private_key(ec.SECP256R1())),
        _pem(ed25519.Ed25519PrivateKey.generate()),
        _pem(rsa.generate_private_key(65537, 1024)),
        ec.generate_private_key(ec.SECP384R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    ],
    ids=["empty", "nonsense", "P-256", "Ed25519", "RSA-1024", "public"],
)
def test_a_key_that_smart_does_not_know_is_refused(pem: bytes, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        ClientKey.from_pem(pem, kid="k")
    assert caught.value.code == "bad-key"


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({"auth_method": "none", "key_id": ""}, ["system/Media.rs"]),
        ({}, ["user/Media.rs"]),
        ({}, ["system/Media.rs", "openid"]),
        ({}, []),
    ],
)
def test_backend_services_are_for_signed_system_access_only(
    ehr: Counterparty, wire: Transport, changes: dict[str, Any], scopes: list[str]
) -> None:
    key = KEYS["ES384"]
    issuer = an_issuer(**{"auth_method": "private_key_jwt", "key_id": key.kid, **changes})
    with pytest.raises(Misconfigured):
        request_system_grant(
            issuer,
            read_configuration(issuer, a_configuration()),
            wire,
            scopes=scopes,
            key=key,
            now=NOW,
        )
    assert ehr.forms == []


def test_a_code_is_traded_with_what_the_registry_says(ehr: Counterparty, wire: Transport) -> None:
    issuer = an_issuer(auth_method="private_key_jwt", key_id="k-ec")
    with pytest.raises(Misconfigured):
        exchange(
            issuer,
            read_configuration(issuer, a_configuration()),
            wire,
            code="c",
            redirect_uri="https://app.example/",
            verifier="v",
            requested="",
            key=KEYS["RS384"],
            now=NOW,
        )
    assert ehr.forms == []
