"""What Inferno's client suite leaves out, looked up in the requests that it recorded of us.

Inferno never looks at: how good `state` is and whether it is judged, how long an assertion lives and by what
algorithm it is signed, what a confidential client must not send, whether a standalone launch sends a handle,
scopes' syntax, refresh, and where secrets and tokens travel.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from math import log2
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from smart_launch import InvalidClient, LaunchRefused, StateMismatch
from tests.smart_launch.inferno import signatures
from tests.smart_launch.inferno.checks import judge
from tests.smart_launch.inferno.mock_server import MockServer
from tests.smart_launch.inferno.recorded import REFRESH_TOKEN, ClientType, Tag, authorization_details
from tests.smart_launch.inferno.tested_app import (
    BROWSER,
    JWKS_URL,
    KINDS,
    REDIRECT_URI,
    AppUnderTest,
    Library,
    go_to_ehr,
    read_jwks_url,
    registered_app,
)

LAUNCHING = [kind for kind, client_type in KINDS.items() if client_type is not ClientType.BSCA]
SIGNING = [kind for kind, client_type in KINDS.items() if client_type.authentication == "confidential_asymmetric"]
CONFIDENTIAL = [*SIGNING, "secret"]
RESOURCE_SCOPE = re.compile(r"(patient|user|system)/([A-Z][A-Za-z]*|\*)\.(?=[cruds])c?r?u?d?s?(\?\S+)?")
PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def authorizations(app: AppUnderTest) -> list[dict[str, str]]:
    found = [authorization_details(each) for each in app.session.tagged(Tag.AUTHORIZATION)]
    assert all(isinstance(value, str) for each in found for value in each.values()), "a parameter is repeated"
    return [{name: str(value) for name, value in each.items()} for each in found]


def assertions(app: AppUnderTest) -> list[signatures.SignedToken]:
    return [signatures.read(each.form["client_assertion"]) for each in app.session.tagged(Tag.TOKEN)]


# ---------------------------------------------------------------------------------------------- authorization


def test_state_is_unpredictable(inferno: MockServer) -> None:
    with registered_app(inferno, "public", client_id="many-launches") as app:
        states = []
        for _ in range(400):
            url = app.client.begin_standalone("inferno", browser_secret=BROWSER).url
            states.append(parse_qs(urlsplit(url).query)["state"][0])
    assert len(set(states)) == len(states)
    lengths = {len(state) for state in states}
    assert len(lengths) == 1
    bits = 0.0
    for column in zip(*states, strict=True):
        share = [count / len(states) for count in Counter(column).values()]
        bits -= sum(part * log2(part) for part in share)
    assert bits >= 122 * 1.5, "SMART-R40, with room for what a sample of 400 cannot show"


@pytest.mark.parametrize("kind", LAUNCHING)
def test_every_launch_has_its_own_secrets(library: Library, kind: str) -> None:
    asked = authorizations(library[kind])
    for name in ("state", "code_challenge", "nonce"):
        values = [each[name] for each in asked]
        assert len(set(values)) == len(values)
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in values)
    verifiers = [each.form["code_verifier"] for each in library[kind].session.tagged(Tag.TOKEN, "authorization_code")]
    assert len(set(verifiers)) == len(verifiers)
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier) for verifier in verifiers)


@pytest.mark.parametrize("kind", LAUNCHING)
def test_only_an_ehr_launch_sends_a_handle(library: Library, kind: str) -> None:
    by_link, standalone, long = authorizations(library[kind])
    assert by_link["launch"] == library[kind].session.launch_key
    assert "launch" in by_link["scope"].split()
    for asked in (standalone, long):
        assert "launch" not in asked
        assert "launch" not in asked["scope"].split()
        assert "launch/patient" in asked["scope"].split()


@pytest.mark.parametrize("kind", LAUNCHING)
def test_nothing_is_sent_that_has_no_place_in_an_authorization_request(library: Library, kind: str) -> None:
    known = {"response_type", "client_id", "redirect_uri", "launch", "scope", "state", "aud", "nonce"}
    for asked in authorizations(library[kind]):
        assert set(asked) <= known | {"code_challenge", "code_challenge_method"}


@pytest.mark.parametrize("kind", list(KINDS))
def test_scopes_are_well_formed(library: Library, kind: str) -> None:
    session = library[kind].session
    scopes = [asked["scope"] for asked in authorizations(library[kind])]
    scopes += [each.form["scope"] for each in session.tagged(Tag.TOKEN) if "scope" in each.form]
    assert scopes
    for scope in scopes:
        words = scope.split(" ")
        assert len(set(words)) == len(words)
        for word in set(words) - {"openid", "fhirUser", "offline_access", "launch", "launch/patient"}:
            assert RESOURCE_SCOPE.fullmatch(word), word


# ---------------------------------------------------------------------------------------------- the way back


@pytest.mark.parametrize(
    "change",
    [
        {"state": "another-state"},
        {"state": None},
        {"iss": "https://other.example"},
        {"browser": "another-browser"},
        {"browser": None},
        {"code": ["one", "two"]},
        {"state": ["{state}", "another-state"]},
    ],
    ids=["other-state", "no-state", "other-issuer", "other-browser", "no-cookie", "two-codes", "two-states"],
)
def test_a_callback_that_is_not_ours_exchanges_nothing(
    inferno: MockServer, change: dict[str, str | list[str] | None]
) -> None:
    with registered_app(inferno, "public", client_id="forged-callbacks") as app:
        query = parse_qs(go_to_ehr(app.client.begin_standalone("inferno", browser_secret=BROWSER)))
        browser = change.get("browser", BROWSER)
        for name, value in change.items():
            if name != "browser":
                values = [value] if isinstance(value, str) else value or []
                query[name] = [each.replace("{state}", query["state"][0]) for each in values]
        with pytest.raises((StateMismatch, LaunchRefused)):
            app.client.finish(query, browser_secret=browser if isinstance(browser, str) else None)
        assert app.session.tagged(Tag.TOKEN) == []


def test_a_callback_counts_once(inferno: MockServer) -> None:
    with registered_app(inferno, "public", client_id="replayed") as app:
        query = go_to_ehr(app.client.begin_standalone("inferno", browser_secret=BROWSER))
        app.client.finish(query, browser_secret=BROWSER)
        with pytest.raises(StateMismatch):
            app.client.finish(query, browser_secret=BROWSER)
        assert len(app.session.tagged(Tag.TOKEN)) == 1


# ---------------------------------------------------------------------------------------------- authentication


@pytest.mark.parametrize("kind", SIGNING)
def test_assertions_are_short_lived_and_signed_as_smart_allows(library: Library, kind: str) -> None:
    app = library[kind]
    published = {key["kid"]: key for key in json.loads(read_jwks_url(JWKS_URL))["keys"]}
    found = list(zip(app.session.tagged(Tag.TOKEN), assertions(app), strict=True))
    assert found
    for request, token in found:
        assert token.header["alg"] == kind.removeprefix("backend-")
        assert token.header["kid"] in published
        assert "jku" not in token.header, "none is registered"
        assert 0 < token.claims["exp"] - request.received <= 300
        assert token.claims["exp"] - token.claims["iat"] <= 300
        assert 22 <= len(token.claims["jti"]) <= 151, "128 bits at least, and no more than Epic takes"
        assert isinstance(token.claims["aud"], str)
    assert not any(PRIVATE_PARTS & set(key) for key in published.values())


@pytest.mark.parametrize("kind", ["RS384", "ES384"])
def test_a_registered_jku_is_sent_and_followed(inferno: MockServer, kind: str) -> None:
    with registered_app(inferno, kind, client_id=f"jku-{kind}", issuer_changes={"jku": JWKS_URL}, jwks="") as app:
        app.client.refresh(app.launched().grant)
        assert {token.header["jku"] for token in assertions(app)} == {JWKS_URL}
        assert judge("5.08", app.session).result == "pass"


@pytest.mark.parametrize("kind", CONFIDENTIAL)
def test_a_confidential_client_does_not_name_itself_in_the_form(library: Library, kind: str) -> None:
    requests = library[kind].session.tagged(Tag.TOKEN)
    assert requests
    for request in requests:
        assert not {"client_id", "client_secret"} & set(request.form)
        assert ("authorization" in request.headers) == (kind == "secret")
        assert ("client_assertion" in request.form) == (kind != "secret")


def test_a_public_client_shows_no_proof(library: Library) -> None:
    for request in library["public"].session.tagged(Tag.TOKEN):
        assert "authorization" not in request.headers
        assert not {"client_secret", "client_assertion", "client_assertion_type"} & set(request.form)


def test_the_encoding_switch_is_what_inferno_refuses(inferno: MockServer) -> None:
    changes = {"encode_basic": True}
    with registered_app(inferno, "secret", client_id="encoded", issuer_changes=changes) as app:
        with pytest.raises(InvalidClient):
            app.launched()
        assert judge("5.09", app.session).codes == {"basic"}


# ---------------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize("kind", LAUNCHING)
def test_a_refresh_token_that_is_not_rotated_is_kept(library: Library, kind: str) -> None:
    used = [each.form["refresh_token"] for each in library[kind].session.tagged(Tag.TOKEN, REFRESH_TOKEN)]
    assert len(used) == 6
    assert len(set(used)) == 3, "two refreshes in each of three launches"
    assert all("redirect_uri" not in each.form for each in library[kind].session.tagged(Tag.TOKEN, REFRESH_TOKEN))


def test_a_refresh_may_ask_for_less(inferno: MockServer) -> None:
    with registered_app(inferno, "public", client_id="narrower") as app:
        grant = app.launched().grant
        narrower = app.client.refresh(grant, scopes="patient/Patient.rs")
        assert str(narrower.scopes) == "patient/Patient.rs"
        assert narrower.parameters["patient"] == "p1"
        assert app.read(narrower).status == 200


@pytest.mark.parametrize("kind", list(KINDS))
def test_secrets_and_tokens_travel_in_their_one_place(library: Library, kind: str) -> None:
    session = library[kind].session
    answers = [json.loads(each.answer) for each in session.tagged(Tag.TOKEN)]
    tokens = {answer["access_token"] for answer in answers}
    others = {answer.get(name) for answer in answers for name in ("refresh_token", "id_token")} - {None}
    others |= {
        each.form[name] for each in session.tagged(Tag.TOKEN) for name in ("code_verifier",) if name in each.form
    }
    secrets = tokens | others | ({session.registration.secret} - {""})
    for request in session.requests:
        address = request.url + urlencode(request.headers)
        if request.tag is Tag.ACCESS:
            assert request.headers["authorization"].removeprefix("Bearer ") in tokens
            address = address.replace(urlencode({"": request.headers["authorization"]})[1:], "")
        assert not [secret for secret in secrets if secret in address or urlencode({"": secret})[1:] in address]
        assert not [token for token in tokens if token in request.body]
        assert "cookie" not in request.headers
        assert "referer" not in request.headers


# ---------------------------------------------------------------------------------------------- registration


def test_the_redirect_uri_is_one_and_exact(library: Library) -> None:
    for kind in LAUNCHING:
        assert {asked["redirect_uri"] for asked in authorizations(library[kind])} == {REDIRECT_URI}
        exchanged = library[kind].session.tagged(Tag.TOKEN, "authorization_code")
        assert {each.form["redirect_uri"] for each in exchanged} == {REDIRECT_URI}


def test_a_link_cannot_change_where_the_code_goes(inferno: MockServer) -> None:
    with registered_app(inferno, "public", client_id="greedy-link") as app:
        (link,) = app.session.launch_links
        evil = {"redirect_uri": "https://evil.example/", "client_id": "evil", "scope": "system/*.cruds", "state": "x"}
        app.finish(app.client.begin(f"{urlsplit(link).query}&{urlencode(evil)}", browser_secret=BROWSER))
        (asked,) = authorizations(app)
        assert asked["redirect_uri"] == REDIRECT_URI
        assert asked["client_id"] == "greedy-link"
        assert asked["state"] != "x"
        assert "system/*.cruds" not in asked["scope"]
