"""A picture that the patient wants private: calm until somebody says why, for one launch and no longer."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Frame, expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.ward import (
    ADULT_A,
    PRIVATE,
    Desk,
    expect_filed,
    file,
    filed_for,
    go_on,
    justify,
    one_picture,
)
from tests.journeys.browser.watch import check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

PIXELS = "/images/[^?]*/(picture|thumbnail)"


def file_private_picture(app: Frame, photos: list[Path]) -> None:
    one_picture(app, photos[:1], intimacy="private")
    go_on(app, **PRIVATE)
    justify(app, 1)
    file(app)
    expect_filed(app, 1)


def test_no_pixel_before_the_reason_and_no_reason_twice_in_one_launch(
    desk: Desk, ward: Demo, photos: list[Path]
) -> None:
    app = desk.launch_in_frame(ADULT_A)
    file_private_picture(app, photos)
    check_page(desk.page, app, "receipt of a private picture")
    [media] = filed_for(ward, ADULT_A)
    assert {"R", "PRS"} <= {label["code"] for label in media["meta"]["security"]}

    app = desk.launch_in_frame(ADULT_A)
    seen = len(desk.watch.urls)
    expect(app.locator(".app-tile--calm")).to_have_count(1)
    expect(app.get_by_text("Body site hidden")).to_be_visible()
    assert "Abdomen" not in app.content()
    app.goto(app.url + "?by=site")
    check_page(desk.page, app, "calm tile")
    app.goto(app.url.split("?")[0] + f"images/Media/{media['id']}")
    expect(app.locator(".app-tile--calm")).to_have_count(1)
    check_page(desk.page, app, "calm picture page")
    # Asked for by its address, the server itself says no.
    for kind in ("picture", "thumbnail"):
        assert app.evaluate(STATUS_OF, f"{app.url}/{kind}") == 403
    desk.watch.foreseen.append(r"status of 403 .*/(picture|thumbnail)\)")
    asked = [url for url in desk.watch.urls[seen:] if "/picture" in url or "/thumbnail" in url]
    assert len(asked) == 2, "only the two that this test asked for itself"

    app.goto(app.url.split("images/")[0])
    app.locator(".app-reveal summary").click()
    check_page(desk.page, app, "asked for a reason")
    app.get_by_role("button", name="Direct care").click()
    expect(app.locator(".app-tile--calm")).to_have_count(0)
    _shows_pixels(app)
    check_page(desk.page, app, "revealed")

    app.evaluate("location.reload()")
    expect(app.locator(".app-tile__link img")).to_have_count(1)
    _shows_pixels(app)

    seen = len(desk.watch.asked_for(PIXELS))
    again = desk.launch_in_frame(ADULT_A)
    expect(again.locator(".app-tile--calm")).to_have_count(1)
    assert len(desk.watch.asked_for(PIXELS)) == seen, "a new launch asks for no pixel before its own reason"


STATUS_OF = "async (address) => (await fetch(address)).status"


def _shows_pixels(app: Frame) -> None:
    picture = app.locator(".app-tile__link img")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("(each) => each.decode().then(() => each.naturalWidth)") > 0
