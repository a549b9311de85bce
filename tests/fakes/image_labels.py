"""What we say about the labels of images, in memory."""

from __future__ import annotations

from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.label_change import ImageLabel
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeImageLabels:
    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._labels: dict[tuple[FhirBase, Reference], ImageLabel] = self._work.table()

    def keep(self, label: ImageLabel) -> None:
        with self._work.transaction():
            self._labels[label.fhir_base, label.reference] = label

    def find(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> ImageLabel | None:
        return self._labels.get((fhir_base, reference))

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, for_change: bool = False) -> list[ImageLabel]:
        mine = [each for each in self._labels.values() if (each.fhir_base, each.patient) == (fhir_base, patient)]
        return sorted(mine, key=lambda each: each.reference)
