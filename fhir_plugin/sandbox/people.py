"""The synthetic people of the sandbox: staff who can sign in, patients and their relatives, as FHIR R4.

The people are data (`people.toml`); this module turns them into resources. Ids are fixed, so that tests and
documents can name them; birth dates follow `today`, so that everybody keeps their age.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]

NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
ODS_SYSTEM = "https://fhir.nhs.uk/Id/ods-organization-code"
SDS_USER_SYSTEM = "https://fhir.nhs.uk/Id/sds-user-id"
JOB_ROLE_SYSTEM = "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName"
_SNOMED = "http://snomed.info/sct"
_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_SOURCE = Path(__file__).with_name("people.toml")


class Store(Protocol):
    """What seeding needs of the FHIR store."""

    def put(self, resource: Json) -> Json: ...

    def read(self, resource_type: str, id: str) -> Json | None: ...


@dataclass(frozen=True)
class StaffMember:
    """Somebody who can sign in to the sandbox EHR."""

    user: str
    """The sign-in id, e.g. `caldicott-guardian`."""
    name: str
    title: str
    practitioner: str
    role: str
    job_code: str
    job_display: str

    @property
    def fhir_user(self) -> str:
        """The fhirUser claim, relative: `Practitioner/prac-gp`."""
        return f"Practitioner/{self.practitioner}"


@cache
def _data() -> Mapping[str, Any]:
    with _SOURCE.open("rb") as file:
        return tomllib.load(file)


@cache
def staff() -> Mapping[str, StaffMember]:
    """Who can sign in, by sign-in id, in the order in which the sign-in page shows them."""
    return {
        person["user"]: StaffMember(
            person["user"],
            f"{person['prefix']} {person['given']} {person['family']}",
            person["title"],
            person["practitioner"],
            person["role"],
            person["job_code"],
            person["job_display"],
        )
        for person in _data()["staff"]
    }


def summaries() -> Mapping[str, str]:
    """Patient id -> what the patient list says beside the name."""
    return {person["id"]: person["summary"] for person in _data()["patients"] if "summary" in person}


def organisation_id() -> str:
    """The id of the surgery's Organization."""
    return str(_data()["organisation"]["id"])


def seed(store: Store, today: dt.date) -> int:
    """Put what is missing into `store`; returns how many were written.

    A store that was seeded on an earlier day keeps what happened in it; only birth dates follow the day.
    """
    count = 0
    for resource in resources(today):
        stored = store.read(resource["resourceType"], resource["id"])
        if stored is None:
            store.put(resource)
        elif stored.get("birthDate") != resource.get("birthDate"):
            store.put({**stored, "birthDate": resource["birthDate"]})
        else:
            continue
        count += 1
    return count


def resources(today: dt.date) -> Iterator[Json]:
    """Every resource of the sandbox's first day, in an order in which all references point backwards."""
    surgery = _data()["organisation"]
    yield _organisation(surgery)
    for person in _data()["staff"]:
        yield _practitioner(person)
        yield _practitioner_role(person, surgery["id"])
    for person in _data()["patients"]:
        yield _patient(person, surgery["id"], today)
        yield from (_related(relative, person) for relative in person.get("related", ()))
        yield from _history(person, today)


def birth_date(age: int, days_since_birthday: int, today: dt.date) -> dt.date:
    """The birth date of somebody who is `age` on `today` and had a birthday that many days ago."""
    birthday = today - dt.timedelta(days=days_since_birthday)
    # 29 February is moved to the 28th: not every year of birth has it, and nobody's age changes by it.
    day = 28 if (birthday.month, birthday.day) == (2, 29) else birthday.day
    return birthday.replace(year=birthday.year - age, day=day)


def _organisation(surgery: Mapping[str, Any]) -> Json:
    return {
        "resourceType": "Organization",
        "id": surgery["id"],
        "identifier": [{"system": ODS_SYSTEM, "value": surgery["ods_code"]}],
        "active": True,
        "name": surgery["name"],
        "address": [
            {
                "use": "work",
                "line": [surgery["line"]],
                "city": surgery["city"],
                "postalCode": surgery["postcode"],
            }
        ],
    }


def _name(person: Mapping[str, Any]) -> list[Json]:
    given = person["given"] if isinstance(person["given"], list) else [person["given"]]
    return [{"use": "official", "prefix": [person["prefix"]], "given": given, "family": person["family"]}]


def _practitioner(person: Mapping[str, Any]) -> Json:
    return {
        "resourceType": "Practitioner",
        "id": person["practitioner"],
        "identifier": [{"system": SDS_USER_SYSTEM, "value": person["sds_user_id"]}],
        "active": True,
        "name": _name(person),
        "gender": person["gender"],
    }


def _practitioner_role(person: Mapping[str, Any], surgery: str) -> Json:
    coding = {
        "system": JOB_ROLE_SYSTEM,
        "code": person["job_code"],
        "display": person["job_display"],
    }
    return {
        "resourceType": "PractitionerRole",
        "id": person["role"],
        "active": True,
        "practitioner": {"reference": f"Practitioner/{person['practitioner']}"},
        "organization": {"reference": f"Organization/{surgery}"},
        "code": [{"coding": [coding], "text": person["title"]}],
    }


def _patient(person: Mapping[str, Any], surgery: str, today: dt.date) -> Json:
    made: Json = {
        "resourceType": "Patient",
        "id": person["id"],
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": person["nhs_number"]}],
        "active": "died_days_ago" not in person,
        "name": _name(person),
        "gender": person["gender"],
        "birthDate": birth_date(person["age"], person["days_since_birthday"], today).isoformat(),
        "address": [{"use": "home", "line": [person["line"]], "city": "Testham", "postalCode": "ZZ99 3CZ"}],
        "generalPractitioner": [{"reference": f"Organization/{surgery}"}],
        "managingOrganization": {"reference": f"Organization/{surgery}"},
    }
    if "died_days_ago" in person:
        made["deceasedDateTime"] = _day(today, person["died_days_ago"])
    return made


def _related(relative: Mapping[str, Any], person: Mapping[str, Any]) -> Json:
    coding = {
        "system": f"{_TERMINOLOGY}/v3-RoleCode",
        "code": relative["code"],
        "display": relative["display"],
    }
    return {
        "resourceType": "RelatedPerson",
        "id": relative["id"],
        "active": True,
        "patient": {"reference": f"Patient/{person['id']}"},
        "relationship": [{"coding": [coding], "text": relative["note"]}],
        "name": _name(relative),
        "gender": relative["gender"],
    }


def _history(person: Mapping[str, Any], today: dt.date) -> Iterator[Json]:
    subject = {"reference": f"Patient/{person['id']}"}
    for number, visit in enumerate(person.get("visits", ()), 1):
        yield _encounter(person["id"], number, visit, subject, today)
    for number, condition in enumerate(person.get("conditions", ()), 1):
        yield _condition(f"cond-{person['id']}-{number}", condition, subject, today)
    for number, text in enumerate(person.get("flags", ()), 1):
        yield {
            "resourceType": "Flag",
            "id": f"flag-{person['id']}-{number}",
            "status": "active",
            "code": {"text": text},
            "subject": subject,
        }
    for number, weight in enumerate(person.get("weights", ()), 1):
        quantity = {"valueQuantity": _quantity(weight["kg"], "kg")}
        name = f"obs-weight-{person['id']}-{number}"
        yield _observation(name, "29463-7", "Body weight", quantity, weight, subject, today)
    for number, height in enumerate(person.get("heights", ()), 1):
        quantity = {"valueQuantity": _quantity(height["cm"], "cm")}
        name = f"obs-height-{person['id']}-{number}"
        yield _observation(name, "8302-2", "Body height", quantity, height, subject, today)
    for number, pressure in enumerate(person.get("blood_pressures", ()), 1):
        name = f"obs-bp-{person['id']}-{number}"
        yield _observation(name, "85354-9", "Blood pressure panel", _pressure(pressure), pressure, subject, today)


def _encounter(patient: str, number: int, visit: Mapping[str, Any], subject: Json, today: dt.date) -> Json:
    start = dt.datetime.combine(today - dt.timedelta(days=visit["days_ago"]), dt.time(visit["hour"]), tzinfo=dt.UTC)
    period = {"start": start.isoformat()}
    if visit["days_ago"]:
        period["end"] = (start + dt.timedelta(minutes=15)).isoformat()
    return {
        "resourceType": "Encounter",
        "id": f"enc-{patient.removeprefix('p-')}-{number}",
        "status": "finished" if visit["days_ago"] else "in-progress",
        "class": {"system": f"{_TERMINOLOGY}/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "subject": subject,
        "participant": [{"individual": {"reference": "Practitioner/prac-gp"}}],
        "period": period,
        "reasonCode": [{"text": visit["reason"]}],
        "serviceProvider": {"reference": f"Organization/{organisation_id()}"},
    }


def _condition(name: str, condition: Mapping[str, Any], subject: Json, today: dt.date) -> Json:
    coding = {"system": _SNOMED, "code": condition["code"], "display": condition["display"]}
    return {
        "resourceType": "Condition",
        "id": name,
        "clinicalStatus": {"coding": [{"system": f"{_TERMINOLOGY}/condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{_TERMINOLOGY}/condition-ver-status", "code": "confirmed"}]},
        "code": {"coding": [coding], "text": condition["display"]},
        "subject": subject,
        "recordedDate": _day(today, condition["days_ago"]),
    }


def _observation(
    name: str,
    code: str,
    display: str,
    value: Json,
    when: Mapping[str, Any],
    subject: Json,
    today: dt.date,
) -> Json:
    category = {"system": f"{_TERMINOLOGY}/observation-category", "code": "vital-signs"}
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "category": [{"coding": [category]}],
        "code": {"coding": [{"system": _LOINC, "code": code}], "text": display},
        "subject": subject,
        "effectiveDateTime": _day(today, when["days_ago"]),
        **value,
    }


def _pressure(pressure: Mapping[str, Any]) -> Json:
    parts = (
        ("8480-6", "Systolic blood pressure", pressure["systolic"]),
        ("8462-4", "Diastolic blood pressure", pressure["diastolic"]),
    )
    return {
        "component": [
            {
                "code": {"coding": [{"system": _LOINC, "code": code}], "text": text},
                "valueQuantity": _quantity(value, "mm[Hg]"),
            }
            for code, text, value in parts
        ]
    }


def _quantity(value: int, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def _day(today: dt.date, days_ago: int) -> str:
    return (today - dt.timedelta(days=days_ago)).isoformat()
