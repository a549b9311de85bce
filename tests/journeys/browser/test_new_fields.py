"""Fields that not every picture needs, in Chromium: the times of a recording, and a reason of a picture's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Frame, expect

from tests.imaging.videos import film
from tests.journeys.browser.ward import (
    ADULT_B,
    Desk,
    answer,
    begin,
    card,
    choose,
    expect_filed,
    file,
    go_on,
    one_picture,
    place,
)
from tests.journeys.browser.watch import NARROWEST, PHONE, check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


def write(app: Frame, name: str, time: str) -> None:
    """In the fold of what nobody needs to say."""
    fold = app.locator(".app-answered--extra", has=app.locator(f"#{name}"))
    if fold.get_attribute("open") is None:
        fold.locator("summary").click()
    app.locator(f"#{name}").fill(time)
    fold.locator("[data-next]").click()
    app.locator(f"#answered-{name}, #open-question #{name}").first.wait_for(state="attached")


def test_the_times_of_a_recording_are_typed_checked_and_told(desk: Desk, tmp_path: Path) -> None:
    moving = tmp_path / "IMG_0001.MOV"
    moving.write_bytes(film(container="mov"))
    app = desk.launch_in_frame(ADULT_B)
    one_picture(app, [moving])
    go_on(app, consent_record_video="given", recording_confirmed="yes", speaks_freely="yes", sound_reason="")
    expect(app.locator("#save-state")).to_contain_text("Ready to file")  # nothing waits for the times
    write(app, "recording_began", "00:05")
    write(app, "recording_ended", "00:02")
    expect(app.locator("#save-state")).to_contain_text("1 answer to go")
    expect(app.locator("#open-question #recording_ended")).to_be_visible()
    check_page(desk.page, app, "the end before the beginning", widths=[PHONE, NARROWEST])
    app.locator("#recording_ended").fill("00:08")
    app.locator("#more-next").click()
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    expect(app.locator(".app-note__paper")).to_contain_text("Recorded from 00:05 to 00:08, by the clock.")
    app.locator("#answered-recording_began summary").click()
    expect(app.locator("#recording_began")).to_have_value("00:05")
    check_page(desk.page, app, "the times of a recording", widths=[PHONE, NARROWEST])


def test_a_picture_has_a_reason_of_its_own(desk: Desk, photos: list[Path]) -> None:
    app = desk.launch_in_frame(ADULT_B)
    begin(app)
    choose(app, photos[:1])
    expect(card(app, 1).locator(".app-own-purpose")).to_be_hidden()
    choose(app, photos[1:2])
    answer(app)
    place(app, 1, "abdomen")
    place(app, 2, "abdomen")
    fold = card(app, 2).locator(".app-own-purpose")
    expect(card(app, 1).locator(".app-own-purpose summary")).to_be_visible()
    fold.locator("summary").focus()
    app.page.keyboard.press("Enter")
    fold.locator("textarea").fill("A second rash that is new")
    fold.locator("textarea").blur()
    expect(app.locator(".app-note__paper")).to_contain_text("A second rash that is new")
    expect(app.locator(".app-note__paper")).to_contain_text("Rash, to compare in two weeks")
    check_page(desk.page, app, "a reason of one picture's own", widths=[PHONE, NARROWEST])
    file(app)
    expect_filed(app, 2)
