"""The second clinician's page: what is shown, what opens only with a reason, and an answer that loses no word."""

from __future__ import annotations

import pytest

from fhir_plugin.capture.draft import what_a_second_sees
from fhir_plugin.errors import NotAllowed, Refused
from mappings.model.identifiers import CaptureId
from tests.web.conftest import Person
from tests.web.fake import FakeParts


def asked(person: Person) -> str:
    capture, _ = person.ready(intimacy="intimate", chaperone="declined", chaperone_reason="Her wish")
    assert person.post(f"captures/{capture}/second-person/ask").status_code == 303
    return capture


def test_answers_are_shown_and_pictures_only_after_a_reason(person: Person, parts: FakeParts) -> None:
    capture = asked(person)
    page = person.get(f"captures/{capture}/second-person").text
    assert "Why go on without a chaperone?" in page and "Her wish" in page
    assert "<img" not in page and "Your reason is logged" in page
    image = parts.captures.drafts[CaptureId(capture)].images[0].image_id
    assert person.get(f"captures/{capture}/second-person/images/{image}").status_code == 404
    assert person.post(f"captures/{capture}/second-person/reveal", {"reason": "because"}).status_code == 400
    reason = parts.policy.reveal_reasons[0]
    assert person.post(f"captures/{capture}/second-person/reveal", {"reason": reason}).status_code == 303
    assert f"second-person/images/{image}" in person.get(f"captures/{capture}/second-person").text
    assert person.get(f"captures/{capture}/second-person/images/{image}").mimetype == "image/jpeg"


def test_yes_or_no_in_words_and_every_word_stays(person: Person, parts: FakeParts) -> None:
    capture = asked(person)
    person.get(f"captures/{capture}/second-person")
    path = f"captures/{capture}/second-person/answer"
    unsaid = person.post(path, {"words": "I looked <b>twice</b>"})
    assert unsaid.status_code == 422 and "I looked &lt;b&gt;twice&lt;/b&gt;" in unsaid.text
    assert person.post(path, {"agrees": "yes", "words": ""}).status_code == 422
    about = what_a_second_sees(parts.captures.drafts[CaptureId(capture)], "")
    assert person.post(path, {"agrees": "no", "words": "Not like this", "about": about}).status_code == 303
    page = person.get(f"captures/{capture}/second-person").text
    assert "did not agree" in page and "Not like this" in page and 'name="agrees"' not in page


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotAllowed("You asked this yourself.", code="own-question"), 403),
        (Refused("Another clinician has answered this a moment before you.", code="already-answered"), 400),
    ],
)
def test_whoever_may_not_or_comes_second_is_told(person: Person, parts: FakeParts, error: Refused, status: int) -> None:
    capture = asked(person)
    person.get(f"captures/{capture}/second-person")
    parts.captures.trouble["answer_second_person"] = error
    answer = person.post(f"captures/{capture}/second-person/answer", {"agrees": "yes", "words": "I agree"})
    assert answer.status_code == status and error.message in answer.text
