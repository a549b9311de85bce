"""Signing at the desk: only what was shown, with one’s own name, by two people where it needs two; and the package."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace

from mappings.model.disclosure_request import RequestState
from mappings.model.identifiers import Reference
from mappings.model.people import Role, User
from tests.web.at_the_desk import a_request, at, decided, officer, path
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.test_home import words_of


def test_nothing_is_signed_while_something_waits(person: Person, parts: FakeParts) -> None:
    officer(parts)
    page = person.get(at(a_request(parts), "sign"))
    assert "Not yet" in page.text and "Letter to dermatology waits." in page.text and 'name="name"' not in page.text


def test_signed_with_ones_own_name_about_what_was_shown(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = decided(parts)
    page = person.get(at(request, "sign"))
    assert "Acme Insurance" in page.text and 'name="about" value="digest-0"' in page.text
    assert person.post(at(request, "sign"), {"about": "digest-0", "revision": "0"}).status_code == 422
    other = person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-9", "revision": "0"})
    assert other.status_code == 409 and 'value="Jo Desk"' in other.text
    assert parts.desk.requests[request.id].state is RequestState.OPEN
    assert (
        person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-0", "revision": "0"}).status_code == 303
    )
    done = words_of(person.get(at(request, "")).text)
    assert "The package is made" in done and "Signed by Jo Desk" in done and "abab" in done
    package = person.get(at(request, "package"))
    assert package.data.startswith(b"PK") and package.mimetype == "application/zip"
    assert package.headers["Content-Disposition"] == "attachment; filename=record.zip"
    assert package.headers["Cache-Control"] == "no-store"


def test_the_package_behind_the_password_that_the_page_shows(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = decided(parts)
    person.get(at(request, "sign"))
    person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-0", "revision": "0"})
    shown = [re.search(r'name="password" value="([^"]+)"', person.get(at(request, "")).text) for _ in range(2)]
    passwords = [found[1] for found in shown if found]
    assert len(set(passwords)) == 2 and all(len(each) == 35 for each in passwords)
    package = person.post(at(request, "package"), {"password": passwords[1]})
    assert package.mimetype == "application/zip" and passwords[1].encode() not in package.data
    with zipfile.ZipFile(io.BytesIO(package.data)) as found:
        assert found.namelist() == ["record.html"] and all(each.flag_bits & 1 for each in found.infolist())
    assert person.post(at(request, "package"), {"password": "short"}).status_code == 400


def test_a_second_person_is_somebody_else(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = decided(parts)
    parts.desk.why_second = ("Policy says so.",)
    assert "a second person looks at it" in words_of(person.get(at(request, "sign")).text)
    person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-0", "revision": "0"})
    assert parts.desk.requests[request.id].state is RequestState.WAITS_FOR_SECOND
    page = person.get(at(request, "sign"))
    assert "Somebody else signs now" in page.text and 'name="name"' not in page.text
    for launch, session in parts.sessions.known.items():
        other = User(Reference("Practitioner/cg"), "Ruth Abelson", frozenset({Role.CALDICOTT_GUARDIAN}))
        parts.sessions.known[launch] = replace(session, user=other)
    page = person.get(at(request, "sign"))
    assert "Jo Desk signed" in words_of(page.text) and "Sign as second person" in page.text
    said = {"name": "Ruth Abelson", "about": "digest-1", "revision": "1"}
    assert person.post(at(request, "sign"), said).status_code == 303
    assert parts.desk.requests[request.id].state is RequestState.SENT


def test_whoever_changes_something_after_the_first_signature_is_told_what_that_does(
    person: Person, parts: FakeParts
) -> None:
    officer(parts)
    request = decided(parts)
    parts.desk.why_second = ("Policy says so.",)
    person.get(at(request, "sign"))
    person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-0", "revision": "0"})
    page = person.get(path(request, "Media/m1"))
    said = words_of(page.text)
    assert "Jo Desk has signed what is here." in said and "Whoever changes anything now takes that signature" in said
    assert "Now somebody else looks at it and signs" in said and "Sign as second person" not in page.text
    assert 'name="decided"' in page.text
    signed = parts.desk.requests[request.id]
    assert signed.first is not None
    parts.desk.requests[request.id] = replace(signed, first=replace(signed.first, by=Reference("Practitioner/other")))
    page = person.get(path(request, "Media/m1"))
    assert "Sign as second person" in page.text and "Now somebody else" not in page.text
