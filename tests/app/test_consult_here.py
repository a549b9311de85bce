"""A second opinion on the joined app: two browsers, the EHR's own Consent, the vault on disk, the job that tidies."""

from __future__ import annotations

import pytest

from fhir_plugin.ports import Compartment
from fhir_plugin.walkthrough import walk
from mappings.model.consent import ConsentAnswer, ConsentScope
from mappings.model.identifiers import OpinionId, Reference
from mappings.r4.consent import from_consent
from tests.app.conftest import OTHER_PATIENT, PATIENT, Browser, Shop
from tests.app.test_homes import session_of, words_of
from tests.app.test_worklist_here import guard
from tests.fakes.worker import picture

QUESTION = "canary: eczema or a fungus?"


@pytest.fixture(scope="module")
def filed(shop: Shop) -> Reference:
    """A picture that this app has filed for the adult patient."""
    return Reference(str(walk(shop.demo, picture("a rash"), "image/jpeg")["media"]))


def test_from_the_ehr_to_the_colleague_and_back(shop: Shop, browser: Browser, filed: Reference) -> None:
    installation = shop.demo.installation
    colleague = shop.browser()
    theirs = colleague.launch(user="nurse", patient=PATIENT)
    launch = browser.launch(patient=OTHER_PATIENT)
    session = session_of(shop, launch)
    path = f"/l/{launch}/images/{filed}/opinion"
    form = {
        "to": session_of(shop, theirs).user.reference,
        "purpose": "diagnosis",
        "reason": QUESTION,
        "checked": ["tattoos", "jewellery", "background", "rare"],
        "consent": "given",
        "right": "patient",
        "crop": "10 10 90 90",
    }
    sent = browser.client.post(path, data={**guard(browser, path), **form})
    assert sent.status_code == 303, words_of(sent.text)
    id = sent.location.rsplit("/", 1)[1]
    kept = installation.parts.kept.get(session.fhir_base, filed)
    assert kept.consent is not None
    consent = from_consent(installation.records.record_of(launch).read(*kept.consent.split("/")))
    assert consent.answer(ConsentScope.SECOND_OPINION) is ConsentAnswer.GIVEN

    asked = f"/l/{theirs}/asked/{id}"
    shown = colleague.get(asked)
    assert QUESTION in words_of(shown.text) and OTHER_PATIENT not in shown.text
    assert colleague.get(f"{asked}/picture").status_code == 400
    assert browser.get(f"/l/{launch}/asked/{id}").status_code == 404
    fields = guard(colleague, asked)
    assert colleague.client.post(f"{asked}/accept", data=fields).status_code == 303
    seen = colleague.get(f"{asked}/picture")
    assert seen.status_code == 200 and seen.data.startswith(b"marked ")
    assert len(installation.vault.items(compartment=Compartment.OPINION)) == 1
    installation.resume()
    assert colleague.client.post(f"{asked}/answer", data={**fields, "answer": "canary: a fungus."}).status_code == 303
    assert installation.vault.items(compartment=Compartment.OPINION) == []
    assert "canary: a fungus." in words_of(browser.get(f"/l/{launch}/opinions/{id}").text)
    assert installation.consultations.one(session, OpinionId(id)).opened == 1
    said = repr([each.entry for each in installation.audit.entries()])
    assert "canary" not in said
    assert installation.audit.verify().intact
