"""The catalogue of questions and the situation that holds their answers say the same."""

from __future__ import annotations

import re
from enum import StrEnum

from fhir_plugin.policy.questions import FACTS, Group, Kind, answerable, catalogue
from mappings.model.situation import Situation


def test_every_answer_has_a_question_and_every_question_an_answer() -> None:
    assert set(catalogue()) == set(answerable())
    assert set(catalogue()) | FACTS == set(Situation.__dataclass_fields__)


def test_every_choice_list_is_its_enum() -> None:
    for name, kind in answerable().items():
        if issubclass(kind, StrEnum):
            assert list(catalogue()[name].choices) == [each.value for each in kind], name
        else:
            assert not catalogue()[name].choices, name


def test_each_kind_of_question_takes_its_kind_of_answer() -> None:
    expected = {
        Kind.CHOICE: StrEnum,
        Kind.YES_NO: bool,
        Kind.TICK: bool,
        Kind.SITE: bool,
        Kind.TEXT: str,
        Kind.TIME: str,
        Kind.OFFERED: str,
    }
    for name, question in catalogue().items():
        assert issubclass(answerable()[name], expected[question.kind]), name
        assert (question.kind is Kind.TEXT) == (0 < question.least < question.longest), name
        if question.kind is Kind.TICK:
            assert Situation.__dataclass_fields__[name].default is False, name


def test_groups_stand_in_the_order_to_ask() -> None:
    order = list(Group)
    seen = [order.index(question.group) for question in catalogue().values()]
    assert seen == sorted(seen)
    assert set(seen) == set(range(len(order)))


def test_every_question_names_guidance_that_exists() -> None:
    for question in catalogue().values():
        assert question.sources, question.id
        for source in question.sources:
            match = re.fullmatch(r"(G-R|X)(\d+)", source)
            assert match, (question.id, source)
            assert 1 <= int(match[2]) <= (351 if match[1] == "G-R" else 26), (question.id, source)


def test_words_are_short_and_plain() -> None:
    for question in catalogue().values():
        assert question.text[-1] in "?" or question.kind is Kind.TICK or question.id.startswith("consent_"), question.id
        for words in (question.text, question.hint, *question.choices.values()):
            assert len(words) <= 140, words
            assert "'" not in words, words


def test_whether_somebody_can_decide_is_asked_before_who_did() -> None:
    order = list(catalogue())
    for before in ("capacity_doubt", "lacks_capacity", "authority", "gillick", "gillick_words"):
        assert order.index(before) < order.index("giver"), before
