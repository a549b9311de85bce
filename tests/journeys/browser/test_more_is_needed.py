"""What stops, what is only described, what is thrown away: said plainly, and nothing is lost on the way."""

from __future__ import annotations

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
    place,
    say,
)
from tests.journeys.browser.watch import check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]


def expect_hold(app: Frame, words: str) -> None:
    expect(app.get_by_role("heading", name="More is needed")).to_be_visible()
    expect(app.locator(".app-hold")).to_contain_text(words)
    expect(app.locator("#file")).to_have_count(0)


def test_a_child_s_picture_waits(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    app = desk.launch_in_frame("p-child-15")
    begin(app)
    choose(app, photos[:1])
    answer(app)
    place(app, 1, "abdomen")
    expect_hold(app, "under 18")
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


def test_each_reason_to_stop_comes_and_goes_with_its_answer(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    app = desk.launch_in_frame(ADULT_A)
    begin(app)
    choose(app, photos[:1])
    answer(app)
    place(app, 1, "abdomen")
    expect(app.locator("#file")).to_be_visible()

    say(app, "intimacy", "intimate")
    expect_hold(app, "intimate")
    say(app, "intimacy", "no")
    expect(app.locator("#file")).to_be_visible()
    app.locator('label[for="capacity_doubt"]').click()
    expect_hold(app, "may not be able to decide")
    app.locator('label[for="capacity_doubt"]').click()
    expect(app.locator("#file")).to_be_visible()
    say(app, "arrival", "unasked")
    expect_hold(app, "Nobody asked for this image")
    say(app, "intimacy", "intimate")
    expect(app.locator(".app-hold__reason")).to_have_count(2)
    check_page(desk.page, app, "two reasons at once")
    say(app, "intimacy", "no")
    say(app, "arrival", "email")
    expect(app.locator("#file")).to_be_visible()
    check_page(desk.page, app, "by e-mail")
    file(app)
    expect_filed(app, 1)
    expect(app.locator(".app-todo").first).to_contain_text("mailbox")
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
    card(app, 1).get_by_role("button", name="Discard").click()
    expect(card(app, 1)).to_contain_text("It was never filed")
    expect(app.locator("#purpose")).to_have_value("typed just before")
    check_page(desk.page, app, "one discarded")
    app.get_by_role("button", name="Undo discarding picture 1").click()
    expect(card(app, 1).get_by_role("combobox")).to_be_visible()
    card(app, 2).get_by_role("button", name="Discard").click()
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
    app.get_by_role("button", name="Discard everything").click()
    expect(app.get_by_role("heading", level=1)).to_contain_text("Images")
    expect(app.locator(".app-waiting")).to_have_count(0)
    assert len(filed_for(ward, ADULT_B)) == before
