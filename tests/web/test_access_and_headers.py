"""What every page answers with, and what every write must bring. Routes are walked, so that a new one is covered."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from werkzeug.routing import Rule

from fhir_plugin.web.access import mark_of, shut_by_default
from fhir_plugin.web.pages import register_pages
from mappings.model.people import Role
from tests.web.app import page_app
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.test_home import become

APP = page_app(FakeParts())
WRITES = [
    rule
    for rule in APP.url_map.iter_rules()
    if rule.methods and rule.methods & {"POST", "PUT", "PATCH", "DELETE"} and not rule.endpoint.startswith("patient.")
]
WRITES_NOTHING = frozenset({"staying.stay"})
"""Staying signed in must work while the EHR, which knows the patient's details, is down."""
SAMPLE = {
    "launch": "amy",
    "capture_id": "capture-1",
    "image_id": "i2",
    "kind": "Media",
    "id": "m1",
    "key": "0" * 16,
    "work_id": "w1",
    "hold_id": "h1",
    "opinion_id": "o1",
    "request_id": "r1",
    "disclosure_id": "d1",
    "item": "0" * 16,
    "case_id": "c1",
    "item_id": "i1",
    "ticket": "t1",
    "hand_over_id": "v1",
    "number": "n1",
    "copy_id": "y1",
    "form": "json",
    "name": "x.html",
}


def path_of(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: SAMPLE[found[1]], rule.rule)


@pytest.mark.parametrize("rule", list(APP.url_map.iter_rules()), ids=lambda rule: rule.endpoint)
def test_every_route_says_who_may_and_only_assets_are_public(rule: Rule) -> None:
    mark = mark_of(APP, rule.endpoint)
    of_a_patient = rule.endpoint.startswith("patient.")  # behind the secret of a link, not behind a launch
    assert mark == ("public" if of_a_patient or rule.endpoint in ("assets.static", "enter") else "launched")


@pytest.mark.parametrize("rule", WRITES, ids=lambda rule: rule.endpoint)
@pytest.mark.parametrize("wrong", ["another patient", "another identity", "nobody"])
def test_every_write_refuses_a_page_made_for_somebody_else(
    person: Person, parts: FakeParts, rule: Rule, wrong: str
) -> None:
    capture, image = person.ready()
    assert (capture, image) == (SAMPLE["capture_id"], SAMPLE["image_id"])
    if rule.endpoint.startswith(("disclosing.", "guarding.")):
        become(parts, *Role)
    before = (dict(parts.captures.drafts), dict(parts.gallery.revealed), list(parts.captures.filed_with))
    guard = dict(person.guard)
    if wrong == "another patient":
        guard["patient"] = "sam"
    elif wrong == "another identity":
        guard["identity_seen"] = "0" * 24
    else:
        del guard["patient"], guard["identity_seen"]
    person.guard = guard
    answer = person.post(path_of(rule).removeprefix("/l/amy/"), {"reference": "Media/m3", "reason": "Direct care"})
    if rule.endpoint in WRITES_NOTHING and wrong == "another identity":
        assert answer.status_code == 200
    else:
        assert answer.status_code == 409
        assert "another patient" in answer.text
    assert (parts.captures.drafts, parts.gallery.revealed, parts.captures.filed_with) == before


@pytest.mark.parametrize("rule", WRITES, ids=lambda rule: rule.endpoint)
def test_every_write_needs_the_token_and_its_own_site(person: Person, rule: Rule) -> None:
    person.ready()
    path = path_of(rule)
    without = person.client.post(path, data={k: v for k, v in person.guard.items() if k != "csrf_token"})
    assert without.status_code == 400
    assert "cookie" in without.text
    from_elsewhere = person.client.post(path, data=person.guard, headers={"Sec-Fetch-Site": "cross-site"})
    assert from_elsewhere.status_code == 400


@pytest.mark.parametrize("rule", list(APP.url_map.iter_rules()), ids=lambda rule: rule.endpoint)
def test_nobody_gets_in_without_the_cookie_of_the_browser_that_launched(
    app: Flask, monkeypatch: pytest.MonkeyPatch, rule: Rule
) -> None:
    if mark_of(APP, rule.endpoint) == "public":
        return
    method = "GET" if "GET" in (rule.methods or ()) else "POST"
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    with app.test_client() as client:
        answer = client.open(path_of(rule), method=method)
    assert answer.status_code == 401
    assert "open the app again" in answer.text
    assert "Amy" not in answer.text


def test_an_ended_session_answers_scripts_as_json(person: Person) -> None:
    person.get()
    answer = person.client.put("/l/gone/captures/c/answers", data=person.guard, headers=person.script_headers)
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["error"]["code"] == "session-expired"
    assert "safely" in answer.json["error"]["safe"]


def test_headers_of_a_page(person: Person) -> None:
    page = person.get()
    policy = page.headers["Content-Security-Policy"]
    for directive in ("default-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "camera=(self)" in page.headers["Permissions-Policy"]
    person.launch = "framed"
    assert "frame-ancestors https://ehr.example" in person.get().headers["Content-Security-Policy"]


def test_the_one_inline_script_carries_a_nonce_that_never_repeats(person: Person) -> None:
    capture, _ = person.ready()
    nonces = set()
    for path in ("", "", f"captures/{capture}", "images/Media/m1"):
        page = person.get(path)
        inline = re.findall(r"<script(?![^>]*src=)([^>]*)>", page.text)
        assert len(inline) == 1
        nonce = re.search(r'nonce="([^"]+)"', inline[0])
        assert nonce
        assert f"'nonce-{nonce[1]}'" in page.headers["Content-Security-Policy"]
        nonces.add(nonce[1])
        assert not re.search(r"<[^>]+\s(on\w+|style)=", page.text)
        assert "https://" not in re.sub(r'(href|content|value)="https://ehr.example[^"]*"', "", page.text)
    assert len(nonces) == 4


def test_the_session_cookie_is_bound_to_host_frame_and_https_and_holds_only_the_token(person: Person) -> None:
    cookie = person.get().headers["Set-Cookie"]
    assert cookie.startswith("__Host-csrf=")
    for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"):
        assert attribute in cookie
    assert "Domain" not in cookie
    with person.client.session_transaction() as kept:
        assert set(kept) == {"csrf_token"}


def test_assets_are_kept_for_a_year_under_the_version_they_have(person: Person) -> None:
    address = re.search(r'href="(/assets/[^"]+app\.css)"', person.get().text)
    assert address
    with person.client.get(address[1]) as current:
        assert "immutable" in current.headers["Cache-Control"]
    old = re.sub(r"/assets/\w+/", "/assets/old/", address[1])
    with person.client.get(old) as stale:
        assert stale.headers["Cache-Control"] == "no-cache"
    assert person.client.get("/assets/x/../pages.py").status_code == 404
    assert person.client.get("/assets/x/%2e%2e/pages.py").status_code == 404


def test_a_route_that_nobody_marked_does_not_exist() -> None:
    app = Flask("bare", static_folder=None)
    shut_by_default(app)
    app.add_url_rule("/forgotten", "forgotten", lambda: "here")
    assert app.test_client().get("/forgotten").status_code == 404


def test_no_framing_unless_told() -> None:
    app = Flask("bare", static_folder=None)
    app.secret_key = "x"
    register_pages(app, picture_bytes=1)
    assert "frame-ancestors 'none'" in app.test_client().get("/nowhere").headers["Content-Security-Policy"]


def test_vendored_files_load_nothing_from_elsewhere_and_bring_no_nhs_font_or_logo() -> None:
    from importlib import resources

    vendor = resources.files("fhir_plugin.web").joinpath("static", "vendor")
    css = vendor.joinpath("nhsuk-frontend", "nhsuk-frontend-10.6.1.min.css").read_text("utf-8")
    assert "@font-face" not in css
    assert "Frutiger" not in css
    assert not re.search(r"url\((?!images/)", css)
    listed = vendor.joinpath("VENDORED.md").read_text("utf-8")
    for folder in vendor.iterdir():
        if folder.is_dir():
            assert folder.name in listed
            assert folder.joinpath("LICENSE").is_file()
