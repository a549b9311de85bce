"""Legal holds: set and lifted by the privacy officer, at the patient's own chart, with a reason each time."""

from __future__ import annotations

import pytest

from mappings.model.people import Role
from mappings.model.practice import HoldKind
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.test_home import become, words_of

WHERE = "register/legal-holds"


@pytest.fixture(autouse=True)
def officer(parts: FakeParts) -> None:
    become(parts, Role.PRIVACY_OFFICER, name="Jo Privacy")


def test_set_and_lifted_with_a_reason_each(person: Person, parts: FakeParts) -> None:
    assert "No legal hold stands." in words_of(person.get(WHERE).text)
    assert person.post(WHERE, {"words": " "}).status_code == 422
    assert person.post(WHERE, {"words": "The coroner’s letter of 3 March"}).status_code == 303
    session = parts.sessions.known["amy"]
    hold = parts.concerns.legal_holds(session)[0]
    assert parts.concerns.held(session.fhir_base, session.patient_id)[0].code
    assert "The coroner’s letter of 3 March" in words_of(person.get(WHERE).text)
    wrong = person.post(f"{WHERE}/{hold.id}/lift", {"because": ""})
    assert wrong.status_code == 422 and 'href="#because-1"' in wrong.text
    assert person.post(f"{WHERE}/{hold.id}/lift", {"because": "The inquest is over"}).status_code == 303
    assert parts.concerns.held(session.fhir_base, session.patient_id) == ()
    assert "Lifted by Jo Privacy: The inquest is over" in words_of(person.get(WHERE).text)
    again = person.post(f"{WHERE}/{hold.id}/lift", {"because": "Again"})
    assert again.status_code == 409 and "closed this meanwhile" in again.text


def test_one_of_another_patient_is_not_lifted_here(person: Person, parts: FakeParts) -> None:
    hold = parts.concerns.set_hold(parts.sessions.known["sam"], HoldKind.LEGAL, "Of somebody else")
    person.get(WHERE)
    assert "Of somebody else" not in person.get(WHERE).text
    assert person.post(f"{WHERE}/{hold.id}/lift", {"because": "x"}).status_code == 404


def test_a_clinician_sets_one_and_does_not_lift_it(person: Person, parts: FakeParts) -> None:
    become(parts, Role.CLINICIAN)
    hold = parts.concerns.set_hold(parts.sessions.known["amy"], HoldKind.LEGAL, "A solicitor has written")
    page = person.get(f"concerns/{hold.id}")
    assert "/close" not in page.text and "privacy officer" in words_of(page.text)
    assert person.post(f"concerns/{hold.id}/close", {"because": "Done"}).status_code == 403


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PRIVACY_OFFICER])
def test_nobody_else_comes_here(person: Person, parts: FakeParts, role: Role) -> None:
    become(parts, role)
    assert person.get(WHERE).status_code == 403
    person.get("home" if role is not Role.CLINICIAN else "")
    assert person.post(WHERE, {"words": "x"}).status_code == 403
