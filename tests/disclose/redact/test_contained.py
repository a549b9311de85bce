"""Contained resources: they cannot carry labels, and are nothing once nobody points at them."""

from __future__ import annotations

from mappings.model.disclosure import Mode
from tests.disclose.redact.records import (
    BOTH,
    ID,
    PLAIN,
    collection,
    leaks,
    media,
    narrative,
    only,
    redacted,
)


@BOTH
def test_contained_resources_fall_with_what_pointed_at_them(mode: Mode) -> None:
    resource = {
        **PLAIN,
        "contained": [
            {"resourceType": "Device", "id": "camera", "deviceName": [{"name": "private camera"}]},
            {"resourceType": "Practitioner", "id": "doctor"},
            {"resourceType": "Organization", "id": "clinic", "name": "clinic"},
            {"resourceType": "PractitionerRole", "id": "role", "organization": {"reference": "#clinic"}},
        ],
        "component": [
            {
                "code": {"text": "x"},
                "valueReference": {"reference": f"Media/{ID}"},
                "extension": [{"url": "https://x.example/with", "valueReference": {"reference": "#camera"}}],
            },
        ],
        "performer": [{"reference": "#doctor"}, {"reference": "#role"}],
    }
    out, _record = redacted(collection(resource), mode)
    left = only(out, "Observation")
    assert [each["id"] for each in left["contained"]] == ["doctor", "clinic", "role"]
    assert "camera" not in str(out) and "component" not in left


@BOTH
def test_a_contained_image_is_judged_and_its_fragment_goes(mode: Mode) -> None:
    inside = {**media(), "id": "img"}
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": {"text": "report"},
        "contained": [inside, {"resourceType": "Device", "id": "img2"}],
        "result": [{"reference": "Observation/o9"}],
        "media": [{"comment": "private words", "link": {"reference": "#img"}}],
        "performer": [{"reference": "#img2"}],
        "text": narrative("<img src='#img'/>"),
    }
    out, _record = redacted(report, mode)
    assert out is not None and leaks(out) == [] and "private words" not in str(out)
    assert "media" not in out and "text" not in out and out["performer"] == [{"reference": "#img2"}]
    image = [each for each in out["contained"] if each["resourceType"] == "Media"]
    assert image == []


def test_what_needs_review_inside_keeps_the_whole_back() -> None:
    inside = {"resourceType": "Media", "id": "img", "meta": {"security": [{"code": "review"}]}}
    out, record = redacted({**PLAIN, "contained": [inside], "derivedFrom": [{"reference": "#img"}]}, Mode.MARKED)
    assert out is None and record.counts["review"] == 2
