"""A copy for a chart that takes no images: valid R4, known again, and as each EHR demands it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.model.chart_document import ChartDocument, DocumentNeed
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.labels import Intimacy, Source, image_labels
from mappings.r4.chart_copy import copied_image, to_chart_copy
from mappings.r4.document_reference import document_labels, holds_image
from mappings.r4.errors import NotMappable, NotReadable
from mappings.terminology import systems
from tests.definitions.validator import issues

AT = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
PRIVATE = image_labels(intimacy=Intimacy.INTIMATE, private_site=False, source=Source.PATIENT)
DOCUMENT = ChartDocument(
    id="5d1f7c2e-0000-4000-8000-0123456789ab",
    image_id=ImageId("1d1f7c2e-0000-4000-8000-0123456789ab"),
    capture_id=CaptureId("2d1f7c2e-0000-4000-8000-0123456789ab"),
    patient=Reference("Patient/p1"),
    encounter=Reference("Encounter/e1"),
    author=Reference("Practitioner/gp"),
    author_display="Dr Grey",
    recorded_at=AT,
    taken=AT - dt.timedelta(hours=1),
    title="Clinical photograph",
    labels=PRIVATE,
    content=b"%PDF-1.7 a page",
    content_type="application/pdf",
    shows_picture=True,
)


@settings(max_examples=25)
@given(
    needs=st.frozensets(st.sampled_from(DocumentNeed)),
    content_type=st.sampled_from(["application/pdf", "application/xhtml+xml", "text/html", "text/plain"]),
    shows=st.booleans(),
    taken=st.sampled_from([None, dt.date(2026, 3, 1), AT - dt.timedelta(hours=1), AT + dt.timedelta(hours=1)]),
    id=st.sampled_from([None, "copy-1"]),
)
def test_it_is_valid_and_says_what_was_said_whatever_is_demanded(
    needs: frozenset[DocumentNeed], content_type: str, shows: bool, taken: dt.date | None, id: str | None
) -> None:
    said = replace(DOCUMENT, content_type=content_type, shows_picture=shows, taken=taken)
    written = to_chart_copy(said, needs=needs, id=id)
    assert issues(written) == []
    assert copied_image({**written, "id": "x"}) == DOCUMENT.image_id
    assert set(document_labels(written)) == set(PRIVATE)
    (content,) = written["content"]
    assert base64.b64decode(content["attachment"]["data"]) == DOCUMENT.content
    assert content["attachment"]["size"] == len(DOCUMENT.content)
    assert base64.b64decode(content["attachment"]["hash"]) == hashlib.sha1(DOCUMENT.content).digest()  # R4's
    assert content["attachment"]["contentType"].split(";")[0] == content_type
    period = written["context"].get("period")
    assert (period is not None) is (DocumentNeed.PERIOD_END in needs)
    if period is not None:
        assert dt.datetime.fromisoformat(period["start"]) <= dt.datetime.fromisoformat(period["end"]) == AT
    assert not holds_image({**written, "id": "x"})


def test_where_an_encounter_is_demanded_and_there_is_none_nothing_is_written() -> None:
    without = replace(DOCUMENT, encounter=None)
    assert "encounter" not in to_chart_copy(without)["context"]
    with pytest.raises(NotMappable) as refused:
        to_chart_copy(without, needs={DocumentNeed.ENCOUNTER})
    assert refused.value.code == "no-encounter"


def test_no_literal_reference_points_to_what_the_ehr_does_not_hold() -> None:
    written = to_chart_copy(DOCUMENT)
    (related,) = written["context"]["related"]
    assert related == {"type": "Media", "identifier": {"system": systems.IMAGE, "value": DOCUMENT.image_id}}


@pytest.mark.parametrize(
    "other",
    [
        {"resourceType": "DocumentReference", "id": "x"},
        {"resourceType": "DocumentReference", "id": "x", "identifier": [{"system": systems.NOTE, "value": "c"}]},
        {"resourceType": "DocumentReference", "id": "x", "identifier": "?", "context": 7},
        {
            "resourceType": "DocumentReference",
            "id": "x",
            "identifier": [{"system": systems.CHART_COPY, "value": "c"}],
            "context": {"related": ["?", {"identifier": {"system": systems.IMAGE, "value": 7}}]},
        },
    ],
)
def test_other_documents_are_no_copies_of_ours(other: dict[str, object]) -> None:
    assert copied_image(other) is None
    with pytest.raises(NotReadable):
        copied_image({**other, "resourceType": "Media"})
