"""A clinician asks in one browser, the Caldicott Guardian decides in another: what each sees, in Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.people import staff
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.guardian_steps import asks, carried_out, decide, queue, register, with_photographs
from tests.journeys.browser.ward import ADULT_B
from tests.journeys.browser.watch import DESKTOP, check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


@pytest.fixture(scope="module")
def chart(ward: Demo) -> str:
    with_photographs(ward, ADULT_B)
    return ADULT_B


def test_asked_for_in_one_browser_and_approved_in_another(open_desk: OpenDesk, chart: str) -> None:
    clinician = asks(open_desk(), chart)
    guardian = open_desk()
    page, app = queue(guardian)
    decide(page, app, "Whitlock", lambda name, page, app: check_page(page, app, name, widths=(DESKTOP,)))
    assert len(guardian.watch.asked_for("/picture/")) == 1
    clinician.goto(clinician.url)
    expect(clinician.get_by_text("Approved, not destroyed yet").first).to_be_visible()
    expect(clinician.get_by_text(re.compile("Approved by .*Abelson"))).to_be_visible()


def test_carried_out_at_the_chart_proven_and_certified(open_desk: OpenDesk, ward: Demo, chart: str) -> None:
    clinician = asks(open_desk(), chart, "grain-2")
    _, app = queue(open_desk())
    decide(_, app, "Whitlock")
    carried_out(ward, clinician)
    officer = open_desk()
    page, app = register(officer)
    expect(app.get_by_text("Destroyed and proven.").first).to_be_visible()
    check_page(page, app, "register", widths=(DESKTOP,))
    app.get_by_role("link", name=re.compile("^Certificate ")).first.click()
    expect(app.get_by_text("The signature is right:")).to_be_visible()
    check_page(page, app, "certificate", widths=(DESKTOP,))
    with page.expect_download() as download:
        app.get_by_role("link", name="As PDF, to file on paper").click()
    assert download.value.suggested_filename.endswith(".pdf")
    assert download.value.path().read_bytes().startswith(b"%PDF")


def test_an_external_guardian_comes_in_by_an_address_of_their_own(open_desk: OpenDesk, ward: Demo, chart: str) -> None:
    asks(open_desk(), chart, "grain-3")
    desk = open_desk()
    page = desk.page
    page.goto(f"{ward.app.origin}/standalone/sandbox/deletions")
    page.get_by_label(re.compile(staff()["caldicott-guardian"].name)).check()
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Patient", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Requests for permanent deletion")
    page.get_by_role("link", name=re.compile("Whitlock")).first.click()
    page.get_by_label("Your reason, or what you ask for").fill("Who has been told?")
    page.get_by_role("button", name=re.compile("Ask for more")).click()
    expect(page.get_by_text("The Caldicott Guardian is looking at it")).to_be_visible()
    check_page(page, page.main_frame, "a case, outside a chart", widths=(DESKTOP,))
    desk.watch.foreseen.append("status of 403")
    page.goto(page.url.split("/guardian")[0] + "/")
    expect(page.get_by_text("leads to requests for permanent deletion and to nothing else")).to_be_visible()
