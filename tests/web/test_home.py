"""The homes of those who open no pictures, state by state, and the page of those who may not come in."""

from __future__ import annotations

import datetime as dt
import html
import re
from dataclasses import replace

import pytest
from flask import Flask

from fhir_plugin.capture.routing import WaitingHere, WaitsFor
from fhir_plugin.errors import NoRole, RecordUnavailable
from fhir_plugin.web.access import public
from fhir_plugin.web.home import WAITS, WORDS
from mappings.model.identifiers import Reference
from mappings.model.people import JobNamed, Role, User
from mappings.terminology import systems
from tests.fakes.clock import START
from tests.web.conftest import Person
from tests.web.fake import FakeParts

DOCTOR = Reference("Practitioner/dr")


def become(parts: FakeParts, *roles: Role, name: str = "Jo Desk") -> None:
    """The person at the browser is somebody else from now on."""
    known = parts.sessions.known
    for launch, session in known.items():
        known[launch] = replace(session, user=User(Reference("Practitioner/jo"), name, frozenset(roles)))


def waiting(what: WaitsFor = WaitsFor.DECISION, **changed: object) -> WaitingHere:
    return replace(WaitingHere(what, 1, DOCTOR, "Dr Priya Shah", START, False), **changed)  # type: ignore[arg-type]  # its fields


def words_of(page: str) -> str:
    body = page[page.index("<main") : page.index("</main>")]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.mark.parametrize("launch", ["amy", "framed"])
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CLINICIAN])
def test_every_home_names_patient_person_and_role(person: Person, parts: FakeParts, role: Role, launch: str) -> None:
    become(parts, role)
    person.launch = launch
    page = person.get("home")
    said = words_of(page.text)
    assert f"Jo Desk, {WORDS[role].name}" in said
    assert "Images of Amy LEE" in said
    assert "None" not in said and WORDS[role].nothing in said
    assert all(each in said for each in (*WORDS[role].may, *WORDS[role].may_not))
    assert "<img" not in page.text and "All images" not in said


def test_every_role_and_every_wait_has_words() -> None:
    assert set(WORDS) == set(Role) and set(WAITS) == set(WaitsFor)
    assert all(
        words.may_not and words.name and (words.nothing or role is Role.CLINICIAN) for role, words in WORDS.items()
    )


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (waiting(), "Dr Priya Shah : 1 picture waits for a decision since 9:30am, 2 March 2026"),
        (waiting(pictures=3), "3 pictures wait for a decision"),
        (waiting(WaitsFor.SIGN_IN), "1 picture waits until this person opens the patient again from the EHR"),
        (waiting(WaitsFor.RECORD), "1 picture waits for the record: filing goes on by itself"),
        (waiting(late=True), "2 March 2026 This is too long."),
        (waiting(name=""), "Practitioner/dr : 1 picture"),
        (waiting(name="<b>Dr</b>"), "<b>Dr</b> : 1 picture"),
    ],
)
def test_triage_reads_what_waits(person: Person, parts: FakeParts, item: WaitingHere, sentence: str) -> None:
    become(parts, Role.TRIAGE)
    parts.captures.at_this_chart = [item]
    assert sentence in words_of(person.get("home").text)


@pytest.mark.parametrize("role", [Role.CALDICOTT_GUARDIAN, Role.AUDITOR, Role.PRIVACY_OFFICER, Role.DISCLOSURE_OFFICER])
def test_only_triage_is_told_what_waits(person: Person, parts: FakeParts, role: Role) -> None:
    become(parts, role)
    parts.captures.at_this_chart = [waiting()]
    parts.captures.trouble["waiting_here"] = RecordUnavailable("nobody needs to ask")
    page = person.get("home")
    assert page.status_code == 200 and "Dr Priya Shah" not in page.text


def test_several_roles_have_a_part_each_and_only_a_clinician_a_way_to_the_pictures(
    person: Person, parts: FakeParts
) -> None:
    become(parts, Role.TRIAGE, Role.AUDITOR)
    page = person.get("home").text
    assert re.findall(r'<h2[^>]* id="role-[^>]*>(.*?)</h2>', page) == ["Triage", "Auditor"]
    assert "All images" not in page
    assert person.get("enter").headers["Location"] == "/l/amy/home"
    become(parts, Role.TRIAGE, Role.CLINICIAN)
    page = person.get("home").text
    assert re.findall(r'<h2[^>]* id="role-[^>]*>(.*?)</h2>', page) == ["Triage"]
    assert "All images" in page
    assert person.get("enter").headers["Location"] == "/l/amy/"
    assert "you are also triage." in words_of(person.get().text)


def test_a_record_that_is_down_is_said(person: Person, parts: FakeParts) -> None:
    become(parts, Role.TRIAGE)
    parts.captures.trouble["waiting_here"] = RecordUnavailable("read: down")
    assert person.get("home").status_code == 503
    assert person.get("home").status_code == 200


# ------------------------------------------------------------------------------------------------- no role


@pytest.fixture
def refused(app: Flask) -> list[NoRole]:
    """What `/refused` raises; the route is added once, as the app is shared."""
    holder: list[NoRole] = app.extensions.setdefault("refused", [])
    if "refused" not in app.view_functions:
        app.view_functions["refused"] = public(lambda: _raise(holder[-1]))
        app.url_map.add(app.url_rule_class("/refused", endpoint="refused", methods=["GET"]))
    return holder


def _raise(error: NoRole) -> str:
    raise error


def job(words: str = "Healthcare Assistant", code: str = "R1480", *, counts: bool = True) -> JobNamed:
    return JobNamed(words, systems.SDS_JOB_ROLE_NAME, code, counts)


def no_role(*jobs: JobNamed, display: str = "Chloe Test", reference: str = "Practitioner/c", ask: str = "") -> NoRole:
    return NoRole("No role.", user=User(Reference(reference), display), ehr="trust-a", jobs=jobs, ask=ask)


@pytest.mark.parametrize(
    ("error", "said", "unsaid"),
    [
        (
            no_role(job()),
            ("You are Chloe Test, with this job:", "Healthcare Assistant (R1480)", "they can add it"),
            ("not in force",),
        ),
        (
            no_role(job(), job("Nurse", "R0620", counts=False)),
            ("these jobs:", "Nurse (R0620): not in force today, or at another organisation"),
            (),
        ),
        (no_role(job("GP", "R0260", counts=False)), ("If you still work here",), ("they can add it",)),
        (no_role(job("", "R9999")), ("A job without a name (R9999)",), ()),
        (no_role(job("Locum", "")), ("Locum",), ("()",)),
        (no_role(job("", "")), ("You are Chloe Test.", "It names no job"), ("without a name",)),
        (no_role(), ("It names no job for you, or does not let this app read it.",), ()),
        (no_role(display="Practitioner/c"), ("User Practitioner/c", "EHR trust-a"), ("You are",)),
        (no_role(job(), display="Practitioner/c"), ("It names this job for you:",), ("You are",)),
        (no_role(ask="Jo, ext 12"), ("Ask Jo, ext 12 . Give them",), ("service desk",)),
        (no_role(ask="<script>x</script>"), ("Ask <script>x</script> .",), ()),
        (no_role(job("<img src=x>")), ("<img src=x> (R1480)",), ()),
    ],
)
def test_without_a_role(
    person: Person, refused: list[NoRole], error: NoRole, said: tuple[str, ...], unsaid: tuple[str, ...]
) -> None:
    refused.append(error)
    answer = person.client.get("/refused")
    assert answer.status_code == 403
    assert "<script>x" not in answer.text and "<img" not in answer.text
    read = words_of(answer.text)
    for words in (*said, "You do not have a role in this app yet", "No patient was opened", "Code: no-role"):
        assert words in read
    for words in unsaid:
        assert words not in read


def test_a_time_is_read_on_a_uk_clock(person: Person, parts: FakeParts) -> None:
    become(parts, Role.TRIAGE)
    parts.captures.at_this_chart = [waiting(since=dt.datetime(2026, 7, 1, 23, 30, tzinfo=dt.UTC))]
    assert "since 12:30am, 2 July 2026" in words_of(person.get("home").text)
