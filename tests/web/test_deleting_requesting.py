"""Asking for permanent deletion: exactly which pictures, everything that has to be said, and nothing typed is lost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from fhir_plugin.errors import AnswersChanged, PluginError, RecordUnavailable, Refused, WrongPatient
from mappings.model.deletion import CaseId, DeletionReason
from mappings.model.identifiers import Reference
from mappings.model.practice import HoldKind
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.people import session
from tests.web.test_deleting_hiding import CANARY, said

FORM: Mapping[str, Any] = {
    "image": ["Media/m1 1", "Media/m2 1"],
    "reason": "other",
    "words": f"{CANARY} one",
    "described": f"{CANARY} two",
    "instead": f"{CANARY} three",
    "gmc_looked_at": "yes",
}


def offered(text: str) -> dict[str, bool]:
    """The pictures of the form, and which are ticked."""
    boxes = re.findall(r'<input type="checkbox" id="\w+(?:-\d+)?" name="image" value="([^"]+)"([^>]*)>', text)
    return {value: "checked" in rest for value, rest in boxes}


def test_the_form_begins_with_the_picture_it_was_asked_from(person: Person) -> None:
    page = person.get("deletions/new?image=Media/m1").text
    assert offered(page)["Media/m1 1"] and sum(offered(page).values()) == 1
    assert len(offered(page)) == 6
    for words in ("decides about each picture", "GMC: Making and using visual", "strict/2026.11", "Hide from record"):
        assert words in said(page), words
    assert 'href="https://www.gmc-uk.org/' in page and 'rel="noreferrer"' in page
    assert "Media/m1/thumbnail" in page and "Media/m3/thumbnail" not in page, "a sensitive one shows nothing"
    assert "Genital" not in page


def test_what_holds_this_patient_is_said_first(person: Person, parts: FakeParts) -> None:
    assert "Nothing of Amy LEE is destroyed while" not in said(person.get("deletions/new").text)
    parts.concerns.set_hold(session("amy"), HoldKind.COMPLAINT, "Of March")
    page = said(person.get("deletions/new").text)
    assert page.index("Nothing of Amy LEE is destroyed while this is open") < page.index("Exactly which pictures")
    assert "Complaint" in page


def test_a_request_names_exactly_the_chosen_pictures_and_versions(person: Person, parts: FakeParts) -> None:
    person.get("deletions/new")
    answer = person.post("deletions", FORM)
    assert answer.status_code == 303
    case = parts.deletion.requests.cases[CaseId("case-1")]
    assert [(each.image.reference, each.image.version) for each in case.items] == [("Media/m1", "1"), ("Media/m2", "1")]
    assert case.reason is DeletionReason.OTHER and case.gmc_looked_at
    page = person.get(f"deletions/{case.id}?asked=1").text
    assert "The Caldicott Guardian has it on their list" in said(page)
    assert CANARY not in answer.headers["Location"]


def test_a_page_that_is_sent_twice_asks_once(person: Person, parts: FakeParts) -> None:
    page = person.get("deletions/new").text
    once = re.search(r'name="once" value="([^"]+)"', page)
    assert once and len(once[1]) > 20
    first = person.post("deletions", {**FORM, "once": once[1]})
    again = person.post("deletions", {**FORM, "once": once[1]})
    assert first.headers["Location"] == again.headers["Location"]
    assert len(parts.deletion.requests.cases) == 1


@pytest.mark.parametrize("missing", ["image", "reason", "words", "described", "instead", "gmc_looked_at"])
def test_what_is_missing_is_marked_and_every_word_stays(person: Person, parts: FakeParts, missing: str) -> None:
    person.get("deletions/new")
    left = {name: value for name, value in FORM.items() if name != missing}
    answer = person.post("deletions", {**left, "once": "page-one"})
    assert answer.status_code == 422 and not parts.deletion.requests.cases
    field = "images" if missing == "image" else missing
    assert f'href="#{field}"' in answer.text and f'id="{field}"' in answer.text
    for name in ("words", "described", "instead"):
        assert (str(FORM[name]) in answer.text) is (name != missing)
    ticked = {value for value, checked in offered(answer.text).items() if checked}
    assert ticked == (set() if missing == "image" else set(FORM["image"]))
    assert 'name="once" value="page-one"' in answer.text
    if missing != "gmc_looked_at":
        assert re.search(r'name="gmc_looked_at"[^>]*checked', answer.text)


@pytest.mark.parametrize("reason", ["erasure-request", "objection"])
@pytest.mark.parametrize("day", ["", "nonsense", "2026-02-30"])
def test_who_asks_for_erasure_is_answered_within_a_month(
    person: Person, parts: FakeParts, reason: str, day: str
) -> None:
    person.get("deletions/new")
    said_so = {**FORM, "reason": reason, "asked_by_patient": day}
    without = person.post("deletions", said_so)
    assert without.status_code == 422 and 'href="#asked_by_patient"' in without.text
    assert person.post("deletions", {**said_so, "asked_by_patient": "2026-02-20"}).status_code == 303
    page = said(person.get("deletions/case-1").text)
    assert "asked 20 February 2026 and is answered by 20 March 2026" in page


@pytest.mark.parametrize(
    ("trouble", "status", "words"),
    [
        (Refused("One of these pictures is in an open request already."), 409, "is in an open request already"),
        (AnswersChanged("x"), 409, "has changed this request since"),
        (RecordUnavailable("x"), 503, "The record is not answering. Nothing was done."),
    ],
)
def test_whatever_goes_wrong_the_form_comes_back(
    person: Person, parts: FakeParts, trouble: PluginError, status: int, words: str
) -> None:
    person.get("deletions/new")
    parts.deletion.requests.trouble = trouble
    answer = person.post("deletions", FORM)
    assert answer.status_code == status and words in said(answer.text)
    assert all(str(FORM[name]) in answer.text for name in ("words", "described", "instead"))
    assert {value for value, checked in offered(answer.text).items() if checked} == set(FORM["image"])


def test_a_page_for_somebody_else_is_no_form(person: Person, parts: FakeParts) -> None:
    person.get("deletions/new")
    parts.deletion.requests.trouble = WrongPatient("x")
    answer = person.post("deletions", FORM)
    assert answer.status_code == 409 and "another patient" in answer.text and CANARY not in answer.text


@pytest.mark.parametrize("value", ["Patient/amy", "Media", "", "Media/../x", "Binary/b1 1"])
def test_only_pictures_are_asked_for(person: Person, parts: FakeParts, value: str) -> None:
    person.get("deletions/new")
    person.post("deletions", {**FORM, "image": [value]})
    asked = [item.image.reference for case in parts.deletion.requests.cases.values() for item in case.items]
    assert all(reference.startswith(("Media/", "DocumentReference/")) for reference in asked)


def test_what_is_in_a_request_already_is_not_offered_again(person: Person, parts: FakeParts) -> None:
    person.get("deletions/new")
    person.post("deletions", FORM)
    page = person.get("deletions/new?image=Media/m1").text
    assert "In a request already: waits for the Caldicott Guardian" in said(page)
    assert not any(offered(page)[value] for value in FORM["image"])
    picture = person.get("images/Media/m1").text
    assert "Permanent deletion was requested 2 March 2026" in said(picture)
    assert "/deletions/new" not in picture and "/images/Media/m1/hide" in picture


def test_a_hidden_one_can_be_asked_for_and_shows_nothing(person: Person, parts: FakeParts) -> None:
    person.get("images/Media/m1/hide")
    person.post("images/Media/m1/hide", {"reason": "not-needed"})
    page = person.get("deletions/new?image=Media/m1").text
    assert offered(page)["Media/m1"] and "A hidden picture" in said(page)
    assert "Media/m1/thumbnail" not in page
    assert person.post("deletions", {**FORM, "image": ["Media/m1"]}).status_code == 303
    [case] = parts.deletion.requests.cases.values()
    assert [each.image.reference for each in case.items] == [Reference("Media/m1")]
