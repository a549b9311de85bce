"""Every route, every method, whoever asks and whatever goes wrong: the whole set of headers, and the right framer.

Routes are walked, so that a new one is covered. The app is the real one, over an EHR that is not there.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

import pytest
import sqlalchemy as sa
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from fhir_plugin.adapters.sessions import LaunchSession
from fhir_plugin.app import create_app, install
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from fhir_plugin.web.access import public
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from smart_launch import BINDING_COOKIE, Grant, GrantedScopes, Issuer, IssuerRegistry, binding_of
from tests.fakes.worker import FakeImageWorker
from tests.web.conftest import Person
from tests.web.fake import FakeParts

OURS, THEIRS = "https://ehr.trust-a.example", "https://ehr.trust-b.example"
EVERY_EHR = {OURS, THEIRS}
BROWSER, STRANGER = "the-browser-that-launched", "another-browser"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
KEPT = {
    "assets.static": re.compile(r"public, max-age=31536000, immutable|no-cache"),
    "way_in.jwks": re.compile(r"public, max-age=\d+"),
    "style.sheet": re.compile(r"private, max-age=86400, immutable"),
}
"""The only answers that a browser may keep, and only when they are good. None of them is about a patient."""

SAMPLE = {"capture_id": "c1", "image_id": "i1", "kind": "Media", "id": "m1", "key": "0" * 16, "name": "trust-a"}
SAMPLE |= {"work_id": "w1", "hold_id": "h1", "request_id": "r1", "opinion_id": "o1"}
SAMPLE |= {"disclosure_id": "d1", "item": "0" * 16, "case_id": "c1", "item_id": "i1", "ticket": "t1"}
SAMPLE |= {"hand_over_id": "v1", "number": "n1", "form": "json", "copy_id": "y1"}
SAMPLE |= {"version": "x", "filename": "css/app.css", "secret": "s" * 43, "rest": "x", "turns": "1"}


@dataclass
class World:
    installation: Installation
    app: Flask

    def browser(self, secret: str = BROWSER) -> FlaskClient:
        client = self.app.test_client()
        if secret:
            client.set_cookie(BINDING_COOKIE, secret, domain="localhost")
        return client

    def begin(self, launch: str, issuer: str, *, roles: tuple[str, ...] = ("clinician",)) -> None:
        now = self.installation.clock.now()
        base = FhirBase(self.installation.registry.named(issuer).fhir_base)
        self.installation.sessions.create(
            LaunchSession(
                launch_id=LaunchId(launch),
                browser_binding_hash=binding_of(BROWSER),
                fhir_base=base,
                issuer=issuer,
                patient=PatientId("p1"),
                encounter=None,
                user=Reference("Practitioner/dr"),
                user_display="Dr Priya Shah",
                scopes="",
                context={"roles": list(roles), "smart_style_url": f"{base}/style.json"},
                created=now,
                last_seen=now,
                ends=now + dt.timedelta(hours=8),
            )
        )
        until = now + dt.timedelta(hours=8)
        grant = Grant(str(base), str(base), "token", until, GrantedScopes.parse("patient/*.cruds"))
        self.installation.tokens.save(LaunchId(launch), grant)


def an_issuer(name: str, framer: str) -> Issuer:
    return Issuer(name=name, iss=f"http://127.0.0.1:9/{name}", client_id="x", frame_ancestors=(framer,), sandbox=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    installation = install(
        Settings(state=tmp_path_factory.mktemp("headers"), base_url="https://app.example"),
        registry=IssuerRegistry([an_issuer("trust-a", OURS), an_issuer("trust-b", THEIRS)]),
        worker=FakeImageWorker(),
        client_keys={},
    )
    made = World(installation, create_app(installation))
    made.begin("la", "trust-a")
    made.begin("lb", "trust-b")
    made.begin("nobody", "trust-a", roles=())
    yield made
    installation.close()


def directives(policy: str) -> dict[str, set[str]]:
    return {name: set(values) for name, *values in (each.split() for each in policy.split(";"))}


def assert_hardened(answer: TestResponse, framers: set[str], where: str, *, may_keep: bool = False) -> None:
    """The full set. `framers`: who alone may frame it."""
    headers = answer.headers
    policy = directives(headers["Content-Security-Policy"])
    assert policy["default-src"] == {"'none'"}, where
    assert policy["base-uri"] == {"'none'"}, where
    assert policy["frame-ancestors"] == (framers or {"'none'"}), where
    if "sandbox" not in policy:
        scripts = {each for each in policy["script-src"] if not re.fullmatch(r"'nonce-[\w-]{20,}'", each)}
        assert scripts == policy["style-src"] == policy["img-src"] == policy["connect-src"] == {"'self'"}, where
        assert policy["form-action"] == {"'self'"}, where
        assert "unsafe" not in headers["Content-Security-Policy"], where
    assert headers["Referrer-Policy"] == "no-referrer", where
    assert headers["X-Content-Type-Options"] == "nosniff", where
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin", where
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin", where
    assert "camera=(self)" in headers["Permissions-Policy"], where
    assert "geolocation=()" in headers["Permissions-Policy"], where
    if not may_keep:
        assert headers["Cache-Control"] == "no-store", where
    for never in ("X-Frame-Options", "X-Powered-By", "ETag", "Access-Control-Allow-Origin", "Link"):
        assert never not in headers or may_keep, where
    for name in ("Content-Security-Policy", "Cache-Control", "Referrer-Policy"):
        assert len(headers.getlist(name)) == 1, where
    if answer.content_type and answer.content_type.startswith("text/"):
        assert answer.content_type.endswith("charset=utf-8"), where


def path_of(rule: Rule, launch: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: {**SAMPLE, "launch": launch}[found[1]], rule.rule)


def framers_of(rule: Rule, launch: str, secret: str) -> set[str]:
    if rule.endpoint.startswith("patient."):
        return set()
    if "<launch>" not in rule.rule or secret != BROWSER:
        return EVERY_EHR
    return {"la": {OURS}, "lb": {THEIRS}, "nobody": {OURS}}.get(launch, EVERY_EHR)


def test_every_route_with_every_method_for_everybody(world: World) -> None:
    seen: set[int] = set()
    for rule in world.app.url_map.iter_rules():
        inside = "<launch>" in rule.rule
        for secret in (BROWSER, STRANGER, ""):
            client = world.browser(secret)
            for launch in ("la", "lb", "nobody", "gone") if inside and secret == BROWSER else ("la",):
                for method in METHODS:
                    if rule.endpoint == "way_in.sign_out" and method == "POST":
                        continue  # needs its token, and has a test of its own
                    answer = client.open(path_of(rule, launch), method=method)
                    where = f"{method} {rule.rule} of {launch} by {secret!r}: {answer.status_code}"
                    good = answer.status_code == 200 and rule.endpoint in KEPT and method in ("GET", "HEAD")
                    assert_hardened(answer, framers_of(rule, launch, secret), where, may_keep=good)
                    if good:
                        assert KEPT[rule.endpoint].fullmatch(answer.headers["Cache-Control"]), where
                    answer.close()
                    seen.add(answer.status_code)
    assert {200, 400, 401, 403, 404, 405, 503} <= seen, seen


@pytest.mark.parametrize("path", ["nothing/here", "captures/c1/nothing", "images/Media", "%00", "..%2f..", "x" * 3000])
def test_a_path_below_a_launch_that_leads_nowhere_belongs_to_its_ehr(world: World, path: str) -> None:
    answer = world.browser().get(f"/l/la/{path}")
    assert answer.status_code == 404
    assert_hardened(answer, {OURS}, path)
    assert_hardened(world.browser(STRANGER).get(f"/l/la/{path}"), EVERY_EHR, path)
    assert_hardened(world.browser().get(f"/l/gone/{path}"), EVERY_EHR, path)


def test_a_missing_slash_is_mended_under_the_same_rules(world: World) -> None:
    answer = world.browser().get("/l/la")
    assert answer.status_code == 308
    assert_hardened(answer, {OURS}, "/l/la")


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/launch", "/callback?state=x&code=y", "/launch?iss=https://evil.example"]
)
def test_the_way_in_and_its_errors_may_be_shown_in_the_frame_of_any_registered_ehr(world: World, path: str) -> None:
    assert_hardened(world.browser().get(path), EVERY_EHR, path)


def test_a_body_that_is_too_large(world: World) -> None:
    answer = world.browser().post("/l/lb/captures/c1/answers", data={"findings": "x" * 2_000_000})
    assert answer.status_code == 413
    assert_hardened(answer, {THEIRS}, "413")


def boom() -> str:
    raise RuntimeError("canary-of-a-fault")


@pytest.mark.parametrize("status", [400, 406, 409, 410, 415, 418, 422, 429, 500, 501, 502, 503, 504])
def test_any_status_that_a_view_may_end_with(world: World, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    def ends(launch: str) -> str:
        abort(status)

    monkeypatch.setitem(world.app.view_functions, "gallery.timeline", public(ends))
    for accept in ("text/html", "application/json"):
        answer = world.browser().get("/l/la/", headers={"Accept": accept})
        assert answer.status_code == status
        assert_hardened(answer, {OURS}, str(status))


def test_a_fault_that_nobody_foresaw(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(launch: str) -> str:
        return boom()

    monkeypatch.setitem(world.app.view_functions, "gallery.timeline", public(ends))
    answer = world.browser().get("/l/lb/")
    assert answer.status_code == 500
    assert "canary-of-a-fault" not in answer.text
    assert_hardened(answer, {THEIRS}, "500")


def test_a_database_that_is_gone_still_gives_a_page_with_its_headers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_launch: LaunchId) -> LaunchSession:
        raise sa.exc.OperationalError("select", None, Exception("gone"))

    monkeypatch.setattr(world.installation.sessions, "get", gone)
    for path in ("/l/la/", "/l/la/nothing", "/l/la/captures/c1"):
        answer = world.browser().get(path)
        assert answer.status_code in (404, 500)
        assert "What to do now" in answer.text
        assert_hardened(answer, EVERY_EHR, path)


def test_an_ehr_that_left_the_registry_may_frame_nothing_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.installation.registry, "_issuers", (an_issuer("trust-b", THEIRS),))
    assert_hardened(world.browser().get("/l/la/"), set(), "left")


def test_the_page_that_says_goodbye_belongs_to_the_ehr_whose_launch_it_ends(world: World) -> None:
    world.begin("leaving", "trust-b")
    client = world.browser()
    world.app.config["WTF_CSRF_ENABLED"] = False
    try:
        answer = client.post("/l/leaving/sign-out", data={"patient": "p1"})
    finally:
        world.app.config["WTF_CSRF_ENABLED"] = True
    assert answer.status_code == 200
    assert_hardened(answer, {THEIRS}, "sign-out")
    assert "style-" not in answer.text, "its style went with it"
    assert client.get("/l/leaving/").status_code == 401


# ------------------------------------------------------------------------------- good pages, over the double


def test_good_pages_fragments_and_pictures(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready()
    for path in (
        "",
        "?by=site",
        "images/Media/m1",
        "images/Media/m1/picture",
        "images/Media/m1/thumbnail",
        f"captures/{capture}",
        f"captures/{capture}/images/{image}/thumbnail",
        f"captures/{capture}/images/{image}/picture",
        f"captures/{capture}/images/{image}/preview?turns=1",
        f"captures/{capture}/images/{image}/edit",
        "captures/sites?q=arm",
    ):
        answer = person.get(path)
        assert answer.status_code == 200, path
        assert_hardened(answer, set(), path)
        for options in (
            {"If-None-Match": "*"},
            {"Range": "bytes=0-1"},
            {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        ):
            again = person.get(path, **options)
            assert again.status_code == 200, path
            assert_hardened(again, set(), path)
    assert person.post(f"captures/{capture}/file").status_code == 303
    assert_hardened(person.get(f"captures/{capture}/receipt"), set(), "receipt")
    person.launch = "framed"
    assert_hardened(person.get(), {"https://ehr.example"}, "framed")


def test_a_picture_runs_nothing_and_is_framed_by_nobody(person: Person) -> None:
    person.launch = "framed"
    policy = directives(person.get("images/Media/m1/picture").headers["Content-Security-Policy"])
    assert policy["sandbox"] == set()
    assert policy["frame-ancestors"] == policy["form-action"] == {"'none'"}
    assert "script-src" not in policy


# ------------------------------------------------------------------------------- style-src 'self' suffices


def sources(folder: str, suffix: str) -> dict[str, str]:
    root = resources.files("fhir_plugin.web").joinpath(folder)
    found: dict[str, str] = {}
    waiting = [root]
    while waiting:
        here = waiting.pop()
        for each in here.iterdir():
            if each.is_dir():
                waiting.append(each)
            elif each.name.endswith(suffix):
                found[each.name] = each.read_text("utf-8")
    assert found
    return found


@pytest.mark.parametrize(("name", "text"), sources("templates", ".html").items(), ids=lambda value: value[:20])
def test_no_template_has_a_style_or_a_handler_inline(name: str, text: str) -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals=.js", text, re.IGNORECASE), name
    inline = [tag for tag in re.findall(r"<script[^>]*>", text) if "src=" not in tag]
    assert all('nonce="{{ csp_nonce() }}"' in tag for tag in inline), name


@pytest.mark.parametrize(("name", "text"), sources("static/js", ".js").items(), ids=lambda value: value[:20])
def test_no_script_of_ours_writes_style_attributes_or_evaluates_text(name: str, text: str) -> None:
    assert not re.search(
        r"""setAttribute\(['"]style|<style|style=\\?["']|\beval\(|new Function|document\.write""", text
    ), name
