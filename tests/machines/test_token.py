"""The token endpoint against everybody who is not the client: SMART Backend Services, seen from the server."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from fhir_plugin.adapters.backend_clients import UnusableKeys, public_keys
from fhir_plugin.adapters.client_assertions import ASK_AGAIN, KEEP_KEYS
from fhir_plugin.adapters.machine_tokens import Access, MachineTokens
from smart_launch import ClientKey, public_jwks
from smart_launch.client_auth import ASSERTION_TYPE
from smart_launch.errors import AnswerLost
from tests.fakes.transport import Answer
from tests.machines.conftest import BASE, CLIENTS, TOKEN_URL, Shop, opened
from tests.machines.records import observation

Json = dict[str, Any]
NOBODY = "No registered client has signed this assertion."


def refused(answer: Any) -> tuple[int, str, str]:
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Pragma"] == "no-cache"
    assert answer.json.keys() == {"error", "error_description"}
    return answer.status_code, answer.json["error"], answer.json["error_description"]


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("client", ["claims", "portal"])
def test_a_registered_client_gets_five_minutes(shop: Shop, client: str) -> None:
    answer = shop.ask(shop.assertion(client), scope="system/*.rs urn:fhir-plugin:operation:redact openid")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Pragma"] == "no-cache"
    said = dict(answer.json or {})
    token = said.pop("access_token")
    assert said == {"token_type": "bearer", "expires_in": 300, "scope": "urn:fhir-plugin:operation:redact"}
    assert client not in token and "redact" not in token  # opaque


def test_a_token_ends_with_its_time(shop: Shop) -> None:
    token = shop.token()
    carried = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}

    def status() -> int:
        return shop.http.post("/fhir/$redact?purpose=insurer", json=observation(), headers=carried).status_code

    assert status() == 200
    shop.clock.advance(seconds=299)
    assert status() == 200
    shop.clock.advance(seconds=1)
    assert status() == 401


def test_a_token_with_a_changed_byte_is_none(shop: Shop) -> None:
    token = shop.token()
    for place in (0, 20, 60, len(token) - 2):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        answer = shop.redact(observation(), "?purpose=insurer", headers={"Authorization": f"Bearer {changed}"})
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_client_that_is_registered_no_more_is_refused_with_the_token_it_has(
    client_keys: dict[str, ClientKey], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("unregistered")
    with opened(folder, client_keys) as first:
        carried = {"Authorization": f"Bearer {first.token('portal')}"}
    with opened(folder, client_keys, CLIENTS.split('[[client]]\nclient_id = "portal"')[0]) as second:
        answer = second.redact(observation(), "?purpose=insurer", headers=carried)
    assert answer.status_code == 401


def test_a_token_without_the_scope_does_not_reach_the_operation(shop: Shop) -> None:
    tokens = MachineTokens(shop.installation.masters, shop.clock)
    carried = {"Authorization": f"Bearer {tokens.give(Access('claims', frozenset({'openid'})))}"}
    assert shop.redact(observation(), "?purpose=insurer", headers=carried).status_code == 403


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"aud": BASE}, "aud"),
        ({"aud": [TOKEN_URL, "https://other.example/token"]}, "aud"),
        ({"aud": [TOKEN_URL]}, "aud"),
        ({"aud": TOKEN_URL + "/"}, "aud"),
        ({"aud": None}, "aud"),
        ({"sub": "portal"}, "sub"),
        ({"sub": None}, "sub"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 0}, "expired"),
        ({"exp": 1772443800 - 5}, "expired"),
        ({"exp": 1772443800 + 306}, "five minutes"),
        ({"exp": 10**18}, "five minutes"),
        ({"iat": 1772443800 + 60}, "iat"),
        ({"nbf": 1772443800 + 60}, "nbf"),
        ({"iat": "now"}, "iat"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "x" * 256}, "jti"),
    ],
)
def test_claims_that_are_wrong(client_keys: dict[str, ClientKey], shop: Shop, changed: Json, words: str) -> None:
    shop.clock.advance(seconds=1772443800 - shop.clock.now().timestamp())
    status, error, description = refused(shop.ask(shop.assertion(**changed)))
    assert (status, error) == (401, "invalid_client")
    assert words in description


def test_an_assertion_is_good_once(shop: Shop) -> None:
    assertion = shop.assertion()
    assert shop.ask(assertion).status_code == 200
    assert "used before" in refused(shop.ask(assertion))[2]
    assert "used before" in refused(shop.ask(shop.assertion(jti=jti_of(assertion))))[2]
    assert shop.ask(shop.assertion("portal", jti=jti_of(assertion))).status_code == 200  # another client's own


def jti_of(assertion: str) -> str:
    body = assertion.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["jti"])


def test_of_many_at_once_one_is_the_first(shop: Shop) -> None:
    assertion = shop.assertion()
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(shop.ask(assertion).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] + [401] * 5


def test_replays_are_still_known_after_a_restart_and_after_tidying(
    client_keys: dict[str, ClientKey], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("restart")
    with opened(folder, client_keys) as first:
        assertion = first.assertion()
        assert first.ask(assertion).status_code == 200
        first.clock.advance(minutes=4)
        first.installation.resume()
    with opened(folder, client_keys) as second:
        second.clock.advance(minutes=4)
        assert "used before" in refused(second.ask(assertion))[2]


# ------------------------------------------------------------------------------------ keys and algorithms


def test_alg_none(shop: Shop) -> None:
    for name in ("none", "None", "NONE", "nOnE"):
        unsigned = f"{part({'alg': name, 'kid': 'claims-1', 'typ': 'JWT'})}.{part(shop.claims())}."
        assert shop.ask(unsigned).status_code == 401
        assert shop.ask(unsigned + "AA").status_code == 401


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_shared_secret(shop: Shop, algorithm: str) -> None:
    for client in ("claims", "portal"):
        key = shop.keys[client]
        for secret in (
            key.private.as_pem(private=False),
            key.private.as_der(private=False),
            json.dumps(key.public_jwk()).encode(),
        ):
            text = f"{part({'alg': algorithm, 'kid': key.kid, 'typ': 'JWT'})}.{part(shop.claims(client))}"
            signature = hmac.digest(secret, text.encode(), f"sha{algorithm[2:]}")
            forged = f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
            assert refused(shop.ask(forged))[:2] == (401, "invalid_client")


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS384"])
def test_other_algorithms_of_the_right_key(shop: Shop, algorithm: str) -> None:
    key = shop.keys["portal"]
    signed = jwt.encode(
        {"alg": algorithm, "kid": key.kid, "typ": "JWT"}, shop.claims("portal"), key.private, algorithms=[algorithm]
    )
    assert "RS384 or ES384" in refused(shop.ask(signed))[2]


def test_an_algorithm_that_is_not_the_keys(shop: Shop) -> None:
    """The header says RS384 about a key that signs ES384, and the other way round."""
    signature = shop.assertion().rsplit(".", 1)[1]
    claimed = f"{part({'alg': 'RS384', 'kid': 'claims-1', 'typ': 'JWT'})}.{part(shop.claims())}.{signature}"
    assert refused(shop.ask(claimed))[2] == NOBODY


def test_strangers_and_mixed_up_names_all_get_one_answer(shop: Shop) -> None:
    """Nobody learns from the answer who is registered, or by which key."""
    portal, stranger = shop.keys["portal"], shop.keys["stranger"]
    tampered = shop.assertion().split(".")
    tampered[1] = part({**shop.claims(), "iss": "claims"})
    for assertion in (
        shop.assertion(key=stranger),  # right kid, wrong key
        shop.assertion("nobody", key=stranger),  # not registered
        shop.assertion(key=portal),  # another client's key
        shop.assertion(key=portal, header={"kid": "claims-1", "alg": "RS384"}),
        shop.assertion(header={"kid": "claims-2"}),  # a kid that it does not have
        shop.assertion(header={"kid": "../claims-1"}),
        shop.assertion("portal", key=shop.keys["claims"]),
        shop.assertion(header={"jku": "https://evil.example/jwks"}),
        ".".join(tampered),
    ):
        assert refused(shop.ask(assertion)) == (401, "invalid_client", NOBODY)
    assert shop.transport.asked == []  # a jku of the assertion's own is never asked


def test_a_key_in_the_header_is_not_believed(shop: Shop) -> None:
    stranger = shop.keys["stranger"]
    for header in ({"jwk": stranger.public_jwk()}, {"x5u": "https://evil.example"}):
        assert refused(shop.ask(shop.assertion(key=stranger, header=header)))[2] == NOBODY


@pytest.mark.parametrize("header", [{"kid": None}, {"typ": ""}, {"typ": "at+jwt"}])
def test_headers_that_are_wrong(shop: Shop, header: Json) -> None:
    assert "header" in refused(shop.ask(shop.assertion(header=header)))[2]


@pytest.mark.parametrize(
    "assertion",
    ["x", "a.b.c", "....", "a.b", "é.é.é", "{}.{}.{}", f"{part([])}.{part({})}.AA", f"{part({})}.{part(3)}.AA",
     "A" * 9000, f"{part({'alg': 'ES384'})}.{base64.urlsafe_b64encode(b'[' * 4000).decode()}.AA"],
)  # fmt: skip
def test_what_is_no_assertion(shop: Shop, assertion: str) -> None:
    assert refused(shop.ask(assertion))[:2] == (401, "invalid_client")


def test_claims_said_twice(shop: Shop) -> None:
    """A reader that takes the first and one that takes the last would see two clients."""
    body = json.dumps(shop.claims("portal"))[:-1] + ', "iss": "claims"}'
    header = part({"alg": "ES384", "kid": "claims-1", "typ": "JWT"})
    encoded = base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")
    assert "no signed JWT" in refused(shop.ask(f"{header}.{encoded}.AA"))[2]


# ------------------------------------------------------------------------------------------------- the form


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"scope": ""}, 400, "invalid_request"),
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"client_assertion": ""}, 401, "invalid_client"),
        ({"client_assertion_type": "urn:other"}, 401, "invalid_client"),
        ({"client_id": "portal"}, 401, "invalid_client"),
        ({"scope": "system/*.cruds"}, 400, "invalid_scope"),
        ({"scope": "*"}, 400, "invalid_scope"),
    ],
)
def test_forms_that_are_wrong(shop: Shop, changed: dict[str, str], status: int, error: str) -> None:
    assert refused(shop.ask(shop.assertion(), **changed))[:2] == (status, error)


def test_a_request_in_another_shape(shop: Shop) -> None:
    form = {"grant_type": "client_credentials", "scope": "x", "client_assertion_type": ASSERTION_TYPE}
    form["client_assertion"] = shop.assertion()
    assert refused(shop.http.post("/fhir/token", json=form))[1] == "invalid_request"
    assert refused(shop.http.post("/fhir/token?scope=x", data=form))[1] == "invalid_request"
    assert refused(shop.http.post("/fhir/token", data={**form, "scope": ["x", "y"]}))[1] == "invalid_request"
    assert shop.http.post("/fhir/token", data={**form, "more": "x" * 40_000}).status_code == 413


# ---------------------------------------------------------------------------------------- published keys


def test_published_keys_are_fetched_kept_and_looked_at_again(
    client_keys: dict[str, ClientKey], tmp_path_factory: pytest.TempPathFactory
) -> None:
    successor = ClientKey.generate("published-2", "ES384")
    with opened(tmp_path_factory.mktemp("published"), client_keys) as shop:
        script = shop.transport._script
        script += [Answer(body=public_jwks([client_keys["published"]]), content_type="application/json")]
        assert shop.ask(shop.assertion("published")).status_code == 200
        assert (
            shop.ask(shop.assertion("published", header={"jku": "https://published.example/jwks"})).status_code == 200
        )
        assert len(shop.transport.asked) == 1
        new = shop.assertion("published", key=successor)
        assert refused(shop.ask(new))[2] == NOBODY
        assert len(shop.transport.asked) == 1, "an unknown kid makes nobody fetch again and again"
        shop.clock.advance(seconds=ASK_AGAIN.total_seconds())
        script += [Answer(body=public_jwks([client_keys["published"], successor]))]
        assert shop.ask(shop.assertion("published", key=successor)).status_code == 200
        shop.clock.advance(seconds=KEEP_KEYS.total_seconds())
        script += [AnswerLost("nothing came back", host="published.example")]
        assert refused(shop.ask(shop.assertion("published")))[2] == NOBODY
        assert shop.transport.finished


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, b""),
        Answer(200, b"<html>"),
        Answer(200, {"keys": "none"}),
        Answer(200, []),
        Answer(200, {"keys": [OctKey.generate_key(256, {"kid": "published-1"}).as_dict(private=True)]}),
        Answer(302, b"", headers=(("Location", "https://evil.example/jwks"),)),
    ],
)
def test_a_key_set_that_cannot_be_used(
    client_keys: dict[str, ClientKey], tmp_path_factory: pytest.TempPathFactory, answer: Answer
) -> None:
    with opened(tmp_path_factory.mktemp("unusable"), client_keys) as shop:
        shop.transport._script.append(answer)
        assert refused(shop.ask(shop.assertion("published")))[2] == NOBODY


def test_keys_that_are_too_weak_or_meant_for_something_else_are_none(client_keys: dict[str, ClientKey]) -> None:
    good = {name: value for name, value in client_keys["published"].public_jwk().items() if name != "key_ops"}
    rsa = {name: value for name, value in client_keys["portal"].public_jwk().items() if name != "key_ops"}
    assert public_keys({"keys": [good, rsa]}).keys() == {"published-1", "portal-1"}
    bare = {name: value for name, value in good.items() if name not in ("use", "alg")}
    assert public_keys({"keys": [bare]}).keys() == {"published-1"}
    p256 = ECKey.generate_key("P-256", private=True).as_dict(private=False)
    for jwk in (
        {**good, "use": "enc"},
        {**good, "alg": "ES256"},
        {**rsa, "alg": "RS256"},
        {**p256, "kid": "p256"},
        {"kty": "RSA", "e": "AQAB", "n": "v" * 171, "kid": "weak"},  # 1,024 bits
        {**good, "kid": 7},
        {**good, "kty": "OKP"},
    ):
        assert public_keys({"keys": [jwk]}) == {}
    for wrong in ({"keys": [good, good]}, {"keys": [{**good, "x": "!"}]}, {"keys": [{**rsa, "n": 5}]}, {"keys": [3]}):
        with pytest.raises(UnusableKeys):
            public_keys(wrong)
