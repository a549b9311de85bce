"""Whom and what the examples are about. Our mappings write none of these: they are the record's own."""

from __future__ import annotations

from mappings.model.identifiers import Reference
from mappings.r4.elements import Json
from mappings.terminology import systems

PATIENT = Reference("Patient/amy")
CLINICIAN = Reference("Practitioner/dr-grey")
COLLEAGUE = Reference("Practitioner/dr-white")
GUARDIAN = Reference("Practitioner/guardian")
ENCOUNTER = Reference("Encounter/consultation")
FATHER = Reference("RelatedPerson/father")
BINARY = Reference("Binary/bytes")


def examples() -> dict[str, Json]:
    """By title."""
    return {
        "A patient": {
            "resourceType": "Patient",
            "id": "amy",
            "identifier": [{"system": systems.NHS_NUMBER, "value": "9990000018"}],
            "name": [{"family": "Example", "given": ["Amy"]}],
            "birthDate": "2016-05-01",
        },
        "A clinician": _practitioner("dr-grey", "Grey"),
        "A colleague": _practitioner("dr-white", "White"),
        "A Caldicott Guardian": _practitioner("guardian", "Black"),
        "A consultation": {
            "resourceType": "Encounter",
            "id": "consultation",
            "status": "in-progress",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {"reference": PATIENT},
        },
        "Somebody who took a picture": {
            "resourceType": "RelatedPerson",
            "id": "father",
            "patient": {"reference": PATIENT},
        },
    }


def _practitioner(id: str, family: str) -> Json:
    return {"resourceType": "Practitioner", "id": id, "name": [{"family": family, "prefix": ["Dr"]}]}
