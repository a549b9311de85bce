"""When a recording began and ended, and how a picture was made, in Media and in DocumentReference."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.media import Media

from mappings.model.situation import Made
from mappings.r4.document_reference import from_document_reference, to_document_reference
from mappings.r4.media import from_media, to_media
from mappings.terminology import systems
from tests.definitions.validator import issues
from tests.mappings.samples import clean_image, labelled_image

BEGAN = dt.datetime(2026, 11, 22, 14, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
ENDED = BEGAN + dt.timedelta(minutes=2)
FILM: dict[str, Any] = {
    "image": clean_image(content_type="video/mp4", seconds=118.0),
    "captured": BEGAN,
    "ended": ENDED,
}


def test_a_media_keeps_both_times_and_no_other() -> None:
    media = to_media(labelled_image(**FILM), binary_url="Binary/b1", id="m1")
    Media.model_validate(media)
    assert issues(media) == []
    assert media["createdPeriod"] == {"start": "2026-11-22T14:05:00+01:00", "end": "2026-11-22T14:07:00+01:00"}
    assert "createdDateTime" not in media, "created[x] is one of them"
    assert media["content"]["creation"] == "2026-11-22T14:05:00+01:00"
    found = from_media(media)
    assert (found.taken, found.ended) == (BEGAN, ENDED)


def test_a_document_keeps_both_times() -> None:
    for encounter in (None, "Encounter/e1"):
        document = to_document_reference(
            labelled_image(**FILM, encounter=encounter), binary_url="Binary/b1", id="x1", status="current"
        )
        DocumentReference.model_validate(document)
        assert issues(document) == []
        found = from_document_reference(document)
        assert (found.taken, found.ended) == (BEGAN, ENDED)


def test_where_nobody_wrote_them_down_nothing_is_made_up() -> None:
    media = to_media(labelled_image(), binary_url="Binary/b1", id="m1")
    assert "createdPeriod" not in media and from_media(media).ended is None
    document = to_document_reference(labelled_image(), binary_url="Binary/b1", id="x1")
    assert "period" not in document.get("context", {}) and from_document_reference(document).ended is None
    with pytest.raises(ValueError, match="began at one"):
        labelled_image(captured=dt.date(2026, 11, 22), ended=ENDED)


@pytest.mark.parametrize(
    ("made", "code", "words"),
    [
        (Made.CAMERA, "XC", "Photograph taken by"),
        (Made.LIVE_VIDEO, "XC", "Still of a live video taken by"),
        (Made.SCREEN, "OT", "Copy of another picture taken by"),
    ],
)
def test_how_it_was_made_is_told_to_machines_and_people(made: Made, code: str, words: str) -> None:
    media = to_media(labelled_image(made=made), binary_url="Binary/b1", id="m1")
    Media.model_validate(media)
    assert issues(media) == []
    coding = media["modality"]["coding"][0]
    assert (coding["system"], coding["code"]) == (systems.DICOM, code)
    assert words in media["note"][0]["text"] and words in from_media(media).note
    assert ("text" in media["modality"]) == (made is not Made.CAMERA)
    assert words in to_document_reference(labelled_image(made=made), binary_url="Binary/b1", id="x1")["description"]
