"""What a patient said at the link themselves: no form of a clinician says otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from werkzeug.datastructures import MultiDict

from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.draft_json import draft_from_json, draft_to_json
from fhir_plugin.capture.order import labels_of, situation_in
from fhir_plugin.capture.requests.request import Said
from fhir_plugin.policy.ruling import Act, May
from fhir_plugin.web.capture import said
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import CaptureId
from mappings.model.labels import RESTRICTED
from tests.capture.bench import SESSION, SHARED
from tests.capture.requests.bench import FIRST, LAST, PRIVATE, Asking
from tests.fakes.worker import picture

AGAIN = "I rang her at ten today: she now wants it kept, to compare"
LINK = {"arrival": "our-link", "device": "patient", "photographer": "patient", "identity": "date-of-birth"}


def came_back(asking: Asking, last: Said = LAST, first: Said = FIRST, **form: str) -> CaptureId:
    request_id, door = asking.opened(**form)
    asking.visits.say(door, first)
    asking.visits.add_picture(door, picture("forearm"), "image/jpeg")
    asking.visits.say(door, last)
    asking.visits.confirm(door)
    capture = asking.now(request_id).capture_id
    assert capture is not None
    return capture


def answered(asking: Asking, capture: CaptureId, **changed: str) -> Draft:
    """Everything that a form may say, as if the patient had agreed to all of it."""
    (image,) = asking.bench.draft(capture).images
    form = {**SHARED, **LINK, "only_area": "yes", "taken_on": asking.bench.parts.today.isoformat(), **changed}
    return asking.bench.answer(capture, {image.image_id: "store"}, **form)


def refused() -> Said:
    return replace(LAST, store=ConsentAnswer.REFUSED)


def may(asking: Asking, capture: CaptureId, act: Act) -> May:
    captures = asking.bench.captures
    assessed = captures._assessment(captures.draft(SESSION, capture), captures.patient(SESSION))
    (ruling,) = assessed.rulings.values()
    return ruling.acts[act]


def test_a_refusal_at_the_link_is_not_overwritten_by_an_answer_of_the_form() -> None:
    asking = Asking()
    capture = came_back(asking, refused())
    answered(asking, capture)
    view = asking.bench.captures.assess(SESSION, capture)
    assert not view.may_file
    assert "store-refused" in {reason.code for reason in view.holds}
    assert may(asking, capture, Act.STORE) is May.NO
    assert may(asking, capture, Act.REVEAL) is May.YES
    assert "to store: refused" in view.note
    assert asking.bench.draft(capture).patient_said["consent_store"] == "refused"


def test_only_words_about_asking_again_let_another_answer_count() -> None:
    asking = Asking()
    capture = came_back(asking, refused())
    answered(asking, capture, asked_again="ok")
    assert may(asking, capture, Act.STORE) is May.NO
    answered(asking, capture, asked_again=AGAIN)
    view = asking.bench.captures.assess(SESSION, capture)
    assert view.may_file, (view.missing, view.holds)
    assert AGAIN in view.note
    (entry,) = asking.bench.audit.entries(action="consent.asked-again")
    assert entry.entry.detail == {"stands": True, "consent_receive": "given", "consent_store": "given"}
    assert entry.entry.actor == SESSION.user.reference
    answered(asking, capture, asked_again="")
    assert may(asking, capture, Act.STORE) is May.NO


def test_asking_again_is_offered_where_they_said_no_and_nowhere_else() -> None:
    for last, offered in ((refused(), True), (LAST, False)):
        asking = Asking()
        capture = came_back(asking, last)
        answered(asking, capture)
        asked = {question.id for question in asking.bench.captures.assess(SESSION, capture).questions}
        assert ("asked_again" in asked) is offered


def test_what_they_call_private_stays_private() -> None:
    asking = Asking()
    capture = came_back(asking, LAST, replace(FIRST, private=True), **PRIVATE)
    (image,) = asking.bench.draft(capture).images
    answered(asking, capture, patient_says_private="", intimacy="no", intimacy_cleared_reason="It is an elbow only")
    captures = asking.bench.captures
    assessed = captures._assessment(captures.draft(SESSION, capture), captures.patient(SESSION))
    assert assessed.situations[image.image_id].patient_says_private
    assert RESTRICTED in labels_of(assessed, image.image_id)


def test_a_refusal_is_told_as_one_when_everything_is_thrown_away() -> None:
    asking = Asking()
    capture = came_back(asking, refused())
    (image,) = asking.bench.draft(capture).images
    asking.bench.answer(capture, {image.image_id: "discard"}, **SHARED)
    captures = asking.bench.captures
    draft, patient = captures.draft(SESSION, capture), captures.patient(SESSION)
    shared = situation_in(draft, captures._assessment(draft, patient), patient, today=asking.bench.parts.today)
    assert shared.consent_store is ConsentAnswer.REFUSED


@pytest.mark.parametrize("name", ["patient_said", "consent_store_said", "patient_store", "patient_receive"])
def test_no_field_of_a_form_reaches_it(name: str) -> None:
    asking = Asking()
    capture = came_back(asking, refused())
    before = asking.bench.draft(capture).patient_said
    after = asking.bench.captures.answer(SESSION, capture, {name: "given", "consent_store": "given"})
    assert after.patient_said == before
    assert may(asking, capture, Act.STORE) is May.NO


def test_a_draft_of_an_earlier_version_has_no_such_words() -> None:
    asking = Asking()
    old = draft_to_json(asking.bench.draft(came_back(asking)))
    del old["patient_said"], old["from_patient"]
    assert draft_from_json(old).patient_said == {}


def test_no_button_answers_at_once_what_was_said_at_the_link() -> None:
    asking = Asking()
    pressed = MultiDict({"at_once": "agreed"})
    assert said(pressed, asking.bench.draft(came_back(asking))) == {}
    assert said(pressed, asking.bench.draft(asking.bench.add()[0]))["consent_store"] == "given"
