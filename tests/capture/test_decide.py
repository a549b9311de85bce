"""What may be stored, described or discarded: every hold, every gap and every warning, good and bad."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.capture.answers import IMAGE_FIELDS, SHARED_FIELDS, Answers, Choice, Identity, read_image, read_shared
from fhir_plugin.capture.decide import Assessment, ImageFacts, assess, captured_day
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Hold, Store
from fhir_plugin.policy.choices import CareworkerCapture, ReceiveConsent, StoreConsent
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from mappings.model.consent import ConsentAnswer, ConsentForm
from mappings.model.identifiers import ImageId, PatientId
from mappings.model.images import Arrival, BodySite, Photographer
from mappings.model.labels import Intimacy
from mappings.model.people import Patient
from tests.capture.bench import SHARED

TODAY = dt.date(2026, 3, 2)
ONE = ImageId("i1")
FOREARM = BodySite("14975008", "Forearm", paired=True)
STRICT = shipped_pack()
LENIENT = replace(
    STRICT,
    receive_consent=ReceiveConsent.IMPLIED_BY_REPLY_TO_REQUEST,
    store_consent=StoreConsent.INFORM_AND_OBJECTION,
    careworker_capture=CareworkerCapture.PER_PROVIDER_AGREEMENT,
)
ADULT = Patient(PatientId("p1"), "Amy Example", birth_date=dt.date(1980, 5, 1))


def child(age: int, on: dt.date = TODAY) -> Patient:
    """Somebody whose birthday is today."""
    return replace(ADULT, birth_date=on.replace(year=on.year - age))


def judge(
    shared: dict[str, str] | None = None,
    *,
    patient: Patient = ADULT,
    decision: str = "store",
    camera: dt.date | None = None,
    site: BodySite | None = FOREARM,
    laterality: str = "left",
    discarded: bool = False,
    policy: PolicyPack = STRICT,
) -> Assessment:
    said = {**SHARED, **(shared or {})}
    answers = Answers(said, {ONE: {"site": "x", "laterality": laterality, "decision": decision}})
    return assess(answers, [ImageFacts(ONE, camera, site, discarded)], patient, today=TODAY, policy=policy)


def codes(assessment: Assessment) -> set[str]:
    return {reason.code for reason in assessment.holds}


def warnings(assessment: Assessment) -> set[str]:
    return {reason.code for reason in assessment.warnings}


def test_the_plain_case_may_be_filed() -> None:
    assessment = judge()
    assert (assessment.missing, assessment.holds, assessment.warnings) == ({}, (), ())
    assert isinstance(assessment.verdicts[ONE], Store)
    assert assessment.may_file
    assert assessment.verdicts[ONE].policy == STRICT.reference


HOLDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("deceased", {"patient": replace(ADULT, deceased=True)}, {}),
    ("under-18", {"patient": child(17)}, {"patient": child(18)}),
    ("under-18", {"patient": replace(ADULT, birth_date=None)}, {}),
    ("under-18", {"shared": {"arrival": "email", "taken_unknown": "yes"}}, {"shared": {"arrival": "email"}}),
    ("under-18", {"shared": {"taken_unknown": "yes"}}, {}),
    ("under-18", {"patient": child(18), "camera": TODAY - dt.timedelta(days=1)}, {"patient": child(18)}),
    (
        "under-18",
        {"patient": child(18), "shared": {"arrival": "email", "taken_on": "2026-03-01"}},
        {"patient": child(18), "shared": {"arrival": "email", "taken_on": "2026-03-02"}},
    ),
    ("under-18", {"patient": child(17), "shared": {"arrival": "email", "taken_on": "2030-01-01"}}, {}),
    ("under-18", {"patient": child(17), "shared": {"arrival": "email"}, "camera": dt.date(2031, 1, 1)}, {}),
    ("intimate", {"shared": {"intimacy": "intimate"}}, {"shared": {"intimacy": "private"}}),
    ("intimate", {"site": replace(FOREARM, private=True)}, {}),
    ("no-capacity", {"shared": {"capacity_doubt": "yes"}}, {"shared": {"capacity_doubt": ""}}),
    ("unsolicited", {"shared": {"arrival": "unasked"}}, {"shared": {"arrival": "our-link"}}),
    (
        "care-worker",
        {"shared": {"photographer": "care-worker"}},
        {"shared": {"photographer": "care-worker"}, "policy": LENIENT},
    ),
]


@pytest.mark.parametrize(("code", "bad", "good"), HOLDS, ids=[f"{n}-{each[0]}" for n, each in enumerate(HOLDS)])
@pytest.mark.parametrize("decision", ["store", "describe", ""])
def test_every_hold_stops_and_its_opposite_does_not(
    code: str, bad: dict[str, Any], good: dict[str, Any], decision: str
) -> None:
    held = judge(**bad, decision=decision)
    assert code in codes(held)
    assert isinstance(held.verdicts[ONE], Hold)
    assert not held.may_file
    reason = next(each for each in held.holds if each.code == code)
    assert reason.text and reason.source and "waits safely" in reason.action
    assert code not in codes(judge(**good, decision=decision))


@pytest.mark.parametrize(("code", "bad", "good"), HOLDS, ids=[f"{n}-{each[0]}" for n, each in enumerate(HOLDS)])
def test_what_is_held_may_still_be_discarded(code: str, bad: dict[str, Any], good: dict[str, Any]) -> None:
    for discarded in (judge(**bad, decision="discard"), judge(**bad, discarded=True)):
        assert isinstance(discarded.verdicts[ONE], Discard)
        assert discarded.may_file and code not in codes(discarded)


MISSING: list[tuple[str, dict[str, Any]]] = [
    ("purpose", {"shared": {"purpose": " a "}}),
    ("purpose", {"shared": {"purpose": "x" * 501}}),
    ("findings", {"shared": {"findings": "x" * 4001}}),
    ("arrival", {"shared": {"arrival": ""}}),
    ("arrival", {"shared": {"arrival": "pigeon"}}),
    ("taken_on", {"shared": {"arrival": "email"}}),
    ("taken_on", {"shared": {"arrival": "email", "taken_on": "31/12/2025"}}),
    ("taken_on", {"shared": {"arrival": "email", "taken_on": "yesterday"}, "camera": TODAY}),
    ("taken_on", {"shared": {"arrival": "email", "taken_on": "2026-03-03"}}),
    ("consent_receive", {"shared": {"consent_receive": ""}}),
    ("consent_store", {"shared": {"consent_store": ""}}),
    ("consent_store", {"shared": {"consent_store": "yes"}}),
    ("consent_form", {"shared": {"consent_form": ""}}),
    ("understood", {"shared": {"understood": ""}}),
    ("understood", {"shared": {"understood": "no"}}),
    ("photographer", {"shared": {"photographer": ""}}),
    ("identity", {"shared": {"identity": ""}}),
    ("intimacy", {"shared": {"intimacy": ""}}),
    ("face_to_face", {"shared": {"face_to_face": ""}}),
    ("face_to_face", {"shared": {"face_to_face": "no"}}),
    ("findings", {"shared": {"findings": "  "}}),
    ("advice", {"shared": {"advice": ""}}),
    (f"decision-{ONE}", {"decision": ""}),
    (f"site-{ONE}", {"site": None}),
    (f"laterality-{ONE}", {"laterality": ""}),
    (f"laterality-{ONE}", {"laterality": "up"}),
    ("consent_store", {"shared": {"consent_store": "refused"}}),
    ("consent_store", {"shared": {"consent_store": "not-asked"}}),
    ("consent_receive", {"shared": {"consent_receive": "refused"}}),
    ("consent_receive", {"shared": {"consent_receive": "not-asked"}}),
]


@pytest.mark.parametrize(("name", "bad"), MISSING, ids=[f"{n}-{each[0]}" for n, each in enumerate(MISSING)])
def test_everything_that_is_missing_is_named_and_stops(name: str, bad: dict[str, Any]) -> None:
    assessment = judge(**bad)
    assert set(assessment.missing) == {name}
    assert not assessment.may_file
    assert name not in judge().missing


@pytest.mark.parametrize(
    "enough",
    [
        {"shared": {"note_elsewhere": "yes", "findings": "", "advice": ""}},
        {"shared": {"arrival": "email"}, "camera": TODAY},
        {"site": replace(FOREARM, paired=False), "laterality": ""},
        {"decision": "describe", "shared": {"face_to_face": ""}},
        {"decision": "describe", "shared": {"consent_store": "refused"}},
        {"decision": "describe", "shared": {"consent_store": "not-asked", "understood": "no"}},
        {
            "decision": "describe",
            "shared": {
                "consent_store": "not-asked",
                "consent_receive": "not-asked",
                "consent_form": "",
                "understood": "",
            },
        },
        {"policy": LENIENT, "shared": {"consent_store": "not-asked", "consent_receive": "not-asked"}},
    ],
)
def test_what_is_enough_is_not_asked_again(enough: dict[str, Any]) -> None:
    assert judge(**enough).missing == {}
    assert judge(**enough).may_file


def test_view_yes_store_no_works_to_the_end() -> None:
    """Most easily missed, 1: consent to view and to store are separate."""
    assessment = judge({"consent_store": "refused"}, decision="describe")
    assert isinstance(assessment.verdicts[ONE], DescribeOnly) and assessment.may_file


WARNINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("mirrored", {"shared": {"photographer": "patient"}}, {}),
    ("empty-mailbox", {"shared": {"arrival": "email", "taken_on": "2026-03-01"}}, {"shared": {"arrival": "our-link"}}),
    ("empty-mailbox", {"shared": {"arrival": "other", "taken_on": "2026-03-01"}}, {}),
    ("identity-not-confirmed", {"shared": {"identity": "not-possible"}}, {"shared": {"identity": "known"}}),
    ("camera-date", {"camera": TODAY - dt.timedelta(days=2)}, {"camera": TODAY - dt.timedelta(days=1)}),
    ("camera-clock", {"camera": TODAY + dt.timedelta(days=2)}, {"camera": TODAY + dt.timedelta(days=1)}),
]


@pytest.mark.parametrize(("code", "bad", "good"), WARNINGS, ids=[each[0] for each in WARNINGS])
def test_every_warning_warns_and_does_not_stop(code: str, bad: dict[str, Any], good: dict[str, Any]) -> None:
    assert code in warnings(judge(**bad))
    assert code not in warnings(judge(**good))
    assert judge(**bad).may_file


def test_nothing_is_no_capture() -> None:
    empty = assess(Answers(), [], ADULT, today=TODAY, policy=STRICT)
    assert "images" in empty.missing and not empty.may_file


def test_one_hold_holds_the_whole_set() -> None:
    other = ImageId("i2")
    said = {"site": "x", "laterality": "left", "decision": "store"}
    answers = Answers(dict(SHARED), {ONE: said, other: said})
    images = [ImageFacts(ONE, None, FOREARM), ImageFacts(other, None, replace(FOREARM, private=True))]
    assessment = assess(answers, images, ADULT, today=TODAY, policy=STRICT)
    assert all(isinstance(verdict, Hold) for verdict in assessment.verdicts.values())


def test_nothing_has_a_yes_by_default_and_not_asked_is_not_refused() -> None:
    shared = read_shared(Answers())
    for name in ("face_to_face", "understood", "show_online", "consent_receive", "consent_store", "consent_form"):
        assert getattr(shared, name) is None
    assert not shared.note_elsewhere
    assert read_image(Answers(), ONE).choice is None
    for answer in ConsentAnswer:
        assert read_shared(Answers({"consent_store": answer.value})).consent_store is answer
    for noise in ("", "yes", "true", "on", "GIVEN", "not asked"):
        assert read_shared(Answers({"consent_store": noise})).consent_store is None


YES_NO = st.sampled_from(["", "yes", "no", "on"])
ANY_SHARED = st.fixed_dictionaries(
    {
        "purpose": st.sampled_from(["", "why"]),
        "face_to_face": YES_NO,
        "arrival": st.sampled_from(["", *Arrival]),
        "taken_on": st.one_of(st.just(""), st.dates(dt.date(1990, 1, 1), dt.date(2040, 1, 1)).map(str)),
        "taken_unknown": YES_NO,
        "consent_receive": st.sampled_from(["", *ConsentAnswer]),
        "consent_store": st.sampled_from(["", *ConsentAnswer]),
        "consent_form": st.sampled_from(["", *ConsentForm]),
        "understood": YES_NO,
        "photographer": st.sampled_from(["", *Photographer]),
        "identity": st.sampled_from(["", *Identity]),
        "capacity_doubt": YES_NO,
        "intimacy": st.sampled_from(["", *Intimacy]),
        "findings": st.sampled_from(["", "seen"]),
        "advice": st.sampled_from(["", "told"]),
        "note_elsewhere": YES_NO,
    }
)
ANY_PATIENT = st.builds(
    Patient,
    id=st.just(PatientId("p1")),
    name=st.just(""),
    birth_date=st.none() | st.dates(dt.date(1990, 1, 1), TODAY),
    deceased=st.booleans(),
)
ANY_DAY = st.none() | st.dates(dt.date(1990, 1, 1), dt.date(2040, 1, 1))


@given(
    shared=ANY_SHARED,
    patient=ANY_PATIENT,
    camera=ANY_DAY,
    policy=st.sampled_from([STRICT, LENIENT]),
    decision=st.sampled_from(["", *Choice]),
    private=st.booleans(),
)
@settings(max_examples=600, deadline=None)
def test_store_never_comes_out_against_a_hold_or_without_consent(
    shared: dict[str, str],
    patient: Patient,
    camera: dt.date | None,
    policy: PolicyPack,
    decision: str,
    private: bool,
) -> None:
    assessment = judge(
        shared, patient=patient, camera=camera, policy=policy, decision=decision, site=replace(FOREARM, private=private)
    )
    verdict = assessment.verdicts[ONE]
    if assessment.holds:
        assert isinstance(verdict, Discard if decision == "discard" else Hold)
    if isinstance(verdict, Store):
        allowed = {"given"} if policy.consent_store_required else {"given", "not-asked"}
        assert shared["consent_store"] in allowed
        assert shared["face_to_face"] == "yes"
        assert decision == "store"
    if not assessment.may_file or decision == "discard":
        return
    # The fast path, said again in other words.
    assert patient.birth_date is not None and not patient.deceased and not private
    assert shared["intimacy"] in ("no", "private") and shared["capacity_doubt"] != "yes"
    assert shared["arrival"] in ("taken-now", "our-link", "email", "other") and shared["taken_unknown"] != "yes"
    claims = [dt.date.fromisoformat(shared["taken_on"])] if shared["taken_on"] else []
    claims += [camera] if camera else []
    claims += [TODAY] if shared["arrival"] == "taken-now" else []
    assert claims, "nobody knows when it was taken, and it was let through"
    for day in [*claims, TODAY]:
        age = patient.age_on(min(day, TODAY))
        assert age is not None and age >= 18


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
    shared = read_shared(Answers({"arrival": arrival, "taken_on": taken_on, "taken_unknown": "yes" if unknown else ""}))
    day = captured_day(shared, dt.date.fromisoformat(camera) if camera else None, TODAY)
    claims = [each for each in (taken_on, camera, str(TODAY) if arrival == "taken-now" else None) if each]
    assert (str(day) if day else None) == (None if unknown or not claims else min(*claims, str(TODAY)))


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
