"""The paths of the guidance, one situation each: what may be filed, and what one answer less or more does to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.ruling import Act, May
from mappings.model.consent import ChildView, ConsentAnswer, Grantor
from mappings.model.images import Arrival, Photographer
from mappings.model.labels import Intimacy
from mappings.model.situation import (
    ChaperoneOutcome,
    ContactOutcome,
    Device,
    DiscardReason,
    Identity,
    Modality,
    Situation,
    Wish,
)
from mappings.model.work import WorkKind
from tests.policy import situations as of
from tests.policy.ruled import STRICT, open_ids, ruling, stops, store


@pytest.mark.parametrize("name", of.COMPLETE)
def test_a_complete_situation_may_be_filed(name: str) -> None:
    decided = rule(of.COMPLETE[name], STRICT)
    assert decided.acts[Act.STORE] is May.YES, (decided.open, decided.stops)
    assert decided.open == ()
    assert decided.pack == STRICT.reference


@pytest.mark.parametrize("name", of.COMPLETE)
def test_each_answer_that_is_needed_is_needed(name: str) -> None:
    """Taking any one needed answer away leaves it unfiled, and asks for exactly something."""
    complete = of.COMPLETE[name]
    for question in rule(complete, STRICT).questions:
        if Act.STORE not in question.needed_for:
            continue
        without = rule(of.without(complete, question.id), STRICT)
        assert without.acts[Act.STORE] is not May.YES, question.id
        assert without.open or without.stops, question.id


def test_the_fast_path_asks_nothing_else() -> None:
    needed = {each.id for each in rule(of.ADULT, STRICT).questions if Act.STORE in each.needed_for}
    assert needed == {
        "purpose",
        "face_to_face",
        "arrival",
        "consent_receive",
        "consent_store",
        "consent_form",
        "understood",
        "photographer",
        "identity",
        "site_known",
        "intimacy",
        "wish",
        "findings",
        "advice",
    }
    assert rule(of.ADULT, STRICT).flags == frozenset()


def test_view_yes_store_no_works_to_the_end() -> None:
    """Guidance, most easily missed 1: consent to look and to keep are two decisions (G-R75, X3)."""
    refused = replace(of.ADULT, consent_store=ConsentAnswer.REFUSED, wish=Wish.DESCRIBE)
    assert rule(refused, STRICT).acts[Act.STORE] is May.NO
    assert open_ids(refused) == {"alternative_offered", "reconsidered"}
    done = replace(refused, alternative_offered="A visit tomorrow", reconsidered="It is plain enough in words")
    assert rule(done, STRICT).acts[Act.DESCRIBE] is May.YES
    assert rule(done, STRICT).acts[Act.REVEAL] is May.YES


def test_refusing_to_send_stops_looking_and_using_but_not_discarding() -> None:
    refused = ruling(
        of.ADULT, consent_receive=ConsentAnswer.WITHDRAWN, wish=Wish.DISCARD, discard_reason=DiscardReason.UNUSABLE
    )
    assert {act for act, may in refused.acts.items() if may is May.NO} == {Act.REVEAL, Act.STORE, Act.DESCRIBE}
    assert refused.acts[Act.DISCARD] is May.YES


def test_a_fifteen_year_olds_intimate_image_sent_unasked_is_held_unseen() -> None:
    held = replace(
        Situation(birth_date=of.born(15), today=of.TODAY, captured_on=of.TODAY),
        arrival=Arrival.UNASKED,
        intimacy=Intimacy.INTIMATE,
        purpose="Unknown",
    )
    decided = rule(held, STRICT)
    assert May.YES not in decided.acts.values()
    assert {"unsolicited", "under-18", "intimate"} <= decided.flags
    assert {due.kind for due in decided.work} >= {WorkKind.UNSOLICITED}
    assert next(due.hours for due in decided.work if due.kind is WorkKind.UNSOLICITED) < 24
    needed = {each.id for each in decided.questions}
    assert {"contact", "gillick", "child_view", "legitimate_reason", "chaperone", "keep_best_interests"} <= needed


@pytest.mark.parametrize(
    "missing",
    ["contact", "contact_words", "consent_receive", "consent_view", "gillick", "gillick_words", "child_view"],
)
def test_what_came_unasked_is_not_shown_before_contact_competence_and_consent(missing: str) -> None:
    assert ruling(of.FIFTEEN_UNASKED).acts[Act.REVEAL] is May.YES
    assert ruling(of.without(of.FIFTEEN_UNASKED, missing)).acts[Act.REVEAL] is not May.YES


def test_the_capacity_of_who_sent_it_unasked_is_confirmed() -> None:
    """Presumed of everybody else (G-R91); without it, it stays shut."""
    unknown = ruling(of.UNASKED, lacks_capacity=None)
    assert {each.id for each in unknown.open} == {"lacks_capacity"}
    assert unknown.acts[Act.REVEAL] is May.NOT_YET
    lacking = ruling(of.UNASKED, lacks_capacity=True)
    assert {"capacity_words", "best_interests", "authority"} <= {each.id for each in lacking.open}


def test_a_second_person_is_wanted_only_for_what_is_wished() -> None:
    """Describing an intimate image of a child needs none; keeping it does."""
    described = ruling(of.CHILD_INTIMATE, second_person=None, wish=Wish.DESCRIBE)
    assert described.acts[Act.DESCRIBE] is May.YES
    assert described.acts[Act.STORE] is May.NOT_YET
    assert not described.second_person
    assert described.work == ()
    assert described.open == ()


def test_an_emergency_opens_it_and_nothing_more() -> None:
    """A child in pain must not wait; the call is still due the same day (G-R116)."""
    opened = ruling(
        of.FIFTEEN_UNASKED,
        contact=ContactOutcome.EMERGENCY,
        emergency_reason="Child in severe pain, nobody answers",
        gillick=None,
        child_view=None,
        consent_receive=None,
    )
    assert opened.acts[Act.REVEAL] is May.YES
    assert {opened.acts[act] for act in (Act.STORE, Act.DESCRIBE, Act.DISCARD)} == {May.NOT_YET}
    assert WorkKind.UNSOLICITED in {due.kind for due in opened.work}
    complete = ruling(
        of.FIFTEEN_UNASKED, contact=ContactOutcome.EMERGENCY, emergency_reason="Child in severe pain, nobody answers"
    )
    assert {complete.acts[act] for act in (Act.STORE, Act.DESCRIBE, Act.DISCARD)} == {May.NOT_YET}
    assert [reason.code for reason in complete.reasons[Act.STORE]] == ["emergency-only"]
    without = ruling(of.FIFTEEN_UNASKED, contact=ContactOutcome.EMERGENCY)
    assert without.acts[Act.REVEAL] is May.NOT_YET


def test_not_reached_waits() -> None:
    waiting = ruling(of.UNASKED, contact=ContactOutcome.NOT_REACHED)
    assert set(waiting.acts.values()) == {May.NOT_YET}
    assert [reason.code for reason in waiting.reasons[Act.REVEAL]] == ["not-reached"]


def test_our_link_without_a_request_is_unasked_by_definition() -> None:
    assert "unsolicited" in ruling(of.ADULT, requested=False).flags
    assert ruling(of.ADULT, requested=False).acts[Act.REVEAL] is not May.YES


def test_a_private_image_beyond_its_request_goes_back_to_the_patient() -> None:
    beyond = ruling(of.INTIMATE, preauthorised_private=False)
    assert beyond.acts[Act.STORE] is May.NOT_YET
    assert "contact" in {each.id for each in beyond.open}
    sealed = ruling(of.INTIMATE, preauthorised_private=False, patient_says_private=True)
    assert sealed.acts[Act.REVEAL] is not May.YES


BEFORE = "said_intimate_before"


def test_a_chaperone_has_six_facts_and_is_not_family() -> None:
    for name in ("name", "designation", "extent", "with_clinician", "with_patient"):
        assert open_ids(of.INTIMATE, **{f"chaperone_{name}": ""}) == {f"chaperone_{name}"}
    assert open_ids(of.INTIMATE, chaperone_family=True) == {"chaperone_family"}
    assert open_ids(of.INTIMATE, chaperone_trained=False) == {"chaperone_trained"}
    assert open_ids(of.INTIMATE, chaperone=ChaperoneOutcome.DECLINED) == {"chaperone_reason"}
    assert open_ids(of.INTIMATE, chaperone=ChaperoneOutcome.NOT_OFFERED) >= {"chaperone"}


@pytest.mark.parametrize("changed", [{name: True} for name in ("private_site", "patient_says_private", BEFORE)])
def test_any_one_makes_it_intimate_and_clearing_needs_a_reason(changed: dict[str, bool]) -> None:
    assert "intimate" in ruling(of.ADULT, **changed).flags
    assert "intimacy_cleared_reason" in open_ids(of.ADULT, **changed)
    cleared = ruling(of.ADULT, **changed, intimacy_cleared_reason="Only the collar bone is seen")
    assert "intimate" not in cleared.flags
    assert cleared.acts[Act.STORE] is May.YES
    for said in (Intimacy.PRIVATE, Intimacy.INTIMATE):
        assert "intimate" in ruling(of.ADULT, intimacy=said, intimacy_cleared_reason="It is not").flags


def test_a_concern_holds_back_destroying_and_not_keeping() -> None:
    for held in ({"open_concern": True}, {"concern": True, "alternative_offered": "Seen at home this afternoon"}):
        decided = ruling(of.ADULT, **held, discard_reason=DiscardReason.DUPLICATE)
        assert decided.acts[Act.STORE] is May.YES
        assert decided.acts[Act.DESCRIBE] is May.NO
        assert decided.acts[Act.DISCARD] is May.NO
    assert WorkKind.SAFEGUARDING in {due.kind for due in ruling(of.ADULT, concern=True).work}


def test_what_is_destroyed_is_described_first_unless_it_is_useless() -> None:
    bare = replace(of.ADULT, wish=Wish.DISCARD, findings="", advice="", note_elsewhere=True)
    for reason in DiscardReason:
        may = ruling(bare, discard_reason=reason).acts[Act.DISCARD]
        assert may is (May.NOT_YET if reason is DiscardReason.NOT_NEEDED else May.YES), reason
    assert ruling(bare, wish=Wish.DESCRIBE).acts[Act.DESCRIBE] is May.NOT_YET
    assert ruling(bare, wish=Wish.DESCRIBE, findings="Nothing remarkable seen").acts[Act.DESCRIBE] is May.YES


def test_a_record_that_changed_stops_everything() -> None:
    assert set(ruling(of.ADULT, record_changed=True).acts.values()) == {May.NO}


def test_the_dead_and_their_known_wishes() -> None:
    assert open_ids(of.ADULT, deceased=True) == {"known_wishes"}
    never_asked: dict[str, Any] = {"deceased": True, "known_wishes": "Wanted the family to know"}
    never_asked["consent_store"] = ConsentAnswer.NOT_ASKED
    assert store(of.ADULT, **never_asked) is May.NOT_YET
    assert store(of.ADULT, **never_asked, second_person=True) is May.YES
    assert store(of.INTIMATE, **never_asked, second_person=True) is May.NOT_YET


def test_identity_that_cannot_be_confirmed_needs_its_reason() -> None:
    assert open_ids(of.ADULT, identity=Identity.NOT_POSSIBLE) == {"identity_reason"}


def test_after_email_the_mailbox_is_on_the_list() -> None:
    assert [due.kind for due in ruling(of.EMAILED).work] == [WorkKind.SOURCE]


def test_a_recording_needs_its_own_reason_and_consent() -> None:
    assert open_ids(of.VIDEO, recording_reason="") == {"recording_reason"}
    assert open_ids(of.VIDEO, consent_record_video=ConsentAnswer.NOT_ASKED) == {"consent_record_video"}
    assert stops(of.VIDEO, consent_record_video=ConsentAnswer.REFUSED) == {"recording-refused"}
    assert stops(of.VIDEO, recording_confirmed=False) == {"recording-not-announced"}
    assert "consent_record_video" in open_ids(of.ADULT, modality=Modality.SCREENSHOT)
    own = ruling(of.ADULT, modality=Modality.VIDEO)
    assert own.acts[Act.STORE] is May.YES, "a video that the patient made at home is no recording of ours"


def test_a_helper_needs_the_patients_agreement() -> None:
    helped = replace(of.ADULT, photographer=Photographer.FAMILY_CARER)
    assert open_ids(helped) == {"helper_agreed"}
    assert store(helped, helper_agreed=True) is May.YES
    assert stops(helped, helper_agreed=False) == {"helper-not-agreed"}


CONTRADICTIONS: list[tuple[Situation, dict[str, Any], str]] = [
    (of.CHILD, {"birth_date": of.born(12), "giver": Grantor.ATTORNEY}, "giver"),
    (of.CHILD, {"giver": Grantor.PATIENT}, "giver"),
    (of.CHILD, {"giver": Grantor.COMPETENT_CHILD}, "giver"),
    (of.COMPETENT, {"giver": Grantor.PARENT}, "giver"),
    (of.ADULT, {"giver": Grantor.PARENT}, "giver"),
    (of.WITH_ATTORNEY, {"giver": Grantor.BEST_INTERESTS}, "giver"),
    (of.NO_CAPACITY, {"consent_receive": ConsentAnswer.GIVEN}, "consent_receive"),
    (of.NO_CAPACITY, {"capacity_doubt": False}, "lacks_capacity"),
    (of.COMPETENT, {"child_view": ChildView.TOO_YOUNG, "giver": Grantor.PARENT}, "gillick"),
    (of.COMPETENT, {"capacity_doubt": True}, "gillick"),
    (of.SEVENTEEN, {"child_view": ChildView.TOO_YOUNG}, "child_view"),
    (of.CHILD, {"child_view": ChildView.NOT_ASKED}, "child_view"),
    (of.ADULT, {"arrival": Arrival.TAKEN_NOW}, "arrival"),
    (of.ADULT, {"arrival": Arrival.UNASKED}, "arrival"),
    (of.TAKEN_NOW, {"arrival": Arrival.UNASKED}, "arrival"),
    (of.ADULT, {"device": Device.PERSONAL}, "device"),
    (of.INTIMATE, {"chaperone_family": True}, "chaperone_family"),
    (of.ADULT, {"understood": False}, "understood"),
    (of.ADULT, {"purpose": "x" * 501}, "purpose"),
]


@pytest.mark.parametrize(("situation", "changed", "field"), CONTRADICTIONS)
def test_contradictions_are_named_in_plain_words_and_never_a_yes(
    situation: Situation, changed: dict[str, Any], field: str
) -> None:
    decided = ruling(situation, **changed)
    assert decided.acts[Act.STORE] is not May.YES
    (problem,) = [each.problem for each in decided.open if each.id == field]
    assert problem.endswith("."), problem
