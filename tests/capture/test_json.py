"""Drafts, orders and geometries come back from JSON as they went in."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.capture.answers import Answers
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState, SecondAnswer
from fhir_plugin.capture.draft_json import draft_from_json, draft_to_json, geometry_from_json, geometry_to_json
from fhir_plugin.capture.filing import FilingOrder, OrderedImage, order_from_json, order_to_json
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
    Label,
)
from tests.fakes.clock import START
from tests.mappings.samples import consents, decision_records

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
