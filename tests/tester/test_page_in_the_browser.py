"""The tester's page of a real launch: truthful, without secrets, for one browser, of sandboxes, for everybody."""

from __future__ import annotations

import html
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Playwright

from fhir_plugin.app import create_app
from fhir_plugin.cli import _drawn_photograph, main
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.errors import Refused
from fhir_plugin.tester.pages import register_tester
from fhir_plugin.tester.watching import Watch, WatchedTransport
from fhir_plugin.walkthrough import Browser, Page, add, answers_for, begin, launch, launch_of, open_browser
from smart_launch import Issuer, IssuerRegistry
from tests.web.chromium import FLAGS, well

ORIGIN = "https://ehr.example/r4"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with start_demo(tmp_path_factory.mktemp("demo"), tester=True) as running:
        yield running


@pytest.fixture(scope="module")
def filed(demo: Demo) -> Iterator[Browser]:
    """A browser that launched, and filed one drawn photograph."""
    with open_browser() as browser:
        gallery = launch(demo, browser)
        capture = begin(browser, gallery)
        image = add(browser, capture, _drawn_photograph(), "image/jpeg")
        assert browser.post(capture, f"{capture.url}/file", answers_for([image])).status == 200
        yield browser


@pytest.fixture(scope="module")
def text(demo: Demo, filed: Browser) -> str:
    page = filed.get(f"{demo.app.origin}/tester")
    assert page.status == 200
    return page.text


def summaries(text: str) -> list[str]:
    found = re.findall(r'summary-text">(.*?)</span></summary>', text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", "", html.unescape(each)).split()) for each in found]


def test_each_resource_with_what_became_of_it(text: str) -> None:
    written = [each for each in summaries(text) if "valid" in each]
    kinds = {re.search(r" ([A-Z][A-Za-z]+)/", each)[1] for each in written}  # type: ignore[index]
    assert {"Media", "Binary", "Consent", "Provenance", "AuditEvent", "DocumentReference"} <= kinds
    assert all(each.endswith("; valid") for each in written), written
    assert any("Media/" in each and "came back as it was sent" in each for each in written)
    assert any("Binary/" in each and "came back as" in each for each in written) or any(
        "its bytes came back" in each for each in written
    )
    assert "SHA-256" in text


def test_scopes_and_claims(text: str) -> None:
    assert "<code>patient/Media.cruds</code>: <span>granted</span>" in text
    assert "not granted" not in text
    assert "Claims of the id token" in text
    assert "&#34;fhirUser&#34;" in text
    assert "Claims of the access token" in text
    assert "p-adult-2" in text  # what the launch is about


def test_nothing_on_it_opens_anything(demo: Demo, filed: Browser, text: str) -> None:
    for kept in demo.installation.sessions.of_patient(demo.sandbox.fhir_base, "p-adult-2"):  # type: ignore[arg-type]
        grant = demo.installation.tokens.get(kept.launch_id).grant
        assert grant.access_token not in text
        assert str(grant.refresh_token or "no refresh token here") not in text
        assert kept.launch_id not in text
    for value in filed.cookies.values():
        assert value not in text
    assert "Bearer " not in text
    assert "authorization:" not in text.lower()
    assert "client_assertion = (not shown)" in text
    assert "code = (not shown)" in text
    assert "code_verifier = (not shown)" in text
    assert not re.search(r"[A-Za-z0-9+/]{400,}", text)


def test_a_server_that_repeats_the_token() -> None:
    class Echo(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'{{"seen": "{self.headers["Authorization"]}"}}'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: object) -> None:
            pass

    watch = Watch()
    with http.server.HTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        transport = WatchedTransport(watch)
        reply = transport.send(
            "GET", f"http://127.0.0.1:{server.server_port}/x", headers={"Authorization": "Bearer canary-5d1"}
        )
        transport.close()
    assert b"canary-5d1" in reply.content
    (heard,) = watch.without_a_token()
    assert "canary-5d1" not in repr(heard)
    assert "(not shown)" in heard.response_text


def test_another_browser_sees_nothing_of_it(demo: Demo, filed: Browser) -> None:
    with open_browser() as other:
        page = other.get(f"{demo.app.origin}/tester")
        assert page.status == 200
        assert "has launched nothing here" in page.text
        assert "p-adult-2" not in page.text
        assert "Media/" not in page.text
        launch(demo, other, patient="p-adult-1")
        page = other.get(f"{demo.app.origin}/tester")
        assert "p-adult-1" in page.text
        assert "p-adult-2" not in page.text


def test_there_is_none_without_being_asked_for(demo: Demo) -> None:
    plain = create_app(demo.installation)
    assert "/tester" not in {str(rule) for rule in plain.url_map.iter_rules()}
    assert plain.test_client().get("/tester").status_code == 404


def test_it_is_refused_where_patients_are() -> None:
    registry = IssuerRegistry(
        [Issuer("trial", "https://sandbox.example/r4", "app", sandbox=True), Issuer("clinic", ORIGIN, "app")]
    )
    app = Flask("nothing")
    with pytest.raises(Refused) as refused:
        register_tester(app, Watch(), registry)
    assert refused.value.code == "not-sandbox"
    assert "clinic" in refused.value.message
    assert "trial" not in refused.value.message
    assert "/tester" not in {str(rule) for rule in app.url_map.iter_rules()}


def test_the_command_refuses_it_where_patients_are(tmp_path: Path) -> None:
    (tmp_path / "issuers.toml").write_text(f'[[issuer]]\nname = "clinic"\niss = "{ORIGIN}"\nclient_id = "app"\n')
    result = CliRunner().invoke(main, ["serve", "--tester"], env={"FHIR_PLUGIN_STATE": str(tmp_path)})
    assert result.exit_code == 2
    assert "not-sandbox" in result.output
    assert CliRunner().invoke(main, ["serve", "--tester", "--workers", "2"]).exit_code == 64


@pytest.fixture(scope="module")
def chromium(playwright_driver: Playwright) -> Iterator[Chromium]:
    browser = playwright_driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
    yield browser
    browser.close()


@pytest.mark.browser
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [1280, 320])
def test_it_can_be_read_by_everybody(demo: Demo, chromium: Chromium, width: int) -> None:
    """Without scripts, by keyboard, on a telephone: all of it open at once."""
    context = chromium.new_context(viewport={"width": width, "height": 900}, java_script_enabled=True)
    page = context.new_page()
    page.goto(f"{demo.sandbox.origin}/sign-in/as/gp")
    page.goto(f"{demo.sandbox.origin}/chart/p-adult-2/tab?client=patient-images")
    record = demo.installation.records.record_of(launch_of(Page(page.url, 200, "")))
    record.create(
        {
            "resourceType": "Media",
            "status": "completed",
            "subject": {"reference": "Patient/p-adult-2"},
            "content": {"contentType": "image/jpeg", "title": "x" * 300},
        }
    )
    page.goto(f"{demo.app.origin}/tester")
    well(page, "closed")
    page.keyboard.press("Tab")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    well(page, "open")
    assert page.get_by_text("What was said at the last launch").first.is_visible()
    context.close()


def test_its_style_is_its_own(demo: Demo) -> None:
    answer = requests.get(f"{demo.app.origin}/tester.css", timeout=10)
    assert answer.headers["Content-Type"].startswith("text/css")
