"""What meets people at the desk before any item: a request sent twice, what waits for whom, and what was sent."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from itertools import count

from fhir_plugin.errors import Tampered
from fhir_plugin.web.disclosing.waiting import NOT_TOLD
from mappings.model.disclosure import Release
from mappings.model.disclosure_request import DisclosureRequest, RequestState, Signature
from mappings.model.identifiers import Reference
from mappings.model.people import Role
from tests.web.at_the_desk import SAID, a_request, officer
from tests.web.conftest import Person
from tests.web.desk_record import OWN, an_item
from tests.web.fake import FakeParts
from tests.web.test_home import words_of


def made_of(parts: FakeParts) -> list[DisclosureRequest]:
    return list(parts.desk.requests.values())


def once_in(page: str) -> str:
    [found] = re.findall(r'name="once" value="([\w-]{24})"', page)
    assert isinstance(found, str)
    return found


def test_the_same_page_sent_twice_is_one_request_read_once(person: Person, parts: FakeParts) -> None:
    officer(parts)
    readings = count(1)
    parts.desk.fresh = lambda: [an_item(next(readings), Release(OWN))]
    typed = {**SAID, "once": once_in(person.get("disclosures/new?requester=insurer").text)}
    first, second = (person.post("disclosures/new", typed) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"] and len(made_of(parts)) == 1
    assert next(readings) == 2, "read once"


def test_every_new_page_is_its_own_and_one_that_comes_back_stays_itself(person: Person, parts: FakeParts) -> None:
    officer(parts)
    keys = [once_in(person.get("disclosures/new?requester=insurer").text) for _ in range(2)]
    assert len(set(keys)) == 2
    wrong = person.post("disclosures/new", {**SAID, "recipient": "", "once": keys[0]})
    assert wrong.status_code == 422 and once_in(wrong.text) == keys[0]
    for key in keys:
        assert person.post("disclosures/new", {**SAID, "once": key}).status_code == 303
    assert len(made_of(parts)) == 2


def test_why_two_people_sign_stands_on_the_request_and_where_it_is_signed(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    pages = (f"disclosures/{request.id}", f"disclosures/{request.id}/sign")
    assert all("two people" not in words_of(person.get(page).text).lower() for page in pages)
    parts.desk.items[request.id] = [an_item(1, Release(OWN))]
    for reasons in (("A <b>sensitive</b> picture.",), ("A <b>sensitive</b> picture.", "Of somebody under 18.")):
        parts.desk.why_second = reasons
        for page in pages:
            said = person.get(page).text
            assert "A &lt;b&gt;sensitive&lt;/b&gt; picture." in said and all(each in unescape(said) for each in reasons)
    somebody = Signature(Reference("Practitioner/other"), "Ruth Abelson", parts.clock.now(), "digest-0")
    waiting = replace(parts.desk.requests[request.id], state=RequestState.WAITS_FOR_SECOND, first=somebody)
    parts.desk.requests[request.id] = waiting
    for page in pages:
        said = words_of(person.get(page).text)
        assert "Of somebody under 18." in said and "Ruth Abelson" in said


def signed_once(parts: FakeParts, request: DisclosureRequest, by: str) -> None:
    signature = Signature(Reference(by), "Ruth Abelson", parts.clock.now(), "digest-0")
    waiting = replace(request, state=RequestState.WAITS_FOR_SECOND, first=signature)
    parts.desk.requests[request.id] = waiting


def test_who_arrives_is_told_how_many_wait_for_them_at_the_desk(person: Person, parts: FakeParts) -> None:
    officer(parts, Role.PRIVACY_OFFICER)
    assert "wait" not in words_of(person.get("home").text).split("At this chart")[0]
    first = a_request(parts)
    page = person.get("home").text
    assert '<a href="/l/amy/disclosures">1 hidden item waits for you to decide</a>' in page
    assert "signature as second" not in page
    signed_once(parts, first, "Practitioner/other")
    signed_once(parts, a_request(parts, "sam"), "Practitioner/other")
    said = words_of(person.get("home").text)
    assert "1 request waits for your signature as second person" in said
    assert "1 request waits for a second person (other patients)" in said
    assert "it waits for your signature" in words_of(person.get("disclosures").text)
    parts.desk.trouble["view"] = Tampered("canary")
    broken = person.get("home")
    assert broken.status_code == 200 and NOT_TOLD in words_of(broken.text) and "canary" not in broken.text


def test_nobody_is_told_of_what_is_not_theirs_to_do(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    signed_once(parts, request, "Practitioner/jo")
    assert "hidden item" not in person.get("home").text, "the officer does not decide about it"
    for page in ("home", "disclosures"):
        assert "your signature" not in person.get(page).text, "they signed first"
    officer(parts, Role.TRIAGE)
    signed_once(parts, request, "Practitioner/other")
    assert "second person" not in words_of(person.get("home").text)
    officer(parts, Role.CALDICOTT_GUARDIAN)
    said = words_of(person.get("home").text)
    assert "waits for your signature" in said and "hidden item" not in said
    parts.desk.trouble["view"] = Tampered("canary")
    assert NOT_TOLD not in words_of(person.get("home").text), "items are not even looked at for them"
