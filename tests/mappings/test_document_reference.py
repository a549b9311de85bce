from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.R4B.documentreference import DocumentReference
from hypothesis import given, settings

from mappings.model.filing import ConsultationNote, LabelledImage
from mappings.model.images import BodySite
from mappings.model.labels import CONFIDENTIALITY, VERY_RESTRICTED, is_restricted
from mappings.r4.document_reference import from_document_reference, holds_image, to_document_reference
from mappings.r4.elements import string
from mappings.r4.errors import NotMappable, NotReadable
from mappings.r4.media import from_media, show_online, to_media
from mappings.r4.note import from_note, to_note
from tests.definitions.validator import issues
from tests.mappings.samples import consultation_note, labelled_image, labelled_images, notes, pasted


@given(labelled_images)
def test_a_document_says_the_same_as_a_media(labelled: LabelledImage) -> None:
    document = to_document_reference(labelled, binary_url="Binary/b1", id="x1")
    read, media = from_document_reference(document), from_media(to_media(labelled, binary_url="Binary/b1", id="x1"))
    same = ("labels", "taken", "recorded", "site", "content_type", "content_url", "inline", "ours", "capture_id")
    assert {name: getattr(read, name) for name in same} == {name: getattr(media, name) for name in same}
    assert media.note in read.note
    assert labelled.purpose.strip() in read.note
    assert show_online(document) is labelled.show_online
    assert holds_image(document)


@settings(max_examples=20)
@given(labelled_images)
def test_every_document_is_valid(labelled: LabelledImage) -> None:
    document = to_document_reference(labelled, binary_url="urn:uuid:5b0e3f0c-5d8f-4e0b-9c38-0d8a2f2b8a11")
    DocumentReference.model_validate(document)
    assert issues(document) == []


@pytest.mark.parametrize("place", ["meta", "securityLabel"])
def test_the_stricter_of_the_two_labels_is_believed(place: str) -> None:
    document = to_document_reference(labelled_image(), binary_url="Binary/b1", id="x1")
    strict = {"system": VERY_RESTRICTED.system, "code": VERY_RESTRICTED.code}
    if place == "meta":
        document["meta"]["security"] = [strict]
    else:
        document["securityLabel"] = [{"coding": [strict]}]
    assert VERY_RESTRICTED in from_document_reference(document).labels


@pytest.mark.parametrize("label", [None, "R", [], [{}], [{"text": "restricted"}], [{"coding": [{"code": "N"}]}], [5]])
def test_a_document_label_that_cannot_be_read_restricts(label: object) -> None:
    meta = {"security": [{"system": CONFIDENTIALITY, "code": "N"}]}
    document = {"resourceType": "DocumentReference", "id": "x1", "meta": meta, "securityLabel": label}
    assert is_restricted(from_document_reference(document).labels) is (label != [])


@pytest.mark.parametrize("meta", ["N", None, [], 5])
def test_labels_that_are_no_object_restrict_whatever_the_document_says(meta: object) -> None:
    normal = [{"coding": [{"system": CONFIDENTIALITY, "code": "N"}]}]
    document = {"resourceType": "DocumentReference", "id": "x1", "meta": meta, "securityLabel": normal}
    assert is_restricted(from_document_reference(document).labels)


def test_of_several_contents_the_image_counts() -> None:
    document = {
        "resourceType": "DocumentReference",
        "id": "x1",
        "content": [
            {"attachment": {"contentType": "application/pdf", "url": "Binary/1"}},
            {"attachment": {"contentType": "image/jpeg", "url": "Binary/2"}},
        ],
    }
    assert from_document_reference(document).content_url == "Binary/2"


@pytest.mark.parametrize("content", [None, [], [{}], [{"attachment": {"contentType": "application/pdf"}}]])
def test_a_document_without_an_image_says_so(content: object) -> None:
    assert not holds_image({"resourceType": "DocumentReference", "id": "x1", "content": content})


def test_a_document_marked_as_a_mistake_by_either_status_is_one() -> None:
    document = to_document_reference(labelled_image(), binary_url="Binary/b1", id="x1")
    assert from_document_reference(document | {"docStatus": "entered-in-error"}).status == "entered-in-error"


@settings(max_examples=20)
@given(notes)
def test_a_note_round_trip_loses_nothing(note: ConsultationNote) -> None:
    document = to_note(note, id="n1")
    assert from_note(document) == note
    DocumentReference.model_validate(document)
    assert issues(document) == []


def test_a_note_without_words_is_not_written() -> None:
    with pytest.raises(NotMappable):
        to_note(consultation_note(text=" \n"))


@pytest.mark.parametrize(
    "parts",
    [
        {"identifier": []},
        {"subject": {"display": "somebody"}},
        {"author": []},
        {"date": "2026"},
        {"content": [{"attachment": {"data": "%%%"}}]},
        {"content": [{"attachment": {"data": "//8="}}]},
        {"content": []},
    ],
)
def test_a_note_with_parts_missing_is_not_ours(parts: dict[str, Any]) -> None:
    with pytest.raises(NotReadable) as refused:
        from_note(to_note(consultation_note()) | parts)
    assert refused.value.code == "not-ours"


@pytest.mark.parametrize("status", ["status", "docStatus"])
def test_a_mistaken_note_is_not_read(status: str) -> None:
    with pytest.raises(NotReadable) as refused:
        from_note(to_note(consultation_note()) | {status: "entered-in-error"})
    assert refused.value.code == "entered-in-error"


@settings(max_examples=25)
@given(pasted, pasted)
def test_pasted_text_becomes_valid(purpose: str, name: str) -> None:
    labelled = labelled_image(purpose=purpose, site=BodySite("", f"Knee {name}"))
    note = to_note(consultation_note(author_display=f"Dr {name}"))
    for resource in (
        to_media(labelled, binary_url="Binary/b"),
        to_document_reference(labelled, binary_url="Binary/b"),
        note,
    ):
        assert issues(resource) == []
        json.dumps(resource, ensure_ascii=False).encode("utf-8")


def test_a_no_break_space_is_a_space() -> None:
    assert string("5\u00a0mm\x00\ud800") == "5 mm"
