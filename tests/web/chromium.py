"""Debian's Chromium before the web app over fakes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect
from werkzeug.serving import make_server

from tests.web.conftest import jpeg

FLAGS = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


@pytest.fixture(scope="module")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


Open = Callable[..., Page]


@pytest.fixture
def launch(chromium: Browser, address: str) -> Iterator[Open]:
    """Opens the app as after a launch; fails on any error that a page's script or policy reports."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(who: str = "amy", *, width: int = 1280, height: int = 900, scripts: bool = True) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            java_script_enabled=scripts,
            locale="en-GB",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None,
        )
        page.goto(f"{address}/enter/{who}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    paths = []
    for number in range(3):
        path = tmp_path / f"photo-{number}.jpg"
        path.write_bytes(jpeg(320 + number * 20, 240))
        paths.append(str(path))
    return paths


def well(page: Page, where: str) -> None:
    """Nothing that axe finds, nothing that scrolls sideways, nothing smaller than a fingertip's 24 pixels."""
    page.wait_for_load_state()  # a click returns once the next page begins to load: axe needs all of it
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{where} scrolls sideways"
    small = page.evaluate(
        """[...document.querySelectorAll('button, summary, input:not([type=hidden]), select, textarea')]
           .filter((each) => each.checkVisibility() && !each.matches('.app-first-submit, .app-file-input'))
           .filter((each) => { const box = each.getBoundingClientRect(); return box.width < 24 || box.height < 24 })
           .map((each) => each.outerHTML)"""
    )
    assert small == [], where


def begin(page: Page) -> None:
    page.get_by_role("button", name="Add images").click()
    page.locator("#answers[data-ready]").wait_for()


def add(page: Page, photos: list[str]) -> None:
    begin(page)
    page.set_input_files("#choose", photos)
    expect(page.locator("#cards > li")).to_have_count(len(photos))


def say(page: Page, name: str, value: str) -> None:
    mark(page.locator(f'input[name="{name}"][value="{value}"]'))


def mark(choice: Locator) -> None:
    """Chooses it in the page itself: the NHS radio's own box is covered by its picture, and pages move as they save."""
    choice.evaluate("(input) => input.click()")
    expect(choice).to_be_checked()


def answer_everything(page: Page) -> None:
    page.fill("#purpose", "Is it infected?")
    for name, value in {
        "arrival": "taken-now",
        "consent_receive": "given",
        "consent_store": "given",
        "consent_form": "verbal",
        "understood": "yes",
        "photographer": "clinician",
        "device": "organisation",
        "identity": "in-person",
        "intimacy": "no",
    }.items():
        say(page, name, value)
    page.fill("#findings", "Erythema.")
    page.fill("#advice", "Antibiotic.")


def place(page: Page, number: int, typed: str) -> None:
    box = page.get_by_role("combobox").nth(number)
    box.fill(typed)
    expect(page.get_by_role("option").first).to_be_visible()
    box.press("Enter")
