"""Requests for permanent deletion and certificates, in memory."""

from __future__ import annotations

import datetime as dt

from fhir_plugin.errors import AlreadyThere, AnswersChanged, NotFound
from mappings.model.deletion import CaseId, Certificate, CertificateNumber, DeletionCase, look_at
from mappings.model.identifiers import FhirBase, PatientId
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeDeletionCases:
    """Keeps each by its id; takes part in the transactions of `work`."""

    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._rows: dict[CaseId, DeletionCase] = self._work.table()
        self._certificates: dict[CertificateNumber, Certificate] = self._work.table()

    def add(self, case: DeletionCase) -> None:
        with self._work.transaction():
            if case.id in self._rows:
                raise AlreadyThere("This request is there already.")
            self._rows[case.id] = case

    def get(self, id: CaseId, *, for_change: bool = False) -> DeletionCase:
        if id not in self._rows:
            raise NotFound("There is no such request.", status=404)
        return self._rows[id]

    def save(self, case: DeletionCase) -> None:
        with self._work.transaction():
            kept = self._rows.get(case.id)
            if kept is None or kept.revision != case.revision - 1:
                raise AnswersChanged("Somebody has changed this request meanwhile. Look at it again.")
            self._rows[case.id] = case

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[DeletionCase]:
        return [each for each in self.at(fhir_base) if each.patient == patient]

    def open_at(self, fhir_base: FhirBase) -> list[DeletionCase]:
        return [each for each in reversed(self.at(fhir_base)) if each.open]

    def at(self, fhir_base: FhirBase) -> list[DeletionCase]:
        found = [each for each in self._rows.values() if each.fhir_base == fhir_base]
        return sorted(found, key=lambda each: (each.created, each.id), reverse=True)

    def bases(self) -> list[FhirBase]:
        return sorted({each.fhir_base for each in self._rows.values()})

    def of_nhs_number(self, fhir_base: FhirBase, nhs_number: str) -> list[DeletionCase]:
        wanted = "".join(nhs_number.split())
        found = [each for each in self.at(fhir_base) if "".join(each.nhs_number.split()) == wanted]
        return found if wanted else []

    def due(self, now: dt.datetime) -> list[CaseId]:
        found = [(each.created, each.id, look_at(each)) for each in self._rows.values()]
        return [id for _created, id, when in sorted(found, key=lambda each: each[:2]) if when and when <= now]

    def certify(self, certificate: Certificate) -> None:
        with self._work.transaction():
            self._certificates.setdefault(certificate.number, certificate)

    def certificate(self, number: CertificateNumber) -> Certificate:
        if number not in self._certificates:
            raise NotFound("There is no such certificate.", status=404)
        return self._certificates[number]

    def certificates(self, fhir_base: FhirBase, patient: PatientId) -> list[Certificate]:
        found = [each for each in self._certificates.values() if (each.fhir_base, each.patient) == (fhir_base, patient)]
        return sorted(found, key=lambda each: (each.at, each.number))
