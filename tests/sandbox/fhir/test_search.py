"""Search: every kind of parameter, modifiers, chains, includes, and what shapes the answer (R4 search)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.fhir.client import (
    BASE,
    FhirUnderTest,
    assert_refused,
    binary,
    got,
    labelled,
    matches,
    media,
    patient,
    provenance,
)


@pytest.fixture(scope="module")
def ward() -> Iterator[FhirUnderTest]:
    """Two patients, three images, their consents, tasks and records of origin."""
    with FhirUnderTest() as fhir:
        nhs = "https://fhir.nhs.uk/Id/nhs-number"
        fhir.put("Patient/p1", patient(id="p1", identifier=[{"system": nhs, "value": "9990000018"}], active=True))
        name = [{"family": "Smith-Jones", "given": ["Ada", "Mary"]}]
        fhir.put("Patient/p2", patient(id="p2", name=name, birthDate="2011-07", deceasedDateTime="2024-01-01"))
        fhir.put("Binary/b1", binary(id="b1"))
        site = {"coding": [{"system": "http://snomed.info/sct", "code": "368209003"}]}
        fhir.put(
            "Media/m1",
            media(
                "Patient/p1",
                id="m1",
                meta=labelled("R"),
                bodySite=site,
                createdDateTime="2026-05-01T10:00:00Z",
                identifier=[{"system": "urn:app", "value": "c1|1"}, {"value": "bare"}],
                encounter={"reference": "Encounter/e1"},
            ),
        )
        fhir.put("Media/m2", media("Patient/p1", id="m2", createdDateTime="2026-05-02", status="preparation"))
        fhir.put("Media/m3", media(f"{BASE}/Patient/p2", id="m3", meta=labelled("N"), createdDateTime="2025"))
        fhir.put(
            "Encounter/e1",
            {
                "resourceType": "Encounter",
                "id": "e1",
                "status": "finished",
                "class": {"code": "AMB"},
                "subject": {"reference": "Patient/p1"},
                "period": {"start": "2026-05-01"},
            },
        )
        fhir.put("Provenance/v1", provenance("Media/m1/_history/1", "Media/m2", id="v1"))
        fhir.put("Provenance/v2", provenance("Media/m3", id="v2"))
        fhir.put(
            "Task/t1",
            {
                "resourceType": "Task",
                "id": "t1",
                "status": "requested",
                "intent": "order",
                "focus": {"reference": "Media/m1"},
                "owner": {"reference": "Practitioner/dr", "display": "Dr"},
                "requester": {"identifier": {"system": "urn:sds", "value": "555"}},
                "for": {"reference": "Patient/p1"},
            },
        )
        fhir.put("Practitioner/dr", {"resourceType": "Practitioner", "id": "dr", "name": [{"family": "Øster"}]})
        fhir.put(
            "AuditEvent/a1",
            {
                "resourceType": "AuditEvent",
                "id": "a1",
                "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110103"},
                "recorded": "2026-05-01T10:00:00Z",
                "agent": [{"requestor": True}],
                "source": {"observer": {"display": "app"}},
                "entity": [{"what": {"reference": "Media/m1"}}],
            },
        )
        yield fhir


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # common
        ("Media?_id=m1", ["Media/m1"]),
        ("Media?_id=m1,m3", ["Media/m1", "Media/m3"]),
        ("Media?_id=m1&_id=m3", []),
        ("Media?_id=%27%20OR%201=1", []),
        ("Media?_lastUpdated=gt2020", ["Media/m1", "Media/m2", "Media/m3"]),
        ("Media?_lastUpdated=lt2020", []),
        ("Media?_security=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R", ["Media/m1"]),
        ("Media?_security=R,N", ["Media/m1", "Media/m3"]),
        ("Media?_security:not=R", ["Media/m2", "Media/m3"]),
        ("Media?_security:missing=true", ["Media/m2"]),
        ("Media?_security:missing=false", ["Media/m1", "Media/m3"]),
        ("Media?_tag=R", []),
        # tokens
        ("Media?identifier=urn:app|c1%5C|1", ["Media/m1"]),
        ("Media?identifier=urn:app|", ["Media/m1"]),
        ("Media?identifier=|bare", ["Media/m1"]),
        ("Media?identifier=bare", ["Media/m1"]),
        ("Media?identifier=|c1%5C|1", []),
        ("Media?status=completed", ["Media/m1", "Media/m3"]),
        ("Media?status=COMPLETED", []),
        ("Media?site=http://snomed.info/sct|368209003", ["Media/m1"]),
        ("Patient?active=true", ["Patient/p1"]),
        ("Patient?deceased=true", ["Patient/p2"]),
        ("Patient?deceased=false", ["Patient/p1"]),
        ("AuditEvent?type=110103", ["AuditEvent/a1"]),
        # references
        ("Media?patient=Patient/p1", ["Media/m1", "Media/m2"]),
        ("Media?patient=p1", ["Media/m1", "Media/m2"]),
        ("Media?patient=p2", ["Media/m3"]),
        (f"Media?patient={BASE}/Patient/p2", ["Media/m3"]),
        ("Media?patient=http://elsewhere.invalid/fhir/Patient/p2", []),
        ("Media?subject:Patient=p1", ["Media/m1", "Media/m2"]),
        ("Media?subject:Group=p1", []),
        ("Media?encounter=Encounter/e1", ["Media/m1"]),
        ("Provenance?target=Media/m1", ["Provenance/v1"]),
        ("Provenance?target=Media/m1,Media/m3", ["Provenance/v1", "Provenance/v2"]),
        ("AuditEvent?entity=Media/m1", ["AuditEvent/a1"]),
        ("Task?focus=Media/m1&owner=Practitioner/dr&patient=p1", ["Task/t1"]),
        ("Task?requester:identifier=urn:sds|555", ["Task/t1"]),
        ("Task?requester:identifier=666", []),
        ("Task?owner:missing=true", []),
        # chains
        ("Media?patient.birthdate=lt2000", ["Media/m1", "Media/m2"]),
        ("Media?subject:Patient.name=smith", ["Media/m3"]),
        ("Media?subject.identifier=9990000018", ["Media/m1", "Media/m2"]),
        ("Provenance?target:Media.patient.name=okafor", ["Provenance/v1"]),
        ("Media?_has:Task:focus:status=requested", ["Media/m1"]),
        ("Media?_has:Task:focus:status=completed", []),
        ("Patient?_has:Media:patient:_security=R", ["Patient/p1"]),
        # dates
        ("Media?created=2026-05-01", ["Media/m1"]),
        ("Media?created=2026-05", ["Media/m1", "Media/m2"]),
        ("Media?created=ne2026-05", ["Media/m3"]),
        ("Media?created=gt2026-05-01", ["Media/m2"]),
        ("Media?created=ge2026-05-01", ["Media/m1", "Media/m2"]),
        ("Media?created=lt2026-05-01T10:00:00Z", ["Media/m3"]),
        ("Media?created=le2026-05-01T11:00:00%2B01:00", ["Media/m1", "Media/m3"]),
        ("Media?created=sa2025", ["Media/m1", "Media/m2"]),
        ("Media?created=eb2026", ["Media/m3"]),
        ("Media?created=ge2026-05-01&created=lt2026-05-02", ["Media/m1"]),
        ("Patient?birthdate=2011", ["Patient/p2"]),
        ("Encounter?date=2030", []),
        ("Encounter?date=gt2030", ["Encounter/e1"]),
        # strings
        ("Patient?family=SMITH", ["Patient/p2"]),
        ("Patient?name=zoe", ["Patient/p1"]),
        ("Patient?given=Zoë", ["Patient/p1"]),
        ("Patient?given:exact=zoë", []),
        ("Patient?given:exact=Zoë", ["Patient/p1"]),
        ("Patient?family:contains=jones", ["Patient/p2"]),
        ("Patient?family=jones", []),
        ("Patient?family=%25", []),
        ("Patient?family=okafor,smith", ["Patient/p1", "Patient/p2"]),
        ("Practitioner?family=øster", ["Practitioner/dr"]),
        # shape
        ("Media?_sort=-created", ["Media/m2", "Media/m1", "Media/m3"]),
        ("Media?_sort=created", ["Media/m3", "Media/m1", "Media/m2"]),
        ("Media?_sort=-_id", ["Media/m3", "Media/m2", "Media/m1"]),
        ("Media?_sort=status,-_id", ["Media/m3", "Media/m1", "Media/m2"]),
        ("Media?_sort=site", ["Media/m1", "Media/m2", "Media/m3"]),
        ("Patient?_sort=family", ["Patient/p1", "Patient/p2"]),
        ("Media?patient=", ["Media/m1", "Media/m2", "Media/m3"]),
    ],
)
def test_search_finds(ward: FhirUnderTest, query: str, expected: list[str]) -> None:
    assert ward.found(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "Media?created=soon",
        "Media?created=2026-13",
        "Media?created=gt",
        "Media?_lastUpdated=abc",
        "Media?_count=ten",
        "Media?_count=-1",
        "Media?_total=all",
        "Media?_summary=maybe",
        "Media?status:exact=x",
        "Media?_id:not=m1",
        "Media?patient:missing=perhaps",
        "Media?patient:nonsense=1",
        "Media?status.name=x",
        "Provenance?target.name=x",
        "Media?_has:Task=x",
        "Media?_include:nonsense=Media:subject",
        "Media?_include=Nonsense:subject",
        "Media?patient.general-practitioner.organization.partof.name=x",
        "Media?status=" + ",".join("x" * 201),
        "Media?" + "&".join("status=x" for _ in range(61)),
        "Media?" + "&".join(["status=" + ",".join(["x"] * 200)] * 30),
    ],
)
def test_what_makes_no_sense_is_400(ward: FhirUnderTest, query: str) -> None:
    assert_refused(ward.get(query), 400)


@pytest.mark.parametrize(
    "query", ["Media?nonsense=1", "Media?_sort=nonsense", "Media?_include=Media:status", "Media?subject.nonsense=1"]
)
def test_an_unknown_parameter_is_named_or_refused(ward: FhirUnderTest, query: str) -> None:
    lenient = got(ward.get(query))
    outcomes = [e["resource"] for e in lenient["entry"] if e["search"]["mode"] == "outcome"]
    assert len(matches(lenient)) == 3
    assert query.split("?")[1].split("=")[0] in outcomes[0]["issue"][0]["diagnostics"]
    assert "nonsense" not in lenient["link"][0]["url"]
    assert_refused(ward.get(query, prefer="handling=strict"), 400, "not-supported")


def test_post_search_is_the_same_search(ward: FhirUnderTest) -> None:
    response = ward.raw(
        "POST", "Media/_search?status=completed", b"patient=p1&_total=accurate", "application/x-www-form-urlencoded"
    )
    assert matches(got(response)) == ["Media/m1"]
    assert matches(got(ward.raw("POST", "Media/_search", b""))) == ["Media/m1", "Media/m2", "Media/m3"]
    assert_refused(ward.raw("POST", "Media/_search", b"{}", "application/json"), 415)
    assert_refused(ward.raw("POST", "Media/_search", b"\xff\xfe", "application/x-www-form-urlencoded"), 400)
    assert_refused(ward.get("Media/_search"), 405)


def test_include_and_revinclude(ward: FhirUnderTest) -> None:
    found = got(ward.get("Media?_id=m1&_include=Media:subject&_include=Media:encounter&_revinclude=Provenance:target"))
    assert matches(found) == ["Media/m1"]
    assert sorted(matches(found, "include")) == ["Encounter/e1", "Patient/p1", "Provenance/v1"]
    assert found["total"] == 1
    only_groups = got(ward.get("Media?_id=m1&_include=Media:subject:Group"))
    assert matches(only_groups, "include") == []
    everything = got(ward.get("Media?_id=m1&_include=*&_revinclude=*"))
    assert sorted(matches(everything, "include")) == [
        "AuditEvent/a1",
        "Encounter/e1",
        "Patient/p1",
        "Provenance/v1",
        "Task/t1",
    ]


def test_include_iterates_only_when_asked(ward: FhirUnderTest) -> None:
    once = got(ward.get("Provenance?_id=v1&_include=Provenance:target&_include=Media:subject"))
    assert sorted(matches(once, "include")) == ["Media/m1", "Media/m2"]
    more = got(ward.get("Provenance?_id=v1&_include=Provenance:target&_include:iterate=Media:subject"))
    assert sorted(matches(more, "include")) == ["Media/m1", "Media/m2", "Patient/p1"]


def test_an_included_match_is_not_doubled(ward: FhirUnderTest) -> None:
    found = got(ward.get("Media?patient=p1&_include=Media:subject&_revinclude=Provenance:target"))
    assert matches(found, "include") == ["Patient/p1", "Provenance/v1"]


@pytest.mark.parametrize("query", ["Media?_summary=count", "Media?_count=0"])
def test_counting(ward: FhirUnderTest, query: str) -> None:
    found = got(ward.get(query))
    assert found["total"] == 3
    assert "entry" not in found


def test_total_is_left_out_when_not_wanted(ward: FhirUnderTest) -> None:
    assert "total" not in got(ward.get("Media?_total=none"))
    assert got(ward.get("Media?_total=accurate"))["total"] == 3


def test_elements_and_summary_are_subsets_and_say_so(ward: FhirUnderTest) -> None:
    entry = got(ward.get("Media?_id=m1&_elements=subject"))["entry"][0]["resource"]
    assert set(entry) == {"resourceType", "id", "meta", "subject", "status", "content"}
    assert entry["meta"]["tag"][-1]["code"] == "SUBSETTED"
    assert entry["meta"]["security"] == labelled("R")["security"]
    data = got(ward.get("Media?_id=m1&_summary=data"))["entry"][0]["resource"]
    assert data["identifier"]
    assert data["meta"]["tag"][-1]["code"] == "SUBSETTED"
    assert "tag" not in got(ward.get("Media/m1"))["meta"]


def test_self_link_keeps_what_was_understood(ward: FhirUnderTest) -> None:
    link = got(ward.get("Media?patient=p1&_security=http://x|R&nonsense=2"))["link"][0]
    assert link == {"relation": "self", "url": f"{BASE}/Media?patient=p1&_security=http%3A%2F%2Fx%7CR"}


def test_search_of_binaries_has_their_data(ward: FhirUnderTest) -> None:
    assert got(ward.get("Binary?_id=b1"))["entry"][0]["resource"]["data"] == "AAEC"


def test_a_changed_resource_is_found_by_what_it_is_now(fhir: FhirUnderTest) -> None:
    fhir.put("Media/m", media(id="m", status="preparation"))
    fhir.put("Media/m", media(id="m", status="completed"))
    assert fhir.found("Media?status=preparation") == []
    assert fhir.found("Media?status=completed") == ["Media/m"]
    fhir.delete("Media/m")
    assert fhir.found("Media?status=completed") == []
    assert fhir.found("Media?status:missing=true") == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2025", False),  # contained in: no
        ("ge2025", False),  # nothing of it is after 2025, and 2025 does not contain it
        ("gt2025", False),
        ("ge2024", True),
        ("gt2024", True),
        ("le2024", False),  # nothing of it is before 2024
        ("lt2024", False),
        ("lt2025", True),
        ("sa2024", False),
        ("sa2024-05", True),
        ("eb2025", False),
        ("eb2026", True),
        ("ne2025", True),
    ],
)
def test_periods_compare_as_ranges(fhir: FhirUnderTest, value: str, found: bool) -> None:
    period = {"start": "2024-06-01", "end": "2025-12-31"}
    status = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}}
    fhir.put("Encounter/e", status | {"period": period})
    assert fhir.found(f"Encounter?date={value}") == (["Encounter/e"] if found else [])
