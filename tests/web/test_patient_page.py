"""The patient's pages without a browser: what each answers, what it keeps to itself, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_plugin.capture.requests.link import MOST_BIRTH_DATES, MOST_GUESSES
from fhir_plugin.capture.requests.request import Asked, Needs, RequestState
from fhir_plugin.errors import Unavailable
from mappings.model.consent import ChildView, ConsentAnswer
from mappings.model.images import Photographer
from tests.web.patients import NAME, PHONE, PRACTICE, Clinic, patient_app, photo

HIDDEN = (NAME, "Amy", "1980-05-01", "Dr Grey", "Practitioner/", "request-1")
"""What no page, header or address shows."""
BEFORE_THE_CHECK = ("rash", "forearm", "cream")
"""What is told only to somebody who knew the date of birth."""


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@dataclass
class Visitor:
    """One browser with one link."""

    clinic: Clinic
    secret: str
    client: FlaskClient
    token: str = ""
    seen: list[TestResponse] = field(default_factory=list)

    def at(self, page: str = "") -> str:
        return f"/p/{self.secret}" + (f"/{page}" if page else "")

    def get(self, page: str = "", **options: Any) -> TestResponse:
        answer = self.client.get(self.at(page), follow_redirects=True, **options)
        if found := re.search(r'csrf_token" value="([^"]+)', answer.text if answer.mimetype == "text/html" else ""):
            self.token = found[1]
        self.seen.append(answer)
        return answer

    def post(self, page: str, said: Mapping[str, Any] | None = None, *, follow: bool = True) -> TestResponse:
        form = {"csrf_token": self.token, **(said or {})}
        self.seen.append(self.client.post(self.at(page), data=form, follow_redirects=follow))
        return self.seen[-1]

    def come_in(self) -> TestResponse:
        self.get()
        born = self.clinic.request(self.secret).birth_date
        return self.post("birth", {"day": str(born.day), "month": str(born.month), "year": str(born.year)})

    def to_photos(self, *, store: str = "yes") -> TestResponse:
        self.come_in()
        self.post("about")
        if self.clinic.request(self.secret).asked is Asked.PARENT:
            self.post("child", {"child_view": "agrees"})
        self.post("private", {"private": "no"})
        return self.post("agree", {"receive": "yes", "store": store})

    def add(self, content: bytes | None = None, name: str = "Amy Example arm.jpg") -> TestResponse:
        sent = photo() if content is None else content
        form = {"csrf_token": self.token, "picture": (BytesIO(sent), name)}
        answer = self.client.post(
            self.at("photos"), data=form, content_type="multipart/form-data", follow_redirects=True
        )
        self.seen.append(answer)
        return answer

    def add_by_script(self, content: bytes) -> TestResponse:
        return self.client.post(
            self.at("photos"),
            data=content,
            content_type="application/octet-stream",
            headers={"X-CSRFToken": self.token, "X-Requested-With": "fetch", "X-File-Type": "image/jpeg"},
        )

    def to_check(self, **options: str) -> TestResponse:
        self.to_photos(**options)
        self.add()
        self.post("photos/done")
        self.post("taker", {"photographer": "patient"})
        return self.post("when", {"when": "today"})

    def send(self) -> TestResponse:
        return self.post("check", {"only_area": "yes"})


@cache
def the_app() -> Flask:
    """One for all tests: compiling the templates takes longer than most of them."""
    return patient_app(Clinic())


def one_app(clinic: Clinic) -> Flask:
    the_app().extensions["fhir_plugin"] = clinic
    return the_app()


def visitor(clinic: Clinic, asked: Asked = Asked.PATIENT, **changed: Any) -> Visitor:
    return another(clinic, clinic.ask(asked, **changed))


def another(clinic: Clinic, secret: str) -> Visitor:
    client = one_app(clinic).test_client()
    client.environ_base.update({"wsgi.url_scheme": "https", "HTTP_HOST": "app.example"})
    return Visitor(clinic, secret, client)


def heading(answer: TestResponse) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.S)
    return re.sub(r"<[^>]+>", "", found[1]).strip() if found else ""


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


# --------------------------------------------------------------------------------------------------------------- links


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
