"""Links that open nothing, that close, that are guessed, and what can still be done with one."""

from __future__ import annotations

import re

from fhir_plugin.capture.requests.link import MOST_BIRTH_DATES, MOST_GUESSES
from fhir_plugin.capture.requests.request import RequestState
from tests.web.patients import PHONE, PRACTICE, Clinic
from tests.web.visitor import another, clinic, heading, visitor

__all__ = ["clinic"]


def test_links_that_open_nothing_are_all_alike(clinic: Clinic) -> None:
    """Unknown, cut off, expired, cancelled and used by somebody else: the same bytes but for the form's token."""
    expired = visitor(clinic)
    cancelled = visitor(clinic, state=RequestState.CANCELLED)
    over = visitor(clinic, state=RequestState.WITHDRAWN)
    clinic.bench.clock.advance(hours=24 * 4)
    unknown = another(clinic, "x" * 43)
    cut_off, empty = another(clinic, expired.secret[:20]), another(clinic, "")
    every = (expired, cancelled, over, unknown, cut_off, empty)
    answers = [each.get() for each in every]
    plain = {
        re.sub(rf"{each.secret or 'cut-off'}|csrf_token\" value=\"[^\"]+", "", answer.text)
        for each, answer in zip(every, answers, strict=True)
    }
    assert {answer.status_code for answer in answers} == {404}
    assert len(plain) == 1
    assert heading(answers[0]) == "This link does not work"
    assert PRACTICE not in answers[0].text


def test_whoever_had_passed_the_check_is_told_whom_to_call_when_the_time_is_over(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.to_photos()
    patient.add()
    clinic.bench.clock.advance(hours=24 * 4)
    answer = patient.get("photos")
    assert heading(answer) == "This link has come to its end"
    assert f"call us on {PHONE}" in answer.text
    assert clinic.request(patient.secret).capture_id is None


def test_a_forwarded_link_stays_shut_on_the_second_phone(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.come_in()
    stranger = another(clinic, patient.secret)
    assert heading(stranger.get()) == "This link is open on another phone"
    assert PHONE in stranger.get().text
    for page in ("birth", "about", "photos", "check"):
        assert "forearm" not in stranger.get(page).text
    patient.to_photos()
    assert heading(patient.get("photos")) == "Take your photos"


def test_too_many_wrong_dates_close_the_link_calmly() -> None:
    clinic = Clinic()
    patient = visitor(clinic)
    patient.get()
    for number in range(1, MOST_BIRTH_DATES):
        answer = patient.post("birth", {"day": "1", "month": "1", "year": "1999"})
        assert answer.status_code == 422
        assert "That is not the date we have" in answer.text
        left = MOST_BIRTH_DATES - number
        assert (f"You can try {left} more times" in answer.text) == (left <= 2)
    answer = patient.post("birth", {"day": "1", "month": "1", "year": "1999"})
    assert heading(answer) == "We have closed this link for now"
    assert PHONE in answer.text
    assert heading(patient.come_in()) == "We have closed this link for now"
    assert clinic.work == ["call-me"]


def test_guessing_links_is_slowed_down() -> None:
    clinic = Clinic()
    guesser = another(clinic, "x" * 43)
    statuses = []
    for number in range(MOST_GUESSES + 2):
        guesser.secret = f"{number:02d}" + "x" * 41
        statuses.append(guesser.get().status_code)
    assert statuses == [404] * MOST_GUESSES + [429] * 2
    assert heading(another(clinic, clinic.ask()).get()) == f"Send a photo to {PRACTICE}"


def test_taking_back_works_for_a_while_and_then_says_whom_to_call() -> None:
    clinic = Clinic()
    patient = visitor(clinic)
    patient.to_check()
    patient.send()
    assert heading(patient.get("withdraw")) == "Take your photos back?"
    assert heading(patient.post("withdraw")) == "You have taken your photos back"
    assert clinic.request(patient.secret).state is RequestState.WITHDRAWN
    late = visitor(clinic)
    late.to_check()
    late.send()
    clinic.bench.clock.advance(hours=25)
    answer = late.get("withdraw")
    assert heading(answer) == "We have your photos"
    assert f"call {PHONE}" in answer.text
    assert clinic.request(late.secret).state is RequestState.ANSWERED


def test_sending_twice_sends_once(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.to_check()
    patient.send()
    assert heading(patient.send()) == "Thank you. We have your photos"
    assert heading(patient.get("photos")) == "Thank you. We have your photos"
