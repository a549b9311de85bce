"""Two patients in one browser, in two frames and in two tabs: nothing of one reaches the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Frame, expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.cookies import cookie_comes_back
from tests.journeys.browser.ward import (
    ADULT_A,
    ADULT_B,
    Desk,
    answer,
    begin,
    choose,
    expect_filed,
    file,
    filed_for,
    one_picture,
    place,
)
from tests.journeys.browser.watch import DESKTOP

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

Launch = Callable[[Desk, str], Frame]
NAMES = {ADULT_A: "Anand", ADULT_B: "Whitlock"}


def in_a_frame(desk: Desk, patient: str) -> Frame:
    return desk.launch_in_frame(patient, desk.context.new_page())


def in_a_tab(desk: Desk, patient: str) -> Frame:
    return desk.launch_in_tab(patient).main_frame


@pytest.mark.parametrize("launch", [in_a_frame, in_a_tab])
def test_what_is_filed_from_one_patient_s_pages_is_filed_to_that_patient(
    desk: Desk, ward: Demo, photos: list[Path], launch: Launch
) -> None:
    before = {patient: len(filed_for(ward, patient)) for patient in NAMES}
    a = launch(desk, ADULT_A)
    b = launch(desk, ADULT_B)
    assert _launch_of(a) != _launch_of(b)
    framed = launch is in_a_frame
    for app in (a, b):
        # Inside the EHR's frame third-party cookies really are blocked: only a partitioned one comes back.
        assert cookie_comes_back(app, partitioned=False) is not framed
        assert cookie_comes_back(app, partitioned=True)
        assert (app.parent_frame is not None) is framed
    if framed:
        assert urlsplit(a.url).hostname != urlsplit(a.page.url).hostname, "one site, not two"
    begin(b)
    choose(b, photos[:1])

    a.page.bring_to_front()
    a.evaluate("location.reload()")
    expect(a.get_by_role("heading", level=1)).to_contain_text("Images")
    one_picture(a, photos[1:2])
    expect(a.locator("#file")).to_have_text("File to Priya Lakshmi Anand’s record")
    _holds_only(a, ADULT_A)
    file(a)
    expect_filed(a, 1)
    _holds_only(a, ADULT_A)

    b.page.bring_to_front()
    answer(b)
    place(b, 1, "knee", side="left")
    expect(b.locator("#file")).to_have_text("File to Thomas Whitlock’s record")
    _holds_only(b, ADULT_B)
    assert {patient: len(filed_for(ward, patient)) for patient in NAMES} == {
        ADULT_A: before[ADULT_A] + 1,
        ADULT_B: before[ADULT_B],
    }


@pytest.mark.parametrize("launch", [in_a_frame, in_a_tab])
def test_a_form_of_one_patient_sent_into_the_launch_of_another_is_refused(
    desk: Desk, ward: Demo, photos: list[Path], launch: Launch
) -> None:
    desk.watch.foreseen.append("status of (409|404)")
    before = {patient: len(filed_for(ward, patient)) for patient in NAMES}
    a = launch(desk, ADULT_A)
    b = launch(desk, ADULT_B)
    one_picture(b, photos[:1])
    expect(b.locator("#save-state")).to_contain_text("Ready to file")

    # The whole form of B's page, its file button's address too, into A's launch; pressed at once, for a save that
    # comes back in between draws the button with its own address again.
    with b.page.expect_response(lambda answered: answered.request.method == "POST") as refused:
        b.evaluate(
            """([from, to]) => {
              for (const one of document.querySelectorAll('#answers, #file'))
                for (const name of ['action', 'formaction'])
                  if (one.hasAttribute(name)) one.setAttribute(name, one.getAttribute(name).replace(from, to))
              document.getElementById('file').click()
            }""",
            [_launch_of(b), _launch_of(a)],
        )
    assert refused.value.status == 409
    expect(b.get_by_role("heading", level=1)).to_have_text("This page is for another patient")
    assert {patient: len(filed_for(ward, patient)) for patient in NAMES} == before

    # With A's own page values, B's capture does not exist in A's launch.
    answered = a.evaluate(
        """async (address) => {
          const form = new FormData(document.querySelector('.app-heading form'))
          return (await fetch(address, { method: 'POST', body: new URLSearchParams(form) })).status
        }""",
        f"{ward.app.origin}/l/{_launch_of(a)}/captures/{_capture_of(desk)}/file",
    )
    assert answered == 404


def test_a_launch_in_another_browser_s_hands_opens_nothing(desk: Desk, open_desk: Callable[[], Desk]) -> None:
    app = desk.launch_in_tab(ADULT_A)
    other = open_desk()
    other.watch.foreseen.append("status of 401")
    other.page.goto(app.url)
    expect(other.page.get_by_role("heading", level=1)).to_have_text("This page has expired")
    assert "Anand" not in other.page.content()
    assert other.page.viewport_size == DESKTOP


def _launch_of(app: Frame) -> str:
    return app.url.split("/")[4]


def _capture_of(desk: Desk) -> str:
    return desk.watch.asked_for("/captures/[0-9a-f-]{36}$")[-1].rsplit("/", 1)[1]


def _holds_only(app: Frame, patient: str) -> None:
    shown = app.content()
    others = (other for other in NAMES if other != patient)
    assert not any(NAMES[other] in shown or other in shown for other in others)
    assert NAMES[patient] in shown
