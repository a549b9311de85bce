"""The register of kept images in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from fhir_plugin.errors import NotFound
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.kept import KeptImage
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeKeptImages:
    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._images: dict[tuple[FhirBase, Reference], KeptImage] = self._work.table()

    def keep(self, image: KeptImage) -> None:
        with self._work.transaction():
            self._images[image.fhir_base, image.reference] = image

    def get(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> KeptImage:
        if (fhir_base, reference) not in self._images:
            raise NotFound(f"{reference} is not in the register of kept images", status=404)
        return self._images[fhir_base, reference]

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, for_change: bool = False) -> list[KeptImage]:
        return _ordered(i for i in self._images.values() if (i.fhir_base, i.patient) == (fhir_base, patient))

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        return 0

    def due(self, today: dt.date) -> list[KeptImage]:
        return _ordered(
            i
            for i in self._images.values()
            if any(day and day <= today for day in (i.review_at_16, i.review_at_18, i.retention_review))
        )

    def forget(self, fhir_base: FhirBase, reference: Reference) -> None:
        with self._work.transaction():
            self._images.pop((fhir_base, reference), None)


def _ordered(images: Iterable[KeptImage]) -> list[KeptImage]:
    return sorted(images, key=lambda each: (each.filed, each.reference))
