"""What people decide at the desk: one item or several, with a reason; read, or put before a clinician."""

from __future__ import annotations

import re

from fhir_plugin.errors import AnswersChanged
from mappings.model.disclosure import Review, Reviewer
from tests.web.at_the_desk import a_request, at, officer, path
from tests.web.conftest import Person
from tests.web.desk_record import LOOK, an_item
from tests.web.fake import FakeParts
from tests.web.test_home import words_of


def test_a_decision_needs_a_reason_and_goes_on_to_what_waits_next(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    here = path(request, "Media/m17")
    token = here.rsplit("/", 1)[1]
    person.get(here)
    said = {"item": token, "at": token, "decided": "release", "revision": "0"}
    wrong = person.post(at(request, "decide"), said)
    assert (
        wrong.status_code == 422 and "Say why." in wrong.text and re.search('value="release"[^>]* checked', wrong.text)
    )
    nothing = person.post(at(request, "decide"), {**said, "decided": "", "reason": "My <i>words</i>"})
    assert nothing.status_code == 422 and "My &lt;i&gt;words&lt;/i&gt;" in nothing.text
    assert parts.desk.done == []
    done = person.post(at(request, "decide"), {**said, "reason": "Seen: a forearm"})
    assert done.status_code == 303
    assert path(request, "Media/m18") in done.headers["Location"]
    page = words_of(person.get(here).text)
    assert "This goes out." in page and "Seen: a forearm" in page and "Jo Desk" in page
    back = person.post(at(request, "decide"), {"item": token, "at": token, "decided": "as-proposed", "revision": "1"})
    assert back.status_code == 303 and "This waits for you." in words_of(person.get(here).text)


def test_several_at_once_and_a_stale_page_keeps_ticks_and_words(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    tokens = [path(request, f"Media/m{n}").rsplit("/", 1)[1] for n in (1, 2)]
    person.get(at(request, ""))
    said = {"several": "yes", "item": tokens, "several-decided": "redact", "revision": "0"}
    none = person.post(at(request, "decide"), {**said, "item": []})
    assert none.status_code == 422 and "Choose the items first" in none.text
    wrong = person.post(at(request, "decide"), said)
    assert wrong.status_code == 422 and 'href="#several-reason"' in wrong.text and 'id="several-reason"' in wrong.text
    parts.desk.trouble["decide"] = AnswersChanged("Somebody was quicker.")
    stale = person.post(at(request, "decide"), {**said, "several-reason": "Third parties in it"})
    assert stale.status_code == 409 and "Third parties in it" in stale.text
    assert len(re.findall(r'type="checkbox" name="item"[^>]* checked', stale.text)) == 2
    assert person.post(at(request, "decide"), {**said, "several-reason": "Third parties in it"}).status_code == 303
    assert "Masked 6" in words_of(person.get(at(request, "")).text)


def test_holding_back_without_a_word_is_offered_where_it_is_allowed(person: Person, parts: FakeParts) -> None:
    officer(parts)
    insurer, patient = a_request(parts), a_request(parts, requester="patient")
    assert 'value="withhold"' in person.get(path(insurer, "Media/m1")).text
    assert 'value="withhold"' not in person.get(path(patient, "Media/m1")).text


def test_reading_clears_an_item_and_asking_puts_it_before_a_clinician(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    letter = path(request, "DocumentReference/d1")
    person.get(letter)
    assert person.post(f"{letter}/read", {"revision": "0"}).status_code == 303
    assert "2 parts taken out" in words_of(person.get(letter).text)
    image = path(request, "Media/m13")
    empty = person.post(f"{image}/ask", {"revision": "1"})
    assert empty.status_code == 422 and "Say what makes you ask." in empty.text
    assert person.post(f"{image}/ask", {"question": "Was she told?", "revision": "1"}).status_code == 303
    said = words_of(person.get(image).text)
    assert "waits for a health professional" in said and "Was she told?" in said


def test_an_item_may_wait_for_two_kinds_of_people_in_words(person: Person, parts: FakeParts) -> None:
    officer(parts)
    parts.desk.fresh = lambda: [an_item(1, Review(LOOK, Reviewer.HEALTH_PROFESSIONAL))]
    assert "waits for a health professional" in words_of(person.get(at(a_request(parts), "")).text)
