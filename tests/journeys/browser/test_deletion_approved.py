"""A clinician asks in one browser, the Caldicott Guardian decides in another: what each sees, in Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.charts import with_twenty_images
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.guardian_steps import asks, decide, queue
from tests.journeys.browser.ward import ADULT_B
from tests.journeys.browser.watch import DESKTOP, check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


@pytest.fixture(scope="module")
def chart(ward: Demo) -> str:
    with_twenty_images(ward, ADULT_B)
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
