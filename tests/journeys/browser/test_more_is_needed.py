"""What stops, what is only described, what is thrown away: said plainly, and nothing is lost on the way."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Frame, expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.ward import (
    ADULT_A,
    ADULT_B,
    Desk,
    answer,
    begin,
    card,
    choose,
    expect_filed,
    file,
    filed_for,
    one_picture,
    place,
    say,
    throw_away,
)
from tests.journeys.browser.watch import check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


def expect_asked(app: Frame, question: str) -> None:
    """One question is open, and it is this one; nothing can be filed meanwhile."""
    expect(app.locator("#open-question")).to_have_count(1)
    expect(app.locator("#open-question")).to_contain_text(question)
    expect(app.locator("#save-state")).to_contain_text("to go")


def test_a_child_s_picture_waits(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    app = desk.launch_in_frame("p-child-15")
    one_picture(app, photos[:1])
    expect_asked(app, "Gillick competent")
    check_page(desk.page, app, "a child")
    assert filed_for(ward, "p-child-15") == []

    again = desk.launch_in_frame("p-child-15")
    expect(again.locator(".app-waiting")).to_be_visible()
    check_page(desk.page, again, "gallery with something unfinished")
    again.locator(".app-waiting a").first.click()
    expect(again.locator("#cards > li")).to_have_count(1)
    expect(again.locator("#purpose")).to_have_value("Rash, to compare in two weeks")
    expect(again.locator("#advice")).to_have_value(
        "Emollient twice daily. Come back if it spreads, weeps or becomes painful."
    )


def test_each_flag_asks_its_own_and_goes_with_its_answer(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    app = desk.launch_in_frame(ADULT_A)
    one_picture(app, photos[:1])
    expect(app.locator("#save-state")).to_contain_text("Ready to file")

    say(app, "intimacy", "intimate")
    expect_asked(app, "Was a chaperone offered?")
    say(app, "intimacy", "no")
    expect_asked(app, "Why is it not intimate after all?")
    app.locator("#intimacy_cleared_reason").fill("Pressed by mistake; it shows the abdomen")
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    app.locator('label[for="capacity_doubt"]').click()
    expect_asked(app, "lack capacity")
    app.locator('label[for="capacity_doubt"]').click()
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    say(app, "arrival", "other")
    expect(app.locator("#taken_on")).to_be_visible()
    check_page(desk.page, app, "another way")
    file(app)
    expect_filed(app, 1)
    expect(app.locator(".app-todo").first).to_contain_text("wherever it arrived")
    app.get_by_role("button", name="I have done this").click()
    expect(app.locator(".app-todo").first).to_contain_text("this is done")
    check_page(desk.page, app, "receipt with something done")
    assert len(filed_for(ward, ADULT_A)) == 1


def test_only_described(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    before = len(filed_for(ward, ADULT_B))
    app = desk.launch_in_frame(ADULT_B)
    begin(app)
    choose(app, photos[:1])
    answer(app)
    place(app, 1, "abdomen", decision="describe")
    expect(app.locator("#file")).to_contain_text("Write note to")
    check_page(desk.page, app, "describe only")
    file(app)
    expect(app.get_by_role("heading", level=1)).to_have_text("Note written", timeout=30_000)
    expect(app.get_by_text("described in the note")).to_be_visible()
    check_page(desk.page, app, "receipt of a note")
    assert len(filed_for(ward, ADULT_B)) == before
    notes = ward.sandbox.store.search("DocumentReference", {"patient": f"Patient/{ADULT_B}"})
    assert len(notes) == 1


def test_discarded_and_taken_back(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    before = len(filed_for(ward, ADULT_B))
    app = desk.launch_in_frame(ADULT_B)
    begin(app)
    choose(app, photos[:2])
    app.locator("#purpose").fill("typed just before")
    throw_away(app, 1)
    expect(card(app, 1)).to_contain_text("It was never filed")
    expect(app.locator("#purpose")).to_have_value("typed just before")
    check_page(desk.page, app, "one discarded")
    app.get_by_role("button", name="Undo discarding picture 1").click()
    expect(card(app, 1).get_by_role("combobox")).to_be_visible()
    throw_away(app, 2)
    expect(card(app, 2)).to_contain_text("It was never filed")
    answer(app)
    place(app, 1, "abdomen")
    file(app)
    expect_filed(app, 1)
    expect(app.get_by_text("discarded, never filed")).to_be_visible()
    assert len(filed_for(ward, ADULT_B)) == before + 1


def test_everything_discarded(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    before = len(filed_for(ward, ADULT_B))
    app = desk.launch_in_frame(ADULT_B)
    begin(app)
    choose(app, photos[:1])
    app.get_by_text("Discard everything on this page").click()
    app.locator('.app-abandon input[value="sent-in-error"] + label').click()
    app.get_by_role("button", name="Discard everything").click()
    expect(app.get_by_role("heading", level=1)).to_have_text("Discarded", timeout=30_000)
    check_page(desk.page, app, "receipt of what was thrown away")
    assert len(filed_for(ward, ADULT_B)) == before
    notes = ward.sandbox.store.search("DocumentReference", {"patient": f"Patient/{ADULT_B}"})
    texts = [base64.b64decode(each["content"][0]["attachment"]["data"]).decode() for each in notes]
    assert any("not kept and destroyed: 1 picture (sent in error)" in text for text in texts)
