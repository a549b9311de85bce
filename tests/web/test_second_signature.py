"""The second signature under an approval, and an approval that is taken back."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.delete.waiting import AWAITS_COSIGN
from fhir_plugin.web.worklist import page_of
from fhir_plugin.work.listing import Listed
from mappings.model.deletion import DeletionCase, DeletionState, Signed
from mappings.model.identifiers import Reference
from mappings.model.people import Role
from mappings.model.work import WorkKind
from tests.fakes.clock import START
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.test_guarding import at, sent
from tests.web.test_home import become, words_of

GUARDIAN = Reference("Practitioner/guardian")


def awaiting(parts: FakeParts, **changed: object) -> DeletionCase:
    """The first of two images is approved by a Guardian, and waits for somebody else."""
    case = parts.deletion.ask(2)
    signed = Signed(GUARDIAN, "Dr Ruth Abelson", START, words="Withdrawn in writing")
    first = replace(case.items[0], state=DeletionState.RECEIVED, why=AWAITS_COSIGN, approval=signed)
    after = replace(case, items=(first, case.items[1]), revision=2, **changed)  # type: ignore[arg-type]  # its fields
    parts.deletion.cases.save(after)
    parts.deletion.requests.cases[case.id] = after
    return after


def test_a_third_person_signs_for_exactly_one_image(person: Person, parts: FakeParts) -> None:
    case = awaiting(parts)
    become(parts, Role.CLINICIAN, name="Dr Third")
    page = person.get(f"deletions/{case.id}/signature")
    said = words_of(page.text)
    assert "Dr Ruth Abelson approves its destruction" in said and "Withdrawn in writing" in said
    assert "Image 1 of 2" in said and "Image 2 of 2" not in said and "<img" not in page.text
    path = f"deletions/{case.id}/signature/{case.items[0].id}"
    wrong = person.post(path, {"revision": "2", "words": " "})
    assert wrong.status_code == 422 and 'href="#words-1"' in wrong.text
    assert person.post(path, {"revision": "2", "words": "I agree"}).status_code == 303
    assert [each.state for each in parts.deletion.cases.get(case.id).items] == [
        DeletionState.ACCEPTED,
        DeletionState.REQUESTED,
    ]
    assert person.post(path, {"revision": "2", "words": "Again"}).status_code == 409


def test_who_asked_or_approved_is_told_that_a_colleague_signs(person: Person, parts: FakeParts) -> None:
    case = awaiting(parts, requested_by=Reference("Practitioner/jo"))
    become(parts, Role.CLINICIAN)
    page = person.get(f"deletions/{case.id}/signature").text
    assert "Three different people ask, approve and sign" in page and 'name="words"' not in page


def test_only_clinicians_at_that_chart_come_here(person: Person, parts: FakeParts) -> None:
    case = awaiting(parts)
    become(parts, Role.CALDICOTT_GUARDIAN)
    assert person.get(f"deletions/{case.id}/signature").status_code == 403
    become(parts, Role.CLINICIAN)
    assert Person(person.client, "sam").get(f"deletions/{case.id}/signature").status_code == 404
    assert person.get("deletions/none/signature").status_code == 404


def test_the_guardian_sees_that_it_waits_and_may_take_it_back(person: Person, parts: FakeParts) -> None:
    case = awaiting(parts)
    become(parts, Role.CALDICOTT_GUARDIAN)
    page = person.get(at(case)).text
    assert "A second signature is needed before this approval counts." in words_of(page)
    assert page.count('value="approve"') == 1, "the other image alone"
    path = at(case, f"/items/{case.items[0].id}")
    assert person.post(path, sent(case, act="take-back", words="")).status_code == 422
    assert person.post(path, sent(case, act="take-back", words="I was mistaken")).status_code == 303
    item = parts.deletion.cases.get(case.id).items[0]
    assert item.state is DeletionState.REQUESTED and item.approval is None


def test_the_worklist_leads_there(person: Person, parts: FakeParts) -> None:
    line = Listed.__new__(Listed)
    object.__setattr__(line, "kind", WorkKind.DELETION_COSIGN)
    object.__setattr__(line, "subject", "case-7")
    with person.client.application.test_request_context("/l/amy/worklist"):
        assert page_of(line).endswith("/deletions/case-7/signature")
