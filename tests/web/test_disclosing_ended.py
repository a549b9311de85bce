"""A request’s course at the desk: read and waited for, extended, refused, closed, and accounted for to the patient."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.disclose.desk.values import Accounted
from mappings.model.disclosure_request import RequestState
from tests.web.at_the_desk import a_request, at, officer, path
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.test_home import words_of


@pytest.mark.parametrize(
    ("form", "field", "state"),
    [
        ("extend", "extend-reason", RequestState.OPEN),
        ("refuse", "refuse-reason", RequestState.REFUSED),
        ("refuse", "close-reason", RequestState.CLOSED),
    ],
)
def test_ending_needs_a_reason_and_keeps_it(
    person: Person, parts: FakeParts, form: str, field: str, state: RequestState
) -> None:
    officer(parts)
    request = a_request(parts, requester="patient")
    person.get(at(request, "end"))
    closed = {"closed": "yes"} if field == "close-reason" else {}
    wrong = person.post(at(request, form), {**closed, "revision": "0"})
    assert wrong.status_code == 422 and f'href="#{field}"' in wrong.text
    if form == "extend":
        untold = person.post(at(request, form), {field: "Too much", "revision": "0"})
        assert untold.status_code == 422 and 'href="#extend-told"' in untold.text
        closed = {"extend-told": "2026-03-01"}
    stale = person.post(at(request, form), {**closed, field: "Too <b>much</b>", "revision": "5"})
    assert stale.status_code == 409 and "Too &lt;b&gt;much&lt;/b&gt;" in stale.text
    assert person.post(at(request, form), {**closed, field: "Too much", "revision": "0"}).status_code == 303
    assert parts.desk.requests[request.id].state is state
    said = words_of(person.get(at(request, "")).text)
    assert ("nothing was sent" in said and "Too much" in said) if state is not RequestState.OPEN else "extended" in said


def test_what_the_ehr_did_not_give_is_said_and_accepted_with_a_reason(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    parts.desk.requests[request.id] = replace(request, not_read={"Observation": "not-granted"})
    assert "the disclosure desk’s entry in the EHR" in person.get(at(request, "")).text
    parts.desk.requests[request.id] = replace(request, not_read={"Observation": "forbidden"})
    assert "the disclosure desk’s entry" not in person.get(at(request, "")).text
    page = person.get(at(request, ""))
    assert "Observation (forbidden)" in words_of(page.text)
    wrong = person.post(at(request, "unread"), {"revision": "0"})
    assert wrong.status_code == 422 and 'href="#unread-reason"' in wrong.text
    assert person.post(at(request, "unread"), {"unread-reason": "None exist", "revision": "0"}).status_code == 303
    assert "could not be read" not in person.get(at(request, "")).text


def test_a_page_that_waits_looks_again_and_then_goes_on(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    parts.desk.reading = [0.25, 0.5]
    page = person.get(at(request, ""))
    assert "25% is read." in page.text and "unattended=1" in page.text
    script = {"HX-Request": "true"}
    part = person.get(at(request, "progress"), **script)
    assert "50% is read." in part.text and "<html" not in part.text
    onward = person.get(at(request, "progress"), **script)
    assert onward.status_code == 204 and onward.headers["HX-Redirect"].endswith(f"/disclosures/{request.id}")
    parts.desk.requests[request.id] = replace(request, state=RequestState.MAKING)
    assert "being made and checked" in person.get(at(request, "")).text
    assert person.get(path(request, "Media/m1")).status_code == 303


def test_the_patient_gets_a_sheet_of_what_was_sent_and_somebody_looks_first_where_it_could_do_harm(
    person: Person, parts: FakeParts
) -> None:
    officer(parts)
    line = Accounted(parts.clock.now(), "Acme Insurance", "By consent", "A claim", 3, 1, "Jo Desk")
    police = replace(line, recipient="Thames Valley Police", look_first=True)
    parts.desk.sent = [line, police]
    page = person.get("disclosures/accounting")
    assert page.text.count('name="also"') == 1 and "Look at these before" in page.text
    sheet = person.get(f"disclosures/accounting/sheet?also={police.token}")
    assert sheet.headers["Content-Type"] == "application/pdf" and sheet.data.startswith(b"%PDF")
    assert parts.desk.done[-1] == ("accounting_sheet", (police.token,))
