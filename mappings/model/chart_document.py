"""A document that a chart gets in the place of an image: what it says, and what some EHRs ask of every document."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.labels import Label


class DocumentNeed(StrEnum):
    """What an EHR demands of every DocumentReference that is created there, as its vendor file says."""

    ENCOUNTER = "encounter"
    """`context.encounter`: without one nothing can be filed."""
    PERIOD_END = "period-end"
    """`context.period` with both ends."""
    AUTHOR = "author"
    """`author` is whoever signed in, and nobody else."""
    FIRST_ATTACHMENT_ONLY = "first-attachment-only"
    """Of several contents the first is kept, silently."""
    TIMES = "datetimes-with-time"
    """A day alone is refused: every dateTime has its time."""
    FINAL = "doc-status-final"
    """`docStatus` is final: signed."""
    PRELIMINARY = "doc-status-preliminary"
    """`docStatus` is preliminary: a draft, that its author signs or discards in the EHR."""
    NOTE_TYPE = "note-type"
    """`type` is the LOINC code of a clinical note: the list has no photographs."""
    CATEGORY = "category-clinical-note"
    """`category` is US Core's clinical-note."""
    POST_ONCE = "post-once"
    """A create that is sent twice is filed twice, and the EHR cannot be asked by identifier."""


@dataclass(frozen=True)
class ChartDocument:
    """One copy of one image on its way into a chart. `id`: ours, the same at every try."""

    id: str
    image_id: ImageId
    capture_id: CaptureId
    patient: Reference
    encounter: Reference | None
    author: Reference
    author_display: str = field(repr=False)
    recorded_at: dt.datetime
    taken: dt.datetime | dt.date | None
    title: str = field(repr=False)
    labels: tuple[Label, ...]
    content: bytes = field(repr=False)
    content_type: str
    shows_picture: bool
