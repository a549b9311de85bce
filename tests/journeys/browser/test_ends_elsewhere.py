"""A page whose session ends elsewhere, or whose server is away: asked, kept while nobody knows, shut when over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Route, expect

from mappings.model.identifiers import LaunchId
from tests.journeys.browser.held_clock import OVER, Passing, desk, time_passes
from tests.journeys.browser.ward import ADULT_A, Desk, begin, choose
from tests.journeys.browser.watch import check_page

__all__ = ["desk", "time_passes"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

COME_BACK = "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"


def end(desk: Desk, app: Frame) -> None:
    desk.demo.installation.sessions.end(LaunchId(app.url.split("/")[4]))


def expect_shut(app: Frame) -> None:
    expect(app.get_by_role("heading", level=1)).to_have_text(OVER)


def gone(route: Route) -> None:
    route.abort()


def test_a_401_that_only_the_ehr_s_token_means_leaves_the_page(desk: Desk, photos: list[Path]) -> None:
    desk.watch.foreseen.append("status of 401|Status Error Code 401")
    app = desk.launch_in_frame(ADULT_A)
    begin(app)
    choose(app, photos[:1])
    desk.context.route("**/answers", lambda route: route.fulfill(status=401, json={}))
    with desk.page.expect_response("**/session") as asked:
        app.locator("#advice").fill("Our own session goes on")
    assert asked.value.status == 200
    expect(app.locator(".app-saved")).to_contain_text("Not saved")
    expect(app.locator("#advice")).to_have_value("Our own session goes on")


@pytest.mark.parametrize("sign", ["focus", "visibilitychange", "work"])
def test_a_page_finds_out_that_its_session_was_ended_elsewhere(desk: Desk, time_passes: Passing, sign: str) -> None:
    desk.watch.foreseen.append("status of 401")
    app = desk.launch_in_tab(ADULT_A).main_frame
    end(desk, app)
    if sign == "work":
        time_passes(seconds=9 * 60)  # without needing anything from the server
    for _ in range(10):  # on a busy machine the page's script may only now begin, or be between two ticks
        time_passes(seconds=2 if sign == "work" else 11)
        if sign == "work":
            app.locator("body").press("Shift")
        else:
            app.evaluate("(name) => (name === 'focus' ? window : document).dispatchEvent(new Event(name))", sign)
        if app.get_by_role("heading", level=1).inner_text() == OVER:
            break
        app.page.wait_for_timeout(500)
    expect_shut(app)


def test_a_form_that_nobody_can_take_now_stays_and_is_sent_once(desk: Desk, time_passes: Passing) -> None:
    desk.watch.foreseen.append("ERR_FAILED")
    app = desk.launch_in_frame(ADULT_A)
    here = app.url
    held: list[Route] = []
    desk.context.route("**/session", lambda route: held.append(route))
    time_passes(seconds=120)
    add = app.get_by_role("button", name="Add images")
    add.click()
    expect(app.locator("#session-notice")).to_have_text("One moment…")
    time_passes(seconds=2)  # past what the design system takes for a double click
    add.click()
    expect(app.locator("#session-notice")).to_have_text("One moment…")
    assert len(held) == 1
    held.pop().abort()
    expect(app.locator("#session-notice")).to_contain_text("cannot be reached: nothing was sent")
    check_page(desk.page, app, "nothing was sent")
    assert app.url == here and not desk.watch.asked_for("/captures$")
    desk.context.unroute_all()
    add.click()
    expect(app.locator("#purpose")).to_be_visible()
    assert len(desk.watch.asked_for("/captures$")) == 1


def test_closing_waits_for_the_last_words(desk: Desk, photos: list[Path]) -> None:
    desk.watch.foreseen += ["ERR_FAILED|htmx:(afterRequest|sendError)"]
    app = desk.launch_in_frame(ADULT_A)
    begin(app)
    choose(app, photos[:1])
    here = re.sub(r"#.*", "", app.url)
    desk.context.route("**/answers", gone)
    app.locator("#advice").fill("The last words")
    expect(app.locator(".app-saved")).to_contain_text("Not saved")
    app.get_by_role("button", name="Close").click()
    expect(app.locator("#session-notice")).to_have_text("You are still signed in: your last words are not saved.")
    assert app.url.startswith(here) and not desk.watch.asked_for("/sign-out$")
    desk.context.unroute_all()
    app.get_by_role("button", name="Close").click()
    expect(app.get_by_role("heading", level=1)).to_have_text("You have left this patient’s images")
    again = desk.launch_in_frame(ADULT_A)
    again.get_by_role("link", name="Carry on").first.click()
    expect(again.locator("#advice")).to_have_value("The last words")


def test_a_page_with_unsaved_words_that_comes_back_is_not_made_anew(
    desk: Desk, photos: list[Path], time_passes: Passing
) -> None:
    desk.watch.foreseen += ["ERR_FAILED|htmx:(afterRequest|sendError)"]
    app = desk.launch_in_frame(ADULT_A)
    begin(app)
    choose(app, photos[:1])
    desk.context.route("**/l/**", gone)
    app.locator("#advice").fill("Only here")
    expect(app.locator(".app-saved")).to_contain_text("Not saved")
    with desk.page.expect_event("requestfailed", lambda asked: asked.url.endswith("/session")):
        app.evaluate(COME_BACK)
    expect(app.locator("#advice")).to_be_hidden()  # while nobody knows
    desk.context.unroute_all()
    time_passes(seconds=2)
    expect(app.locator("#advice")).to_be_visible()
    expect(app.locator("#advice")).to_have_value("Only here")
