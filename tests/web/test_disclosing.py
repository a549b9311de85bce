"""The disclosure desk: who may see what, what a request needs, and that nothing typed is lost."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fhir_plugin.web.disclosing.words import WHO_ASKS, asked_of, day_said, grouped, questions_for, time_left
from mappings.model.disclosure import AgeBand, Mode, Reason, Requester, Review, Reviewer
from mappings.model.disclosure_request import DisclosureId
from mappings.model.people import Role
from tests.web.at_the_desk import SAID, a_request, officer, path
from tests.web.conftest import Person
from tests.web.desk_record import a_record, an_item
from tests.web.fake import FakeParts
from tests.web.test_home import words_of


def test_fifteen_rows_in_plain_groups_each_once() -> None:
    assert sorted(each for _, group in WHO_ASKS for each in group) == sorted(Requester)


def test_an_officer_arrives_at_the_desk(person: Person, parts: FakeParts) -> None:
    officer(parts)
    assert person.get("enter").headers["Location"] == "/l/amy/disclosures"
    officer(parts, Role.DISCLOSURE_OFFICER, Role.CLINICIAN)
    assert person.get("enter").headers["Location"] == "/l/amy/"


def test_this_patients_requests_come_first_and_others_are_names_and_days(person: Person, parts: FakeParts) -> None:
    officer(parts)
    a_request(parts)
    other = a_request(parts, "sam", received="2026-01-05")
    parts.desk.requests[other.id] = replace(other, patient_name="Samira O’Neill-Chatterjee")
    page = person.get("disclosures")
    said = words_of(page.text)
    assert "Acme Insurance" in said[: said.index("Other open requests")]
    after = said[said.index("Other open requests") :]
    assert "Samira" in after and "Acme" not in after and "days late" in after
    assert f"disclosures/{other.id}" not in page.text, "another patient's opens from their own chart"
    assert page.text.count("app-days--late") == 1


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (None, "No time limit in law"),
        (3, "3 days left"),
        (1, "1 day left"),
        (0, "Due today"),
        (-1, "1 day late"),
        (-9, "9 days late"),
    ],
)
def test_time_left_is_said_in_words(days: int | None, words: str) -> None:
    assert time_left(days) == words


def test_a_days_words() -> None:
    said = ["2026-03-04", "2026-03", "2026", "2026-13-04", "", "4 March 2026"]
    assert [day_said(each) for each in said] == ["4 March 2026", "March 2026", "2026", "2026-13-04", "", "4 March 2026"]


def test_who_asks_is_chosen_first_with_its_right_and_clock(person: Person, parts: FakeParts) -> None:
    officer(parts)
    said = words_of(person.get("disclosures/new").text)
    for row in parts.desk.rows():
        assert row.title in said and row.right in said and row.time_limit.words in said
    again = person.get("disclosures/new?on=2")
    assert "Choose who asks." in again.text
    theirs = person.get("disclosures/new?requester=patient").text
    assert "Who gets the copy" in theirs and 'value="Amy LEE"' in theirs
    assert 'value="Amy LEE"' not in person.get("disclosures/new?requester=insurer").text


def test_what_one_answer_decides_for_all_leads_to_that_question(person: Person, parts: FakeParts) -> None:
    officer(parts)
    first = Reason("consent-first", "Nobody has said yet that the patient agrees to this release.", "G-R258")
    parts.desk.fresh = lambda: [an_item(n, Review(first, Reviewer.OFFICER)) for n in (1, 2)]
    request = a_request(parts)
    page = person.get(f"disclosures/{request.id}").text
    assert "Answer this once, for all 2" in page and f"/disclosures/{request.id}/facts" in page
    assert "Answer this once" not in person.get(f"disclosures/{a_request(parts, requester='patient').id}").text


@pytest.mark.parametrize("requester", list(Requester))
def test_only_what_a_row_needs_is_asked(person: Person, parts: FakeParts, requester: Requester) -> None:
    officer(parts)
    page = person.get(f"disclosures/new?requester={requester}").text
    wanted = questions_for(requester, AgeBand.ADULT)
    for name in ("consent", "authority", "competence", "agrees"):
        assert (f'name="{name}"' in page) == (name in wanted), name
    assert ('type="radio" value="silent"' in page) == (Mode.SILENT in parts.desk.allowed_modes(requester))


def test_competence_and_agreement_are_asked_of_the_young_alone() -> None:
    asked = asked_of(Requester.PARENT_OR_PROXY)
    assert {"competence", "agrees"} <= asked
    assert questions_for(Requester.PARENT_OR_PROXY, AgeBand.UNDER_16)[2:] == ["competence", "agrees"]
    assert questions_for(Requester.PARENT_OR_PROXY, AgeBand.SIXTEEN_OR_SEVENTEEN)[2:] == ["agrees"]
    assert questions_for(Requester.PARENT_OR_PROXY, AgeBand.UNKNOWN)[2:] == ["competence", "agrees"]
    assert questions_for(Requester.PARENT_OR_PROXY, AgeBand.ADULT)[2:] == []


def test_a_new_request_keeps_everything_typed_and_then_reads_the_record(person: Person, parts: FakeParts) -> None:
    officer(parts)
    person.get("disclosures/new?requester=insurer")
    typed = {**SAID, "recipient": "", "purpose": "A claim <b>of 2024</b>", "consent": "general"}
    wrong = person.post("disclosures/new", typed)
    assert wrong.status_code == 422
    assert "Say who gets it." in wrong.text and "A claim &lt;b&gt;of 2024&lt;/b&gt;" in wrong.text
    assert re.search(r'value="general"[^>]* checked', wrong.text)
    assert not parts.desk.requests
    made = person.post("disclosures/new", {**typed, "recipient": "Acme"})
    [request] = parts.desk.requests.values()
    assert made.status_code == 303 and made.headers["Location"].endswith(f"/disclosures/{request.id}")
    assert request.gathered is not None and request.consent == "general"
    assert person.post("disclosures/new", {"requester": "a friend"}).status_code == 422


def test_facts_are_set_right_and_a_stale_page_keeps_its_words(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    page = person.get(f"disclosures/{request.id}/facts")
    assert "Acme Insurance" in page.text and 'name="revision" value="0"' in page.text
    ok = person.post(f"disclosures/{request.id}/facts", {**SAID, "recipient": "Acme plc", "revision": "0"})
    assert ok.status_code == 303 and parts.desk.requests[request.id].recipient == "Acme plc"
    stale = person.post(f"disclosures/{request.id}/facts", {**SAID, "recipient": "Mine", "revision": "0"})
    assert stale.status_code == 409 and 'value="Mine"' in stale.text and "has changed this request since" in stale.text
    assert 'name="revision" value="1"' in stale.text, "what is shown now is what the next press is about"
    assert parts.desk.requests[request.id].recipient == "Acme plc"


def test_items_stand_under_their_fate_with_counts_and_how_much_is_decided(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    said = words_of(person.get(f"disclosures/{request.id}").text)
    for words in ("Needs a person 3", "Goes out 12", "Masked 4", "Held back 1", "1 hidden item", "17 of 21 decided"):
        assert words in said, words
    assert said.index("Needs a person") < said.index("Goes out")


def test_groups_hold_every_item_once() -> None:
    items = a_record()
    assert sorted(item.key for group in grouped(items) for item in group.items) == sorted(item.key for item in items)


def test_an_item_says_what_it_is_why_and_what_is_cut_and_shows_no_pixels(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    page = person.get(path(request, "DocumentReference/d1"))
    said = words_of(page.text)
    assert "This waits for you." in said and "Its free text names something" in said
    assert "Rule: free-text-names-withheld" in said and "I have read these words" in said
    assert "Taken from : taken out Picture of the forearm 13, 13 March 2026" in said
    image = person.get(path(request, "Media/m13")).text
    assert "<img" not in image and "Private area" in image and "Not opened" in image and "All of it." in words_of(image)
    said = words_of(person.get(path(request, "Media/m1")).text)
    assert "Already sent to 3: Acme Insurance," in said and "(the same picture under another name)." in said


def test_no_address_names_anything_of_the_record(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    page = person.get(path(request, "Media/m13")).text
    links = re.findall(r'(?:href|action|src|data-\w+)="([^"]+)"', page)
    assert len(links) > 40
    assert not [
        each for each in links if re.search(r"Media|DocumentReference|m\d+|amy\b(?!/)", each.replace("/l/amy", ""))
    ]


def test_another_patients_request_does_not_exist_here(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts, "sam")
    for each in ("", "/preview", "/preview/page", "/sign", "/package", "/end", "/facts"):
        assert person.get(f"disclosures/{request.id}{each}").status_code == 404
    assert person.get(path(request, "Media/m1")).status_code == 404
    assert DisclosureId("d1") == request.id
