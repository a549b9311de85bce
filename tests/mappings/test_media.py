from __future__ import annotations

import base64
import datetime as dt
import hashlib
from typing import Any

import pytest
from fhir.resources.R4B.media import Media
from hypothesis import given, settings

from mappings.model.filing import LabelledImage
from mappings.model.images import Laterality, Photographer
from mappings.model.labels import CONFIDENTIALITY, Label, is_restricted
from mappings.r4.body_site import site_code, site_laterality
from mappings.r4.errors import NotMappable, NotReadable
from mappings.r4.media import from_media, is_photograph, show_online, to_media
from mappings.terminology.labels import UNREADABLE, known_labels
from tests.definitions.validator import issues
from tests.mappings.samples import INTIMATE, NOW, clean_image, labelled_image, labelled_images

BINARY = "Binary/b1"


@given(labelled_images)
def test_nothing_that_a_gallery_needs_is_lost(labelled: LabelledImage) -> None:
    media = to_media(labelled, binary_url=BINARY, id="m1")
    found = from_media(media)
    assert found.reference == "Media/m1"
    assert found.status == "completed"
    assert found.labels == labelled.labels
    assert found.taken == labelled.captured
    assert type(found.taken) is type(labelled.captured)
    assert found.recorded == labelled.recorded_at
    assert labelled.site.display in found.site
    assert (found.content_type, found.content_url, found.inline) == (labelled.image.content_type, BINARY, False)
    assert found.ours
    assert found.capture_id == labelled.capture_id
    assert show_online(media) is labelled.show_online
    assert site_code(media["bodySite"]) == (labelled.site.code or None)
    if labelled.site.code:
        assert site_laterality(media["bodySite"]) is labelled.laterality


@settings(max_examples=20)
@given(labelled_images)
def test_every_media_is_valid(labelled: LabelledImage) -> None:
    media = to_media(labelled, binary_url="urn:uuid:5b0e3f0c-5d8f-4e0b-9c38-0d8a2f2b8a11")
    Media.model_validate(media)
    assert issues(media) == []


def test_the_picture_is_only_referred_to() -> None:
    labelled = labelled_image()
    content = to_media(labelled, binary_url=BINARY)["content"]
    assert content["hash"] == base64.b64encode(hashlib.sha1(labelled.image.content).digest()).decode()
    assert content["size"] == len(labelled.image.content)
    assert not {"data", "title"} & content.keys()


@pytest.mark.parametrize("photographer", Photographer)
def test_operator_is_only_the_clinician_who_pressed_the_shutter(photographer: Photographer) -> None:
    media = to_media(labelled_image(photographer=photographer), binary_url=BINARY)
    assert ("operator" in media) is (photographer is Photographer.CLINICIAN)


def test_site_and_side_are_one_concept() -> None:
    media = to_media(labelled_image(laterality=Laterality.RIGHT), binary_url=BINARY)
    codes = [coding["code"] for coding in media["bodySite"]["coding"]]
    assert codes == ["14975008", "14975008:272741003=24028007"]
    assert media["bodySite"]["text"] == "Forearm (right)"


@pytest.mark.parametrize(
    ("codes", "side"),
    [
        (["14975008", "7771000"], Laterality.LEFT),
        (["14975008 |Forearm structure| : 272741003 |Laterality| = 24028007 |Right|"], Laterality.RIGHT),
        (["7771000", "24028007"], None),
        (["14975008"], None),
        (["14975008:363698007=7771000"], None),
    ],
)
def test_a_side_is_read_from_other_systems_too(codes: list[str], side: Laterality | None) -> None:
    concept = {"coding": [{"system": "http://snomed.info/sct", "code": code} for code in codes]}
    assert site_laterality(concept) is side


def test_labels_carry_their_official_display_and_unknown_ones_none() -> None:
    ours = Label("urn:example:labels", "X1")
    media = to_media(labelled_image(labels=(*INTIMATE, ours)), binary_url=BINARY)
    displays = {coding["code"]: coding.get("display") for coding in media["meta"]["security"]}
    assert displays["SEX"] == "sexuality and reproductive health information sensitivity"
    assert displays["X1"] is None


def test_retired_labels_have_no_display_to_write() -> None:
    assert all(words.display is None for words in known_labels().values() if words.retired)


@pytest.mark.parametrize("label", [UNREADABLE, Label("", "R"), Label(CONFIDENTIALITY, "")])
def test_a_label_that_could_not_be_read_is_never_written(label: Label) -> None:
    with pytest.raises(NotMappable):
        to_media(labelled_image(labels=(label,)), binary_url=BINARY)


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(NotMappable):
        to_media(labelled_image(recorded_at=NOW.replace(tzinfo=None)), binary_url=BINARY)
    with pytest.raises(NotMappable):
        to_media(labelled_image(captured=dt.datetime(2026, 1, 1)), binary_url=BINARY)  # noqa: DTZ001


@pytest.mark.parametrize("offset", [dt.timedelta(hours=23, minutes=59), dt.timedelta(minutes=75, seconds=30)])
def test_an_offset_that_r4_cannot_say_becomes_utc(offset: dt.timedelta) -> None:
    captured = NOW.replace(tzinfo=dt.timezone(offset))
    media = to_media(labelled_image(captured=captured), binary_url=BINARY, id="m1")
    assert media["createdDateTime"].endswith("+00:00")
    assert from_media(media).taken == captured
    assert issues(media) == []


FOREIGN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"taken": None, "site": "", "content_url": None, "inline": False, "status": "unknown", "ours": False}),
    ({"createdPeriod": {"start": "2024-05-06T07:08:09Z"}}, {"taken": dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)}),
    ({"createdDateTime": "2024"}, {"taken": None}),
    ({"createdDateTime": "2024-05"}, {"taken": None}),
    ({"createdDateTime": "2024-02-30"}, {"taken": None}),
    ({"createdDateTime": "2024-05-06T10:00:00"}, {"taken": dt.date(2024, 5, 6)}),
    (
        {"createdDateTime": "2024-05-06T07:08:09.123456789Z"},
        {"taken": dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.UTC)},
    ),
    ({"content": {"contentType": "image/png", "data": "AAAA"}}, {"inline": True, "content_type": "image/png"}),
    ({"bodySite": {"coding": [{"code": "1"}, {"display": "Left knee"}]}}, {"site": "Left knee"}),
    ({"note": [{"text": "a"}, {"text": "b"}]}, {"note": "a\nb"}),
    ({"meta": {"versionId": "7"}}, {"version": "7"}),
]


@pytest.mark.parametrize(("parts", "expected"), FOREIGN)
def test_other_systems_media_are_read_as_far_as_they_go(parts: dict[str, Any], expected: dict[str, Any]) -> None:
    found = from_media({"resourceType": "Media", "id": "f1", **parts})
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"security": []},
        {"security": "R"},
        {"security": [{"code": "N"}]},
        {"security": [{"system": CONFIDENTIALITY, "code": "N"}, {"display": "restricted"}]},
        {"security": [{"system": CONFIDENTIALITY, "code": "N"}, 5]},
        {"security": [{"system": CONFIDENTIALITY, "code": "S"}]},
        {"security": [{"system": CONFIDENTIALITY, "code": "N"}, {"system": CONFIDENTIALITY, "code": "V"}]},
        "R",
        None,
    ],
)
def test_labels_that_are_missing_or_unclear_count_as_restricted(meta: object) -> None:
    assert is_restricted(from_media({"resourceType": "Media", "id": "f1", "meta": meta}).labels)


def test_a_clear_normal_label_is_not_restricted() -> None:
    meta = {"security": [{"system": CONFIDENTIALITY, "code": "N"}]}
    assert not is_restricted(from_media({"resourceType": "Media", "id": "f1", "meta": meta}).labels)


@pytest.mark.parametrize(
    ("parts", "photograph"),
    [
        ({"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "image"}]}}, True),
        (
            {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/media-category", "code": "video"}]}},
            False,
        ),
        ({"content": {"contentType": "VIDEO/mp4"}}, False),
        ({"content": {"contentType": "image/jpeg"}}, True),
        ({"type": {"text": "photo"}}, True),
        ({}, True),
    ],
)
def test_only_what_is_clearly_video_or_sound_is_left_out(parts: dict[str, Any], photograph: bool) -> None:
    assert is_photograph({"resourceType": "Media", "id": "f1", **parts}) is photograph


@pytest.mark.parametrize("json", [None, [], "Media", {}, {"resourceType": "Patient", "id": "1"}])
def test_another_type_is_not_read(json: object) -> None:
    with pytest.raises(NotReadable) as refused:
        from_media(json)
    assert refused.value.code == "wrong-type"


@pytest.mark.parametrize("id", [None, "", "../x", "a/b", "x" * 65, 7])
def test_an_unusable_id_is_not_read(id: object) -> None:
    with pytest.raises(NotReadable) as refused:
        from_media({"resourceType": "Media", "id": id})
    assert refused.value.code == "no-id"


def test_png_keeps_its_type() -> None:
    media = to_media(labelled_image(image=clean_image(content_type="image/png")), binary_url=BINARY, status="on-hold")
    assert (media["content"]["contentType"], media["status"]) == ("image/png", "on-hold")
