"""A canary in every element path of R4, R4B and R5 that can point at something or hold an attachment: none survives.

The paths are made from the official definitions of R4 and from models of the other two
(`tests/definitions/pointers.py`), datatypes included.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mappings.model.disclosure import Mode
from tests.definitions.pointers import VERSIONS, PointerPath, pointer_paths
from tests.disclose.redact.records import (
    FILE,
    FORMS,
    HASH,
    ID,
    PIXELS,
    TITLE,
    URL,
    UUID,
    collection,
    leaks,
    planted,
    redacted,
)

ATTACHMENTS: dict[str, Any] = {
    "same-bytes": {"contentType": "image/jpeg", "data": base64.b64encode(PIXELS).decode()},
    "same-url": {"contentType": "image/jpeg", "url": FILE},
    "same-hash": {"contentType": "image/jpeg", "url": "https://elsewhere.example/x", "hash": HASH},
    "points": {"contentType": "image/jpeg", "url": f"Media/{ID}", "title": TITLE},
    "inside-html": {
        "contentType": "text/html",
        "data": base64.b64encode(b"<img src='data:image/jpeg;base64," + base64.b64encode(PIXELS) + b"'>").decode(),
    },
}
TEXTS = {
    "literal": f"Media/{ID}",
    "absolute": URL,
    "versioned": f"{URL}/_history/2",
    "urn": f"urn:uuid:{UUID}",
    "oid": "urn:oid:1.2.826.0.1.4711.8",
    "canonical": f"{URL}|2#part",
    "file": FILE,
}


def paths(version: str, kind: str) -> list[PointerPath]:
    return [path for path in pointer_paths(version) if path.kind == kind]


def test_the_paths_are_those_of_the_definitions() -> None:
    """8, 37 and 80 in resources, one in a datatype; R4's backport of SubscriptionStatus adds two more that R4B has."""
    references = paths("R4", "Reference")
    assert sum("Media" in each.targets for each in references) == 8
    assert sum("DocumentReference" in each.targets for each in references) == 37
    assert sum("Resource" in each.targets for each in references) == 80
    assert [each.name for each in paths("R4", "canonical") if "Resource" in each.targets] == [
        "ActivityDefinition.relatedArtifact.resource"
    ]
    backport = [each for each in paths("R4B", "Reference") if each.type == "SubscriptionStatus"]
    assert sum("Resource" in each.targets for each in backport) == 2
    attachments = paths("R4", "Attachment")
    datatypes = (
        "StructureDefinition.snapshot.element.",
        "ActivityDefinition.relatedArtifact.",
        "DeviceDefinition.phys",
    )
    assert sum(not each.name.startswith(datatypes) for each in attachments) == 32
    assert len(references) > 700
    for version in ("R4B", "R5"):
        assert len(paths(version, "Reference")) > 700 and len(paths(version, "Attachment")) > 40
    assert len(paths("R5", "CodeableReference")) > 100


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("form", FORMS)
def test_no_reference_survives(form: str, mode: Mode) -> None:
    found = []
    for path in paths("R4", "Reference"):
        out, _record = redacted(collection(planted(path, FORMS[form])), mode)
        if leaks(out) or "Media?" in str(out) or "Media%2F" in str(out):
            found.append(path.name)
    assert found == []


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("form", ATTACHMENTS)
def test_no_attachment_survives(form: str, mode: Mode) -> None:
    found = []
    for path in paths("R4", "Attachment"):
        out, record = redacted(collection(planted(path, ATTACHMENTS[form])), mode)
        if leaks(out) or "base64" in str(out) or ATTACHMENTS[form].get("data", "no data") in str(out):
            found.append(path.name)
        assert record.counts["release"] + record.counts["withhold"] + record.counts["redact"] == 3
    assert found == []


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", ["canonical", "uri", "url"])
@pytest.mark.parametrize("form", TEXTS)
def test_no_url_survives(form: str, kind: str, mode: Mode) -> None:
    found = []
    for path in paths("R4", kind):
        out, _record = redacted(collection(planted(path, TEXTS[form])), mode)
        if leaks(out):
            found.append(path.name)
    assert found == []


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("version", ["R4B", "R5"])
def test_nothing_survives_in_other_versions(version: str, mode: Mode) -> None:
    """Every path once, with the forms in turn."""
    found = []
    for number, path in enumerate(pointer_paths(version)):
        forms: list[Any] = list({"Attachment": ATTACHMENTS, "Reference": FORMS}.get(path.kind, TEXTS).values())
        if path.kind == "CodeableReference":
            forms = [{"reference": each} for each in FORMS.values()]
        out, _record = redacted(collection(planted(path, forms[number % len(forms)])), mode)
        if leaks(out) or any(sign in str(out) for sign in ("Media?", "Media%2F", "base64")):
            found.append(path.name)
    assert found == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", Mode)
def test_what_points_elsewhere_stays_as_it_was(mode: Mode, version: str) -> None:
    for path in paths(version, "Reference"):
        resource = planted(path, {"reference": f"Media/{ID}0", "display": "another"})
        out, _record = redacted(collection(resource), mode)
        assert out is not None
        if path.type in ("AuditEvent", "Bundle", "Parameters"):
            continue
        assert out["entry"][-1]["resource"] == resource, path.name
