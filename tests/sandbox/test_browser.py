"""The pages in Chromium: accessible, usable by keyboard and at phone width; a framed launch without cookies."""

from __future__ import annotations

import base64
import hashlib
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright

from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.oauth.clients import SandboxClient
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from tests.sandbox.conftest import TODAY

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

WIDTHS = (1280, 700, 320)


@pytest.fixture(scope="module")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(
        executable_path=shutil.which("chromium"),
        args=["--no-sandbox", "--test-third-party-cookie-phaseout"],
    )
    yield browser
    browser.close()


@contextmanager
def small_app(sandbox: RunningSandbox) -> Iterator[SandboxClient]:
    """An app on another site (localhost, while the EHR is 127.0.0.1) that only shows what came back to it."""
    verifier = base64.urlsafe_b64encode(hashlib.sha256(b"for a test").digest()).rstrip(b"=")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            query = parse_qs(asked.query)
            if asked.path == "/launch":
                parameters = {
                    "response_type": "code",
                    "client_id": "small-app",
                    "redirect_uri": f"{own}/callback",
                    "scope": "launch patient/*.rs",
                    "state": "of-this-browser",
                    "aud": query["iss"][0],
                    "launch": query["launch"][0],
                    "code_challenge": challenge,
                    "code_challenge_method": "S256",
                }
                self.send_response(302)
                self.send_header("Location", f"{sandbox.origin}/oauth/authorize?{urlencode(parameters)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            said = "Launched" if "code" in query else "Not launched"
            body = f"<!doctype html><html lang=en><title>App</title><h1>{said}</h1>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        own = f"http://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield SandboxClient("small-app", "Small app", f"{own}/launch", (f"{own}/callback",))
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def ward() -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig(today=TODAY)) as running, small_app(running) as client:
        running.register(client)
        yield running


@pytest.fixture
def page(chromium: Browser, ward: RunningSandbox) -> Iterator[Page]:
    context = chromium.new_context()
    made = context.new_page()
    made.goto(f"{ward.origin}/sign-in/as/gp")
    yield made
    context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "path",
    [
        "/sign-in",
        "/patients",
        "/chart/p-no-capacity",
        "/chart/p-adult-1/frame?client=small-app",
        "/chart/p-adult-1/raw/Patient/p-adult-1",
        "/nowhere",
    ],
)
def test_pages_are_accessible_and_never_scroll_sideways(
    page: Page, ward: RunningSandbox, path: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(ward.origin + path)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_from_sign_in_to_a_framed_launch_by_keyboard_alone(chromium: Browser, ward: RunningSandbox) -> None:
    context = chromium.new_context(viewport={"width": 700, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{ward.origin}/chart/p-child-14")

    _tab_to(page, "input[name=user]")
    page.keyboard.press("ArrowDown")
    _tab_to(page, "main button[type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/chart/p-child-14*")
    assert page.get_by_text("Mr Callum Fraser, Practice nurse").is_visible()
    _tab_to(page, "main button[type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/frame?**")

    assert page.frame_locator("iframe").get_by_role("heading").inner_text() == "Launched"
    assert page.get_by_role("link", name="MALIK, Zainab (Miss)").is_visible()
    box = page.locator("iframe").bounding_box()
    assert box is not None
    assert box["width"] == 700
    assert box["height"] > 500
    assert complaints == []
    context.close()


def test_a_launch_in_a_tab_of_its_own(page: Page, ward: RunningSandbox) -> None:
    page.goto(f"{ward.origin}/chart/p-adult-1")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Launch app in a tab").click()
    assert opened.value.get_by_role("heading").inner_text() == "Launched"


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")
