"""Sessions that end: warned before, saved before the warning, shut at the end, and carried on afterwards."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Frame, expect

from fhir_plugin.adapters.tables import launch_sessions
from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.faults import Fault, Match
from mappings.model.identifiers import LaunchId
from tests.journeys.browser.held_clock import ENDED, Passing, desk, expect_shut, saved, time_passes, warning
from tests.journeys.browser.keyboard import Keyboard
from tests.journeys.browser.ward import ADULT_A, ADULT_B, Desk, begin, choose, file, one_picture
from tests.journeys.browser.watch import check_page, until

__all__ = ["desk", "time_passes"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


def carry_on(desk: Desk, patient: str) -> Frame:
    """Launches again and takes up what waits."""
    again = desk.launch_in_frame(patient)
    again.get_by_role("link", name="Carry on").first.click()
    expect(again.locator("#purpose")).to_be_visible()
    return again


def ends_in(desk: Desk, app: Frame, *, minutes: float) -> None:
    """As if the person had been busy all day: so much is left until the end that use does not put off."""
    installation = desk.demo.installation
    kept = installation.sessions.get(LaunchId(app.url.split("/")[4]))
    shorter = replace(kept, ends=installation.clock.now() + dt.timedelta(minutes=minutes))
    row = installation.sessions._row(shorter)  # sealed: no statement of ours could do it
    with installation.database.writing() as connection:
        connection.execute(
            sa.update(launch_sessions).where(launch_sessions.c.launch_id == kept.launch_id).values(**row)
        )


def test_a_person_is_warned_with_everything_saved_and_stays_by_keyboard(
    desk: Desk, photos: list[Path], time_passes: Passing
) -> None:
    app = desk.launch_in_frame(ADULT_A)
    begin(app)
    choose(app, photos[:1])
    time_passes(minutes=26)
    with saved(desk, "Rash"):
        app.locator("#purpose").press_sequentially("Rash", delay=5)
    time_passes(minutes=27)
    expect(warning(app)).not_to_be_visible()
    # Typed in the very last moment: the browser has not come round to saving it.
    app.locator("#findings").evaluate("(field) => { field.value = 'Red plaque' }")
    time_passes(minutes=1, seconds=10)
    expect(warning(app)).to_be_visible(timeout=20_000)  # it asks and saves first, and waits for either as long as 8 s
    expect(warning(app)).to_contain_text("You will be signed out of this chart in 2 minutes")
    expect(warning(app)).to_contain_text("What you typed is saved.")
    check_page(desk.page, app, "warning")
    keyboard = Keyboard(desk.page, app)
    keyboard.stays('[data-way="stay"]')
    time_passes(minutes=1)
    expect(app.locator('[data-part="spoken"]')).to_have_text("You will be signed out in 1 minute.")
    keyboard.press("Escape")
    expect(warning(app)).not_to_be_visible()
    time_passes(minutes=27)
    expect(warning(app)).not_to_be_visible()
    time_passes(minutes=2)
    expect(warning(app)).to_be_visible()
    keyboard.press("Enter")
    expect(warning(app)).not_to_be_visible()
    expect(app.locator("#findings")).to_have_value("Red plaque")


def test_at_the_end_nothing_is_seen_and_nothing_is_lost(desk: Desk, photos: list[Path], time_passes: Passing) -> None:
    desk.watch.foreseen.append(ENDED)
    app = desk.launch_in_frame(ADULT_A)
    one_picture(app, photos[:1])
    words = {
        name: f"{name}: typed “with” <care> & patience – \n second line" for name in ("purpose", "findings", "advice")
    }
    for name, text in words.items():
        with saved(desk, text.split(" –")[0].split(" <")[0]):
            app.locator(f"#{name}").fill(text)
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    app.locator("#advice").evaluate("(field) => { field.value += ' and the last word' }")
    time_passes(minutes=28, seconds=10)
    expect(warning(app)).to_contain_text("What you typed is saved.")
    time_passes(minutes=2)
    expect_shut(app)
    expect(app.locator("body")).to_contain_text("Nothing that you saved is lost.")
    check_page(desk.page, app, "signed out")

    time_passes(minutes=-30, seconds=-10, pages=False)
    again = carry_on(desk, ADULT_A)
    for name, text in words.items():
        expect(again.locator(f"#{name}")).to_have_value(text + (" and the last word" if name == "advice" else ""))
    expect(again.locator("#cards > li")).to_have_count(1)
    expect(again.locator('input[name="consent_store"]:checked')).to_have_value("given")


def test_words_that_never_reached_the_server_stay_to_be_copied(
    desk: Desk, photos: list[Path], time_passes: Passing
) -> None:
    desk.watch.foreseen += ["ERR_FAILED|htmx:(afterRequest|sendError)"]
    app = desk.launch_in_frame(ADULT_A)
    begin(app)
    choose(app, photos[:1])
    with saved(desk, "Kept before"):
        app.locator("#purpose").fill("Kept before")
    desk.context.route("**/l/**", lambda route: route.abort())  # the network is gone
    app.locator("#findings").fill("Typed on the train\nin a tunnel")
    app.locator('input[name="intimacy"][value="no"] + label').click()
    expect(app.locator(".app-saved")).to_contain_text("Not saved")
    time_passes(minutes=28, seconds=30)
    expect(warning(app)).to_be_visible()
    assert not warning(app).get_by_text("What you typed is saved").is_visible(), "it says so before it knows"
    expect(warning(app)).to_contain_text("What you typed last is not saved")
    expect(warning(app).get_by_text("What you typed is saved")).not_to_be_visible()
    app.get_by_role("button", name="Stay signed in").click()
    expect(warning(app)).to_contain_text("The server cannot be reached. Trying again.")
    time_passes(minutes=2)
    expect_shut(app)
    expect(app.get_by_label("What did you find?", exact=True)).to_have_value("Typed on the train\nin a tunnel")
    assert app.locator("textarea").count() == 1, "what is saved needs no copying"
    expect(app.locator("body")).to_contain_text("Not saved: choose these again")
    expect(app.locator("body")).not_to_contain_text("Nothing that you saved is lost.")
    check_page(desk.page, app, "words to copy")
    app.get_by_role("button", name="Copy: What did you find?").click()
    expect(app.get_by_role("button", name="Copy: What did you find?")).to_have_text("Copied")


def test_the_network_comes_back_while_a_person_waits_to_stay(
    desk: Desk, photos: list[Path], time_passes: Passing
) -> None:
    desk.watch.foreseen.append("ERR_FAILED")
    app = desk.launch_in_frame(ADULT_A)
    desk.context.route("**/session", lambda route: route.abort())
    time_passes(minutes=28, seconds=10)
    app.get_by_role("button", name="Stay signed in").click()
    expect(warning(app)).to_contain_text("Trying again")
    desk.context.unroute_all()
    time_passes(seconds=6)
    expect(warning(app)).not_to_be_visible()
    time_passes(minutes=20)
    assert (
        app.evaluate("fetch(document.querySelector('dialog').dataset.address).then((answer) => answer.status)") == 200
    )


def test_another_tab_of_the_launch_keeps_it_alive_and_answers_for_both(desk: Desk, time_passes: Passing) -> None:
    first = desk.launch_in_tab(ADULT_A).main_frame
    second = desk.context.new_page()
    second.goto(first.url)
    time_passes(minutes=20)
    second.reload()
    time_passes(minutes=9)
    expect(second.get_by_role("heading", level=1)).to_contain_text("Images")
    expect(warning(first)).not_to_be_visible()
    time_passes(minutes=19, seconds=30)
    expect(warning(first)).to_be_visible()
    expect(warning(second.main_frame)).to_be_visible()
    first.page.bring_to_front()
    first.page.keyboard.press("Escape")
    expect(warning(first)).not_to_be_visible()
    expect(warning(second.main_frame)).not_to_be_visible(timeout=6_000)  # told, before it looks again by itself


def test_signing_out_from_the_warning(desk: Desk, time_passes: Passing) -> None:
    app = desk.launch_in_frame(ADULT_A)
    time_passes(minutes=28, seconds=10)
    app.get_by_role("button", name="Sign out now").click()
    expect(app.get_by_role("heading", level=1)).to_have_text("You have left this patient’s images")


def test_a_page_that_only_watches_signs_its_person_out(
    desk: Desk, ward: Demo, photos: list[Path], time_passes: Passing
) -> None:
    desk.watch.foreseen.append("status of (401|50[0-9])|Status Error Code (401|50)")
    app = desk.launch_in_frame(ADULT_B)
    one_picture(app, photos[:1])
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    ward.sandbox.faults.add(
        Fault(kind="error-before-write", match=Match(method="POST|PUT", path="/fhir"), times=10_000)
    )
    try:
        file(app)
        expect(app.get_by_role("heading", level=1)).to_have_text("Filing to Thomas Whitlock’s record", timeout=30_000)
        for _ in range(4):
            time_passes(minutes=7)
            with desk.page.expect_request("**/receipt") as asked:  # without one it does not watch
                desk.context.clock.fast_forward(31_000)
            asked.value.response()
        expect(warning(app)).to_be_visible()
        time_passes(minutes=2)
        expect_shut(app)
    finally:
        ward.sandbox.faults.clear()


def test_the_end_that_cannot_be_put_off_is_said(desk: Desk, photos: list[Path], time_passes: Passing) -> None:
    desk.watch.foreseen.append(ENDED)
    app = desk.launch_in_tab(ADULT_A).main_frame
    ends_in(desk, app, minutes=20)
    begin(app)
    choose(app, photos[:1])
    with saved(desk, "A long day"):
        app.locator("#purpose").fill("A long day")
    time_passes(minutes=18, seconds=15)
    expect(warning(app)).to_contain_text("this cannot be put off")
    expect(warning(app)).to_contain_text("What you typed is saved.")
    expect(app.get_by_role("button", name="Stay signed in")).not_to_be_visible()
    check_page(app.page, app, "the last warning")
    app.page.keyboard.press("Escape")
    expect(warning(app)).not_to_be_visible()
    expect(app.locator("#session-strip")).to_contain_text("You will be signed out of this chart at")
    check_page(app.page, app, "the strip")
    app.locator("#purpose").focus()
    time_passes(minutes=1)
    expect(warning(app)).not_to_be_visible()
    time_passes(minutes=1)
    expect_shut(app)


def test_saving_and_leaving_before_the_end_that_cannot_be_put_off(
    desk: Desk, photos: list[Path], time_passes: Passing
) -> None:
    app = desk.launch_in_tab(ADULT_A).main_frame
    ends_in(desk, app, minutes=20)
    begin(app)
    choose(app, photos[:1])
    app.locator("#advice").fill("Come back in a week")
    time_passes(minutes=18, seconds=15)
    app.get_by_role("button", name="Save and sign out").click()
    expect(app.get_by_role("heading", level=1)).to_have_text("You have left this patient’s images")
    time_passes(minutes=-18, seconds=-15, pages=False)
    expect(carry_on(desk, ADULT_A).locator("#advice")).to_have_value("Come back in a week")


def test_the_last_words_before_a_page_is_left_are_kept(desk: Desk, photos: list[Path]) -> None:
    app = desk.launch_in_frame(ADULT_A)
    begin(app)
    choose(app, photos[:1])
    here = app.url
    app.locator("#advice").evaluate("(field) => { field.value = 'Typed and gone'; location.assign('/healthz') }")
    app.wait_for_url("**/healthz")

    def kept() -> bool:  # the browser sends it on when the page is gone, in its own time
        app.goto(here)
        return app.locator("#advice").input_value() == "Typed and gone"

    until(kept, "the last words are lost")


def test_changes_to_a_picture_are_not_called_saved(desk: Desk, photos: list[Path], time_passes: Passing) -> None:
    desk.watch.foreseen.append(ENDED)
    app = desk.launch_in_frame(ADULT_A)
    begin(app)
    choose(app, photos[:1])
    app.get_by_role("button", name="Edit picture 1").click()
    app.locator("#editor[data-ready]").wait_for()
    app.get_by_role("button", name="Turn left").click()
    app.wait_for_load_state("networkidle")  # a preview that is still on its way would count as use after the jump
    time_passes(minutes=28, seconds=10)
    expect(warning(app).get_by_text("Your changes to this picture are not kept yet.")).to_be_visible()
    expect(warning(app).get_by_text("What you typed is saved.")).not_to_be_visible()
    time_passes(minutes=2)
    expect_shut(app)
    expect(app.locator("body")).to_contain_text("Your last changes to the picture were not kept.")
