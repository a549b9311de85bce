"""Who may ask for what: every route, for everybody who may not, with no difference between there and not there."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from fhir_plugin.web.access import LAUNCHED, PUBLIC, clinical_session, mark_of, shut_by_default
from mappings.model.identifiers import LaunchId
from tests.app.conftest import OTHER_PATIENT, Browser, Shop
from tests.fakes.worker import picture

OPEN_TO_ALL = {"way_in.front_door", "way_in.launch", "way_in.standalone", "way_in.callback", "way_in.jwks"} | {
    "way_in.healthz",
    "way_in.desk_launch",
    "way_in.desk_standalone",
    "way_in.guardian_launch",
    "way_in.guardian_standalone",
    "assets.static",
}
AT_THE_LINK = {
    f"patient.{page}"
    for page in (
        *("start", "birth", "nowhere", "elsewhere", "decline", "call_me", "done", "withdraw", "change_look"),
        *("about", "child", "private", "agree", "photos", "photos_done", "remove", "small", "whole", "crop"),
        *("taker", "helper", "when", "check"),
    )
}
"""A patient has no launch: the secret of their link and the date of birth are judged by `Visits`, page by page."""
NOWHERE = "A" * 32
PIXELS = re.compile(r"/(picture|thumbnail|preview|crop)$")


def rules_of(app: Flask) -> list[tuple[Rule, str]]:
    """Every route below a launch with each of its methods."""
    return [
        (rule, method)
        for rule in app.url_map.iter_rules()
        if mark_of(app, rule.endpoint) == LAUNCHED
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"})
    ]


def ask(browser: Browser, rule: Rule, method: str, launch: str, **values: str) -> TestResponse:
    known = {"launch": launch, "capture_id": "c1", "image_id": "i1", "kind": "Media", "id": "m1", "key": "k1", **values}
    known = {"work_id": "w1", "hold_id": "h1", "request_id": "r1", "opinion_id": "o1", **known}
    known = {"disclosure_id": "d1", "item": "x1", "name": "n1", **known}
    known = {"case_id": "c1", "item_id": "i1", "ticket": "t1", "number": "n1", "form": "json", "copy_id": "y1", **known}
    known = {"hand_over_id": "v1", **known}
    path = re.sub(r"<(?:[^<>:]+:)?(\w+)>", lambda found: known[found[1]], rule.rule)
    return browser.client.open(path, method=method)


def upload(shop: Shop, launch: str) -> tuple[str, str]:
    """A picture that waits in a capture of this launch's person: its capture and its image."""
    installation = shop.demo.installation
    session = clinical_session(installation.sessions.get(LaunchId(launch)))
    capture = installation.captures.begin(session)
    return capture, installation.captures.receive(session, capture, picture(), "image/jpeg").image_id


def told(answer: TestResponse) -> tuple[object, ...]:
    """Everything of an answer but what is random in it, or tells how many seconds are left."""
    text = answer.get_data().decode("utf-8", "replace")
    text = re.sub(r'nonce="[^"]*"|content="[^"]{60,}"|data-(?:idle|absolute)="\d+"', "", text)
    policy = re.sub(r"'nonce-[^']*'", "", answer.headers.get("Content-Security-Policy", ""))
    names = tuple(sorted(name for name, _ in answer.headers if name != "Set-Cookie"))
    return answer.status_code, text, policy, names


@pytest.fixture
def without_csrf(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is judged first, and has tests of its own: here it is out of the way."""
    monkeypatch.setitem(shop.app.config, "WTF_CSRF_ENABLED", False)


def test_every_route_is_marked_and_only_the_way_in_is_public(shop: Shop) -> None:
    for rule in shop.app.url_map.iter_rules():
        mark = mark_of(shop.app, rule.endpoint)
        public = rule.endpoint in OPEN_TO_ALL | AT_THE_LINK
        assert mark == (PUBLIC if public else LAUNCHED) or rule.endpoint == "assets.static"
        assert (mark == LAUNCHED) == rule.rule.startswith("/l/<launch>")
        assert (rule.endpoint in AT_THE_LINK) == rule.rule.startswith("/p/")
    assert {rule.endpoint for rule in shop.app.url_map.iter_rules()} >= OPEN_TO_ALL | AT_THE_LINK


def test_an_unmarked_route_does_not_exist() -> None:
    app = Flask("unmarked")
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    shut_by_default(app)
    for method in ("GET", "HEAD", "OPTIONS"):
        assert app.test_client().open("/forgotten", method=method).status_code == 404


@pytest.mark.usefixtures("without_csrf")
def test_everybody_else_is_refused_exactly_as_if_the_launch_never_was(shop: Shop, browser: Browser) -> None:
    mine = browser.launch()
    other = shop.browser()
    other.launch(patient=OTHER_PATIENT)
    ended = shop.browser()
    gone = ended.launch()
    assert ended.home(gone).status_code == 200
    shop.demo.installation.sessions.end(gone)
    rules = rules_of(shop.app)
    assert len(rules) > 15
    for rule, method in rules:
        if rule.endpoint == "way_in.sign_out":
            continue
        nowhere = told(ask(other, rule, method, NOWHERE))
        assert nowhere[0] == 401, (rule, method)
        for who, launch in (
            (shop.browser(), mine),
            (other, mine),
            (ended, gone),
            (browser, gone),
        ):
            assert told(ask(who, rule, method, launch)) == nowhere, (rule, method)
    assert browser.home(mine).status_code == 200


def test_nobody_signs_anybody_else_out(shop: Shop, browser: Browser, without_csrf: None) -> None:
    mine = browser.launch()
    assert shop.browser().client.post(f"/l/{mine}/sign-out").status_code == 401
    assert browser.home(mine).status_code == 200


def test_another_browser_does_not_keep_a_session_alive(shop: Shop, browser: Browser) -> None:
    mine = browser.launch()
    sessions = shop.demo.installation.sessions
    before, touched = sessions.get(mine), []
    real = sessions.touch

    def touch(launch: LaunchId) -> object:
        touched.append(launch)
        return real(launch)

    sessions.touch = touch  # type: ignore[method-assign, assignment]  # watched
    try:
        shop.browser().home(mine)
        assert touched == []
        browser.home(mine)
        assert touched == [mine]
    finally:
        sessions.touch = real  # type: ignore[method-assign]  # as it was
    assert sessions.get(mine).last_seen == before.last_seen


WITHOUT_PICTURES = ["receptionist", "disclosure-officer", "caldicott-guardian", "privacy-officer", "auditor"]
OPEN_TO_EVERY_ROLE = {"home.enter", "home.at_this_chart", "way_in.sign_out", "style.sheet", "this_ehr.page"}
OPEN_TO_TRIAGE = {
    *(
        "worklist.practice",
        "worklist.give",
        "worklist.cover",
        "worklist.away",
        "worklist.set_away",
        "worklist.end_away",
    ),
    *("concern.page", "concern.raise_one"),
    "policy.page",
}
"""Routing without pixels and without clinical words, raising a concern, and the policy in force."""
DESK = ["disclosure-officer", "caldicott-guardian", "privacy-officer"]
AT_THE_DESK = {
    f"disclosing.{page}"
    for page in (
        *("at_the_desk", "accounting", "one", "progress", "shown", "decide", "read", "ask", "reveal", "picture"),
        *("preview", "preview_page", "open_preview", "as_sent", "signing", "sign"),
    )
}
FOR_THE_OFFICER = {
    f"disclosing.{page}"
    for page in (
        *("new", "begin", "facts", "set_facts", "gather", "accept_unread", "upright", "editor", "black_out"),
        *("package", "locked_package", "ending", "extend", "refuse", "accounting_sheet"),
    )
}
"""Requests for copies. What is asked of a clinician there (an opinion) is a clinician's."""
LISTS = {f"disclosing.{page}" for page in ("at_the_desk", "accounting", "accounting_sheet", "new")} | {
    f"guarding.{page}" for page in ("queue", "register", "legal_holds")
}
_REGISTER = {
    f"guarding.{page}"
    for page in (
        *("register", "search", "chain", "hidden", "break_glass", "hidden_picture"),
        *("certificate", "certificate_file"),
    )
}
GUARDING = {
    "caldicott-guardian": {f"guarding.{page}" for page in ("queue", "one", "look", "picture", "decide")},
    "privacy-officer": _REGISTER
    | {f"guarding.{page}" for page in ("restore", "legal_holds", "set_legal_hold", "lift_legal_hold")},
    "auditor": _REGISTER,
}
"""Permanent deletion: who decides, and who watches."""


def at_the_desk(user: str, endpoint: str) -> bool:
    """Whether this page is part of the work of `user`, at the desk or with permanent deletion."""
    if endpoint in GUARDING.get(user, ()):
        return True
    return (user in DESK and endpoint in AT_THE_DESK) or (user == "disclosure-officer" and endpoint in FOR_THE_OFFICER)


@pytest.mark.usefixtures("without_csrf")
@pytest.mark.parametrize("user", WITHOUT_PICTURES)
def test_a_person_without_the_role_gets_nothing_and_learns_nothing(shop: Shop, user: str) -> None:
    browser = shop.browser()
    launch = browser.launch(user=user)
    refused = 0
    for rule, method in rules_of(shop.app):
        if rule.endpoint in OPEN_TO_EVERY_ROLE or rule.endpoint.startswith("staying."):
            continue
        if user == "receptionist" and rule.endpoint in OPEN_TO_TRIAGE:
            continue
        one = ask(browser, rule, method, launch)
        another = ask(browser, rule, method, launch, capture_id="c2", id="m2", disclosure_id="d2")
        if at_the_desk(user, rule.endpoint):
            expected = {200} if rule.endpoint in LISTS else {404} if method == "GET" else {409}
            assert one.status_code in expected, (rule, method)  # nothing of that name; a form that names no patient
        else:
            assert one.status_code == 403, (rule, method)
        assert told(one) == told(another)
        refused += 1
    assert refused > 15


@pytest.mark.parametrize("user", WITHOUT_PICTURES)
def test_nobody_but_a_clinician_gets_a_picture_that_is_really_there(shop: Shop, browser: Browser, user: str) -> None:
    clinician = browser.launch()
    capture, image = upload(shop, clinician)
    other = shop.browser()
    launch = other.launch(user=user)
    asked = 0
    for rule, method in rules_of(shop.app):
        if method != "GET" or not PIXELS.search(rule.rule):
            continue
        own = ask(browser, rule, method, clinician, capture_id=capture, image_id=image)
        theirs = ask(other, rule, method, launch, capture_id=capture, image_id=image)
        assert theirs.status_code == (404 if at_the_desk(user, rule.endpoint) else 403), rule
        assert not theirs.content_type.startswith("image/")
        if "<image_id>" in rule.rule:
            assert own.status_code == 200 and own.content_type.startswith("image/"), rule
        asked += 1
    assert asked >= 4


@pytest.mark.parametrize("user", ["gp", *WITHOUT_PICTURES])
def test_everybody_with_a_role_has_a_home(shop: Shop, user: str) -> None:
    browser = shop.browser()
    launch = browser.launch(user=user)
    entered = browser.client.get(f"/l/{launch}/enter")
    assert entered.status_code == 303
    arrives = "" if user == "gp" else "disclosures" if user == "disclosure-officer" else "home"
    assert entered.headers["Location"] == f"/l/{launch}/{arrives}"
    assert browser.get(entered.headers["Location"]).status_code == 200


def test_two_launches_in_one_browser_never_cross(shop: Shop, browser: Browser) -> None:
    first, second = browser.launch(), browser.launch(patient=OTHER_PATIENT)
    assert first != second
    pages = {launch: browser.home(launch).text for launch in (first, second, first)}
    for launch, patient in ((first, "p-adult-1"), (second, "p-adult-2")):
        assert re.search(r'name="patient" content="([^"]+)"', pages[launch])[1].endswith(f"/Patient/{patient}")  # type: ignore[index]  # there
    token = re.search(r'name="csrf-token" content="([^"]+)"', pages[second])
    seen = re.search(r'name="identity" content="([^"]+)"', pages[second])
    assert token and seen
    form = {
        "csrf_token": token[1],
        "patient": f"{shop.demo.sandbox.fhir_base}/Patient/p-adult-2",
        "identity_seen": seen[1],
    }
    assert browser.client.post(f"/l/{first}/captures", data=form).status_code == 409
    made = browser.client.post(f"/l/{second}/captures", data=form)
    assert made.status_code == 303
    capture = urlsplit(made.headers["Location"]).path.rsplit("/", 1)[1]
    assert browser.get(f"/l/{second}/captures/{capture}").status_code == 200
    assert browser.get(f"/l/{first}/captures/{capture}").status_code == 404


def test_only_the_ehr_of_the_launch_may_frame_it(shop: Shop, browser: Browser) -> None:
    ehr = shop.demo.sandbox.origin
    for answer in (browser.home(browser.launch()), browser.get("/callback"), browser.home(NOWHERE)):
        policy = answer.headers["Content-Security-Policy"]
        assert f"frame-ancestors {ehr}" in policy
        assert policy.count("http") == 1
        assert "X-Frame-Options" not in answer.headers


def test_sign_out_ends_this_launch_its_tokens_and_no_other(shop: Shop, browser: Browser, without_csrf: None) -> None:
    first, second = browser.launch(), browser.launch(patient=OTHER_PATIENT)
    assert browser.client.post(f"/l/{first}/sign-out").status_code == 200
    assert browser.home(first).status_code == 401
    assert browser.home(second).status_code == 200
    with shop.demo.installation.database.connection() as connection:
        left = connection.exec_driver_sql("SELECT launch_id FROM tokens").scalars().all()
    assert first not in left and second in left
