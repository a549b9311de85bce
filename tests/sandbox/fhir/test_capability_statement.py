"""The CapabilityStatement: valid R4, and true: what it says is done, what it does not say is not."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from fhir_plugin.sandbox.fhir import personality_names
from tests.sandbox.fhir.client import (
    FHIR_JSON,
    PATCH,
    FhirUnderTest,
    binary,
    bundle,
    entry,
    got,
    media,
    patient,
    provenance,
)

Json = dict[str, Any]

SAMPLES: dict[str, Json] = {
    "Patient": patient(),
    "Media": media(),
    "Provenance": provenance("Patient/p1"),
    "Basic": {"resourceType": "Basic", "code": {"text": "x"}},
    "Binary": binary(contentType="application/pdf"),
}


def rest_of(fhir: FhirUnderTest) -> Json:
    statement = got(fhir.get("metadata"))
    CapabilityStatement.model_validate(statement)
    assert statement["fhirVersion"] == fhir.personality.fhir_version
    assert statement["kind"] == "instance"
    (rest,) = statement["rest"]
    assert rest["security"]["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    return dict(rest)


def try_interaction(fhir: FhirUnderTest, resource_type: str, code: str) -> int:
    """The status of asking for one interaction on something that is there, or may be made."""
    sample = SAMPLES[resource_type]
    path = f"{resource_type}/there"
    responses = {
        "create": lambda: fhir.post(resource_type, sample),
        "read": lambda: fhir.get(path, accept=FHIR_JSON),
        "vread": lambda: fhir.get(f"{path}/_history/1", accept=FHIR_JSON),
        "update": lambda: fhir.put(path, sample | {"id": "there"}, if_match="*"),
        "patch": lambda: fhir.send(
            "PATCH", path, [{"op": "add", "path": "/language", "value": "en"}], content_type=PATCH
        ),
        "delete": lambda: fhir.delete(path),
        "history-instance": lambda: fhir.get(f"{path}/_history"),
        "history-type": lambda: fhir.get(f"{resource_type}/_history"),
        "search-type": lambda: fhir.get(resource_type),
    }
    return responses[code]().status_code


@pytest.mark.parametrize("name", personality_names())
def test_what_it_says_is_what_it_does(name: str) -> None:
    with FhirUnderTest(name) as fhir:
        rest = rest_of(fhir)
        stated = {one["type"]: one for one in rest["resource"]}
        for resource_type, sample in SAMPLES.items():
            fhir.store.put(patient(id="p1"))
            fhir.store.put(binary(id="b1"))
            fhir.store.put(sample | {"id": "there"})
            claims = {one["code"] for one in stated.get(resource_type, {}).get("interaction", [])}
            claims -= {lie.partition(":")[2] for lie in fhir.personality.claimed if lie.startswith(f"{resource_type}:")}
            for code in (
                "read",
                "vread",
                "search-type",
                "history-instance",
                "history-type",
                "patch",
                "update",
                "create",
                "delete",
            ):
                status = try_interaction(fhir, resource_type, code)
                assert (status < 300) is (code in claims), f"{resource_type} {code}: {status}"
                assert status < 300 or status in (404, fhir.personality.refused_status)


@pytest.mark.parametrize("name", personality_names())
def test_what_it_says_of_ids_conditions_and_bundles(name: str) -> None:
    with FhirUnderTest(name) as fhir:
        rest = rest_of(fhir)
        stated = {one["type"]: one for one in rest["resource"]}
        fhir.store.put(patient(id="old", identifier=[{"system": "urn:s", "value": "1"}]))
        made = fhir.put("Patient/new", patient(id="new")).status_code
        assert (made == 201) is stated["Patient"]["updateCreate"]
        again = fhir.post("Patient", patient(identifier=[{"system": "urn:s", "value": "1"}]), if_none_exist="_id=old")
        assert (again.status_code == 200) is stated["Patient"]["conditionalCreate"]
        system = {one["code"] for one in rest.get("interaction", [])}
        for kind in ("batch", "transaction"):
            status = fhir.post("", bundle(entry("GET", "Patient/old"), kind=kind)).status_code
            assert (status == 200) is (kind in system)
        assert (fhir.get("_history").status_code == 200) is ("history-system" in system)


@pytest.mark.parametrize("name", personality_names())
def test_search_parameters_it_names_are_known_and_others_are_not(name: str) -> None:
    with FhirUnderTest(name) as fhir:
        stated = {one["type"]: one for one in rest_of(fhir)["resource"]}
        values = {"date": "2026-01-01", "reference": "Patient/1", "token": "x", "string": "x", "uri": "x"}
        strict = {"prefer": "handling=strict"}
        wanted = ("Patient", "Task", "Provenance", "DocumentReference", "AuditEvent", "Observation")
        for resource_type in [one for one in wanted if one in stated]:
            for parameter in stated[resource_type]["searchParam"]:
                query = f"{resource_type}?{parameter['name']}={values[parameter['type']]}"
                assert fhir.get(query, **strict).status_code == 200, query
            for include in stated[resource_type].get("searchInclude", []):
                assert fhir.get(f"{resource_type}?_include={include}", **strict).status_code == 200
        assert fhir.get("Patient?nonsense=x", **strict).status_code == 400
        named = {parameter["name"] for parameter in stated["DocumentReference"]["searchParam"]}
        assert (fhir.get("DocumentReference?_security=R", **strict).status_code == 200) is ("_security" in named)


def test_media_has_what_the_app_searches_by(fhir: FhirUnderTest) -> None:
    stated = {one["type"]: one for one in rest_of(fhir)["resource"]}
    named = {parameter["name"] for parameter in stated["Media"]["searchParam"]}
    assert {"_id", "_lastUpdated", "_tag", "_security", "_profile", "identifier", "patient", "subject"} <= named
    assert {"encounter", "status", "created", "site", "type", "operator"} <= named
    assert {one["name"] for one in stated["Patient"]["operation"]} == {"everything", "expunge", "validate"}


def test_metadata_needs_no_access_and_knows_the_endpoints() -> None:
    from fhir_plugin.sandbox.fhir.capability_statement import capability_statement

    with FhirUnderTest() as fhir:
        statement = capability_statement(fhir.personality, "http://x/fhir", oauth_uris={"token": "http://x/token"})
    CapabilityStatement.model_validate(statement)
    (extension,) = statement["rest"][0]["security"]["extension"]
    assert extension["extension"] == [{"url": "token", "valueUri": "http://x/token"}]
