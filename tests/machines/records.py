"""Records that a system sends: one that may go out, one with a labelled photograph, hostile ones. Synthetic."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SECRET = "photo-4711"


def bundle(*resources: Json) -> Json:
    entries = [
        {"fullUrl": f"https://ehr.example/fhir/{each['resourceType']}/{each['id']}", "resource": each}
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def patient(id_: str = "pat-1") -> Json:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": "Canary-Name"}], "birthDate": "1980-05-01"}


def observation(of: str = "pat-1") -> Json:
    return {
        "resourceType": "Observation",
        "id": f"weight-{of}",
        "status": "final",
        "code": {"text": "Weight"},
        "subject": {"reference": f"Patient/{of}"},
        "valueQuantity": {"value": 72, "unit": "kg"},
    }


def photograph(of: str = "pat-1", *labels: str) -> Json:
    return {
        "resourceType": "Media",
        "id": SECRET,
        "meta": {"security": [{"system": CONFIDENTIALITY, "code": code} for code in labels or ("V",)]},
        "status": "completed",
        "subject": {"reference": f"Patient/{of}"},
        "content": {"contentType": "image/jpeg", "title": "canary-title.jpg", "url": "Binary/bytes-4711"},
    }


def report(of: str = "pat-1") -> Json:
    return {
        "resourceType": "Observation",
        "id": f"report-{of}",
        "status": "final",
        "code": {"text": "Skin"},
        "subject": {"reference": f"Patient/{of}"},
        "valueString": "Healing well",
        "derivedFrom": [{"reference": f"Media/{SECRET}", "display": "canary-title.jpg"}],
    }


def record(of: str = "pat-1") -> Json:
    return bundle(patient(of), observation(of), photograph(of), report(of))


def parameters(resource: Json, purpose: str = "insurer", **more: Any) -> Json:
    said: list[Json] = [{"name": "resource", "resource": resource}, {"name": "purpose", "valueCode": purpose}]
    kinds = {"mode": "valueCode", "recipient": "valueString", "report": "valueBoolean"}
    said += [{"name": name, kinds[name]: value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": said}


def sent(resource: Json) -> bytes:
    return json.dumps(resource).encode()
