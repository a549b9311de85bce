"""The Guardian's pages: the queue, one request on one screen, each image decided by itself, pictures opened once."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest

from fhir_plugin.web.deleting.guardian_words import LOOK_REASONS, PRINCIPLES
from mappings.model.deletion import DeletionCase, DeletionState, Principle
from mappings.model.identifiers import FhirBase, Reference
from mappings.model.people import NOBODY, ClinicalSession, Role, User
from mappings.model.practice import Hold, HoldKind
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.fake_guardian import PIXELS
from tests.web.people import AMY, BASE, DOCTOR, SAM
from tests.web.test_home import become, words_of

ALL = [each.value for each in Principle]


@pytest.fixture(autouse=True)
def guardian(parts: FakeParts) -> None:
    become(parts, Role.CALDICOTT_GUARDIAN, name="Dr Ruth Abelson")


def at(case: DeletionCase, then: str = "") -> str:
    return f"guardian/{case.id}{then}"


def sent(case: DeletionCase, **said: str | list[str]) -> dict[str, str | list[str]]:
    """The fields that the page of a case carries."""
    return {"about": f"{case.fhir_base}/Patient/{case.patient}", "revision": str(case.revision), **said}


def held() -> Hold:
    return Hold("h", HoldKind.COMPLAINT, BASE, AMY.id, dt.datetime(2026, 3, 1, tzinfo=dt.UTC), DOCTOR.reference)


def test_the_queue_is_of_every_patient_the_oldest_first_and_shows_no_image(person: Person, parts: FakeParts) -> None:
    first = parts.deletion.ask(2, SAM)
    parts.clock.advance(hours=1)
    second = parts.deletion.ask(1, AMY)
    said = words_of(person.get("guardian").text)
    assert said.index(SAM.name) < said.index(AMY.name)
    page = person.get("guardian").text
    assert page.index(first.id) < page.index(second.id)
    assert "2 images" in said and "28 days left" in said and "Consent was withdrawn" in said
    assert "<img" not in page and "Forearm" not in page and "no longer wants" not in page
    assert "Approve" not in page, "nothing is approved from the list"
    banner = page[page.index("<header") : page.index("</header>")]
    assert "All patients of this EHR" in banner and AMY.name not in banner


def test_the_queue_says_what_is_late_held_and_ones_own(person: Person, parts: FakeParts) -> None:
    today = parts.clock.now().date()
    late = parts.deletion.ask(1, reply_due=today - dt.timedelta(days=2), due=today)
    own = parts.deletion.ask(1, SAM, requested_by=Reference("Practitioner/jo"))
    items = tuple(replace(each, state=DeletionState.ON_HOLD, held_from=DeletionState.REQUESTED) for each in own.items)
    parts.deletion.cases.save(replace(own, items=items, revision=2))
    said = words_of(person.get("guardian").text)
    assert "due today" in said and "2 days late" in said and late.id in person.get("guardian").text
    assert "You asked for this yourself: somebody else decides." in said and "Held:" in said
    assert "1 request for permanent deletion waits for your decision, 1 of them late" in words_of(
        person.get("home").text
    )


def test_an_empty_queue(person: Person) -> None:
    assert "No request waits for a Caldicott Guardian." in words_of(person.get("guardian").text)


def test_a_case_shows_everything_but_the_picture_and_names_its_own_patient(person: Person, parts: FakeParts) -> None:
    case = parts.deletion.ask(3, SAM)
    page = person.get(at(case))  # this launch is about Amy
    said = words_of(page.text)
    for each in (
        "Consent was withdrawn",
        "She no longer wants it kept",
        "Dr Priya Shah",
        "She wants it gone, not hidden",
        "In the note of 3 March",
        "Looked at by who asks",
        "strict/1",
        "Acme Insurance received a copy",
        "Image 3 of 3: Forearm, left, 3",
        "Media/m1-3, version 3",
        "requested",
    ):
        assert each in said, each
    assert "<img" not in page.text
    banner = page.text[page.text.index("<header") : page.text.index("</header>")]
    assert SAM.name in banner.replace("&#39;", "’") and AMY.name not in page.text
    assert "999 000 0026" in banner
    assert page.text.count('value="approve"') == 3, "each image has its own buttons"
    assert all(words in said.replace("&rsquo;", "’") for pair in PRINCIPLES.values() for words in pair)


def test_eight_principles_and_one_reason_approve_one_image(person: Person, parts: FakeParts) -> None:
    case = parts.deletion.ask(2, SAM)
    person.get(at(case))
    first, second = case.items
    answer = person.post(at(case, f"/items/{first.id}"), sent(case, act="approve", principles=ALL[:7], words="Right"))
    assert answer.status_code == 422 and "Tick all eight" in answer.text
    assert answer.text.count("checked") == 7 and "Right</textarea>" in answer.text, "nothing typed is lost"
    assert '#principles-1"' in answer.text, "the summary leads to this image's own field"
    answer = person.post(at(case, f"/items/{first.id}"), sent(case, act="approve", principles=ALL, words="Right"))
    assert answer.status_code == 303 and answer.headers["Location"].endswith(f"/guardian/{case.id}#image-1")
    after = parts.deletion.cases.get(case.id)
    assert [each.state for each in after.items] == [DeletionState.ACCEPTED, DeletionState.REQUESTED]
    assert "The approval counts until" in words_of(person.get(at(case)).text)
    assert after.item(second.id).approval is None


@pytest.mark.parametrize(("act", "state"), [("reject", DeletionState.REJECTED), ("more", DeletionState.RECEIVED)])
def test_refusing_and_asking_for_more_need_words_and_no_ticks(
    person: Person, parts: FakeParts, act: str, state: DeletionState
) -> None:
    case = parts.deletion.ask()
    person.get(at(case))
    path = at(case, f"/items/{case.items[0].id}")
    assert person.post(path, sent(case, act=act, words=" ")).status_code == 422
    assert person.post(path, sent(case, act=act, words="Why hide not enough?")).status_code == 303
    assert parts.deletion.cases.get(case.id).items[0].state is state


def test_two_guardians_at_once_are_told_plainly_and_only_one_counts(person: Person, parts: FakeParts) -> None:
    case = parts.deletion.ask()
    person.get(at(case))
    path = at(case, f"/items/{case.items[0].id}")
    assert person.post(path, sent(case, act="reject", words="No")).status_code == 303
    answer = person.post(path, sent(case, act="approve", principles=ALL, words="Yes"))
    assert answer.status_code == 409
    assert "has changed this request since" in answer.text or "meanwhile" in answer.text
    now = parts.deletion.cases.get(case.id)
    answer = person.post(path, sent(now, act="approve", principles=ALL, words="Yes"))
    assert answer.status_code == 409 and "decided about meanwhile" in answer.text
    assert parts.deletion.cases.get(case.id).items[0].state is DeletionState.REJECTED


def test_ones_own_request_is_somebody_elses_and_says_whose(person: Person, parts: FakeParts) -> None:
    case = parts.deletion.ask(requested_by=Reference("Practitioner/jo"))
    page = person.get(at(case)).text
    assert "Dr Omar Haddad" in page and 'value="approve"' not in page and "Open the picture" not in page
    path = at(case, f"/items/{case.items[0].id}")
    answer = person.post(path, sent(case, act="approve", principles=ALL, words="Mine"))
    assert answer.status_code in (403, 409)
    assert parts.deletion.cases.get(case.id).items[0].state is DeletionState.REQUESTED
    assert person.post(f"{path}/look", sent(case, reason="law")).status_code == 403


def test_where_nobody_else_is_known_it_says_how_to_appoint_somebody(person: Person, parts: FakeParts) -> None:
    parts.deletion.guardians = replace(parts.deletion.guardians, known=lambda _session: [])
    case = parts.deletion.ask(requested_by=Reference("Practitioner/jo"))
    assert "can appoint a deputy or an external Guardian" in words_of(person.get(at(case)).text)


def test_what_holds_it_is_said_first(person: Person, parts: FakeParts) -> None:
    parts.deletion.decisions.stopping = [held()]
    case = parts.deletion.ask()
    said = words_of(person.get(at(case)).text)
    assert "Complaint , since 1 March 2026" in said
    assert said.index("While it is open nothing of this patient is destroyed") < said.index("What is asked, and why")


# ------------------------------------------------------------------------------------------------ the look


def opened(person: Person, case: DeletionCase, number: int = 0, reason: str = "right-image") -> str:
    """Presses; the address of the picture, which the page came back with."""
    person.get(at(case))
    answer = person.post(at(case, f"/items/{case.items[number].id}/look"), sent(case, reason=reason))
    assert answer.status_code == 200
    found = re.search(r'<img class="app-picture" src="/l/\w+/([^"]+)"', answer.text)
    assert found and answer.text.count("<img") == 1
    return found[1]


def test_a_picture_opens_with_a_reason_once_and_is_in_the_audit_trail(person: Person, parts: FakeParts) -> None:
    case = parts.deletion.ask(2, SAM)
    address = opened(person, case, 1)
    answer = person.get(address)
    assert answer.data == PIXELS and answer.headers["Content-Type"] == "image/jpeg"
    assert "no-store" in answer.headers["Cache-Control"]
    assert person.get(address).status_code == 403, "never twice"
    entries = [each.entry for each in parts.deletion.audit.entries(subject=case.items[1].id)]
    assert [each.action for each in entries] == ["deletion.picture-opened", "deletion.picture-shown"]
    assert {each.patient for each in entries} == {f"Patient/{SAM.id}"}, "whose picture it is, not whose chart"
    assert entries[0].detail["reason"] == "right-image"


def test_no_other_session_item_or_time_shows_it(person: Person, parts: FakeParts) -> None:
    case = parts.deletion.ask(2)
    address = opened(person, case)
    other = Person(person.client, "sam")
    assert other.get(address).status_code == 403, "another launch of the same browser"
    ticket = address.rsplit("/", 1)[1]
    assert person.get(at(case, f"/items/{case.items[1].id}/picture/{ticket}")).status_code == 403
    parts.clock.advance(minutes=3)
    assert person.get(address).status_code == 403
    assert len(parts.deletion.audit.entries(action="deletion.picture-shown")) == 0


def test_without_a_reason_offered_it_stays_closed(person: Person, parts: FakeParts) -> None:
    case = parts.deletion.ask()
    person.get(at(case))
    path = at(case, f"/items/{case.items[0].id}/look")
    for reason in ("", "curious"):
        assert person.post(path, sent(case, reason=reason)).status_code == 400
    assert parts.deletion.audit.entries(action="deletion.picture-opened") == []
    assert all(words in person.get(at(case)).text for words in LOOK_REASONS.values())


# ------------------------------------------------------------------------------------------------ who, and about whom


def test_a_page_acts_on_no_other_case_than_it_shows(person: Person, parts: FakeParts) -> None:
    of_sam, of_amy = parts.deletion.ask(1, SAM), parts.deletion.ask(1, AMY)
    person.get(at(of_sam))
    for path, case in (
        (at(of_amy, f"/items/{of_amy.items[0].id}"), of_sam),
        (at(of_sam, f"/items/{of_sam.items[0].id}"), of_amy),
    ):
        answer = person.post(path, sent(case, act="reject", words="No"))
        assert answer.status_code == 409, "the form was made for another patient's request"
    answer = person.post(at(of_sam, f"/items/{of_amy.items[0].id}"), sent(of_sam, act="reject", words="No"))
    assert answer.status_code == 404
    assert {each.items[0].state for each in parts.deletion.cases.at(BASE)} == {DeletionState.REQUESTED}


def test_a_case_of_another_ehr_does_not_exist(person: Person, parts: FakeParts) -> None:
    case = parts.deletion.ask(fhir_base=FhirBase("https://other.example/fhir"))
    assert person.get(at(case)).status_code == 404
    assert "Amy" not in person.get("guardian").text


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CALDICOTT_GUARDIAN])
def test_nobody_else_comes_here(person: Person, parts: FakeParts, role: Role) -> None:
    case = parts.deletion.ask()
    become(parts, role)
    item = case.items[0].id
    assert person.get("guardian").status_code == 403
    assert person.get(at(case)).status_code == 403
    assert person.get(at(case, f"/items/{item}/picture/t")).status_code == 403
    person.get("home" if role is not Role.CLINICIAN else "")
    for path in (f"/items/{item}", f"/items/{item}/look"):
        answer = person.post(at(case, path), sent(case, act="approve", principles=ALL, words="x", reason="law"))
        assert answer.status_code == 403


def test_hostile_words_are_words(person: Person, parts: FakeParts) -> None:
    evil = "<script>alert(1)</script>"
    case = parts.deletion.ask(words=evil, described=evil, instead=evil, patient_name=evil, seen_by=(evil,))
    for path in ("guardian", at(case)):
        page = person.get(path).text
        assert evil not in page and "&lt;script&gt;alert(1)" in page


def narrow(parts: FakeParts) -> None:
    """Comes in by the Guardian's own way: about no patient."""
    known: dict[str, ClinicalSession] = parts.sessions.known
    user = User(Reference("Practitioner/external"), "Dr Extern", frozenset({Role.CALDICOTT_GUARDIAN}))
    known["amy"] = replace(known["amy"], user=user, patient_id=NOBODY, requests_only=True)


def test_the_guardians_own_way_in_leads_to_requests_and_nowhere_else(person: Person, parts: FakeParts) -> None:
    case = parts.deletion.ask(1, SAM)
    narrow(parts)
    assert SAM.name[:5] in person.get("guardian").text
    assert person.get(at(case)).status_code == 200
    answer = person.post(at(case, f"/items/{case.items[0].id}"), sent(case, act="reject", words="No"))
    assert answer.status_code == 303
    for path in ("", "home", "enter", "disclosures", "register", "deletions", "worklist", "label-review"):
        answer = person.get(path)
        assert answer.status_code == 403, path
        assert AMY.name not in answer.text
