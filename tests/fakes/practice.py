"""Colleagues, absences and holds in memory."""

from __future__ import annotations

import datetime as dt

from fhir_plugin.errors import NotFound
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.practice import Absence, Colleague, Hold
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeColleagues:
    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._people: dict[tuple[FhirBase, Reference], Colleague] = self._work.table()

    def seen(self, colleague: Colleague) -> None:
        with self._work.transaction():
            self._people[colleague.fhir_base, colleague.user] = colleague

    def at(self, fhir_base: FhirBase, *, since: dt.datetime) -> list[Colleague]:
        here = [each for each in self._people.values() if each.fhir_base == fhir_base and each.last_seen >= since]
        return sorted(here, key=lambda each: (each.name, each.user))


class FakeAbsences:
    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._absences: dict[tuple[FhirBase, Reference], Absence] = self._work.table()

    def set(self, absence: Absence) -> None:
        with self._work.transaction():
            self._absences[absence.fhir_base, absence.user] = absence

    def end(self, fhir_base: FhirBase, user: Reference) -> None:
        with self._work.transaction():
            self._absences.pop((fhir_base, user), None)

    def at(self, fhir_base: FhirBase) -> list[Absence]:
        here = [each for each in self._absences.values() if each.fhir_base == fhir_base]
        return sorted(here, key=lambda each: each.first_day)


class FakeHolds:
    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._holds: dict[str, Hold] = self._work.table()

    def add(self, hold: Hold) -> None:
        with self._work.transaction():
            self._holds[hold.id] = hold

    def get(self, id: str, *, for_change: bool = False) -> Hold:
        if id not in self._holds:
            raise NotFound(f"there is no hold {id}", status=404)
        return self._holds[id]

    def save(self, hold: Hold) -> None:
        self.get(hold.id)
        self.add(hold)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, lifted: bool = False) -> list[Hold]:
        theirs = [each for each in self._holds.values() if (each.fhir_base, each.patient) == (fhir_base, patient)]
        return sorted((h for h in theirs if lifted or h.lifted is None), key=lambda each: (each.since, each.id))
