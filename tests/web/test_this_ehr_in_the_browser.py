"""What this EHR can do, and the sentence before *File*, in Chromium: axe, at a desk and on a phone, by the keyboard."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from fhir_plugin.capture.ladder_words import BEFORE
from mappings.model.writeback import Rung
from tests.web.chromium import Open, add, address, answer_everything, chromium, launch, mark, photos, place, well
from tests.web.ehrs import ORACLE, TEXT_ONLY
from tests.web.fake import FakeParts

__all__ = ["address", "chromium", "launch", "photos"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

DESK, PHONE = (1280, 900), (320, 640)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_before_filing_and_on_the_page_behind_it(
    launch: Open, parts: FakeParts, photos: list[str], size: tuple[int, int]
) -> None:
    parts.captures.capability = TEXT_ONLY
    page = launch("amy", width=size[0], height=size[1])
    add(page, photos[:1])
    answer_everything(page)
    place(page, 0, "abdomen")
    mark(page.locator(".app-card input[value=store]"))
    expect(page.locator("#save-state")).to_contain_text("Ready to file")
    told = page.get_by_role("region", name="In this EHR")
    expect(told).to_contain_text(BEFORE[Rung.TEXT_NOTE])
    well(page, "before filing")
    why = told.locator("summary")
    why.focus()
    page.keyboard.press("Enter")
    expect(told).to_contain_text("Not the image itself: it takes no such files from apps.")
    well(page, "why not better")
    told.get_by_role("link", name="What this EHR can do").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What this EHR can do")
    page.get_by_text("For testers and administrators").click()
    expect(page.get_by_role("table")).to_be_visible()
    well(page, "every reason")


def test_the_page_needs_no_scripts(launch: Open, parts: FakeParts) -> None:
    parts.captures.capability = replace(ORACLE, scopes=tuple(f"patient/{'X' * 60}{each}.rs" for each in range(3)))
    page = launch("amy", width=320, height=640, scripts=False)
    page.get_by_role("link", name="What this EHR can do").click()
    page.get_by_text("For testers and administrators").click()
    expect(page.get_by_role("table")).to_be_visible()
    expect(page.get_by_text("nobody of this project has run it").first).to_be_visible()
