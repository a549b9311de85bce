"""Who can agree for whom: attorneys, courts, parents, children of every age, and when nobody can."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.policy.engine import rule, who_decides
from fhir_plugin.policy.ruling import Act, May
from mappings.model.consent import ChildView, ConsentAnswer, Grantor
from mappings.model.situation import (
    Authority,
)
from mappings.model.work import WorkKind
from tests.policy import situations as of
from tests.policy.ruled import STRICT, open_ids, ruling, stops, store


@pytest.mark.parametrize("answer", [ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN])
def test_an_attorneys_refusal_binds_whatever_else_is_said(answer: ConsentAnswer) -> None:
    for giver in (None, *Grantor):
        refused = ruling(of.WITH_ATTORNEY, authority_answer=answer, giver=giver, urgent_reason="It cannot wait at all")
        assert refused.acts[Act.STORE] is May.NO, giver
        assert refused.acts[Act.DESCRIBE] is May.NO, giver
        assert "authority-refused" in {reason.code for reason in refused.stops}


def test_an_authority_that_does_not_cover_it_leads_to_best_interests() -> None:
    covered = replace(of.NO_CAPACITY, authority=Authority.DEPUTY, authority_covers=False)
    assert who_decides(covered, STRICT) is Grantor.BEST_INTERESTS
    assert store(covered) is May.YES
    assert store(covered, authority_covers=None) is May.NOT_YET


def test_capacity_is_presumed_doubted_and_then_assessed() -> None:
    assert who_decides(of.ADULT, STRICT) is Grantor.PATIENT
    assert open_ids(of.ADULT, capacity_doubt=True) == {"lacks_capacity", "capacity_words"}
    found = {"capacity_doubt": True, "lacks_capacity": False, "capacity_words": "Repeated it in their own words"}
    assert store(of.ADULT, **found) is May.YES


def test_nobody_can_tick_a_box_for_somebody_who_lacks_capacity() -> None:
    ticked = ruling(of.NO_CAPACITY, consent_store=ConsentAnswer.GIVEN)
    assert ticked.acts[Act.STORE] is May.NOT_YET
    assert {each.id for each in ticked.open if each.problem} == {"consent_store"}
    assert store(of.NO_CAPACITY, giver=Grantor.PATIENT) is May.NOT_YET


@pytest.mark.parametrize("years", [2, 12, 15, 16, 17])
@pytest.mark.parametrize("giver", [Grantor.ATTORNEY, Grantor.DEPUTY])
def test_nobody_under_18_has_an_attorney_or_deputy(years: int, giver: Grantor) -> None:
    base = of.CHILD if years < 16 else of.SIXTEEN_NO_CAPACITY
    decided = ruling(base, birth_date=of.born(years), giver=giver)
    assert decided.acts[Act.STORE] is May.NOT_YET
    assert any("attorney" in each.problem for each in decided.open if each.id == "giver")


def test_sixteen_without_capacity_needs_best_interests_and_a_parents_agreement() -> None:
    assert open_ids(of.SIXTEEN_NO_CAPACITY, giver=None) == {"giver"}
    assert open_ids(of.SIXTEEN_NO_CAPACITY, best_interests="") == {"best_interests"}
    assert open_ids(of.SIXTEEN_NO_CAPACITY, authority=Authority.ATTORNEY) == {"authority"}


def test_seventeen_consents_as_an_adult_and_is_a_child_in_the_picture() -> None:
    assert who_decides(of.SEVENTEEN, STRICT) is Grantor.PATIENT
    assert "under-18" in rule(of.SEVENTEEN, STRICT).flags
    needed = {"child_view", "keep_best_interests", "photographer", "concern", "only_area"}
    assert needed <= {each.id for each in rule(of.SEVENTEEN, STRICT).questions if Act.STORE in each.needed_for}


@pytest.mark.parametrize(
    ("born", "taken", "child"),
    [
        (dt.date(2008, 11, 22), of.TODAY, False),
        (dt.date(2008, 11, 23), of.TODAY, True),
        (dt.date(2008, 11, 22), dt.date(2026, 11, 21), True),
        (dt.date(2000, 2, 29), dt.date(2018, 2, 28), True),
        (dt.date(2000, 2, 29), dt.date(2018, 3, 1), False),
        (dt.date(1980, 1, 1), None, True),
        (None, of.TODAY, True),
        (dt.date(2008, 11, 23), dt.date(2030, 1, 1), True),
    ],
)
def test_the_line_at_18_by_the_day_it_was_taken(born: dt.date | None, taken: dt.date | None, child: bool) -> None:
    assert ("under-18" in ruling(of.ADULT, birth_date=born, captured_on=taken).flags) is child


def test_a_picture_from_before_the_birth_is_not_this_patients() -> None:
    assert stops(of.ADULT, captured_on=dt.date(1970, 1, 1)) == {"before-birth"}


def test_a_child_who_says_no_stops_it() -> None:
    assert stops(of.COMPETENT, child_view=ChildView.OBJECTS) == {"child-objects"}
    assert stops(of.SEVENTEEN, child_view=ChildView.OBJECTS, override_reason="Because we think so", second_person=True)
    parents = replace(of.CHILD, child_view=ChildView.OBJECTS, child_words="Pulled the sleeve down")
    assert store(parents) is May.NOT_YET
    assert open_ids(parents) == {"override_reason", "safeguarding_advice"}
    reasoned = replace(
        parents,
        override_reason="Three years old, afraid of the camera, the burn has to be seen tonight",
        safeguarding_advice="Spoke to the lead",
    )
    assert store(reasoned) is May.NOT_YET
    assert store(reasoned, second_person=True) is May.YES
    assert store(reasoned, second_person=False) is May.NO


def test_the_urgent_path_goes_on_and_puts_a_review_on_the_list() -> None:
    waiting = ruling(of.CHILD_INTIMATE, second_person=None)
    assert waiting.acts[Act.STORE] is May.NOT_YET
    assert waiting.second_person
    assert {due.kind for due in waiting.work} == {WorkKind.SECOND_PERSON}
    urgent = ruling(of.CHILD_INTIMATE, second_person=None, urgent_reason="Night, nobody else, transfer in ten minutes")
    assert urgent.acts[Act.STORE] is May.YES
    (review,) = urgent.work
    assert (review.kind, review.hours) == (WorkKind.URGENT_REVIEW, 24)
    refused = ruling(of.CHILD_INTIMATE, second_person=False, urgent_reason="Night, nobody else, transfer at once")
    assert refused.acts[Act.STORE] is May.NO
