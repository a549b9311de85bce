"""The same way by keyboard alone: where focus is can always be seen, and it is never lost."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from fhir_plugin.demo import Demo
from tests.browsing import open_chooser
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.keyboard import Keyboard
from tests.journeys.browser.ward import ADULT_B, Desk, begin, choose, expect_filed, filed_for

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


def test_from_sign_in_to_the_receipt(open_desk: OpenDesk, ward: Demo, photos: list[Path]) -> None:
    desk = open_desk()
    page = desk.page
    page.goto(f"{ward.sandbox.origin}/")
    ehr = Keyboard(page, page.main_frame)
    ehr.tab_to("input[name=user]")
    page.keyboard.press("Space")
    ehr.act("main button[type=submit]")
    page.wait_for_url("**/patients")
    ehr.act(f'a[href$="/chart/{ADULT_B}"]')
    page.wait_for_url(f"**/chart/{ADULT_B}")
    ehr.act("main button[type=submit]")
    page.wait_for_url("**/frame?**")
    app = desk.gallery_in(page)

    keys = Keyboard(page, app)
    keys.act(".app-heading button")
    expect(app.get_by_role("heading", level=1)).to_contain_text("Add images to")
    app.locator("#answers[data-ready]").wait_for()
    keys.tab_to("#choose")
    open_chooser(page, lambda: page.keyboard.press("Enter")).set_files(photos[:1])
    expect(app.locator("#cards > li")).to_have_count(1)
    keys.stays("#choose")

    keys.act(".app-card button[formaction$='/edit']")
    app.locator("#editor[data-ready]").wait_for()
    _edit(keys)
    expect(app.locator(".app-card")).to_contain_text("edited")

    keys.tab_to("[role=combobox]")
    keys.type("knee")
    expect(app.get_by_role("option").first).to_be_visible()
    keys.press("ArrowDown")
    keys.press("Enter")
    keys.stays("[role=combobox]")
    keys.choose("laterality", 1)
    keys.choose("decision", 0)
    keys.tab_to("#purpose")
    keys.type("Is it infected?")
    for name, moves in (("arrival", 0), ("consent_receive", 0), ("consent_store", 0)):
        keys.choose(name, moves)
    for name, moves in (
        ("consent_form", 0),
        ("understood", 0),
        ("photographer", 1),
        ("device", 0),
        ("identity", 0),
        ("intimacy", 0),
    ):
        keys.choose(name, moves)
    keys.tab_to("#findings")
    keys.type("Dry, no pus.")
    keys.tab_to("#advice")
    keys.type("Wait a week.")
    keys.tab_to("#standing summary")
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    app.page.wait_for_timeout(1000)  # a save that comes back now replaces what focus is in
    keys.stays("#standing summary")
    keys.tab_to("#file")
    keys.press("Enter")
    expect_filed(app, 1)
    keys.tab_to(".app-line__link a")

    [media] = filed_for(ward, ADULT_B)
    assert "knee" in str(media["bodySite"]).lower()
    content = ward.sandbox.store.binary(media["content"]["url"].split("/")[-1])
    assert content is not None
    with Image.open(io.BytesIO(content[0])) as filed:
        # 1200 x 900, turned right, the left quarter and a tenth of every other side cut off.
        width, height = filed.size
        tones = filed.convert("L").resize((65, 80)).tobytes()
    assert width == pytest.approx(900 * 0.65, abs=2)
    assert height == pytest.approx(1200 * 0.8, abs=2)
    assert 0.02 < sum(1 for tone in tones if tone < 8) / len(tones) < 0.1


def _edit(keys: Keyboard) -> None:
    """Turns, crops, blacks out; undoes too much; with numbers, buttons and arrows."""
    keys.act('[data-act="right"]')
    keys.stays('[data-act="right"]')
    keys.act('[data-act="crop"]')
    keys.stays("#edge-crop-left")
    keys.press("Control+A")
    keys.type("25")
    keys.tab_to('[data-act="black-out"]', back=True)
    keys.press("Enter")
    keys.stays("#edge-0-left")
    keys.tab_to(".app-black", limit=20)
    keys.press("ArrowRight")
    keys.stays(".app-black")
    keys.press("Shift+ArrowDown")
    keys.tab_to('[data-act="black-out"]', limit=90)
    keys.press("Enter")
    keys.tab_to('[data-act="undo"]', back=True)
    keys.press("Enter")
    assert keys.frame.locator(".app-black").count() == 1
    keys.tab_to(".app-editor__end button")
    keys.press("Enter")


def test_undoing_everything_does_not_lose_the_place(desk: Desk, photos: list[Path]) -> None:
    app = desk.launch_in_frame(ADULT_B)
    begin(app)
    choose(app, photos[:1])
    app.get_by_role("button", name="Edit picture 1").click()
    app.locator("#editor[data-ready]").wait_for()
    keys = Keyboard(desk.page, app)
    keys.act('[data-act="right"]')
    keys.tab_to('[data-act="undo"]')
    keys.press("Enter")
    assert app.evaluate("document.activeElement !== document.body && !document.activeElement.disabled")
    keys.tab_to(".app-editor__end button")


def test_an_edge_typed_beyond_the_opposite_one_takes_it_along(desk: Desk, photos: list[Path]) -> None:
    app = desk.launch_in_frame(ADULT_B)
    begin(app)
    choose(app, photos[:1])
    app.get_by_role("button", name="Edit picture 1").click()
    app.locator("#editor[data-ready]").wait_for()
    keys = Keyboard(desk.page, app)
    keys.act('[data-act="black-out"]')
    keys.tab_to("#edge-0-top")
    keys.press("Control+A")
    keys.type("78")
    keys.tab_to("#edge-0-right")
    expect(app.locator("#edge-0-top")).to_have_value("78")
    expect(app.locator("#edge-0-bottom")).to_have_value("93")
    keys.press("Control+A")
    keys.type("12")
    keys.tab_to("#edge-0-bottom")
    expect(app.locator("#edge-0-left")).to_have_value("0")
    expect(app.locator("#edge-0-right")).to_have_value("12")
