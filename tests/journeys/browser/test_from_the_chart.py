"""The whole way, as a GP goes it: sign-in, chart, framed app, photos, questions, receipt, back to the chart."""

from __future__ import annotations

import datetime as dt
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Frame, Page, ViewportSize, expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.drawn import CAMERA, as_photograph
from tests.journeys.browser.ward import (
    ADULT_A,
    ADULT_B,
    Desk,
    answer,
    begin,
    box_of,
    card,
    choose,
    expect_filed,
    file,
    filed_for,
    framed,
    place,
)
from tests.journeys.browser.watch import DESKTOP, PHONE, check_page, size_of, until

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


TURNED = """(() => {
  const picture = document.querySelector('.app-stage img')
  return picture.complete && picture.naturalHeight > picture.naturalWidth
})()"""


def edit_by_pointer(app: Frame, page: Page, number: int) -> None:
    """Turn right, drag the crop's left edge in, put a black box in the upper left."""
    card(app, number).get_by_role("button", name="Edit").click()
    stage = app.locator(".app-stage")
    expect(stage).to_be_visible()
    app.locator("#editor[data-ready]").wait_for()
    app.locator('[data-act="right"]').click()
    until(lambda: app.evaluate(TURNED), "the turned preview does not come")
    app.locator('[data-act="crop"]').click()
    _drag(app, page, 'cropper-handle[action="w-resize"]', across=0.15, down=0)
    app.locator('[data-act="black-out"]').click()
    _drag(app, page, 'cropper-handle[action="move"]', across=-0.1, down=-0.2)
    check_page(page, app, "editor with a crop and a black box", widths=[size_of(page)])
    app.get_by_role("button", name="Use this picture").click()
    expect(card(app, number)).to_contain_text("edited")


def _drag(app: Frame, page: Page, selector: str, *, across: float, down: float) -> None:
    stage, handle = box_of(app.locator(".app-stage")), box_of(app.locator(f"#stage {selector}"))
    stage = app.locator(".app-stage").bounding_box() or stage
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across * stage["width"], y + down * stage["height"], steps=6)
    page.mouse.up()


def stored_pictures(demo: Demo, patient: str) -> list[bytes]:
    found = []
    for media in filed_for(demo, patient):
        binary = demo.sandbox.store.binary(media["content"]["url"].split("/")[-1])
        assert binary is not None
        found.append(binary[0])
    return found


@pytest.mark.parametrize(("patient", "size"), [(ADULT_B, DESKTOP), (ADULT_A, PHONE)], ids=["desktop", "phone"])
def test_three_photos_from_the_chart_to_the_chart(
    open_desk: OpenDesk, ward: Demo, photos: list[Path], patient: str, size: ViewportSize
) -> None:
    desk = open_desk(**size)
    desk.watch.foreseen.append(r"status of 422 .*/file\)")  # filed too early, on purpose
    desk.sign_in()
    app = desk.launch_in_frame(patient)
    assert app.url.startswith(ward.app.origin), "the app is on another site than the chart"
    assert desk.page.url.startswith(ward.sandbox.origin)
    check_page(desk.page, app, "empty gallery", widths=[size])

    begin(app)
    check_page(desk.page, app, "empty capture", widths=[size])
    choose(app, photos[:3])
    for number in (1, 2, 3):
        expect(card(app, number)).to_contain_text("Removed: ")
    assert CAMERA not in app.content()
    assert "leg 0" not in app.content(), "file names never show: they often name the patient"
    check_page(desk.page, app, "three cards", widths=[size])
    file(app)
    expect(app.locator(".nhsuk-error-summary")).to_be_focused()
    check_page(desk.page, app, "what is missing", widths=[size])
    edit_by_pointer(app, desk.page, 2)

    answer(app)
    place(app, 1, "forearm", side="left")
    place(app, 2, "abdomen")
    place(app, 3, "knee", side="right")
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    expect(app.locator(".app-note__paper")).to_contain_text("3 cm, scaling")
    check_page(desk.page, app, "ready", widths=[size])
    file(app)
    expect_filed(app, 3)
    check_page(desk.page, app, "receipt", widths=[size])

    link = app.get_by_role("link", name="Open in the chart").first
    with desk.context.expect_page() as opened:
        link.click()
    chart = opened.value
    expect(chart.get_by_role("heading", level=1)).to_have_text("Chart")
    assert chart.evaluate("document.querySelector(':target')?.querySelector('.kind, strong') !== null")
    filed = chart.locator('section[aria-labelledby="filed"]')
    expect(filed.get_by_role("link", name=re.compile("Open picture of Media"))).to_have_count(3)
    with desk.context.expect_page() as shown:
        filed.get_by_role("link", name=re.compile("Open picture")).first.click(modifiers=["Control"])
    expect(shown.value.locator("img")).to_be_visible()

    app.get_by_role("link", name=re.compile("images$")).last.click()
    expect(app.locator(".app-tile__link")).to_have_count(3)
    check_page(desk.page, app, "gallery of three", widths=[size])
    app.locator(".app-tile__link").first.click()
    expect(app.locator("img.app-picture")).to_be_visible()
    check_page(desk.page, app, "one image", widths=[size])

    pictures = stored_pictures(ward, patient)
    assert len(pictures) == 3
    assert all(CAMERA.encode() not in content for content in pictures)
    sizes = sorted(Image.open(io.BytesIO(content)).size for content in pictures)
    assert sizes[1:] == [(1200, 900), (1200, 900)]
    width, height = sizes[0]
    assert width < 900 * 0.72, "the turned picture lost a tenth at the right and a quarter at the left"
    assert 900 < height < 1000
    edited = next(each for each in map(Image.open, map(io.BytesIO, pictures)) if each.size == sizes[0])
    black = sum(1 for tone in edited.convert("L").resize((60, 80)).tobytes() if tone < 8)
    assert 0.01 < black / 4800 < 0.12, "a solid black box of the size that was drawn"


def test_dropped_from_the_desktop_and_pasted_from_the_clipboard(desk: Desk, photos: list[Path]) -> None:
    app = desk.launch_in_frame("p-adult-3")
    begin(app)
    over = box_of(app.locator("#drop"))
    devtools = desk.context.new_cdp_session(desk.page)
    data = {"items": [], "files": [str(path) for path in photos[:2]], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": over["x"] + 40, "y": over["y"] + 20, "data": data})
    expect(app.locator("#cards > li")).to_have_count(2)

    desk.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=desk.demo.sandbox.origin)
    desk.page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(300, 200)
          canvas.getContext('2d').fillStyle = '#a04030'
          canvas.getContext('2d').fillRect(0, 0, 300, 200)
          const blob = await canvas.convertToBlob({ type: 'image/png' })
          await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })])
        }"""
    )
    app.locator("#pictures").click()
    desk.page.keyboard.press("Control+V")
    expect(app.locator("#cards > li")).to_have_count(3)
    expect(card(app, 3)).to_contain_text("300 × 200")


def test_a_file_that_is_no_picture_stands_beside_the_good_ones(desk: Desk, photos: list[Path], tmp_path: Path) -> None:
    desk.watch.foreseen.append(r"status of 422 .*/images\)")
    bad = tmp_path / "Whitlock letter.jpg"
    bad.write_bytes(b"MZ this is a program")
    wide = tmp_path / "wide.jpg"
    wide.write_bytes(as_photograph(Image.new("RGB", (1600, 20), "teal"), _noon()))
    app = desk.launch_in_frame("p-adult-3")
    begin(app)
    with desk.page.expect_file_chooser() as chooser:
        app.locator('label[for="choose"]').click()
    chooser.value.set_files([bad, photos[0], wide])
    expect(app.locator("#cards > li")).to_have_count(2)
    expect(app.locator(".app-upload--failed")).to_have_count(1)
    assert "Whitlock letter" not in app.content()
    check_page(desk.page, app, "a refused file")
    framed(desk.page).locator(".app-upload--failed button").last.click()
    expect(app.locator(".app-upload--failed")).to_have_count(0)


def _noon() -> dt.datetime:
    return dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
