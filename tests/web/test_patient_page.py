"""The patient's pages without a browser: what each answers, what it keeps to itself, and where it leads."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fhir_plugin.capture.requests.request import Needs, RequestState
from fhir_plugin.errors import Unavailable
from mappings.model.consent import ConsentAnswer
from mappings.model.images import Photographer
from tests.web.patients import PHONE, Clinic
from tests.web.visitor import HIDDEN, another, clinic, heading, visitor

__all__ = ["clinic"]

BEFORE_THE_CHECK = ("rash", "forearm", "cream")
"""What is told only to somebody who knew the date of birth."""


# ------------------------------------------------------------------------------------------------------- the whole way


def test_from_the_link_to_thank_you(clinic: Clinic) -> None:
    patient = visitor(clinic)
    assert heading(patient.to_check()) == "Check before you send"
    assert heading(patient.send()) == "Thank you. We have your photos"
    request = clinic.request(patient.secret)
    assert request.state is RequestState.ANSWERED
    assert (request.said.receive, request.said.store) == (ConsentAnswer.GIVEN, ConsentAnswer.GIVEN)
    assert request.said.photographer is Photographer.PATIENT
    assert request.said.only_area and request.said.read and request.said.private is False
    assert request.said.taken_on == clinic.bench.clock.now().date()
    for answer in patient.seen:
        for word in HIDDEN:
            assert word not in answer.text, word
            assert word not in str(answer.headers), word
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "nonce" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_before_the_date_of_birth_nothing_is_told_of_why(clinic: Clinic) -> None:
    patient = visitor(clinic)
    first = patient.get()
    assert "Not for emergencies" in first.text
    assert "within 48 hours" in first.text
    assert PHONE in first.text
    for page in ("birth", "about", "private", "agree", "photos", "taker", "when", "check", "withdraw", "nothing/here"):
        answer = patient.get(page)
        for word in BEFORE_THE_CHECK:
            assert word not in answer.text, page
    assert "forearm" in patient.come_in().text


def test_what_must_be_said_first_is_said_before_the_first_photo(clinic: Clinic) -> None:
    """G-R3 to G-R9, G-R16 to G-R28, G-R30: each by the words that carry it."""
    patient = visitor(clinic)
    text = re.sub(r"\s+", " ", patient.get().text + patient.come_in().text)
    for words in (
        "Any questions or worries?",
        "come in and be seen",
        "unless you have talked to us about it first",
        "What happens to your photo",
        "had we seen you here",
        "Send only what we ask for",
        "Up to 3 photos",
        "Why it helps",
        "We lock it so that nobody else can read it",
        "We use it for your care only",
        "We will not use it to teach or for research",
        "How long we keep it",
        "ten years after a person&#39;s death",
        "Who sees it",
        "Nobody should press you",
        "Saying no does not make your care any worse",
        "you can take it back",
        "ask us for a copy",
        "We keep a note",
    ):
        assert words in text, words


def test_saying_no_is_as_easy_as_sending(clinic: Clinic) -> None:
    for page in ("", "about"):
        patient = visitor(clinic)
        text = patient.come_in().text if page else patient.get().text
        choices = text.split('class="p-choices"')[1].split("</div>")[0]
        styles = re.findall(r'class="(nhsuk-button[^"]*)"', choices)
        assert len(styles) == 3
        assert len(set(styles)) == 1, "one choice is louder than another"


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("button", "state", "work", "says"),
    [
        ("decline", RequestState.DECLINED, "declined", "That is fine. You do not have to send a photo"),
        ("call-me", RequestState.CALL_ME, "call-me", "We will call you"),
    ],
)
def test_one_tap_ends_it_without_a_reason(known: bool, button: str, state: RequestState, work: str, says: str) -> None:
    clinic = Clinic()
    patient = visitor(clinic)
    if known:
        patient.to_photos()
        patient.add()
    else:
        patient.get()
    assert heading(patient.post(button)) == says
    assert clinic.request(patient.secret).state is state
    assert clinic.work == [work]
    assert heading(patient.get("photos")) == says
    assert heading(another(clinic, patient.secret).get()) == "This link does not work"


def test_a_no_to_keeping_goes_on_and_a_no_to_looking_ends_it(clinic: Clinic) -> None:
    patient = visitor(clinic)
    assert "No, look at it and then delete it" in patient.to_check(store="no").text
    patient.send()
    assert clinic.request(patient.secret).said.store is ConsentAnswer.REFUSED
    unwilling = visitor(clinic)
    unwilling.come_in()
    unwilling.post("about")
    unwilling.post("private", {"private": "no"})
    assert (
        heading(unwilling.post("agree", {"receive": "no", "store": "no"}))
        == "That is fine. We will not look at a photo"
    )
    assert clinic.request(unwilling.secret).state is RequestState.CALL_ME


# ------------------------------------------------------------------------------------------------------- how it looks


def test_large_print_and_easy_words_come_with_the_request_and_by_a_press(clinic: Clinic) -> None:
    needing = visitor(clinic, needs=Needs(large_print=True, easy_read=True))
    text = needing.get().text
    assert 'class="p-large"' in text
    assert "You can say yes. You can say no." in text
    usual = visitor(clinic)
    assert 'class="p-large"' not in usual.get().text
    assert 'class="p-large"' in usual.post("look", {"size": "large", "back": "start"}).text
    assert "You can say yes. You can say no." in usual.post("look", {"words": "easy", "back": "start"}).text
    text = usual.post("look", {"size": "usual", "words": "<script>", "language": "xx", "back": "https://evil"}).text
    assert 'class="p-large"' not in text
    assert "<script>" not in text


def test_trouble_is_calm_and_says_that_nothing_is_lost(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = visitor(clinic)
    patient.to_photos()

    class Down:
        def __getattr__(self, name: str) -> Any:
            def fails(*_: object, **__: object) -> None:
                raise Unavailable("the database is away")

            return fails

    monkeypatch.setattr(clinic, "visits", Down())
    answer = patient.get("photos")
    assert answer.status_code == 503
    assert heading(answer) == "Sorry, that did not work"
    assert "What you have added so far is safe" in answer.text
    assert "database" not in answer.text


def test_a_form_without_its_token_is_explained(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.get()
    answer = patient.client.post(patient.at("decline"))
    assert answer.status_code == 400
    assert heading(answer) == "We need to know that it is you"
    assert clinic.request(patient.secret).state is RequestState.SENT
