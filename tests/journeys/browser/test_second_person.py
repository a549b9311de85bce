"""A second clinician decides: sees the answers, opens the picture only with a reason, and answers without a mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Frame, expect

from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.people import staff
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.keyboard import Keyboard
from tests.journeys.browser.ward import Desk, expect_filed, file, filed_for, go_on, justify, one_picture
from tests.journeys.browser.watch import check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

CHILD = "p-child-15"
SAID = {
    "gillick": "yes",
    "child_asked_for_care": "no",
    "parents_discussed": "yes",
    "child_view": "agrees",
    "chaperone": "present",
    "chaperone_family": "no",
    "chaperone_trained": "yes",
    "concern": "no",
    "speaks_freely": "yes",
}
NURSE = staff()["nurse"].name
WHY = "She was asked twice, and it cannot wait."
PICTURE = "/second-person/images/"


def asked(desk: Desk, photos: list[Path]) -> Frame:
    """An intimate picture of somebody of fifteen: to keep it, somebody else has to look."""
    app = desk.launch_in_frame(CHILD)
    one_picture(app, photos[:1], intimacy="intimate")
    go_on(app, **SAID)
    justify(app, 1)
    app.get_by_role("button", name="Ask another clinician").click()
    expect(app.get_by_text("It is on the practice’s list for another clinician.")).to_be_visible()
    return app


def test_asked_answered_by_keyboard_alone_and_filed(open_desk: OpenDesk, ward: Demo, photos: list[Path]) -> None:
    before = len(filed_for(ward, CHILD))
    gp, nurse = open_desk(), open_desk()
    nurse.watch.foreseen.append(r"status of 422 .*/second-person/answer\)")
    gp.sign_in()
    app = asked(gp, photos)
    check_page(gp.page, app, "a second clinician was asked")

    nurse.sign_in(NURSE)
    theirs = nurse.launch_in_frame(CHILD)
    keys = Keyboard(nurse.page, theirs)
    keys.act(".app-due__one a")
    expect(theirs.get_by_role("heading", level=1)).to_contain_text("May this go on, for ")
    expect(theirs.get_by_text("Was a chaperone offered?")).to_be_visible()
    assert theirs.locator("main img").count() == 0 and nurse.watch.asked_for(PICTURE) == []
    check_page(nurse.page, theirs, "asked as the second clinician")

    keys.act('main button[type="submit"].nhsuk-button')
    expect(theirs.get_by_role("alert")).to_contain_text("Choose whether you agree.")
    check_page(nurse.page, theirs, "answered without an answer")
    keys.act(".app-reason")
    shown = theirs.get_by_alt_text("Picture 1 of 1")
    expect(shown).to_be_visible()
    assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    check_page(nurse.page, theirs, "the picture was opened")

    keys.tab_to("input[name=agrees]")
    keys.press("Space")
    keys.tab_to("#words")
    keys.type(WHY)
    keys.tab_to("main button[type=submit]")
    keys.press("Enter")
    expect(theirs.locator("#answer")).to_contain_text(WHY)
    expect(theirs.locator("input[name=agrees]")).to_have_count(0)
    check_page(nurse.page, theirs, "answered")

    app.evaluate("location.reload()")
    expect(app.locator(".app-second")).to_contain_text("agreed at")
    expect(app.locator(".app-second")).to_contain_text(WHY)
    check_page(gp.page, app, "a second clinician agreed")
    file(app)
    expect_filed(app, 1)
    assert len(filed_for(ward, CHILD)) == before + 1


def test_who_asked_cannot_answer_and_a_no_stops(open_desk: OpenDesk, ward: Demo, photos: list[Path]) -> None:
    before = len(filed_for(ward, CHILD))
    gp, nurse = open_desk(width=390, height=844), open_desk(width=390, height=844)
    gp.sign_in()
    app = asked(gp, photos)
    address = app.url + "/second-person"
    own = gp.launch_in_frame(CHILD)
    for link in own.locator(".app-due__one a").all():
        assert "second-person" not in (link.get_attribute("href") or "")

    nurse.sign_in(NURSE)
    theirs = nurse.launch_in_frame(CHILD)
    theirs.locator(".app-due__one a").first.click()
    theirs.get_by_label("No", exact=True).check()
    theirs.get_by_label("Why, in your own words").fill("Offer a chaperone of her own choice first.")
    theirs.get_by_role("button", name="Answer about").click()
    expect(theirs.locator("#answer strong")).to_contain_text("did not agree")
    check_page(nurse.page, theirs, "not agreed")

    app = gp.launch_in_frame(CHILD)
    app.goto(address.removesuffix("/second-person"))
    expect(app.locator(".app-second")).to_contain_text("did not agree")
    check_page(gp.page, app, "a second clinician did not agree")
    expect(app.locator("#file")).to_have_count(0)
    assert len(filed_for(ward, CHILD)) == before
