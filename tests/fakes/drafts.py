"""Drafts in memory."""

from __future__ import annotations

import json

from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.draft_json import draft_from_json, draft_to_json
from fhir_plugin.errors import NotFound
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeDrafts:
    """Keeps each draft as the JSON text that a real store would seal."""

    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._texts: dict[CaptureId, str] = self._work.table()

    def add(self, draft: Draft) -> None:
        with self._work.transaction():
            self._texts[draft.capture_id] = json.dumps(draft_to_json(draft))

    def get(self, capture_id: CaptureId, *, for_change: bool = False) -> Draft:
        if capture_id not in self._texts:
            raise NotFound(f"there is no capture {capture_id}", status=404)
        return draft_from_json(json.loads(self._texts[capture_id]))

    def save(self, draft: Draft) -> None:
        self.get(draft.capture_id)
        self.add(draft)

    def of(self, *, fhir_base: FhirBase, patient: PatientId, user: Reference | None) -> list[Draft]:
        about = [d for d in self._every() if (d.fhir_base, d.patient) == (fhir_base, patient)]
        mine = [d for d in about if user is None or d.user == user]
        return sorted(mine, key=lambda draft: draft.created, reverse=True)

    def unfinished(self) -> list[Draft]:
        open_ones = [d for d in self._every() if d.state in (DraftState.OPEN, DraftState.FILING)]
        return sorted(open_ones, key=lambda draft: draft.created)

    def _every(self) -> list[Draft]:
        return [draft_from_json(json.loads(text)) for text in self._texts.values()]
