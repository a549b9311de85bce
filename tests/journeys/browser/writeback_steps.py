"""Filing in an EHR that takes no images, as a clinician sees it; and pictures of it: `python -m
tests.journeys.browser.writeback_steps` takes those of the documentation anew."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Frame, expect, sync_playwright

from tests.journeys.browser.drawn import draw_photographs
from tests.journeys.browser.guardian_steps import save
from tests.journeys.browser.ward import (
    ADULT_A,
    ARGUMENTS,
    CHROMIUM,
    Desk,
    expect_filed,
    file,
    one_picture,
    open_ward,
)

FOLDER = Path(__file__).parents[3] / "docs" / "pictures" / "write-back"
NAMES = ("this-ehr", "before-file", "receipt", "gallery", "by-hand")


def what_it_can(app: Frame) -> None:
    """From the patient's page to *What this EHR can do*."""
    app.get_by_role("link", name="What this EHR can do").click()
    expect(app.get_by_role("heading", level=1)).to_have_text("What this EHR can do")


def foretold(app: Frame, photo: Sequence[Path], words: str) -> None:
    """One photograph, answered in full: what filing will do is said above the button."""
    one_picture(app, photo)
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    expect(app.get_by_role("region", name="In this EHR")).to_contain_text(words)


def filed(app: Frame, words: str, *, done: str = "filed") -> None:
    """The receipt says what the chart holds."""
    file(app)
    expect_filed(app, 1, done=done)
    expect(app.get_by_text(re.compile(words)).first).to_be_visible()


def take_pictures(browser: Browser, folder: Path) -> None:
    """A chart that takes pages, and one that takes nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for like in ("oracle", "athena"):
        with tempfile.TemporaryDirectory() as state, open_ward(Path(state), like=like) as demo:
            photos = draw_photographs(Path(state), 1)
            context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
            desk = Desk(demo, context)
            desk.sign_in()
            app = desk.launch_in_frame(ADULT_A)
            if like == "oracle":
                what_it_can(app)
                save(desk.page, app, folder / "this-ehr.png")
                app = desk.launch_in_frame(ADULT_A)
                foretold(app, photos, "PDF page with the picture")
                app.locator(".app-forecast").evaluate("(each) => each.scrollIntoView({ block: 'center' })")
                save(desk.page, app, folder / "before-file.png")
                filed(app, "The chart has a PDF page")
                save(desk.page, app, folder / "receipt.png")
                app = desk.launch_in_frame(ADULT_A)
                expect(app.locator(".app-tile__link")).to_have_count(1)
                save(desk.page, app, folder / "gallery.png")
            else:
                foretold(app, photos, "signed file")
                filed(app, "The chart has nothing yet", done="kept by this app")
                save(desk.page, app, folder / "by-hand.png")
            context.close()


def main() -> None:
    """Takes all pictures anew."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        take_pictures(browser, FOLDER)
        browser.close()


if __name__ == "__main__":
    main()
