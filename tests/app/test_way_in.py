"""The way in: what a launch may do, and what a forged, replayed or refused one gets."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from tests.app.conftest import Browser, Shop

PRIVATE_JWK = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def state_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["state"][0]


def test_a_launch_ends_in_the_gallery_of_its_patient(browser: Browser) -> None:
    page = browser.home(browser.launch())
    assert page.status_code == 200
    assert '/Patient/p-adult-1">' in page.text


@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.example/fhir",
        "http://127.0.0.1:1/fhir",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "",
        "{known}/",
        "{known}/../fhir2",
        "{known}?x",
        "{known}@evil.example",
    ],
)
def test_an_unknown_issuer_makes_no_outbound_request(shop: Shop, browser: Browser, iss: str) -> None:
    known = shop.demo.sandbox.fhir_base
    shop.transport.asked.clear()
    answer = browser.get(f"/launch?iss={quote(iss.replace('{known}', known), safe='')}&launch=canary-handle")
    if answer.status_code == 303:  # the same issuer, written with a slash
        assert browser.get(answer.headers["Location"]).headers["Location"].startswith(shop.demo.sandbox.origin)
        return
    assert answer.status_code in (400, 403)
    assert shop.transport.asked == []
    assert "canary-handle" not in answer.text
    assert "Set-Cookie" not in answer.headers or "__Host-bid" not in answer.headers["Set-Cookie"]


def test_a_callback_works_once(shop: Shop, browser: Browser) -> None:
    back = browser.come_back(browser.leave())
    assert browser.get(back).status_code == 303
    shop.transport.asked.clear()
    again = browser.get(back)
    assert again.status_code == 401
    assert shop.transport.asked == [], "a replayed code was sent to the EHR"


def test_another_browsers_sign_in_is_refused(shop: Shop, browser: Browser) -> None:
    back = browser.come_back(browser.leave())
    victim = shop.browser()
    victim.launch()
    shop.transport.asked.clear()
    answer = victim.get(back)
    assert answer.status_code == 400
    assert shop.transport.asked == []


def test_without_the_cookie_nothing_is_exchanged_or_used_up(shop: Shop, browser: Browser) -> None:
    back = browser.come_back(browser.leave())
    shop.transport.asked.clear()
    answer = shop.browser().get(back)
    assert answer.status_code == 400
    assert "blocks the cookie" in answer.text
    assert shop.transport.asked == []
    assert browser.get(back).status_code == 303


@pytest.mark.parametrize("error", ["access_denied", "invalid_scope", "login_required", "<script>alert(1)</script>"])
def test_a_refusal_at_the_ehr_is_said_and_repeats_nothing_unsafe(shop: Shop, browser: Browser, error: str) -> None:
    known = requests.get(f"{shop.demo.sandbox.fhir_base}/.well-known/smart-configuration", timeout=10).json()["issuer"]
    state, iss = state_of(browser.leave()), quote(known, safe="")
    query = f"state={state}&iss={iss}&error={quote(error)}&error_description=canary-words"
    answer = browser.get(f"/callback?{query}")
    assert answer.status_code in (401, 403, 502)  # which of them: `attacks/test_oauth_errors`
    assert "<script>alert" not in answer.text and "canary-words" not in answer.text and state not in answer.text
    assert browser.get(f"/callback?state={state}&code=x").status_code == 401, "a refused launch is over"


@pytest.mark.parametrize("query", ["", "?state=unknown&code=x", "?code=x", "?state=a&state=b&code=x"])
def test_callbacks_that_answer_nothing(browser: Browser, query: str) -> None:
    browser.leave()
    answer = browser.get(f"/callback{query}")
    assert answer.status_code in (400, 401)
    assert "303" not in answer.status and "Code: " in answer.text


def test_a_code_that_the_ehr_does_not_know_is_refused(browser: Browser) -> None:
    state = state_of(browser.leave())
    answer = browser.get(f"/callback?state={state}&code=canary-code")
    assert 400 <= answer.status_code < 504 and answer.status_code != 500
    assert "canary-code" not in answer.text


def test_a_browser_without_our_cookie_comes_back_once_to_show_that_it_keeps_it(shop: Shop, browser: Browser) -> None:
    launch_url = browser.launch_url()
    shop.transport.asked.clear()
    first = browser.get(launch_url)
    assert (first.status_code, first.headers["Location"].startswith("/launch?")) == (303, True)
    assert shop.transport.asked == [], "the EHR's handle was spent before anybody knew whether cookies work"
    assert browser.get(first.headers["Location"]).headers["Location"].startswith(shop.demo.sandbox.origin)
    again = browser.get(browser.launch_url())
    assert again.headers["Location"].startswith(shop.demo.sandbox.origin), "a browser that is known makes no detour"


def test_a_browser_that_keeps_no_cookie_gets_ways_out_and_its_launch_is_not_spent(shop: Shop, browser: Browser) -> None:
    first = browser.get(browser.launch_url())
    browser.client.delete_cookie("__Host-bid", domain="localhost")
    shop.transport.asked.clear()
    blocked = browser.get(first.headers["Location"])
    assert blocked.status_code == 400
    assert "blocks the cookie" in blocked.text
    assert shop.transport.asked == []
    (retry,) = {html.unescape(found) for found in re.findall(r'href="(/launch\?[^"]+)"', blocked.text)}
    assert "cookie=1" not in retry
    opened = shop.browser()
    assert opened.get(opened.come_back(opened.begin(retry))).status_code == 303, "the handle was spent"


def test_a_long_request_goes_as_a_form_where_the_ehr_takes_one(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = shop.demo.installation.registry
    (issuer,) = registry
    many = (*issuer.scopes, *(f"patient/Observation.rs?category=c{number}" for number in range(80)))
    monkeypatch.setattr(registry, "_issuers", (replace(issuer, scopes=many),))
    browser.get(browser.launch_url())
    page = browser.get(browser.launch_url())
    assert page.status_code == 200
    action = html.unescape(re.search(r'<form method="post" action="([^"]+)"', page.text)[1])  # type: ignore[index]  # seen
    fields = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
    assert len(fields["scope"]) > 2000
    assert "?" not in action and action.startswith(shop.demo.sandbox.origin)
    targets = page.headers["Content-Security-Policy"].split("form-action ")[1].split(";")[0].split()
    assert targets == ["'self'", shop.demo.sandbox.origin, "https:"], "an origin, without a path"
    assert "csrf" not in page.text.split("<form")[1], "our own token was sent to another site"
    sent = requests.post(action, data=fields, allow_redirects=False, timeout=10)
    assert browser.get(sent.headers["Location"]).status_code == 303


def test_the_binding_cookie_is_bound_to_host_https_and_frame(browser: Browser) -> None:
    answer = browser.get(browser.launch_url())
    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith("__Host-bid=")]
    for attribute in ("Secure", "HttpOnly", "SameSite=None", "Path=/", "Partitioned"):
        assert attribute in cookie
    assert "Domain" not in cookie


def test_the_jwks_has_public_parts_only(browser: Browser) -> None:
    answer = browser.get("/.well-known/jwks.json")
    keys = json.loads(answer.text)["keys"]
    assert len(keys) >= 3
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert not PRIVATE_JWK & set(key)
        assert key["kty"] in ("EC", "RSA")
    assert {key["alg"] for key in keys} == {"ES384", "RS384"}
