"""Teaching, research, publication, a parent's word and looking: from the form to the Consent, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fhir_plugin.capture.order_json import consent_from_json, consent_to_json
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.consent import AlsoAsked, ConsentAnswer, ConsentForm, ConsentScope, Grantor, PhotoConsent
from mappings.r4.consent import from_consent
from mappings.r4.questionnaire_response import from_questionnaire_response, with_conversation
from tests.capture.bench import FOREARM, PATIENT, PRIVATE, SESSION, Bench
from tests.capture.test_unasked import REACHED, UNASKED
from tests.fakes.record import FakeRecord

TEACHING = {"consent_teaching": "given", "uses_explained": "yes", "uses_form": "written"}
FIFTEEN = {**PATIENT, "birthDate": "2011-01-01"}
COMPETENT = {
    "gillick": "yes",
    "gillick_words": "Understands what it is for, who sees it and what may go wrong",
    "child_asked_for_care": "no",
    "parents_discussed": "yes",
    "child_view": "agrees",
    "keep_best_interests": "Shows whether the rash spreads",
    "only_area": "yes",
    "concern": "no",
    "parent_answer": "given",
    "parent_name": "Ann Example",
    "parent_relationship": "mother",
}


def said_in(record: FakeRecord) -> PhotoConsent:
    (consent,) = record.stored("Consent")
    (decision,) = record.stored("QuestionnaireResponse")
    return with_conversation(from_consent(consent), decision)


def test_each_use_is_a_decision_of_its_own_with_its_form_and_what_was_explained() -> None:
    record = FakeRecord()
    _, receipt = Bench(record).filed("store", **TEACHING, consent_research="refused", consent_publication="not-asked")
    assert receipt.state == "filed"
    said = said_in(record)
    assert {scope: said.answer(scope).value for scope in ConsentScope if said.decision(scope)} == {
        "receive": "given",
        "store": "given",
        "teaching": "given",
        "research": "refused",
    }
    taught, refused = said.decision(ConsentScope.TEACHING), said.decision(ConsentScope.RESEARCH)
    assert taught is not None and taught.form is ConsentForm.WRITTEN and said.form is ConsentForm.VERBAL
    assert refused is not None and refused.form is None
    assert said.explained[-1] == "other-uses" and said.template
    (decision,) = record.stored("QuestionnaireResponse")
    answers = {each.question: each.value for each in from_questionnaire_response(decision).decision.answers}
    assert answers["consent_teaching"] == "given" and answers["consent_research"] == "refused"
    assert "Other uses, for teaching: agreed; for research: refused; in writing; explained." in receipt.note_text
    assert any("Given (written)" in answer for _, answer in receipt.agreed), receipt.agreed


def test_nothing_is_said_of_other_uses_where_nobody_asked() -> None:
    record = FakeRecord()
    _, receipt = Bench(record).filed("store")
    said = said_in(record)
    assert {each.scope for each in said.decisions} == {ConsentScope.RECEIVE, ConsentScope.STORE}
    assert "other-uses" not in said.explained and "Other uses" not in receipt.note_text


@pytest.mark.parametrize(
    "more",
    [PRIVATE | {"store_justification": "To look again in two weeks"}, {"intimacy_cleared_reason": "x"}],
    ids=["private", "plain"],
)
def test_what_was_typed_before_it_became_private_is_not_said(more: dict[str, str]) -> None:
    record = FakeRecord()
    bench = Bench(record)
    bench.filed("store", **TEACHING, **more)
    permitted = said_in(record).allows(ConsentScope.TEACHING)
    assert permitted == ("intimacy" not in more)


def test_one_private_picture_shuts_other_uses_for_all_that_share_its_consent() -> None:
    """A permit names every picture of the capture: one that may not be used keeps it from being given."""
    intimate = replace(shipped_pack(), intimate_sites=frozenset({FOREARM}))
    for pack, asked in ((shipped_pack(), True), (intimate, False)):
        bench = Bench(policy=pack)
        capture, (one, two) = bench.add("a", "b")
        bench.answer(capture, {one: "store", two: "store"}, **TEACHING)
        bench.captures.answer(SESSION, capture, {f"site-{two}": "22943007", f"laterality-{two}": ""})
        view = bench.captures.assess(SESSION, capture)
        assert ("consent_teaching" in {each.id for each in view.questions}) == asked


def test_a_parent_s_word_stands_beside_the_child_s_and_decides_nothing() -> None:
    record = FakeRecord()
    _, receipt = Bench(record, patient=FIFTEEN).filed("store", **COMPETENT)
    assert receipt.state == "filed"
    said = said_in(record)
    assert said.giver.right is Grantor.COMPETENT_CHILD
    assert said.also == (AlsoAsked(Grantor.PARENT, ConsentAnswer.GIVEN, "Ann Example", "mother"),)
    (consent,) = record.stored("Consent")
    assert [each["reference"] for each in consent["performer"]] == ["Patient/p1", "#also-1"]
    assert "A parent was asked as well (Ann Example, mother): agreed." in receipt.note_text
    assert "Ann Example, mother): given" in receipt.giver


def test_looking_at_what_came_unasked_is_a_decision_in_the_consent() -> None:
    record = FakeRecord()
    _, receipt = Bench(record).filed("store", **UNASKED, **REACHED)
    assert receipt.state == "filed"
    assert said_in(record).allows(ConsentScope.VIEW)
    assert "To look at it: agreed." in receipt.note_text


def test_an_order_keeps_them_and_an_older_one_is_still_read() -> None:
    record = FakeRecord()
    Bench(record, patient=FIFTEEN).filed("store", **COMPETENT)
    said = said_in(record)
    decisions = tuple(replace(each, form=ConsentForm.WRITTEN) for each in said.decisions)
    said = replace(said, decisions=decisions)
    of = {
        "capture_id": said.capture_id,
        "patient": said.patient,
        "recorded_by": said.recorded_by,
        "recorded_at": said.recorded_at,
    }
    kept = json.loads(json.dumps(consent_to_json(said)))
    assert consent_from_json(kept, **of) == said  # type: ignore[arg-type]
    older = {name: value for name, value in kept.items() if name != "also"}
    older["decisions"] = [each[:5] for each in kept["decisions"]]
    plain = tuple(replace(each, form=None) for each in said.decisions)
    assert consent_from_json(older, **of) == replace(said, also=(), decisions=plain)  # type: ignore[arg-type]
