"""The token endpoint for each kind of client: codes, refreshes, revocation, introspection."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from fhir_plugin.sandbox.oauth.tokens import Lifetimes
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from tests.sandbox.app_under_test import REDIRECT, App, Clock, error_of
from tests.sandbox.conftest import KINDS, TODAY, MakeApp


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_flow_for_each_kind_of_client(make_app: MakeApp, kind: str) -> None:
    app = make_app(kind)
    answer = app.exchange(app.code())

    assert answer.status_code == 200, answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    token = answer.json()
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 3600
    assert token["patient"] == "p-adult-1"
    again = app.refresh(token["refresh_token"])
    assert again.status_code == 200, again.text
    assert again.json()["access_token"] != token["access_token"]
    assert again.json()["patient"] == "p-adult-1"


def test_the_id_token_can_be_verified_and_says_who_is_there(app: App, clock: Clock) -> None:
    token = app.token(launch=app.launch(user="nurse"), nonce="n-123")
    configuration = requests.get(f"{app.sandbox.origin}/oauth/.well-known/openid-configuration", timeout=5).json()
    keys = KeySet.import_key_set(requests.get(configuration["jwks_uri"], timeout=5).json())
    verified = jwt.decode(token["id_token"], keys, algorithms=["RS256"])

    assert verified.header["kid"] in {key.kid for key in keys.keys}
    claims = verified.claims
    assert claims["iss"] == configuration["issuer"]
    assert claims["aud"] == app.client_id
    assert claims["nonce"] == "n-123"
    assert claims["fhirUser"] == f"{app.sandbox.fhir_base}/Practitioner/prac-nurse"
    assert claims["sub"] == "nurse"
    assert claims["iat"] <= clock.now < claims["exp"]


@pytest.mark.parametrize(
    ("scope", "has_id_token", "has_user"),
    [("launch patient/*.rs", False, False), ("launch openid", True, False), ("launch openid profile", True, True)],
)
def test_the_id_token_is_as_large_as_its_scopes(app: App, scope: str, has_id_token: bool, has_user: bool) -> None:
    token = app.token(scope=scope, nonce=None)

    assert ("id_token" in token) is has_id_token
    if has_id_token:
        keys = KeySet.import_key_set(requests.get(f"{app.sandbox.origin}/oauth/jwks", timeout=5).json())
        claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
        assert ("fhirUser" in claims) is has_user
        assert "nonce" not in claims


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "never-issued"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"redirect_uri": "https://thief.invalid/callback"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"grant_type": None}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": 'x"\r\n\x00é'}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": ""}, "invalid_client"),
    ],
)
def test_token_errors(app: App, changes: dict[str, str | None], error: str) -> None:
    assert error_of(app.exchange(app.code(), **changes)) == error


def test_a_code_works_once_and_a_replay_ends_what_came_of_it(app: App) -> None:
    code = app.code()
    token = app.exchange(code).json()
    assert app.fhir(token["access_token"], "GET", "Patient/p-adult-1").status_code == 200

    assert error_of(app.exchange(code)) == "invalid_grant"
    assert app.fhir(token["access_token"], "GET", "Patient/p-adult-1").status_code == 401
    assert error_of(app.refresh(token["refresh_token"])) == "invalid_grant"


def test_a_code_lives_a_minute(app: App, clock: Clock) -> None:
    code, late = app.code(), app.code()
    clock.now += 59
    assert app.exchange(code).status_code == 200
    clock.now += 2
    assert error_of(app.exchange(late)) == "invalid_grant"


def test_a_code_is_its_clients_alone(app: App, make_app: MakeApp) -> None:
    thief = make_app()
    thief.verifier = app.verifier
    assert error_of(thief.exchange(app.code())) == "invalid_grant"


def test_a_code_given_twice_at_the_same_moment_yields_one_token(app: App) -> None:
    code = app.code()
    answers: list[int] = []
    together = threading.Barrier(4)

    def race() -> None:
        together.wait()
        answers.append(app.exchange(code).status_code)

    racers = [threading.Thread(target=race) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(answers) == [200, 400, 400, 400]


def test_a_refresh_token_given_twice_at_the_same_moment_ends_the_family(app: App) -> None:
    refresh_token = app.token()["refresh_token"]
    answers: list[requests.Response] = []
    together = threading.Barrier(4)

    def race() -> None:
        together.wait()
        answers.append(app.refresh(refresh_token))

    racers = [threading.Thread(target=race) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert app.fhir(winner["access_token"], "GET", "Patient/p-adult-1").status_code == 401
    assert error_of(app.refresh(winner["refresh_token"])) == "invalid_grant"


def test_a_request_with_its_parameters_in_the_url_is_not_read(app: App) -> None:
    parameters = {
        "grant_type": "authorization_code",
        "code": app.code(),
        "redirect_uri": REDIRECT,
        "code_verifier": app.verifier,
        "client_id": app.client_id,
    }
    answer = requests.post(f"{app.sandbox.origin}/oauth/token", params=parameters, timeout=5)
    assert error_of(answer) == "unsupported_grant_type"
    assert requests.get(f"{app.sandbox.origin}/oauth/token", timeout=5).status_code == 405


def test_a_wrong_secret_is_refused_with_a_challenge(make_app: MakeApp) -> None:
    app = make_app("secret")
    answer = requests.post(
        f"{app.sandbox.origin}/oauth/token",
        data={"grant_type": "authorization_code", "code": app.code(), "code_verifier": app.verifier},
        auth=(app.client_id, "guess"),
        timeout=5,
    )
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert error_of(answer) == "invalid_client"


@pytest.mark.parametrize("kind", ["secret", "ES384"])
def test_a_confidential_client_cannot_pass_as_a_public_one(make_app: MakeApp, kind: str) -> None:
    app = make_app(kind)
    form = {
        "grant_type": "authorization_code",
        "code": app.code(),
        "redirect_uri": REDIRECT,
        "code_verifier": app.verifier,
        "client_id": app.client_id,
    }
    assert error_of(requests.post(f"{app.sandbox.origin}/oauth/token", data=form, timeout=5)) == "invalid_client"


# ----------------------------------------------------------------------------------------------- refresh


def test_a_refresh_token_works_once_and_reuse_ends_the_family(app: App) -> None:
    first = app.token()
    second = app.refresh(first["refresh_token"]).json()
    assert app.fhir(first["access_token"], "GET", "Patient/p-adult-1").status_code == 401
    assert app.fhir(second["access_token"], "GET", "Patient/p-adult-1").status_code == 200

    assert error_of(app.refresh(first["refresh_token"])) == "invalid_grant"
    assert app.fhir(second["access_token"], "GET", "Patient/p-adult-1").status_code == 401
    assert error_of(app.refresh(second["refresh_token"])) == "invalid_grant"


def test_a_refresh_may_narrow_but_not_widen_and_the_next_is_as_wide_as_the_first(app: App) -> None:
    token = app.token(scope="launch offline_access patient/Media.rs patient/Patient.rs")
    assert error_of(app.refresh(token["refresh_token"], scope="patient/*.rs")) == "invalid_scope"

    narrow = app.refresh(token["refresh_token"], scope="patient/Media.rs").json()
    assert narrow["scope"] == "patient/Media.rs"
    assert app.fhir(narrow["access_token"], "GET", "Patient/p-adult-1").status_code == 403
    assert app.refresh(narrow["refresh_token"]).json()["scope"] == token["scope"]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("launch patient/*.rs", False), ("launch offline_access", True), ("launch online_access", True)],
)
def test_a_refresh_token_must_be_asked_for(app: App, scope: str, expected: bool) -> None:
    assert ("refresh_token" in app.token(scope=scope)) is expected


def test_online_access_ends_with_the_working_day_and_offline_does_not(app: App, clock: Clock) -> None:
    online = app.token(scope="launch online_access")
    offline = app.token(scope="launch offline_access")
    clock.now += 5 * 3600
    online = app.refresh(online["refresh_token"]).json()
    clock.now += 4 * 3600
    assert error_of(app.refresh(online["refresh_token"])) == "invalid_grant"
    assert app.refresh(offline["refresh_token"]).status_code == 200


def test_a_refresh_token_is_its_clients_alone(app: App, make_app: MakeApp) -> None:
    token = app.token()
    assert error_of(make_app().refresh(token["refresh_token"])) == "invalid_grant"
    assert app.refresh(token["refresh_token"]).status_code == 200


# ------------------------------------------------------------------------------- lifetimes and revocation


def test_access_tokens_expire_when_they_say_so(clock: Clock) -> None:
    short = SandboxConfig(today=TODAY, clock=clock, lifetimes=Lifetimes(access_token=20))
    with running_sandbox(short) as ehr:
        app = App(ehr, _public("app-short"), clock)
        ehr.register(app.registration)
        token = app.token()
        assert token["expires_in"] == 20
        assert app.fhir(token["access_token"], "GET", "Patient/p-adult-1").status_code == 200
        clock.now += 21
        late = app.fhir(token["access_token"], "GET", "Patient/p-adult-1")
        assert late.status_code == 401
        assert "invalid_token" in late.headers["WWW-Authenticate"]


def test_the_test_door_ends_every_token(app: App, ehr: RunningSandbox) -> None:
    token = app.token()
    answer = requests.post(f"{ehr.origin}/_sandbox/tokens/expire", timeout=5)
    assert answer.json()["expired"] >= 1
    assert app.fhir(token["access_token"], "GET", "Patient/p-adult-1").status_code == 401
    fresh = app.refresh(token["refresh_token"]).json()
    assert app.fhir(fresh["access_token"], "GET", "Patient/p-adult-1").status_code == 200

    requests.post(f"{ehr.origin}/_sandbox/tokens/expire", json={"refresh": True}, timeout=5)
    assert error_of(app.refresh(fresh["refresh_token"])) == "invalid_grant"


def test_revoking(app: App) -> None:
    token = app.token()
    assert app.post("/oauth/revoke", token=token["access_token"]).status_code == 200
    assert app.fhir(token["access_token"], "GET", "Patient/p-adult-1").status_code == 401
    fresh = app.refresh(token["refresh_token"]).json()
    assert app.post("/oauth/revoke", token=fresh["refresh_token"]).status_code == 200
    assert app.fhir(fresh["access_token"], "GET", "Patient/p-adult-1").status_code == 401
    assert error_of(app.refresh(fresh["refresh_token"])) == "invalid_grant"
    assert app.post("/oauth/revoke", token="never-issued").status_code == 200


def test_introspection_tells_the_owner_and_nobody_else(app: App, make_app: MakeApp) -> None:
    token = app.token()

    def ask(who: App, text: str) -> dict[str, Any]:
        found: dict[str, Any] = who.post("/oauth/introspect", token=text).json()
        return found

    told = ask(app, token["access_token"])
    assert told["active"] is True
    assert told["scope"] == token["scope"]
    assert told["patient"] == "p-adult-1"
    assert told["fhirUser"].endswith("/Practitioner/prac-gp")
    assert ask(app, token["refresh_token"])["token_type"] == "refresh_token"
    assert ask(make_app(), token["access_token"]) == {"active": False}
    assert ask(app, "never-issued") == {"active": False}
    app.post("/oauth/revoke", token=token["refresh_token"])
    assert ask(app, token["access_token"]) == {"active": False}
    assert error_of(app.post("/oauth/introspect", token=None)) == "invalid_request"
    assert error_of(app.post("/oauth/revoke", token=None)) == "invalid_request"


def _public(name: str) -> SandboxClient:
    return SandboxClient(name, name, "https://app.invalid/launch", (REDIRECT,))
