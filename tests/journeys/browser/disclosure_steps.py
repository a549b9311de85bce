"""What a disclosure officer does at the desk, step by step, and what it looks like.

Pictures for the documentation, from the running product: `python -m tests.journeys.browser.disclosure_steps`.
Everything on them is drawn or synthetic. Each is a PNG of fewer than 120 kB.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Frame, Page, expect, sync_playwright

from fhir_plugin.sandbox.people import staff
from tests.journeys.browser.charts import MASKED, UNLABELLED, with_twenty_images
from tests.journeys.browser.ward import ADULT_B, ARGUMENTS, CHROMIUM, Desk, framed, open_ward

FOLDER = Path(__file__).parents[3] / "docs" / "pictures" / "disclosure"
MOST_BYTES = 120_000
NAMES = ("desk", "who-asks", "list", "item", "opened", "preview", "sign", "made", "accounting")
OFFICER, SIGNED = "disclosure-officer", "Edwin Lamptey"
CAME: Final = dt.timedelta(days=10)
"""So long ago, for a clock that has run a while."""
PATIENCE: Final = 60_000
"""Milliseconds for reading a record and making a package on a busy machine."""
Seen = Callable[[str], None]
"""Called with a name wherever there is something to see."""


def at_the_desk(desk: Desk, patient: str) -> tuple[Page, Frame]:
    """The officer, at the desk inside the chart."""
    desk.sign_in(staff()[OFFICER].name)
    page = desk.open_chart(patient)
    page.get_by_role("button", name="Launch app in a frame").click()
    expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_contain_text("Requests for copies")
    return page, framed(page)


def new_request(app: Frame, who: str, recipient: str, seen: Seen) -> None:
    """From the letter to the record that has been read."""
    app.get_by_role("link", name="New request").click()
    expect(app.get_by_role("heading", level=1)).to_contain_text("Who asks?")
    seen("who-asks")
    app.get_by_label(who, exact=True).check()
    app.get_by_role("button", name="Continue").click()
    app.get_by_label("The day it came", exact=True).fill((dt.datetime.now(dt.UTC).date() - CAME).isoformat())
    app.get_by_label("Who gets the copy").fill(recipient)
    app.get_by_label("How you checked who").fill("Letter of 1 March, on file; called back on the known number")
    app.get_by_label("What it is for").fill("Life insurance: a report on the skin")
    consent = app.get_by_label("Yes, to the record in general")
    if consent.count():
        consent.check()
    app.get_by_role("button", name=re.compile("^Read .* record$")).click()
    expect(app.locator(".app-decided__words")).to_be_visible(timeout=PATIENCE)


def decide_what_waits(app: Frame, choice: str, reason: str, seen: Seen) -> int:
    """Opens each picture that needs a person, and decides about it. Says how many there were."""
    waiting = app.locator("#group-needs .app-desk__item")
    found = waiting.count()
    if found:
        app.get_by_role("link", name="Look at what needs a person").click()
    for left in range(found, 0, -1):
        expect(waiting).to_have_count(left)
        if app.get_by_text("Show image").count():
            app.get_by_text("Show image").click()
            app.get_by_role("button", name="To decide whether it goes out").click()
            shown = app.get_by_alt_text("The picture", exact=True)
            expect(shown).to_be_visible()
            assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
            if left == found:
                seen("opened")
        app.get_by_label(choice).and_(app.locator("[name=decided]")).check()
        app.locator("#reason").fill(reason)
        app.get_by_role("button", name="Decide this one").click()
    expect(waiting).to_have_count(0)
    return found


def sign(app: Frame, seen: Seen) -> None:
    """With one's own name; waits until the package is made."""
    app.get_by_role("link", name="Sign and make package").click()
    expect(app.get_by_label("Your own name")).to_be_visible()
    seen("sign")
    app.get_by_label("Your own name").fill(SIGNED)
    app.get_by_role("button", name=re.compile("^Sign and make package for")).click()
    expect(app.get_by_role("heading", level=1)).to_contain_text("The package is made", timeout=PATIENCE)


def fetched(page: Page, app: Frame) -> zipfile.ZipFile:
    """The package, as the browser keeps it."""
    with page.expect_download() as download:
        app.get_by_role("link", name="Download without a password").click()
    return zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))


def answer_an_insurer(page: Page, app: Frame, seen: Seen) -> zipfile.ZipFile:
    """From the letter to the package in hand, with a look at everything on the way."""
    new_request(app, "An insurer or employer, for a report", "Acme Insurance", seen)
    expect(app.locator("#group-masked")).to_contain_text(f"{len(MASKED)}")
    seen("list")
    app.get_by_role("link", name="Requests for copies").click()
    expect(app.locator(".app-clock")).to_be_visible()
    seen("desk")
    app.get_by_role("link", name="An insurer or employer").click()
    expect(app.locator(".app-decided__words")).to_be_visible()
    decided = decide_what_waits(app, "It is masked", "A private place, and no consent that names it", seen)
    assert decided == len(UNLABELLED)
    app.get_by_role("link", name="Measurement or finding: Skin").click()
    expect(app.get_by_role("heading", name="What is left out of it")).to_be_visible()
    seen("item")
    app.get_by_role("link", name="Preview what they get").click()
    inside = app.frame_locator("iframe.app-preview")
    expect(inside.get_by_role("heading", level=1)).to_have_text("Copy of a health record")
    expect(inside.get_by_text("Photograph or video: 14")).to_be_visible()
    seen("preview")
    sign(app, seen)
    seen("made")
    package = fetched(page, app)
    app.get_by_role("link", name=re.compile("What was sent to whom")).click()
    expect(app.get_by_role("cell", name="Acme Insurance")).to_be_visible()
    seen("accounting")
    return package


def save(page: Page, app: Frame, path: Path) -> None:
    """What the window shows now, small enough to keep."""
    app.evaluate("document.activeElement.blur()")
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as shot:
        small = shot.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        small.save(path, "PNG", optimize=True)


def main() -> None:
    """Takes all pictures anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state, sync_playwright() as playwright, open_ward(Path(state)) as demo:
        with_twenty_images(demo, ADULT_B)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        desk = Desk(demo, browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB"))
        page, app = at_the_desk(desk, ADULT_B)
        answer_an_insurer(page, app, lambda name: save(page, app, FOLDER / f"{name}.png"))
        desk.context.close()
        browser.close()


if __name__ == "__main__":
    main()
