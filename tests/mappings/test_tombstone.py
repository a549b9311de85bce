"""What is put over a permanently deleted image: valid R4, empty, and taken for nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.media import Media

from mappings.r4.document_reference import to_document_reference
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable, NotReadable
from mappings.r4.media import to_media
from mappings.r4.tombstone import is_tombstone, to_tombstone
from tests.definitions.validator import issues
from tests.mappings.samples import labelled_image

MEDIA = to_media(labelled_image(), binary_url="Binary/b1", id="m1")
DOCUMENT = to_document_reference(labelled_image(), binary_url="Binary/b1", id="d1")
MEDIA["deviceName"] = "Camera of the surgery"
BOTH = pytest.mark.parametrize("image", [MEDIA, DOCUMENT], ids=["Media", "DocumentReference"])


@BOTH
def test_it_is_valid_and_nothing_of_the_image_is_in_it(image: Json) -> None:
    stone = to_tombstone(image)
    (Media if image["resourceType"] == "Media" else DocumentReference).model_validate(copy.deepcopy(stone))
    assert issues(stone) == []
    assert (stone["id"], stone["status"], stone["subject"]) == (image["id"], "entered-in-error", image["subject"])
    assert set(stone) == {"resourceType", "id", "meta", "status", "subject", "content"}
    assert "Binary" not in str(stone) and "img-91c2" not in str(stone) and "2026" not in str(stone)


@BOTH
def test_it_is_known_again_as_a_server_gives_it_back(image: Json) -> None:
    stone = to_tombstone(image)
    assert is_tombstone(stone) and is_tombstone(to_tombstone(stone)) and not is_tombstone(image)
    served = copy.deepcopy(stone)
    served["meta"] |= {"versionId": "4", "lastUpdated": "2026-11-20T10:00:00Z", "source": "#abc"}
    served["meta"]["security"] = [*image["meta"]["security"], *stone["meta"]["security"]]
    served["meta"]["tag"].append({"system": "urn:fhir-plugin:capture", "code": "cap-6f1d"})
    served["subject"] = {"reference": "https://ehr.example/fhir/Patient/p1", "type": "Patient"}
    assert is_tombstone(served)


@BOTH
@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("note", [{"text": "left breast"}]),
        ("text", {"status": "generated", "div": "<div>left breast</div>"}),
        ("identifier", [{"value": "x"}]),
        ("status", "completed"),
        ("deviceName", "x"),
        ("date", "2026-11-20T10:00:00Z"),
        ("contained", [{"resourceType": "Binary"}]),
        ("subject", {"reference": "Patient/p1", "display": "Mary Example"}),
        ("meta", {}),
        ("meta", None),
    ],
)
def test_one_thing_more_and_it_is_none(image: Json, element: str, value: Any) -> None:
    assert not is_tombstone({**to_tombstone(image), element: value})


@BOTH
def test_bytes_left_behind_are_seen(image: Json) -> None:
    stone = to_tombstone(image)
    assert not is_tombstone({**stone, "content": image["content"]})
    attachment = {"title": "left breast", **(stone["content"] if image is MEDIA else stone["content"][0]["attachment"])}
    assert not is_tombstone({**stone, "content": attachment if image is MEDIA else [{"attachment": attachment}]})
    meta = {**stone["meta"], "extension": [{"url": "urn:x", "valueString": "left breast"}]}
    assert not is_tombstone({**stone, "meta": meta})


@pytest.mark.parametrize("subject", [None, {"reference": "Group/g"}, {"display": "Mary"}, "Patient/p1"])
def test_only_a_patient_is_taken_over(subject: object) -> None:
    stone = to_tombstone({**MEDIA, "subject": subject})
    assert "subject" not in stone and is_tombstone(stone)


def test_another_thing_leaves_none() -> None:
    with pytest.raises(NotMappable):
        to_tombstone({"resourceType": "Observation", "id": "o"})
    with pytest.raises(NotReadable):
        to_tombstone({"resourceType": "Media"})
    assert not is_tombstone({"resourceType": "Observation"}) and not is_tombstone({})
    assert not is_tombstone({"resourceType": "Media", "meta": to_tombstone(MEDIA)["meta"]})
