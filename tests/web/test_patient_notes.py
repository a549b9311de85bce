"""What a patient writes at the end: all of it is kept or none, and a clinician reads it before anything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_plugin.capture.requests.saying import MOST_NOTES
from mappings.model.identifiers import CaptureId, RequestId
from tests.capture.bench import SESSION
from tests.capture.requests.bench import LAST, Asking
from tests.capture.requests.test_own_words import answered
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.patients import Clinic
from tests.web.visitor import Visitor, visitor

WROTE = "It bleeds at night.\nI am afraid of <b>him</b>"


def at_the_end() -> tuple[Clinic, Visitor]:
    clinic = Clinic()
    patient = visitor(clinic)
    patient.to_photos()
    patient.add()
    patient.post("photos/done")
    patient.post("taker", {"photographer": "patient"})
    patient.post("when", {"when": "today"})
    return clinic, patient


def test_too_much_is_sent_back_whole_and_never_cut() -> None:
    clinic, patient = at_the_end()
    page = patient.get("check")
    assert f'maxlength="{MOST_NOTES}"' in page.text
    long = "a" * MOST_NOTES + "b"
    answer = patient.post("check", {"only_area": "yes", "notes": long})
    assert answer.status_code == 422
    assert long in answer.text and str(MOST_NOTES) in answer.text
    assert clinic.request(patient.secret).said.notes == ""


def test_lines_count_as_the_browser_counts_them() -> None:
    clinic, patient = at_the_end()
    lines = "a\r\n" * (MOST_NOTES // 2 - 1) + "b"
    assert len(lines) > MOST_NOTES
    assert patient.post("check", {"only_area": "yes", "notes": lines}).status_code == 200
    assert clinic.request(patient.secret).said.notes == lines.replace("\r\n", "\n")


def capture_with_words() -> tuple[Asking, Any]:
    asking = Asking()
    request_id, door = asking.sending()
    asking.visits.say(door, replace(LAST, notes=WROTE))
    asking.visits.confirm(door)
    return asking, asking.now(request_id).capture_id


def test_the_note_quotes_it() -> None:
    asking, capture = capture_with_words()
    answered(asking, capture)
    note = asking.bench.captures.assess(SESSION, capture).note
    assert "The patient wrote: “It bleeds at night. I am afraid of <b>him</b>”" in note
    asking.bench.captures.answer(SESSION, capture, {"notes": "Nothing at all"})
    assert "bleeds" in asking.bench.captures.assess(SESSION, capture).note


def test_the_screen_shows_it_first_and_as_text(person: Person, parts: FakeParts) -> None:
    capture = person.begin()
    page = person.get(f"captures/{capture}").text
    assert "The patient wrote" not in page
    drafts = parts.captures.drafts
    drafts[CaptureId(capture)] = replace(drafts[CaptureId(capture)], patient_said={"notes": WROTE})
    page = person.get(f"captures/{capture}").text
    assert page.index("The patient wrote") < page.index("Add images to ")
    assert "I am afraid of &lt;b&gt;him&lt;/b&gt;" in page


def test_no_answers_in_one_tap_where_the_patient_gave_their_own(person: Person, parts: FakeParts) -> None:
    capture = person.begin()
    person.add(capture)
    assert "at-once-agreed" in person.get(f"captures/{capture}").text
    drafts = parts.captures.drafts
    drafts[CaptureId(capture)] = replace(drafts[CaptureId(capture)], request=RequestId("request-1"))
    assert "at-once-agreed" not in person.get(f"captures/{capture}").text
