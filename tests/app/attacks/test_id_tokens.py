"""Every way in which an id_token can lie (OpenID Connect Core 3.1.3.7; smart-client D11): nobody is signed in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.app.attacks.conftest import World
from tests.app.attacks.ehr import BASE, CLIENT, EHR_KEY, EVIL, LOGIN, OTHER_KEY, Ehr, Said
from tests.app.attacks.expect import Refusal, assert_refused

Json = dict[str, Any]
TITLE = "Your EHR could not prove who you are"
THEIRS, OURS = "service desk", "looks after this app"


def refusal(check: str) -> Refusal:
    return Refusal(502, TITLE, THEIRS, f"id-token-{check}")


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def unsigned(header: Json, claims: Json) -> str:
    parts = ({**header, "alg": "none"}, claims)
    return ".".join(encoded(json.dumps(part).encode()) for part in parts) + "."


def with_the_public_key_as_a_secret(header: Json, claims: Json) -> str:
    """The classic confusion: HS256 under the PEM that everybody can read."""
    parts = ({**header, "alg": "HS256"}, claims)
    signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    digest = hmac.new(EHR_KEY.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{encoded(digest)}"


def signed_by(key: RSAKey, **changes: Any) -> Callable[[Json, Json], str]:
    """A whole signature over whatever header a liar may write: joserfc would refuse to make some of these."""

    def sign(header: Json, claims: Json) -> str:
        head = {**header, **changes}
        digest = {"RS256": hashes.SHA256(), "RS512": hashes.SHA512()}[head["alg"]]
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
        numbers = load_pem_private_key(key.as_pem(private=True), None)
        assert isinstance(numbers, rsa.RSAPrivateKey)
        return f"{signed}.{encoded(numbers.sign(signed.encode(), padding.PKCS1v15(), digest))}"

    return sign


def changed_after_signing(header: Json, claims: Json) -> str:
    head, _, signature = jwt.encode(header, claims, EHR_KEY, ["RS256"]).split(".")
    return f"{head}.{encoded(json.dumps({**claims, 'sub': 'somebody-else'}).encode())}.{signature}"


def sign(made: Callable[[Json, Json], str]) -> Callable[[Ehr], None]:
    return lambda ehr: setattr(ehr, "sign", made)


def claim(**changes: Any) -> Callable[[Ehr], None]:
    return lambda ehr: ehr.claims.update(changes)


def at(name: str, seconds: int) -> Callable[[Ehr], None]:
    return lambda ehr: ehr.claims.update({name: int(ehr.clock.now().timestamp()) + seconds})


def two_keys_and_no_kid(ehr: Ehr) -> None:
    ehr.keys = [key.as_dict(private=False) for key in (EHR_KEY, OTHER_KEY)]
    ehr.header["kid"] = None


def weak_key(ehr: Ehr) -> None:
    """A modulus of 1024 bits, which somebody with time can factor."""
    entry = EHR_KEY.as_dict(private=False)
    ehr.keys = [{**entry, "n": str(entry["n"])[: 1024 // 6]}]


OWN_KEY = {"jwk": OTHER_KEY.as_dict(private=False)}
CLOCK = "Your EHR's proof of who you are has the wrong time"

LIES: dict[str, tuple[Callable[[Ehr], None], Refusal]] = {
    "alg none": (sign(unsigned), refusal("algorithm")),
    "alg nOnE": (sign(lambda head, body: unsigned({**head, "alg": "nOnE"}, body)), refusal("algorithm")),
    "HS256 under the RSA public key": (sign(with_the_public_key_as_a_secret), refusal("algorithm")),
    "RS512, which is not registered": (sign(signed_by(EHR_KEY, alg="RS512")), refusal("algorithm")),
    "another key under the right kid": (sign(signed_by(OTHER_KEY)), refusal("signature")),
    "changed after signing": (sign(changed_after_signing), refusal("signature")),
    "no signature": (sign(lambda head, body: unsigned(head, body)), refusal("algorithm")),
    "a key of its own in jwk": (sign(signed_by(OTHER_KEY, **OWN_KEY)), refusal("signature")),
    "a key of its own in jwk, unknown kid": (sign(signed_by(OTHER_KEY, kid="x", **OWN_KEY)), refusal("key")),
    "a key set of its own in jku": (sign(signed_by(OTHER_KEY, jku=f"{EVIL}/jwks")), refusal("signature")),
    "a certificate of its own in x5u": (sign(signed_by(OTHER_KEY, x5u=f"{EVIL}/c.pem")), refusal("signature")),
    "a critical header that nobody knows": (sign(signed_by(EHR_KEY, crit=["x"])), refusal("signature")),
    "no kid with two keys": (two_keys_and_no_kid, refusal("kid")),
    "unknown kid": (sign(signed_by(OTHER_KEY, kid="unknown")), refusal("key")),
    "kid that is a path": (sign(signed_by(OTHER_KEY, kid="../../dev/null")), refusal("key")),
    "a key of 1024 bits": (weak_key, refusal("key")),
    "two parts": (sign(lambda _head, _body: "a.b"), refusal("format")),
    "header that is a list": (sign(lambda _head, _body: f"{encoded(b'[]')}.e30.x"), refusal("format")),
    "header 10,000 deep": (sign(lambda _head, _body: f"{encoded(b'[' * 10_000)}.e30.x"), refusal("format")),
    "huge": (sign(lambda _head, _body: f"{encoded(b'a' * 200_000)}.e30.x"), refusal("format")),
    "wrong aud": (claim(aud="another-app"), refusal("audience")),
    "no aud": (claim(aud=None), refusal("audience")),
    "aud of another kind": (claim(aud={CLIENT: 1}), refusal("audience")),
    "aud with a suffix": (claim(aud=f"{CLIENT}2"), refusal("audience")),
    "aud list without azp": (claim(aud=[CLIENT, "another-app"]), refusal("audience")),
    "wrong azp": (claim(aud=[CLIENT, "another-app"], azp="another-app"), refusal("audience")),
    "wrong azp beside one aud": (claim(azp="another-app"), refusal("audience")),
    "wrong nonce": (claim(nonce="another"), refusal("nonce")),
    "wrong iss": (claim(iss=EVIL), refusal("issuer")),
    "iss with a slash": (claim(iss=f"{LOGIN}/"), refusal("issuer")),
    "no iss": (claim(iss=None), refusal("issuer")),
    "empty sub": (claim(sub=""), refusal("subject")),
    "no sub": (claim(sub=None), refusal("subject")),
    "endless sub": (claim(sub="x" * 256), refusal("subject")),
    "expired": (
        at("exp", -120),
        Refusal(502, "Your EHR's proof of who you are is out of date", "clock", "id-token-expired"),
    ),
    "not yet valid": (at("nbf", 300), Refusal(502, CLOCK, "clock", "id-token-times")),
    "made in the future": (at("iat", 300), Refusal(502, CLOCK, "clock", "id-token-times")),
    "no exp": (claim(exp=None), Refusal(502, CLOCK, "clock", "id-token-times")),
    "exp that is no number": (claim(exp="never"), Refusal(502, CLOCK, "clock", "id-token-times")),
    "exp that is infinite": (claim(exp=1e400), Refusal(502, CLOCK, "clock", "id-token-times")),
}


@pytest.mark.parametrize("name", LIES)
def test_an_id_token_that_lies(world: World, name: str) -> None:
    arrange, expected = LIES[name]
    arrange(world.ehr)
    visitor, kept = world.visitor(), world.kept()
    answer = visitor.come_back()
    assert_refused(visitor, answer, expected, kept)
    assert not [asked for asked in world.ehr.asked if asked.url.startswith(EVIL)]
    assert not [asked for asked in world.ehr.asked if asked.url.startswith(f"{BASE}/P")], "nobody was to be believed"


NO_ROLE = Refusal(403, "You do not have a role in this app yet", "Ask the person", "no-role")
"""They are believed to be who they are, and nobody gave them a role here: another server's records give none."""
NOBODY = Refusal(403, "Your EHR did not say who you are", THEIRS, "no-user")
PEOPLE: dict[str, tuple[Callable[[Ehr], None], Refusal]] = {
    "no id_token": (lambda ehr: ehr.token.update(id_token=None), NOBODY),
    "no fhirUser": (claim(fhirUser=None), NOBODY),
    "fhirUser of another server": (claim(fhirUser=f"{EVIL}/fhir/Practitioner/7"), NO_ROLE),
    "fhirUser of a look-alike server": (claim(fhirUser=f"{BASE}.evil.example/Practitioner/7"), NO_ROLE),
    "fhirUser of a neighbour's base": (claim(fhirUser="https://fhir.ehr.example/r4b/Practitioner/7"), NO_ROLE),
    "fhirUser that is a device": (claim(fhirUser="Device/7"), NOBODY),
    "fhirUser that is a patient of ours": (
        claim(fhirUser="Patient/p1"),
        NO_ROLE,
    ),
    "fhirUser with a path": (claim(fhirUser=f"{BASE}/Practitioner/../Patient/p1"), NOBODY),
    "fhirUser that climbs": (claim(fhirUser="Practitioner/.."), NOBODY),
    "fhirUser with an encoded path": (claim(fhirUser="Practitioner/%2e%2e"), NOBODY),
    "fhirUser with a query": (claim(fhirUser=f"{BASE}/Practitioner/7?_format=json"), NOBODY),
    "fhirUser with a fragment": (claim(fhirUser=f"{BASE}/Practitioner/7#x"), NOBODY),
    "fhirUser with somebody's name": (claim(fhirUser="https://a@fhir.ehr.example/r4/Practitioner/7"), NOBODY),
    "fhirUser that is a list": (claim(fhirUser=["Practitioner/7"]), NOBODY),
    "fhirUser with a newline": (claim(fhirUser="Practitioner/7\n"), NOBODY),
}


@pytest.mark.parametrize("name", PEOPLE)
def test_somebody_whom_nobody_named(world: World, name: str) -> None:
    arrange, expected = PEOPLE[name]
    arrange(world.ehr)
    visitor, kept = world.visitor(), world.kept()
    assert_refused(visitor, visitor.come_back(), expected, kept)
    assert not [asked for asked in world.ehr.asked if asked.url.startswith(EVIL)]


GOOD: dict[str, Callable[[Ehr], None]] = {
    "no kid with one key": lambda ehr: ehr.header.update(kid=None),
    "relative fhirUser": claim(fhirUser="Practitioner/7"),
    "aud list of one": claim(aud=[CLIENT]),
    "aud list with our azp": claim(aud=["another-app", CLIENT], azp=CLIENT),
    "no nonce, from an EHR that never echoes one": claim(nonce=None),
    "a minute of difference between clocks": at("iat", 30),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_id_token_that_is_odd_but_right(world: World, name: str) -> None:
    GOOD[name](world.ehr)
    visitor = world.visitor()
    assert visitor.home().status_code == 200


def test_an_unknown_kid_asks_for_the_keys_once_more_and_no_oftener(world: World) -> None:
    visitor = world.visitor()
    visitor.launched()
    world.ehr.sign = signed_by(OTHER_KEY, kid="ehr-2")
    fetched = len(key_sets(world))
    world.clock.advance(minutes=1)
    assert visitor.come_back().status_code == 502
    assert len(key_sets(world)) == fetched + 1
    for _ in range(5):
        assert visitor.come_back().status_code == 502
    assert len(key_sets(world)) == fetched + 1, "a stranger's kid makes us ask over and over"


def test_a_key_that_was_rotated_in_is_found(world: World) -> None:
    visitor = world.visitor()
    visitor.launched()
    world.clock.advance(minutes=1)
    world.ehr.keys = [OTHER_KEY.as_dict(private=False)]
    world.ehr.sign = signed_by(OTHER_KEY, kid="ehr-2")
    visitor.launched()


KEY_SETS: dict[str, tuple[Said, str]] = {
    "missing": (Said(404), "discovery-missing"),
    "HTML": (Said(200, b"<html>", "text/html"), "discovery-not-json"),
    "huge": (Said(200, {"keys": ["x" * 600_000]}), "discovery-too-large"),
    "a redirect": (Said(302, headers=(("Location", f"{EVIL}/jwks"),)), "discovery-missing"),
}


@pytest.mark.parametrize("name", KEY_SETS)
def test_a_key_set_that_cannot_be_used(world: World, name: str) -> None:
    said, code = KEY_SETS[name]
    world.ehr.answers[f"{LOGIN}/jwks"] = said
    visitor, kept = world.visitor(), world.kept()
    expected = Refusal(502, "Your EHR's sign-in cannot be used", THEIRS, code)
    assert_refused(visitor, visitor.come_back(), expected, kept)


@pytest.mark.parametrize("keys", [None, "x", {}, [None, 1, "x", {}], [{"kty": "oct", "k": "AAAA", "kid": "ehr-1"}]])
def test_a_key_set_without_a_usable_key(world: World, keys: object) -> None:
    world.ehr.answers[f"{LOGIN}/jwks"] = Said(200, {"keys": keys})
    visitor, kept = world.visitor(), world.kept()
    assert_refused(visitor, visitor.come_back(), refusal("key"), kept)


def key_sets(world: World) -> list[str]:
    return [asked.url for asked in world.ehr.asked if asked.url == f"{LOGIN}/jwks"]
