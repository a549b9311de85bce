"""What stands in the place of a redacted resource: valid R4, R4B and R5, and the same for all of its type.

It keeps neither id nor label nor subject: the DS4P guide says that a label needs the same protection as what it
labels. A type without a stub is left out, which is always safe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from fhir_plugin.disclose.redact.cut import MASKED, mask
from fhir_plugin.disclose.redact.strict import Json, is_object
from mappings.model.labels import ACT_CODE, CONFIDENTIALITY, OBSERVATION_VALUE

_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_ID: Final = re.compile(r"withheld-(\d+)")

REDACTED: Final[Json] = {"system": OBSERVATION_VALUE, "code": "REDACTED"}
"""Some portion of it was filtered and not included (v3-ObservationValue)."""

LEVELS: Final = ("U", "L", "M", "N", "R", "V")
"""Confidentiality from the lowest to the highest (DS4P IG)."""


def _concept() -> Json:
    return {"coding": [{"system": _ABSENT, "code": "masked"}]}


def _bodies() -> dict[str, Json]:
    absent: Json = {"extension": [{"url": MASKED, "valueCode": "masked"}]}
    return {
        "Basic": {"code": _concept()},
        "Binary": {"contentType": "application/octet-stream"},
        "Condition": {"code": _concept(), "subject": mask()},
        "DiagnosticReport": {"status": "unknown", "code": _concept()},
        "DocumentReference": {"status": "current", "content": [{"attachment": mask()}]},
        "Media": {"status": "unknown", "content": mask()},
        "Observation": {"status": "unknown", "code": _concept(), "dataAbsentReason": _concept()},
        "Procedure": {"status": "unknown", "code": _concept(), "subject": mask()},
        "QuestionnaireResponse": {"status": "stopped", "_questionnaire": absent},
    }


def stub(type_: str, number: int) -> Json | None:
    """The stub with this number, or None where there is none for the type."""
    body = _bodies().get(type_)
    if body is None:
        return None
    return {"resourceType": type_, "id": f"withheld-{number}", "meta": {"security": [dict(REDACTED)]}, **body}


def stub_number(resource: Mapping[str, object]) -> int | None:
    """Which of our stubs this is, exactly; None for anything else."""
    found = _ID.fullmatch(str(resource.get("id", "")))
    if found is None or stub(str(resource.get("resourceType")), int(found.group(1))) != resource:
        return None
    return int(found.group(1))


def taken_number(resource: Mapping[str, object]) -> int:
    """The number that an id already uses, 0 for none: stubs are counted from the next."""
    found = _ID.fullmatch(str(resource.get("id", "")))
    return int(found.group(1)) if found and len(found.group(1)) < 12 else 0


def labels_of(resource: Mapping[str, object]) -> list[Json]:
    """The codings in `meta.security`."""
    meta = resource.get("meta")
    security = meta.get("security") if is_object(meta) else None
    return [each for each in security if is_object(each)] if isinstance(security, list) else []


def level_of(resource: Mapping[str, object]) -> int:
    """The highest confidentiality among the labels, as its place in `LEVELS`; -1 for none. An unknown code is the
    highest."""
    found = [each.get("code") for each in labels_of(resource) if each.get("system") == CONFIDENTIALITY]
    return max((LEVELS.index(str(code)) if code in LEVELS else len(LEVELS) - 1 for code in found), default=-1)


def tagged(resource: Json) -> Json:
    """The resource with the REDACTED tag."""
    return relabelled(resource, labels_of(resource))


def relabelled(resource: Json, labels: list[Json], *, redacted: bool = True) -> Json:
    """The resource with these labels, and the REDACTED tag where asked for."""
    is_tag = [(each.get("system"), each.get("code")) == (OBSERVATION_VALUE, "REDACTED") for each in labels]
    if redacted and not any(is_tag):
        labels = [*labels, dict(REDACTED)]
    old = resource.get("meta")
    meta: Json = dict(old) if is_object(old) else {}
    meta.pop("security", None)
    if labels:
        meta["security"] = list(labels)
    whole: Json = {}
    for name, value in resource.items():
        if name != "meta":
            whole[name] = value
        if (name == "id" or (name == "resourceType" and "id" not in resource)) and meta:
            whole["meta"] = meta
    if meta:
        whole.setdefault("meta", meta)
    return whole


def of_what_is_left(labels: list[Json], level: int) -> list[Json]:
    """A Bundle's labels after redaction: the highest confidentiality of what is left, and nothing that says why.

    DS4P: labels that reveal (sensitivity, obligations, refrains: all v3-ActCode) must not be in the Bundle's label.
    """
    kept = [each for each in labels if each.get("system") not in (CONFIDENTIALITY, ACT_CODE)]
    return kept if level < 0 else [{"system": CONFIDENTIALITY, "code": LEVELS[level]}, *kept]
