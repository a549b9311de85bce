"""Ports of filing where a chart takes less than an image: a part of `fhir_plugin.ports`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from fhir_plugin.record_port import ClinicalRecord
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.writeback import ChartCopy


class ChartCopies(Protocol):
    """What this app left in charts that take no images, sealed at rest. Joins the open transaction."""

    def save(self, copy: ChartCopy) -> None:
        """New, or changed under the same id."""

    def of_image(self, fhir_base: FhirBase, image: Reference) -> list[ChartCopy]: ...

    def of_document(self, fhir_base: FhirBase, document: Reference) -> list[ChartCopy]:
        """The copies that a DocumentReference (or its Binary) of the chart holds: one document may hold several."""

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[ChartCopy]: ...

    def waiting(self) -> list[ChartCopy]:
        """Everything that somebody has to do by hand (`TO_FILE`, `REMOVE_BY_HAND`), the oldest first."""


@dataclass(frozen=True)
class SheetWords:
    """What a copy of one image says, in plain words: a page with the picture, or words alone.

    `banner`: who may see it, on top. `rows`: label and value. `closing`: where the whole image is; `smaller`: the
    sentence that a copy with fewer pixels than the image has says as well.
    """

    title: str
    organisation: str
    banner: tuple[str, ...]
    rows: tuple[tuple[str, str], ...] = field(repr=False)
    closing: tuple[str, ...]
    alt: str = field(repr=False)
    made: dt.datetime
    smaller: str = ""


@dataclass(frozen=True)
class SheetPicture:
    """The whole image, as it is kept. `width` and `height` as people see it."""

    content: bytes = field(repr=False)
    content_type: str
    width: int
    height: int


@dataclass(frozen=True)
class Sheet:
    """One file for a chart. `reduced`: the picture in it has fewer pixels than the image."""

    content: bytes = field(repr=False)
    content_type: str
    reduced: bool = False


class CopySheets(Protocol):
    """Makes the files that charts get in the place of images. The same words and picture give the same bytes."""

    def made(
        self, words: SheetWords, content_type: str, *, picture: SheetPicture | None, most: int | None, reduce: bool
    ) -> Sheet | None:
        """PDF (`application/pdf`), (X)HTML (`application/xhtml+xml`, `text/html`) or `text/plain`, at the most `most`
        bytes. None where that cannot be: without `reduce` the picture is never made smaller. Text shows no picture.

        Raises `UnacceptableImage` for a picture that cannot be opened."""


class TwoPlaces(Protocol):
    """One patient's record as its two places: `there`, the EHR's server, and `here`, the companion store."""

    @property
    def there(self) -> ClinicalRecord: ...

    @property
    def here(self) -> ClinicalRecord: ...

    def kept(self, known: Collection[Reference] | None = None) -> list[Reference]:
        """What is kept here and says whose it is; bytes belong to what shows them, and are not named.

        `known`: what else is known to be this patient's. Then Provenances are looked through as well that name nobody
        and are about any of these, or about what is kept.
        """

    def purge(self, reference: Reference) -> int:
        """Every version of it here, as if it had never been."""


class ServerLimits(Protocol):
    """What a server refused for its size or its type, learnt from its answers; the same for everybody there."""

    def body_limit(self, fhir_base: FhirBase) -> int | None:
        """Bytes: a request of this size was refused; None where nothing was."""

    def refused(self, fhir_base: FhirBase, size: int) -> None:
        """A request body of `size` bytes was refused. Keeps the smallest."""

    def refused_types(self, fhir_base: FhirBase) -> frozenset[str]:
        """MIME types of which bytes were refused there."""

    def refused_type(self, fhir_base: FhirBase, content_type: str) -> None:
        """Bytes of this type were refused, though the server says that it takes a Binary."""
