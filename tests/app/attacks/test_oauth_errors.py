"""Every error of the sign-in page and of the token endpoint: what a person reads, without the stranger's text."""

from __future__ import annotations

import html

import pytest

from smart_launch import AnswerLost, NotSent
from tests.app.attacks.conftest import World
from tests.app.attacks.ehr import DESCRIPTION, EVIL, LOGIN, SECRETS, Answer, Said, with_query
from tests.app.attacks.expect import Refusal, assert_refused

NOT_ACCEPTED = "Your EHR does not accept this app"
SIGN_IN_FIRST = "Your EHR wants you to sign in first"
COULD_NOT = "Your EHR could not sign you in"
REFUSED = "Your EHR refused the sign-in"
OURS, THEIRS, AGAIN = "looks after this app", "service desk", "open the app again from there"

SIGN_IN_ERRORS: dict[str, Refusal] = {
    "access_denied": Refusal(403, "You or your EHR did not allow this", AGAIN, "authorization-access-denied"),
    "login_required": Refusal(401, SIGN_IN_FIRST, "Sign in to the EHR", "authorization-login-required"),
    "interaction_required": Refusal(401, SIGN_IN_FIRST, "Sign in to the EHR", "authorization-interaction-required"),
    "account_selection_required": Refusal(
        401, SIGN_IN_FIRST, "Sign in to the EHR", "authorization-account-selection-required"
    ),
    "consent_required": Refusal(
        403, "Your EHR needs your agreement first", "answer it there", "authorization-consent-required"
    ),
    "unmet_authentication_requirements": Refusal(
        403, "Your EHR wants a stronger sign-in", "smartcard", "authorization-unmet-authentication-requirements"
    ),
    "server_error": Refusal(502, COULD_NOT, THEIRS, "authorization-server-error"),
    "temporarily_unavailable": Refusal(
        503, "Your EHR is busy", "Wait a minute", "authorization-temporarily-unavailable"
    ),
    **{
        code: Refusal(502, NOT_ACCEPTED, OURS, f"authorization-{code.replace('_', '-')}")
        for code in (
            "invalid_request",
            "unauthorized_client",
            "unsupported_response_type",
            "invalid_scope",
            "invalid_request_uri",
            "invalid_request_object",
            "request_not_supported",
            "request_uri_not_supported",
            "registration_not_supported",
        )
    },
    "made_up": Refusal(403, REFUSED, AGAIN, "authorization"),
    "<script>alert(1)</script>": Refusal(403, REFUSED, AGAIN, "authorization"),
    SECRETS["access token"]: Refusal(403, REFUSED, AGAIN, "authorization"),
    "x" * 16_000: Refusal(403, REFUSED, AGAIN, "authorization"),
}


@pytest.mark.parametrize(("error", "refusal"), SIGN_IN_ERRORS.items(), ids=lambda value: str(value)[:40])
def test_an_error_of_the_sign_in_page(world: World, error: str, refusal: Refusal) -> None:
    visitor, kept = world.visitor(), world.kept()
    answer = visitor.come_back(code=None, error=error, error_description=DESCRIPTION, error_uri=f"{EVIL}/help")
    assert_refused(visitor, answer, refusal, kept)
    assert "<script>alert" not in answer.text and "evil.example" not in answer.text + str(answer.headers)
    assert not [asked for asked in world.ehr.asked if asked.path == f"{LOGIN}/token"]
    again = visitor.get(with_query("/callback", {"state": visitor.secrets["state"], "code": SECRETS["code"]}))
    assert_refused(visitor, again, Refusal(401, *USED_UP), kept)


USED_UP = ("This sign-in has been used or is not known", AGAIN, "state-mismatch")


def oauth(status: int, error: str, **headers: str) -> Said:
    body = {"error": error, "error_description": DESCRIPTION, "error_uri": f"{EVIL}/{SECRETS['code']}"}
    return Said(status, body, headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()))


TOKEN_ERRORS: dict[str, tuple[Answer, Refusal]] = {
    "invalid_grant": (
        oauth(400, "invalid_grant"),
        Refusal(401, "The sign-in is no longer good", "works once", "invalid-grant"),
    ),
    "invalid_client": (oauth(401, "invalid_client"), Refusal(502, NOT_ACCEPTED, OURS, "invalid-client")),
    "unauthorized_client": (oauth(400, "unauthorized_client"), Refusal(502, NOT_ACCEPTED, OURS, "invalid-client")),
    "invalid_request": (oauth(400, "invalid_request"), Refusal(502, NOT_ACCEPTED, OURS, "token-invalid-request")),
    "unsupported_grant_type": (
        oauth(400, "unsupported_grant_type"),
        Refusal(502, NOT_ACCEPTED, OURS, "token-unsupported-grant-type"),
    ),
    "invalid_scope": (oauth(400, "invalid_scope"), Refusal(502, NOT_ACCEPTED, OURS, "token-invalid-scope")),
    "a bare 401": (Said(401), Refusal(502, NOT_ACCEPTED, OURS, "invalid-client")),
    "a 403 page": (
        Said(403, f"<h1>{SECRETS['access token']}</h1>".encode(), "text/html"),
        Refusal(502, "Your EHR refused to give access", THEIRS, "token"),
    ),
    "made up, with a secret": (
        oauth(400, SECRETS["refresh token"]),
        Refusal(502, "Your EHR refused to give access", THEIRS, "token"),
    ),
    "429": (oauth(429, "slow_down", Retry_After="7"), Refusal(503, "Your EHR is busy", "Wait", "token-busy")),
    "503": (Said(503, headers=(("Retry-After", "120"),)), Refusal(503, "Your EHR is busy", "Wait", "token-busy")),
    "500": (Said(500, b"Traceback: " + SECRETS["code"].encode()), Refusal(502, COULD_NOT, THEIRS, "token-http-500")),
    "502 page": (Said(502, b"<html>", "text/html"), Refusal(502, COULD_NOT, THEIRS, "token-http-502")),
    "redirect": (
        Said(302, headers=(("Location", f"{EVIL}/?code={SECRETS['code']}"),)),
        Refusal(502, "Your EHR refused to give access", THEIRS, "token"),
    ),
    "HTML with 200": (
        Said(200, f"<html>{SECRETS['code']}".encode(), "text/html"),
        Refusal(502, "Your EHR's answer cannot be used", THEIRS, "not-json"),
    ),
    "empty": (Said(200, b""), Refusal(502, "Your EHR's answer cannot be used", THEIRS, "not-json")),
    "a list": (Said(200, []), Refusal(502, "Your EHR's answer cannot be used", THEIRS, "unusable-reply")),
    "slow": (
        AnswerLost("login.ehr.example did not answer in time.", code="timeout"),
        Refusal(504, "Your EHR did not answer in time", AGAIN, "timeout"),
    ),
    "broken off": (
        AnswerLost("The connection broke.", code="truncated"),
        Refusal(502, "Your EHR's answer did not arrive", AGAIN, "truncated"),
    ),
    "down": (
        NotSent("login.ehr.example cannot be reached.", code="refused"),
        Refusal(503, "Your EHR cannot be reached", "Wait a minute", "refused"),
    ),
    "another certificate": (
        NotSent("login.ehr.example cannot be reached safely.", code="tls"),
        Refusal(502, "The connection to your EHR is not safe", "Do not go on", "tls"),
    ),
    "a private address": (
        NotSent("login.ehr.example lives at a private address.", code="blocked-address"),
        Refusal(502, "Your EHR's address is not allowed", OURS, "blocked-address"),
    ),
}


@pytest.mark.parametrize("name", TOKEN_ERRORS)
def test_an_error_of_the_token_endpoint(world: World, name: str) -> None:
    said, refusal = TOKEN_ERRORS[name]
    world.ehr.answers[f"{LOGIN}/token"] = said
    visitor, kept = world.visitor(), world.kept()
    answer = visitor.come_back()
    assert_refused(visitor, answer, refusal, kept)
    assert "evil.example" not in answer.text + str(answer.headers)
    asked = [each for each in world.ehr.asked if each.path == f"{LOGIN}/token"]
    assert len(asked) == 1, "a code works once: nothing may be tried again"
    assert not [each for each in world.ehr.asked if each.url.startswith(EVIL)]


@pytest.mark.parametrize(
    ("said", "wait"),
    [("7", "7"), ("0", "0"), ("99999999999", "3600"), ("-5", None), ("soon", None), ("1\r\nX-Told: 1", None)],
)
def test_an_ehr_that_asks_us_to_wait_is_passed_on_within_reason(world: World, said: str, wait: str | None) -> None:
    world.ehr.answers[f"{LOGIN}/token"] = oauth(429, "slow_down", Retry_After=said)
    answer = world.visitor().come_back()
    assert answer.status_code == 503
    assert answer.headers.get("Retry-After") == wait
    assert "X-Told" not in answer.headers


def test_a_script_gets_the_same_as_json(world: World) -> None:
    visitor = world.visitor()
    fields = world.ehr.authorize(visitor.leave())
    url = with_query(
        "/callback", {"state": fields["state"], "error": "access_denied", "error_description": DESCRIPTION}
    )
    answer = visitor.client.get(url, headers={"Accept": "application/json"})
    assert answer.status_code == 403 and answer.json is not None
    assert answer.json["error"]["code"] == "authorization-access-denied"
    assert set(answer.json["error"]) == {"code", "title", "message", "what_to_do", "safe"}
    assert SECRETS["description"] not in answer.text


@pytest.mark.parametrize("name", ["the records team, extension 1234", "<b>Mallory</b>"])
def test_the_page_names_whom_to_ask_where_the_settings_do(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(world.installation.settings, "administrator", name)
    for page in (world.visitor().launch(iss=f"{EVIL}/r4"), world.visitor().come_back(error="invalid_scope", code=None)):
        assert html.escape(name) in page.text and "<b>" not in page.text
        assert OURS not in page.text
