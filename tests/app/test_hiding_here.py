"""Hiding on the joined app: every page, second opinions, the vault on disk, the request for its destruction, and the
right chart in which it is filed again."""

from __future__ import annotations

import pytest

from fhir_plugin.capture.answers import Answers
from fhir_plugin.keep.opinion import OpinionState
from fhir_plugin.ports import Compartment
from fhir_plugin.walkthrough import walk
from mappings.model.deletion import DeletionReason, DeletionState
from mappings.model.hiding import HidingReason, HidingState
from mappings.model.identifiers import OpinionId, Reference
from mappings.model.work import WorkKind
from tests.app.conftest import OTHER_PATIENT, PATIENT, Browser, Shop
from tests.app.test_homes import session_of
from tests.app.test_worklist_here import guard
from tests.fakes.worker import picture

WHY = "canary: she asked that nobody sees it"


@pytest.fixture
def filed(shop: Shop) -> Reference:
    """A picture that this app has filed for the adult patient."""
    return Reference(str(walk(shop.demo, picture("a rash"), "image/jpeg")["media"]))


def test_hidden_is_hidden_on_every_page_and_comes_back(shop: Shop, browser: Browser, filed: Reference) -> None:
    installation = shop.demo.installation
    colleague = shop.browser()
    theirs = colleague.launch(user="nurse", patient=PATIENT)
    launch = browser.launch(patient=OTHER_PATIENT)
    session = session_of(shop, launch)
    patient, hiding = installation.captures.patient(session), installation.deletion.hiding
    page, small = f"/l/{launch}/images/{filed}", f"/l/{launch}/images/{filed}/thumbnail"
    assert browser.get(page).status_code == 200
    form = {
        "to": session_of(shop, theirs).user.reference,
        "purpose": "diagnosis",
        "reason": "eczema?",
        "checked": ["tattoos", "jewellery", "background", "rare"],
        "consent": "given",
        "right": "patient",
        "crop": "10 10 90 90",
    }
    sent = browser.client.post(f"{page}/opinion", data={**guard(browser, f"{page}/opinion"), **form})
    opinion = OpinionId(sent.location.rsplit("/", 1)[1])
    bytes_before = installation.gallery.picture(session, filed)[0]

    hidden = hiding.hide(session, patient, filed, HidingReason.OTHER, WHY)
    assert hidden.state is HidingState.HIDDEN, hidden
    for address in (page, small, f"{page}/picture", f"{page}/label", f"{page}/opinion"):
        answer = browser.get(address)
        assert answer.status_code == 404 or f"/hidden/{filed}" in answer.location, address
    assert filed not in browser.get(f"/l/{launch}/images").text
    assert installation.consultations.one(session, opinion).state is OpinionState.STOPPED
    assert installation.vault.items(compartment=Compartment.OPINION) == []
    assert installation.vault.get(hidden.content or "") == bytes_before  # type: ignore[arg-type]
    state = installation.settings.state
    stored = [file for file in state.rglob("*") if file.is_file() and bytes_before in file.read_bytes()]
    assert [each.name for each in stored] == []
    seen = hiding.seen_by(session, filed)
    assert any("filed it" in each for each in seen) and "not known to this app" in seen[-1]
    hiding.restore(session, patient, filed, "She changed her mind")
    assert browser.get(page).status_code == 200
    assert installation.gallery.picture(session, filed)[0] == bytes_before
    assert "canary" not in repr([each.entry for each in installation.audit.entries()])
    assert installation.audit.verify().intact


def test_the_wrong_chart_asks_for_its_destruction_and_gives_it_to_the_right_one(
    shop: Shop, browser: Browser, filed: Reference
) -> None:
    installation = shop.demo.installation
    launch = browser.launch(patient=OTHER_PATIENT)
    session = session_of(shop, launch)
    patient, deletion = installation.captures.patient(session), installation.deletion
    bytes_before = installation.gallery.picture(session, filed)[0]
    row = deletion.hiding.wrong_patient(session, patient, filed, WHY)
    assert row.state is HidingState.HIDDEN
    [case] = [each for each in deletion.requests.of_patient(session) if each.items[0].image.reference == filed]
    assert case.reason is DeletionReason.WRONG_PATIENT and case.items[0].state is DeletionState.REQUESTED
    assert case.items[0].image.digest == row.digest and case.seen_by
    deletion.resume_for(session)
    assert len(deletion.requests.of_patient(session)) == 1
    here = installation.worklist.of_patient(session.fhir_base, session.patient_id)
    assert [each.subject for each in here if each.kind is WorkKind.BREACH] == [filed]
    assert browser.get(f"/l/{launch}/worklist").status_code == 200

    offered = deletion.hand_overs.offer(session, filed)
    right = session_of(shop, shop.browser().launch(patient=PATIENT))
    assert not deletion.hand_overs.waiting(session)
    assert [each.id for each in deletion.hand_overs.waiting(right)] == [offered.id]
    capture = deletion.hand_overs.take(right, offered.id)
    draft = installation.captures.draft(right, capture)
    assert len(draft.images) == 1 and draft.patient == right.patient_id
    assert installation.vault.get(draft.images[0].received or "") == bytes_before  # type: ignore[arg-type]
    assert draft.answers == Answers() and not draft.identity and draft.encounter is None, "everything is asked anew"
    assert session.patient_id not in repr(draft)
