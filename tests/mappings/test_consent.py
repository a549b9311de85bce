from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.consent import Consent
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.model.consent import ConsentAnswer, ConsentForm, ConsentScope, PhotoConsent
from mappings.model.identifiers import Reference
from mappings.r4.consent import consented_images, from_consent, to_consent
from mappings.r4.errors import NotReadable
from tests.definitions.validator import issues
from tests.mappings.samples import INTIMATE, Json, consents, damaged, photo_consent, references


def without_words(consent: PhotoConsent) -> PhotoConsent:
    """What a Consent says by itself: how it was arrived at stands in the QuestionnaireResponse."""
    giver = replace(consent.giver, evidence="", authority_covers=None)
    return replace(consent, giver=giver, **{name: NOTHING_SAID[name] for name in NOTHING_SAID})


NOTHING_SAID: dict[str, Any] = {
    "more_wanted": None,
    "record_told": False,
    "child_view": None,
    "child_words": "",
    "parents_involved": "",
    "assessments": (),
    "overrides": (),
}

IMAGES = [Reference("Media/m1"), Reference("Media/m2")]
ANSWERS = list(itertools.product(ConsentAnswer, ConsentAnswer))


@given(consents, st.lists(references("Media", "DocumentReference"), max_size=3, unique=True))
def test_a_round_trip_loses_nothing(consent: PhotoConsent, images: list[Reference]) -> None:
    json = to_consent(consent, images=images, id="c1")
    assert from_consent(json) == without_words(consent)
    about_images = any(decision.scope is not ConsentScope.RECORD_VIDEO for decision in consent.decisions)
    assert consented_images(json) == (tuple(images) if about_images else ())


@settings(max_examples=20)
@given(consents)
def test_every_consent_is_valid(consent: PhotoConsent) -> None:
    json = to_consent(consent, images=IMAGES)
    Consent.model_validate(json)
    assert issues(json) == []


@pytest.mark.parametrize(("receive", "store"), ANSWERS)
def test_what_was_not_asked_is_neither_permitted_nor_denied(receive: ConsentAnswer, store: ConsentAnswer) -> None:
    json = to_consent(photo_consent(receive=receive, store=store), images=IMAGES)
    rules = {
        rule["action"][0]["coding"][1]["code"]: rule["type"] for rule in json.get("provision", {}).get("provision", [])
    }
    expected = {
        ConsentAnswer.GIVEN: "permit",
        ConsentAnswer.REFUSED: "deny",
        ConsentAnswer.WITHDRAWN: "deny",
    }
    answers = {"receive": receive, "store": store}
    assert rules == {name: expected[answer] for name, answer in answers.items() if answer in expected}
    not_asked = {
        extension["valueCoding"]["code"] for extension in json["extension"] if extension["url"].endswith(":not-asked")
    }
    others = {scope.value for scope in ConsentScope} - {"receive", "store"}
    assert not_asked == others | {name for name, answer in answers.items() if answer is ConsentAnswer.NOT_ASKED}


@pytest.mark.parametrize(("receive", "store"), ANSWERS)
def test_only_a_consent_that_gives_something_is_active(receive: ConsentAnswer, store: ConsentAnswer) -> None:
    status = to_consent(photo_consent(receive=receive, store=store), images=[])["status"]
    if ConsentAnswer.GIVEN in (receive, store):
        assert status == "active"
    else:
        assert status == (
            "inactive"
            if ConsentAnswer.WITHDRAWN in (receive, store)
            else "rejected"
            if ConsentAnswer.REFUSED in (receive, store)
            else "proposed"
        )


def test_the_root_rule_has_no_type_and_every_nested_one_has() -> None:
    json = to_consent(photo_consent(store=ConsentAnswer.REFUSED), images=IMAGES)
    assert json["provision"].keys() == {"provision"}
    assert [rule["type"] for rule in json["provision"]["provision"]] == ["permit", "deny"]


def test_a_consent_reveals_no_less_than_its_images() -> None:
    codes = [each["code"] for each in to_consent(photo_consent(), images=IMAGES, labels=INTIMATE)["meta"]["security"]]
    assert codes[:2] == ["R", "SEX"]
    private = to_consent(photo_consent(private=True), images=IMAGES)
    assert [each["code"] for each in private["meta"]["security"]] == ["R"]


def test_nobody_is_named_as_having_answered_when_nothing_was_asked() -> None:
    nothing = photo_consent(receive=ConsentAnswer.NOT_ASKED, store=ConsentAnswer.NOT_ASKED)
    assert "performer" not in to_consent(nothing, images=IMAGES)
    assert to_consent(photo_consent(), images=IMAGES)["performer"] == [{"reference": "Patient/p1"}]


def test_not_understood_is_written_as_not_verified() -> None:
    json = to_consent(photo_consent(understood=False, form=None), images=IMAGES)
    assert json["verification"] == [{"verified": False}]
    assert from_consent(json).form is None


NO = (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)


@given(st.data())
def test_damage_never_turns_silence_or_refusal_into_consent(data: st.DataObject) -> None:
    """Whatever is lost, doubled or overwritten: reading fails, or no answer becomes given that was not."""
    consent = data.draw(consents)
    broken = data.draw(damaged(to_consent(consent, images=IMAGES)))
    try:
        read = from_consent(broken)
    except NotReadable:
        return
    for scope in ConsentScope:
        was, now = consent.answer(scope), read.answer(scope)
        assert now is not ConsentAnswer.GIVEN or was is ConsentAnswer.GIVEN
        assert now not in NO or was in NO
    assert read.understood <= consent.understood


def edited(consent: PhotoConsent, **parts: Any) -> Json:
    return to_consent(consent, images=IMAGES) | parts


def test_permit_and_deny_of_the_same_thing_is_refused() -> None:
    both = to_consent(photo_consent(), images=IMAGES)
    rules = both["provision"]["provision"]
    rules.append(rules[1] | {"type": "deny"})
    read = from_consent(both)
    assert (read.receive, read.store) == (ConsentAnswer.GIVEN, ConsentAnswer.REFUSED)


def test_a_permit_for_what_was_not_asked_is_not_believed() -> None:
    json = to_consent(photo_consent(store=ConsentAnswer.NOT_ASKED), images=IMAGES)
    given_rule = to_consent(photo_consent(), images=IMAGES)["provision"]["provision"][1]
    json["provision"]["provision"].append(given_rule)
    assert from_consent(json).store is ConsentAnswer.NOT_ASKED


@pytest.mark.parametrize("kind", [None, "Permit", "allow", ["permit"], True])
def test_a_rule_of_no_known_type_gives_nothing(kind: object) -> None:
    json = to_consent(photo_consent(), images=IMAGES)
    json["provision"]["provision"][1]["type"] = kind
    assert from_consent(json).store is ConsentAnswer.NOT_ASKED


@pytest.mark.parametrize("status", ["draft", "proposed", "rejected", "inactive", "", None])
def test_a_permit_that_is_not_in_force_gives_nothing(status: object) -> None:
    with pytest.raises(NotReadable) as refused:
        from_consent(edited(photo_consent(), status=status))
    assert refused.value.code == "not-in-force"


def test_a_mistake_is_not_read() -> None:
    with pytest.raises(NotReadable) as refused:
        from_consent(edited(photo_consent(), status="entered-in-error"))
    assert refused.value.code == "entered-in-error"


@pytest.mark.parametrize("part", ["identifier", "patient", "dateTime", "policy", "extension"])
def test_a_consent_without_our_marks_is_not_ours(part: str) -> None:
    json = edited(photo_consent())
    del json[part]
    with pytest.raises(NotReadable) as refused:
        from_consent(json)
    assert refused.value.code == "not-ours"


@pytest.mark.parametrize("form", ConsentForm)
def test_each_form_is_kept(form: ConsentForm) -> None:
    assert from_consent(edited(photo_consent(form=form))).form is form


def test_one_doubt_about_understanding_is_enough() -> None:
    json = edited(photo_consent())
    json["verification"].append({"verified": False})
    assert not from_consent(json).understood
    assert not from_consent(json | {"verification": []}).understood
