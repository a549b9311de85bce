"""A clinician in an EHR that takes no images: told before, done as told, and told what the chart has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.ward import ADULT_A, Desk, open_ward
from tests.journeys.browser.watch import check_page
from tests.journeys.browser.writeback_steps import FOLDER, NAMES, filed, foretold, what_it_can

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

TOLD = {
    "oracle": ("PDF page with the picture", "The chart has a PDF page", "filed"),
    "athena": ("signed file", "The chart has nothing yet", "kept by this app"),
}


@pytest.fixture(scope="module", params=sorted(TOLD))
def ward(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with open_ward(tmp_path_factory.mktemp("ward"), like=request.param) as demo:
        yield demo


def test_told_before_done_as_told_and_told_after(ward: Demo, desk: Desk, photos: list[Path]) -> None:
    before, after, done = TOLD[ward.sandbox.sandbox.config.personality]
    app = desk.launch_in_frame(ADULT_A)
    what_it_can(app)
    check_page(desk.page, app, "what this EHR can do")
    app = desk.launch_in_frame(ADULT_A)
    foretold(app, photos[:1], before)
    filed(app, after, done=done)
    check_page(desk.page, app, "the receipt of an EHR that takes no images")
    app = desk.launch_in_frame(ADULT_A)
    expect(app.locator(".app-tile__link")).to_have_count(1)
    assert ward.sandbox.store.search("Media", {"patient": f"Patient/{ADULT_A}"}) == []


def test_the_pictures_of_the_documentation_are_there() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.png")) == sorted(NAMES)
