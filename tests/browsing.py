"""What every browser suite needs on a busy machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import FileChooser, Page, Route

PATIENCE = (5_000, 15_000, 30_000)
"""Milliseconds to wait for a file chooser before the key is pressed again, as a person would."""

SETTLED = 200
"""Milliseconds for the browser to hand its file choosers over: a press before that opens one nobody can fill."""


def _noticed(_chooser: FileChooser) -> None:
    """A listener that stays keeps the browser's own dialogue away between the tries."""


def open_chooser(page: Page, press: Callable[[], None]) -> FileChooser:
    """The file chooser that a press opens. Raises the browser's own time-out after the last try."""
    from playwright.sync_api import TimeoutError as BrowserTimeout

    page.on("filechooser", _noticed)
    page.wait_for_timeout(SETTLED)
    for patience in PATIENCE[:-1]:
        try:
            with page.expect_file_chooser(timeout=patience) as chooser:
                press()
            return chooser.value
        except BrowserTimeout:
            continue
    with page.expect_file_chooser(timeout=PATIENCE[-1]) as chooser:
        press()
    return chooser.value


class Held:
    """Requests that a page has sent and that have not left the browser yet."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._holding = True
        self.routes: list[Route] = []

    def take(self, route: Route) -> None:
        if self._holding:
            self.routes.append(route)
        else:
            route.continue_()

    def wait_for(self, count: int) -> None:
        """Until so many are held."""
        for _ in range(300):
            if len(self.routes) >= count:
                return
            self._page.wait_for_timeout(50)
        raise AssertionError(f"held {len(self.routes)}, not {count}")

    def let_go(self) -> None:
        """All that are held, in their order; from now on nothing is held."""
        self._holding = False
        for route in self.routes:
            route.continue_()
        self.routes.clear()


@contextmanager
def held(page: Page, pattern: str) -> Iterator[Held]:
    """Holds what matches until it is let go, at the end at the latest."""
    holding = Held(page)
    page.route(pattern, holding.take)
    yield holding
    holding.let_go()
