"""The clinician's screens for asking a patient: what they show once, what they keep, and what they never carry."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.requests.request import RequestState
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.people import Role
from mappings.model.practice import Colleague
from tests.capture.requests.bench import CONFIRMED, FIRST, FORM, LAST
from tests.fakes.worker import picture
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.people import AMY, BASE


@pytest.fixture
def cover(parts: FakeParts) -> None:
    """Somebody else works here."""
    now = parts.clock.now()
    for id, name in (("cover", "Dr Cover"), ("dr", "Dr Priya Shah")):
        person = Colleague(FhirBase(BASE), Reference(f"Practitioner/{id}"), now, name, frozenset({Role.CLINICIAN}))
        parts.bench.colleagues.seen(person)


@pytest.fixture
def amy(person: Person) -> Person:
    person.get("")
    return person


@pytest.fixture
def sam(person: Person) -> Person:
    """The same browser at another chart."""
    return Person(person.client, launch="sam")


def prepared(amy: Person, **changed: str) -> str:
    """The path of the page where the number is confirmed."""
    amy.get("photo-requests/new")
    answer = amy.post("photo-requests/new", {**FORM, **changed})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].split("/l/amy/", 1)[1]


def linked(amy: Person) -> tuple[str, str]:
    """The request's path, and the page that shows its link."""
    path = prepared(amy)
    seen = re.search(r'name="seen" value="([^"]+)"', amy.get(path).text)
    assert seen is not None
    made = amy.post(path.replace("/number", "/link"), {**CONFIRMED, "seen": seen[1]})
    assert made.status_code == 200, made.text
    return path.removesuffix("/number"), made.text


def test_from_the_gallery_to_a_link_that_opens(amy: Person, parts: FakeParts, cover: None) -> None:
    assert "Ask patient for a photo" in amy.get("").text
    path, page = linked(amy)
    found = re.search(r"https://app\.example/p/([\w-]{43})", html.unescape(page))
    assert found is not None
    assert "<svg" in page
    assert "Dr Cover" in amy.get(path).text
    assert found[1] not in amy.get(path).text, "it is shown once"
    assert found[1] not in amy.get("photo-requests").text
    assert parts.asking.visits.open(Door(found[1])).stage.value == "check"
    ((number, text),) = parts.asking.messages.sent.values()
    assert (number, found[0] in text) == ("07700900123", True)


def test_the_first_clinician_of_an_installation_writes_who_covers(amy: Person) -> None:
    page = amy.get("photo-requests/new").text
    assert 'name="cover_name"' in page and 'name="cover"' not in page
    alone = {name: said for name, said in FORM.items() if name != "cover"}
    forgotten = amy.post("photo-requests/new", alone)
    assert forgotten.status_code == 422
    assert 'href="#cover_name"' in forgotten.text and 'id="cover_name-error"' in forgotten.text
    made = amy.post("photo-requests/new", {**alone, "cover_name": "The duty doctor at Elm House"})
    assert made.status_code == 303
    path = made.headers["Location"].split("/l/amy/", 1)[1].removesuffix("/number")
    assert "The duty doctor at Elm House" in amy.get(path).text


def test_the_link_page_is_kept_by_nobody_and_names_the_link_nowhere_but_in_its_text(amy: Person, cover: None) -> None:
    path = prepared(amy)
    seen = re.search(r'name="seen" value="([^"]+)"', amy.get(path).text)
    assert seen is not None
    made = amy.post(path.replace("/number", "/link"), {**CONFIRMED, "seen": seen[1]})
    assert made.headers["Cache-Control"] == "no-store"
    assert made.headers["Referrer-Policy"] == "no-referrer"
    secret = re.search(r"/p/([\w-]{43})", html.unescape(made.text))
    assert secret is not None
    assert secret[1] not in repr(made.headers)
    assert not re.search(rf'(href|src|action|content|title)="[^"]*{secret[1]}', made.text)


def test_nothing_is_answered_beforehand_and_nothing_typed_is_lost(amy: Person, cover: None) -> None:
    page = amy.get("photo-requests/new").text
    assert " checked" not in page
    answer = amy.post("photo-requests/new", {"purpose": "To see <it>"})
    assert answer.status_code == 422
    assert "To see &lt;it&gt;" in answer.text
    assert "Say in a sentence why this patient needs this photo now." in answer.text


def test_a_number_that_is_not_confirmed_makes_no_link(amy: Person, parts: FakeParts, cover: None) -> None:
    path = prepared(amy)
    page = amy.get(path)
    assert 'value="07' not in page.text
    seen = re.search(r'name="seen" value="([^"]+)"', page.text)
    assert seen is not None
    for form in ({"number": "07700900123"}, {"number": "07700900123", "number_again": "07700900124"}, {}):
        answer = amy.post(path.replace("/number", "/link"), {**form, "seen": seen[1]})
        assert answer.status_code == 422
    assert parts.asking.messages.sent == {}


def test_messaging_that_is_down_is_said_and_the_text_is_there_to_copy(
    amy: Person, parts: FakeParts, cover: None
) -> None:
    parts.asking.messages.down = True
    _, page = linked(amy)
    assert "could not be reached" in page
    assert "/p/" in page


def test_two_who_make_a_link_at_once_learn_of_each_other(amy: Person, parts: FakeParts, cover: None) -> None:
    path = prepared(amy)
    seen = re.search(r'name="seen" value="([^"]+)"', amy.get(path).text)
    assert seen is not None
    form = {**CONFIRMED, "seen": seen[1]}
    assert amy.post(path.replace("/number", "/link"), form).status_code == 200
    assert amy.post(path.replace("/number", "/link"), form).status_code == 409
    assert len(parts.asking.messages.sent) == 1


def test_cancel_and_another_cover(amy: Person, parts: FakeParts, cover: None) -> None:
    path, _ = linked(amy)
    seen = re.search(r'name="seen" value="([^"]+)"', amy.get(path).text)
    assert seen is not None
    assert amy.post(f"{path}/cover", {"cover": "Practitioner/nobody", "seen": seen[1]}).status_code >= 400
    assert amy.post(f"{path}/cover", {"cover": "Practitioner/cover", "seen": seen[1]}).status_code == 303
    assert amy.post(f"{path}/cancel", {"seen": seen[1]}).status_code == 303
    assert "Cancelled" in amy.get(path).text
    (request,) = parts.asking.requests_store.of_patient(FhirBase(BASE), PatientId("amy"))
    assert request.state is RequestState.CANCELLED


def test_what_came_back_is_shown_with_who_holds_it_and_taken_with_one_press(
    amy: Person, parts: FakeParts, cover: None
) -> None:
    path, page = linked(amy)
    found = re.search(r"/p/([\w-]{43})", html.unescape(page))
    assert found is not None and AMY.birth_date is not None
    visits = parts.asking.visits
    door = Door(found[1], visits.new_browser())
    visits.check_birth_date(door, AMY.birth_date)
    visits.say(door, FIRST)
    visits.add_picture(door, picture(), "image/jpeg")
    visits.say(door, LAST)
    visits.confirm(door)
    page = amy.get(path).text
    assert "With Dr Priya Shah." in page
    assert "Look at the photos" in page
    from_user = re.search(r'name="from_user" value="([^"]+)"', page)
    assert from_user is not None
    answer = amy.post(f"{path}/take", {"from_user": from_user[1]})
    assert answer.status_code == 303
    assert "/captures/" in answer.headers["Location"]


def test_a_request_of_another_chart_does_not_exist(amy: Person, sam: Person, cover: None) -> None:
    path = prepared(amy)
    assert sam.get(path).status_code == 404
    assert sam.get(path.removesuffix("/number")).status_code == 404
    sam.get("")
    assert sam.post(path.replace("/number", "/cancel"), {"seen": "prepared/0"}).status_code == 404


def test_without_a_whole_date_of_birth_there_is_no_link_but_a_way_on(
    amy: Person, parts: FakeParts, cover: None
) -> None:
    parts.captures.patients[AMY.id] = replace(AMY, birth_date=None)
    answer = amy.get("photo-requests/new")
    assert answer.status_code == 409
    assert "Add it in the EHR" in answer.text


def test_the_list_says_how_many_requests_cannot_be_read(
    amy: Person, parts: FakeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "cannot be read" not in amy.get("photo-requests").text
    monkeypatch.setattr(parts.asking.requests_store, "unreadable", lambda *_: 2)
    assert "2 requests to" in (page := amy.get("photo-requests").text)
    assert "cannot be read here and are not in this list" in page
    assert "Nobody has asked" not in page
