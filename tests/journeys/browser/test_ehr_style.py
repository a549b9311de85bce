"""The EHR's own style in its frame: taken over where it is safe, and never at the cost of what must be readable."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Frame, ViewportSize, expect

from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.oauth.context import LaunchContext
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.ward import (
    ADULT_A,
    ADULT_B,
    PRIVATE,
    Desk,
    answer,
    begin,
    card,
    choose,
    expect_filed,
    file,
    go_on,
    justify,
    one_picture,
    place,
)
from tests.journeys.browser.watch import NARROWEST, check_page
from tests.smart_launch.loopback import answer as http_answer
from tests.smart_launch.loopback import serving

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

SIDE_PANEL: ViewportSize = {"width": 700, "height": 900}
BOTH = [SIDE_PANEL, NARROWEST]

PLAIN = {
    "ground": "rgb(240, 244, 245)",
    "text": "rgb(33, 43, 50)",
    "button": "rgb(0, 127, 59)",
    "font": "arial, sans-serif",
    "size": "16px",
}
EHRS = {
    "ground": "rgb(236, 234, 228)",
    "text": "rgb(28, 28, 28)",
    "button": "rgb(47, 93, 98)",
    "font": "Verdana, Tahoma, sans-serif, arial, sans-serif",
    "size": "16px",
}
LOOK = """() => {
  const of = (selector, name) => getComputedStyle(document.querySelector(selector)).getPropertyValue(name)
  return {
    ground: of('body', 'background-color'), text: of('body', 'color'), font: of('main', 'font-family'),
    button: of('main .nhsuk-button:not(.nhsuk-button--secondary)', 'background-color'), size: of('html', 'font-size'),
  }
}"""
OURS_ALONE = """() => {
  const of = (selector, name) => {
    const found = document.querySelector(selector)
    return found && getComputedStyle(found).getPropertyValue(name)
  }
  return {
    banner: of('.app-banner', 'background-color'), error: of('.nhsuk-error-message', 'color'),
    summary: of('.nhsuk-error-summary a', 'color'), calm: of('.app-tile__calm', 'background-color'),
  }
}"""


def look_of(app: Frame) -> Mapping[str, str]:
    found: dict[str, str] = app.evaluate(LOOK)
    return {**found, "font": found["font"].replace('"', "")}


@contextmanager
def styled_by(ward: Demo, document: bytes, *, seconds: float = 0) -> Iterator[None]:
    """Launches from now on name a style that this server gives."""

    def give(connection: socket.socket, _request: bytes) -> None:
        time.sleep(seconds)
        connection.sendall(http_answer(document, headers="Content-Type: application/json\r\n"))

    launcher = ward.sandbox.sandbox.launcher
    plain = launcher.context

    with serving(give) as server, pytest.MonkeyPatch.context() as patch:
        url = f"http://localhost:{server.port}/style.json"

        def context(*given: str | None, **options: bool | str | None) -> LaunchContext:
            return replace(plain(*given, **options), smart_style_url=url)  # type: ignore[arg-type]  # as it was given

        patch.setattr(launcher, "context", context)
        yield


def test_the_style_of_the_ehr_from_the_gallery_to_the_receipt(open_desk: OpenDesk, photos: list[Path]) -> None:
    desk = open_desk(**SIDE_PANEL)
    desk.watch.foreseen.append(r"status of 422 .*/file\)")  # filed too early, on purpose
    desk.sign_in()
    app = desk.launch_in_frame(ADULT_A)
    assert look_of(app) == EHRS
    assert desk.watch.asked_for(r"/l/[^/]+/style-[0-9a-f]{16}\.css$"), "from our own origin"
    assert not desk.watch.asked_for("smart-style.json"), "the browser never asks the EHR for it"
    check_page(desk.page, app, "gallery", widths=BOTH)

    begin(app)
    choose(app, photos[:1])
    file(app)
    expect(app.locator(".nhsuk-error-summary")).to_be_visible()
    found = app.evaluate(OURS_ALONE)
    assert found["error"] == "rgb(160, 30, 20)", "our red, dark enough for the EHR's ground"
    assert found["summary"] == "rgb(213, 40, 27)", "on white"
    check_page(desk.page, app, "what is missing", widths=BOTH)

    card(app, 1).get_by_role("button", name="Edit").click()
    app.locator("#editor[data-ready]").wait_for()
    check_page(desk.page, app, "editor", widths=BOTH)
    app.get_by_role("button", name="Use this picture").click()

    answer(app, intimacy="private")
    place(app, 1, "abdomen")
    go_on(app, **PRIVATE)
    justify(app, 1)
    check_page(desk.page, app, "ready", widths=BOTH)
    file(app)
    expect_filed(app, 1)
    assert look_of(app) == EHRS
    check_page(desk.page, app, "receipt", widths=BOTH)
    app.get_by_role("link", name="All images").click()
    expect(app.get_by_role("heading", level=1)).to_contain_text("Images")
    expect(app.locator(".app-tile--calm")).to_have_count(1)
    assert app.evaluate(OURS_ALONE)["calm"] == "rgb(228, 233, 236)"
    check_page(desk.page, app, "calm tile", widths=BOTH)


def test_the_patient_banner_keeps_its_own_colours(desk: Desk) -> None:
    page = desk.launch_in_tab(ADULT_B)
    app = page.main_frame
    assert look_of(app) == EHRS
    assert app.evaluate(OURS_ALONE)["banner"] == "rgb(0, 48, 135)"
    expect(app.locator(".app-banner__name")).to_be_visible()
    check_page(page, app, "gallery in a tab", widths=BOTH)


HOSTILE = {
    "color_background": "#ffffff",
    "color_text": "#fefefe",
    "color_highlight": "#ffffff;}body{display:none",
    "color_error": "#ffffff",
    "color_success": "#ffffff",
    "color_modal_backdrop": "#ffffff",
    "dim_font_size": "4px",
    "dim_border_radius": "9999px",
    "dim_spacing_size": "9999px",
    "font_family_body": "Wingdings;}*{display:none}",
    "font_family_heading": "Webdings, 'Symbol'",
}
LARGE = {
    "color_background": "#f4efe6",
    "color_text": "#000000",
    "color_highlight": "#5a1d7a",
    "dim_font_size": "48px",
    "dim_border_radius": "32px",
    "dim_spacing_size": "64px",
    "font_family_body": "Verdana",
    "font_family_heading": "Georgia",
}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (HOSTILE, PLAIN),
        (
            LARGE,
            {
                "ground": "rgb(244, 239, 230)",
                "text": "rgb(0, 0, 0)",
                "button": "rgb(90, 29, 122)",
                "font": "Verdana, arial, sans-serif",
                "size": "20px",
            },
        ),
    ],
    ids=["hostile", "as large as it gets"],
)
def test_a_style_that_goes_too_far(
    open_desk: OpenDesk, ward: Demo, photos: list[Path], document: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    desk = open_desk(**SIDE_PANEL)
    desk.sign_in()
    with styled_by(ward, json.dumps(document).encode()):
        app = desk.launch_in_frame(ADULT_B)
        assert look_of(app) == expected
        check_page(desk.page, app, "gallery", widths=BOTH)
        one_picture(app, photos[:1])
        check_page(desk.page, app, "ready", widths=BOTH)
        card(app, 1).get_by_role("button", name="Edit").click()
        app.locator("#editor[data-ready]").wait_for()
        check_page(desk.page, app, "editor", widths=BOTH)


def test_a_style_that_dawdles_holds_up_nothing_and_comes_later(desk: Desk, ward: Demo) -> None:
    with styled_by(ward, json.dumps(LARGE).encode(), seconds=1.5):
        app = desk.launch_in_frame(ADULT_B)
        assert look_of(app) == PLAIN
        for _ in range(15):  # it comes after 1.5 seconds, or later on a busy machine
            time.sleep(1)
            app.goto(app.url)
            if look_of(app) != PLAIN:
                break
        expect(app.locator("body")).to_have_css("background-color", "rgb(244, 239, 230)")


@pytest.mark.parametrize("document", [b"", b"<html>", b"[]", b'{"color_text": ' + b" " * 70_000 + b'"#000"}'])
def test_a_style_that_is_none_is_silent(desk: Desk, ward: Demo, document: bytes) -> None:
    with styled_by(ward, document):
        assert look_of(desk.launch_in_frame(ADULT_B)) == PLAIN
