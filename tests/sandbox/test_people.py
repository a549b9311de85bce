"""The synthetic people: valid, of the ages they are named by, and nobody real."""

from __future__ import annotations

import datetime as dt

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st
from nhs_number.validate import is_valid

from fhir_plugin.sandbox import people
from fhir_plugin.sandbox.fhir import FhirStore

DAYS = st.dates(dt.date(2024, 1, 1), dt.date(2060, 12, 31))
AGES = {
    "p-adult-1": 34,
    "p-child-7": 7,
    "p-child-14": 14,
    "p-child-15": 15,
    "p-child-16": 16,
    "p-child-17": 17,
    "p-no-capacity": 82,
    "p-died": 90,
}


def _age(born: dt.date, today: dt.date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@pytest.mark.parametrize("today", [dt.date(2026, 11, 20), dt.date(2028, 2, 29), dt.date(2027, 1, 1)])
def test_every_resource_is_valid_r4_and_refers_to_what_came_before(today: dt.date) -> None:
    known: set[str] = set()
    for resource in people.resources(today):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        text = str(resource)
        for reference in _references(resource):
            assert reference in known, f"{reference} in {text}"
        known.add(f"{resource['resourceType']}/{resource['id']}")
    assert {f"Patient/{name}" for name in AGES} <= known


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [found for child in value.values() for found in _references(child)]
    if isinstance(value, list):
        return [found for child in value for found in _references(child)]
    return []


@given(DAYS)
def test_everybody_keeps_their_age(today: dt.date) -> None:
    patients = {r["id"]: r for r in people.resources(today) if r["resourceType"] == "Patient"}
    for name, age in AGES.items():
        assert _age(dt.date.fromisoformat(patients[name]["birthDate"]), today) == age, name


@given(DAYS, st.integers(0, 110), st.integers(0, 360))
def test_a_birth_date_gives_the_age_on_the_day_and_the_days_after(today: dt.date, age: int, days: int) -> None:
    born = people.birth_date(age, days, today)
    assert _age(born, today) == age
    assert _age(born, today + dt.timedelta(days=364 - days - 2)) == age


def test_nhs_numbers_are_valid_distinct_and_from_the_test_range() -> None:
    patients = [r for r in people.resources(dt.date(2026, 11, 20)) if r["resourceType"] == "Patient"]
    numbers = [patient["identifier"][0]["value"] for patient in patients]
    assert len(set(numbers)) == len(numbers) == 10
    for number in numbers:
        assert number.startswith("999")
        assert is_valid(number), number
    assert {p["identifier"][0]["system"] for p in patients} == {"https://fhir.nhs.uk/Id/nhs-number"}


@pytest.mark.parametrize(
    ("user", "code"),
    [
        ("gp", "R0260"),
        ("nurse", "R0620"),
        ("receptionist", "R1730"),
        ("disclosure-officer", "R1984"),
        ("caldicott-guardian", "R5105"),
        ("privacy-officer", "R0001"),
        ("auditor", "R5100"),
        ("healthcare-assistant", "R1480"),
    ],
)
def test_staff_have_their_job_role_on_a_practitioner_role(user: str, code: str) -> None:
    with FhirStore() as store:
        people.seed(store, dt.date(2026, 11, 20))
        person = people.staff()[user]
        (role,) = store.search("PractitionerRole", {"practitioner": person.fhir_user})
        coding = role["code"][0]["coding"][0]
        assert (coding["system"], coding["code"]) == (people.JOB_ROLE_SYSTEM, code)
        assert role["id"] == person.role
        assert store.read("Practitioner", person.practitioner) is not None


def test_children_have_a_parent_and_who_lacks_capacity_an_attorney() -> None:
    with FhirStore() as store:
        people.seed(store, dt.date(2026, 11, 20))
        for patient in ("p-child-7", "p-child-14", "p-child-15", "p-child-16", "p-child-17"):
            found = store.search("RelatedPerson", {"patient": f"Patient/{patient}"})
            assert {r["relationship"][0]["coding"][0]["code"] for r in found} & {"MTH", "FTH"}, patient
        (attorney,) = store.search("RelatedPerson", {"patient": "Patient/p-no-capacity"})
        assert attorney["relationship"][0]["coding"][0]["code"] == "HPOWATT"
        died = store.read("Patient", "p-died")
        assert died is not None
        assert died["deceasedDateTime"] < "2026-11-20"
        assert not [e for e in store.search("Encounter", {"patient": "Patient/p-died"}) if e["status"] != "finished"]


def test_seeding_again_moves_birth_dates_and_keeps_what_happened() -> None:
    with FhirStore() as store:
        first = people.seed(store, dt.date(2026, 11, 20))
        assert first > 50
        assert people.seed(store, dt.date(2026, 11, 20)) == 0
        patient = store.read("Patient", "p-child-7")
        assert patient is not None
        store.put({**patient, "gender": "unknown"})

        assert people.seed(store, dt.date(2027, 11, 20)) == 10
        moved = store.read("Patient", "p-child-7")
        assert moved is not None
        assert moved["gender"] == "unknown"
        assert _age(dt.date.fromisoformat(moved["birthDate"]), dt.date(2027, 11, 20)) == 7
