"""An image on its way into the record: labelled, then filed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from mappings.model.identifiers import CaptureId, Reference
from mappings.model.images import Arrival, BodySite, CleanImage, Laterality, Photographer
from mappings.model.labels import Label
from mappings.model.situation import Made


@dataclass(frozen=True)
class LabelledImage:
    """A clean image with its labels and the facts that the record needs: the only kind that can be written.

    `captured` is a date when only the day is known, an aware instant when the moment is, None when neither.
    `show_online`: may the patient's online record show it; None when policy does not ask.
    """

    image: CleanImage
    labels: tuple[Label, ...]
    capture_id: CaptureId
    patient: Reference
    encounter: Reference | None
    site: BodySite
    laterality: Laterality | None
    purpose: str = field(repr=False)
    arrival: Arrival
    photographer: Photographer
    recorded_by: Reference
    recorded_at: dt.datetime
    captured: dt.datetime | dt.date | None
    show_online: bool | None
    policy_version: str
    ended: dt.datetime | None = None
    """Of a recording, where that is known; it began at `captured`, which is then an instant."""
    made: Made = Made.CAMERA

    def __post_init__(self) -> None:
        if not self.labels:
            raise ValueError("an image without a label cannot be written")
        if self.ended is not None and not isinstance(self.captured, dt.datetime):
            raise ValueError("what ended at a moment began at one")


@dataclass(frozen=True)
class ConsultationNote:
    """The words that go with a capture: always written, and all that stays of what is not stored (G-R158 to G-R162)."""

    capture_id: CaptureId
    patient: Reference
    encounter: Reference | None
    author: Reference
    author_display: str = field(repr=False)
    recorded_at: dt.datetime
    text: str = field(repr=False)
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class RecordedImage:
    """An image found in the record, ours or filed by another system: what a gallery needs and no pixel.

    `content_url` as the resource gives it; `inline` when the bytes sit inside the resource itself.
    `taken` is the date to show; `ours` when our identifier is on it.
    """

    reference: Reference
    version: str | None
    status: str
    labels: tuple[Label, ...]
    taken: dt.datetime | dt.date | None
    recorded: dt.datetime | None
    site: str
    content_type: str
    content_url: str | None
    inline: bool
    note: str = field(default="", repr=False)
    ours: bool = False
    capture_id: CaptureId | None = None
    seconds: float | None = None
    """How long a video lasts, where the record says so."""
    ended: dt.datetime | dt.date | None = None
    """When a recording ended, where the record says so; it began at `taken`."""

    @property
    def is_video(self) -> bool:
        return self.content_type.lower().startswith("video/")
