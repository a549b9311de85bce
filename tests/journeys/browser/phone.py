"""A patient at a phone, and a clinic that asks them: real pages in Chromium over `tests.web.patients`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug.serving import make_server

from fhir_plugin.capture.requests.request import Asked
from tests.web.patients import BORN, Clinic, patient_app, photo

NARROW = {"width": 320, "height": 640}
PHONE = {"width": 390, "height": 800}
IDENTIFYING = ("Amy", "Example", "1980", "p1", "request-")
"""What no title, address or file name may hold."""


class BadSignal:
    """Between a phone and its clinic: breaks the connection of the next uploads, on the way there or back."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.there = self.back = 0
        """How many more uploads break in their middle; how many arrive and lose their answer."""
        self.uploads = 0

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or not environ["PATH_INFO"].endswith("/photos"):
            return self._app(environ, start)
        self.uploads += 1
        if self.there:
            self.there -= 1
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]) // 2)
        elif self.back:
            self.back -= 1
            for _ in self._app(environ, lambda *_: lambda _: None):
                pass
        else:
            return self._app(environ, start)
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionError("the signal is lost")


@contextmanager
def served(clinic: Clinic, around: Callable[[Flask], Any] = lambda app: app) -> Iterator[str]:
    """The address at which a clinic's pages answer."""
    server = make_server("127.0.0.1", 0, around(patient_app(clinic)), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Phone:
    """One phone with one link open. Everything that its scripts or its policy complain about is kept."""

    context: BrowserContext
    address: str
    page: Page = field(init=False)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(30_000)
        self.page = self.new_tab()

    def new_tab(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if "Content Security Policy" in said.text else None,
        )
        return page

    def open(self) -> None:
        self.page.goto(self.address)

    def press(self, name: str, *, exact: bool = True) -> None:
        self.page.get_by_role("button", name=name, exact=exact).click()

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f'input[name="{name}"][value="{value}"]').check(force=True)

    def title(self, text: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(text)

    # ------------------------------------------------------------------------------------------- the steps

    def come_in(self, year: int = BORN.year, month: int = BORN.month, day: int = BORN.day) -> None:
        self.open()
        self.press("Send a photo")
        self.page.fill("#birth-day", str(day))
        self.page.fill("#birth-month", str(month))
        self.page.fill("#birth-year", str(year))
        self.press("Go on")

    def to_photos(self, *, private: str = "no", store: str = "yes") -> None:
        self.press("I have read this. Go on")
        self.choose("private", private)
        self.press("Save and go on")
        self.choose("receive", "yes")
        self.choose("store", store)
        self.press("Save and go on")

    def add(self, paths: list[Path]) -> None:
        self.page.locator("#add[data-ready]").wait_for()
        self.page.set_input_files("#choose", [str(path) for path in paths])

    def have(self, count: int) -> None:
        expect(self.page.locator("#pictures li")).to_have_count(count)

    def from_photos_to_check(self) -> None:
        self.press("I have added my photos")
        self.choose("photographer", "patient")
        self.press("Save and go on")
        self.choose("when", "today")
        self.press("Save and go on")

    def send(self) -> None:
        self.page.locator("#only_area").check(force=True)
        self.press("Send")


def well(page: Page, where: str) -> None:
    """Nothing that axe finds, nothing sideways, nothing smaller than a fingertip, nothing that names anybody."""
    page.wait_for_load_state()  # a click returns once the next page begins to load: axe needs all of it
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{where} scrolls sideways"
    small = page.evaluate(
        """[...document.querySelectorAll('button, summary, a.nhsuk-button, .p-footer a, input:not([type=hidden])')]
           .filter((each) => each.checkVisibility())
           .filter((each) => { const box = each.getBoundingClientRect(); return box.width < 24 || box.height < 24 })
           .map((each) => each.outerHTML)"""
    )
    assert small == [], where
    for word in IDENTIFYING:
        assert word not in page.title(), where
        assert word not in page.url, where


def phone_for(browser: Browser, address: str, secret: str, *, width: int = 390, **options: object) -> Phone:
    """A new phone with the link."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        locale="en-GB",
        has_touch=True,
        reduced_motion="reduce",
        **options,  # type: ignore[arg-type] # as the browser takes them
    )
    return Phone(context, f"{address}/p/{secret}")


def drawn(folder: Path, count: int, *, blurred: bool = False) -> list[Path]:
    """Photos as a phone would name them."""
    paths = []
    for number in range(count):
        path = folder / f"IMG_{number}{'_b' if blurred else ''}.jpg"
        path.write_bytes(photo(900, 675, seed=number + (50 if blurred else 0), blurred=blurred))
        paths.append(path)
    return paths


def young(clinic: Clinic) -> str:
    """A link for somebody of nine who decides for themselves."""
    return clinic.ask(Asked.COMPETENT_CHILD)
