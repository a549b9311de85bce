"""A browser that keeps no cookie for the app inside the EHR's frame: said, and a way on that ends at the patient."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Page, Route, expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.cookies import cookie_comes_back
from tests.journeys.browser.keyboard import Keyboard
from tests.journeys.browser.ward import ADULT_A, ARGUMENTS, CHROMIUM, Desk, framed
from tests.journeys.browser.watch import DESKTOP, check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

BLOCKED = "Your browser blocks the cookie that keeps this page safe"
BLOCK = 2


@pytest.fixture
def strict_desk(ward: Demo, chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    """A GP whose browser keeps no cookie of any kind, partitioned or not, for the app inside the EHR's page.

    It keeps them for the app in a window of its own. Cookies are a setting of the profile, so it needs one.
    """
    profile = tmp_path / "profile"
    (profile / "Default").mkdir(parents=True)
    inside_the_ehr = {f"{ward.app.origin},{ward.sandbox.origin}": {"setting": BLOCK}}
    settings = {"content_settings": {"exceptions": {"cookies": inside_the_ehr}}}
    (profile / "Default" / "Preferences").write_text(json.dumps({"profile": settings}))
    assert chromium.is_connected()
    context = chromium.browser_type.launch_persistent_context(
        str(profile), executable_path=CHROMIUM, args=[*ARGUMENTS], viewport=DESKTOP, locale="en-GB"
    )
    desk = Desk(ward, context)
    desk.watch.foreseen.append("status of 400")
    desk.sign_in()
    yield desk
    context.close()
    desk.watch.verify()


def blocked_in_frame(desk: Desk) -> Frame:
    desk.open_chart(ADULT_A)
    desk.page.get_by_role("button", name="Launch app in a frame").click()
    heading = desk.page.frame_locator("iframe").get_by_role("heading", level=1)
    expect(heading).to_have_text(BLOCKED)
    return framed(desk.page)


def expect_gallery(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text("Images")
    expect(page.get_by_role("banner")).to_contain_text("Anand")


def test_a_new_window_ends_at_the_same_patient(strict_desk: Desk) -> None:
    app = blocked_in_frame(strict_desk)
    assert not cookie_comes_back(app, partitioned=False)
    assert not cookie_comes_back(app, partitioned=True), "this browser keeps the cookie after all"
    for word in ("Anand", "Priya", "9993395633", ADULT_A):
        assert word not in app.content()
    assert strict_desk.demo.app.origin in app.locator("body").inner_text()
    check_page(strict_desk.page, app, "cookies blocked")
    with strict_desk.context.expect_page() as opened:
        app.get_by_role("link", name="Open in a new window").click()
    expect_gallery(opened.value)
    assert opened.value.evaluate("window.opener") is None
    opened.value.reload()
    expect_gallery(opened.value)


def test_by_keyboard_alone(strict_desk: Desk) -> None:
    app = blocked_in_frame(strict_desk)
    strict_desk.page.locator("iframe").focus()
    keyboard = Keyboard(strict_desk.page, app)
    keyboard.tab_to('a[href*="launch="]')
    with strict_desk.context.expect_page() as opened:
        keyboard.press("Enter")
    expect_gallery(opened.value)


def test_starting_from_the_app_instead(strict_desk: Desk) -> None:
    app = blocked_in_frame(strict_desk)
    with strict_desk.context.expect_page() as opened:
        app.get_by_role("link", name="Start from this app instead").click()
    ehr = opened.value
    ehr.get_by_label(re.compile("Dr Amara Nwosu")).check()
    ehr.get_by_role("button", name="Sign in").click()
    ehr.get_by_label(re.compile("Priya")).check()
    ehr.get_by_role("button", name="Allow").click()
    expect_gallery(ehr)


def test_a_browser_that_does_not_allow_it_says_so(strict_desk: Desk) -> None:
    app = blocked_in_frame(strict_desk)
    app.evaluate(
        "void (document.requestStorageAccess = () => Promise.reject(new DOMException('no', 'NotAllowedError')))"
    )
    app.get_by_role("button", name="Let this app use its cookie here").click()
    expect(app.get_by_role("status")).to_have_text(re.compile("did not allow it"))
    check_page(strict_desk.page, app, "not allowed")


def test_a_browser_that_cannot_be_asked_is_not_offered_to_ask(strict_desk: Desk) -> None:
    strict_desk.context.add_init_script("delete Document.prototype.requestStorageAccess")
    app = blocked_in_frame(strict_desk)
    expect(app.get_by_role("link", name="Open in a new window")).to_be_visible()
    expect(app.get_by_role("button", name="Let this app use its cookie here")).not_to_be_visible()


def test_once_allowed_the_chart_opens_in_its_frame(desk: Desk) -> None:
    """The grant is played: a browser without a head asks nobody. Until then the app believes that its cookie was
    tried and did not come back."""
    desk.watch.foreseen.append("status of 400")
    granted = False

    def grant() -> None:
        nonlocal granted
        granted = True

    def as_if_tried(route: Route) -> None:
        route.continue_(url=None if granted else f"{route.request.url}&cookie=1")

    desk.context.expose_function("grant", grant)
    desk.context.add_init_script("document.requestStorageAccess = () => window.grant()")
    desk.context.route("**/launch?**", as_if_tried)
    app = blocked_in_frame(desk)
    app.goto(f"{app.url}&cookie=1")  # where the look for the cookie really ends: loading that again would not help
    app.get_by_role("button", name="Let this app use its cookie here").click()
    expect(desk.page.frame_locator("iframe").get_by_role("heading", level=1)).to_contain_text("Images")


def test_a_browser_that_keeps_no_cookie_anywhere_is_not_sent_from_window_to_window(
    ward: Demo, chromium: Browser, tmp_path: Path
) -> None:
    profile = tmp_path / "profile"
    (profile / "Default").mkdir(parents=True)
    settings = {"default_content_setting_values": {"cookies": BLOCK}}
    (profile / "Default" / "Preferences").write_text(json.dumps({"profile": settings}))
    assert chromium.is_connected()
    context = chromium.browser_type.launch_persistent_context(
        str(profile), executable_path=CHROMIUM, args=[*ARGUMENTS], viewport=DESKTOP
    )
    try:
        page = context.new_page()
        page.goto(f"{ward.app.origin}/launch?iss={ward.sandbox.fhir_base}&launch=handle")
        expect(page.get_by_role("heading", level=1)).to_have_text(BLOCKED)
        expect(page.locator("body")).to_contain_text("Cookies are switched off for this app in your browser.")
        expect(page.get_by_role("link", name="Open in a new window")).to_have_count(0)
        expect(page.get_by_role("link", name="Try again")).to_be_visible()
        check_page(page, page.main_frame, "cookies off")
    finally:
        context.close()
