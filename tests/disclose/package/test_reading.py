"""The record in plain words: known fields by their names, unknown ones listed, nothing dropped, in order of time."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.package import readable_html
from fhir_plugin.disclose.package.reading import Entry, Fact, Reading
from fhir_plugin.disclose.package.reading.plain import date_words, in_words
from fhir_plugin.disclose.package.words import not_included
from tests.disclose.package.made import PATIENT, contents, image, lines, media, members, written

GOLDEN = Path(__file__).parent / "golden"


def read(*resources: dict[str, Any]) -> list[Entry]:
    reading = Reading()
    for each in resources:
        reading.add(json.loads(json.dumps(each)))
    return [*reading.patients(), *reading.entries()]


def said(entry: Entry) -> dict[str, str]:
    return {fact.label: fact.value for fact in entry.facts if isinstance(fact.value, str)}


RECORD: tuple[dict[str, Any], ...] = (
    {
        **PATIENT,
        "gender": "female",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "address": [{"line": ["1 High Street"], "city": "Leeds", "postalCode": "LS1 1AA"}],
        "telecom": [{"system": "phone", "value": "01632 960 001", "use": "home"}],
    },
    media(1, note=[{"text": "Looks dry", "time": "2024-03-02"}]),
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2023-05-06T09:30:00+01:00",
        "valueQuantity": {"value": 72.5, "unit": "kg"},
        "referenceRange": [{"low": {"value": 50, "unit": "kg"}, "high": {"value": 80, "unit": "kg"}}],
    },
    {
        "resourceType": "Condition",
        "id": "c1",
        "code": {"text": "Eczema", "coding": [{"system": "http://snomed.info/sct", "code": "43116000"}]},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "onsetDateTime": "2012-04",
    },
    {
        "resourceType": "MedicationRequest",
        "id": "r1",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Hydrocortisone 1% cream"},
        "authoredOn": "2013-01-02",
        "reasonReference": [{"reference": "Condition/c1"}],
        "dosageInstruction": [{"text": "Apply thinly twice a day", "timing": {"repeat": {"frequency": 2}}}],
    },
    {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB", "display": "ambulatory"},
        "period": {"start": "2013-01-02", "end": "2013-01-02"},
        "participant": [{"type": [{"text": "GP"}], "individual": {"display": "Dr Sam Shah"}}],
    },
    {
        "resourceType": "Immunization",
        "id": "i1",
        "status": "completed",
        "vaccineCode": {"text": "Influenza vaccine"},
        "occurrenceDateTime": "2019",
        "lotNumber": "A1",
    },
    {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "code": {"text": "Penicillin"},
        "reaction": [{"manifestation": [{"text": "Rash"}], "severity": "mild"}],
    },
    {
        "resourceType": "DocumentReference",
        "id": "withheld-1",
        "meta": {"security": [{"code": "REDACTED"}]},
        "status": "current",
    },
    {"resourceType": "Zebra", "id": "z1", "stripes": [{"colour": "black", "width": {"wide": 5}}], "isTame": False},
)


def test_the_bytes_of_what_is_left_out_are_not_counted_beside_it() -> None:
    def stubs(*types: str) -> Reading:
        reading = Reading()
        for number, each in enumerate(types):
            labels = {"security": [{"code": "REDACTED"}]}
            reading.add({"resourceType": each, "id": f"withheld-{number}", "meta": labels})
        return reading

    assert not_included(stubs("Media", "Binary", "Media", "Binary"))[1:] == ["Photograph or video: 2"]
    assert not_included(stubs("Binary"))[1:] == ["File: 1"]
    assert not_included(stubs()) == []


def test_the_whole_page_is_as_it_was() -> None:
    """Set FHIR_PLUGIN_GOLDEN=write to write it anew, and look at the difference."""
    page = readable_html(contents(lines(*RECORD), [image(1)]))
    golden = GOLDEN / "record.html"
    if os.environ.get("FHIR_PLUGIN_GOLDEN") == "write":
        golden.write_text(page, "utf-8")
    assert page == golden.read_text("utf-8")


def test_the_page_for_whoever_signs_is_the_page_that_is_sent_but_for_the_pixels() -> None:
    what = contents(lines(*RECORD), [image(1)])
    sent = members(written(what)[0])["record.html"].decode()
    tile = '<div class="tile">Picture 1 is here</div>'
    assert re.sub(r'<img alt="[^"]*" src="data:image/jpeg;base64,[^"]*">', tile, sent) == readable_html(what)


def test_it_is_in_order_of_time_with_what_has_no_date_at_the_end() -> None:
    assert [entry.when for entry in read(*RECORD)] == [
        "", "2012-04", "2013-01-02", "2013-01-02", "2019", "2023-05-06T09:30:00+01:00", "2024-03-01", "", "",
    ]  # fmt: skip


def test_a_reference_goes_by_the_name_of_what_it_points_to() -> None:
    prescription = next(entry for entry in read(*RECORD) if entry.kind == "Prescription")
    assert said(prescription)["Reason"] == "Condition: Eczema, April 2012"
    assert prescription.heading == "Prescription: Hydrocortisone 1% cream"


def test_a_kind_that_nobody_knows_is_listed_field_by_field() -> None:
    zebra = next(entry for entry in read(*RECORD) if entry.kind == "Zebra")
    assert zebra.facts == (
        Fact("Stripes", (Fact("Colour", "black"), Fact("Width", (Fact("Wide", "5"),)))),
        Fact("Is tame", "no"),
    )


def test_a_stub_is_no_entry_but_is_counted() -> None:
    reading = Reading()
    for each in RECORD:
        reading.add(each)
    assert reading.not_included == {"Document": 1}
    assert all(entry.title != "withheld-1" for entry in reading.entries())


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("2024-03-03T14:05:59.123Z", "3 March 2024, 14:05 (UTC)"),
        ("2024-03-03T14:05:00+01:00", "3 March 2024, 14:05 (UTC+01:00)"),
        ("2024-03", "March 2024"),
        ("2024", "2024"),
        ("2024-13-01", "2024-13-01"),
        ("yesterday", "yesterday"),
    ],
)
def test_dates_are_as_they_are_spoken(date: str, words: str) -> None:
    assert date_words(date) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"value": 72.5, "unit": "kg"}, "72.5 kg"),
        ({"value": 5, "comparator": "<", "code": "mg"}, "< 5 mg"),
        ({"low": {"value": 1}, "high": {"value": 2}}, "1 to 2"),
        ({"numerator": {"value": 1}, "denominator": {"value": 128}}, "1 to 128"),
        ({"start": "2024-01-01"}, "from 1 January 2024"),
        ({"system": "email", "value": "a@b.example"}, "a@b.example (email)"),
        ({"family": "Lee", "given": ["Amy"], "use": "maiden"}, "Amy Lee (maiden)"),
        ({"coding": [{"code": "x", "display": "Cough"}], "text": "Cough"}, "Cough"),
        ({"reference": "Patient/9", "display": "Amy"}, "Amy"),
        ({"reference": "Patient/9"}, "a patient (not named in this copy)"),
        ({"reference": "https://ehr.example/Practitioner/9/_history/2"}, "a clinician (not named in this copy)"),
        ({"reference": "Organization/org-1"}, "an organisation (not named in this copy)"),
        ({"reference": "Practitioner/prac-gp", "display": "Amara Nwosu"}, "Amara Nwosu"),
        ({"reference": "ServiceRequest/9"}, "Request for a test or referral (not named in this copy)"),
        ({"reference": "urn:uuid:1"}, "something (not named in this copy)"),
        ({"identifier": {"system": "urn:x", "value": "7"}}, "something (not named in this copy)"),
        ({"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A1"}}, "A1 (ODS code)"),
        ({"system": "http://dicom.example/DCM", "code": "XC", "display": "Photography"}, "Photography"),
        ({"system": "urn:x", "code": "XC"}, "XC"),
        ({"system": "http://snomed.info/sct", "code": "71934003"}, "SNOMED CT 71934003"),
        (
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/a-b", "code": "vital-signs"}]},
            "vital signs",
        ),
        ({"coding": [{"code": "x"}], "text": "Cough"}, "Cough"),
        ({"type": [{"text": "GP"}], "period": {"start": "2024"}}, None),
        ({"value": {"odd": 1}}, None),
        ({}, None),
    ],
)
def test_datatypes_in_words_and_what_is_none_is_not_guessed(value: dict[str, Any], words: str | None) -> None:
    assert in_words(value, lambda _key: "") == words


def test_what_only_systems_can_follow_stands_apart_and_is_not_lost() -> None:
    bare = {
        "modality": {"coding": [{"system": "http://dicom.example/DCM", "code": "XC", "display": "Photography"}]},
        "operator": {"reference": "Practitioner/prac-gp"},
        "policy": ["urn:fhir-plugin:policy:strict%2F2026.11"],
        "instantiates": "https://example.org/fhir/PlanDefinition/1",
        "item": [{"linkId": "a.b", "answer": [{"valueString": "0a1b2c3d-0000-4000-8000-0123456789ab"}]}],
        "identified": {"identifier": {"system": "urn:x:decision", "value": "d-77"}},
        "extension": [
            {"url": "urn:x/consent-form", "valueCoding": {"system": "urn:x:form", "code": "v", "display": "V"}}
        ],
        "comment": "https://example.org/a-leaflet",
        "note": [{"text": "See https://example.org/b first", "authorReference": {"reference": "Practitioner/prac-gp"}}],
    }
    (entry,) = read({"resourceType": "Media", "id": "m", **bare})
    spoken = " | ".join(_spoken(entry.facts))
    assert "Photography" in spoken and "a clinician (not named in this copy)" in spoken
    assert "https://example.org/a-leaflet" in spoken and "See https://example.org/b first" in spoken, (
        "a person wrote it"
    )
    technical = " | ".join(_spoken(entry.technical))
    for each in (
        "http://dicom.example/DCM XC",
        "Practitioner/prac-gp",
        "urn:fhir-plugin:policy:strict%2F2026.11",
        "https://example.org/fhir/PlanDefinition/1",
        "a.b",
        "0a1b2c3d-0000-4000-8000-0123456789ab",
        "urn:x:decision d-77",
        "urn:x:form v",
    ):
        assert each not in spoken and each in technical, each
    (codes,) = (fact.value for fact in entry.technical if fact.label == "Codes and addresses")
    assert Fact("Consent form", "urn:x:form v") in codes and Fact("Modality", "http://dicom.example/DCM XC") in codes


def test_an_id_stands_among_the_technical_details_as_it_is() -> None:
    number = "0a1b2c3d-0000-4000-8000-0123456789ab"
    (entry,) = read({"resourceType": "Media", "id": number})
    assert Fact("Id", number) in entry.technical and not entry.facts


def test_what_is_pointed_to_by_its_identifier_goes_by_its_name() -> None:
    number = {"system": "urn:x:consent", "value": "7"}
    consent = {"resourceType": "Consent", "id": "c", "identifier": [number], "scope": {"text": "Treatment"}}
    pointing = {"resourceType": "Flag", "id": "f", "entity": {"type": "Consent", "identifier": number}}
    assert [said(each) for each in read(consent, pointing)][1] == {"Entity": "Consent: Treatment"}
    assert said(read(pointing)[0]) == {"Entity": "Consent (not named in this copy)"}


def test_who_is_named_anywhere_in_the_copy_is_named_everywhere() -> None:
    gp = {"reference": "Practitioner/prac-gp"}
    note = {"resourceType": "DocumentReference", "id": "d", "author": [{**gp, "display": "Amara Nwosu"}]}
    photo = {"resourceType": "Media", "id": "m", "operator": {"reference": "Practitioner/prac-gp/_history/2"}}
    other = {"resourceType": "Media", "id": "n", "operator": {"reference": "Practitioner/prac-gp2"}}
    elsewhere = {
        "resourceType": "Media",
        "id": "o",
        "operator": {"reference": "https://x.example/Practitioner/prac-gp"},
    }
    assert [list(said(each).values()) for each in read(photo, note, other, elsewhere)] == [
        ["Amara Nwosu"],
        ["Amara Nwosu"],
        ["a clinician (not named in this copy)"],
        ["a clinician (not named in this copy)"],
    ]


def test_an_organisation_is_called_by_the_name_that_another_entry_has_for_its_number() -> None:
    ods = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A81001"}
    named: dict[str, Any] = {"type": "Organization", "identifier": ods, "display": "High Street Surgery"}
    visit = {"resourceType": "Encounter", "id": "e", "serviceProvider": named}
    pointing = {"resourceType": "CarePlan", "id": "c", "author": {"type": "Organization", "identifier": ods}}
    other = {**pointing, "id": "d", "author": {"identifier": {**ods, "value": "A81002"}}}
    authors = [said(each).get("Written by", "") for each in read(visit, pointing, other)]
    assert authors[1] == "High Street Surgery" and "High Street" not in authors[2]


def test_an_address_is_no_title() -> None:
    (entry,) = read({"resourceType": "QuestionnaireResponse", "id": "q", "questionnaire": "urn:x:questionnaire|1"})
    assert entry.heading == "Answers to questions"


# ------------------------------------------------------------------------------------------- nothing is dropped

_NAMES = [
    "text",
    "display",
    "system",
    "reference",
    "url",
    "value",
    "unit",
    "family",
    "given",
    "line",
    "city",
    "note",
    "stripes",
    "detail",
    "coding",
    "use",
    "start",
    "end",
    "low",
    "high",
    "numerator",
    "denominator",
    "period",
    "assigner",
    "identifier",
    "valueString",
    "code",
    "extension",
    "valueQuantity",
    "time",
    "author",
    "_value",
    "contained",
]
_MARKS = st.integers(0, 10**9).map(lambda number: f"mark{number}x")
_INNER = st.recursive(
    _MARKS,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=12,
)


def _marks(value: object) -> set[str]:
    if isinstance(value, dict):
        return {mark for each in value.values() for mark in _marks(each)}
    if isinstance(value, list):
        return {mark for each in value for mark in _marks(each)}
    return {str(value)}


def _spoken(facts: tuple[Fact, ...]) -> list[str]:
    return [
        words
        for fact in facts
        for words in (fact.label, *([fact.value] if isinstance(fact.value, str) else _spoken(fact.value)))
    ]


@given(st.dictionaries(st.sampled_from(_NAMES), _INNER, min_size=1, max_size=5))
@example({"extension": {"url": "mark0x"}})
@example({"extension": {"text": "mark0x", "display": "mark0x", "url": "mark1x"}})
@example({"modifierExtension": [{"url": "mark0x", "valueString": "mark1x"}]})
@settings(max_examples=150, deadline=None)
def test_every_word_of_a_resource_is_on_the_page(fields: dict[str, Any]) -> None:
    (entry,) = read({"resourceType": "Zebra", "id": "z", **fields})
    page = " ".join([entry.title, *_spoken(entry.facts), *_spoken(entry.technical)]).casefold()
    assert {mark for mark in _marks(fields) if mark not in page} == set()
