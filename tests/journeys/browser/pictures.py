"""Pictures for the documentation, taken from the running product: `python -m tests.journeys.browser.pictures`.

Everything on them is drawn or synthetic. Each picture is a PNG of fewer than 200 kB.
"""

from __future__ import annotations

import datetime as dt
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Frame, Page, expect, sync_playwright

from fhir_plugin.demo import Demo
from tests.journeys.browser.drawn import as_photograph, disc, leaf
from tests.journeys.browser.ward import (
    ADULT_A,
    ADULT_B,
    ARGUMENTS,
    CHROMIUM,
    PRIVATE,
    Desk,
    answer,
    begin,
    card,
    choose,
    expect_filed,
    file,
    go_on,
    justify,
    one_picture,
    open_ward,
    place,
)
from tests.journeys.browser.watch import PHONE, settle, until

FOLDER = Path(__file__).parents[3] / "docs" / "pictures"
MOST_BYTES = 200_000
NAMES = (
    "chart-with-app",
    "add-images",
    "add-images-phone",
    "editor",
    "more-is-needed",
    "receipt",
    "gallery",
    "gallery-phone",
)
_SEEN = """() => [...document.images]
  .filter((each) => each.getBoundingClientRect().top < window.innerHeight)
  .every((each) => each.complete && each.naturalWidth > 0)"""


def take_pictures(demo: Demo, browser: Browser, folder: Path) -> None:
    """Goes the whole way once and saves what a clinician sees on it, as `folder`/NAME.png."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as drawn:
        photos = _photographs(Path(drawn))
        desk = Desk(demo, browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB"))
        desk.sign_in()
        _three_discs(desk, photos[:3], folder)
        _leaf(desk, photos[3:], folder)
        phone = Desk(demo, browser.new_context(viewport=PHONE, locale="en-GB", device_scale_factor=2))
        phone.sign_in()
        _on_a_phone(phone, photos[:2], folder)
        for each in (desk, phone):
            each.context.close()
            each.watch.verify()


def _photographs(folder: Path) -> list[Path]:
    now = dt.datetime.now().astimezone()
    paths = []
    for number, image in enumerate((disc(1), disc(2), disc(4), leaf())):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(as_photograph(image, now))
    return paths


def _three_discs(desk: Desk, photos: Sequence[Path], folder: Path) -> None:
    app = desk.launch_in_frame(ADULT_B)
    begin(app)
    choose(app, photos)
    place(app, 1, "forearm", side="left")
    place(app, 2, "knee", side="right")
    place(app, 3, "abdomen")
    answer(app)
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    _to_the_top(app)
    _save(desk.page, app, folder / "add-images.png")
    file(app)
    expect_filed(app, 3)
    _save(desk.page, app, folder / "receipt.png")
    app.locator(".app-receipt a.nhsuk-button").last.click()
    expect(app.locator(".app-tile__link")).to_have_count(3)
    one_picture(app, photos[1:2], intimacy="private")
    go_on(app, **PRIVATE)
    justify(app, 1)
    file(app)
    expect_filed(app, 1)
    app = desk.launch_in_frame(ADULT_B)
    expect(app.locator(".app-tile--calm")).to_have_count(1)
    _save(desk.page, app, folder / "chart-with-app.png", size=(1280, 720))
    tab = desk.launch_in_tab(ADULT_B)
    _save(tab, tab.main_frame, folder / "gallery.png", size=(1280, 640))
    tab.close()


def _leaf(desk: Desk, photos: Sequence[Path], folder: Path) -> None:
    app = desk.launch_in_frame(ADULT_A)
    begin(app)
    choose(app, photos)
    card(app, 1).get_by_role("button", name="Edit").click()
    app.locator("#editor[data-ready]").wait_for()
    until(lambda: bool(app.evaluate(_SEEN)), "the editor shows no picture")
    app.locator('[data-act="black-out"]').click()
    app.locator("#edge-0-left").fill("8")
    app.locator("#edge-0-right").fill("36")
    app.locator("#edge-0-bottom").fill("94")
    app.locator("#edge-0-top").fill("78")
    app.locator('[data-act="crop"]').click()
    app.locator("#edge-crop-bottom").fill("97")
    _to_the_top(app)
    _save(desk.page, app, folder / "editor.png")
    app.get_by_role("button", name="Use this picture").click()
    expect(card(app, 1)).to_contain_text("edited")
    answer(app, arrival="unasked", photographer="patient", device="")
    place(app, 1, "forearm", side="left")
    expect(app.locator("#open-question")).to_contain_text("Have you spoken to the patient")
    app.page.wait_for_timeout(1000)  # the last save replaces the panel once more
    app.locator("#more").evaluate("(each) => each.scrollIntoView({ block: 'center' })")
    _save(desk.page, app, folder / "more-is-needed.png")


def _on_a_phone(desk: Desk, photos: Sequence[Path], folder: Path) -> None:
    tab = desk.launch_in_tab("p-adult-3")
    app = tab.main_frame
    begin(app)
    choose(app, photos)
    place(app, 1, "shin", side="left")
    _to_the_top(app)
    _save(tab, app, folder / "add-images-phone.png")
    answer(app)
    place(app, 2, "abdomen")
    file(app)
    expect_filed(app, 2)
    app.locator(".app-receipt a.nhsuk-button").last.click()
    expect(app.locator(".app-tile__link")).to_have_count(2)
    _save(tab, app, folder / "gallery-phone.png")


def _to_the_top(app: Frame) -> None:
    app.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")


def _save(page: Page, app: Frame, path: Path, *, size: tuple[int, int] | None = None) -> None:
    before = page.viewport_size
    if size is not None:
        page.set_viewport_size({"width": size[0], "height": size[1]})
    until(lambda: bool(app.evaluate(_SEEN)), "a picture on the page does not come")
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as shot:
        small = shot.convert("RGB").quantize(192, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        small.save(path, "PNG", optimize=True)
    if before is not None:
        page.set_viewport_size(before)
        settle(page, app)


def main() -> None:
    """Takes all pictures anew."""
    with tempfile.TemporaryDirectory() as state, sync_playwright() as playwright, open_ward(Path(state)) as demo:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        take_pictures(demo, browser, FOLDER)
        browser.close()


if __name__ == "__main__":
    main()
