"""What every browser suite needs on a busy machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import FileChooser, Page

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
