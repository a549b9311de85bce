"""The validator finds planted faults, and says nothing of what is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import Reference
from mappings.r4.consent import to_consent
from mappings.r4.media import to_media
from mappings.r4.provenance import to_provenance
from mappings.r4.statement import statement
from tests.definitions.source import definitions, official_display
from tests.definitions.trim import RESOURCES
from tests.definitions.validator import issues
from tests.mappings.samples import Json, labelled_image, photo_consent
from tests.mappings.test_audit_event import audit_event

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def media() -> Json:
    return to_media(labelled_image(), binary_url="Binary/b1", id="m1")


def consent() -> Json:
    return to_consent(photo_consent(store=ConsentAnswer.REFUSED), images=[Reference("Media/m1")], id="c1")


def provenance() -> Json:
    labelled = labelled_image()
    said = statement(labelled, consent="Consent/c1")
    return to_provenance(
        labelled, targets=[Reference("Media/m1")], software_version="1", statement=said, jws="a..b", id="p1"
    )


def put(*path: str | int, value: object) -> Callable[[Json], None]:
    def apply(resource: Json) -> None:
        holder: Any = resource
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value

    return apply


def drop(*path: str | int) -> Callable[[Json], None]:
    def apply(resource: Json) -> None:
        holder: Any = resource
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]

    return apply


FAULTS: list[tuple[Callable[[], Json], Callable[[Json], None]]] = [
    (media, drop("status")),
    (media, drop("content")),
    (media, put("status", value="final")),
    (media, put("statuss", value="completed")),
    (media, put("height", value="1200")),
    (media, put("height", value=0)),
    (media, put("width", value=True)),
    (media, put("subject", value=[{"reference": "Patient/p1"}])),
    (media, put("subject", value={"reference": "Medication/1"})),
    (media, put("note", value=[])),
    (media, put("note", 0, "text", value=5)),
    (media, drop("note", 0, "text")),
    (media, put("identifier", value={"value": "x"})),
    (media, put("issued", value="2026-11-20")),
    (media, put("createdDateTime", value="20.11.2026")),
    (media, put("createdPeriod", value={"start": "2026"})),
    (media, put("content", "size", value="big")),
    (media, put("extension", 0, "url", value="urn:example:unknown")),
    (media, put("extension", 0, value={"url": "urn:fhir-plugin:extension:show-in-online-record", "valueString": "no"})),
    (media, put("id", value="has space")),
    (media, put("meta", "security", 0, "code", value="PAREXPT")),
    (media, put("meta", "security", 0, "display", value="Secret")),
    (media, put("meta", "security", value=[{"system": ACT_CODE, "code": "TABOO"}])),
    (consent, drop("status")),
    (consent, drop("scope")),
    (consent, drop("category")),
    (consent, put("category", value=[])),
    (consent, put("status", value="given")),
    (consent, drop("policy")),
    (consent, put("provision", "provision", 0, "type", value="allow")),
    (consent, put("provision", "provision", 0, "data", 0, "meaning", value="this")),
    (consent, drop("provision", "provision", 0, "data", 0, "reference")),
    (consent, drop("verification", 0, "verified")),
    (consent, put("verification", 0, "verified", value="yes")),
    (consent, put("provision", "provision", 0, "purpose", 0, "code", value="CURIOSITY")),
    (consent, put("extension", 0, "valueReference", value="Practitioner/gp-1")),
    (provenance, drop("target")),
    (provenance, drop("recorded")),
    (provenance, drop("agent")),
    (provenance, drop("agent", 0, "who")),
    (provenance, drop("entity", 0, "role")),
    (provenance, put("entity", 0, "role", value="origin")),
    (provenance, drop("entity", 0, "what")),
    (provenance, drop("signature", 0, "type")),
    (provenance, drop("signature", 0, "who")),
    (provenance, put("signature", 0, "when", value="yesterday")),
    (provenance, drop("signature", 0, "extension", 0, "extension", 0)),
    (provenance, put("signature", 0, "extension", 0, "extension", 0, "url", value="other")),
    (provenance, put("signature", 0, "data", value="not base64!")),
    (provenance, put("activity", "coding", 0, "code", value="MAKE")),
    (audit_event, drop("type")),
    (audit_event, drop("source")),
    (audit_event, drop("source", "observer")),
    (audit_event, drop("agent", 0, "requestor")),
    (audit_event, put("action", value="X")),
    (audit_event, put("outcome", value="ok")),
    (audit_event, put("entity", 0, "type", "code", value="9")),
    (audit_event, put("type", "code", value="110999")),
]


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_a_planted_fault_is_found(number: int) -> None:
    make, plant = FAULTS[number]
    resource = make()
    assert issues(resource) == []
    plant(resource)
    assert issues(resource)


def test_every_resource_that_is_written_has_its_definition() -> None:
    present = {one["type"] for one in definitions() if one["resourceType"] == "StructureDefinition"}
    assert set(RESOURCES) <= present


def test_the_definitions_stay_small() -> None:
    assert Path(__file__).with_name("r4.json.xz").stat().st_size < 200_000


def test_displays_come_from_hl7() -> None:
    assert official_display(ACT_CODE, "SEX") == "sexuality and reproductive health information sensitivity"
    assert official_display(ACT_CODE, "TABOO") is None


def test_the_validator_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    issues(media())
    assert capfd.readouterr().out == ""
