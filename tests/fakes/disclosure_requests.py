"""Requests for a copy of a record, in memory."""

from __future__ import annotations

import datetime as dt

from fhir_plugin.errors import AlreadyThere, AnswersChanged, NotFound
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest
from mappings.model.identifiers import FhirBase, PatientId
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeDisclosureRequests:
    """Keeps each by its id; takes part in the transactions of `work`. `damaged`: how many cannot be read."""

    damaged = 0

    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._rows: dict[DisclosureId, DisclosureRequest] = self._work.table()
        self._reading: dict[DisclosureId, tuple[float, dt.datetime]] = self._work.table()

    def add(self, request: DisclosureRequest) -> None:
        with self._work.transaction():
            if request.id in self._rows:
                raise AlreadyThere("This request is there already.")
            self._rows[request.id] = request

    def get(self, id: DisclosureId, *, for_change: bool = False) -> DisclosureRequest:
        if id not in self._rows:
            raise NotFound("There is no such request.", status=404)
        return self._rows[id]

    def save(self, request: DisclosureRequest) -> None:
        with self._work.transaction():
            kept = self._rows.get(request.id)
            if kept is None or kept.revision != request.revision - 1:
                raise AnswersChanged("Somebody has changed this request meanwhile. Look at it again.")
            self._rows[request.id] = request

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[DisclosureRequest]:
        theirs = [each for each in self._rows.values() if (each.fhir_base, each.patient) == (fhir_base, patient)]
        return sorted(theirs, key=lambda each: (each.created, each.id), reverse=True)

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        return self.damaged

    def open_at(self, fhir_base: FhirBase) -> list[DisclosureRequest]:
        found = [each for each in self._rows.values() if each.fhir_base == fhir_base and each.is_open]
        return sorted(found, key=lambda each: (each.created, each.id))

    def tell_reading(self, id: DisclosureId, share: float | None, at: dt.datetime) -> None:
        with self._work.transaction():
            if share is None:
                self._reading.pop(id, None)
            elif id in self._rows:
                self._reading[id] = (share, at)

    def reading(self, id: DisclosureId) -> tuple[float, dt.datetime] | None:
        return self._reading.get(id)
