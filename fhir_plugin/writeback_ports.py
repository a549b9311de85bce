"""Ports of filing where a chart takes less than an image: a part of `fhir_plugin.ports`."""

from __future__ import annotations

from typing import Protocol

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


class ServerLimits(Protocol):
    """What a server refused as too large, learnt from its answers; the same for everybody at that server."""

    def body_limit(self, fhir_base: FhirBase) -> int | None:
        """Bytes: a request of this size was refused; None where nothing was."""

    def refused(self, fhir_base: FhirBase, size: int) -> None:
        """A request body of `size` bytes was refused. Keeps the smallest."""
