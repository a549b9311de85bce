"""$everything, $expunge and $validate."""

from __future__ import annotations

import pytest

from tests.sandbox.fhir.client import (
    BASE,
    FhirUnderTest,
    assert_refused,
    binary,
    got,
    matches,
    media,
    parameters,
    patient,
    provenance,
)


def filed(fhir: FhirUnderTest) -> None:
    for person in ("p1", "p2"):
        number = person[1]
        fhir.put(f"Patient/{person}", patient(id=person))
        fhir.put(f"Binary/b{number}", binary(id=f"b{number}"))
        content = {"contentType": "image/jpeg", "url": f"Binary/b{number}"}
        fhir.put(f"Media/m{number}", media(f"Patient/{person}", id=f"m{number}", content=content))
        fhir.put(f"Provenance/v{number}", provenance(f"Media/m{number}", id=f"v{number}"))


def test_everything_of_one_patient_and_nothing_of_another(fhir: FhirUnderTest) -> None:
    filed(fhir)
    found = got(fhir.get("Patient/p1/$everything"))
    assert sorted(matches(found)) == ["Binary/b1", "Media/m1", "Patient/p1", "Provenance/v1"]
    assert found["entry"][2]["resource"].get("data", "AAEC") == "AAEC"
    assert matches(got(fhir.get("Patient/p1/$everything?_type=Media,Binary"))) == ["Media/m1", "Binary/b1"]
    assert "entry" not in got(fhir.get("Patient/p1/$everything?_since=2099-01-01"))
    asked = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Media"}]}
    assert matches(got(fhir.post("Patient/p1/$everything", asked))) == ["Media/m1"]
    assert_refused(fhir.get("Patient/none/$everything"), 404)
    assert_refused(fhir.get("Media/m1/$everything"), 404)
    assert_refused(fhir.get("Patient/p1/$everything?_since=soon"), 400)
    assert_refused(fhir.get("Patient/p1/$everything?_count=x"), 400)


def test_everything_in_pages(fhir: FhirUnderTest) -> None:
    filed(fhir)
    seen = list[str]()
    url: str | None = "Patient/p1/$everything?_count=1"
    while url:
        page = got(fhir.get(url))
        seen += matches(page)
        url = next((x["url"].removeprefix(f"{BASE}/") for x in page["link"] if x["relation"] == "next"), None)
    assert sorted(seen) == ["Binary/b1", "Media/m1", "Patient/p1", "Provenance/v1"]
    assert_refused(fhir.get("Patient/p2/$everything?_page=unknown"), 410)


def test_expunge_of_a_deleted_resource_leaves_no_version(fhir: FhirUnderTest) -> None:
    fhir.put("Binary/b", binary(id="b"))
    fhir.put("Binary/b", binary("BBBB", id="b"))
    assert got(fhir.post("Binary/b/$expunge", parameters(expungeDeletedResources=True)))["parameter"] == [
        {"name": "count", "valueInteger": 0}
    ]
    fhir.delete("Binary/b")
    answer = got(fhir.post("Binary/b/$expunge", parameters(expungeDeletedResources=True)))
    assert answer["resourceType"] == "Parameters"
    assert answer["parameter"] == [{"name": "count", "valueInteger": 3}]
    for path in ("Binary/b", "Binary/b/_history", "Binary/b/_history/1", "Binary/b/_history/2", "Binary/b/_history/3"):
        assert_refused(fhir.get(path), 404)
    with fhir.store.session() as session:
        assert session.connection.execute("SELECT count(*) FROM version").fetchone() == (0,)
    assert_refused(fhir.post("Binary/b/$expunge", parameters(expungeDeletedResources=True)), 404)


def test_expunge_of_previous_versions_keeps_the_current_one(fhir: FhirUnderTest) -> None:
    for active in (True, False, True):
        fhir.put("Patient/p", patient(id="p", active=active))
    answer = got(fhir.post("Patient/p/$expunge", parameters(expungePreviousVersions=True, limit=1)))
    assert answer["parameter"][0]["valueInteger"] == 1
    assert_refused(fhir.get("Patient/p/_history/1"), 404)
    assert fhir.get("Patient/p/_history/2").status_code == 200
    fhir.post("Patient/p/$expunge", parameters(expungePreviousVersions=True))
    assert_refused(fhir.get("Patient/p/_history/2"), 404)
    assert got(fhir.get("Patient/p"))["meta"]["versionId"] == "3"
    assert fhir.put("Patient/p", patient(id="p")).headers["ETag"] == 'W/"4"'


def test_expunge_of_one_version(fhir: FhirUnderTest) -> None:
    for active in (True, False, True):
        fhir.put("Patient/p", patient(id="p", active=active))
    flags = parameters(expungePreviousVersions=True)
    assert got(fhir.post("Patient/p/_history/1/$expunge", flags))["parameter"][0]["valueInteger"] == 1
    assert_refused(fhir.get("Patient/p/_history/1"), 404)
    assert fhir.get("Patient/p/_history/2").status_code == 200
    assert_refused(fhir.post("Patient/p/_history/3/$expunge", flags), 412)
    assert_refused(fhir.post("Patient/p/_history/1/$expunge", flags), 404)
    assert_refused(fhir.post("Patient/p/_history/x/$expunge", flags), 404)
    assert got(fhir.post("Patient/p/_history/2/$expunge", parameters()))["parameter"][0]["valueInteger"] == 0


def test_expunge_everything_of_a_resource_a_type_and_all(fhir: FhirUnderTest) -> None:
    filed(fhir)
    everything = parameters(expungeEverything=True)
    assert got(fhir.post("Media/m1/$expunge", everything))["parameter"][0]["valueInteger"] == 1
    assert_refused(fhir.get("Media/m1"), 404)
    assert fhir.found("Media") == ["Media/m2"]
    fhir.delete("Media/m2")
    assert (
        got(fhir.post("Media/$expunge", parameters(expungeDeletedResources=True)))["parameter"][0]["valueInteger"] == 2
    )
    assert got(fhir.post("Patient/$expunge", everything))["parameter"][0]["valueInteger"] == 2
    assert fhir.found("Provenance") == ["Provenance/v1", "Provenance/v2"]
    fhir.post("$expunge", everything)
    assert got(fhir.get("_history"))["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Patient"},
        {"resourceType": "Parameters", "parameter": 7},
        {"resourceType": "Parameters", "parameter": [7]},
        {"resourceType": "Parameters", "parameter": [{"name": "nonsense", "valueBoolean": True}]},
        {"resourceType": "Parameters", "parameter": [{"name": "expungeEverything", "valueString": "true"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "limit", "valueInteger": 0}]},
        {"resourceType": "Parameters", "parameter": [{"name": "limit", "valueInteger": True}]},
    ],
)
def test_expunge_asked_badly_removes_nothing(fhir: FhirUnderTest, body: dict[str, object]) -> None:
    filed(fhir)
    assert_refused(fhir.post("Media/m1/$expunge", body), 400)
    assert fhir.get("Media/m1").status_code == 200


def test_expunge_without_flags_removes_nothing(fhir: FhirUnderTest) -> None:
    filed(fhir)
    assert got(fhir.post("Media/m1/$expunge", parameters()))["parameter"][0]["valueInteger"] == 0
    assert got(fhir.send("POST", "Media/$expunge"))["parameter"][0]["valueInteger"] == 0
    assert fhir.get("Media/m1").status_code == 200


def test_validate_says_what_a_write_would_and_stores_nothing(fhir: FhirUnderTest) -> None:
    assert got(fhir.post("Patient/$validate", patient()))["issue"][0]["severity"] == "information"
    assert got(fhir.post("Patient/$validate", patient(birthDate="x")))["issue"][0]["severity"] == "error"
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient()}]}
    assert got(fhir.post("Patient/$validate", wrapped))["issue"][0]["severity"] == "information"
    assert_refused(fhir.post("Media/$validate", patient()), 400)
    assert_refused(fhir.post("Media/$validate", {"resourceType": "Parameters"}), 400)
    assert fhir.found("Patient") == []
