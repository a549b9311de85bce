"""A second opinion between two people at two charts, both without a mouse; the patient's own record learns of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Frame, expect

from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.people import staff
from mappings.r4.audit_event import from_audit_event
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.keyboard import Keyboard
from tests.journeys.browser.ward import ADULT_A, ADULT_B, Desk, expect_filed, file, filed_for, one_picture
from tests.journeys.browser.watch import check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

NURSE = staff()["nurse"].name
QUESTION = "Eczema or a fungus? The cream did not help."
THEIR_ANSWER = "Tinea. Take a scraping first."
PICTURE = "/asked/[^/]+/picture"


def filed(desk: Desk, photos: list[Path]) -> Frame:
    """A picture in the record, and the gallery that shows it."""
    app = desk.launch_in_frame(ADULT_A)
    one_picture(app, photos[:1])
    file(app)
    expect_filed(app, 1)
    return desk.launch_in_frame(ADULT_A)


def acts_in_the_record(ward: Demo, patient: str) -> list[str]:
    found = ward.sandbox.store.search("AuditEvent", {"patient": f"Patient/{patient}"})
    return sorted(told.action for told in map(from_audit_event, found) if told.action and "opinion" in told.action)


def test_asked_accepted_answered_and_read_by_keyboard_alone(
    open_desk: OpenDesk, ward: Demo, photos: list[Path]
) -> None:
    gp, nurse = open_desk(), open_desk(width=390, height=844)
    for desk, status in ((gp, "opinion"), (nurse, "answer")):
        desk.watch.foreseen.append(rf"status of 422 .*/{status}\)")
    nurse.sign_in(NURSE)
    theirs = nurse.launch_in_frame(ADULT_B)  # so that the app knows them
    gp.sign_in()
    app = filed(gp, photos)
    [media] = filed_for(ward, ADULT_A)

    keys = Keyboard(gp.page, app)
    keys.act(f'a[href$="/images/Media/{media["id"]}"]')
    expect(app.get_by_role("link", name="Ask a colleague for a second opinion")).to_be_visible()
    keys.act('a[href$="/opinion/prepare"]')
    app.locator("#editor[data-ready]").wait_for()
    app.wait_for_load_state("networkidle")
    check_page(gp.page, app, "a copy for a colleague")
    keys.act(".app-editor__end button")
    expect(app.get_by_alt_text("The copy as your colleague will see it")).to_be_visible()
    keys.act("main form button[type=submit]")
    expect(app.get_by_role("alert")).to_contain_text("Choose the colleague.")
    check_page(gp.page, app, "a question without an answer")
    keys.tab_to("#to")
    keys.type(NURSE.split()[-2])
    keys.tab_to("input[name=purpose]")
    keys.press("Space")
    keys.tab_to("#reason")
    keys.type(QUESTION)
    for _ in range(4):
        keys.tab_to("input[name=checked]")
        keys.press("Space")
    keys.tab_to("input[name=consent]")
    keys.press("Space")
    check_page(gp.page, app, "a question for a colleague")
    keys.tab_to("main form button[type=submit]")
    keys.press("Enter")
    expect(app.get_by_text("Asked, not accepted yet")).to_be_visible()
    check_page(gp.page, app, "a question was asked")

    theirs = nurse.launch_in_frame(ADULT_B)
    theirs.get_by_role("link", name="Practice worklist").click()
    expect(theirs.get_by_role("heading", level=1)).to_contain_text("Practice worklist")
    other = Keyboard(nurse.page, theirs)
    other.act('a[href*="/asked/"]')
    expect(theirs.get_by_text("This is not part of the chart that is open")).to_be_visible()
    check_page(nurse.page, theirs, "asked for an opinion")
    assert nurse.watch.asked_for(PICTURE) == []
    other.act('form[action$="/accept"] button')
    shown = theirs.get_by_alt_text("The copy, with your name and the time written over it")
    expect(shown).to_be_visible()
    assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    check_page(nurse.page, theirs, "an opinion is looked at")
    other.tab_to('form[action$="/answer"] button')
    other.press("Enter")
    expect(theirs.get_by_role("alert")).to_contain_text("Write your answer.")
    other.tab_to("#answer")
    other.type(THEIR_ANSWER)
    other.tab_to('form[action$="/answer"] button')
    other.press("Enter")
    expect(theirs.get_by_text("its copy destroyed")).to_be_visible()
    check_page(nurse.page, theirs, "an opinion was given")
    assert "Anand" not in theirs.content() and "Priya" not in theirs.content()
    assert acts_in_the_record(ward, ADULT_A) == ["opinion.asked"], "from another chart nothing is written"

    app = gp.launch_in_frame(ADULT_A)
    keys = Keyboard(gp.page, app)
    keys.act('.app-due__one a[href*="/opinions/"]')
    expect(app.get_by_text(THEIR_ANSWER).first).to_be_visible()
    check_page(gp.page, app, "an opinion is read")
    keys.act('form[action$="/read"] button')
    expect(app.get_by_role("heading", level=1)).to_contain_text("Practice worklist")
    told = acts_in_the_record(ward, ADULT_A)
    assert sorted(set(told)) == ["opinion.accepted", "opinion.answered", "opinion.asked", "opinion.opened"]
    assert acts_in_the_record(ward, ADULT_B) == []
