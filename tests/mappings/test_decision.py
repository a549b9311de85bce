"""How something was decided, beside the Consent: nothing is lost, nothing is made up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.model.consent import ChildView, ConsentGiver, Grantor, PhotoConsent
from mappings.model.decisions import Answered, DecisionRecord
from mappings.model.identifiers import CaptureId, Reference
from mappings.model.labels import CONFIDENTIALITY, REPORTED_BY_PATIENT, RESTRICTED, VERY_RESTRICTED, Label
from mappings.r4.consent import from_consent, to_consent
from mappings.r4.errors import NotReadable
from mappings.r4.questionnaire_response import (
    decision_labels,
    from_questionnaire_response,
    questionnaire,
    to_questionnaire_response,
    with_conversation,
)
from mappings.terminology import systems
from mappings.terminology.consent import CHILD_VIEW_WORDS
from tests.definitions.validator import issues
from tests.mappings.samples import (
    INTIMATE,
    ORDINARY,
    Json,
    consents,
    damaged,
    decision_records,
    label_sets,
    photo_consent,
    references,
)


def written(consent: PhotoConsent, decision: DecisionRecord) -> Json:
    return to_questionnaire_response(decision, consent, labels=ORDINARY, id="q1")


@given(consents, decision_records, label_sets)
def test_consent_and_decision_together_lose_nothing(
    consent: PhotoConsent, decision: DecisionRecord, labels: tuple[Label, ...]
) -> None:
    response = to_questionnaire_response(decision, consent, labels=labels)
    assert with_conversation(from_consent(to_consent(consent, images=[])), response) == consent
    read = from_questionnaire_response(response)
    assert read.decision == decision
    assert (read.capture_id, read.patient) == (consent.capture_id, consent.patient)
    assert (read.author, read.recorded_at) == (consent.recorded_by, consent.recorded_at)
    assert read.labels == decision_labels(labels)


@settings(max_examples=20)
@given(consents, decision_records, st.none() | references("Encounter"))
def test_every_decision_is_valid(consent: PhotoConsent, decision: DecisionRecord, encounter: Reference | None) -> None:
    json = to_questionnaire_response(decision, consent, labels=ORDINARY, encounter=encounter)
    QuestionnaireResponse.model_validate(json)
    assert issues(json) == []


def test_the_consent_names_it() -> None:
    consent = photo_consent()
    named = to_consent(consent, images=[])["sourceReference"]["identifier"]
    assert named == written(consent, DecisionRecord("strict 1"))["identifier"]


# ------------------------------------------------------------------------------------ the Questionnaire it answers


@pytest.mark.parametrize(
    "fault",
    [
        {"linkId": "politics", "text": "Party", "answer": [{"valueString": "none"}]},
        {"linkId": "policy", "text": "Policy", "answer": [{"valueString": "another 1"}]},
        {"linkId": "urgent", "text": "Urgent", "answer": [{"valueString": "yes"}]},
        {"linkId": "override", "text": "Override", "item": []},
    ],
)
def test_the_validator_holds_it_against_the_questionnaire(fault: Json) -> None:
    """What `test_every_decision_is_valid` shows would be worth nothing if it did not look."""
    json = written(photo_consent(), DecisionRecord("strict 1"))
    json["item"] = [item for item in json["item"] if item["linkId"] != "urgent"]
    assert issues(json) == []
    json["item"].append(fault)
    assert issues(json) != []


def test_the_questionnaire_is_valid_and_the_one_that_is_named() -> None:
    assert issues(questionnaire()) == []
    named = f"{questionnaire()['url']}|{questionnaire()['version']}"
    assert written(photo_consent(), DecisionRecord("strict 1"))["questionnaire"] == named


def test_the_questionnaire_offers_every_view_that_a_child_can_have() -> None:
    (talk,) = (item for item in questionnaire()["item"] if item["linkId"] == "conversation")
    (view,) = (item for item in talk["item"] if item["linkId"] == "conversation.child-view")
    offered = [option["valueCoding"] for option in view["answerOption"]]
    expected = [
        {"system": systems.CHILD_VIEW, "code": one.value, "display": CHILD_VIEW_WORDS[one]} for one in ChildView
    ]
    assert offered == expected


# ---------------------------------------------------------------------------------------------------- confidence


@pytest.mark.parametrize("code", ["N", "M", "L", "U"])
def test_a_decision_is_always_restricted_so_that_its_label_tells_nothing(code: str) -> None:
    low = (Label(CONFIDENTIALITY, code), REPORTED_BY_PATIENT)
    assert decision_labels(low) == (RESTRICTED, REPORTED_BY_PATIENT)
    assert decision_labels((REPORTED_BY_PATIENT,)) == (RESTRICTED, REPORTED_BY_PATIENT)
    ordinary, told = photo_consent(), photo_consent(child_words="Do not tell mum.")
    decision = DecisionRecord("strict 1", answers=(Answered("concern", "yes"),))
    assert written(told, decision)["meta"] == written(ordinary, DecisionRecord("strict 1"))["meta"]


@pytest.mark.parametrize("labels", [INTIMATE, (VERY_RESTRICTED, REPORTED_BY_PATIENT)])
def test_what_is_restricted_already_stays_as_it_is(labels: tuple[Label, ...]) -> None:
    assert decision_labels(labels) == labels


def test_the_consent_itself_holds_no_word_of_it() -> None:
    consent = photo_consent(
        child_words="Do not tell mum.",
        parents_involved="She asked us not to.",
        giver=ConsentGiver(Grantor.DEPUTY, "Sam Test", "Deputy", "Order of 3 May seen", True),
    )
    text = str(to_consent(consent, images=[]))
    assert "mum" not in text and "asked us" not in text and "3 May" not in text
    assert "Sam Test" in text


# --------------------------------------------------------------------------------------------------- hostile input


@given(consents, decision_records, st.data())
def test_damage_never_makes_a_second_person_agree(
    consent: PhotoConsent, decision: DecisionRecord, data: st.DataObject
) -> None:
    broken = data.draw(damaged(written(consent, decision)))
    try:
        read = from_questionnaire_response(broken)
        talk = with_conversation(consent, broken)
    except NotReadable:
        return
    assert read.decision.second_person in (None, decision.second_person)
    assert talk.record_told <= consent.record_told
    assert len(talk.overrides) <= 2 * len(consent.overrides)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("entered-in-error", "entered-in-error"),
        ("in-progress", "not-in-force"),
        ("stopped", "not-in-force"),
        (5, "not-in-force"),
    ],
)
def test_only_a_completed_decision_is_read(status: object, code: str) -> None:
    json = written(photo_consent(), DecisionRecord("strict 1")) | {"status": status}
    with pytest.raises(NotReadable) as refused:
        from_questionnaire_response(json)
    assert refused.value.code == code


@pytest.mark.parametrize("part", ["identifier", "subject", "author", "authored", "item"])
def test_a_decision_without_our_marks_is_not_ours(part: str) -> None:
    json = written(photo_consent(), DecisionRecord("strict 1"))
    del json[part]
    with pytest.raises(NotReadable) as refused:
        from_questionnaire_response(json)
    assert refused.value.code == "not-ours"


@pytest.mark.parametrize("other", [{"capture_id": CaptureId("another")}, {"patient": Reference("Patient/p2")}])
def test_another_capture_s_conversation_is_not_taken_for_this_one_s(other: dict[str, str]) -> None:
    json = written(photo_consent(), DecisionRecord("strict 1"))
    with pytest.raises(NotReadable) as refused:
        with_conversation(replace(photo_consent(), **other), json)  # type: ignore[arg-type]  # one field or the other
    assert refused.value.code == "not-ours"


def test_two_answers_to_one_question_are_none() -> None:
    json = written(photo_consent(more_wanted=False), DecisionRecord("strict 1"))
    (talk,) = (item for item in json["item"] if item["linkId"] == "conversation")
    talk["item"][0]["answer"].append({"valueBoolean": True})
    assert with_conversation(photo_consent(), json).more_wanted is None
