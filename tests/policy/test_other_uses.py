"""Consent beyond the usual: other uses, a parent beside a competent child, looking at what came unasked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.policy.choices import SecondaryUse
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.policy.rules.other_uses import ANSWERED_IN
from fhir_plugin.policy.ruling import Act, May, Ruling
from mappings.model.consent import SECONDARY_USES, ChildView, ConsentAnswer, ConsentForm, ConsentScope, Grantor
from mappings.model.images import Arrival
from mappings.model.labels import Intimacy
from mappings.model.situation import ContactOutcome, DiscardReason, Situation, Wish
from tests.policy import situations as of

STRICT = shipped_pack("strict")
USES = set(ANSWERED_IN.values())
GIVEN, REFUSED, WITHDRAWN = ConsentAnswer.GIVEN, ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN


def ruling(situation: Situation, says: dict[str, Any] | None = None, **changed: Any) -> Ruling:
    return rule(replace(situation, **changed), replace(STRICT, **(says or {})))


def asked(found: Ruling) -> set[str]:
    return {question.id for question in found.questions}


def open_ids(found: Ruling) -> set[str]:
    return {question.id for question in found.open}


def problems(found: Ruling) -> dict[str, str]:
    return {question.id: question.problem for question in found.questions if question.problem}


# ------------------------------------------------------------------------------------------------- other uses


def test_other_uses_are_offered_and_never_waited_for() -> None:
    plain = ruling(of.ADULT)
    assert asked(plain) >= USES
    assert plain.acts[Act.STORE] is May.YES and plain.open == ()
    assert tuple(ANSWERED_IN) == SECONDARY_USES


NO_OTHER_USE: dict[str, tuple[Situation, dict[str, Any]]] = {
    "the pack says never": (of.ADULT, {"secondary_use": SecondaryUse.NEVER}),
    "an intimate image": (of.INTIMATE, {}),
    "private to the patient": (replace(of.ADULT, intimacy=Intimacy.PRIVATE), {}),
    "a private part of the body": (replace(of.ADULT, private_site=True, intimacy_cleared_reason="The collar"), {}),
    "once called intimate": (replace(of.ADULT, said_intimate_before=True, intimacy_cleared_reason="A slip"), {}),
    "a child": (of.CHILD, {}),
    "a competent child": (of.COMPETENT, {}),
    "seventeen": (of.SEVENTEEN, {}),
    "an adult's picture as a child": (replace(of.ADULT, captured_on=of.born(40)), {}),
    "an unknown day": (replace(of.ADULT, captured_on=None), {}),
    "an unknown birth date": (replace(of.ADULT, birth_date=None), {}),
    "no capacity": (of.NO_CAPACITY, {}),
    "capacity not assessed yet": (replace(of.ADULT, capacity_doubt=True), {}),
    "an attorney": (of.WITH_ATTORNEY, {}),
    "sent unasked": (of.UNASKED, {}),
    "somebody who has died": (replace(of.ADULT, deceased=True, known_wishes="None known; asked the son"), {}),
    "somebody vulnerable": (replace(of.ADULT, vulnerable=True), {}),
    "beside one that may not": (replace(of.ADULT, other_uses_shut=True), {}),
    "not kept": (replace(of.ADULT, wish=Wish.DESCRIBE), {}),
    "thrown away": (replace(of.ADULT, wish=Wish.DISCARD, discard_reason=DiscardReason.DUPLICATE), {}),
}


@pytest.mark.parametrize("name", NO_OTHER_USE)
def test_where_the_rules_forbid_them_nobody_is_asked(name: str) -> None:
    """G-R56, G-R228, G-R229, G-R234, G-R237, G-R246: and what was typed before waits for nothing."""
    situation, says = NO_OTHER_USE[name]
    typed: dict[str, Any] = dict.fromkeys(USES, GIVEN)
    found = ruling(situation, says, **typed, uses_explained=False)
    assert not asked(found) & {*USES, "uses_explained", "uses_form"}
    wished = Act((situation.wish or Wish.STORE).value)
    assert found.acts[wished] == ruling(situation, says).acts[wished]


@pytest.mark.parametrize("name", sorted(USES))
def test_a_yes_counts_with_its_explanation(name: str) -> None:
    yes: dict[str, Any] = {name: GIVEN}
    assert open_ids(ruling(of.ADULT, **yes)) == {"uses_explained", "uses_form"}
    told = ruling(of.ADULT, **yes, uses_explained=True, uses_form=ConsentForm.VERBAL)
    assert told.open == () and told.acts[Act.STORE] is May.YES
    untold = ruling(of.ADULT, **yes, uses_explained=False, uses_form=ConsentForm.VERBAL)
    assert set(problems(untold)) == {"uses_explained"} and untold.acts[Act.STORE] is May.NOT_YET
    for no in (REFUSED, WITHDRAWN, ConsentAnswer.NOT_ASKED):
        refused: dict[str, Any] = {name: no}
        assert ruling(of.ADULT, **refused).open == (), "saying no is as easy as that (G-R67, G-R231)"


@pytest.mark.parametrize("scope", SECONDARY_USES)
def test_in_writing_where_the_pack_asks_and_for_that_use_alone(scope: ConsentScope) -> None:
    says = {"written_for": frozenset({scope})}
    for use, name in ANSWERED_IN.items():
        yes: dict[str, Any] = {name: GIVEN, "uses_explained": True}
        for form in ConsentForm:
            found = ruling(of.ADULT, says, **yes, uses_form=form)
            written = form is ConsentForm.WRITTEN or use is not scope
            assert (found.acts[Act.STORE] is May.YES) == written
            assert ("uses_form" in problems(found)) == (not written)


# ------------------------------------------------------------------------------------------------- a parent as well


def test_a_parent_may_be_asked_beside_a_competent_child_and_nothing_waits_for_it() -> None:
    assert "parent_answer" in asked(ruling(of.COMPETENT))
    assert ruling(of.COMPETENT).open == ()
    for situation in (
        replace(of.COMPETENT, parents_discussed=False),
        of.CHILD,
        of.SEVENTEEN,
        of.ADULT,
        of.WITHOUT_PARENTS,
    ):
        assert "parent_answer" not in asked(ruling(situation, parent_answer=GIVEN))


@pytest.mark.parametrize("answer", [GIVEN, REFUSED, WITHDRAWN])
def test_a_parent_s_word_has_a_name_and_does_not_decide(answer: ConsentAnswer) -> None:
    found = ruling(of.COMPETENT, parent_answer=answer)
    assert open_ids(found) == {"parent_name", "parent_relationship"}
    named = ruling(of.COMPETENT, parent_answer=answer, parent_name="Synthetic Parent", parent_relationship="Mother")
    assert named.acts[Act.STORE] is May.YES
    assert ("parent-said-no" in {each.code for each in named.warnings}) == (answer is not GIVEN)
    objected = replace(of.COMPETENT, child_view=ChildView.OBJECTS)
    assert ruling(objected, parent_answer=GIVEN).acts[Act.STORE] is May.NO, "nor does a parent's yes"


# ------------------------------------------------------------------------------------------------- looking


@pytest.mark.parametrize("answer", [REFUSED, WITHDRAWN])
def test_what_came_unasked_is_not_looked_at_against_their_word(answer: ConsentAnswer) -> None:
    for situation in (of.UNASKED, of.FIFTEEN_UNASKED):
        found = ruling(situation, consent_view=answer)
        assert {act for act, may in found.acts.items() if may is May.NO} == {Act.REVEAL, Act.STORE, Act.DESCRIBE}
        assert "view-refused" in {each.code for each in found.stops}
        assert "alternative_offered" in asked(
            ruling(situation, consent_view=answer, wish=Wish.DISCARD, discard_reason=DiscardReason.NOT_NEEDED)
        )
    not_asked = ruling(of.UNASKED, consent_view=ConsentAnswer.NOT_ASKED)
    assert set(problems(not_asked)) == {"consent_view"} and not_asked.acts[Act.REVEAL] is May.NOT_YET


@pytest.mark.parametrize("name", sorted(set(of.COMPLETE) - {"unasked", "fifteen-unasked"}))
def test_looking_is_asked_apart_only_of_what_came_unasked(name: str) -> None:
    assert "consent_view" not in asked(ruling(of.COMPLETE[name]))


def test_looking_is_asked_once_the_sender_was_reached_and_beyond_a_request_too() -> None:
    for outcome in (None, ContactOutcome.NOT_REACHED, ContactOutcome.EMERGENCY):
        assert "consent_view" not in asked(ruling(of.UNASKED, contact=outcome))
    beyond = ruling(of.INTIMATE, preauthorised_private=False, contact=ContactOutcome.REACHED)
    assert "consent_view" in open_ids(beyond)
    nobody = replace(
        of.NO_CAPACITY,
        requested=False,
        arrival=Arrival.UNASKED,
        contact=ContactOutcome.REACHED,
        contact_words=of.UNASKED.contact_words,
    )
    assert "consent_view" not in asked(ruling(nobody)), "best interests stand in its place (G-R82)"
    assert "consent_view" in problems(ruling(nobody, consent_view=GIVEN))
    assert ruling(nobody, giver=Grantor.BEST_INTERESTS).acts[Act.REVEAL] is not May.NO
