"""Every form of a reference to what was withheld is found; what only resembles it, or is another’s, is not."""

from __future__ import annotations

import base64

import pytest

from fhir_plugin.disclose.prove import Kind, what_to_look_for
from fhir_plugin.disclose.prove.types import TYPES
from fhir_plugin.disclose.redact.shapes import shapes
from tests.disclose.prove.withheld import finds
from tests.disclose.prove.wrapped import PADDING, WRAPPINGS


@pytest.mark.parametrize(
    "other",
    [
        b"Media/m11",
        b"Media/m1-2",
        b"Media/m1.2",
        b"OtherMedia/m1",
        b"Media/m10/_history/1",
        b"Media/1",
        b"m1",
        b"b-7f3a-111",
        b"xb-7f3a-11",
        b"b-7f3a-11-old",
        b"Binary/b-7f3a-1",
        b"11.2.840.10008.77.4",
        b"1.2.840.10008.77.4.1",
        b"Left hand & ruler 70",
        b"Media/M1",
    ],
)
@pytest.mark.parametrize(
    "wrap",
    [
        "plain",
        "JSON escapes",
        "percent",
        "UTF-16 LE",
        "hexadecimal",
        "base64",
        "base64, shifted by one",
        "ZIP",
        "PDF in base64",
    ],
)
def test_ids_that_begin_or_end_alike_are_no_find(other: bytes, wrap: str) -> None:
    assert finds(WRAPPINGS[wrap](b"see " + other + b" there")) == []


@pytest.mark.parametrize(
    "text",
    [
        b"Media/m1",
        b'"Media/m1"',
        b"Media/m1/_history/2",
        b"Media/m1?x=1",
        b"Media/m1#part",
        b"Media/m1|2",
        b"Media/m1.",
        b"Media/m1. And",
        b"https://x/fhir/Media/m1",
        b"(Media/m1)",
        b"Media/m1.jpg",
        b"Media/m1_thumb.JPEG",
        b"Media/m1.ndjson",
        b"Media/m1.ndjson.gz",
        b"Media/m1.mp4",
        b"Media/m1.7z",
        b"Media/m1.whatever",
        b"Media/m1,Media/m2",
    ],
)
def test_every_form_of_a_reference_is_found(text: bytes) -> None:
    assert finds(text) == [Kind.ID]
    assert finds(PADDING + text) == [Kind.ID]


def test_thousands_of_needles() -> None:
    many = what_to_look_for({"resourceType": "Media", "id": f"img-{number:05}"} for number in range(2000))
    assert finds(PADDING * 20 + b"Media/img-01711 Media/img-99999", many) == [Kind.ID]
    assert finds(PADDING * 20 + b"Media/img-0171 Media/img-017110", many) == []


def test_a_bare_id_behind_another_type_is_that_resources() -> None:
    needles = what_to_look_for([{"resourceType": "Media", "id": "scan-20260304"}])
    assert finds(b'{"reference":"https://ehr.example/fhir/Patient/scan-20260304"}', needles) == []
    assert finds(PADDING + base64.b64encode(b'{"reference":"Patient/scan-20260304"}' * 3), needles) == []
    assert finds(b'{"reference":"Patient\\/scan-20260304"}', needles) == []
    for left in (b"", b"photos/", b"Pictures/", b"Media/", b"APatient/"):
        assert Kind.ID in finds(b" " + left + b"scan-20260304 ", needles), left


def test_the_types_are_all_there_are() -> None:
    assert {each.decode() for each in TYPES} == shapes().resources
