"""What a browser did and complained about, and whether a page is one that everybody can use."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Sequence
from urllib.parse import unquote_plus, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Frame, Page, Request, ViewportSize

AXE_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
NARROWEST: ViewportSize = {"width": 320, "height": 640}
_WORDS = ("whitlock", "anand", "priya", "thomas", "9993395633", "9999939082", "canary")
_TOKENS = re.compile(r"eyJ[\w-]{10,}\.|access_token|refresh_token|id_token|csrf")


DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
FITS = "(width) => window.innerWidth === width && document.documentElement.scrollWidth <= width"


class Watch:
    """Records every request and every complaint of one browser context. `verify()` at the end."""

    def __init__(self, context: BrowserContext, *, app: str, ehr: str) -> None:
        self._app = app
        self._origins = {app, ehr}
        self.urls: list[str] = []
        self.complaints: list[str] = []
        self.foreseen: list[str] = [r"^htmx:(afterRequest|sendAbort), "]
        """Regular expressions of complaints that a test provokes, such as the status of an error page. From the start:
        what htmx says of a save that *File* has made needless."""
        context.on("request", self._asked)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def asked_for(self, pattern: str) -> list[str]:
        """The requests whose URL matches."""
        return [url for url in self.urls if re.search(pattern, url)]

    def verify(self) -> None:
        """Nothing complained, nobody else was asked, and no URL tells anything."""
        left = [said for said in self.complaints if not any(re.search(each, said) for each in self.foreseen)]
        assert not left, f"the browser complained: {left}"
        assert self.urls, "nothing was asked for: the watch sees nothing"
        for url in self.urls:
            parts = urlsplit(url)
            assert f"{parts.scheme}://{parts.netloc}" in self._origins, f"asked another host: {url[:200]}"
            said = unquote_plus(url)
            assert len(said) < 1500, f"something is carried in a URL: {said[:200]}"
            assert not _TOKENS.search(said), f"a token in a URL: {said[:200]}"
            if url.startswith(self._app):
                assert not any(word in said.lower() for word in (*_WORDS, "p-adult", "p-child")), said[:200]

    def _asked(self, request: Request) -> None:
        self.urls.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({urlsplit(message.location.get('url', '')).path})")


def check_page(page: Page, frame: Frame, where: str, *, widths: Sequence[ViewportSize] = (DESKTOP, PHONE)) -> None:
    """axe finds nothing at these widths; nothing scrolls sideways, not at a telephone's or at 320 pixels either."""
    before = page.viewport_size
    frame.wait_for_load_state()
    for size in widths:
        page.set_viewport_size(size)
        found = Axe().run(frame, options=AXE_RULES)
        assert found.violations_count == 0, f"{where} at {size['width']}: {found.generate_report()}"
    for size in (PHONE, NARROWEST):
        page.set_viewport_size(size)
        fits = functools.partial(frame.evaluate, FITS, size["width"])
        until(fits, f"{where} scrolls sideways at {size['width']}", seconds=3)
    if before:
        page.set_viewport_size(before)
        settle(page, frame)


def settle(page: Page, frame: Frame) -> None:
    """Waits until the frame has its new size and both have been drawn with it: until then the browser sends a click on
    to where something was before."""

    def has_its_size() -> bool:
        wide: int = frame.evaluate("innerWidth")
        room: int = frame.frame_element().evaluate("(frame) => frame.clientWidth") if frame.parent_frame else wide
        return wide == room

    until(has_its_size, "the frame keeps another size than its place")
    for each in (page.main_frame, frame, page.main_frame):
        each.evaluate(DRAWN)


def size_of(page: Page) -> ViewportSize:
    """The window's size."""
    return page.viewport_size or DESKTOP


def until(found: Callable[[], bool], what: str, *, seconds: float = 15) -> None:
    """Waits for what no locator can say: the pages' policy lets no string be evaluated in them by a timer."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, what
        time.sleep(0.05)
