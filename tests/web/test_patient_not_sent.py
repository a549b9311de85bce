"""What a patient does not send: private, not theirs to send, not agreed; and answers that are missing or wrong."""

from __future__ import annotations

import re

import pytest

from fhir_plugin.capture.requests.request import Asked, RequestState
from mappings.model.consent import ChildView
from tests.web.patients import Clinic, photo
from tests.web.visitor import clinic, heading, visitor

__all__ = ["clinic"]

# ---------------------------------------------------------------------------------------------------- what is not sent


def test_something_private_that_was_not_agreed_stops_before_the_first_byte(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.come_in()
    patient.post("about")
    answer = patient.post("private", {"private": "yes"})
    assert heading(answer) == "Please do not send this photo here"
    assert "We will call you" in answer.text
    assert clinic.request(patient.secret).state is RequestState.CALL_ME
    assert patient.add_by_script(photo()).status_code == 409
    assert clinic.request(patient.secret).capture_id is None


def test_something_private_that_was_agreed_goes_on(clinic: Clinic) -> None:
    patient = visitor(clinic, private_allowed=True)
    patient.come_in()
    assert "We have talked to you about this" in patient.post("about").text
    assert heading(patient.post("private", {"private": "yes"})) == "Do you agree?"


def test_a_parent_is_told_to_ask_the_child_and_a_no_of_the_child_ends_it(clinic: Clinic) -> None:
    parent = visitor(clinic, Asked.PARENT)
    assert "your child" in parent.get().text
    assert "Talk to your child first" in parent.come_in().text
    assert heading(parent.post("about")) == "Have you asked your child?"
    assert heading(parent.post("child", {"child_view": "objects"})) == "Please do not take a photo"
    assert clinic.request(parent.secret).said.child_view is ChildView.OBJECTS
    willing = visitor(clinic, Asked.PARENT)
    willing.to_check()
    assert clinic.request(willing.secret).said.child_view is ChildView.AGREES


def test_somebody_young_who_decides_reads_words_of_their_own(clinic: Clinic) -> None:
    text = visitor(clinic, Asked.COMPETENT_CHILD).come_in().text
    assert "This is between you and us" in text
    assert "We do not tell your parents" in text
    assert "your child" not in text


def test_a_care_workers_photo_is_kindly_not_taken(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.to_photos()
    patient.add()
    patient.post("photos/done")
    answer = patient.post("taker", {"photographer": "care-worker"})
    assert heading(answer) == "Please do not send these photos"
    assert "nobody’s fault" in answer.text
    assert clinic.request(patient.secret).capture_id is None


def test_somebody_who_was_not_happy_with_the_helper_is_called(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.to_photos()
    patient.add()
    patient.post("photos/done")
    assert heading(patient.post("taker", {"photographer": "family-carer"})) == "Were you happy for them to take it?"
    assert "You should be happy with what is done" in patient.post("helper", {"helper_agreed": "no"}).text
    assert clinic.request(patient.secret).state is RequestState.CALL_ME


# ------------------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("page", "said", "words"),
    [
        ("private", {}, "Say if it is private"),
        ("private", {"private": "maybe"}, "Say if it is private"),
        ("agree", {"receive": "yes"}, "Say if we may keep it"),
        ("agree", {"store": "yes"}, "Say if we may look at your photo"),
        ("taker", {"photographer": "clinician"}, "Say who took it"),
        ("when", {}, "Say when it was taken"),
        ("when", {"when": "other", "day": "31", "month": "2", "year": "2026"}, "Enter a real day"),
        ("when", {"when": "other", "day": "1", "month": "1", "year": "2999"}, "Enter a real day"),
        ("check", {}, "Tick the box if this is right"),
    ],
)
def test_every_error_says_what_to_do(clinic: Clinic, page: str, said: dict[str, str], words: str) -> None:
    patient = visitor(clinic)
    patient.to_check()
    answer = patient.post(page, said)
    assert answer.status_code == 422
    assert words in answer.text
    assert "<title>Problem: " in re.sub(r"\s*\n\s*", "", answer.text)
    assert "There is a problem" in answer.text


def test_a_page_that_cannot_be_yet_leads_to_the_one_that_can(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.come_in()
    for page in ("private", "agree", "photos", "taker", "helper", "when", "check", "child"):
        assert heading(patient.get(page)) == "About this photo", page
    assert patient.add_by_script(photo()).json == {"go": patient.at("about")}


def test_a_reload_another_day_goes_on_where_it_was(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.to_photos()
    patient.add()
    clinic.bench.clock.advance(hours=20)
    assert heading(patient.get()) == "Who took the photos?"
    assert 'value="yes" checked' in re.sub(r"\s+", " ", patient.get("agree").text)
    assert "1 of 3" in patient.get("photos").text
