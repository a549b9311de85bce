"""What removes versions for good, as each personality does it, or says that it does."""

from __future__ import annotations

import pytest

from tests.sandbox.fhir.client import FhirUnderTest, assert_refused, got, parameters, patient

REQUESTS = {
    "medplum": ("POST", "Patient/p/$expunge"),
    "erase": ("POST", "Patient/p/$erase"),
    "google-purge": ("DELETE", "Patient/p/$purge"),
    "purge-history": ("DELETE", "Patient/p/$purge-history"),
    "delete-history": ("DELETE", "Patient/p/_history"),
}
REASON = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "a test"}]}
AT_ONCE = ("medplum", "erase")
"""Take the current version too."""


def two_versions(fhir: FhirUnderTest) -> None:
    for family in ("One", "Two"):
        fhir.put("Patient/p", patient(id="p", name=[{"family": family}]))


def asked(fhir: FhirUnderTest, name: str) -> int:
    method, path = REQUESTS[name]
    return fhir.send(method, path, REASON if method == "POST" else None).status_code


@pytest.mark.parametrize("name", REQUESTS)
def test_each_by_its_own_means_and_by_no_other(name: str) -> None:
    with FhirUnderTest(name) as fhir:
        two_versions(fhir)
        for other, (method, path) in REQUESTS.items():
            if REQUESTS[other] != REQUESTS[name]:
                assert fhir.send(method, path, REASON if method == "POST" else None).status_code in (404, 405)
        assert fhir.get("Patient/p/_history/1").status_code == 200, "the others did nothing"
        assert asked(fhir, name) == 200
        assert_refused(fhir.get("Patient/p/_history/1"), 404)
        assert fhir.get("Patient/p").status_code == (404 if name in AT_ONCE else 200)


@pytest.mark.parametrize("name", REQUESTS)
def test_of_what_was_deleted_no_content_stays(name: str) -> None:
    with FhirUnderTest(name) as fhir:
        two_versions(fhir)
        fhir.delete("Patient/p")
        assert asked(fhir, name) == 200
        assert_refused(fhir.get("Patient/p"), 404 if name in AT_ONCE else 410)
        for number in (1, 2):
            assert_refused(fhir.get(f"Patient/p/_history/{number}"), 404)


@pytest.mark.parametrize("name", REQUESTS)
def test_what_never_was_cannot_be_purged(name: str) -> None:
    with FhirUnderTest(name) as fhir:
        assert asked(fhir, name) == 404


def test_erase_wants_a_reason() -> None:
    with FhirUnderTest("erase") as fhir:
        two_versions(fhir)
        assert_refused(fhir.send("POST", "Patient/p/$erase"), 400, "required")
        assert_refused(fhir.post("Patient/p/$erase", parameters(everything=True)), 400, "required")
        assert fhir.get("Patient/p/_history/1").status_code == 200


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("default", "expunge"),
        ("erase", "erase"),
        ("purge-history", "purge-history"),
        ("purge-forbidden", "expunge"),
        ("purge-lies", "expunge"),
        ("purge-half", "expunge"),
        ("google-purge", None),
        ("delete-history", None),
        ("medplum", None),
        ("no-purge", None),
    ],
)
def test_what_is_told_of_it(name: str, told: str | None) -> None:
    with FhirUnderTest(name) as fhir:
        stated = {one["type"]: one for one in got(fhir.get("metadata"))["rest"][0]["resource"]}
        names = {one["name"] for one in stated["Media"]["operation"]}
        assert names & {"expunge", "erase", "purge", "purge-history"} == ({told} if told else set())


@pytest.mark.parametrize(
    ("name", "status", "left"),
    [("purge-forbidden", 403, [200, 200]), ("purge-lies", 200, [200, 200]), ("purge-half", 200, [200, 404])],
)
def test_those_that_do_not_do_what_they_say(name: str, status: int, left: list[int]) -> None:
    with FhirUnderTest(name) as fhir:
        two_versions(fhir)
        fhir.delete("Patient/p")
        flags = parameters(expungeDeletedResources=True, expungePreviousVersions=True)
        assert fhir.post("Patient/p/$expunge", flags).status_code == status
        assert [fhir.get(f"Patient/p/_history/{number}").status_code for number in (1, 2)] == left
