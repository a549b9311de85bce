"""A label is made stricter at a stroke, less strict by two people, and as a set where other systems left none."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.people import staff
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.drawn import disc
from tests.journeys.browser.keyboard import Keyboard
from tests.journeys.browser.ward import ADULT_B, expect_filed, file, filed_for, one_picture
from tests.journeys.browser.watch import check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]

NURSE = staff()["nurse"].name
WHY = "It shows the hip and nothing else."


def codes(ward: Demo, id: str) -> set[str]:
    media = ward.sandbox.store.read("Media", id)
    assert media is not None
    return {each["code"] for each in media["meta"].get("security", [])}


def left_unlabelled(ward: Demo, patient: str, id: str) -> None:
    """Another system's, of a private place, without a label."""
    out = io.BytesIO()
    disc(3, (320, 240)).save(out, "JPEG")
    content = base64.b64encode(out.getvalue()).decode()
    ward.sandbox.store.put({"resourceType": "Binary", "id": f"b-{id}", "contentType": "image/jpeg", "data": content})
    media: dict[str, Any] = {
        "resourceType": "Media",
        "id": id,
        "status": "completed",
        "subject": {"reference": f"Patient/{patient}"},
        "createdDateTime": "2026-02-03",
        "bodySite": {"coding": [{"system": "http://snomed.info/sct", "code": "26893007", "display": "Groin"}]},
        "content": {"contentType": "image/jpeg", "url": f"Binary/b-{id}"},
    }
    ward.sandbox.store.put(media)


def test_raised_at_once_lowered_by_two_and_a_set_labelled(open_desk: OpenDesk, ward: Demo, photos: list[Path]) -> None:
    gp, nurse = open_desk(), open_desk(width=320, height=720)
    for desk in (gp, nurse):
        desk.watch.foreseen.append(r"status of 422 .*/label")
    gp.sign_in()
    known = {media["id"] for media in filed_for(ward, ADULT_B)}
    app = gp.launch_in_frame(ADULT_B)
    one_picture(app, photos[:1])
    file(app)
    expect_filed(app, 1)
    [id] = {media["id"] for media in filed_for(ward, ADULT_B)} - known
    assert "N" in codes(ward, id)

    app = gp.launch_in_frame(ADULT_B)
    home = app.url.split("?")[0]
    app.goto(f"{home}images/Media/{id}")
    app.get_by_role("link", name="Label: its history, and changing it").click()
    expect(app.get_by_role("heading", level=1)).to_contain_text("Label of this picture")
    check_page(gp.page, app, "label of one picture")
    keys = Keyboard(gp.page, app)
    keys.tab_to('input[name="level"]')
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.tab_to("main button[type=submit]")
    keys.press("Enter")
    expect(app.locator(".app-label-history")).to_contain_text("set to “private area”")
    assert {"R", "SEX"} <= codes(ward, id)
    check_page(gp.page, app, "label made stricter")
    app.goto(f"{home}images/Media/{id}")
    expect(app.locator(".app-tile--calm")).to_have_count(1)

    app.goto(f"{home}images/Media/{id}/label")
    app.get_by_label("Ordinary", exact=False).first.check()
    app.get_by_role("button", name="Change it for").click()
    expect(app.get_by_role("alert")).to_contain_text("Say why it may be less strict.")
    check_page(gp.page, app, "label lowered without a reason")
    app.locator("#reason").select_option("labelled-wrongly")
    app.get_by_label("In your own words").fill(WHY)
    app.get_by_role("button", name="Change it for").click()
    expect(app.locator("#asked")).to_contain_text("asks for a second clinician")
    assert {"R", "SEX"} <= codes(ward, id)

    nurse.sign_in(NURSE)
    theirs = nurse.launch_in_frame(ADULT_B)
    theirs.locator('.app-due__one a[href*="/labels/"]').click()
    expect(theirs.get_by_role("heading", level=1)).to_contain_text("May this label be less strict")
    expect(theirs.get_by_text(WHY)).to_be_visible()
    check_page(nurse.page, theirs, "asked about a label")
    theirs.get_by_label("Yes, it may be less strict").check()
    theirs.get_by_role("button", name="Answer about").click()
    expect(theirs.locator(".app-label-history")).to_contain_text("agreed")
    assert "SEX" not in codes(ward, id) and "N" in codes(ward, id)
    check_page(nurse.page, theirs, "label made less strict")

    for number in range(3):
        left_unlabelled(ward, ADULT_B, f"left-{number}")
    theirs = nurse.launch_in_frame(ADULT_B)
    theirs.get_by_role("link", name="3 images may need a label").click()
    expect(theirs.get_by_role("heading", level=1)).to_contain_text("Images that may need a label")
    check_page(nurse.page, theirs, "images that may need a label")
    keys = Keyboard(nurse.page, theirs)
    for _ in range(2):
        keys.tab_to('input[name="chosen"]')
        keys.press("Space")
    keys.tab_to('button[value="confirm"]')
    keys.press("Enter")
    expect(theirs.locator('input[name="chosen"]')).to_have_count(1)
    assert sum("SEX" in codes(ward, f"left-{number}") for number in range(3)) == 2
    theirs.locator('input[name="chosen"]').check()
    theirs.locator("summary", has_text="They are ordinary").click()
    theirs.get_by_label("Why they are ordinary").fill("A plaster cast, nothing private on it")
    theirs.get_by_role("button", name="Note it for").click()
    expect(theirs.get_by_text("Nothing to do")).to_be_visible()
    check_page(nurse.page, theirs, "nothing needs a label")
