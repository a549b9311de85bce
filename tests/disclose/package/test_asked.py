"""Our own record of a decision, as a patient reads it: questions and answers, no word that is for machines only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.capture.answers import FORM_NAMES, IMAGE_FIELDS, SHARED_FIELDS
from fhir_plugin.disclose.package.reading import Entry, Fact, Reading, facts_of
from fhir_plugin.disclose.package.reading.asked import (
    FLAGS,
    JUDGED,
    NO_QUESTIONS,
    OTHERWISE_NAMED,
    OVERRIDDEN,
    answer_words,
    question_words,
)
from fhir_plugin.policy.questions import Kind, catalogue
from fhir_plugin.web.questions import SHOW_ONLINE
from mappings.model.consent import Assessment, Override
from mappings.model.decisions import Answered, DecidedImage, DecisionRecord, Ground
from mappings.model.identifiers import ImageId
from mappings.r4.media import to_media
from mappings.r4.questionnaire_response import to_questionnaire_response
from tests.mappings.samples import CLINICIAN, NOW, ORDINARY, labelled_image, photo_consent

PICTURE = ImageId("img-91c2")
SITE = "14975008"
ALL_CHOICES = [(each.id, code) for each in catalogue().values() for code in each.choices]
ASKED = [(each.id, "yes") for each in catalogue().values() if each.kind in (Kind.YES_NO, Kind.TICK)]


def decision(**changes: Any) -> DecisionRecord:
    """Every choice of every question, every code that we write beside them."""
    fields = {other: name for name, other in OTHERWISE_NAMED.items()}
    answers = [Answered(fields.get(name, name), said) for name, said in (*ALL_CHOICES, *ASKED)]
    own = [("site", SITE), ("laterality", "left"), ("decision", "store"), ("face_to_face", "yes")]
    values: dict[str, Any] = {
        "pack": "any 1.0",
        "images": (DecidedImage(PICTURE, "store", (Ground("face-to-face-parity", "It would be kept.", "G-R155"),)),),
        "answers": (
            *answers,
            Answered("purpose", "A rash, as wide as a hand"),
            Answered("show_online", "no"),
            Answered("taken_unknown", "yes"),
            Answered("mailbox", "elsewhere"),
            *(Answered(name, said, PICTURE) for name, said in own),
        ),
        "warnings": (Ground("second-person-refused", "A second clinician did not agree.", "X10, X25"),),
        "flags": tuple(FLAGS),
    }
    return DecisionRecord(**(values | changes))


def response(record: DecisionRecord) -> dict[str, Any]:
    consent = photo_consent(
        assessments=tuple(Assessment(each, True, "Said so.", CLINICIAN, NOW) for each in JUDGED),
        overrides=tuple(Override(each, "For a reason.", CLINICIAN, None, True, NOW) for each in OVERRIDDEN),
    )
    return to_questionnaire_response(record, consent, labels=ORDINARY, id="q1")


def read(*resources: dict[str, Any]) -> list[Entry]:
    reading = Reading()
    for each in resources:
        reading.add(json.loads(json.dumps(each)))
    return list(reading.entries())


def lines(facts: tuple[Fact, ...]) -> Iterator[tuple[str, str]]:
    for fact in facts:
        if isinstance(fact.value, str):
            yield fact.label, fact.value
        else:
            yield fact.label, ""
            yield from lines(fact.value)


def words(facts: tuple[Fact, ...]) -> set[str]:
    return {each for pair in lines(facts) for said in pair for each in said.split("\n")}


def test_no_code_of_ours_stands_in_the_main_part_and_none_is_lost() -> None:
    (entry,) = read(response(decision()))
    main = words(entry.facts)
    choices = {(name, code) for name, code in ALL_CHOICES if answer_words(name, code) != code}
    codes = {*(code for _name, code in choices), *catalogue(), *OTHERWISE_NAMED, *NO_QUESTIONS, *FLAGS, *JUDGED}
    codes |= {*OVERRIDDEN, "store", "face-to-face-parity", "second-person-refused", SITE, "elsewhere", "img-91c2"}
    assert (codes - {"no"}) & main == set()  # "no" is what a Boolean says as well
    assert not [each for each in main if re.search(r"\b(?:G-R\d|X\d)", each)]
    aside = " ".join(words(entry.technical))
    lost = {each for each in codes - {"elsewhere"} if not re.search(rf"(?<!\w){re.escape(each)}(?!\w)", aside)}
    assert lost <= {each.id for each in catalogue().values() if each.kind in (Kind.TEXT, Kind.TIME, Kind.OFFERED)} | {
        "site_known",
        "wish",
        "taken_on",
    }
    assert "G-R155" in aside and "X10, X25" in aside and "mailbox, elsewhere" in aside


def test_every_answer_stands_under_its_question_as_on_the_form() -> None:
    said = list(lines(read(response(decision()))[0].facts))
    for expected in [
        ("How did the image reach you?", "Taken now"),
        ("Consent: to store it in the record", "Agreed"),
        ("Would you keep this image if you had seen the patient face to face?", "Yes"),
        ("Which part of the body?", "Forearm"),
        ("Which side?", "Left"),
        ("What should happen to it?", "Store"),
        ("Why is this image needed?", "A rash, as wide as a hand"),
        ("Show it in the patient’s online record?", "No"),
        ("Which mailbox did it come to?", "Another one"),
        ("Why", "It would be kept."),
    ]:
        assert expected in said


@pytest.mark.parametrize("field", sorted({*SHARED_FIELDS, *IMAGE_FIELDS}))
def test_every_field_of_the_form_has_words(field: str) -> None:
    assert question_words(field) != field


def test_the_words_are_those_of_the_form() -> None:
    assert {other: name for name, other in OTHERWISE_NAMED.items()} == FORM_NAMES
    assert NO_QUESTIONS[SHOW_ONLINE.name] == SHOW_ONLINE.text


@pytest.mark.parametrize(
    ("name", "said"),
    [("arrival", "by-owl"), ("site", "1"), ("purpose", "store"), ("stripes", "taken-now"), ("understood", "perhaps")],
)
def test_what_is_not_known_stays_as_it_is(name: str, said: str) -> None:
    (entry,) = read(response(decision(answers=(Answered(name, said),))))
    assert (question_words(name), said) in list(lines(entry.facts))


def test_a_picture_goes_by_its_name_and_one_of_several_by_its_place() -> None:
    other = ImageId("img-other")
    several = decision(
        images=(DecidedImage(PICTURE, "store"), DecidedImage(other, "describe")),
        answers=(Answered("site", SITE, PICTURE), Answered("site", SITE, other)),
    )
    photo = to_media(labelled_image(), binary_url="Binary/b1", id="m1")
    entry = next(each for each in read(photo, response(several)) if each.kind == "Answers to questions")
    said = list(lines(entry.facts))
    assert ("Of", "Photograph or video: Forearm (left), 19 November 2026 (picture 1 of 2)") in said
    assert ("Of", "picture 2 of 2") in said and ("Stored, described or discarded", "Describe only") in said


@pytest.mark.parametrize("link", ["answer.value", "answer.question", "image.ground.text", "image.verdict", "flag"])
def test_what_is_not_as_we_write_it_is_told_as_it_stands(link: str) -> None:
    json_ = response(decision(answers=(Answered("arrival", "taken-now"),)))
    for item in _items(json_["item"]):
        if item["linkId"] == link:
            item["answer"] = [{"valueString": "mark1"}, {"valueCoding": {"display": "mark2"}}]
            item["definition"] = "mark3"
    (entry,) = read(json_)
    everything = " ".join(words((*entry.facts, *entry.technical)))
    assert all(mark in everything for mark in ("mark1", "mark2", "mark3"))


def _items(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield item
        yield from _items(item.get("item", []))


@pytest.mark.parametrize(
    ("url", "code", "words_"),
    [
        ("urn:fhir-plugin:extension:arrival", "our-link", "Sent through our link"),
        ("right", "competent-child", "The patient, under 16 and competent to decide this"),
        ("right", "by-owl", "by-owl"),
        ("https://example.org/arrival", "our-link", "our-link"),
    ],
)
def test_codes_in_our_extensions_have_words(url: str, code: str, words_: str) -> None:
    (entry,) = read({"resourceType": "Provenance", "entity": [{"extension": [{"url": url, "valueCode": code}]}]})
    assert words_ in words(entry.facts) and (words_ == code or code in words(entry.technical))
    assert words_ == code or code not in words(entry.facts)


@pytest.mark.parametrize("items", ["text", [1], [None], [{}], [{"linkId": 1}], [{"linkId": "flag", "text": "a"}], [[]]])
def test_a_damaged_one_is_read_all_the_same(items: object) -> None:
    json_ = {**response(decision()), "item": items}
    assert read(json_)


def test_the_questions_of_others_are_labels_too_and_their_answers_are_not_touched() -> None:
    theirs = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "https://example.org/q|1",
        "item": [
            {"linkId": "1", "text": "Do you smoke?", "answer": [{"valueString": "taken-now"}, {"valueBoolean": True}]},
            {"linkId": "answer", "text": "More", "item": [{"linkId": "2", "text": "Why?", "answer": []}]},
        ],
    }
    said = list(lines(facts_of(theirs, lambda _key: "")))
    assert ("Do you smoke?", "taken-now\nyes") in said and ("More", "") in said and ("Text", "Why?") in said


# ------------------------------------------------------------------------------------------- nothing is dropped

_MARKS = st.integers(0, 10**9).map(lambda number: f"mark{number}x")
_LINKS = st.sampled_from(
    [
        "answer",
        "answer.question",
        "answer.value",
        "answer.image",
        "image",
        "image.id",
        "warning",
        "warning.text",
        "flag",
    ]
)
_ANSWERS = st.lists(st.fixed_dictionaries({}, optional={"valueString": _MARKS, "valueCode": _MARKS}), max_size=2)


def _asked(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    more = {"answer": _ANSWERS, "item": st.lists(inner, max_size=3), "definition": _MARKS}
    return st.fixed_dictionaries({"linkId": _LINKS}, optional={"text": _MARKS, **more})


_TREES = st.recursive(st.fixed_dictionaries({"linkId": _LINKS, "text": _MARKS, "answer": _ANSWERS}), _asked)


def _marks(value: object) -> set[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return {str(value)} if inner is None else {mark for each in inner for mark in _marks(each)}


@given(st.lists(_TREES, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_every_word_of_an_answer_is_there_whatever_its_shape(items: list[dict[str, Any]]) -> None:
    (entry,) = read({**response(decision()), "item": items})
    page = " ".join(words((*entry.facts, *entry.technical)))
    answered = {mark for mark in _marks(_only_answers(items)) if mark.startswith("mark")}
    assert {mark for mark in answered if mark not in page} == set()


def _only_answers(items: list[dict[str, Any]]) -> list[Any]:
    """Without the labels of our own form: the question itself stands in their place."""
    return [[each.get("answer", []), each.get("definition", ""), _only_answers(each.get("item", []))] for each in items]
