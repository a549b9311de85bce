"""How a request for permanent deletion stands for whoever asked: each state in words, answering, taking back, carrying
out, and what was proven or remains."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest

from fhir_plugin.delete.lifecycle import Event
from fhir_plugin.errors import PluginError, RecordUnavailable, Refused
from fhir_plugin.web.deleting import words
from mappings.model.deletion import (
    TERMINAL,
    BoundImage,
    CaseId,
    CertificateNumber,
    DeletionCase,
    DeletionItem,
    DeletionState,
    Happened,
    ItemId,
    Looked,
    Proof,
)
from mappings.model.identifiers import Reference
from mappings.model.people import Role, User
from mappings.model.practice import HoldKind
from mappings.model.work import WorkKind
from tests.fakes.clock import START
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.people import session
from tests.web.test_deleting_hiding import BARE, CANARY, said
from tests.web.test_deleting_requesting import FORM
from tests.web.test_home import become
from tests.web.test_worklist import add

CASE = CaseId("case-1")
HERE = "deletions/case-1"
FIRST, SECOND = f"{HERE}/items/item-1-1", f"{HERE}/items/item-1-2"


@pytest.fixture
def asked(person: Person, parts: FakeParts) -> FakeParts:
    """Two pictures are asked for, at revision 1."""
    person.get("deletions/new")
    person.post("deletions", FORM)
    return parts


def revision(person: Person) -> str:
    found = re.search(r'name="revision" value="(\d+)"', person.get(HERE).text)
    assert found
    return found[1]


def item_part(text: str, number: int) -> str:
    return said("<main" + text.split('<section class="app-item"')[number] + "</main>")


def test_a_request_is_a_timeline_in_plain_words(person: Person, asked: FakeParts) -> None:
    asked.deletion.requests.step(CASE, 1, Event.OPENED)
    asked.deletion.requests.step(CASE, 1, Event.REJECTED, "It may be needed for a complaint.")
    page = person.get(HERE).text
    first = item_part(page, 1)
    for each in (
        "Refused by the Caldicott Guardian",
        "Permanent deletion requested , Dr Priya Shah",
        "Opened by the Caldicott Guardian , Dr Omar Haddad",
        "It may be needed for a complaint.",
    ):
        assert each in first, each
    assert "Waits for the Caldicott Guardian" in item_part(page, 2)
    assert "The GMC’s was looked at" in said(page) and "strict/1" in said(page)
    assert not BARE.search(said(page))
    listed = said(person.get("deletions").text)
    assert "2 pictures, asked 2 March 2026" in listed and "By you" in listed


@pytest.mark.parametrize("state", DeletionState)
def test_every_state_is_told_in_words_with_its_way(person: Person, asked: FakeParts, state: DeletionState) -> None:
    held = DeletionState.RECEIVED if state is DeletionState.ON_HOLD else None

    def put(case: DeletionCase) -> DeletionCase:
        return replace(case, items=tuple(replace(each, state=state, held_from=held) for each in case.items[:1]))

    if state is DeletionState.ACCEPTED:
        asked.deletion.requests.step(CASE, 1, Event.APPROVED)
    asked.deletion.requests.change(CASE, put)
    page = person.get(HERE).text
    assert all(each in said(page) for each in words.STATES[state])
    assert page.count('aria-current="step"') == 1
    assert ("unattended=1" in page) is (state is DeletionState.IN_PROGRESS)
    assert ("/carry-out" in page) is (state is DeletionState.ACCEPTED)
    assert words.in_short(asked.deletion.requests.cases[CASE]) == words.STATES[state][0]


def test_every_event_of_the_table_has_words() -> None:
    assert set(words.EVENTS) == set(Event)
    assert words.event_words("told-the-patient") == "Told the patient"


@pytest.mark.parametrize("state", DeletionState)
def test_the_way_of_an_item_ends_where_it_stands(state: DeletionState) -> None:
    image = BoundImage(Reference("Media/m1"), "1", "d")
    for held in DeletionState if state is DeletionState.ON_HOLD else (None,):
        if held in (DeletionState.ON_HOLD, *TERMINAL):
            continue
        stops = words.journey(DeletionItem(ItemId("i"), image, state, held_from=held))
        here = [at for at, stop in enumerate(stops) if stop.place is words.Place.HERE]
        assert len(here) == 1
        assert all(stop.place is words.Place.PASSED for stop in stops[: here[0]])
        assert all(stop.place is words.Place.AHEAD for stop in stops[here[0] + 1 :])
        proven = any(stop.words == "Destroyed and proven" and stop.place is not words.Place.AHEAD for stop in stops)
        assert proven is (state is DeletionState.COMPLETED), "nothing is said to be proven that is not"


def test_the_guardian_asks_for_more_and_is_answered(person: Person, asked: FakeParts) -> None:
    asked.deletion.requests.step(CASE, 2, Event.MORE_ASKED, "Is it the one of the complaint?")
    page = person.get(HERE).text
    assert "Dr Omar Haddad asks" in item_part(page, 2) and "Is it the one of the complaint?" in item_part(page, 2)
    assert "The Caldicott Guardian asks for more" in said(person.get("deletions").text)
    nothing = person.post(f"{SECOND}/answer", {"answer-2": " ", "revision": revision(person)})
    assert nothing.status_code == 422
    assert 'href="#answer-2"' in nothing.text and 'id="answer-2"' in nothing.text
    done = person.post(f"{SECOND}/answer", {"answer-2": "No, that is another one", "revision": revision(person)})
    assert done.status_code == 303 and done.headers["Location"].endswith("#item-item-1-2")
    after = item_part(person.get(HERE).text, 2)
    assert "No, that is another one" in after and "Your answer" not in after


def test_two_tabs_and_the_back_button_lose_no_word(person: Person, asked: FakeParts) -> None:
    asked.deletion.requests.step(CASE, 2, Event.MORE_ASKED, "Which?")
    seen = revision(person)
    asked.deletion.requests.step(CASE, 1, Event.APPROVED)
    late = person.post(f"{SECOND}/answer", {"answer-2": CANARY, "revision": seen})
    assert late.status_code == 409
    assert "has changed this request since" in said(late.text) and CANARY in late.text
    assert f'name="revision" value="{int(seen) + 1}"' in late.text, "pressed again it goes through"
    again = person.post(f"{SECOND}/answer", {"answer-2": CANARY, "revision": str(int(seen) + 1)})
    assert again.status_code == 303
    without = person.post(f"{FIRST}/take-back", {"because-1": CANARY})
    assert without.status_code == 409 and CANARY in without.text, "a page that says no revision saw none"


@pytest.mark.parametrize(("mistake", "state"), [("", DeletionState.CANCELLED), ("yes", DeletionState.ENTERED_IN_ERROR)])
def test_it_is_taken_back_with_a_reason(person: Person, asked: FakeParts, mistake: str, state: DeletionState) -> None:
    without = person.post(f"{FIRST}/take-back", {"because-1": "", "revision": "1", "mistake": mistake})
    assert without.status_code == 422 and 'href="#because-1"' in without.text
    assert re.search(r"<details[^>]* open", without.text)
    done = person.post(f"{FIRST}/take-back", {"because-1": "She wants it kept", "revision": "1", "mistake": mistake})
    assert done.status_code == 303
    assert [each.state for each in asked.deletion.requests.cases[CASE].items] == [state, DeletionState.REQUESTED]
    page = person.get(HERE).text
    assert words.STATES[state][0] in item_part(page, 1) and "take-back" not in page.split('class="app-item"')[1]


def test_only_whoever_asked_is_offered_to_take_it_back(person: Person, asked: FakeParts) -> None:
    assert "/take-back" in person.get(HERE).text
    other = User(Reference("Practitioner/other"), "Dr Oak", frozenset({Role.CLINICIAN}))
    asked.sessions.known["amy"] = replace(session("amy"), user=other)
    page = person.get(HERE).text
    assert "/take-back" not in page and "By Dr Priya Shah" in said(person.get("deletions").text)
    become(asked, Role.CLINICIAN, Role.PRIVACY_OFFICER)
    assert "/take-back" in person.get(HERE).text


def test_carrying_out_says_once_more_what_will_be_destroyed(person: Person, asked: FakeParts) -> None:
    assert person.get(f"{FIRST}/carry-out").headers["Location"].endswith("#item-item-1-1")
    asked.deletion.requests.step(CASE, 1, Event.APPROVED)
    assert f"/{FIRST}/carry-out" in person.get(HERE).text
    page = person.get(f"{FIRST}/carry-out").text
    for each in ("Forearm, left", "Dr Omar Haddad approved it", "cannot be stopped or undone", "Backups are not"):
        assert each in said(page), each
    assert "Destroy it in Amy LEE’s record" in said(page)
    begun = person.post(f"{FIRST}/carry-out", {"revision": revision(person)})
    assert begun.status_code == 303
    assert "Being destroyed" in item_part(person.get(HERE).text, 1)
    assert person.get(f"{FIRST}/carry-out").status_code == 303, "it has begun: there is nothing to press"


def test_what_has_been_pressed_is_not_offered_again(person: Person, asked: FakeParts) -> None:
    asked.deletion.requests.step(CASE, 1, Event.APPROVED)
    asked.deletion.begun.add(ItemId("item-1-1"))
    page = person.get(HERE).text
    assert "Being carried out" in item_part(page, 1) and "Look again" in item_part(page, 1)
    first = page.split('<section class="app-item"')[1]
    assert "/carry-out" not in first and "/take-back" not in first and "unattended=1" in page


def test_a_hold_that_came_after_the_approval_takes_the_button_away(person: Person, asked: FakeParts) -> None:
    asked.deletion.requests.step(CASE, 1, Event.APPROVED)
    asked.concerns.set_hold(session("amy"), HoldKind.ACCESS_REQUEST, "Of the patient")
    page = person.get(HERE).text
    assert "/carry-out" not in page and "Nothing of Amy LEE is destroyed while this is open" in said(page)
    page = person.get(f"{FIRST}/carry-out").text
    assert "<button" not in page[page.index("<main") : page.index("</main>")]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [(Refused("The picture has changed since it was approved."), 409), (RecordUnavailable("x"), 503)],
)
def test_what_cannot_be_begun_is_said_where_it_was_pressed(
    person: Person, asked: FakeParts, trouble: PluginError, status: int
) -> None:
    asked.deletion.requests.step(CASE, 1, Event.APPROVED)
    seen = revision(person)
    asked.deletion.requests.trouble = trouble
    answer = person.post(f"{FIRST}/carry-out", {"revision": seen})
    assert answer.status_code == status and "There is a problem" in said(answer.text)
    assert asked.deletion.requests.cases[CASE].items[0].state is DeletionState.ACCEPTED


def proof(*left: Looked) -> Proof:
    return Proof(
        START, (Looked("vault", START), *left), ("Ask the administrator to expunge Media/m1.",) if left else ()
    )


def test_what_remains_is_told_with_whom_to_ask(person: Person, asked: FakeParts) -> None:
    step = asked.deletion.requests.step
    step(CASE, 1, Event.APPROVED)
    step(CASE, 1, Event.BEGUN)
    found = Looked("record-versions", START, ("Media/m1/_history/1",))
    unasked = Looked("traces-logs", START, unasked="not-readable")
    again = START + dt.timedelta(days=1)
    step(CASE, 1, Event.STOPPED, proof=proof(found, unasked), look_again=again, purged=("vault",))
    told = item_part(person.get(HERE).text, 1)
    for each in (
        "Not proven to be destroyed",
        "Earlier versions of the image, and its history : 1 found",
        "a file there cannot be read",
        "Ask the administrator to expunge Media/m1.",
        "looks again 3 March 2026",
        "Destroyed already",
    ):
        assert each in re.sub(r"history:", "history :", told), each
    assert "Destroyed and proven" in told, "as what is still ahead"


def test_what_was_destroyed_keeps_nothing_that_speaks(person: Person, asked: FakeParts) -> None:
    step = asked.deletion.requests.step
    step(CASE, 1, Event.APPROVED)
    step(CASE, 1, Event.BEGUN)
    step(CASE, 1, Event.PROVEN, proof=proof(), certificate=CertificateNumber("DC-7Q4M"))
    page = person.get(HERE).text.split('class="app-item"')[1]
    assert "Destroyed and proven" in page and "DC-7Q4M" in page and "1 place" in page
    assert "Forearm" not in page and "thumbnail" not in page


def test_the_patient_is_answered_and_it_is_noted_once(person: Person, asked: FakeParts) -> None:
    person.post("deletions", {**FORM, "reason": "objection", "asked_by_patient": "2026-01-02"})
    page = person.get("deletions/case-2").text
    assert "2 February 2026: late" in said(page)
    assert person.post("deletions/case-2/replied", {"revision": "1"}).status_code == 303
    page = person.get("deletions/case-2").text
    assert "was answered 2 March 2026" in said(page) and "/replied" not in page


def test_words_for_the_patient_and_for_whoever_had_received_one(person: Person, asked: FakeParts) -> None:
    asked.deletion.requests.change(CASE, lambda case: replace(case, seen_by=("Dr Oak was sent it, 1 March 2026",)))
    page = person.get(f"{HERE}/words").text
    assert said(page).count("We are deciding about your picture") == 2
    assert "Dr Oak was sent it, 1 March 2026" in said(page) and "Forearm" not in page
    assert "Please delete a picture" not in said(page), "nobody knows which day it was sent"
    to_them = said(person.get(f"{HERE}/words?sent=2026-03-01").text)
    assert "On 1 March 2026 we sent you a picture" in to_them
    assert 'href="#sent"' in person.get(f"{HERE}/words?sent=<b>").text


def test_requests_of_another_patient_do_not_exist(person: Person, asked: FakeParts) -> None:
    person.launch = "sam"
    person.get()
    for path in (HERE, f"{FIRST}/carry-out"):
        assert person.get(path).status_code == 404
    for path in (f"{FIRST}/answer", f"{FIRST}/take-back", f"{FIRST}/carry-out", f"{HERE}/replied"):
        assert person.post(path, {"revision": "1"}).status_code == 404
    assert "Nobody has asked" in said(person.get("deletions").text)
    person.launch = "amy"
    assert person.get(f"{HERE}/items/nothing/carry-out").status_code == 404


@pytest.mark.parametrize(
    ("kind", "leads"),
    [
        (WorkKind.DELETION_MORE_ASKED, "deletions/case-1"),
        (WorkKind.DELETION_APPROVED, "deletions/case-1"),
        (WorkKind.DELETION_REPLY, "deletions/case-1"),
        (WorkKind.DELETION_REJECTED, "worklist/told"),
    ],
)
def test_the_worklist_leads_to_the_request(person: Person, asked: FakeParts, kind: WorkKind, leads: str) -> None:
    add(asked, "told", kind=kind, subject=str(CASE))
    assert f'href="/l/amy/{leads}"' in person.get("worklist?whose=all").text
    if kind is WorkKind.DELETION_REJECTED:
        assert f'href="/l/amy/{HERE}"' in person.get("worklist/told").text


def test_hostile_words_are_only_words(person: Person, asked: FakeParts) -> None:
    markup = "<img src=x onerror=alert(1)>{{ 7*7 }}"
    asked.deletion.requests.step(CASE, 1, Event.MORE_ASKED, markup)
    asked.deletion.requests.change(
        CASE,
        lambda case: replace(
            case, words=markup, described=markup, instead=markup, requested_by_name=markup, policy=markup
        ),
    )
    page = person.get(HERE).text
    assert "<img src=x" not in page and page.count("{{ 7*7 }}") >= 5
    assert isinstance(asked.deletion.requests.cases[CASE].items[0].timeline[-1], Happened)
