"""Pages that learn late that their session is over: other tabs, a computer that slept, forms and scripts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mappings.model.identifiers import LaunchId
from tests.journeys.browser.held_clock import ENDED, EXPIRED, Passing, desk, expect_shut, saved, time_passes
from tests.journeys.browser.ward import ADULT_A, Desk, begin, choose

__all__ = ["desk", "time_passes"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


def test_a_tab_that_signs_out_shuts_the_others(desk: Desk, time_passes: Passing) -> None:
    desk.watch.foreseen.append(ENDED)
    first = desk.launch_in_tab(ADULT_A).main_frame
    second = desk.context.new_page()
    second.goto(first.url)
    first.get_by_role("button", name="Close").click()
    expect(first.get_by_role("heading", level=1)).to_have_text("You have left this patient’s images")
    time_passes(seconds=2)
    expect_shut(second.main_frame)


@pytest.mark.parametrize("wakes", ["visibilitychange", "pageshow", "focus", "by itself"])
def test_a_computer_that_slept_shows_nothing_when_it_wakes(desk: Desk, time_passes: Passing, wakes: str) -> None:
    desk.watch.foreseen.append(ENDED)
    app = desk.launch_in_frame(ADULT_A)
    desk.context.clock.pause_at(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))  # timers sleep
    time_passes(minutes=45, pages=False)
    desk.context.clock.set_system_time(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=45))
    if wakes == "by itself":
        desk.context.clock.run_for(1000)
    else:
        app.evaluate(
            """(name) => name === 'visibilitychange'
              ? document.dispatchEvent(new Event(name))
              : dispatchEvent(new (name === 'pageshow' ? PageTransitionEvent : Event)(name, { persisted: true }))""",
            wakes,
        )
    if wakes == "pageshow":
        expect(app.get_by_role("heading", level=1)).to_have_text(EXPIRED)  # nothing to keep: made anew by the server
    else:
        expect_shut(app)


def test_a_page_that_comes_back_from_the_browser_s_memory_asks_first(desk: Desk, time_passes: Passing) -> None:
    desk.watch.foreseen.append(ENDED)
    app = desk.launch_in_tab(ADULT_A).main_frame
    come_back = "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
    app.evaluate(come_back)
    expect(app.get_by_role("heading", level=1)).to_contain_text("Images")
    desk.demo.installation.sessions.end(LaunchId(app.url.split("/")[4]))
    shown = app.evaluate(f"{come_back}; document.querySelector('h1').checkVisibility()")
    assert shown is False, "out of sight before the server has answered"
    expect(app.get_by_role("heading", level=1)).to_have_text(EXPIRED)


@pytest.mark.parametrize("button", ["Add images", "Close"])
def test_a_form_sent_after_the_end_keeps_its_page(desk: Desk, time_passes: Passing, button: str) -> None:
    desk.watch.foreseen.append(ENDED)
    app = desk.launch_in_frame(ADULT_A)
    time_passes(minutes=31, pages=False)  # this computer has slept, and its clock with it
    time_passes(minutes=2)
    app.get_by_role("button", name=button).click()
    expect_shut(app)
    assert not desk.watch.asked_for("/captures$|/sign-out$")


def test_a_form_sent_after_a_while_goes_through(desk: Desk, time_passes: Passing) -> None:
    app = desk.launch_in_frame(ADULT_A)
    time_passes(minutes=5)
    begin(app)


def test_any_script_that_hears_of_the_end_shuts_the_page(desk: Desk, photos: list[Path], time_passes: Passing) -> None:
    desk.watch.foreseen.append(ENDED)
    pages = [desk.launch_in_tab(ADULT_A).main_frame for _ in range(3)]
    for app in pages:
        begin(app)
        with saved(desk, "whole=yes"):
            choose(app, photos[:1])
    saves, searches, adds = pages
    time_passes(minutes=31, pages=False)
    saves.page.bring_to_front()
    saves.locator("#advice").fill("After the end")
    expect_shut(saves)
    expect(saves.get_by_label("What did you advise?", exact=True)).to_have_value("After the end")
    searches.page.bring_to_front()
    searches.get_by_role("combobox").fill("knee")
    expect_shut(searches)
    adds.page.bring_to_front()
    adds.locator("#choose").set_input_files(photos[1])
    expect_shut(adds)
    expect(adds.locator("body")).to_contain_text("Pictures that were still on their way were not added.")
