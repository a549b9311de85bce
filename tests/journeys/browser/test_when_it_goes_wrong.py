"""Sessions that end, an EHR that is down while filing, a browser that keeps no cookie: said, mended, nothing lost."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Route, expect

from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.faults import Fault, Match
from tests.journeys.browser.ward import (
    ADULT_A,
    ADULT_B,
    ARGUMENTS,
    CHROMIUM,
    Desk,
    ShiftedClock,
    expect_filed,
    file,
    filed_for,
    framed,
    one_picture,
    say,
)
from tests.journeys.browser.watch import DESKTOP, check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


@pytest.fixture
def faults(ward: Demo) -> Iterator[None]:
    yield
    ward.sandbox.faults.clear()


@pytest.fixture
def moving_clock(ward_clock: ShiftedClock) -> Iterator[ShiftedClock]:
    yield ward_clock
    ward_clock.by = dt.timedelta()


def ready(app: Frame, photos: list[Path]) -> None:
    one_picture(app, photos[:1])
    expect(app.locator("#save-state")).to_contain_text("Ready to file")


def test_a_session_that_has_ended_goes_on_after_the_next_launch(
    desk: Desk, ward: Demo, photos: list[Path], moving_clock: ShiftedClock
) -> None:
    desk.watch.foreseen.append("status of 401|Status Error Code 401")
    app = desk.launch_in_frame(ADULT_A)
    ready(app, photos)
    moving_clock.by = dt.timedelta(hours=9)
    app.locator("#advice").fill("Typed after the session had ended")
    expect(app.get_by_role("heading", level=1)).to_have_text("You are signed out of this chart")
    expect(app.get_by_label("What did you advise?", exact=True)).to_have_value("Typed after the session had ended")
    check_page(desk.page, app, "signed out")
    app.goto(app.url)
    expect(app.get_by_role("heading", level=1)).to_have_text("This page has expired")
    check_page(desk.page, app, "expired")
    assert filed_for(ward, ADULT_A) == []

    moving_clock.by = dt.timedelta()
    again = desk.launch_in_frame(ADULT_A)
    again.locator(".app-waiting a").first.click()
    expect(again.locator("#file")).to_be_visible()
    file(again)
    expect_filed(again, 1)


def test_the_ehr_is_down_while_filing_and_comes_back(
    desk: Desk, ward: Demo, photos: list[Path], faults: None, moving_clock: ShiftedClock
) -> None:
    desk.watch.foreseen.append("status of 50[0-9]|Status Error Code 50")
    before = len(filed_for(ward, ADULT_B))
    app = desk.launch_in_frame(ADULT_B)
    ready(app, photos)
    ward.sandbox.faults.add(
        Fault(kind="error-before-write", match=Match(method="POST|PUT", path="/fhir"), times=10_000)
    )
    file(app)
    expect(app.get_by_role("heading", level=1)).to_have_text("Filing to Thomas Whitlock’s record", timeout=30_000)
    expect(app.get_by_text("You can close this page")).to_be_visible()
    check_page(desk.page, app, "filing")
    assert len(filed_for(ward, ADULT_B)) == before

    ward.sandbox.faults.clear()
    moving_clock.by = dt.timedelta(minutes=5)  # until the next try is due
    assert ward.installation.resume()
    expect_filed(app, 1)  # by itself: nobody reloads
    assert len(filed_for(ward, ADULT_B)) == before + 1


def test_what_was_typed_while_the_ehr_was_down_survives_a_try_to_file(
    desk: Desk, ward: Demo, photos: list[Path], faults: None
) -> None:
    desk.watch.foreseen.append("status of 50[0-9]|Status Error Code 50")
    app = desk.launch_in_frame(ADULT_B)
    ready(app, photos)
    ward.sandbox.faults.add(Fault(kind="error-before-write", match=Match(path="/fhir"), times=10_000))
    app.locator("#advice").fill("Typed while the EHR was down")
    file(app)
    expect(app.get_by_role("heading", level=1)).to_have_text("The record is not answering")
    ward.sandbox.faults.clear()
    app.evaluate("history.back()")
    expect(app.locator("#advice")).to_have_value("Typed while the EHR was down")


def test_a_save_that_still_waits_when_file_is_pressed_does_no_harm(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    before = len(filed_for(ward, ADULT_B))
    app = desk.launch_in_frame(ADULT_B)
    ready(app, photos)

    def later(milliseconds: int) -> Callable[[Route], None]:
        def hold(route: Route) -> None:
            desk.page.wait_for_timeout(milliseconds)
            route.continue_()

        return hold

    desk.page.route("**/answers", later(400))
    desk.page.route("**/file", later(1500))
    say(app, "identity", "known")  # saved now
    say(app, "photographer", "colleague")  # saved when that is through
    file(app)
    expect_filed(app, 1)
    assert len(filed_for(ward, ADULT_B)) == before + 1
    assert len(desk.watch.asked_for("/file$")) == 1


def test_the_ehr_is_down_when_the_gallery_opens(desk: Desk, ward: Demo, faults: None) -> None:
    desk.watch.foreseen.append("status of 50[0-9]|Status Error Code 50")
    app = desk.launch_in_frame(ADULT_B)
    ward.sandbox.faults.add(Fault(kind="error-before-write", match=Match(path="/fhir"), times=10_000))
    app.goto(app.url)
    expect(app.get_by_role("heading", level=1)).to_have_text("The record is not answering")
    check_page(desk.page, app, "record not answering")


def test_a_browser_that_keeps_no_cookie_is_told_so(ward: Demo, chromium: Browser, tmp_path: Path) -> None:
    """A profile of its own: whether cookies are kept at all is a setting of the profile."""
    profile = tmp_path / "profile"
    (profile / "Default").mkdir(parents=True)
    only_the_ehr = {f"{ward.sandbox.origin},*": {"setting": 1}}
    settings = {
        "default_content_setting_values": {"cookies": 2},
        "content_settings": {"exceptions": {"cookies": only_the_ehr}},
    }
    (profile / "Default" / "Preferences").write_text(json.dumps({"profile": settings}))
    assert chromium.is_connected()
    context = chromium.browser_type.launch_persistent_context(
        str(profile), executable_path=CHROMIUM, args=[*ARGUMENTS], viewport=DESKTOP
    )
    try:
        desk = Desk(ward, context)
        desk.watch.foreseen.append("status of 400")
        desk.sign_in()
        desk.open_chart(ADULT_A)
        desk.page.get_by_role("button", name="Launch app in a frame").click()
        heading = desk.page.frame_locator("iframe").get_by_role("heading", level=1)
        expect(heading).to_have_text("Your browser blocks the cookie that keeps this page safe")
        check_page(desk.page, framed(desk.page), "cookies blocked")
    finally:
        context.close()
    desk.watch.verify()
