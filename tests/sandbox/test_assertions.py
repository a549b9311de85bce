"""private_key_jwt: SMART's rules for the assertion, each broken in turn."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from fhir_plugin.sandbox.oauth.clients import SandboxClient
from tests.sandbox.app_under_test import REDIRECT, App, Clock, error_of
from tests.sandbox.conftest import MakeApp, client_key


def _try(app: App, assertion: str) -> requests.Response:
    return app.exchange(app.code(), client_assertion=assertion)


@pytest.mark.parametrize("kind", ["RS384", "ES384"])
def test_the_two_algorithms_of_smart_are_taken(make_app: MakeApp, kind: str) -> None:
    app = make_app(kind)
    assert _try(app, app.assertion()).status_code == 200


def test_an_assertion_works_once(make_app: MakeApp) -> None:
    app = make_app("ES384")
    assertion = app.assertion()
    assert _try(app, assertion).status_code == 200
    assert error_of(_try(app, assertion)) == "invalid_client"


def test_two_clients_may_use_the_same_jti(make_app: MakeApp) -> None:
    for app in (make_app("ES384"), make_app("ES384")):
        assert _try(app, app.assertion(jti="the-same")).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": None},
        {"aud": "https://elsewhere.invalid/token"},
        {"aud": ["http://127.0.0.1/oauth/token"]},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"iss": None},
        {"iss": "somebody-else"},
        {"sub": None},
        {"sub": "somebody-else"},
        {"sub": ["a", "b"]},
        {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999},
    ],
)
def test_a_claim_that_is_wrong_or_missing_is_refused(make_app: MakeApp, changes: dict[str, Any]) -> None:
    app = make_app("ES384")
    assert error_of(_try(app, app.assertion(**changes))) == "invalid_client"


def test_the_right_audience_in_a_list_is_refused_too(make_app: MakeApp) -> None:
    app = make_app("ES384")
    audience = [f"{app.sandbox.origin}/oauth/token"]
    assert error_of(_try(app, app.assertion(aud=audience))) == "invalid_client"


@pytest.mark.parametrize(("seconds", "taken"), [(299, True), (300, True), (320, False), (3600, False), (-10, False)])
def test_exp_lies_at_most_five_minutes_ahead(make_app: MakeApp, clock: Clock, seconds: int, taken: bool) -> None:
    app = make_app("ES384")
    answer = _try(app, app.assertion(exp=int(clock.now) + seconds))
    assert (answer.status_code == 200) is taken


@pytest.mark.parametrize(
    "header",
    [{"typ": "at+jwt"}, {"typ": None}, {"kid": None}, {"kid": "unknown"}, {"jku": "https://thief.invalid/jwks"}],
)
def test_a_header_that_is_wrong_or_missing_is_refused(make_app: MakeApp, header: dict[str, Any]) -> None:
    app = make_app("ES384")
    # joserfc puts `typ: JWT` in by itself, so a header without it is signed as plain JWS.
    assertion = app.assertion()
    assert app.key is not None
    claims = jwt.decode(assertion, app.key, algorithms=["ES384"]).claims
    shown = {"alg": "ES384", "typ": "JWT", "kid": app.key.kid, **header}
    wanted = {name: value for name, value in shown.items() if value is not None}
    signed = jws.serialize_compact(wanted, json.dumps(claims).encode(), app.key, algorithms=["ES384"])
    assert error_of(_try(app, signed)) == "invalid_client"


def test_another_key_under_the_right_name_is_refused(make_app: MakeApp) -> None:
    app = make_app("ES384")
    assert app.key is not None
    kid = app.key.kid
    assert kid is not None
    app.key = ECKey.generate_key("P-384", {"kid": kid}, private=True)
    assert error_of(_try(app, app.assertion())) == "invalid_client"


def _base64url(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_weaker_and_symmetric_algorithms_are_refused(make_app: MakeApp) -> None:
    app = make_app("RS384")
    assert isinstance(app.key, RSAKey)
    claims = jwt.decode(app.assertion(), app.key, algorithms=["RS384"]).claims
    public = json.dumps(app.key.as_dict(private=False))
    forged = jwt.encode(
        {"alg": "HS256", "typ": "JWT", "kid": app.key.kid},
        claims,
        OctKey.import_key(public.encode()),
        algorithms=["HS256"],
    )
    unbound = RSAKey.import_key(app.key.as_pem(private=True))
    weaker = jwt.encode({"alg": "RS256", "typ": "JWT", "kid": app.key.kid}, claims, unbound, algorithms=["RS256"])
    header = {"alg": "none", "typ": "JWT", "kid": app.key.kid}
    none = ".".join([_base64url(header), _base64url(claims), ""])
    for assertion in (forged, weaker, none, "not.a.jwt", "", "a" * 5000, "\x00é"):
        assert error_of(_try(app, assertion)) == "invalid_client", assertion[:20]


def test_assertions_are_asked_for_on_refresh_and_revocation_too(make_app: MakeApp) -> None:
    app = make_app("ES384")
    token = app.token()
    for path, form in (
        ("/oauth/token", {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}),
        ("/oauth/revoke", {"token": token["access_token"]}),
        ("/oauth/introspect", {"token": token["access_token"]}),
    ):
        answer = requests.post(f"{app.sandbox.origin}{path}", data={**form, "client_id": app.client_id}, timeout=5)
        assert error_of(answer) == "invalid_client", path
    assert app.refresh(token["refresh_token"]).status_code == 200


# ------------------------------------------------------------------------------------------ JWKS URLs


@contextmanager
def jwks_server(document: dict[str, Any], *, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Serves a key set that the test may change, and notes each request."""
    asked: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks", asked
        finally:
            server.shutdown()
            thread.join()


def test_a_jwks_url_is_read_once_and_again_for_a_new_key(make_app: MakeApp) -> None:
    first = client_key("ES384")
    document: dict[str, Any] = {"keys": [dict(first.as_dict(private=False))]}
    with jwks_server(document) as (url, asked):
        app = make_app("ES384", jwks_uri=url)
        for _ in range(3):
            assert _try(app, app.assertion(header={"jku": url})).status_code == 200
        assert len(asked) == 1

        successor = ECKey.generate_key("P-384", {"kid": "successor"}, private=True)
        document["keys"].append(dict(successor.as_dict(private=False)))
        app.key = successor
        assert _try(app, app.assertion()).status_code == 200
        assert len(asked) == 2


@pytest.mark.parametrize(
    ("document", "status"),
    [({"keys": "none"}, 200), ({}, 200), ({"keys": [{"kty": "EC"}]}, 200), ({"keys": []}, 302), ({}, 500)],
)
def test_a_jwks_url_that_gives_no_keys_is_no_crash(make_app: MakeApp, document: dict[str, Any], status: int) -> None:
    with jwks_server(document, status=status) as (url, asked):
        app = make_app("ES384", jwks_uri=url)
        assert error_of(_try(app, app.assertion())) == "invalid_client"
        assert asked == ["/jwks"]


def test_a_jwks_url_that_nobody_answers_is_no_crash(make_app: MakeApp) -> None:
    app = make_app("ES384", jwks_uri="http://127.0.0.1:9/jwks")
    assert error_of(_try(app, app.assertion())) == "invalid_client"


def test_a_registration_that_cannot_work_is_refused() -> None:
    def client(**more: Any) -> SandboxClient:
        return SandboxClient("c", "C", "https://app.invalid/launch", **{"redirect_uris": (REDIRECT,), **more})

    assert client().auth_method == "none"
    for wrong in (
        {"auth_method": "client_secret_basic"},
        {"auth_method": "private_key_jwt"},
        {"auth_method": "private_key_jwt", "jwks": {}, "jwks_uri": "https://app.invalid/jwks"},
        {"redirect_uris": ()},
        {"backend": True},
    ):
        with pytest.raises(ValueError, match=r"client|backend"):
            client(**wrong)


def test_a_registration_does_not_show_its_secret() -> None:
    client = SandboxClient("c", "C", "", (REDIRECT,), "client_secret_basic", secret="canary-secret")
    assert "canary-secret" not in repr(client)


# ------------------------------------------------------------------------------------ backend services


def test_a_backend_service_gets_five_minutes_without_a_person(make_app: MakeApp) -> None:
    app = make_app("ES384", backend=True)
    answer = app.post("/oauth/token", grant_type="client_credentials", scope="system/*.rs patient/*.rs")
    token = answer.json()
    assert token["scope"] == "system/*.rs"
    assert token["expires_in"] == 300
    assert "refresh_token" not in token
    assert "patient" not in token
    found = app.fhir(token["access_token"], "GET", "Patient?_summary=count").json()
    assert found["total"] == 10
    refused = app.post("/oauth/token", grant_type="client_credentials", scope="patient/*.rs")
    assert error_of(refused) == "invalid_scope"
    assert error_of(app.post("/oauth/token", grant_type="client_credentials", scope=None)) == "invalid_scope"


def test_an_app_for_people_is_no_backend_service(make_app: MakeApp) -> None:
    app = make_app("ES384")
    answer = app.post("/oauth/token", grant_type="client_credentials", scope="system/*.rs")
    assert error_of(answer) == "unauthorized_client"
