"""One capture in two tabs: what one has saved, the one left open does not take back, and neither loses a word."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import Page, Request, Response, expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.ward import ADULT_A, Desk, expect_filed, file, filed_for, one_picture, say
from tests.journeys.browser.watch import check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

FIRST = "What the first tab says of it."
TOLD = "Somebody, perhaps you in another tab, has changed these answers."


def saves(answered: Response, words: str) -> bool:
    """Whether a page saved these words just now."""
    return answered.ok and words in unquote_plus(answered.request.post_data or "")


def in_two_tabs(desk: Desk, photos: list[Path]) -> tuple[Page, Page]:
    """The same capture, ready to file, in the tab where it was begun and in another one."""
    desk.watch.foreseen.append("409")
    first = desk.launch_in_tab(ADULT_A)
    one_picture(first.main_frame, photos[:1])
    expect(first.locator("#save-state")).to_contain_text("Ready to file")
    old = desk.context.new_page()
    old.goto(first.url)
    expect(old.locator("#save-state")).to_contain_text("Ready to file")
    return first, old


def test_the_tab_left_open_is_told_and_files_nothing(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    before = len(filed_for(ward, ADULT_A))
    first, old = in_two_tabs(desk, photos)

    first.bring_to_front()
    with first.expect_response(lambda answer: saves(answer, FIRST)):
        say(first.main_frame, "understood", "no")
        first.locator("#advice").fill(FIRST)
    expect(first.locator("#save-state")).to_contain_text("to go")

    old.bring_to_front()
    file(old.main_frame)
    expect(old.get_by_text(TOLD)).to_be_visible()
    check_page(old, old.main_frame, "the tab that was left open")
    assert len(filed_for(ward, ADULT_A)) == before
    expect(old.locator("#advice")).to_have_value(FIRST)
    expect(old.locator('input[name="understood"][value="no"]')).to_be_checked()
    say(old.main_frame, "understood", "yes")
    expect(old.locator("#save-state")).to_contain_text("Ready to file")
    file(old.main_frame)
    expect_filed(old.main_frame, 1)

    first.bring_to_front()
    first.locator("#findings").fill("Typed when all was filed.")
    expect(first.locator("#save-state")).to_contain_text("have been filed or finished meanwhile")
    file(first.main_frame)
    expect_filed(first.main_frame, 1)
    assert len(filed_for(ward, ADULT_A)) == before + 1, "once"


def test_a_save_that_comes_late_takes_nothing_back(desk: Desk, photos: list[Path]) -> None:
    """The network held an earlier save up: it comes after a later one, and after a button that took all along."""
    page = desk.launch_in_tab(ADULT_A)
    one_picture(page.main_frame, photos[:1])

    def type_and_save(words: str) -> Request:
        with page.expect_response(lambda answer: saves(answer, words)) as answered:
            page.locator("#advice").fill(words)
        return answered.value.request

    def comes_late(save: Request) -> None:
        held = desk.context.request.put(save.url, headers=save.all_headers(), data=save.post_data)
        assert held.ok, "nobody is alarmed by it"

    first = type_and_save("Re")
    type_and_save("Rest and")
    comes_late(first)
    third = type_and_save("Rest and come")
    page.locator("#advice").fill(FIRST)
    page.get_by_role("link", name="Edit").or_(page.get_by_role("button", name=re.compile("^Edit"))).first.click()
    expect(page.locator("#advice")).to_have_count(0)
    comes_late(third)
    page.go_back()
    expect(page.locator("#advice")).to_have_value(FIRST)
    page.reload()
    expect(page.locator("#advice")).to_have_value(FIRST)
    type_and_save("What a page drawn anew says counts.")
    page.reload()
    expect(page.locator("#advice")).to_have_value("What a page drawn anew says counts.")


def test_words_typed_into_the_tab_left_open_stay_there(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    before = len(filed_for(ward, ADULT_A))
    first, old = in_two_tabs(desk, photos)
    first.bring_to_front()
    with first.expect_response(lambda answer: saves(answer, FIRST)):
        first.locator("#advice").fill(FIRST)
    first.reload()
    expect(first.locator("#advice")).to_have_value(FIRST)

    old.bring_to_front()
    old.locator("#findings").fill("Typed into the tab that was left open.")
    expect(old.get_by_text("changed these answers")).to_be_visible()
    expect(old.locator("#findings")).to_have_value("Typed into the tab that was left open.")
    check_page(old, old.main_frame, "an autosave of the tab that was left open")
    first.reload()
    expect(first.locator("#advice")).to_have_value(FIRST)
    expect(first.locator("#findings")).not_to_have_value("Typed into the tab that was left open.")
    assert len(filed_for(ward, ADULT_A)) == before
