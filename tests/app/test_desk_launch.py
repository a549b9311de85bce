"""The disclosure desk's own way in: it alone asks for the whole record, and opens for disclosure officers alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from fhir_plugin.capability import DESK_SCOPES, SCOPES
from mappings.model.identifiers import LaunchId
from mappings.model.people import Role
from smart_launch import GrantedScopes, IssuerRegistry
from tests.app.conftest import Browser, Shop

GP = "Practitioner/prac-gp"


def at_the_desk(url: str) -> str:
    """The same launch, opened at the desk's address."""
    return url.replace("/launch?", "/launch/disclosures?")


def asked_for(address: str) -> set[str]:
    return set(parse_qs(urlsplit(address).query)["scope"][0].split())


def granted(shop: Shop, launch: str) -> GrantedScopes:
    return GrantedScopes.parse(shop.demo.installation.sessions.get(LaunchId(launch)).scopes)


def test_a_clinician_never_asks_for_the_whole_record(shop: Shop, browser: Browser) -> None:
    address = browser.leave(user="gp")
    assert asked_for(address) == {"launch", *SCOPES}
    launch = browser.get(browser.come_back(address)).headers["Location"].split("/")[2]
    assert not granted(shop, launch).allows("Observation", "read")


def test_an_officer_reads_the_record_and_files_nothing(shop: Shop, browser: Browser) -> None:
    address = browser.leave(user="disclosure-officer")
    assert asked_for(address) == {"launch", *DESK_SCOPES}
    launch = browser.get(browser.come_back(address)).headers["Location"].split("/")[2]
    found = granted(shop, launch)
    assert found.allows("Observation", "read") and found.allows("Provenance", "create")
    assert not found.allows("Media", "create") and not found.allows("Observation", "update")
    entries = [each.entry for each in shop.demo.installation.audit.entries(action="launch.completed")]
    assert [each.detail for each in entries if each.launch == launch] == [{"access": "whole record"}]


@pytest.mark.parametrize("user", ["gp", "privacy-officer", "caldicott-guardian", "receptionist"])
def test_nobody_else_comes_in_there_and_the_access_is_given_back(shop: Shop, browser: Browser, user: str) -> None:
    back = browser.come_back(browser.begin(at_the_desk(browser.launch_url(user=user))))
    shop.transport.asked.clear()
    answer = browser.get(back)
    assert answer.status_code == 403 and "disclosure officers only" in answer.text
    assert "Anand" not in answer.text
    assert any("revoke" in str(each) for each in shop.transport.asked), "the EHR was told"


def test_who_files_as_well_does_nothing_else_at_the_desk(shop: Shop, browser: Browser) -> None:
    installation = shop.demo.installation
    ehr = installation.registry.named("sandbox")
    made = installation.appointments.appoint(ehr, GP, Role.DISCLOSURE_OFFICER, name="Dr N", by="Board", reason="Cover")
    try:
        back = browser.come_back(browser.begin(at_the_desk(browser.launch_url())))
        launch = browser.get(back).headers["Location"].split("/")[2]
    finally:
        installation.appointments.withdraw(made.id, by="Board", reason="Test over")
    assert installation.sessions.get(LaunchId(launch)).context["roles"] == ["disclosure-officer"]
    assert browser.get(f"/l/{launch}/").status_code == 403, "no pictures are filed with this access"
    assert browser.get(f"/l/{launch}/disclosures").status_code == 200


def test_what_waits_to_be_filed_does_not_go_on_with_the_desks_access(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it a picture would go to the companion store: the EHR lets it be written by nobody who came in there."""
    installation, went_on = shop.demo.installation, []
    parts = ("captures", "concerns", "withdrawals", "labels", "consultations", "requests")
    for part in parts:
        monkeypatch.setattr(getattr(installation, part), "resume_for", lambda _, part=part: went_on.append(part))
    browser.launch(user="disclosure-officer")
    assert went_on == []
    browser.launch(user="gp")
    assert tuple(went_on) == parts


@pytest.fixture
def without_a_desk(shop: Shop) -> Iterator[None]:
    client = shop.demo.installation.smart
    before = client.registry
    client.registry = IssuerRegistry([replace(each, privileged_scopes=()) for each in before])
    yield
    client.registry = before


@pytest.mark.usefixtures("without_a_desk")
def test_where_no_desk_is_registered_there_is_no_such_way_in(shop: Shop, browser: Browser) -> None:
    browser.launch()  # its cookie is there
    shop.transport.asked.clear()
    for path in (at_the_desk(browser.launch_url()), "/standalone/sandbox/disclosures"):
        answer = browser.get(path)
        assert answer.status_code == 403 and "usual entry in the chart" in answer.text
    assert not any("authorize" in str(each) for each in shop.transport.asked)


def test_a_browser_that_blocks_cookies_is_led_on_at_the_desk(browser: Browser) -> None:
    first = browser.get(at_the_desk(browser.launch_url(user="disclosure-officer")))
    assert first.headers["Location"].startswith("/launch/disclosures?")
    browser.client.delete_cookie("__Host-bid")
    page = browser.get(first.headers["Location"])
    assert page.status_code == 400 and "/standalone/sandbox/disclosures" in page.text


def test_the_desk_can_be_opened_outside_a_chart(browser: Browser) -> None:
    away = str(browser.get("/standalone/sandbox/disclosures").headers["Location"])
    assert asked_for(away) == {"launch/patient", *DESK_SCOPES}
