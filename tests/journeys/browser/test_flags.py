"""What is not straightforward: each flag asks its own questions, one after the other, to the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.ward import (
    ADULT_A,
    ADULT_B,
    Desk,
    card,
    choose,
    expect_filed,
    file,
    filed_for,
    go_on,
    justify,
    one_picture,
    say,
)
from tests.journeys.browser.watch import NARROWEST, PHONE, check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

COMPETENT = {"gillick": "yes", "child_asked_for_care": "no", "parents_discussed": "yes", "child_view": "agrees"}
PARENT = {"gillick": "no", "giver": "parent", "child_view": "agrees"}
SAFE = {"concern": "no", "speaks_freely": "yes"}
CHAPERONED = {"chaperone": "present", "chaperone_family": "no", "chaperone_trained": "yes"}


@pytest.mark.parametrize("said", [COMPETENT, PARENT], ids=["gillick", "parent"])
def test_a_child_of_fifteen(desk: Desk, ward: Demo, photos: list[Path], said: dict[str, str]) -> None:
    before = len(filed_for(ward, "p-child-15"))
    app = desk.launch_in_frame("p-child-15")
    one_picture(app, photos[:1])
    asked = go_on(app, **said, **SAFE)
    assert {"gillick", "child_view", "keep_best_interests"} <= set(asked)
    assert ("giver_name" in asked) == (said is PARENT)
    check_page(desk.page, app, "a child, answered")
    expect(app.locator(".app-note__paper")).to_contain_text("own view: agrees")
    file(app)
    expect_filed(app, 1)
    media = filed_for(ward, "p-child-15")
    assert len(media) == before + 1
    assert any("ADOL" in {label["code"] for label in each["meta"]["security"]} for each in media)


def test_a_child_who_does_not_want_it_is_not_overruled_by_one_person(desk: Desk, photos: list[Path]) -> None:
    app = desk.launch_in_frame("p-child-15")
    one_picture(app, photos[:1])
    go_on(app, **COMPETENT | {"child_view": "objects"}, **SAFE)
    expect(app.locator(".app-hold")).to_contain_text("does not want it")
    expect(app.locator("#file")).to_have_count(0)


def test_an_intimate_picture_with_a_chaperone(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    app = desk.launch_in_frame(ADULT_B)
    one_picture(app, photos[:1], intimacy="intimate")
    asked = go_on(app, **CHAPERONED, **SAFE)
    assert len([name for name in asked if name.startswith("chaperone_")]) == 7
    justify(app, 1)
    check_page(desk.page, app, "intimate, answered", widths=[PHONE, NARROWEST])
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    file(app)
    expect_filed(app, 1)
    assert any("SEX" in {label["code"] for label in each["meta"]["security"]} for each in filed_for(ward, ADULT_B))


def test_an_attorney_s_no_binds(desk: Desk, photos: list[Path]) -> None:
    app = desk.launch_in_frame(ADULT_A)
    one_picture(app, photos[:1], consent_receive="not-asked", consent_store="not-asked", consent_form="", understood="")
    app.locator('label[for="capacity_doubt"]').click()
    expect(app.locator("#open-question")).to_have_count(1)
    attorney = {"authority": "attorney", "authority_covers": "yes", "authority_answer": "refused"}
    go_on(app, lacks_capacity="yes", giver="attorney", **attorney, **SAFE)
    expect(app.locator(".app-hold")).to_contain_text("said no")
    expect(app.locator("#file")).to_have_count(0)


def test_an_intimate_picture_of_a_child_that_nobody_asked_for_stays_unseen(desk: Desk, photos: list[Path]) -> None:
    app = desk.launch_in_frame("p-child-15")
    app.get_by_role("button", name="Add an image that nobody asked for").click()
    app.locator("#answers[data-ready]").wait_for()
    seen = len(desk.watch.urls)
    choose(app, photos[:1])
    say(app, "intimacy", "intimate")
    expect(card(app, 1)).to_contain_text("Held unseen")
    expect(app.locator("#open-question")).to_contain_text("Have you spoken to the patient")
    expect(app.locator("#handling")).to_contain_text("Received and sealed, unseen")
    check_page(desk.page, app, "held unseen")
    assert not [url for url in desk.watch.urls[seen:] if "/thumbnail" in url or "/picture" in url]
    image = str(card(app, 1).get_attribute("data-image"))
    assert app.evaluate(f"fetch('{app.url.split('#')[0]}/images/{image}/thumbnail').then((each) => each.status)") == 403
    desk.watch.foreseen.append("403")
    app.locator('#open-question input[value="emergency"] + label').click()
    app.locator("#more-next").click()
    app.locator("#open-question textarea[name=emergency_reason]").fill("In pain, and nobody answers the telephone")
    app.locator("#more-next").click()
    expect(card(app, 1).locator("img")).to_be_visible()
    expect(app.locator("#save-state")).not_to_contain_text("Ready to file")
