"""Second opinions in memory."""

from __future__ import annotations

import datetime as dt

from fhir_plugin.errors import NotFound
from fhir_plugin.keep.opinion import SecondOpinion
from mappings.model.identifiers import FhirBase, OpinionId, PatientId
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeSecondOpinions:
    """Keeps each by its id; takes part in the transactions of `work`."""

    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._rows: dict[OpinionId, SecondOpinion] = self._work.table()

    def add(self, opinion: SecondOpinion) -> None:
        with self._work.transaction():
            self._rows[opinion.id] = opinion

    def get(self, id: OpinionId, *, for_change: bool = False) -> SecondOpinion:
        if id not in self._rows:
            raise NotFound(f"there is no second opinion {id}", status=404)
        return self._rows[id]

    def save(self, opinion: SecondOpinion) -> None:
        self.get(opinion.id)
        self.add(opinion)

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[SecondOpinion]:
        theirs = [each for each in self._rows.values() if (each.fhir_base, each.patient) == (fhir_base, patient)]
        return sorted(theirs, key=lambda each: (each.created, each.id), reverse=True)

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        return 0

    def live(self) -> list[OpinionId]:
        found = [each for each in self._rows.values() if each.live]
        return [each.id for each in sorted(found, key=lambda each: (each.expires, each.id))]

    def overdue(self, now: dt.datetime) -> list[OpinionId]:
        return [id for id in self.live() if self._rows[id].expires <= now]
