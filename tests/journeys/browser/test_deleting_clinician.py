"""A clinician hides, restores, finds the wrong patient, asks for permanent deletion and carries it out, in Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from fhir_plugin.demo import Demo
from tests.journeys.browser import deletion_steps as steps
from tests.journeys.browser.charts import with_twenty_images
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.disclosure_steps import save
from tests.journeys.browser.guardian_steps import decide, queue
from tests.journeys.browser.ward import ADULT_A, ADULT_B
from tests.journeys.browser.watch import DESKTOP, check_page
from tests.shape.project import text_of

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

PIXELS = "/images/Media/{}/(picture|thumbnail)"


@pytest.fixture(scope="module")
def chart(ward: Demo) -> str:
    """A patient with twenty images."""
    with_twenty_images(ward, ADULT_B)
    steps.of_its_own(ward, "shown-3")
    return ADULT_B


def status_of(ward: Demo, image: str) -> str:
    """What the EHR's own Media says of itself."""
    [found] = [each for each in ward.sandbox.store.search("Media", {}) if each["id"] == image]
    return str(found["status"])


def test_hidden_at_once_and_restored_as_it_was(open_desk: OpenDesk, ward: Demo, chart: str) -> None:
    desk = open_desk()
    desk.sign_in()
    app = desk.launch_in_frame(chart)
    before = len(ward.sandbox.store.search("Media", {"patient": f"Patient/{chart}"}))
    steps.hide(app, "shown-1", lambda name: check_page(desk.page, app, name, widths=(DESKTOP,)))
    asked = len(desk.watch.asked_for(PIXELS.format("shown-1")))
    steps.at(app, "")
    expect(app.get_by_role("link", name="1 hidden image")).to_be_visible()
    expect(app.locator("#Media-shown-1")).to_have_count(0)
    assert len(desk.watch.asked_for(PIXELS.format("shown-1"))) == asked, "no pixel of it is asked for any more"
    steps.restore(app, "shown-1")
    steps.at(app, "")
    expect(app.locator("#Media-shown-1")).to_be_visible()
    assert len(ward.sandbox.store.search("Media", {"patient": f"Patient/{chart}"})) == before


def test_asked_answered_taken_back_approved_and_destroyed(
    open_desk: OpenDesk, ward: Demo, chart: str, tmp_path: Path
) -> None:
    desk = open_desk()
    desk.sign_in()
    app = desk.launch_in_frame(chart)

    def seen(name: str) -> None:
        save(desk.page, app, tmp_path / f"{name}.png")
        check_page(desk.page, app, name, widths=(DESKTOP,))

    steps.ask(app, ("shown-3", "shown-4"), seen)
    steps.asks_more(queue(open_desk())[1], "Is his letter about this picture?")
    second_tab = desk.context.new_page()
    old = desk.launch_in_frame(chart, second_tab)
    desk.watch.foreseen.append("status of 409")
    steps.at(old, re.sub(r".*/l/[^/]+/", "", app.url))
    steps.answer(app, "Yes, it names the day", seen)
    old.get_by_label("Your answer").fill("Typed in a tab that is old by now")
    old.get_by_role("button", name=re.compile("^Answer about")).click()
    expect(old.get_by_role("alert")).to_contain_text("has changed this request since")
    steps.take_back(app, 2)
    decide(*queue(open_desk()), steps.WHOSE)
    steps.carry_out(ward, app, seen)
    assert "shown-3" not in {each["id"] for each in ward.sandbox.store.search("Media", {"patient": f"Patient/{chart}"})}
    assert status_of(ward, "shown-4") == "completed"
    for path in tmp_path.iterdir():
        assert path.stat().st_size < steps.MOST_BYTES, path.name
        with Image.open(path) as picture:
            assert len(picture.getcolors(256) or []) > 20, f"{path.name} shows next to nothing"


def test_the_wrong_patient_s_picture_reaches_the_right_chart_and_neither_names_the_other(
    open_desk: OpenDesk, ward: Demo, chart: str
) -> None:
    desk = open_desk()
    desk.sign_in()
    app = desk.launch_in_frame(chart)
    steps.wrong_patient(app, "shown-2", lambda name: check_page(desk.page, app, name, widths=(DESKTOP,)))
    assert status_of(ward, "shown-2") == "entered-in-error"
    expect(app.get_by_text("It was in another chart.")).to_have_count(0)
    other = desk.context.new_page()
    there = desk.launch_in_frame(ADULT_A, other)
    expect(there.locator("body")).not_to_contain_text("Whitlock")
    steps.file_again(there, lambda name: check_page(other, there, name, widths=(DESKTOP,)))
    expect(there.locator("body")).not_to_contain_text("Whitlock")


def test_the_pictures_of_the_documentation_are_these() -> None:
    for name in steps.NAMES:
        assert (steps.FOLDER / f"{name}.png").stat().st_size < steps.MOST_BYTES
        assert f"pictures/deletion/{name}.png" in text_of("docs/deletion.md")
