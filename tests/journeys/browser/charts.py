"""A record with twenty images at the EHR: what a disclosure officer finds. Drawn, synthetic."""

from __future__ import annotations

import base64
import io
from typing import Any, Final

from fhir_plugin.demo import Demo
from mappings.model.labels import ACT_CODE, CONFIDENTIALITY
from mappings.terminology import systems
from tests.journeys.browser.drawn import disc

IMAGES: Final = 20
_ORDINARY = {"system": CONFIDENTIALITY, "code": "N", "display": "normal"}
_RESTRICTED = {"system": CONFIDENTIALITY, "code": "R", "display": "restricted"}
_SEXUAL = {"system": ACT_CODE, "code": "SEX", "display": "sexuality and reproductive health information"}
_SITES = (("14975008", "Forearm"), ("72696002", "Knee"), ("69536005", "Head"), ("22943007", "Trunk"))
_GROIN = ("26893007", "Inguinal region")
MASKED: Final = (14, 15, 16, 17)
"""Numbers of the images that carry the labels of a private place."""
UNLABELLED: Final = (18, 19)
"""Numbers of those of a private place that nobody has labelled: a person has to look."""


def with_twenty_images(demo: Demo, patient: str) -> None:
    """Fourteen ordinary ones, four private, two of a private place without a label, and a letter about one."""
    store = demo.sandbox.store
    for number in range(IMAGES):
        out = io.BytesIO()
        disc(number, (640, 480)).save(out, "JPEG", quality=85)
        security = [_RESTRICTED, _SEXUAL] if number in MASKED else [] if number in UNLABELLED else [_ORDINARY]
        store.put(
            {
                "resourceType": "Binary",
                "id": f"shown-{number}",
                **({"meta": {"security": security}} if security else {}),
                "contentType": "image/jpeg",
                "securityContext": {"reference": f"Patient/{patient}"},
                "data": base64.b64encode(out.getvalue()).decode(),
            }
        )
        store.put(_media(patient, number, security, out.tell()))
    store.put(
        {
            "resourceType": "Observation",
            "id": "about-a-private-one",
            "meta": {"security": [_ORDINARY]},
            "status": "final",
            "code": {"text": "Skin"},
            "subject": {"reference": f"Patient/{patient}"},
            "effectiveDateTime": "2026-03-02",
            "derivedFrom": [{"reference": "Media/shown-14"}, {"reference": "Media/shown-1"}],
        }
    )


def _media(patient: str, number: int, security: list[dict[str, str]], size: int) -> dict[str, Any]:
    code, display = _GROIN if number in MASKED + UNLABELLED else _SITES[number % len(_SITES)]
    return {
        "resourceType": "Media",
        "id": f"shown-{number}",
        **({"meta": {"security": security}} if security else {}),
        "status": "completed",
        "type": {"coding": [{"system": systems.MEDIA_TYPE, "code": "image"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "createdDateTime": f"2026-02-{number + 1:02}T10:00:00Z",
        "bodySite": {"coding": [{"system": systems.SNOMED_CT, "code": code, "display": display}]},
        "content": {"contentType": "image/jpeg", "url": f"Binary/shown-{number}", "size": size},
    }
