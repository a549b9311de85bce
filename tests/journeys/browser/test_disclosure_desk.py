"""A disclosure officer answers an insurer from a record with twenty images: from the letter to the signed package."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.charts import with_twenty_images
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.disclosure_steps import (
    FOLDER,
    MOST_BYTES,
    NAMES,
    answer_an_insurer,
    at_the_desk,
    new_request,
    save,
)
from tests.journeys.browser.ward import ADULT_B
from tests.journeys.browser.watch import DESKTOP, check_page
from tests.shape.project import text_of

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

CHECKED = ("desk", "list", "item", "opened", "sign", "made", "accounting")
"""Looked at with axe at a desk's width and for what scrolls sideways on a phone. The rest is in `tests/web`."""


@pytest.fixture(scope="module")
def chart(ward: Demo) -> str:
    """A patient with twenty images."""
    with_twenty_images(ward, ADULT_B)
    return ADULT_B


def test_from_an_insurers_letter_to_a_signed_package_in_under_five_minutes(
    open_desk: OpenDesk, chart: str, tmp_path: Path
) -> None:
    desk = open_desk()
    begun = time.monotonic()
    page, app = at_the_desk(desk, chart)

    def seen(name: str) -> None:
        save(page, app, tmp_path / f"{name}.png")
        if name == "list":
            assert desk.watch.asked_for("/picture") == [], "no pixel before somebody asks for it"
        if name in CHECKED:
            check_page(page, app, name, widths=(DESKTOP,))

    package = answer_an_insurer(page, app, seen)
    assert time.monotonic() - begun < 300
    pictures = [name for name in package.namelist() if name.endswith((".jpg", ".jpeg", ".png"))]
    assert len(pictures) == 14, package.namelist()
    assert {path.stem for path in tmp_path.iterdir()} == set(NAMES)
    for path in tmp_path.iterdir():
        assert path.stat().st_size < MOST_BYTES, path.name
        with Image.open(path) as picture:
            assert len(picture.getcolors(256) or []) > 20, f"{path.name} shows next to nothing"


def test_a_clinician_is_asked_on_the_worklist_and_the_officer_reads_the_answer(open_desk: OpenDesk, chart: str) -> None:
    _, app = at_the_desk(open_desk(), chart)
    new_request(app, "The patient", "Thomas Whitlock, at his address", lambda _name: None)
    app.get_by_role("link", name=re.compile("15 February 2026")).click()
    app.get_by_text("Ask a health professional").click()
    app.get_by_label("What makes you ask").fill("Was he told what this shows?")
    app.get_by_role("button", name="Ask", exact=True).click()
    expect(app.get_by_text("This waits for a health professional.")).to_be_visible()

    clinician = open_desk()
    clinician.sign_in()
    theirs = clinician.launch_in_frame(chart)
    theirs.get_by_role("link", name=re.compile("Would it cause serious harm")).click()
    theirs.locator(".app-work__heading a").click()
    expect(theirs.get_by_text("Was he told what this shows?")).to_be_visible()
    assert theirs.locator("main img").count() == 0
    theirs.get_by_label("No: it is not likely to cause serious harm").check()
    theirs.get_by_label("Why, in your own words").fill("He was there when it was taken")
    theirs.get_by_role("button", name=re.compile("Give this opinion")).click()
    expect(theirs.get_by_text("Amara Nwosu has answered")).to_be_visible()

    app.get_by_role("link", name=re.compile("16 February 2026")).click()
    expect(app.get_by_role("link", name=re.compile("16 February 2026"))).to_have_attribute("aria-current", "true")
    app.get_by_role("link", name=re.compile("15 February 2026")).click()
    expect(app.locator(".app-verdict").get_by_text("He was there when it was taken")).to_be_visible()
    expect(app.get_by_text("This goes out.")).to_be_visible()


def test_the_pictures_of_the_documentation_are_these() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.png")) == sorted(NAMES)
    assert all((FOLDER / f"{name}.png").stat().st_size < MOST_BYTES for name in NAMES)
    assert all(f"pictures/disclosure/{name}.png" in text_of("docs/disclosure.md") for name in NAMES)
