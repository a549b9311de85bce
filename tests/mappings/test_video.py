"""A video in the record: Media or DocumentReference of its own kind, with its length, told from stills and sound."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.media import Media

from mappings.model.filing import LabelledImage
from mappings.r4.document_reference import from_document_reference, holds_image, holds_video, to_document_reference
from mappings.r4.media import from_media, is_photograph, is_video, plays, to_media
from tests.definitions.validator import issues
from tests.mappings.samples import clean_image, labelled_image


def filmed(content_type: str = "video/mp4") -> LabelledImage:
    return labelled_image(image=clean_image(content_type=content_type, seconds=12.345))


@pytest.mark.parametrize("content_type", ["video/mp4", "video/webm"])
def test_a_media_of_a_video_says_so_and_is_valid(content_type: str) -> None:
    media = to_media(filmed(content_type), binary_url="Binary/b1", id="m1")
    Media.model_validate(media)
    assert issues(media) == []
    assert media["type"]["coding"][0]["code"] == "video"
    assert media["duration"] == 12.345
    assert "Video taken by" in media["note"][0]["text"]
    found = from_media(json.loads(json.dumps(media), parse_float=Decimal))
    assert (found.is_video, found.seconds, found.content_type) == (True, 12.345, content_type)
    assert is_video(media)
    assert not is_photograph(media)


def test_a_document_of_a_video_says_the_same_and_is_valid() -> None:
    document = to_document_reference(filmed(), binary_url="Binary/b1", id="x1")
    DocumentReference.model_validate(document)
    assert issues(document) == []
    assert document["category"][0]["coding"][0]["code"] == "video"
    found = from_document_reference(document)
    assert (found.is_video, found.seconds) == (True, 12.345)
    assert holds_video(document)
    assert not holds_image(document)


def test_a_still_is_no_video() -> None:
    media, document = (
        to_media(labelled_image(), binary_url="Binary/b1", id="m1"),
        to_document_reference(labelled_image(), binary_url="Binary/b1", id="x1"),
    )
    assert "duration" not in media
    assert not is_video(media)
    assert not holds_video(document)
    assert from_media(media).seconds is None
    assert from_document_reference(document).seconds is None


def test_a_document_with_a_still_and_a_video_shows_the_still() -> None:
    document = to_document_reference(filmed(), binary_url="Binary/b1", id="x1")
    document["content"].append({"attachment": {"contentType": "image/jpeg", "url": "Binary/b2"}})
    assert from_document_reference(document).content_url == "Binary/b2"
    assert holds_image(document)


@pytest.mark.parametrize(
    ("content_type", "plays_here"),
    [
        ("video/mp4", True),
        ("Video/MP4; codecs=avc1", True),
        ("video/webm", True),
        ("video/quicktime", False),
        ("audio/mp4", False),
        ("video/mp4x", False),
        ("", False),
    ],
)
def test_only_what_a_browser_plays_is_shown(content_type: str, plays_here: bool) -> None:
    assert plays(content_type) is plays_here
    media: dict[str, Any] = {"resourceType": "Media", "id": "m", "content": {"contentType": content_type}}
    assert is_video(media) is plays_here


def test_a_picture_that_calls_itself_a_video_file_is_no_video() -> None:
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "image"}]}
    assert not is_video({"resourceType": "Media", "type": kind, "content": {"contentType": "video/mp4"}})


@pytest.mark.parametrize("duration", ["2", True, -1, 1e9, None, {}, float("nan")])
def test_a_length_that_is_none_is_not_shown(duration: object) -> None:
    media = {**to_media(filmed(), binary_url="Binary/b1", id="m1"), "duration": duration}
    assert from_media(media).seconds is None
