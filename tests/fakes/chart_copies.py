"""What was left in charts that take no images, in memory."""

from __future__ import annotations

from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.writeback import ChartCopy, CopyState
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeChartCopies:
    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._copies: dict[str, ChartCopy] = self._work.table()

    def save(self, copy: ChartCopy) -> None:
        with self._work.transaction():
            self._copies[copy.id] = copy

    def of_image(self, fhir_base: FhirBase, image: Reference) -> list[ChartCopy]:
        return [each for each in self._at(fhir_base) if each.image == image]

    def of_document(self, fhir_base: FhirBase, document: Reference) -> list[ChartCopy]:
        return [each for each in self._at(fhir_base) if document in (each.document, each.binary)]

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[ChartCopy]:
        return [each for each in self._at(fhir_base) if each.patient == patient]

    def waiting(self) -> list[ChartCopy]:
        return [each for each in self._all() if each.state in (CopyState.TO_FILE, CopyState.REMOVE_BY_HAND)]

    def _at(self, fhir_base: FhirBase) -> list[ChartCopy]:
        return [each for each in self._all() if each.fhir_base == fhir_base]

    def _all(self) -> list[ChartCopy]:
        return sorted(self._copies.values(), key=lambda each: (each.since, each.id))
