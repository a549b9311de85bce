"""The Guardian's own way in: it asks for no patient's record, opens for Guardians, and leads to requests alone."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from fhir_plugin.errors import PluginError
from mappings.model.identifiers import FhirBase, LaunchId, Reference
from mappings.model.people import Role
from smart_launch import GrantedScopes, Issuer
from tests.app.conftest import Browser, Shop

GP = "Practitioner/prac-gp"
IDENTITY = {"openid", "fhirUser", "user/Practitioner.rs", "user/PractitionerRole.rs"}


def at_the_guardians(url: str) -> str:
    """The same launch, opened at the Guardian's address."""
    return url.replace("/launch/disclosures?", "/launch?").replace("/launch?", "/launch/deletions?")


def came_in(browser: Browser, user: str = "caldicott-guardian") -> LaunchId:
    back = browser.come_back(browser.begin(at_the_guardians(browser.launch_url(user=user))))
    answer = browser.get(back)
    assert answer.status_code == 303, answer.text
    launch, rest = answer.headers["Location"].split("/")[2:4]
    assert rest == "guardian"
    return LaunchId(launch)


def asked_for(address: str) -> set[str]:
    return set(parse_qs(urlsplit(address).query)["scope"][0].split())


def test_it_asks_for_who_signs_in_and_for_no_record(browser: Browser) -> None:
    address = browser.begin(at_the_guardians(browser.launch_url(user="caldicott-guardian")))
    assert asked_for(address) == {"launch", *IDENTITY}
    away = str(browser.get("/standalone/sandbox/deletions").headers["Location"])
    assert asked_for(away) == IDENTITY, "outside a chart no patient is chosen, and nothing stays open offline"


def test_its_token_opens_no_record_and_the_session_is_about_no_patient(shop: Shop, browser: Browser) -> None:
    launch = came_in(browser)
    kept = shop.demo.installation.sessions.get(launch)
    assert kept.patient is None and kept.context["roles"] == ["caldicott-guardian"]
    found = GrantedScopes.parse(kept.scopes)
    for kind in ("Patient", "Media", "Binary", "Task", "DocumentReference", "AuditEvent"):
        for act in ("read", "search-type", "create", "update", "delete"):
            assert not found.allows(kind, act), (kind, act)
    with pytest.raises(PluginError):
        shop.demo.installation.records.record_of(launch).read("Patient", "p-adult-1")
    entries = [each.entry for each in shop.demo.installation.audit.entries(action="launch.completed", launch=launch)]
    assert [each.detail for each in entries] == [{"access": "requests only"}] and entries[0].patient is None


def test_no_page_but_the_requests_opens(browser: Browser) -> None:
    launch = came_in(browser)
    assert "Requests for permanent deletion" in browser.get(f"/l/{launch}/guardian").text
    for path in ("", "enter", "home", "disclosures", "register", "deletions", "worklist", "policy", "hidden"):
        answer = browser.get(f"/l/{launch}/{path}")
        assert answer.status_code in (403, 404), path
        assert "Anand" not in answer.text


@pytest.mark.parametrize("user", ["gp", "privacy-officer", "disclosure-officer", "receptionist", "auditor"])
def test_nobody_else_comes_in_there_and_the_access_is_given_back(shop: Shop, browser: Browser, user: str) -> None:
    back = browser.come_back(browser.begin(at_the_guardians(browser.launch_url(user=user))))
    shop.transport.asked.clear()
    answer = browser.get(back)
    assert answer.status_code == 403 and "Caldicott Guardian" in answer.text and "Anand" not in answer.text
    assert any("revoke" in str(each) for each in shop.transport.asked), "the EHR was told"


def test_a_clinician_who_is_the_guardian_is_nothing_else_there_and_stays_a_colleague(
    shop: Shop, browser: Browser
) -> None:
    installation = shop.demo.installation
    ehr = installation.registry.named("sandbox")
    made = installation.appointments.appoint(ehr, GP, Role.CALDICOTT_GUARDIAN, name="Dr N", by="Board", reason="Cover")
    try:
        launch = came_in(browser, "gp")
    finally:
        installation.appointments.withdraw(made.id, by="Board", reason="Test over")
    assert installation.sessions.get(launch).context["roles"] == ["caldicott-guardian"]
    assert browser.get(f"/l/{launch}/").status_code == 403, "no pictures with this access"
    known = installation.deletion.parts.roles(FhirBase(ehr.fhir_base), Reference(GP))
    assert known == {Role.CLINICIAN}, "what they are otherwise stays known; the appointment has ended"


def test_nothing_goes_on_with_this_access(shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    installation, went_on = shop.demo.installation, []
    for part in ("captures", "concerns", "withdrawals", "labels", "consultations", "requests"):
        monkeypatch.setattr(getattr(installation, part), "resume_for", lambda _, part=part: went_on.append(part))
    came_in(browser)
    assert went_on == []


def test_a_browser_that_blocks_cookies_is_led_on(browser: Browser) -> None:
    first = browser.get(at_the_guardians(browser.launch_url(user="caldicott-guardian")))
    assert first.headers["Location"].startswith("/launch/deletions?")
    browser.client.delete_cookie("__Host-bid")
    page = browser.get(first.headers["Location"])
    assert page.status_code == 400 and "/standalone/sandbox/deletions" in page.text


def test_signing_out_and_staying_work_there(browser: Browser) -> None:
    launch = came_in(browser)
    assert browser.get(f"/l/{launch}/session").status_code == 200


def test_what_an_entry_asks_for_otherwise_is_no_part_of_it() -> None:
    ehr = Issuer("x", "https://ehr.example/fhir", "id", scopes=("openid", "fhirUser", "patient/*.rs", "offline_access"))
    assert ehr.identity_scopes == ("openid", "fhirUser")
    wide = replace(ehr, scopes=("openid", "fhirUser", "user/*.cruds", "user/Practitioner.rs", "launch/patient"))
    assert wide.identity_scopes == ("openid", "fhirUser", "user/Practitioner.rs")
