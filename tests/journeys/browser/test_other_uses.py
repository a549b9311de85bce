"""A patient who agrees to teaching: said in the fold, in the EHR's Consent, and taken back with one press."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Frame, expect

from fhir_plugin.demo import Demo
from mappings.model.consent import ConsentAnswer, ConsentForm, ConsentScope, PhotoConsent
from mappings.r4.consent import from_consent
from tests.journeys.browser.ward import ADULT_B, Desk, expect_filed, file, one_picture, say
from tests.journeys.browser.watch import NARROWEST, PHONE, check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


def consents(ward: Demo) -> dict[str, Any]:
    found = ward.sandbox.store.search("Consent", {"patient": f"Patient/{ADULT_B}"})
    return {str(each["id"]): each for each in found}


def in_the_ehr(ward: Demo, id: str) -> PhotoConsent:
    return from_consent(consents(ward)[id])


def ready(desk: Desk, photos: list[Path]) -> Frame:
    app = desk.launch_in_frame(ADULT_B)
    one_picture(app, photos[:1])
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    return app


def test_teaching_is_permitted_filed_and_taken_back(desk: Desk, ward: Demo, photos: list[Path]) -> None:
    before = set(consents(ward))
    app = ready(desk, photos)
    fold = app.locator("#uses-fold")
    expect(fold).not_to_have_attribute("open", "")
    app.locator("#uses-summary").click()
    expect(app.locator('input[name="uses_form"]').first).to_be_hidden()
    say(app, "consent_teaching", "given")
    expect(app.locator("#save-state")).to_contain_text("2 answers to go")
    say(app, "consent_publication", "refused")
    say(app, "uses_explained", "yes")
    say(app, "uses_form", "written")
    expect(app.locator("#save-state")).to_contain_text("Ready to file")
    expect(fold).to_have_attribute("open", "")
    expect(app.locator(".app-note__paper")).to_contain_text("for teaching: agreed; for publication: refused")
    check_page(desk.page, app, "other uses, answered", widths=[PHONE, NARROWEST])
    file(app)
    expect_filed(app, 1)
    (id,) = set(consents(ward)) - before
    said = in_the_ehr(ward, id)
    taught = said.decision(ConsentScope.TEACHING)
    assert taught is not None and (taught.answer, taught.form) == (ConsentAnswer.GIVEN, ConsentForm.WRITTEN)
    assert said.answer(ConsentScope.PUBLICATION) is ConsentAnswer.REFUSED
    assert said.answer(ConsentScope.RESEARCH) is ConsentAnswer.NOT_ASKED
    assert "other-uses" in said.explained

    reference = consents(ward)[id]["provision"]["provision"][0]["data"][0]["reference"]["reference"]
    app.goto(f"{app.url.split('/captures/')[0]}/images/{reference}/consent")
    item = app.locator("#scope li", has_text="eaching")
    expect(item).to_contain_text("given")
    item.get_by_role("button").click()
    expect(app.locator("#scope li", has_text="eaching")).to_contain_text("withdrawn")
    after = in_the_ehr(ward, id)
    assert after.answer(ConsentScope.TEACHING) is ConsentAnswer.WITHDRAWN
    assert after.allows(ConsentScope.STORE)


def test_the_fold_goes_while_it_may_not_be_asked_and_comes_back(desk: Desk, photos: list[Path]) -> None:
    app = ready(desk, photos)
    app.locator("#uses-summary").click()
    say(app, "consent_research", "refused")
    expect(app.locator(".app-note__paper")).to_contain_text("for research: refused")
    app.locator('label[for="capacity_doubt"]').click()
    expect(app.locator("#uses-fold")).to_have_count(0)
    expect(app.locator(".app-note__paper")).to_contain_text("for research: refused")  # a no outlives the question
    app.locator('label[for="capacity_doubt"]').click()
    expect(app.locator("#uses-fold")).to_have_attribute("open", "")
    expect(app.locator('input[name="consent_research"][value="refused"]')).to_be_checked()
    expect(app.locator('input[name="uses_form"]').first).to_be_hidden()
