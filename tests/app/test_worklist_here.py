"""The list on the joined app: a concern reaches the EHR, filing fills the register, consent is taken back there."""

from __future__ import annotations

import base64
import datetime as dt
import html
import re
from dataclasses import replace

import pytest

from fhir_plugin.walkthrough import walk
from mappings.model.consent import ConsentScope
from mappings.model.identifiers import LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkKind
from mappings.r4 import elements
from mappings.terminology import systems
from tests.app.conftest import OTHER_PATIENT, PATIENT, Browser, Shop
from tests.app.test_homes import session_of, words_of
from tests.fakes.worker import picture

SAID = "He answers every question for her."


def guard(browser: Browser, path: str) -> dict[str, str]:
    """What a form of that page carries."""
    page = browser.get(path).text
    names = {"csrf-token": "csrf_token", "patient": "patient", "identity": "identity_seen"}
    found = {field: re.search(rf'name="{name}" content="([^"]+)"', page) for name, field in names.items()}
    return {field: html.unescape(match[1]) for field, match in found.items() if match}


def record_of(shop: Shop, session: ClinicalSession) -> list[dict[str, object]]:
    record = shop.demo.installation.records.record_of(session.launch_id)
    return [
        each
        for each in record.search("DocumentReference", {"patient": session.patient_id})
        if elements.identifier_in(each, systems.CONCERN)
    ]


def test_a_concern_is_a_note_in_the_ehr_once_and_on_the_list_of_everybody_there(shop: Shop, browser: Browser) -> None:
    launch = browser.launch()
    fields = guard(browser, f"/l/{launch}/concerns")
    for _ in range(2):
        sent = browser.client.post(f"/l/{launch}/concerns", data={**fields, "words": SAID, "told": "The lead"})
        assert sent.status_code == 303
    notes = record_of(shop, session_of(shop, launch))
    assert len(notes) == 1
    text = base64.b64decode(notes[0]["content"][0]["attachment"]["data"]).decode()  # type: ignore[index]  # FHIR JSON
    assert SAID in text and notes[0]["subject"] == {"reference": f"Patient/{PATIENT}"}
    elsewhere = browser.launch(patient=OTHER_PATIENT)
    page = words_of(browser.get(f"/l/{elsewhere}/worklist?whose=all").text)
    assert "Safeguarding concern" in page and "in the EHR, then this app" in page and SAID not in page
    triage = shop.browser()
    desk = triage.launch(user="receptionist", patient=OTHER_PATIENT)
    routed = triage.get(f"/l/{desk}/worklist?whose=all").text
    assert "For a clinician, today" in routed and "Safeguarding" not in routed and SAID not in routed
    assert shop.demo.installation.parts.held(session_of(shop, launch).fhir_base, PatientId(PATIENT))


def test_people_who_launched_can_be_given_work_and_nobody_else(shop: Shop, browser: Browser) -> None:
    launch = browser.launch()
    people = shop.demo.installation.practice.clinicians(session_of(shop, launch))
    assert session_of(shop, launch).user.reference in {each.user for each in people}
    assert all(each.name for each in people)


@pytest.fixture(scope="module")
def filed(shop: Shop) -> Reference:
    """A picture that this app has filed for the adult patient."""
    return Reference(str(walk(shop.demo, picture("a thing"), "image/jpeg")["media"]))


def test_what_was_filed_is_in_the_register_with_its_days(shop: Shop, browser: Browser, filed: Reference) -> None:
    session = session_of(shop, browser.launch(patient=OTHER_PATIENT))
    kept = shop.demo.installation.parts.kept.get(session.fhir_base, filed)
    assert (kept.patient, kept.adult, kept.review_at_18) == (session.patient_id, True, None)
    assert kept.retention_review is not None and kept.consent is not None and kept.birth_date is not None
    assert kept.patient_name


def test_consent_is_taken_back_in_the_ehr_and_a_review_waits(shop: Shop, browser: Browser, filed: Reference) -> None:
    launch = browser.launch(patient=OTHER_PATIENT)
    session, installation = session_of(shop, launch), shop.demo.installation
    path = f"/l/{launch}/images/{filed}/consent"
    shown = browser.get(path)
    assert shown.status_code == 200, words_of(shown.text)
    fields = guard(browser, path)
    back = browser.client.post(
        f"/l/{launch}/images/{filed}/withdraw", data={**fields, "scope": "store", "right": "patient"}
    )
    assert back.status_code == 303
    kept = installation.parts.kept.get(session.fhir_base, filed)
    assert kept.withdrawn == {ConsentScope.STORE}
    record = installation.records.record_of(LaunchId(launch))
    assert kept.consent is not None
    consent = record.read(*kept.consent.split("/"))
    assert int(consent["meta"]["versionId"]) == 2
    assert "Store the image in the record : withdrawn" in words_of(browser.get(path).text)
    kinds = {item.kind for item in installation.worklist.of_patient(session.fhir_base, session.patient_id)}
    assert WorkKind.WITHDRAWAL in kinds
    assert browser.get(f"/l/{launch}/images/{filed}/picture").status_code == 200, "nothing was erased"


def test_the_job_of_the_installation_raises_what_is_due(shop: Shop, browser: Browser, filed: Reference) -> None:
    session, installation = session_of(shop, browser.launch(patient=OTHER_PATIENT)), shop.demo.installation
    kept = installation.parts.kept.get(session.fhir_base, filed)
    installation.parts.kept.keep(replace(kept, retention_review=dt.date(2020, 1, 1)))
    for _ in range(2):
        installation.resume()
    due = installation.worklist.of_practice(session.fhir_base, kind=WorkKind.RETENTION)
    assert [item.patient for item in due] == [session.patient_id]
