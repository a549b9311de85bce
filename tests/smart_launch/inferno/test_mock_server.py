"""The mock answers as Inferno's own specs say that Inferno's does (`mock_smart_server_spec.rb` and its neighbours)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.smart_launch.inferno import signatures
from tests.smart_launch.inferno.by_hand import JWKS, KEYS, SECRET, STRANGER
from tests.smart_launch.inferno.checks import ASSERTION_TYPE
from tests.smart_launch.inferno.mock_server import MockServer, issue
from tests.smart_launch.inferno.proofs import challenge_of
from tests.smart_launch.inferno.recorded import ClientType, Registration, Session, Tag
from tests.smart_launch.inferno.tested_app import JWKS_URL

REDIRECT = "https://inferno.healthit.gov/redirect"
VERIFIER = "verifier-verifier-verifier-verifier-verifier-1"
PATIENT = {"resourceType": "Patient", "id": "999"}


def registered(mock: MockServer, client_type: ClientType, **inputs: Any) -> Session:
    values = {"redirect_uris": REDIRECT, "jwks": json.dumps(JWKS), "secret": SECRET, **inputs}
    return mock.register(Registration(client_type, "test_client", **values), lambda _url: json.dumps(JWKS))


def code_of(mock: MockServer, *, scope: str = "system/*.rs", verb: str = "GET", **changes: str) -> str:
    params = {
        "client_id": "test_client",
        "redirect_uri": REDIRECT,
        "scope": scope,
        "state": "a/b c",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    query, form = (params, None) if verb == "GET" else (None, params)
    url = f"{mock.auth}/authorization"
    answer = requests.request(verb, url, params=query, data=form, allow_redirects=False, timeout=10)
    assert answer.status_code == 302
    back = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert back["state"] == [params["state"]]
    return back["code"][0]


def ask(mock: MockServer, form: Mapping[str, str], **headers: str) -> requests.Response:
    return requests.post(f"{mock.auth}/token", data=dict(form), headers=headers, timeout=10)


def exchange(mock: MockServer, code: str, **more: str) -> requests.Response:
    return ask(mock, {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **more})


def signed(mock: MockServer, *, key: signatures.PrivateKey | None = None, **header: str) -> dict[str, str]:
    claims = {"iss": "test_client", "sub": "test_client", "aud": f"{mock.auth}/token", "exp": 1, "jti": "1"}
    token = signatures.sign({"alg": "RS384", "kid": "RS384", **header}, claims, key or KEYS["RS384"])
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_authorization_is_given_to_whoever_asks(inferno: MockServer, verb: str) -> None:
    session = registered(inferno, ClientType.ALP)
    code = code_of(inferno, verb=verb)
    assert [each.verb for each in session.tagged(Tag.AUTHORIZATION)] == [verb]
    assert json.loads(signatures.decode(code))["client_id"] == "test_client"


def test_authorization_needs_somewhere_to_go(inferno: MockServer) -> None:
    registered(inferno, ClientType.ALP)
    answer = requests.get(f"{inferno.auth}/authorization?client_id=test_client", timeout=10)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Missing required redirect_uri parameter."


def test_a_redirect_uri_with_a_query_is_continued(inferno: MockServer) -> None:
    registered(inferno, ClientType.ALP)
    assert code_of(inferno, redirect_uri=f"{REDIRECT}?a=b")


@pytest.mark.parametrize("path", ["auth/authorization?client_id=nobody", "fhir/metadata", "fhir/Patient/999"])
def test_somebody_unknown_is_an_error_of_the_server(inferno: MockServer, path: str) -> None:
    registered(inferno, ClientType.ALP)
    base = inferno.fhir_base.removesuffix("/fhir")
    assert requests.get(f"{base}/{path}", timeout=10).status_code == 500


def test_a_code_needs_its_authorization_request(inferno: MockServer) -> None:
    registered(inferno, ClientType.ALP)
    code_of(inferno)
    answer = exchange(inferno, issue("test_client", 10), code_verifier=VERIFIER)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert "no authorization request found" in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("verifier", "status"), [({"code_verifier": VERIFIER}, 200), ({"code_verifier": "x" * 43}, 401), ({}, 200)]
)
def test_a_verifier_must_fit_if_it_is_there(inferno: MockServer, verifier: dict[str, str], status: int) -> None:
    registered(inferno, ClientType.ALP)
    assert exchange(inferno, code_of(inferno), **verifier).status_code == status


def test_context_refresh_token_and_identity_come_as_asked(inferno: MockServer) -> None:
    registered(inferno, ClientType.ALP, launch_context='{"patient": "123"}', fhir_user="Patient/123")
    plain = exchange(inferno, code_of(inferno)).json()
    assert (plain["patient"], plain["token_type"], plain["expires_in"]) == ("123", "Bearer", 3600)
    assert not {"refresh_token", "id_token"} & set(plain)
    code = code_of(inferno, scope="system/*.rs openid fhirUser offline_access")
    full = exchange(inferno, code).json()
    assert full["refresh_token"] == f"{code}_rt"
    claims = signatures.read(full["id_token"]).claims
    assert (claims["aud"], claims["iss"], claims["sub"]) == ("test_client", inferno.fhir_base, "patient-123")
    assert claims["fhirUser"] == f"{inferno.fhir_base}/Patient/123"
    without = exchange(inferno, code_of(inferno, scope="openid")).json()
    assert "fhirUser" not in signatures.read(without["id_token"]).claims


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Basic " + base64.b64encode(f"test_client:{SECRET}".encode()).decode(), 200),
        ("Basic bad", 401),
        ("", 401),
    ],
)
def test_a_secret_client_shows_its_secret(inferno: MockServer, header: str, status: int) -> None:
    registered(inferno, ClientType.ALCS)
    form = {"grant_type": "authorization_code", "code": code_of(inferno), "redirect_uri": REDIRECT}
    headers = {"Authorization": header} if header else {}
    assert ask(inferno, form, **headers).status_code == status


@pytest.mark.parametrize("jwks", [json.dumps(JWKS), JWKS_URL], ids=["raw", "url"])
def test_a_backend_client_signs(inferno: MockServer, jwks: str) -> None:
    registered(inferno, ClientType.BSCA, jwks=jwks)
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    right = ask(inferno, {**form, **signed(inferno)})
    assert right.status_code == 200, "a wrong typ and an old exp are for the verdict to find"
    assert right.json()["scope"] == "system/*.rs"
    wrong = ask(inferno, {**form, **signed(inferno, key=STRANGER)})
    assert wrong.status_code == 401
    assert "Signature verification failed" in wrong.json()["error_description"]
    assert ask(inferno, form).status_code == 500


def test_a_refresh_needs_a_launch_and_a_signature(inferno: MockServer) -> None:
    registered(inferno, ClientType.ALCA)
    code = code_of(inferno, scope="system/*.rs offline_access")
    form = {"grant_type": "refresh_token", "refresh_token": f"{code}_rt"}
    assert ask(inferno, {**form, **signed(inferno)}).status_code == 200
    assert ask(inferno, {**form, **signed(inferno, key=STRANGER)}).status_code == 401
    narrower = ask(inferno, {**form, **signed(inferno), "scope": "system/Patient.r"})
    assert narrower.json()["scope"] == "system/Patient.r"
    unknown = {**form, "refresh_token": f"{issue('test_client', 10)}_rt"}
    assert ask(inferno, {**unknown, **signed(inferno)}).status_code == 401


@pytest.mark.parametrize(
    ("expiration", "echoed", "resources", "status", "kind"),
    [
        ({"expiration": 1}, json.dumps(PATIENT), (), 401, "OperationOutcome"),
        ({"expiration": 4_000_000_000}, json.dumps(PATIENT), (), 200, "Patient"),
        ({}, json.dumps(PATIENT), (), 200, "Patient"),
        ({}, "", (PATIENT,), 200, "Patient"),
        ({}, "", (), 400, "OperationOutcome"),
    ],
)
def test_data_is_what_the_tester_wrote(
    inferno: MockServer,
    expiration: dict[str, int],
    echoed: str,
    resources: tuple[dict[str, str], ...],
    status: int,
    kind: str,
) -> None:
    registered(inferno, ClientType.ALP, echoed=echoed, resources=resources)
    token = signatures.encode(json.dumps({"client_id": "test_client", **expiration}).encode())
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{inferno.fhir_base}/Patient/999", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["resourceType"]) == (status, kind)


def test_a_token_that_is_over_or_unknown_is_inactive(inferno: MockServer) -> None:
    registered(inferno, ClientType.ALP)
    token = exchange(inferno, code_of(inferno)).json()["access_token"]
    over = signatures.encode(json.dumps({"client_id": "test_client", "expiration": 1}).encode())
    strange = signatures.encode(json.dumps({"client_id": "test_client"}).encode())
    states = [
        requests.post(f"{inferno.auth}/introspect", data={"token": each}, timeout=10).json()
        for each in (token, over, strange)
    ]
    assert [each["active"] for each in states] == [True, False, False]
    assert states[0]["scope"] == "system/*.rs"
