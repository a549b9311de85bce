"""Records to redact: one withheld image with a canary in everything it goes by, and resources that point at it."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from fhir_plugin.disclose.redact import Part, RedactedRecord, redact_documents
from mappings.model.disclosure import Judge, Mode, Reason, Redact, Release, Review, Reviewer, Verdict, Withhold
from mappings.model.labels import ACT_CODE, CONFIDENTIALITY
from tests.definitions.pointers import PointerPath

Json = dict[str, Any]

RESTRICTED = {"security": [{"system": CONFIDENTIALITY, "code": "R"}, {"system": ACT_CODE, "code": "SEX"}]}
UUID = "5ecad7c1-0000-4000-8000-00000000cafe"
ID = "canary-id-4711"
IDENTIFIER = {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.826.0.1.4711.8"}
TITLE = "Canary of the thing 4711"
PIXELS = b"\xff\xd8\xff\xe0canary-pixels" + bytes(range(256)) * 3 + b"\xff\xd9"
HASH = base64.b64encode(hashlib.sha1(PIXELS).digest()).decode()
URL = "https://ehr.example/fhir/Media/" + ID
FILE = "https://store.example/files/IMG_canary_4711.jpg"

BOTH = pytest.mark.parametrize("mode", Mode)
PLAIN: Json = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"text": "weight"},
    "subject": {"reference": "Patient/p1"},
}

CANARIES: tuple[str, ...] = (
    ID,
    UUID,
    IDENTIFIER["value"],
    "1.2.826.0.1.4711.8",
    TITLE,
    HASH,
    "IMG_canary_4711",
    "canary-pixels",
)
CANARIES += (base64.b64encode(PIXELS).decode()[40:80],)


def narrative(text: str, status: str = "generated") -> dict[str, str]:
    """A summary as a resource or section carries it."""
    return {"status": status, "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}


def reason(rule: str) -> Reason:
    return Reason(rule, "because", "test")


def by_label(resource: Mapping[str, Any]) -> Verdict:
    """R is redacted, V withheld, `review` reviewed; everything else goes out."""
    codes = {each.get("code") for each in resource.get("meta", {}).get("security", [])}
    if "V" in codes:
        return Withhold(reason("very"))
    if "R" in codes:
        return Redact(reason("restricted"))
    if "review" in codes:
        return Review(reason("look"), Reviewer.OFFICER)
    return Release(reason("open"))


def media(**more: Any) -> Json:
    """The withheld image."""
    return {
        "resourceType": "Media",
        "id": ID,
        "meta": {**RESTRICTED, "profile": ["https://example.org/StructureDefinition/intimate-canary"]},
        "identifier": [IDENTIFIER],
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "createdDateTime": "2026-03-04T10:00:00Z",
        "bodySite": {"coding": [{"system": "http://snomed.info/sct", "code": "45292006", "display": "Vulva"}]},
        "content": {
            "contentType": "image/jpeg",
            "data": base64.b64encode(PIXELS).decode(),
            "url": FILE,
            "hash": HASH,
            "title": TITLE,
        },
        **more,
    }


def entry(resource: Json, full_url: str | None = None) -> Json:
    return {"fullUrl": full_url, "resource": resource} if full_url else {"resource": resource}


def collection(*resources: Json, kind: str = "collection", **more: Any) -> Json:
    """A Bundle with the withheld image and others."""
    image = entry(media(), f"urn:uuid:{UUID}")
    return {"resourceType": "Bundle", "type": kind, **more, "entry": [image, *(entry(each) for each in resources)]}


def redacted(resource: Json, mode: Mode, judge: Judge = by_label, **more: Any) -> tuple[Json | None, RedactedRecord]:
    """What goes out of one document."""
    record = redact_documents([Part("it", json.dumps(resource).encode())], judge, mode, **more)
    return (json.loads(record.parts[0].data) if record.parts else None), record


def leaks(value: object) -> list[str]:
    """The canaries that can be found in something's bytes, looked for as text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return [canary for canary in CANARIES if canary in text]


def resources(bundle: Json | None) -> list[Json]:
    """What is in a Bundle's entries."""
    assert bundle is not None
    return [each["resource"] for each in bundle.get("entry", []) if "resource" in each]


def only(bundle: Json | None, kind: str) -> Json:
    """The one resource of its kind."""
    (found,) = [each for each in resources(bundle) if each["resourceType"] == kind]
    return found


FORMS: dict[str, Json] = {
    "literal": {"reference": f"Media/{ID}"},
    "versioned": {"reference": f"Media/{ID}/_history/7"},
    "absolute": {"reference": f"{URL}/_history/7", "display": TITLE},
    "urn": {"reference": f"urn:uuid:{UUID}"},
    "upper-urn": {"reference": f"urn:uuid:{UUID.upper()}"},
    "logical": {"type": "Media", "identifier": IDENTIFIER},
    "conditional": {"reference": f"Media?identifier={IDENTIFIER['system']}|{IDENTIFIER['value']}"},
    "conditional-other": {"reference": "Media?subject=Patient/p1&site=45292006"},
    "escaped": {"reference": f"Media%2F{ID}"},
}


def planted(path: PointerPath, value: object) -> Json:
    """A resource that holds `value` at a path, with something innocent beside it at the top."""
    resource: Json = {"resourceType": path.type, "id": "points", "language": "en"}
    where: Any = resource
    for number, (name, repeats) in enumerate(path.steps):
        last = number == len(path.steps) - 1
        inner: Any = copy.deepcopy(value) if last else {}
        where[name] = [inner] if repeats else inner
        where = inner
    return resource
