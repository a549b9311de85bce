"""From answers to verdicts: what is asked, what is missing, what stops; the rules themselves are the engine's."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.capture.answers import (
    SHARED_FIELDS,
    Answers,
)
from fhir_plugin.capture.decide import (
    WORTH_KEEPING,
    Assessment,
    CaptureFacts,
    ImageFacts,
    assess,
)
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Hold, Store
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.ruling import Act, May
from mappings.model.identifiers import ImageId, PatientId
from mappings.model.people import Patient
from mappings.model.situation import Situation, Wish
from tests.capture.bench import SHARED
from tests.capture.judged import ADULT, FOREARM, ONE, PRIVATE, STRICT, TODAY, TWO, child, codes, judge

# ----------------------------------------------------------------------------------- verdicts


def test_the_plain_case_may_be_filed() -> None:
    assessment = judge()
    assert (assessment.missing, assessment.holds, assessment.flags) == ({}, (), frozenset())
    assert isinstance(assessment.verdicts[ONE], Store)
    assert assessment.may_file and assessment.may_reveal(ONE)
    assert assessment.verdicts[ONE].policy == STRICT.reference


FLAGS: list[tuple[str, dict[str, Any]]] = [
    ("under-18", {"patient": child(17)}),
    ("under-18", {"patient": replace(ADULT, birth_date=None)}),
    ("under-18", {"shared": {"arrival": "other", "taken_unknown": "yes"}}),
    ("under-18", {"patient": child(18), "camera": TODAY - dt.timedelta(days=1)}),
    ("intimate", {"shared": {"intimacy": "intimate"}}),
    ("intimate", {"site": PRIVATE}),
    ("no-capacity", {"shared": {"capacity_doubt": "yes", "lacks_capacity": "yes"}}),
    ("unsolicited", {"shared": {"arrival": "unasked", "photographer": "patient", "taken_on": "2026-03-01"}}),
    ("carer", {"shared": {"photographer": "family-carer"}}),
    ("deceased", {"patient": replace(ADULT, deceased=True)}),
]


@pytest.mark.parametrize(("flag", "case"), FLAGS, ids=[f"{n}-{each[0]}" for n, each in enumerate(FLAGS)])
@pytest.mark.parametrize("decision", ["store", "describe"])
def test_every_flag_opens_questions_of_its_own_and_keeps_the_picture_waiting(
    flag: str, case: dict[str, Any], decision: str
) -> None:
    flagged, plain = judge(**case, decision=decision), judge(decision=decision)
    assert flag in flagged.flags and flag not in plain.flags
    asked = {question.id for question in flagged.questions} - {question.id for question in plain.questions}
    own = {question.id for question in flagged.rulings[ONE].questions} - {
        question.id for question in plain.rulings[ONE].questions
    }
    assert asked | own or decision == "describe"
    assert all(question.why and question.sources for question in flagged.questions)
    assert not flagged.may_file and isinstance(flagged.verdicts[ONE], Hold)
    assert plain.may_file


def test_the_acts_of_the_engine_are_the_verdicts() -> None:
    for decision, kind in (("store", Store), ("describe", DescribeOnly), ("discard", Discard)):
        assert isinstance(judge(decision=decision, discard_reason="duplicate").verdicts[ONE], kind)
    assert isinstance(judge(discarded=True, discard_reason="unusable").verdicts[ONE], Discard)
    assert isinstance(judge(decision="discard").verdicts[ONE], Hold), "a reason is needed"
    undecided = judge(decision="")
    assert set(undecided.missing) == {f"decision-{ONE}"} and not undecided.may_file


MISSING: list[tuple[str, dict[str, Any]]] = [
    ("purpose", {"shared": {"purpose": " a "}}),
    ("purpose", {"shared": {"purpose": "x" * 501}}),
    ("findings", {"shared": {"findings": "x" * 4001}}),
    ("arrival", {"shared": {"arrival": "pigeon"}}),
    ("taken_on", {"shared": {"arrival": "email"}}),
    ("taken_on", {"shared": {"arrival": "email", "taken_on": "31/12/2025"}}),
    ("taken_on", {"shared": {"arrival": "email", "taken_on": "yesterday"}, "camera": TODAY}),
    ("taken_on", {"shared": {"arrival": "email", "taken_on": "2026-03-03"}}),
    ("consent_receive", {"shared": {"consent_receive": ""}}),
    ("consent_receive", {"shared": {"consent_receive": "not-asked"}}),
    ("consent_store", {"shared": {"consent_store": "yes"}}),
    ("consent_store", {"shared": {"consent_store": "not-asked"}}),
    ("consent_form", {"shared": {"consent_form": ""}}),
    ("understood", {"shared": {"understood": "no"}}),
    ("photographer", {"shared": {"photographer": ""}}),
    ("device", {"shared": {"device": ""}}),
    ("identity", {"shared": {"identity": ""}}),
    ("identity_reason", {"shared": {"identity": "not-possible"}}),
    ("intimacy", {"shared": {"intimacy": ""}}),
    (f"face_to_face-{ONE}", {"shared": {"face_to_face": ""}}),
    ("findings", {"shared": {"findings": "  "}}),
    ("advice", {"shared": {"advice": ""}}),
    (f"site-{ONE}", {"site": None}),
    (f"laterality-{ONE}", {"laterality": ""}),
    (f"laterality-{ONE}", {"laterality": "up"}),
    (f"discard_reason-{ONE}", {"decision": "discard"}),
]


@pytest.mark.parametrize(("name", "case"), MISSING, ids=[f"{n}-{each[0]}" for n, each in enumerate(MISSING)])
def test_everything_that_is_missing_is_named_by_its_field_and_stops(name: str, case: dict[str, Any]) -> None:
    assessment = judge(**case)
    assert name in assessment.missing and len(assessment.missing[name]) > 10
    assert not assessment.may_file
    assert name not in judge().missing


def test_view_yes_store_no_works_to_the_end() -> None:
    """Most easily missed, 1: consent to view and to store are separate."""
    said = {"consent_store": "refused", "alternative_offered": "Seen tomorrow", "reconsidered": "Words are enough"}
    assessment = judge(said, decision="describe")
    assert isinstance(assessment.verdicts[ONE], DescribeOnly) and assessment.may_file
    assert codes(judge(said)) == {"store-refused"} and not judge(said).may_file


def test_a_sentence_offered_with_store_is_no_reason_to_keep_an_intimate_picture() -> None:
    said = {"intimacy": "intimate"}
    assert f"store_justification-{ONE}" in judge(said, store_justification=WORTH_KEEPING).missing
    assert f"store_justification-{ONE}" not in judge(said, store_justification="A second look in two weeks").missing
    assert judge(store_justification=WORTH_KEEPING).may_file


def test_one_picture_that_must_wait_keeps_the_whole_set() -> None:
    said = {"site": "x", "laterality": "left", "decision": "store"}
    images = [ImageFacts(ONE, None, FOREARM), ImageFacts(TWO, None, PRIVATE)]
    assessment = assess(Answers(dict(SHARED), {ONE: said, TWO: said}), images, ADULT, today=TODAY, policy=STRICT)
    assert isinstance(assessment.verdicts[ONE], Store) and isinstance(assessment.verdicts[TWO], Hold)
    assert not assessment.may_file
    assert "chaperone" in {question.id for question in assessment.questions}


def test_nothing_is_no_capture_and_says_what_will_be_asked() -> None:
    empty = assess(Answers(), [], child(15), today=TODAY, policy=STRICT)
    assert "images" in empty.missing and not empty.may_file
    assert "gillick" in {question.id for question in empty.questions}


def test_an_image_that_nobody_asked_for_stays_unseen_until_somebody_was_reached() -> None:
    said = {"arrival": "unasked", "photographer": "patient", "device": "patient", "taken_on": "2026-03-01"}
    reached = {
        **said,
        "contact": "reached",
        "contact_words": "She sent it to the wrong practice",
        "consent_view": "given",
        "lacks_capacity": "no",
        "capacity_words": "Understood and weighed it up on the telephone",
    }
    emergency = {**said, "contact": "emergency", "emergency_reason": "A child in pain, nobody answers"}
    assert not judge(said).may_reveal(ONE)
    assert not judge({**said, "contact": "not-reached"}).may_reveal(ONE)
    assert not judge({**said, "contact": "emergency"}).may_reveal(ONE), "an emergency needs its reason"
    assert judge(reached).may_reveal(ONE)
    assert not judge({**reached, "consent_view": ""}).may_reveal(ONE), "looking is asked apart (G-R118)"
    assert not judge({**reached, "consent_view": "refused"}).may_reveal(ONE)
    assert judge(emergency).may_reveal(ONE) and not judge(emergency).may_file
    assert judge({"arrival": ""}).may_reveal(ONE), "whoever adds a picture sees what they add"
    assert not judge({"arrival": "", "consent_receive": "refused"}).may_reveal(ONE)


def test_a_record_that_names_the_patient_differently_stops() -> None:
    changed = judge(standing=CaptureFacts(record_changed=True))
    assert not changed.may_file and changed.holds


WARNINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("mirrored", {"shared": {"photographer": "patient"}}, {}),
    ("empty-mailbox", {"shared": {"arrival": "email", "taken_on": "2026-03-01"}}, {}),
    ("identity-not-confirmed", {"shared": {"identity": "not-possible"}}, {"shared": {"identity": "known"}}),
    ("camera-date", {"camera": TODAY - dt.timedelta(days=2)}, {"camera": TODAY - dt.timedelta(days=1)}),
    ("camera-clock", {"camera": TODAY + dt.timedelta(days=2)}, {"camera": TODAY + dt.timedelta(days=1)}),
]


@pytest.mark.parametrize(("code", "bad", "good"), WARNINGS, ids=[each[0] for each in WARNINGS])
def test_every_warning_warns(code: str, bad: dict[str, Any], good: dict[str, Any]) -> None:
    assert code in {reason.code for reason in judge(**bad).warnings}
    assert code not in {reason.code for reason in judge(**good).warnings}


def _anything(hint: Any) -> st.SearchStrategy[str]:
    kind = next((each for each in getattr(hint, "__args__", (hint,)) if each is not type(None)), hint)
    if kind is bool:
        return st.sampled_from(["", "yes", "no", "on"])
    if kind is str:
        return st.sampled_from(["", "x", "long enough to count as an answer"])
    return st.sampled_from(["", "pigeon", *kind])


_HINTS = get_type_hints(Situation)


ANY_SHARED = st.fixed_dictionaries(
    {name: _anything(_HINTS[name]) for name in SHARED_FIELDS if name in _HINTS}
    | {
        "taken_on": st.sampled_from(["", "2011-01-01", "2040-01-01", "soon"]),
        "taken_unknown": st.sampled_from(["", "yes"]),
    }
)


ANY_PATIENT = st.builds(
    Patient,
    id=st.just(PatientId("p1")),
    name=st.just(""),
    birth_date=st.none() | st.dates(dt.date(1990, 1, 1), TODAY),
    deceased=st.booleans(),
)


@given(
    shared=ANY_SHARED,
    plain=st.sets(st.sampled_from(sorted(SHARED)), max_size=len(SHARED)),
    patient=ANY_PATIENT,
    decision=st.sampled_from(["", *Wish]),
    private=st.booleans(),
    reason=st.sampled_from(["", "duplicate"]),
)
@settings(max_examples=500, deadline=None)
def test_nothing_is_filed_that_the_engine_does_not_allow(
    shared: dict[str, str], plain: set[str], patient: Patient, decision: str, private: bool, reason: str
) -> None:
    shared |= {name: SHARED[name] for name in plain}  # most of the time something near a complete set of answers
    assessment = judge(
        shared, patient=patient, decision=decision, site=replace(FOREARM, private=private), discard_reason=reason
    )
    ruling = rule(assessment.situations[ONE], STRICT)
    verdict = assessment.verdicts[ONE]
    allowed = {
        kind
        for act, kind in zip((Act.STORE, Act.DESCRIBE, Act.DISCARD), (Store, DescribeOnly, Discard), strict=True)
        if ruling.acts[act] is May.YES
    }
    assert isinstance(verdict, Hold) or type(verdict) in allowed
    if assessment.may_file:
        assert not isinstance(verdict, Hold)
    elif not isinstance(verdict, Hold):
        assert assessment.missing, "what is neither held nor missing can be filed"


# ----------------------------------------------------------------------- kinds of image that need no consent (X16)

SCANNED = {
    "consent_receive": "not-asked",
    "consent_store": "not-asked",
    "image_kind": "ultrasound",
    "exempt_procedure": "Ultrasound of the gall bladder, agreed on 1 March",
}


def test_what_is_no_photograph_counts_only_in_a_set_of_one() -> None:
    own = {"site": "x", "laterality": "left", "decision": "store"}

    def of(*images: ImageId) -> Assessment:
        answers = Answers({**SHARED, **SCANNED}, dict.fromkeys(images, own))
        facts = [ImageFacts(image, None, FOREARM, False) for image in images]
        return assess(answers, facts, ADULT, today=TODAY, policy=STRICT)

    alone, together = of(ONE), of(ONE, TWO)
    assert isinstance(alone.verdicts[ONE], Store), alone.holds
    assert not any(isinstance(verdict, Store) for verdict in together.verdicts.values())
