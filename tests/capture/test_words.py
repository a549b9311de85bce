"""The note word for word, labels and their high-water mark, and JSON that comes back as it went in."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.capture.answers import Answers
from fhir_plugin.capture.circumstances import CARED_FOR, CONTACTED, DECIDED, FOUND, HOW, OFFERED, ON, RIGHT, VIEW
from fhir_plugin.capture.decide import situation_of
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState, SecondAnswer
from fhir_plugin.capture.draft_json import draft_from_json, draft_to_json, geometry_from_json, geometry_to_json
from fhir_plugin.capture.filing import FilingOrder, OrderedImage, order_from_json, order_to_json
from fhir_plugin.capture.label import VOUCHED_FOR_BY, labels_for
from fhir_plugin.capture.note import ARRIVED, BECAUSE, CONFIRMED, SAID, TAKEN_BY, NotedImage, draft_note
from fhir_plugin.capture.order import highest
from fhir_plugin.capture.receipt import MESSAGES
from fhir_plugin.capture.verdicts import DescribeOnly, Discard, Hold, Store
from mappings.model.consent import ChildView, ConsentAnswer, ConsentForm, Grantor
from mappings.model.identifiers import (
    CaptureId,
    FhirBase,
    ImageId,
    IntentId,
    LaunchId,
    PatientId,
    Reference,
    RequestId,
    Sha256,
    VaultId,
)
from mappings.model.images import Arrival, BodySite, Geometry, Laterality, Photographer, Region
from mappings.model.labels import (
    ASSERTED_BY_CLINICIAN,
    CONFIDENTIALITY,
    NORMAL,
    REPORTED_BY_PATIENT,
    REPORTED_BY_PROXY,
    RESTRICTED,
    SEXUALITY,
    VERY_RESTRICTED,
    YOUNG,
    Intimacy,
    Label,
    is_restricted,
)
from mappings.model.people import Patient
from mappings.model.situation import (
    Authority,
    CareSetting,
    ChaperoneOutcome,
    ContactOutcome,
    Device,
    DiscardReason,
    Identity,
    Made,
)
from mappings.terminology.photographs import MADE_WORDS
from tests.capture.bench import PRIVATE, SHARED, Bench
from tests.fakes.clock import START
from tests.mappings.samples import consents, decision_records

FOREARM = BodySite("14975008", "Forearm", paired=True)
BACK = BodySite("77568009", "Back")


def noted(site: BodySite | None, side: Laterality | None, verdict: Any, **more: Any) -> NotedImage:
    return NotedImage(ImageId("i"), site, side, verdict((), "strict/1"), **more)


ASKED = ("device", "consent_form", "understood")


def told(said: dict[str, str], images: list[NotedImage], asked: Collection[str] = ASKED, **more: Any) -> str:
    answers = Answers(said)
    situation = situation_of(answers, None, PATIENT, today=START.date())
    return draft_note(answers, situation, images, asked=asked, now=START, **more)


PATIENT = Patient(PatientId("p1"), "Amy Example", birth_date=dt.date(1980, 5, 1))


def test_the_note_word_for_word() -> None:
    images = [
        noted(FOREARM, Laterality.LEFT, Store, justification="To compare."),
        noted(FOREARM, Laterality.LEFT, Store, justification="To compare."),
        noted(BACK, None, Store, purpose="A mole"),
        noted(FOREARM, Laterality.BOTH, DescribeOnly),
        noted(None, None, Discard, because=DiscardReason.DUPLICATE),
        noted(BACK, None, Hold),
    ]
    said = {**SHARED, "arrival": "email", "taken_on": "2026-03-01", "photographer": "parent", "findings": "Red plaque."}
    assert told({**said, "device": "patient"}, images) == (
        "Clinical photography, 2 March 2026\n"
        "Reason for image: Rash, to compare\n"
        "Reason for Back: A mole\n"
        "Sent by e-mail, picture taken by a parent, on the patient's or their family's device, on 1 March 2026.\n"
        "Identity: seen in person.\n"
        "Consent to receive: given; to store: given, in conversation, understanding checked.\n"
        "Stored in the record: Forearm, left (2 pictures), Back. It would have been kept face to face.\n"
        "Kept because: To compare.\n"
        "Seen, described and not kept: Forearm, both sides. A written description is enough.\n"
        "Received, not kept and destroyed: 1 picture (a duplicate).\n"
        "Findings: Red plaque.\n"
        "Advice: Emollient."
    )


def test_what_was_not_asked_is_said_to_be_not_asked() -> None:
    said = {"consent_receive": "refused", "consent_store": "not-asked", "understood": "no", "note_elsewhere": "yes"}
    assert told({**said, "intimacy": "private"}, []) == (
        "Clinical photography, 2 March 2026\n"
        "Consent to receive: refused; to store: not asked, understanding not checked.\n"
        "The patient asked for this to be kept private.\n"
        "Findings and advice are in today's consultation note."
    )


def test_a_set_of_which_nothing_is_kept_says_that_and_why_and_what_was_found() -> None:
    gone = noted(None, None, Discard, because=DiscardReason.SENT_IN_ERROR)
    only = "Clinical photography, 2 March 2026\nReceived, not kept and destroyed: 2 pictures (sent in error)."
    wordless = {name: said for name, said in SHARED.items() if name not in ("findings", "advice")}
    assert told(wordless, [gone, gone]) == only
    assert told(SHARED, [gone, gone]) == f"{only}\nFindings: {SHARED['findings']}\nAdvice: {SHARED['advice']}"


FLAGGED = {
    "giver": "parent",
    "giver_name": "Ann Example",
    "giver_relationship": "mother",
    "child_view": "agrees",
    "child_words": "He nodded.",
    "gillick": "no",
    "gillick_words": "Is five.",
    "keep_best_interests": "To see whether it grows.",
    "chaperone": "present",
    "chaperone_name": "Sister Lee",
    "chaperone_designation": "nurse",
    "chaperone_trained": "yes",
    "chaperone_extent": "all of it",
    "chaperone_with_clinician": "in the room",
    "chaperone_with_patient": "on the screen",
    "lacks_capacity": "yes",
    "capacity_words": "Could not weigh it up.",
    "authority": "attorney",
    "authority_covers": "yes",
    "authority_answer": "given",
    "alternative_offered": "Seen tomorrow",
    "urgent_reason": "Sepsis.",
}


def test_who_decided_and_on_what_grounds_is_told_and_only_what_was_asked() -> None:
    note = told({**SHARED, **FLAGGED}, [], asked=FLAGGED)
    for line in (
        "Decided by: a person with parental responsibility (Ann Example, mother).",
        "The child's or young person's own view: agrees. He nodded.",
        "Not Gillick competent for this decision.",
        "Keeping it is in their best interests: To see whether it grows.",
        "Chaperone: offered and present.",
        "Chaperone present: Sister Lee, nurse.",
        "At the patient's end: on the screen",
        "Lacks capacity for this decision.",
        "Search for legal authority: an attorney for health and welfare, which covers this decision; they agreed.",
        "Offered instead: Seen tomorrow",
        "Could not wait for a second person: Sepsis. To be reviewed within 24 hours.",
    ):
        assert line in note.splitlines()
    assert set(told({**SHARED, **FLAGGED}, [], asked=()).splitlines()) < set(note.splitlines())
    for name, said in FLAGGED.items():
        if " " in said:
            assert said not in told({**SHARED, **FLAGGED}, [], asked=set(FLAGGED) - {name})


def test_what_a_second_clinician_said_is_told() -> None:
    second = SecondAnswer(Reference("Practitioner/np"), "Nurse Oak", False, "Not today.", START)
    assert "Second clinician, Nurse Oak, refused: Not today." in told(SHARED, [], second=second)


def test_every_answer_has_words() -> None:
    for words, kind in (
        (ARRIVED, Arrival),
        (TAKEN_BY, Photographer),
        (CONFIRMED, Identity),
        (SAID, ConsentAnswer),
        (BECAUSE, DiscardReason),
        (RIGHT, Grantor),
        (VIEW, ChildView),
        (FOUND, Authority),
        (OFFERED, ChaperoneOutcome),
        (CONTACTED, ContactOutcome),
        (ON, Device),
        (CARED_FOR, CareSetting),
        (MADE_WORDS, Made),
        (DECIDED, ConsentAnswer),
    ):
        assert set(words) == set(kind)
        assert len(set(words.values())) == len(words)
    assert set(HOW) == set(ConsentForm)
    assert set(VOUCHED_FOR_BY) == set(Photographer)


def test_every_state_of_a_receipt_has_a_message_that_says_where_the_pictures_are() -> None:
    assert set(MESSAGES) == {*DraftState, "waiting-for-sign-in", "unresolved", "nothing-current"}
    for state in ("filing", "waiting-for-sign-in", "unresolved", "nothing-current"):
        assert "are safe" in MESSAGES[state]
    assert "SEX" not in repr(MESSAGES)


# --------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("photographer", "reporter"),
    [
        (Photographer.CLINICIAN, ASSERTED_BY_CLINICIAN),
        (Photographer.COLLEAGUE, ASSERTED_BY_CLINICIAN),
        (Photographer.PATIENT, REPORTED_BY_PATIENT),
        (Photographer.PARENT, REPORTED_BY_PROXY),
        (Photographer.OTHER, REPORTED_BY_PROXY),
    ],
)
@pytest.mark.parametrize("intimacy", Intimacy)
@pytest.mark.parametrize("private_site", [True, False])
@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("child", [True, False])
def test_labels_by_answer(
    photographer: Photographer, reporter: Label, intimacy: Intimacy, private_site: bool, says: bool, child: bool
) -> None:
    labels = labels_for(
        intimacy=intimacy, private_site=private_site, photographer=photographer, patient_says_private=says, child=child
    )
    assert reporter in labels
    intimate = private_site or intimacy is Intimacy.INTIMATE
    assert is_restricted(labels) == (intimate or says or child or intimacy is not Intimacy.NO)
    assert len(set(labels)) == len(labels)
    levels = [label for label in labels if label.system == CONFIDENTIALITY]
    assert len(levels) == 1, "one confidentiality for each image"
    assert (levels == [VERY_RESTRICTED]) == (intimate and child), "the strictest label there is (G-R186)"
    assert (YOUNG in labels) == child
    assert (SEXUALITY in labels) == intimate


LABELS = st.builds(
    labels_for,
    intimacy=st.sampled_from(Intimacy),
    private_site=st.booleans(),
    photographer=st.sampled_from(Photographer),
    child=st.booleans(),
)
REPORTERS = {ASSERTED_BY_CLINICIAN, REPORTED_BY_PATIENT, REPORTED_BY_PROXY}


@given(sets=st.lists(LABELS, max_size=5))
def test_the_high_water_mark_is_never_below_any_image(sets: list[tuple[Label, ...]]) -> None:
    mark = highest(sets)
    assert is_restricted(mark) == any(is_restricted(each) for each in sets)
    assert not REPORTERS & set(mark)
    for each in sets:
        if is_restricted(each):
            assert set(each) - REPORTERS - {RESTRICTED} <= set(mark)
    assert sum(label.system == CONFIDENTIALITY for label in mark) == 1
    assert (VERY_RESTRICTED in mark) == any(VERY_RESTRICTED in each for each in sets)
    assert (NORMAL in mark) == (not is_restricted(mark))


@pytest.mark.parametrize(("more", "restricted"), [({}, False), (PRIVATE, True)])
def test_everything_written_for_a_capture_carries_its_labels(more: dict[str, str], restricted: bool) -> None:
    bench = Bench()
    _, receipt = bench.filed(consent_form="written", **more)
    record = bench.record
    for reference in (receipt.filed[0].reference, receipt.consent, receipt.note):
        assert reference is not None
        resource = record.read(*reference.split("/"))
        labels = [Label(each["system"], each["code"]) for each in resource["meta"]["security"]]
        assert is_restricted(labels) == restricted
    assert receipt.filed[0].show_online is (not restricted)
    assert not any("SEX" in words for words in receipt.filed[0].labels)


# --------------------------------------------------------------------------------- JSON

TEXT = st.text(max_size=30)
FRACTIONS = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 6))
REGIONS = (
    st.tuples(FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS)
    .filter(lambda r: r[0] < r[2] and r[1] < r[3])
    .map(lambda r: Region(*r))
)
GEOMETRIES = st.builds(
    Geometry,
    quarter_turns=st.integers(0, 3),
    crop=st.none() | REGIONS,
    black_out=st.lists(REGIONS, max_size=3).map(tuple),
)
INSTANTS = st.integers(946684800000000, 4102444800000000).map(
    lambda micros: dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
)


def ids(kind: Any) -> st.SearchStrategy[Any]:
    return st.uuids().map(lambda value: kind(str(value)))


IMAGES = st.builds(
    DraftImage,
    image_id=ids(ImageId),
    declared_type=TEXT,
    sha256_received=ids(Sha256),
    size=st.integers(0, 10**8),
    received=st.none() | ids(VaultId),
    clean=st.none() | ids(VaultId),
    thumbnail=st.none() | ids(VaultId),
    sha256_clean=st.none() | ids(Sha256),
    content_type=TEXT,
    removed=st.lists(TEXT, max_size=3).map(tuple),
    captured_at=st.none() | INSTANTS | INSTANTS.map(lambda at: at.replace(tzinfo=None)),
    captured_at_has_offset=st.booleans(),
    lossless=st.booleans(),
    geometry=GEOMETRIES,
    discarded_at=st.none() | INSTANTS,
    received_at=st.none() | INSTANTS,
)
DRAFTS = st.builds(
    Draft,
    capture_id=ids(CaptureId),
    fhir_base=TEXT.map(FhirBase),
    patient=ids(PatientId),
    user=ids(Reference),
    launch=ids(LaunchId),
    encounter=st.none() | ids(Reference),
    state=st.sampled_from(DraftState),
    created=INSTANTS,
    updated=INSTANTS,
    images=st.lists(IMAGES, max_size=3).map(tuple),
    answers=st.builds(
        Answers,
        st.dictionaries(TEXT, TEXT, max_size=3),
        st.dictionaries(ids(ImageId), st.dictionaries(TEXT, TEXT, max_size=2), max_size=2),
    ),
    intent=st.none() | ids(IntentId),
    filing=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    result=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    source_emptied_at=st.none() | INSTANTS,
    request=st.none() | ids(RequestId),
    preauthorised_private=st.booleans(),
    identity=TEXT,
    second_asked_at=st.none() | INSTANTS,
    second=st.none() | st.builds(SecondAnswer, ids(Reference), TEXT, st.booleans(), TEXT, INSTANTS, about=TEXT),
)
LABEL = st.builds(Label, TEXT, TEXT)
ORDERED = st.builds(
    OrderedImage,
    image_id=ids(ImageId),
    site=st.builds(BodySite, TEXT, TEXT, st.booleans(), st.booleans()),
    laterality=st.none() | st.sampled_from(Laterality),
    labels=st.lists(LABEL, max_size=4).map(tuple),
    captured=st.none() | INSTANTS | st.dates(dt.date(2000, 1, 1)),
    show_online=st.none() | st.booleans(),
    jws=st.none() | TEXT,
)


@st.composite
def orders(draw: st.DrawFn) -> FilingOrder:
    capture, patient, user, at = draw(ids(CaptureId)), draw(ids(Reference)), draw(ids(Reference)), draw(INSTANTS)
    return FilingOrder(
        intent_id=draw(ids(IntentId)),
        capture_id=capture,
        patient=patient,
        encounter=draw(st.none() | ids(Reference)),
        user=user,
        user_display=draw(TEXT),
        recorded_at=at,
        purpose=draw(TEXT),
        arrival=draw(st.sampled_from(Arrival)),
        photographer=draw(st.sampled_from(Photographer)),
        consent=replace(draw(consents), capture_id=capture, patient=patient, recorded_by=user, recorded_at=at),
        decision=draw(decision_records),
        note=draw(TEXT),
        labels=tuple(draw(st.lists(LABEL, max_size=4))),
        images=tuple(draw(st.lists(ORDERED, max_size=3))),
        described=tuple(draw(st.lists(ids(ImageId), max_size=2))),
        discarded=tuple(draw(st.lists(ids(ImageId), max_size=2))),
    )


@given(draft=DRAFTS)
@settings(max_examples=60, deadline=None)
def test_a_draft_comes_back_as_it_went_in(draft: Draft) -> None:
    assert draft_from_json(json.loads(json.dumps(draft_to_json(draft)))) == draft


@given(draft=DRAFTS)
@settings(max_examples=20, deadline=None)
def test_a_draft_of_the_version_before_opens_as_it_was(draft: Draft) -> None:
    new = ("request", "preauthorised_private", "identity", "second_asked_at", "second")
    written = {name: value for name, value in draft_to_json(draft).items() if name not in new}
    bare = replace(draft, request=None, preauthorised_private=False, identity="", second_asked_at=None, second=None)
    assert draft_from_json(json.loads(json.dumps(written))) == bare


def test_no_field_of_a_draft_is_forgotten() -> None:
    image = DraftImage(ImageId("i"), "image/jpeg", Sha256("0"), 1, None)
    written = draft_to_json(
        Draft(
            CaptureId("c"),
            FhirBase("b"),
            PatientId("p"),
            Reference("u"),
            LaunchId("l"),
            None,
            DraftState.OPEN,
            START,
            START,
            images=(image,),
        )
    )
    assert set(written) == {each.name for each in fields(Draft)}
    assert set(written["images"][0]) == {each.name for each in fields(DraftImage)}


@given(order=orders())
@settings(max_examples=60, deadline=None)
def test_an_order_comes_back_as_it_went_in(order: FilingOrder) -> None:
    again = order_from_json(json.loads(json.dumps(order_to_json(order))))
    assert again == order
    assert again.resource_id("note") == order.resource_id("note") != order.resource_id("consent")
    assert replace(order, intent_id=IntentId("another")).resource_id("note") != order.resource_id("note")


@given(geometry=GEOMETRIES)
def test_a_geometry_comes_back_as_it_went_in(geometry: Geometry) -> None:
    assert geometry_from_json(json.loads(json.dumps(geometry_to_json(geometry)))) == geometry


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"quarter_turns": 4},
        {"quarter_turns": 0, "crop": [0, 0, 2, 1]},
        {"quarter_turns": 0, "crop": [0, 0, 1]},
        {"quarter_turns": 0, "crop": [float("nan"), 0, 1, 1]},
        {"quarter_turns": 0, "black_out": [[0, 0, "x", 1]]},
        {"quarter_turns": 0, "black_out": 7},
    ],
)
def test_what_is_no_geometry_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        geometry_from_json(bad)
