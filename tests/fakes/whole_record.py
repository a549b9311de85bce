"""A patient's record of about twenty items, with pictures ordinary, intimate and unlabelled, for disclosing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.fakes.worker import picture

Json = dict[str, Any]

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
NORMAL: Json = {"system": CONFIDENTIALITY, "code": "N"}
RESTRICTED: Json = {"system": CONFIDENTIALITY, "code": "R"}
SEXUALITY: Json = {"system": ACT_CODE, "code": "SEX"}
FOREARM: Json = {
    "coding": [{"system": "http://snomed.info/sct", "code": "14975008", "display": "Forearm structure"}],
    "text": "Left forearm",
}
VULVA: Json = {
    "coding": [{"system": "http://snomed.info/sct", "code": "45292006", "display": "Vulval structure"}],
    "text": "Vulva",
}
ORDINARY, INTIMATE, UNLABELLED, TWIN = "photo-arm-1", "photo-private-2", "photo-bare-3", "photo-again-4"


def media(id: str, patient: str, site: Json, labels: list[Json], binary: str, day: str = "2026-03-02") -> Json:
    """A photograph whose bytes lie in a Binary."""
    return {
        "resourceType": "Media",
        "id": id,
        **({"meta": {"security": labels}} if labels else {}),
        "status": "completed",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "image"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "createdDateTime": f"{day}T10:00:00Z",
        "bodySite": site,
        "content": {"contentType": "image/jpeg", "url": f"Binary/{binary}"},
    }


def pictures() -> dict[str, bytes]:
    """What each Binary holds. Two of them hold the same."""
    return {
        "bin-arm-1": picture("the forearm, and nothing else to see here"),
        "bin-private-2": picture("canary: what nobody but the patient shall see"),
        "bin-bare-3": picture("something whose place nobody named"),
        "bin-again-4": picture("canary: what nobody but the patient shall see"),
    }


def whole_record(patient: str, *, twin: bool = False) -> Iterator[Json]:
    """The patient first, then everything about them. `twin`: the private picture stands there twice, once unlabelled
    and under an ordinary place."""
    about = {"reference": f"Patient/{patient}"}
    yield {
        "resourceType": "Patient",
        "id": patient,
        "name": [{"text": "Amy Example"}],
        "birthDate": "1990-05-04",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
    }
    yield media(ORDINARY, patient, FOREARM, [NORMAL], "bin-arm-1")
    yield media(INTIMATE, patient, VULVA, [RESTRICTED, SEXUALITY], "bin-private-2", "2026-04-05")
    yield media(UNLABELLED, patient, {"text": "Somewhere"}, [], "bin-bare-3", "2026-05-06")
    if twin:
        yield media(TWIN, patient, FOREARM, [NORMAL], "bin-again-4", "2026-06-07")
    for number in range(8):
        yield {
            "resourceType": "Observation",
            "id": f"weight-{number}",
            "status": "final",
            "code": {"text": "Body weight"},
            "subject": about,
            "effectiveDateTime": f"2026-01-{number + 1:02d}",
            "valueQuantity": {"value": 70 + number, "unit": "kg"},
        }
    yield {
        "resourceType": "Observation",
        "id": "about-the-picture",
        "status": "final",
        "code": {"text": "Size of lesion"},
        "subject": about,
        "effectiveDateTime": "2026-04-06",
        "valueString": "12 mm",
        "derivedFrom": [{"reference": f"Media/{INTIMATE}"}],
    }
    for number, name in enumerate(("Eczema", "Asthma", "Hay fever")):
        yield {
            "resourceType": "Condition",
            "id": f"condition-{number}",
            "code": {"text": name},
            "subject": about,
            "recordedDate": "2025-02-03",
        }
    yield {
        "resourceType": "Communication",
        "id": "letter-1",
        "status": "completed",
        "subject": about,
        "sent": "2026-04-07",
        "payload": [{"contentString": "Thank you for the photo of your vulva, taken on 5 April."}],
    }
    yield {
        "resourceType": "Provenance",
        "id": "made-1",
        "target": [{"reference": f"Media/{INTIMATE}"}],
        "recorded": "2026-04-05T10:00:00Z",
        "agent": [{"who": {"display": "Dr Example"}}],
    }
    yield {
        "resourceType": "Provenance",
        "id": "made-2",
        "target": [{"reference": f"Media/{ORDINARY}"}],
        "recorded": "2026-03-02T10:00:00Z",
        "agent": [{"who": {"display": "Dr Example"}}],
    }


def somebody_elses(patient: str) -> Iterator[Json]:
    """What a server that ignores its search parameters gives as well."""
    about = {"reference": f"Patient/{patient}"}
    yield {"resourceType": "Condition", "id": "not-hers-1", "code": {"text": "canary condition"}, "subject": about}
    yield {
        "resourceType": "Observation",
        "id": "not-hers-2",
        "status": "final",
        "code": {"text": "canary observation"},
        "subject": about,
        "performer": [{"reference": "Patient/amy"}],
    }
    yield media("not-hers-3", patient, FOREARM, [NORMAL], "bin-not-hers")
    yield {
        "resourceType": "Provenance",
        "id": "not-hers-4",
        "target": [{"reference": "Media/not-hers-3"}],
        "recorded": "2026-03-02T10:00:00Z",
        "agent": [{"who": {"display": "canary"}}],
    }
