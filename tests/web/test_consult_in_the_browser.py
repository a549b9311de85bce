"""A second opinion in Chromium, from the copy to the answer: axe on every page, at a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.chromium import Open, address, chromium, launch, well
from tests.web.fake import FakeParts
from tests.web.test_consult import at_sams_chart
from tests.web.test_worklist import furnish, with_consent

__all__ = ["address", "chromium", "launch"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

DESK, PHONE = (1280, 900), (320, 640)


def go(page: Page, path: str) -> None:
    page.goto(page.url.split("/l/")[0] + path)


def fill(page: Page) -> None:
    page.get_by_label("Colleague").select_option(label="Nurse Chidi Okoro")
    page.get_by_label("What it is").check()
    page.get_by_label("Your question, and why").fill("Eczema or a fungus? The cream did not help.")
    for words in ("Tattoos", "Jewellery", "The background", "A condition or situation so rare"):
        page.get_by_label(words).check()
    page.get_by_label("Yes, they agree").check()


@pytest.mark.parametrize(
    ("size", "scripts"),
    [(DESK, True), (PHONE, True), (DESK, False)],
    ids=["desk", "phone", "no scripts"],
)
def test_from_the_picture_to_the_answer(launch: Open, parts: FakeParts, size: tuple[int, int], scripts: bool) -> None:
    furnish(parts)
    with_consent(parts)
    parts.sessions.known["nurse-sam"] = at_sams_chart()
    page = launch("amy", width=size[0], height=size[1], scripts=scripts)

    def check(where: str) -> None:
        if scripts:
            well(page, where)

    go(page, "/l/amy/images/Media/m1")
    page.get_by_role("link", name="Ask a colleague for a second opinion").click()
    if scripts:
        page.get_by_role("button", name="Crop").click()
    else:
        page.get_by_label("Black box 1").fill("0 0 30 30")
    check("the copy")
    page.get_by_role("button", name="Use this copy").click()
    expect(page.get_by_alt_text("The copy as your colleague will see it")).to_be_visible()
    page.get_by_role("button", name="Ask about Amy LEE").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose the colleague.")
    check("the question with problems")
    fill(page)
    page.get_by_role("button", name="Ask about Amy LEE").click()
    expect(page.get_by_text("Asked, not accepted yet")).to_be_visible()
    check("where it stands")

    theirs = launch("nurse-sam", width=size[0], height=size[1], scripts=scripts)
    go(theirs, "/l/nurse-sam/worklist")
    theirs.get_by_role("link", name=re.compile("Open.*Second opinion")).click()
    expect(theirs.get_by_text("This is not part of the chart that is open")).to_be_visible()
    assert theirs.locator("main").get_by_role("img").count() == 0, "nothing opens before it is accepted"
    if scripts:
        well(theirs, "asked")
    theirs.get_by_role("button", name=re.compile("I agree to look")).click()
    shown = theirs.get_by_alt_text("The copy, with your name and the time written over it")
    expect(shown).to_be_visible()
    if scripts:
        assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
        well(theirs, "accepted")
    assert "Amy" not in theirs.content()
    theirs.get_by_label("Your answer").fill("Tinea. Take a scraping.")
    theirs.get_by_role("button", name=re.compile("Send the answer")).click()
    expect(theirs.get_by_text("its copy destroyed")).to_be_visible()
    if scripts:
        well(theirs, "answered")

    go(page, "/l/amy/worklist")
    check("the list")
    page.get_by_role("link", name=re.compile("Open.*Second opinion")).click()
    expect(page.get_by_text("Tinea. Take a scraping.").first).to_be_visible()
    check("the answer")
    page.get_by_role("button", name="I have read it").click()
    expect(page.get_by_role("heading", name="Practice worklist")).to_be_visible()
    go(page, "/l/amy/images/Media/m1")
    expect(page.get_by_role("link", name=re.compile("Nurse Chidi Okoro.*answered"))).to_be_visible()
    check("the picture")
