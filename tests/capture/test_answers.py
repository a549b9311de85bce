"""From answers to situations: nothing said is no answer, nothing typed is lost, and whose word counts first."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.capture.answers import (
    FACTS,
    FORM_NAMES,
    IMAGE_FIELDS,
    PER_IMAGE,
    SHARED_FIELDS,
    Answers,
    read_own,
    read_situation,
)
from fhir_plugin.capture.decide import (
    CaptureFacts,
    ImageFacts,
    captured_day,
    situation_of,
)
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import ImageId
from mappings.model.situation import DiscardReason, Situation, Wish
from tests.capture.judged import ADULT, ONE, PRIVATE, TODAY, TWO


def test_every_field_of_a_situation_is_a_fact_or_has_a_field_of_the_form() -> None:
    """One that is neither could be asked for ever and never answered."""
    on_the_form = {*SHARED_FIELDS, *IMAGE_FIELDS}
    for each in fields(Situation):
        name = FORM_NAMES.get(each.name, each.name)
        assert (each.name in FACTS) != (name in on_the_form) or name == "site", each.name
    assert len(set(SHARED_FIELDS)) == len(SHARED_FIELDS)
    assert {FORM_NAMES.get(name, name) for name in PER_IMAGE} <= set(IMAGE_FIELDS)


def test_nothing_said_is_no_answer_and_never_a_yes() -> None:
    for name, value in read_situation(Answers(), ONE).items():
        assert value in (None, "", False), name
    for noise in ("true", "on", "GIVEN", "not asked", "1"):
        answers = Answers(dict.fromkeys(SHARED_FIELDS, noise))
        for name, value in read_situation(answers, None).items():
            assert value in (None, "", False, noise), name
            assert value is not True, name
    for answer in ConsentAnswer:
        assert read_situation(Answers({"consent_store": answer.value}), ONE)["consent_store"] is answer


def test_a_picture_s_own_answer_counts_before_that_of_the_set() -> None:
    answers = Answers(
        {"purpose": "both", "store_justification": "shared"},
        {ONE: {"purpose": "mine", "decision": "store"}, TWO: {"discard_reason": "duplicate", "decision": "discard"}},
    )
    one, two = read_situation(answers, ONE), read_situation(answers, TWO)
    assert (one["purpose"], one["wish"], one["discard_reason"]) == ("mine", Wish.STORE, None)
    assert (two["purpose"], two["wish"], two["discard_reason"]) == ("both", Wish.DISCARD, DiscardReason.DUPLICATE)


def test_the_facts_come_from_record_pictures_and_lists() -> None:
    standing = CaptureFacts(requested=True, preauthorised_private=True, open_concern=True, second_person=False)
    patient = replace(ADULT, deceased=True)
    image = ImageFacts(ONE, dt.date(2026, 1, 2), PRIVATE)
    found = situation_of(Answers({"arrival": "email"}), image, patient, today=TODAY, standing=standing)
    assert (found.birth_date, found.today, found.deceased) == (ADULT.birth_date, TODAY, True)
    assert (found.captured_on, found.private_site, found.site_known) == (dt.date(2026, 1, 2), True, True)
    assert (found.requested, found.preauthorised_private, found.open_concern) == (True, True, True)
    assert found.second_person is False and not found.record_changed


@pytest.mark.parametrize(
    ("arrival", "taken_on", "camera", "unknown"),
    list(
        itertools.product(
            ["taken-now", "email"], ["", "2020-01-01", "2030-01-01"], [None, "2019-01-01", "2031-01-01"], [0, 1]
        )
    ),
)
def test_the_earliest_claim_counts_and_never_the_future(
    arrival: str, taken_on: str, camera: str | None, unknown: int
) -> None:
    own = read_own(Answers({"arrival": arrival, "taken_on": taken_on, "taken_unknown": "yes" if unknown else ""}))
    day = captured_day(own, dt.date.fromisoformat(camera) if camera else None, TODAY)
    believable = camera if camera != "2031-01-01" else None
    claims = [each for each in (taken_on, believable, str(TODAY) if arrival == "taken-now" else None) if each]
    assert (str(day) if day else None) == (None if unknown or not claims else min(*claims, str(TODAY)))


def test_an_empty_page_takes_nobody_for_a_child_and_not_known_does() -> None:
    def taken(**said: str) -> dt.date | None:
        return situation_of(Answers(said), None, ADULT, today=TODAY).captured_on

    assert taken() == TODAY
    assert taken(taken_unknown="yes") is None
    assert taken(arrival="email", taken_on="2001-01-01") == dt.date(2001, 1, 1)


TYPED = st.dictionaries(
    st.sampled_from(
        [*SHARED_FIELDS, *(f"{name}-{image}" for name in IMAGE_FIELDS for image in ("i1", "i2", "gone")), "csrf_token"]
    ),
    st.text(max_size=6000),
    max_size=12,
)


@given(forms=st.lists(TYPED, max_size=4))
@settings(max_examples=150, deadline=None)
def test_nothing_typed_is_lost(forms: list[dict[str, str]]) -> None:
    answers, last = Answers(), dict[str, str]()
    images = (ImageId("i1"), ImageId("i2"))
    for form in forms:
        answers = answers.with_form(form, images)
        last |= form
    kept = dict(answers.shared)
    for image in images:
        kept |= {f"{name}-{image}": text for name, text in answers.per_image.get(image, {}).items()}
    ours = {*SHARED_FIELDS, *(f"{name}-{image}" for name in IMAGE_FIELDS for image in images)}
    assert kept == {name: text for name, text in last.items() if name in ours}
    assert all(text not in repr(answers) for text in kept.values() if len(text) > 8)
