"""In Debian's Chromium: pictures chosen, dropped, pasted, taken, cropped and blacked out, and their place and day."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web.chromium import Open, add, address, begin, chromium, launch, photos, say, well
from tests.web.conftest import jpeg
from tests.web.fake import FakeParts

__all__ = ["address", "chromium", "launch", "photos"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


def test_cropping_and_blacking_out_by_keyboard(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    page.get_by_role("button", name="Edit picture 1").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/edit")
    well(page, "editor")
    for act in ("right", "crop", "black-out"):
        page.locator(f'[data-act="{act}"]').focus()
        page.keyboard.press("Enter")
    well(page, "editor with regions")
    page.locator("#edge-crop-left").fill("25")
    box = page.locator(".app-black")
    box.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.locator('[data-act="black-out"]').press("Enter")
    page.locator('[data-act="undo"]').press("Enter")
    page.get_by_role("button", name="Use this picture").press("Enter")
    page.wait_for_url("**/captures/capture-1#*")
    [draft] = parts.captures.drafts.values()
    geometry = draft.images[0].geometry
    assert geometry.quarter_turns == 1
    assert geometry.crop is not None
    assert geometry.crop.left == pytest.approx(0.25)
    [black] = geometry.black_out
    assert (black.left, black.bottom) == pytest.approx((0.41, 0.56))


def test_blacking_out_by_pointer(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    page.get_by_role("button", name="Edit picture 1").click()
    page.locator(".app-stage").wait_for()
    page.locator('[data-act="black-out"]').click()
    expect(page.locator("cropper-selection")).to_be_visible()
    area = page.locator(".app-black").bounding_box()
    stage = page.locator(".app-stage").bounding_box()
    assert area and stage
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] / 2 - stage["width"] * 0.3, area["y"] + area["height"] / 2, steps=8)
    page.mouse.up()
    page.get_by_role("button", name="Use this picture").click()
    page.wait_for_url("**/captures/capture-1#*")
    [draft] = parts.captures.drafts.values()
    [black] = draft.images[0].geometry.black_out
    assert black.left == pytest.approx(0.1, abs=0.02)
    assert black.right - black.left == pytest.approx(0.2, abs=0.02)


def test_a_bad_file_and_a_good_one_side_by_side(launch: Open, photos: list[str], tmp_path: Path) -> None:
    bad = tmp_path / "report.jpg"
    bad.write_bytes(b"MZ this is a program")
    page = launch()
    begin(page)
    page.set_input_files("#choose", [str(bad), photos[0]])
    expect(page.locator("#cards > li")).to_have_count(1)
    expect(page.locator(".app-upload--failed")).to_contain_text("not a picture")
    assert "report" not in page.content()
    well(page, "a refused file")
    page.get_by_role("button", name="Remove New picture 1").click()
    expect(page.locator(".app-upload")).to_have_count(0)


def test_dropping_and_pasting(launch: Open) -> None:
    page = launch()
    begin(page)
    give = """(kind) => {
      const bytes = Uint8Array.from(atob('BYTES'), (letter) => letter.charCodeAt(0))
      const data = new DataTransfer()
      data.items.add(new File([bytes], 'secret-name.jpg', { type: 'image/jpeg' }))
      const event = kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true })
                                     : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
      document.getElementById('drop').dispatchEvent(event)
    }""".replace("BYTES", base64.b64encode(jpeg()).decode())
    page.evaluate(give, "drop")
    expect(page.locator("#cards > li")).to_have_count(1)
    page.evaluate(give, "paste")
    expect(page.locator("#cards > li")).to_have_count(2)


def test_the_body_outline_fills_the_list_by_keyboard(launch: Open, photos: list[str]) -> None:
    page = launch(width=360, height=740)
    add(page, photos[:1])
    page.get_by_role("button", name="Choose on a body outline").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    well(page, "body outline")
    page.get_by_role("button", name="Hand", exact=True).press("Enter")
    expect(page.get_by_role("option").first).to_be_visible()
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)


def test_the_camera_of_this_computer(launch: Open, parts: FakeParts) -> None:
    page = launch()
    begin(page)
    page.get_by_text("Take a picture", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    well(page, "camera")
    page.get_by_role("button", name="Take picture").click()
    expect(page.locator("#cards > li")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    [(content, declared)] = parts.captures.received_bytes.values()
    assert content.startswith(b"\xff\xd8")
    assert declared == "image/jpeg"


def test_a_date_typed_before_a_change_of_mind_does_not_count(launch: Open, photos: list[str], parts: FakeParts) -> None:
    page = launch()
    add(page, photos[:1])
    say(page, "arrival", "other")
    page.fill("#taken_on", "2019-05-01")
    say(page, "arrival", "taken-now")
    expect(page.locator("#taken_on")).to_be_hidden()
    page.fill("#purpose", "x")
    expect(page.locator(".app-note__paper")).to_contain_text("Reason for image: x")
    [draft] = parts.captures.drafts.values()
    assert draft.answers.shared["taken_on"] == ""
    say(page, "arrival", "other")
    expect(page.locator("#taken_on")).to_have_value("2019-05-01")
