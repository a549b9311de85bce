"""How an image reaches a chart: which rung of the ladder, and what was left there where the chart takes no image."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.model.identifiers import CaptureId, FhirBase, ImageId, PatientId, Reference


class Rung(StrEnum):
    """Ways to file, the best first. On the first four the chart itself holds the image; on the others the whole image
    with its consent, labels and provenance is kept in the companion store, and the chart gets a copy of it for
    reading (`ChartCopy`), or words that say where it is."""

    TRANSACTION = "transaction"
    """Everything but the bytes in one atomic transaction."""
    SEQUENCE = "sequence"
    """Media and Binary one after the other, each undone when a later one fails."""
    DOCUMENT_BINARY = "document-binary"
    """DocumentReference in place of Media, with its Binary."""
    DOCUMENT_INLINE = "document-inline"
    """DocumentReference (or Media) with the image inside."""
    PDF = "pdf"
    """A page with the picture and what was recorded about it."""
    XHTML = "xhtml"
    """The same as (X)HTML with the picture embedded as a data: URL."""
    TEXT_NOTE = "text-note"
    """Words only, with the identifier to find the picture by in this app."""
    SIGNED_EXPORT = "signed-export"
    """Nothing can be written: a signed file to be filed by hand."""

    @property
    def whole(self) -> bool:
        """Whether the chart holds the image itself, byte for byte."""
        return self in (Rung.TRANSACTION, Rung.SEQUENCE, Rung.DOCUMENT_BINARY, Rung.DOCUMENT_INLINE)

    @property
    def shows_picture(self) -> bool:
        """Whether somebody sees the picture in the chart without this app."""
        return self not in (Rung.TEXT_NOTE, Rung.SIGNED_EXPORT)


class CopyState(StrEnum):
    IN_CHART = "in-chart"
    TO_FILE = "to-file"
    """A signed export that somebody has to file by hand."""
    FILED_BY_HAND = "filed-by-hand"
    TAKEN_BACK = "taken-back"
    """Still in the chart, marked as entered in error."""
    REMOVE_BY_HAND = "remove-by-hand"
    """The EHR lets this app neither delete nor mark it: a person has to, and says so (`GONE`)."""
    GONE = "gone"


@dataclass(frozen=True)
class ChartCopy:
    """One copy of one image in a chart that takes no image. `image`: the whole image, in the companion store."""

    id: str
    fhir_base: FhirBase
    patient: PatientId
    image: Reference
    image_id: ImageId
    capture_id: CaptureId
    rung: Rung
    state: CopyState
    since: dt.datetime
    document: Reference | None = None
    """The DocumentReference in the chart; None for an export."""
    binary: Reference | None = None
    content_type: str = ""
    digest: str = field(default="", repr=False)
    """Keyed digest of its content, for comparing what is in the chart with what was sent."""
    reduced: bool = False
    """Whether the picture in it is smaller than the whole image."""
