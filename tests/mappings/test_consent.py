from __future__ import annotations

import datetime as dt
import itertools
import re
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.consent import Consent
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.model.consent import (
    SECONDARY_USES,
    ConsentAnswer,
    ConsentForm,
    ConsentGiver,
    ConsentScope,
    Grantor,
    PhotoConsent,
    ScopeDecision,
    withdrawn,
)
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.r4.consent import changed, consented_images, from_consent, named_images, to_consent
from mappings.r4.errors import NotReadable
from mappings.terminology import systems
from tests.definitions.validator import issues
from tests.mappings.samples import (
    CLINICIAN,
    INTIMATE,
    NOW,
    PATIENT,
    Json,
    consents,
    damaged,
    decided,
    instants,
    photo_consent,
    references,
)


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


# ---------------------------------------------------------------------------------------- by whom, and taken back


LATER = NOW + dt.timedelta(days=30)


@pytest.mark.parametrize("right", Grantor)
def test_who_consents_is_who_performs(right: Grantor) -> None:
    giver = ConsentGiver(right, name="Sam Test", relationship="Father")
    json = edited(photo_consent(giver=giver))
    assert from_consent(json).giver == giver
    assert issues(json) == []
    if giver.is_somebody_else:
        (person,) = json["contained"]
        assert json["performer"] == [{"reference": "#giver"}] and person["name"] == [{"text": "Sam Test"}]
        assert "meta" not in person  # dom-5
        assert json["verification"][0]["verifiedWith"] == {"reference": "#giver"}
    else:
        assert "contained" not in json and "Father" not in str(json)
    if right is Grantor.BEST_INTERESTS:
        assert json["performer"] == [{"display": "Sam Test"}]
        assert "verifiedWith" not in json["verification"][0]


def test_a_consent_of_an_older_kind_was_given_by_the_patient() -> None:
    json = edited(photo_consent())
    json["extension"] = [each for each in json["extension"] if each["url"] != systems.GRANTOR_EXTENSION]
    for rule in json["provision"]["provision"]:
        del rule["period"]
    read = from_consent(json)
    assert (read.giver, read.receive, read.store) == (
        ConsentGiver(Grantor.PATIENT),
        ConsentAnswer.GIVEN,
        ConsentAnswer.GIVEN,
    )


@pytest.mark.parametrize("code", [None, "", "king", ["parent"], 7])
def test_a_right_that_is_lost_or_unknown_is_not_taken_for_the_patient_s(code: object) -> None:
    json = edited(photo_consent(giver=ConsentGiver(Grantor.PARENT, name="Sam Test")))
    (right,) = (each for each in json["extension"] if each["url"] == systems.GRANTOR_EXTENSION)
    right["valueCoding"]["code"] = code
    with pytest.raises(NotReadable) as refused:
        from_consent(json)
    assert refused.value.code == "not-ours"
    json["extension"].remove(right)
    with pytest.raises(NotReadable):
        from_consent(json)


@given(consents, st.sets(st.sampled_from(ConsentScope)), references("Patient", "Practitioner"), instants)
def test_what_is_taken_back_is_no_longer_allowed_and_nothing_else_changes(
    consent: PhotoConsent, scopes: set[ConsentScope], by: Reference, at: dt.datetime
) -> None:
    after = withdrawn(consent, scopes, by, at)
    for scope in ConsentScope:
        if scope in scopes:
            assert not after.allows(scope)
            assert after.answer(scope) is not ConsentAnswer.NOT_ASKED
            was = consent.allows(scope)
            assert not was or after.decision(scope) == ScopeDecision(scope, ConsentAnswer.WITHDRAWN, at, by)
        else:
            assert after.decision(scope) == consent.decision(scope)
    assert set(consent.decisions) <= set(after.decisions)
    assert withdrawn(after, scopes, by, at + dt.timedelta(hours=1)) == after
    assert replace(after, decisions=()) == replace(consent, decisions=())


@given(consents, st.sets(st.sampled_from(ConsentScope)))
def test_a_stored_consent_is_changed_as_if_written_anew(consent: PhotoConsent, scopes: set[ConsentScope]) -> None:
    stored = to_consent(consent, images=IMAGES, id="c1", labels=INTIMATE)
    stored["meta"]["versionId"] = "4"
    after = withdrawn(consent, scopes, CLINICIAN, LATER)
    json = changed(stored, after)
    anew = to_consent(after, images=consented_images(stored), id="c1", labels=INTIMATE)
    assert json | {"performer": 0} == anew | {"meta": anew["meta"] | {"versionId": "4"}, "performer": 0}
    assert from_consent(json).decisions == after.decisions


def test_a_consent_of_which_all_is_withdrawn_is_inactive() -> None:
    consent = photo_consent()
    some = withdrawn(consent, [ConsentScope.STORE], CLINICIAN, LATER)
    every = withdrawn(some, [ConsentScope.RECEIVE], CLINICIAN, LATER)
    assert [to_consent(each, images=[])["status"] for each in (consent, some, every)] == [
        "active",
        "active",
        "inactive",
    ]
    (rule,) = (each for each in edited(every)["provision"]["provision"] if "store" in str(each["action"]))
    assert rule["type"] == "deny" and rule["period"] == {"start": LATER.isoformat()}


def test_what_nobody_asked_for_is_refused_by_a_withdrawal() -> None:
    after = withdrawn(photo_consent(), [ConsentScope.TEACHING], PATIENT, LATER, right=Grantor.COMPETENT_CHILD)
    assert after.decision(ConsentScope.TEACHING) == ScopeDecision(
        ConsentScope.TEACHING, ConsentAnswer.REFUSED, LATER, PATIENT, Grantor.COMPETENT_CHILD
    )


def test_another_consent_is_not_changed() -> None:
    for other in ({"capture_id": CaptureId("another")}, {"patient": Reference("Patient/p2")}):
        with pytest.raises(NotReadable) as refused:
            changed(edited(photo_consent()), photo_consent(**other))
        assert refused.value.code == "not-ours"


@given(consents.filter(lambda consent: consent.store is not ConsentAnswer.NOT_ASKED))
def test_an_image_without_a_place_is_named_and_stays_named(consent: PhotoConsent) -> None:
    json = to_consent(consent, images=[], named=[("Media", ImageId("i1")), ("Media", ImageId("i2"))])
    assert (consented_images(json), named_images(json)) == ((), ("i1", "i2"))
    after = changed(json, withdrawn(consent, [ConsentScope.STORE], CLINICIAN, LATER))
    assert named_images(after) == ("i1", "i2")


def test_what_others_added_to_a_consent_survives_a_change() -> None:
    theirs = {"url": "urn:example:theirs", "valueString": "keep"}
    json = edited(photo_consent(), organization=[{"reference": "Organization/1"}])
    json["extension"].append(theirs)
    after = changed(json, withdrawn(photo_consent(), [ConsentScope.STORE], CLINICIAN, LATER))
    assert theirs in after["extension"] and after["organization"] == [{"reference": "Organization/1"}]


def test_history_never_stands_in_for_a_rule_that_was_lost() -> None:
    given_again = replace(
        photo_consent(),
        decisions=(*decided(store=ConsentAnswer.GIVEN), *decided(LATER, store=ConsentAnswer.WITHDRAWN)),
    )
    json = edited(given_again)
    assert from_consent(json).decisions == given_again.decisions
    del json["provision"]
    assert from_consent(json).store is ConsentAnswer.NOT_ASKED


@pytest.mark.parametrize("period", [{"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}, {}, [], "2026"])
def test_a_permit_that_ends_or_cannot_be_dated_gives_nothing(period: object) -> None:
    json = edited(photo_consent())
    json["provision"]["provision"][1]["period"] = period
    assert from_consent(json).store is ConsentAnswer.NOT_ASKED
    root = edited(photo_consent())
    root["provision"]["period"] = period
    assert from_consent(root).store is ConsentAnswer.NOT_ASKED


@pytest.mark.parametrize("answer", [ConsentAnswer.NOT_ASKED, None])
def test_a_decision_needs_an_answer_and_a_moment(answer: ConsentAnswer | None) -> None:
    at = None if answer is None else NOW
    with pytest.raises(ValueError):
        photo_consent(decisions=(ScopeDecision(ConsentScope.STORE, answer or ConsentAnswer.GIVEN, at),))


# ------------------------------------------------------------------------------------ what other readers make of it


def test_no_rule_permits_or_denies_for_every_purpose() -> None:
    everything = photo_consent(decisions=tuple(ScopeDecision(s, ConsentAnswer.GIVEN, NOW) for s in ConsentScope))
    rules = edited(everything)["provision"]["provision"]
    assert len(rules) == len(ConsentScope)
    assert all(rule["purpose"] and rule["action"] for rule in rules)
    purposes = {rule["action"][0]["coding"][1]["code"]: rule["purpose"][0]["code"] for rule in rules}
    assert purposes["teaching"] == "TRAIN" and purposes["research"] == "HRESCH"
    assert {purposes[scope.value] for scope in SECONDARY_USES}.isdisjoint({"TREAT"})


def test_nothing_is_said_about_insurers_or_courts() -> None:
    everything = photo_consent(decisions=tuple(ScopeDecision(s, ConsentAnswer.REFUSED, NOW) for s in ConsentScope))
    assert not {"COVERAGE", "COVAUTH", "HLEGAL"} & set(re.findall(r"\b[A-Z]{5,8}\b", str(edited(everything))))


def test_an_image_that_is_only_named_is_valid() -> None:
    assert issues(to_consent(photo_consent(), images=[], named=[("Media", ImageId("i1"))])) == []


def test_refusing_a_recording_forbids_no_picture() -> None:
    json = edited(photo_consent(decisions=decided(store=ConsentAnswer.GIVEN, record_video=ConsentAnswer.REFUSED)))
    (refused,) = (rule for rule in json["provision"]["provision"] if rule["type"] == "deny")
    assert "data" not in refused and refused["code"][0]["coding"][0]["code"] == "video"
