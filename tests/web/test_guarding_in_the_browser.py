"""The pages of those who decide and watch, in Chromium: axe on each, on a desk and a phone, by keyboard, without
scripts."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import Page, expect

from mappings.model.deletion import DeletionState, Looked, Proof
from mappings.model.identifiers import Reference
from mappings.model.people import Role
from tests.fakes.clock import START
from tests.web.chromium import Open, address, chromium, launch, well
from tests.web.conftest import jpeg
from tests.web.fake import FakeParts
from tests.web.people import SAM
from tests.web.test_home import become
from tests.web.test_register import certify, hide, not_proven, stood

__all__ = ["address", "chromium", "launch"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

DESK, PHONE = (1280, 900), (320, 640)


def go(page: Page, where: str) -> None:
    page.goto(page.url.split("/l/")[0] + f"/l/amy/{where}")


def a_case(parts: FakeParts) -> str:
    """Two images of another patient than the launch's, one request of one's own, one that is late."""
    day = START.date()
    parts.deletion.pixels = jpeg(320, 240)  # a picture that can be drawn
    case = parts.deletion.ask(2, SAM, asked_by_patient=day, reply_due=day + dt.timedelta(days=20))
    parts.deletion.ask(1, due=day - dt.timedelta(days=3))
    parts.deletion.ask(1, requested_by=Reference("Practitioner/jo"))
    return case.id


@pytest.mark.parametrize(
    ("size", "scripts"),
    [(DESK, True), (PHONE, True), (DESK, False)],
    ids=["desk", "phone", "no scripts"],
)
def test_from_the_queue_to_a_decision_about_each_image(
    launch: Open, parts: FakeParts, size: tuple[int, int], scripts: bool
) -> None:
    become(parts, Role.CALDICOTT_GUARDIAN, name="Dr Ruth Abelson")
    a_case(parts)
    page = launch("amy", width=size[0], height=size[1], scripts=scripts)

    def check(where: str) -> None:
        if scripts:
            well(page, where)

    go(page, "guardian")
    check("the queue")
    page.get_by_role("link", name="Samira").click()
    check("a case, closed")
    assert page.locator("main img").count() == 0
    image = page.locator("#image-1")
    image.get_by_text("Open the picture").click()
    image.get_by_role("button", name="To compare it with the written description").click()
    expect(page.get_by_alt_text("Image 1, a small marked copy")).to_be_visible()
    if scripts:
        check("a case, with a picture")
    page.locator("#image-1").get_by_role("button", name="Approve destruction").click()
    expect(page.get_by_role("alert").first).to_contain_text("There is a problem")
    check("a case, with problems")
    for tick in page.locator("#image-1").get_by_role("checkbox").all():
        tick.check()
    page.locator("#image-1").get_by_label("Your reason").fill("Withdrawn in writing")
    page.locator("#image-1").get_by_role("button", name="Approve destruction").click()
    expect(page.locator("#image-1")).to_contain_text("Approved, not destroyed yet")
    expect(page.locator("#image-2").get_by_role("checkbox")).to_have_count(8)
    page.locator("#image-2").get_by_label("Your reason").fill("It is needed for the complaint")
    page.locator("#image-2").get_by_role("button", name="Reject").click()
    expect(page.locator("#image-2")).to_contain_text("Refused by the Caldicott Guardian")
    check("decided")


def test_by_keyboard_alone(launch: Open, parts: FakeParts) -> None:
    become(parts, Role.CALDICOTT_GUARDIAN)
    id = a_case(parts)
    page = launch("amy")
    go(page, f"guardian/{id}")
    boxes = page.locator("#image-1").get_by_role("checkbox")
    boxes.first.focus()
    for _ in range(8):
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
    page.keyboard.type("Withdrawn in writing")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#image-1")).to_contain_text("Approved, not destroyed yet")


@pytest.mark.parametrize(("size", "scripts"), [(DESK, True), (PHONE, True), (DESK, False)], ids=["desk", "phone", "no"])
def test_the_register_and_what_it_leads_to(
    launch: Open, parts: FakeParts, size: tuple[int, int], scripts: bool
) -> None:
    become(parts, Role.PRIVACY_OFFICER, name="Jo Privacy")
    not_proven(parts)
    made = certify(parts)
    proof = Proof(START, (Looked("vault", START), Looked("record-history", START)))
    ended = {"title": "", "picture": None, "certificate": made.number, "proof": proof}
    stood(parts, parts.deletion.ask(1, SAM), DeletionState.COMPLETED, **ended)
    hide(parts)
    page = launch("amy", width=size[0], height=size[1], scripts=scripts)

    def check(where: str) -> None:
        if scripts:
            well(page, where)

    go(page, "home")
    page.get_by_role("link", name="Register of hiding and permanent deletion").click()
    check("not proven")
    page.get_by_role("link", name="Destroyed and proven (1)").click()
    check("proven")
    page.get_by_role("link", name="Certificate").click()
    check("a certificate")
    go(page, "register?part=hidden")
    check("hidden")
    page.get_by_role("link", name="Open by break-glass").click()
    check("break-glass")
    page.get_by_role("button", name="Open this hidden image").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why you have to see it.")
    check("break-glass with a problem")
    go(page, "register")
    page.get_by_label("What you look for").fill("999")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("alert")).to_contain_text("ten digits")
    check("search with a problem")
    page.get_by_label("What you look for").fill("999 000 0026")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Found for this NHS number")
    check("found")
    page.get_by_role("link", name="The whole register").click()
    page.get_by_role("button", name="Check the audit chain now").click()
    expect(page.get_by_text("The audit chain is whole.")).to_be_visible()
    check("the chain")
