"""The practice’s list, concerns and reviews in Chromium: axe in every state, phone width, keyboard, no scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.chromium import Open, address, chromium, launch, well
from tests.web.fake import FakeParts
from tests.web.test_worklist import furnish, with_consent

__all__ = ["address", "chromium", "launch"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

DESK, PHONE = (1280, 900), (320, 640)


def go(page: Page, path: str) -> None:
    page.goto(page.url.split("/l/")[0] + path)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_page_of_the_list_is_well(launch: Open, parts: FakeParts, size: tuple[int, int]) -> None:
    furnish(parts)
    with_consent(parts)
    page = launch("amy", width=size[0], height=size[1])
    for path in ("", "worklist?whose=all", "worklist?whose=nobody", "worklist/call", "worklist/away", "concerns"):
        go(page, f"/l/amy/{path}")
        well(page, path)
    go(page, "/l/amy/images/Media/m1/consent")
    well(page, "consent")
    page.get_by_role("button", name=re.compile("Withdraw .*teaching")).click()
    expect(page.get_by_text("Use the image for teaching: withdrawn")).to_be_visible()
    go(page, "/l/amy/worklist?whose=all")
    page.get_by_role("link", name=re.compile("Open.*Consent withdrawn")).click()
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose one.")
    well(page, "review with a problem")
    page.get_by_label("It is kept").check()
    page.get_by_label("Why").fill("The referral needs it.")
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_role("heading", name="Practice worklist")).to_be_visible()
    expect(page.get_by_text("Consent withdrawn")).to_have_count(1)  # the filter still offers the kind


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_concern_is_raised_and_closed_with_and_without_scripts(launch: Open, parts: FakeParts, scripts: bool) -> None:
    page = launch("amy", scripts=scripts)
    page.get_by_role("link", name="Raise a concern").click()
    page.get_by_role("button", name="Raise this concern about Amy LEE").click()
    expect(page.get_by_role("link", name="Say what concerns you")).to_be_visible()
    page.get_by_label("What concerns you?").fill("She was frightened of the person with her.")
    page.get_by_label("Who has been told?").fill("The safeguarding lead, at ten.")
    page.get_by_role("button", name="Raise this concern about Amy LEE").click()
    expect(page.get_by_role("status")).to_contain_text("written down")
    if scripts:
        well(page, "a raised concern")
    page.get_by_role("link", name=re.compile("Read.*Safeguarding concern")).click()
    page.get_by_label("Why can this be closed?").fill("Referred; the social worker has it.")
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_text("Closed 2 March 2026")).to_be_visible()


def test_triage_gives_an_item_to_somebody_by_keyboard(launch: Open, parts: FakeParts) -> None:
    furnish(parts)
    page = launch("desk", width=700)
    go(page, "/l/desk/worklist?whose=nobody")
    well(page, "triage")
    summary = page.locator("summary", has_text="Give it to somebody: Wants to be called")
    summary.focus()
    page.keyboard.press("Enter")
    page.locator("#to-call").select_option("Practitioner/nurse")
    page.locator("#to-call").press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    go(page, "/l/desk/worklist?whose=all")
    expect(page.locator("#call")).to_contain_text("With Nurse Chidi Okoro")
