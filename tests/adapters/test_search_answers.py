"""Whether a resource answers a search."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_plugin.adapters.search_answers import answers

BASE = "https://ehr.example/fhir"
CONSENT = {
    "resourceType": "Consent",
    "id": "c1",
    "meta": {
        "security": [{"system": "urn:s", "code": "R"}, {"code": "LOCAL"}],
        "tag": [{"system": "urn:t", "code": "x"}],
    },
    "identifier": [{"system": "urn:i", "value": "a|b,c$d\\e"}, {"value": "bare"}],
    "status": "active",
    "category": [{"coding": [{"system": "urn:c", "code": "59284-0"}]}],
    "patient": {"reference": "Patient/p1"},
    "provision": {"data": [{"reference": {"reference": "Media/m1"}}]},
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("_id", "c1", True),
        ("_id", "c2,c1", True),
        ("_id", "C1", False),
        ("identifier", "bare", True),
        ("identifier", "|bare", True),
        ("identifier", "urn:i|bare", False),
        ("identifier", r"urn:i|a\|b\,c\$d\\e", True),
        ("identifier", "urn:i|", True),
        ("identifier", "urn:x|", False),
        ("identifier", "", False),
        ("_security", "urn:s|R", True),
        ("_security", "R", True),
        ("_security", "|LOCAL", True),
        ("_security", "|R", False),
        ("_security", "urn:other|R", False),
        ("_security", "urn:other|R,urn:s|R", True),
        ("_tag", "urn:t|x", True),
        ("_tag", "urn:t|y", False),
        ("status", "active", True),
        ("status", "inactive", False),
        ("category", "urn:c|59284-0", True),
        ("category", "59284", False),
        ("patient", "p1", True),
        ("patient", "Patient/p1", True),
        ("patient", f"{BASE}/Patient/p1", True),
        ("patient", "https://other.example/fhir/Patient/p1", False),
        ("patient", "p", False),
        ("patient", "Group/p1", False),
        ("data", "Media/m1", True),
        ("data", "Media/m2", False),
        ("_count", "5", True),
        ("_include:iterate", "*", True),
    ],
)
def test_a_consent_answers(name: str, value: str, expected: bool) -> None:
    assert answers(CONSENT, name, value, base=BASE) is expected


@pytest.mark.parametrize("name", ["colour", "identifier:of-type", "subject:missing", "_lastUpdated", "patient.name"])
def test_what_is_not_known_is_not_judged(name: str) -> None:
    assert answers(CONSENT, name, "x", base=BASE) is None


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Patient/p1", True),
        ("Patient/p1/_history/3", True),
        (f"{BASE}/Patient/p1", True),
        ("http://ehr.example/fhir/Patient/p1", False),
        ("https://other.example/fhir/Patient/p1", False),
        (f"{BASE}/x/Patient/p1", False),
        ("Patient/p10", False),
        ("Practitioner/p1", False),
        ("#p1", False),
        ("urn:uuid:p1", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_only_a_literal_reference_within_the_base_is_that_person(reference: object, expected: bool) -> None:
    media = {"resourceType": "Media", "id": "m", "subject": {"reference": reference}}
    assert answers(media, "patient", "p1", base=BASE) is expected
    assert answers(media, "subject", "Patient/p1", base=BASE) is expected


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Task", "for": {"reference": "Patient/p1"}},
        {"resourceType": "Provenance", "target": [{"reference": "Media/m"}, {"reference": "Patient/p1"}]},
        {"resourceType": "AuditEvent", "entity": [{"what": {"reference": "Patient/p1"}}]},
        {"resourceType": "AuditEvent", "agent": [{"who": {"reference": "Patient/p1"}}]},
        {"resourceType": "Communication", "subject": {"reference": "Patient/p1"}},
        {"resourceType": "Appointment", "participant": [{"actor": {"reference": "Patient/p1"}}]},
        {"resourceType": "Person", "link": [{"target": {"reference": "Patient/p1"}}]},
    ],
)
def test_each_type_says_in_its_own_place_whose_it_is(resource: dict[str, Any]) -> None:
    assert answers(resource, "patient", "p1", base=BASE)
    assert not answers(resource, "patient", "p2", base=BASE)


@pytest.mark.parametrize("junk", [{"subject": "x"}, {"subject": [[["x"]]]}, {"meta": []}, {"identifier": {"value": 3}}])
def test_a_crooked_resource_answers_nothing(junk: dict[str, Any]) -> None:
    for name in ("subject", "patient", "_tag", "_security", "identifier"):
        assert answers(junk, name, "x", base=BASE) is False


def test_a_document_is_known_by_either_identifier() -> None:
    document = {"resourceType": "DocumentReference", "masterIdentifier": {"system": "urn:x", "value": "1"}}
    assert answers(document, "identifier", "urn:x|1", base=BASE)
    assert not answers(document, "identifier", "urn:x|2", base=BASE)
