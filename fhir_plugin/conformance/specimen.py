"""What is written to somebody's server: a synthetic patient and a drawn thing, and nothing that anybody could take for
a person."""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode
from typing import Any, Final

from mappings.terminology import systems

Json = dict[str, Any]

RUN: Final = "https://fhir-plugin.example/conformance-run"
"""The tag and identifier of everything that a run makes, with the run's own random value: by it a server's
administrator finds what was left behind."""
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
RESTRICTED: Final = {"system": CONFIDENTIALITY, "code": "R"}
SENSITIVE: Final = {"system": ACT_CODE, "code": "SEX"}
STRICTER: Final = {"system": ACT_CODE, "code": "PHY"}

_SAID: Final = "Conformance run: a drawing of nobody"


def drawn_image(width: int = 800, height: int = 600, *, quality: int = 90) -> bytes:
    """A JPEG of boxes in a row, drawn here."""
    from PIL import Image, ImageDraw  # a second of imports that only a run needs

    picture = Image.new("RGB", (width, height), "#cfd8dc")
    draw = ImageDraw.Draw(picture)
    for step in range(12):
        left, top = width * step // 16, height * step // 16
        draw.rectangle((left, top, left + width // 4, top + height // 4), outline="#37474f", width=max(1, width // 160))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def large_image(size: int) -> bytes:
    """A JPEG of exactly `size` bytes that decoders open: the drawing, and a comment segment after segment behind it."""
    drawing = drawn_image(4032, 3024)
    rest = size - len(drawing)
    if rest < 4:
        raise ValueError("smaller than the drawing")
    noise = hashlib.shake_256(b"conformance").digest(rest)
    segments = bytearray()
    while rest:
        piece = min(rest, 65537)
        piece -= 1 if 0 < rest - piece < 4 else 0
        piece -= 3 if 0 < rest - piece < 4 else 0
        segments += b"\xff\xfe" + (piece - 2).to_bytes(2, "big") + noise[len(segments) + 4 : len(segments) + piece]
        rest -= piece
    return drawing[:2] + bytes(segments) + drawing[2:]


def pages(picture: bytes) -> dict[str, bytes]:
    """A page with the picture on it as each type that charts take, and words alone, by MIME type."""
    from reportlab.lib.utils import ImageReader  # as Pillow
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(420, 360), invariant=1)
    canvas.drawString(20, 335, _SAID)
    canvas.drawImage(ImageReader(io.BytesIO(picture)), 20, 20, 380, 285)
    canvas.save()
    shown = f'<p>{_SAID}</p><p><img alt="a drawing" src="data:image/jpeg;base64,{b64encode(picture).decode()}" /></p>'
    html = f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{_SAID}</title></head><body>{shown}</body></html>'
    return {
        "application/pdf": file.getvalue(),
        "application/xhtml+xml": html.encode(),
        "text/html": f"<!DOCTYPE html>{html}".encode(),
        "text/plain": _SAID.encode(),
    }


def patient(run: str) -> Json:
    """Nobody: a name that says so, and no NHS number."""
    return {
        "resourceType": "Patient",
        "meta": _meta(run),
        "identifier": [{"system": RUN, "value": run}],
        "active": True,
        "name": [{"family": "Conformance", "given": ["Synthetic"]}],
        "birthDate": "1970-01-01",
    }


def image(run: str, name: str, patient_reference: str, attachment: Json) -> Json:
    """A Media as the app files one that is sensitive."""
    return {
        "resourceType": "Media",
        "meta": _meta(run, RESTRICTED, SENSITIVE),
        "identifier": [{"system": systems.IMAGE, "value": f"{run}-{name}"}],
        "status": "completed",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "image"}]},
        "subject": {"reference": patient_reference},
        "createdDateTime": "2026-01-02T03:04:05.678+00:00",
        "content": attachment,
    }


def document(run: str, name: str, patient_reference: str, attachment: Json) -> Json:
    """The same as a DocumentReference, for a server without Media."""
    return {
        "resourceType": "DocumentReference",
        "meta": _meta(run, RESTRICTED, SENSITIVE),
        "identifier": [{"system": systems.IMAGE, "value": f"{run}-{name}"}],
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "72170-4"}]},
        "subject": {"reference": patient_reference},
        "content": [{"attachment": attachment}],
    }


def beside(run: str, resource_type: str, patient_reference: str, about: str) -> Json:
    """What the app writes with an image, one of each type."""
    known: dict[str, Json] = {
        "Consent": {
            "status": "active",
            "scope": {"coding": [{"system": systems.CONSENT_SCOPE, "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": {"reference": patient_reference},
            "policyRule": {"text": "Conformance run"},
        },
        "Provenance": {
            "target": [{"reference": about}],
            "recorded": "2026-01-02T03:04:05Z",
            "agent": [{"who": {"display": "fhir-plugin conformance"}}],
        },
        "AuditEvent": {
            "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
            "recorded": "2026-01-02T03:04:05Z",
            "agent": [{"who": {"display": "fhir-plugin conformance"}, "requestor": True}],
            "source": {"observer": {"display": "fhir-plugin conformance"}},
            "entity": [{"what": {"reference": about}}],
        },
        "Task": {
            "status": "requested",
            "intent": "order",
            "focus": {"reference": about},
            "for": {"reference": patient_reference},
        },
        "QuestionnaireResponse": {"status": "completed", "subject": {"reference": patient_reference}},
    }
    return {"resourceType": resource_type, "meta": _meta(run), **known[resource_type]}


def _meta(run: str, *labels: Json) -> Json:
    meta: Json = {"tag": [{"system": RUN, "code": run}]}
    return {**meta, "security": [dict(label) for label in labels]} if labels else meta
