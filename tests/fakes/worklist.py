"""A worklist in memory."""

from __future__ import annotations

import datetime as dt

from fhir_plugin.errors import NotFound
from mappings.model.identifiers import FhirBase, PatientId, WorkId
from mappings.model.work import WorkItem, WorkKind
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeWorklist:
    """Keeps each item by its id; takes part in the transactions of `work`."""

    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._items: dict[WorkId, WorkItem] = self._work.table()

    def add(self, item: WorkItem) -> WorkItem:
        with self._work.transaction():
            for each in self._open():
                if (each.fhir_base, each.kind, each.subject) == (item.fhir_base, item.kind, item.subject):
                    return each
            self._items[item.id] = item
            return item

    def get(self, id: WorkId, *, for_change: bool = False) -> WorkItem:
        if id not in self._items:
            raise NotFound(f"there is no work item {id}", status=404)
        return self._items[id]

    def save(self, item: WorkItem) -> None:
        with self._work.transaction():
            self.get(item.id)
            self._items[item.id] = item

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, done: bool = False) -> list[WorkItem]:
        every = list(self._items.values()) if done else self._open()
        theirs = [each for each in every if (each.fhir_base, each.patient) == (fhir_base, patient)]
        return sorted(theirs, key=lambda each: (each.created, each.id))

    def of_practice(self, fhir_base: FhirBase, *, kind: WorkKind | None = None) -> list[WorkItem]:
        here = [each for each in self._open() if each.fhir_base == fhir_base and kind in (None, each.kind)]
        return sorted(here, key=lambda each: (each.due, each.id))

    def late(self, now: dt.datetime) -> list[WorkItem]:
        return sorted((each for each in self._open() if each.late(now)), key=lambda each: (each.due, each.id))

    def _open(self) -> list[WorkItem]:
        return [each for each in list(self._items.values()) if each.done_at is None]
