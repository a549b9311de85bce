"""The disclosure desk in Chromium: the whole way with axe on every page, keys, phones, without scripts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from mappings.model.disclosure_request import ItemKey, RequestState
from mappings.model.images import Geometry
from mappings.model.people import Role
from tests.web.at_the_desk import a_request, officer, path
from tests.web.chromium import Open, address, chromium, launch, well
from tests.web.desk_record import a_record
from tests.web.fake import FakeParts
from tests.web.test_home import become

__all__ = ["address", "chromium", "launch"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

DESK, PHONE = (1280, 900), (320, 640)


def go(page: Page, where: str) -> None:
    page.goto(page.url.split("/l/")[0] + f"/l/amy/{where}")


def opened(page: Page, title: str) -> None:
    """This item is open, and its page can be used."""
    expect(page.locator("#item h2").first).to_have_text(title)
    page.locator("#desk[data-ready]").wait_for()


@pytest.mark.parametrize(
    ("size", "scripts"),
    [(DESK, True), (PHONE, True), (DESK, False)],
    ids=["desk", "phone", "no scripts"],
)
def test_from_the_letter_to_the_package(launch: Open, parts: FakeParts, size: tuple[int, int], scripts: bool) -> None:
    officer(parts)
    parts.desk.fresh = lambda: [item for item in a_record() if not item.hidden]
    page = launch("amy", width=size[0], height=size[1], scripts=scripts)

    def check(where: str) -> None:
        if scripts:
            well(page, where)

    go(page, "disclosures")
    check("an empty desk")
    page.get_by_role("link", name="New request").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Who asks?")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose who asks.")
    check("who asks, with a problem")
    page.get_by_label("An insurer or employer, for a report").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("What it is for").fill("Life insurance, letter of 1 March")
    page.get_by_label("Yes, to the record in general").check()
    page.get_by_role("button", name="Read Amy LEE’s record").click()
    expect(page.get_by_role("alert")).to_contain_text("Say who gets it.")
    expect(page.get_by_label("What it is for")).to_have_value("Life insurance, letter of 1 March")
    check("facts, with a problem")
    page.get_by_label("Who gets the copy").fill("Acme Insurance")
    page.get_by_role("button", name="Read Amy LEE’s record").click()
    expect(page.get_by_text("17 of 20 decided")).to_be_visible()
    check("the list")
    page.get_by_role("link", name="Look at what needs a person").click()
    for number in (17, 18):
        expect(page.locator("#item h2").first).to_have_text(f"Picture of the forearm {number}")
        page.get_by_label("It goes out").and_(page.locator("[name=decided]")).check()
        page.locator("#reason").fill("Opened: a forearm")
        page.get_by_role("button", name="Decide this one").click()
    expect(page.locator("#item h2").first).to_have_text("Letter to dermatology: Letter")
    check("an item with cuts")
    page.get_by_role("button", name="I have read these words").click()
    expect(page.get_by_text("20 of 20 decided")).to_be_visible()
    check("all decided")
    page.get_by_role("link", name="Preview what they get").click()
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("heading", name="What you asked for")).to_be_visible()
    check("the preview")
    page.get_by_role("link", name="Sign and make package").click()
    page.get_by_role("button", name="Sign and make package for Amy LEE").click()
    expect(page.get_by_role("alert")).to_contain_text("Type your own name.")
    check("signing, with a problem")
    page.get_by_label("Your own name").fill("Jo Desk")
    page.get_by_role("button", name="Sign and make package for Amy LEE").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("The package is made")
    check("made")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download without a password").click()
    assert download.value.suggested_filename == "record.zip"
    page.get_by_role("link", name="What was sent to whom").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Copies of your record that we sent")
    check("the accounting")


def test_several_at_once_by_mouse(launch: Open, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    page = launch("amy")
    go(page, f"disclosures/{request.id}")
    for number in (1, 2, 3):
        page.get_by_label(f"Choose Picture of the forearm {number},").check()
    page.get_by_text("Change several at once").click()
    page.locator("#several").get_by_label("It is masked").check()
    page.get_by_role("button", name="Change those with a tick").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why.")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(3)
    well(page, "several, with a problem")
    page.locator("#several-reason").fill("Somebody else is in them")
    page.get_by_role("button", name="Change those with a tick").click()
    expect(page.locator("#group-masked")).to_contain_text("7")
    assert [method for method, _ in parts.desk.done] == ["decide"]


def test_one_tick_for_all_that_have_one_reason(launch: Open, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    page = launch("amy", width=PHONE[0], height=PHONE[1])
    go(page, f"disclosures/{request.id}")
    expect(page.locator("#group-needs .app-desk__reason").first).to_contain_text("Nobody has marked it as sensitive")
    page.get_by_role("button", name="Tick these 4").click()
    expect(page.locator("#group-masked").get_by_role("checkbox", checked=True)).to_have_count(4)
    expect(page.get_by_text("(4 ticked)")).to_be_visible()
    page.get_by_label("Choose Picture of the forearm 13,").uncheck()
    expect(page.get_by_text("(3 ticked)")).to_be_visible()
    page.get_by_role("button", name="Tick these 4").click()
    page.get_by_role("button", name="Tick these 4").click()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(0)
    well(page, "the list, by reason")


def test_keys_work_outside_fields_and_can_be_switched_off(launch: Open, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    page = launch("amy")
    go(page, path(request, "Media/m17"))
    opened(page, "Picture of the forearm 17")
    page.keyboard.press("n")
    opened(page, "Picture of the forearm 18")
    page.keyboard.press("c")
    expect(page.locator("#change input[type=radio]").first).to_be_focused()
    page.keyboard.press("n")
    opened(page, "Letter to dermatology: Letter")
    page.locator("#reason").fill("")
    page.locator("#reason").press_sequentially("nck?")
    expect(page.locator("#reason")).to_have_value("nck?")
    expect(page.locator("#item h2").first).to_have_text("Letter to dermatology: Letter")
    page.locator("#reason").blur()
    page.keyboard.press("n")
    opened(page, "Picture of the forearm 1")
    page.keyboard.press("k")
    opened(page, "Picture of the forearm 17")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    well(page, "the keys")
    page.get_by_label("Keys are on").uncheck()
    page.get_by_role("button", name="Close").and_(page.locator("#keys-close")).click()
    page.keyboard.press("n")
    page.reload()
    opened(page, "Picture of the forearm 17")
    page.keyboard.press("n")
    page.get_by_role("button", name="Keys").click()
    expect(page.get_by_label("Keys are on")).not_to_be_checked()
    expect(page.locator("#item h2").first).to_have_text("Picture of the forearm 17")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_page_that_waits_goes_on_by_itself(launch: Open, parts: FakeParts, scripts: bool) -> None:
    officer(parts)
    request = a_request(parts)
    parts.desk.reading = [0.25, 0.75]
    page = launch("amy", scripts=scripts)
    go(page, f"disclosures/{request.id}")
    expect(page.get_by_text("25% is read.")).to_be_visible()
    if scripts:
        well(page, "reading")
    expect(page.get_by_text("75% is read.")).to_be_visible()
    expect(page.get_by_text("17 of 21 decided")).to_be_visible()
    parts.desk.requests[request.id] = replace(request, state=RequestState.MAKING)
    page.reload()
    expect(page.get_by_text("The package is being made and checked")).to_be_visible()
    if scripts:
        well(page, "making")
    parts.desk.requests[request.id] = replace(request, state=RequestState.REFUSED, why_not="Asked twice")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Refused: nothing was sent")


def test_a_picture_is_opened_with_a_reason_and_blacked_out(launch: Open, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    page = launch("amy")
    go(page, path(request, "Media/m13"))
    opened(page, "Picture of the forearm 13")
    assert page.locator("main img").count() == 0
    page.get_by_text("Show image").click()
    well(page, "why it is opened")
    page.get_by_role("button", name="To black out part of it").click()
    shown = page.get_by_alt_text("The picture", exact=True)
    expect(shown).to_be_visible()
    assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    well(page, "opened")
    page.get_by_role("link", name="Black out part of it").click()
    page.locator("#editor[data-ready]").wait_for()
    page.get_by_role("button", name="Add black box").click()
    page.locator("#edge-0-left").fill("10")
    well(page, "the editor")
    page.get_by_role("button", name="Use this copy").click()
    expect(page.get_by_role("link", name="Black out again")).to_be_visible()
    [geometry] = [value for method, value in parts.desk.done if method == "geometry"]
    assert isinstance(geometry, Geometry) and geometry.black_out[0].left == pytest.approx(0.1)


def test_a_clinician_is_asked_about_harm_and_answers(launch: Open, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    session = parts.sessions.known["amy"]
    parts.desk.ask_opinion(session, request.id, ItemKey("Media/m13"), "Was she told?", revision=0)
    become(parts, Role.CLINICIAN, name="Dr Priya Shah")
    page = launch("amy", width=PHONE[0], height=PHONE[1])
    go(page, "disclosures/opinions")
    well(page, "what waits")
    page.get_by_role("link", name="Picture of the forearm 13").click()
    page.get_by_role("button", name=re.compile("Give this opinion")).click()
    expect(page.get_by_role("alert")).to_contain_text("Say why, in your own words.")
    well(page, "the question with problems")
    page.get_by_label("Yes: it is likely to cause serious harm").check()
    page.get_by_label("Why, in your own words").fill("She has not been told the diagnosis")
    page.get_by_role("button", name=re.compile("Give this opinion")).click()
    expect(page.get_by_text("Dr Priya Shah has answered")).to_be_visible()


def test_the_privacy_officer_decides_what_is_hidden(launch: Open, parts: FakeParts) -> None:
    become(parts, Role.PRIVACY_OFFICER, name="Pat Privacy")
    a_request(parts)
    page = launch("amy", width=PHONE[0], height=PHONE[1])
    go(page, "disclosures")
    expect(page.get_by_text("1 hidden item: you decide.")).to_be_visible()
    well(page, "the privacy officer's desk")
    page.get_by_role("link", name="An insurer or employer").click()
    page.get_by_role("link", name=re.compile("Picture of the forearm 20")).click()
    well(page, "a hidden item")
    page.get_by_label("It is masked").and_(page.locator("[name=decided]")).check()
    page.locator("#reason").fill("Hidden for good reason")
    page.get_by_role("button", name="Decide this one").click()
    expect(page.locator("#group-masked")).to_contain_text("5")


def test_more_time_refusing_and_closing(launch: Open, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts, requester="patient")
    page = launch("amy", width=320, height=640)
    go(page, f"disclosures/{request.id}/end")
    well(page, "the ways to end")
    page.get_by_label("Why more time is needed").fill("Two thousand pages")
    page.get_by_role("button", name="Take more time").click()
    expect(page.get_by_text("(extended)")).to_be_visible()
    go(page, f"disclosures/{request.id}/end")
    page.get_by_role("button", name="Refuse this request").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why, in a sentence.")
    well(page, "refusing, with a problem")
    page.get_by_label("Why it is refused").fill("Manifestly excessive")
    page.get_by_role("button", name="Refuse this request").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Refused: nothing was sent")
    well(page, "refused")
