"""Asking a patient in Chromium: axe in every state, phone width, by keyboard, with and without scripts."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fhir_plugin.capture.requests.parts import Door
from tests.capture.requests.bench import FIRST, FORM, LAST
from tests.fakes.worker import picture
from tests.web.chromium import Open, address, chromium, launch, mark, well
from tests.web.fake import FakeParts
from tests.web.people import AMY
from tests.web.test_requests import cover

__all__ = ["address", "chromium", "cover", "launch"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("chromium"),
    pytest.mark.usefixtures("cover"),
]

DESK, PHONE = (1280, 900), (320, 640)


def answer(page: Page) -> None:
    for name, value in FORM.items():
        field = page.locator(f'[name="{name}"]').first
        if field.get_attribute("type") == "radio":
            mark(page.locator(f'input[name="{name}"][value="{value}"]'))
        elif field.evaluate("(each) => each.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def link_of(page: Page) -> str:
    found = re.search(r"/p/([\w-]{43})", page.locator("#link").input_value())
    assert found is not None
    return found[1]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_from_the_gallery_to_what_came_back(
    launch: Open, parts: FakeParts, size: tuple[int, int], scripts: bool
) -> None:
    page = launch("amy", width=size[0], height=size[1], scripts=scripts)

    def look(where: str) -> None:
        if scripts:
            well(page, where)

    page.get_by_role("link", name="Ask patient for a photo").click()
    look("prepare")
    page.get_by_role("button", name="Go on to the number").click()
    expect(page.get_by_role("link", name="Say who is asked.")).to_be_visible()
    look("prepare with problems")
    answer(page)
    page.get_by_role("button", name="Go on to the number").click()
    expect(page.get_by_role("heading", name="Which number is the link for?")).to_be_visible()
    look("number")
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    look("number with problems")
    page.get_by_label("Mobile number").fill("07700 900123")
    page.get_by_label("The same number again").fill("07700 900123")
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("heading", name="The link is ready")).to_be_visible()
    expect(page.locator("svg.app-code")).to_be_visible()
    look("the link")
    secret = link_of(page)
    assert secret not in page.url
    assert secret not in page.title()
    page.get_by_role("link", name="This request").click()
    expect(page.get_by_text("With the patient.")).to_be_visible()
    look("sent")
    assert AMY.birth_date is not None
    visits = parts.asking.visits
    door = Door(secret, visits.new_browser())
    visits.check_birth_date(door, AMY.birth_date)
    visits.say(door, FIRST)
    visits.add_picture(door, picture(), "image/jpeg")
    visits.say(door, LAST)
    visits.confirm(door)
    page.reload()
    expect(page.get_by_role("button", name="Look at the photos")).to_be_visible()
    look("came back")
    page.get_by_role("link", name="Requests for photos").click()
    expect(page.get_by_role("link", name="Photos came back")).to_be_visible()
    look("list")


def test_the_link_is_copied_with_one_press_and_said(launch: Open, parts: FakeParts) -> None:
    page = launch("amy")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="Ask patient for a photo").click()
    answer(page)
    page.get_by_role("button", name="Go on to the number").click()
    page.get_by_label("Mobile number").fill("07700 900123")
    page.get_by_label("I read it back").check()
    page.get_by_label("I read it back").press("Enter")
    page.get_by_role("button", name="Copy the message").click()
    expect(page.locator("[data-copied]")).not_to_be_empty()


@pytest.mark.parametrize("name", ["prepare", "link", "list"])
def test_what_it_looks_like(launch: Open, name: str, tmp_path: Path) -> None:
    """Writes pictures where `REQUEST_SHOTS` says, for people to look at; always that the page is drawn at all."""
    page = launch("amy")
    page.get_by_role("link", name="Ask patient for a photo").click()
    if name != "prepare":
        answer(page)
        page.get_by_role("button", name="Go on to the number").click()
        page.get_by_label("Mobile number").fill("07700 900123")
        page.get_by_label("The same number again").fill("07700 900123")
        page.get_by_role("button", name="Make the link").click()
    if name == "list":
        page.get_by_role("link", name="This request").click()
        page.get_by_role("link", name="Requests for photos").click()
    file = Path(os.environ.get("REQUEST_SHOTS", str(tmp_path))) / f"{name}.png"
    page.screenshot(path=file, full_page=True)
    assert file.stat().st_size > 10_000
