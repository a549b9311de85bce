"""What SMART asks of the app around the client: each requirement by itself, before an EHR in memory."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from werkzeug.test import TestResponse

from fhir_plugin import demo
from fhir_plugin.app import create_app, install
from fhir_plugin.capability import DESK_SCOPES
from fhir_plugin.capability import SCOPES as SCOPES_PROPOSED
from fhir_plugin.settings import Settings
from smart_launch import Issuer, IssuerRegistry, parse_resource_scope
from tests.app.attacks.ehr import BASE, CLIENT, EVIL, LOGIN, SCOPES, SECRETS, Ehr, MemoryTransport, Said, an_issuer
from tests.fakes.clock import FakeClock
from tests.fakes.worker import FakeImageWorker

ORIGIN = "https://photographs.example"
REDIRECT = f"{ORIGIN}/callback"
SIGNS: dict[str, Any] = {"auth_method": "private_key_jwt", "client_secret": "", "key_algorithm": "ES384"}


@dataclass
class App:
    """The app with one EHR, and one browser."""

    ehr: Ehr
    flask: Any
    host: str = "photographs.example"

    def __post_init__(self) -> None:
        self.client = self.flask.test_client()
        self.client.environ_base.update({"wsgi.url_scheme": "https", "HTTP_HOST": self.host})
        self.cookies: list[str] = []

    def get(self, path: str, **fields: str) -> TestResponse:
        answer: TestResponse = self.client.get(f"{path}?{urlencode(fields)}" if fields else path)
        self.cookies += answer.headers.getlist("Set-Cookie")
        return answer

    def leave(self, **fields: str) -> TestResponse:
        """The answer that sends the browser to the EHR."""
        asked = {"iss": BASE, "launch": SECRETS["launch handle"], **fields}
        first = self.get("/launch", **asked)
        if first.status_code == 303 and first.headers["Location"].startswith("/launch?"):
            return self.get("/launch", **asked, cookie="1")
        return first

    def come_back(self, **fields: str) -> TestResponse:
        return self.get("/callback", **{**self.ehr.authorize(self.leave().headers["Location"]), **fields})

    def first_page(self) -> TestResponse:
        answer = self.come_back()
        assert answer.status_code == 303, answer.text
        while answer.status_code == 303:
            answer = self.get(answer.headers["Location"])
        return answer


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ehr, Any]]:
    ehr = Ehr(FakeClock())
    wide = tuple(f"user/{kind}.rs" for kind in ("Observation", "Condition", "Procedure")) + tuple(
        f"user/Observation.rs?code=http://snomed.info/sct|{10**15 + number}" for number in range(40)
    )
    installation = install(
        Settings(state=tmp_path_factory.mktemp("required"), base_url=ORIGIN),
        registry=IssuerRegistry(
            [
                an_issuer(**SIGNS),
                an_issuer(name="wide", iss=f"{BASE}/wide", scopes=(*SCOPES, *wide), **SIGNS),
            ]
        ),
        transport=MemoryTransport(ehr),
        clock=ehr.clock,
        worker=FakeImageWorker(),
        client_keys={},
    )
    try:
        yield ehr, create_app(installation)
    finally:
        installation.close()


@pytest.fixture
def app(shared: tuple[Ehr, Any]) -> App:
    ehr, flask = shared
    assert isinstance(ehr.clock, FakeClock)
    ehr.clock.advance(hours=2)
    ehr.reset()
    return App(ehr, flask)


def sent(answer: TestResponse) -> dict[str, str]:
    """The parameters of the authorization request that an answer redirects to."""
    assert answer.status_code == 303
    url = answer.headers["Location"]
    assert url.startswith(f"{LOGIN}/")
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


# --- registration: R11, R20, R21, R34, R46, R65, R148 ---


@pytest.mark.parametrize("host", ["photographs.example", "evil.example", "photographs.example.evil.example"])
def test_launch_url_and_redirect_uri_are_fixed(app: App, host: str) -> None:
    """Whatever host the browser says it is at: the launch URLs and one redirect URI, below the origin that is set."""
    elsewhere = App(app.ehr, app.flask, host)
    elsewhere.client.environ_base.update(
        {"HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_FORWARDED": "host=evil.example"}
    )
    answer = elsewhere.leave(redirect_uri=f"{EVIL}/callback")
    if answer.status_code == 303:
        assert sent(answer)["redirect_uri"] == REDIRECT
        assert "evil" not in answer.headers["Location"]
    else:
        assert host != "photographs.example" and answer.status_code in (400, 421)
    rules = [rule.rule for rule in app.flask.url_map.iter_rules() if "launch" in rule.rule.split("/")[1:2]]
    assert set(rules) == {"/launch", "/launch/disclosures", "/launch/deletions"}


def registered() -> list[Issuer]:
    """What the demo registers; `fhir-plugin issuer add` proposes the same scopes."""
    with demo.temporary_demo() as running:
        return list(running.installation.registry)


def test_what_we_register_is_confidential_and_signs(app: App) -> None:
    """A server can keep a secret, and a key is better than a secret."""
    assert {issuer.auth_method for issuer in registered()} == {"private_key_jwt"}
    app.come_back()
    (trade,) = [asked for asked in app.ehr.asked if asked.path == f"{LOGIN}/token"]
    assert "client_assertion" in trade.form
    assert not {"client_id", "client_secret"} & set(trade.form)
    assert "Authorization" not in trade.headers


def test_no_wildcard_is_asked_for() -> None:
    for listed in [SCOPES_PROPOSED, *(issuer.scopes for issuer in registered())]:
        scopes = [scope for scope in map(parse_resource_scope, listed) if scope is not None]
        assert scopes
        assert "*" not in {scope.resource_type for scope in scopes}
        assert {scope.letters for scope in scopes if scope.level == "user"} <= {"r", "rs"}, "staff are only read"


def test_the_whole_record_is_asked_for_at_the_desk_alone_and_is_only_read() -> None:
    assert {issuer.privileged_scopes for issuer in registered()} == {DESK_SCOPES}
    scopes = [scope for scope in map(parse_resource_scope, DESK_SCOPES) if scope is not None]
    assert [scope.as_v2() for scope in scopes if scope.resource_type == "*"] == ["patient/*.rs"]
    writing = {scope.resource_type for scope in scopes if set(scope.letters) & set("cud")}
    assert writing == {"AuditEvent", "Provenance"}, "what was given out is written down, and nothing is filed"


# --- the authorization request: R52, R133 ---


def test_a_long_request_is_posted_as_a_form_where_the_ehr_takes_it(app: App) -> None:
    wide = f"{BASE}/wide"
    document = app.ehr.documents[f"{BASE}/.well-known/smart-configuration"]
    for takes_it in (True, False):
        assert isinstance(app.ehr.clock, FakeClock)
        app.ehr.clock.advance(hours=1)
        capabilities = {*document["capabilities"]} - {"authorize-post"} | ({"authorize-post"} if takes_it else set())
        answer_of_wide = {**document, "capabilities": sorted(capabilities)}
        app.ehr.answers[f"{wide}/.well-known/smart-configuration"] = Said(body=answer_of_wide)
        answer = app.leave(iss=wide)
        if not takes_it:
            assert len(answer.headers["Location"]) > 2000 and sent(answer)["aud"] == wide
            continue
        assert answer.status_code == 200
        (form,) = re.findall(r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', answer.text, re.DOTALL)
        assert html.unescape(form[0]) == document["authorization_endpoint"]
        assert "enctype" not in answer.text, "application/x-www-form-urlencoded, which is what forms send"
        inputs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[1])
        fields = {name: html.unescape(value) for name, value in inputs}
        assert len(fields) == len(inputs)
        assert (fields["response_type"], fields["client_id"], fields["aud"]) == ("code", CLIENT, wide)
        assert (fields["redirect_uri"], fields["code_challenge_method"]) == (REDIRECT, "S256")
        assert len(fields["scope"]) > 2000 and len(fields["state"]) == 43
        login = urlsplit(LOGIN)
        assert f"form-action 'self' {login.scheme}://{login.netloc} " in answer.headers["Content-Security-Policy"]


# --- the way back: R6, R7 ---


@pytest.mark.parametrize(
    "name", ["next", "redirect_uri", "redirect", "return_to", "url", "target", "RelayState", "error_uri", "iss_uri"]
)
@pytest.mark.parametrize("value", [f"{EVIL}/x", "//evil.example/x", "/\\evil.example", "javascript:alert(1)"])
def test_nothing_that_came_back_leads_anywhere_else(app: App, name: str, value: str) -> None:
    out = app.leave(**{name: value})
    assert name not in sent(out) or name == "redirect_uri"
    assert "evil" not in out.headers["Location"]
    back = app.get("/callback", **{**app.ehr.authorize(out.headers["Location"]), name: value})
    assert back.status_code == 303
    assert re.fullmatch(r"/l/[\w-]+/[\w-]*", back.headers["Location"])
    state = sent(app.leave())["state"]
    refused = app.get("/callback", state=state, error="access_denied", **{name: value})
    assert refused.status_code == 403 and "Location" not in refused.headers
    assert "evil" not in refused.text and "javascript:" not in refused.text


def test_no_cookie_ever_holds_a_token(app: App) -> None:
    assert app.first_page().status_code == 200
    assert app.cookies
    secrets = [SECRETS["access token"], SECRETS["refresh token"], SECRETS["code"], *app.ehr.id_tokens]
    for cookie in app.cookies:
        assert "Secure" in cookie and "HttpOnly" in cookie, "never over a line that others can read"
        value = cookie.partition("=")[2].partition(";")[0]
        readable = value + "".join(_decoded(part) for part in value.split("."))
        assert not [secret for secret in secrets if secret in readable]


def _decoded(part: str) -> str:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("latin-1")
    except ValueError:
        return ""


# --- who and what for: R193, R202 ---


@pytest.mark.parametrize("intent", [None, "", "something-that-nobody-knows", "reconcile-medications", 7, ["x"]])
def test_an_unknown_intent_or_none_opens_the_usual_page(app: App, intent: Any) -> None:
    app.ehr.token = {} if intent is None else {"intent": intent}
    page = app.first_page()
    assert page.status_code == 200
    assert '/Patient/p1">' in page.text


def test_the_fhir_user_is_read_from_the_ehr(app: App) -> None:
    app.ehr.claims = {"fhirUser": "Practitioner/7"}
    assert app.first_page().status_code == 200
    reads = [asked for asked in app.ehr.asked if asked.url == f"{BASE}/Practitioner/7"]
    assert [asked.method for asked in reads] == ["GET"]
    assert reads[0].headers["Authorization"] == f"Bearer {SECRETS['access token']}"


# --- our keys: R22, R298, R299, R301 to R303, R322 ---


def test_the_key_set_is_public_named_and_may_be_kept_for_a_while(app: App) -> None:
    stranger = app.flask.test_client()
    answer = stranger.get("/.well-known/jwks.json")
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    assert re.fullmatch(r"public, max-age=\d+", answer.headers["Cache-Control"])
    keys = json.loads(answer.text)["keys"]
    assert len({key["kid"] for key in keys}) == len(keys)
    app.come_back()
    (trade,) = [asked for asked in app.ehr.asked if asked.path == f"{LOGIN}/token"]
    header = json.loads(_decoded(trade.form["client_assertion"].split(".")[0]))
    assert header["kid"] in {key["kid"] for key in keys}, "an EHR finds there what verifies our requests"
