"""A request for many scopes, which would be a very long URL: sent as a form, from inside the EHR's frame."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from fhir_plugin.demo import Demo
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.ward import ADULT_A, Desk

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


@pytest.fixture
def many_scopes(ward: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ward.installation.registry
    (issuer,) = registry
    more = tuple(f"patient/Observation.rs?category=http://example.org/category|c{number}" for number in range(60))
    monkeypatch.setattr(registry, "_issuers", (replace(issuer, scopes=(*issuer.scopes, *more)),))


@pytest.mark.usefixtures("many_scopes")
def test_a_long_request_is_posted_from_the_frame_by_itself(desk: Desk, ward: Demo) -> None:
    app = desk.launch_in_frame(ADULT_A)
    expect(app.locator("body")).to_contain_text("Anand")
    asked = [path for path in desk.watch.asked_for("/oauth/authorize") if "code_challenge" not in path]
    assert asked, "it went as a URL"


@pytest.mark.usefixtures("many_scopes")
def test_without_scripts_a_button_sends_it(open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.sign_in()
    page = desk.context.browser.new_context(java_script_enabled=False, locale="en-GB").new_page()  # type: ignore[union-attr]  # it has one
    page.goto(f"{desk.demo.app.origin}/standalone/sandbox")
    expect(page.get_by_role("heading", level=1)).to_have_text("Signing in at your EHR")
    page.get_by_role("button", name="Sign in at the EHR").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.context.close()
