"""A canary in every element path of R4 that can point at something or hold an attachment: none survives."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mappings.model.disclosure import Mode
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
    pointer_paths,
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


def test_the_paths_are_those_of_the_definitions() -> None:
    references = pointer_paths("Reference")
    assert sum("Media" in each["targets"] for each in references) == 8
    assert sum("DocumentReference" in each["targets"] for each in references) == 37
    assert sum("Resource" in each["targets"] for each in references) == 80
    assert len(pointer_paths("Attachment")) == 32
    assert len(references) > 600


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("form", FORMS)
def test_no_reference_survives(form: str, mode: Mode) -> None:
    found = []
    for path in pointer_paths("Reference"):
        out, _record = redacted(collection(planted(path, FORMS[form])), mode)
        if leaks(out) or "Media?" in str(out) or "Media%2F" in str(out):
            found.append((path["type"], path["steps"]))
    assert found == []


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("form", ATTACHMENTS)
def test_no_attachment_survives(form: str, mode: Mode) -> None:
    found = []
    for path in pointer_paths("Attachment"):
        out, record = redacted(collection(planted(path, ATTACHMENTS[form])), mode)
        if leaks(out) or "base64" in str(out) or ATTACHMENTS[form].get("data", "no data") in str(out):
            found.append((path["type"], path["steps"]))
        assert record.counts["release"] + record.counts["withhold"] + record.counts["redact"] == 3
    assert found == []


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", ["canonical", "uri", "url"])
@pytest.mark.parametrize("form", TEXTS)
def test_no_url_survives(form: str, kind: str, mode: Mode) -> None:
    found = []
    for path in pointer_paths(kind):
        out, _record = redacted(collection(planted(path, TEXTS[form])), mode)
        if leaks(out):
            found.append((path["type"], path["steps"]))
    assert found == []


@pytest.mark.parametrize("mode", Mode)
def test_what_points_elsewhere_stays_as_it_was(mode: Mode) -> None:
    for path in pointer_paths("Reference"):
        resource = planted(path, {"reference": f"Media/{ID}0", "display": "another"})
        out, _record = redacted(collection(resource), mode)
        assert out is not None
        if path["type"] == "AuditEvent":
            continue
        if path["type"] in ("Bundle", "Parameters"):
            continue
        assert out["entry"][-1]["resource"] == resource, path
