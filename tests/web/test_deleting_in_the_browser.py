"""Hiding, the wrong patient and permanent deletion in Chromium: axe on each page, keys, 320 pixels, no scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from fhir_plugin.delete.lifecycle import Event
from mappings.model.deletion import CaseId, CertificateNumber
from mappings.model.practice import HoldKind
from tests.web.chromium import Open, address, chromium, launch, well
from tests.web.fake import FakeParts
from tests.web.people import session
from tests.web.test_deleting_following import proof

__all__ = ["address", "chromium", "launch"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

DESK, PHONE = (1280, 900), (320, 640)
CASE = CaseId("case-1")


def go(page: Page, where: str) -> None:
    page.goto(page.url.split("/l/")[0] + f"/l/amy/{where}")


@pytest.mark.parametrize(
    ("size", "scripts"),
    [(DESK, True), (PHONE, True), (DESK, False)],
    ids=["desk", "phone", "no scripts"],
)
def test_three_acts_from_the_picture_to_their_end(
    launch: Open, parts: FakeParts, size: tuple[int, int], scripts: bool
) -> None:
    page = launch("amy", width=size[0], height=size[1], scripts=scripts)
    heading = page.get_by_role("heading", level=1)

    def check(where: str) -> None:
        if scripts:
            well(page, where)

    go(page, "images/Media/m1")
    check("the picture")
    page.get_by_role("link", name="Hide from record", exact=True).click()
    expect(heading).to_contain_text("Hide from record")
    page.get_by_role("button", name=re.compile("^Hide it from")).click()
    expect(page.get_by_role("alert")).to_contain_text("There is a problem")
    check("hide, with a problem")
    page.get_by_label("It is no longer needed for care").check()
    page.get_by_role("button", name=re.compile("^Hide it from")).click()
    expect(heading).to_contain_text("Hidden")
    check("hidden")
    go(page, "hidden")
    check("all hidden")

    go(page, "images/Media/m2/wrong-patient")
    check("wrong patient")
    page.get_by_label("How do you know").fill("The wristband")
    page.get_by_role("button", name="It is not of Amy LEE: hide it now").click()
    expect(heading).to_contain_text("wrong patient")
    check("hidden, wrong patient")

    parts.concerns.set_hold(session("amy"), HoldKind.COMPLAINT, "Of March")
    go(page, "deletions/new?image=Media/m6")
    page.get_by_role("button", name="Request permanent deletion for Amy LEE").click()
    expect(page.get_by_role("alert")).to_contain_text("There is a problem")
    check("request, with a problem")
    page.get_by_text("Other pictures of Amy LEE").click()
    page.get_by_role("checkbox", name=re.compile("^Face")).check()
    page.get_by_label("The patient asks for it to be erased").check()
    page.get_by_label("If the patient asks for it or objects").fill("2026-02-20")
    page.get_by_label("Why is hiding it not enough?").fill("Nobody is to keep it")
    page.get_by_label("Where is the written description").fill("Consultation of 2 March")
    page.get_by_label("I have looked at the GMC’s guidance").check()
    page.get_by_role("button", name="Request permanent deletion for Amy LEE").click()
    expect(heading).to_contain_text("Request for permanent deletion")
    check("asked")

    case = CaseId(page.url.split("/")[-1].split("?")[0])
    step = parts.deletion.requests.step
    step(case, 1, Event.MORE_ASKED, "Which of the two forms did she sign?")
    step(case, 2, Event.APPROVED)
    [hold] = parts.concerns.of_chart(session("amy"))
    parts.concerns.lift(session("amy"), hold.id, "Answered")
    go(page, f"deletions/{case}")
    check("more is asked, and one approved")
    page.get_by_label("Your answer").fill("The first")
    page.get_by_role("button", name=re.compile("^Answer about")).click()
    expect(page.get_by_label("Your answer")).to_have_count(0)
    page.get_by_role("link", name=re.compile("^Carry out")).click()
    check("carry out")
    page.get_by_role("button", name="Destroy it in Amy LEE’s record").click()
    expect(page.get_by_role("heading", name=re.compile("Being destroyed"))).to_be_visible()
    step(case, 2, Event.PROVEN, proof=proof(), certificate=CertificateNumber("DC-7Q4M"))
    go(page, f"deletions/{case}")
    expect(page.get_by_text("DC-7Q4M")).to_be_visible()
    for each in page.get_by_text("What has happened so far").all():
        each.click()
    check("proven")
    page.get_by_role("link", name="Words for the patient").click()
    check("words")
    go(page, "deletions")
    check("all requests")


def test_by_keyboard_from_the_picture_to_hidden(launch: Open) -> None:
    page = launch("amy")
    go(page, "images/Media/m1")
    page.get_by_role("link", name="Hide from record", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hide from record")
    page.get_by_label("The patient asked for it").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_label("In your own words")).to_be_focused()
    page.keyboard.type("She rang")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hidden")
    expect(page.get_by_text("She rang")).to_be_visible()


def test_the_back_button_and_a_second_press_ask_once(launch: Open, parts: FakeParts) -> None:
    page = launch("amy")
    go(page, "deletions/new?image=Media/m1")
    page.get_by_label("A court orders it").check()
    page.get_by_label("Why is hiding it not enough?").fill("The order says so")
    page.get_by_label("Where is the written description").fill("Consultation of 2 March")
    page.get_by_label("I have looked at the GMC’s guidance").check()
    page.get_by_role("button", name="Request permanent deletion for Amy LEE").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Request for permanent deletion")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Request permanent deletion")
    expect(page.get_by_text("In a request already")).to_be_visible()
    assert len(parts.deletion.requests.cases) == 1
