"""Each of the sandbox's people launches the app: everybody with a role finds a home, and nobody without one gets in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Page, expect

from fhir_plugin.demo import Demo
from fhir_plugin.sandbox.people import staff
from mappings.model.people import Role
from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.keyboard import Keyboard
from tests.journeys.browser.ward import ADULT_A, ADULT_B, Desk, begin, choose, framed
from tests.journeys.browser.watch import check_page

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

PIXELS = "/(picture|thumbnail|preview)"
NAME = "Priya Lakshmi Anand"


def launch(desk: Desk, user: str) -> tuple[Page, Frame]:
    """As that person, from the chart, in its frame."""
    desk.sign_in(staff()[user].name)
    return from_chart(desk, ADULT_A)


def from_chart(desk: Desk, patient: str) -> tuple[Page, Frame]:
    page = desk.open_chart(patient)
    page.get_by_role("button", name="Launch app in a frame").click()
    expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_be_visible()
    return page, framed(page)


@pytest.fixture
def both_roles(ward: Demo) -> Iterator[None]:
    """The GP is Caldicott Guardian too, by appointment."""
    appointments = ward.installation.appointments
    ehr = ward.installation.registry.named("sandbox")
    made = appointments.appoint(
        ehr, "Practitioner/prac-gp", Role.CALDICOTT_GUARDIAN, name="Dr Nwosu", by="The board", reason="Cover"
    )
    yield
    appointments.withdraw(made.id, by="The board", reason="Test over")


@pytest.mark.parametrize("user", [user for user in staff() if user not in ("gp", "nurse", "healthcare-assistant")])
def test_a_home_that_everybody_can_use(open_desk: OpenDesk, user: str) -> None:
    desk = open_desk()
    page, app = launch(desk, user)
    arrives_at = f"Requests for copies of {NAME}" if user == "disclosure-officer" else f"Images of {NAME}"
    expect(app.get_by_role("heading", level=1)).to_contain_text(arrives_at)
    check_page(page, app, f"home of the {user}")
    assert desk.watch.asked_for(PIXELS) == []


def test_triage_finds_what_waits_without_a_single_pixel(open_desk: OpenDesk, photos: list[Path]) -> None:
    clinician = open_desk()
    _, app = launch(clinician, "gp")
    begin(app)
    choose(app, photos[:2])
    desk = open_desk()
    page, home = launch(desk, "receptionist")
    item = home.get_by_role("listitem").filter(has_text="Amara Nwosu")
    expect(item).to_contain_text("2 pictures wait for a decision")
    check_page(page, home, "triage with something waiting")
    assert desk.watch.asked_for(PIXELS) == []
    assert home.locator("img").count() == 0
    _, other = from_chart(desk, ADULT_B)
    expect(other.get_by_text("Nothing waits at this chart.")).to_be_visible()


def test_by_keyboard_alone(open_desk: OpenDesk) -> None:
    desk = open_desk()
    page = desk.page
    desk.sign_in(staff()["receptionist"].name)
    with desk.context.expect_page() as opened:
        desk.open_chart(ADULT_A).get_by_role("button", name="Launch app in a tab").click()
    page = opened.value
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Images of {NAME}")
    details = page.locator("details").first
    before = details.evaluate("(each) => each.open")
    Keyboard(page, page.main_frame).act("summary")
    assert details.evaluate("(each) => each.open") is not before


@pytest.mark.usefixtures("both_roles")
def test_a_clinician_with_a_second_role_goes_there_and_back(open_desk: OpenDesk) -> None:
    desk = open_desk()
    page, app = launch(desk, "gp")
    expect(app.get_by_role("heading", level=1)).to_contain_text("Images")
    check_page(page, app, "gallery of somebody with two roles")
    app.get_by_role("link", name="Your other work at this chart").click()
    expect(app.get_by_role("heading", level=2, name="Caldicott Guardian")).to_be_visible()
    check_page(page, app, "home of somebody with two roles")
    app.get_by_role("link", name="All images").click()
    expect(app.get_by_role("button", name="Add images")).to_be_visible()


def test_without_a_role_a_page_says_whom_to_ask(open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.watch.foreseen.append("status of 403")
    page, app = launch(desk, "healthcare-assistant")
    expect(app.get_by_role("heading", level=1)).to_have_text("You do not have a role in this app yet")
    expect(app.get_by_text("Practitioner/prac-healthcare-assistant")).to_be_visible()
    expect(app.get_by_text("Healthcare Assistant (R1480)")).to_be_visible()
    assert NAME not in app.content()
    check_page(page, app, "no role")


def test_a_name_without_a_break_fits_the_narrowest_window(open_desk: OpenDesk, ward: Demo) -> None:
    store = ward.sandbox.store
    known = store.read("Practitioner", "prac-auditor")
    assert known is not None
    store.put({**known, "name": [{"family": "Wolfeschlegelsteinhausenbergerdorff" * 4}]})
    try:
        page, app = launch(open_desk(), "auditor")
        expect(app.get_by_text("bergerdorffWolfe")).to_be_visible()
        check_page(page, app, "home of somebody with a long name")
    finally:
        store.put(known)
