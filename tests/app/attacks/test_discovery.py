"""What an EHR may publish about its sign-in, and what makes it unusable: nobody is sent anywhere unsafe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smart_launch import AnswerLost, NotSent
from tests.app.attacks.conftest import World
from tests.app.attacks.ehr import BASE, EVIL, LOGIN, Answer, Said
from tests.app.attacks.expect import Refusal, assert_refused

WELL_KNOWN = f"{BASE}/.well-known/smart-configuration"
TITLE = "Your EHR's sign-in cannot be used"


def refusal(code: str) -> Refusal:
    return Refusal(502, TITLE, "service desk", f"discovery-{code}")


DOCUMENTS: dict[str, tuple[Answer, Refusal]] = {
    "missing": (Said(404), refusal("missing")),
    "shut": (Said(401), refusal("missing")),
    "broken": (Said(500), refusal("missing")),
    "busy": (
        Said(429, headers=(("Retry-After", "30"),)),
        Refusal(503, "Your EHR is busy", "Wait a minute", "discovery-busy"),
    ),
    "at maintenance": (
        Said(503, b"<html>", "text/html"),
        Refusal(503, "Your EHR is busy", "Wait a minute", "discovery-busy"),
    ),
    "a redirect": (Said(302, headers=(("Location", f"{EVIL}/x"),)), refusal("missing")),
    "a redirect to where clouds keep secrets": (
        Said(307, headers=(("Location", "http://169.254.169.254/latest/meta-data"),)),
        refusal("missing"),
    ),
    "HTML": (Said(200, b"<html>Sign in</html>", "text/html"), refusal("not-json")),
    "empty": (Said(200, b""), refusal("not-json")),
    "half": (Said(200, b'{"token_endpoint": "https://lo'), refusal("not-json")),
    "a list": (Said(200, []), refusal("not-json")),
    "null": (Said(200, b"null"), refusal("not-json")),
    "deep": (Said(200, b'{"a":' * 100_000), refusal("not-json")),
    "huge": (Said(200, {"x": "x" * 600_000}), refusal("too-large")),
    "a member twice": (
        Said(200, f'{{"token_endpoint":"{LOGIN}/token","token_endpoint":"{EVIL}/token"}}'.encode()),
        refusal("not-json"),
    ),
    "slow": (
        AnswerLost("fhir.ehr.example did not answer in time.", code="timeout"),
        Refusal(504, "Your EHR did not answer in time", "Wait a minute", "timeout"),
    ),
    "cut off": (
        AnswerLost("No whole answer came.", code="truncated"),
        Refusal(502, "Your EHR's answer did not arrive", "service desk", "truncated"),
    ),
    "down": (
        NotSent("fhir.ehr.example cannot be reached.", code="refused"),
        Refusal(503, "Your EHR cannot be reached", "Wait a minute", "refused"),
    ),
    "without a name": (
        NotSent("The name cannot be resolved.", code="dns"),
        Refusal(503, "Your EHR cannot be reached", "service desk", "dns"),
    ),
    "at a private address": (
        NotSent("Private.", code="blocked-address"),
        Refusal(502, "Your EHR's address is not allowed", "looks after this app", "blocked-address"),
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_cannot_be_used(world: World, name: str) -> None:
    said, expected = DOCUMENTS[name]
    world.ehr.answers[WELL_KNOWN] = said
    visitor, kept, waiting = world.visitor(), world.kept(), world.waiting()
    assert_refused(visitor, visitor.launch(), expected, kept)
    assert [asked.url for asked in world.ehr.asked] == [WELL_KNOWN], "somebody else was asked"
    assert world.waiting() == waiting, "a launch waits that cannot come back"


ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint", "introspection_endpoint")
UNSAFE = {
    "http": "http://login.ehr.example/x",
    "another host": f"{EVIL}/x",
    "a host that begins like ours": "https://login.ehr.example.evil.example/x",
    "a host that ends like ours": "https://evil-login.ehr.example/x",
    "our host as a user name": "https://login.ehr.example@evil.example/x",
    "our host before a backslash": "https://login.ehr.example\\@evil.example/x",
    "no scheme": "//evil.example/x",
    "script": "javascript:alert(1)",
    "data": "data:text/html,x",
    "a file": "file:///etc/passwd",
    "this machine": "https://127.0.0.1/x",
    "a cloud's secrets": "http://169.254.169.254/latest/meta-data",
    "a line break": "https://login.ehr.example/x\r\nX-Told: 1",
    "a fragment": "https://login.ehr.example/x#y",
    "a port that is none": "https://login.ehr.example:99999/x",
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("name", UNSAFE)
def test_an_endpoint_that_is_unsafe_or_elsewhere(world: World, endpoint: str, name: str) -> None:
    world.ehr.configuration[endpoint] = UNSAFE[name]
    visitor, kept = world.visitor(), world.kept()
    answer = visitor.launch()
    assert_refused(visitor, answer, refusal("endpoint"), kept)
    assert "evil.example" not in answer.text
    assert [asked.url for asked in world.ehr.asked] == [WELL_KNOWN]


WRONG: dict[str, tuple[dict[str, Any], Refusal]] = {
    "another issuer": ({"issuer": EVIL}, refusal("issuer")),
    "an issuer by http": ({"issuer": "http://login.ehr.example"}, refusal("issuer")),
    "no S256": ({"code_challenge_methods_supported": ["plain"]}, refusal("no-s256")),
    "no methods at all": ({"code_challenge_methods_supported": None}, refusal("no-s256")),
    "methods that are a text": ({"code_challenge_methods_supported": "S256"}, refusal("no-s256")),
    "no token endpoint": ({"token_endpoint": None}, refusal("incomplete")),
    "empty token endpoint": ({"token_endpoint": ""}, refusal("incomplete")),
    "token endpoint that is a list": ({"token_endpoint": [f"{LOGIN}/token"]}, refusal("incomplete")),
    "no authorization endpoint": ({"authorization_endpoint": None}, refusal("incomplete")),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_document_that_says_the_wrong_thing(world: World, name: str) -> None:
    changes, expected = WRONG[name]
    world.ehr.configuration.update(changes)
    visitor, kept = world.visitor(), world.kept()
    assert_refused(visitor, visitor.launch(), expected, kept)


def relative(world: World) -> None:
    """Every endpoint relative to the FHIR base (SMART-R379)."""
    world.ehr.configuration.update(
        authorization_endpoint="../auth/authorize", token_endpoint="oauth/token", jwks_uri="/keys", issuer=BASE
    )
    keys = world.ehr.documents[f"{LOGIN}/jwks"]
    world.ehr.answers["https://fhir.ehr.example/keys"] = Said(200, keys)
    world.ehr.answers[f"{BASE}/oauth/token"] = world.ehr.grant
    world.ehr.claims.update(iss=BASE)


FINE: dict[str, Callable[[World], None]] = {
    "relative": relative,
    "a query in the authorization endpoint": lambda world: world.ehr.configuration.update(
        authorization_endpoint=f"{LOGIN}/authorize?tenant=a%26b"
    ),
    "strange members": lambda world: world.ehr.configuration.update(
        {"__proto__": {}, "capabilities": [1, None, {"x": 1}], "scopes_supported": "all", "new": [[[]]]}
    ),
    "no capabilities": lambda world: world.ehr.configuration.update(capabilities=None),
    "no revocation": lambda world: world.ehr.configuration.update(revocation_endpoint=None),
}


@pytest.mark.parametrize("name", FINE)
def test_a_document_that_is_odd_but_usable(world: World, name: str) -> None:
    FINE[name](world)
    visitor = world.visitor()
    assert visitor.home().status_code == 200


def test_a_trailing_slash_makes_no_difference(world: World) -> None:
    visitor = world.visitor()
    answer = visitor.launch(iss=f"{BASE}/")
    assert answer.status_code == 303
    assert str(answer.headers["Location"]).startswith(f"{LOGIN}/authorize?")
    assert [asked.url for asked in world.ehr.asked] == [WELL_KNOWN]


def test_a_failure_is_not_remembered(world: World) -> None:
    world.ehr.answers[WELL_KNOWN] = Said(500)
    visitor = world.visitor()
    assert visitor.launch().status_code == 502
    del world.ehr.answers[WELL_KNOWN]
    visitor.launched()
