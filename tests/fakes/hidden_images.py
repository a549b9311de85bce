"""What ordinary view does not show, in memory."""

from __future__ import annotations

from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import FhirBase, PatientId, Reference
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeHiddenImages:
    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._images: dict[tuple[FhirBase, Reference], HiddenImage] = self._work.table()

    def keep(self, image: HiddenImage) -> None:
        with self._work.transaction():
            self._images[image.fhir_base, image.reference] = image

    def find(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> HiddenImage | None:
        return self._images.get((fhir_base, reference))

    def references(self, fhir_base: FhirBase, patient: PatientId) -> frozenset[Reference]:
        return frozenset(each.reference for each in self.of_patient(fhir_base, patient))

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[HiddenImage]:
        return [each for each in self.at(fhir_base) if each.patient == patient]

    def at(self, fhir_base: FhirBase) -> list[HiddenImage]:
        here = [each for each in self._images.values() if each.fhir_base == fhir_base]
        by_reference = sorted(here, key=lambda each: each.reference)
        return sorted(by_reference, key=lambda each: each.since, reverse=True)

    def forget(self, fhir_base: FhirBase, reference: Reference) -> None:
        with self._work.transaction():
            self._images.pop((fhir_base, reference), None)
