"""A ledger in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from fhir_plugin.errors import NotFound, VersionConflict
from fhir_plugin.ledger.intents import Intent, IntentState, StepRecord
from mappings.model.identifiers import FhirBase, IntentId, PatientId, Reference
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeLedger:
    def __init__(self, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._intents: dict[IntentId, Intent] = self._work.table()
        self._leases: dict[IntentId, tuple[str, dt.datetime]] = self._work.table()
        self._steps: dict[tuple[IntentId, str], tuple[int, StepRecord]] = self._work.table()

    def add(self, intent: Intent) -> None:
        with self._work.transaction():
            if intent.id in self._intents:
                raise VersionConflict(f"intent {intent.id} is there already", status=409)
            self._intents[intent.id] = intent

    def get(self, intent_id: IntentId) -> Intent:
        if intent_id not in self._intents:
            raise NotFound(f"there is no intent {intent_id}", status=404)
        return self._intents[intent_id]

    def save(self, intent: Intent) -> None:
        with self._work.transaction():
            if intent.id not in self._intents or self._intents[intent.id].ended:
                raise VersionConflict(f"intent {intent.id} has ended", status=409)
            self._intents[intent.id] = intent

    def for_subject(self, subject: str) -> list[Intent]:
        return self._all(lambda intent: intent.subject == subject)

    def due(self, now: dt.datetime) -> list[IntentId]:
        workable = (IntentState.OPEN, IntentState.UNRESOLVED)
        return [
            intent.id
            for intent in self._all(lambda intent: intent.state in workable)
            if intent.next_attempt is None or intent.next_attempt <= now
        ]

    def waiting(self, *, fhir_base: FhirBase, patient: PatientId, user: Reference) -> list[Intent]:
        wanted = (IntentState.WAITING_FOR_SIGN_IN, fhir_base, patient, user)
        return self._all(lambda each: (each.state, each.fhir_base, each.patient, each.user) == wanted)

    def unsettled(self) -> list[Intent]:
        return self._all(lambda intent: not intent.ended)

    def lease(self, intent_id: IntentId, owner: str, *, now: dt.datetime, seconds: float) -> bool:
        with self._work.transaction():
            holder, until = self._leases.get(intent_id, (owner, now))
            if intent_id not in self._intents or (holder != owner and until > now):
                return False
            self._leases[intent_id] = (owner, now + dt.timedelta(seconds=seconds))
        return True

    def release(self, intent_id: IntentId, owner: str) -> None:
        with self._work.transaction():
            if self._leases.get(intent_id, ("", None))[0] == owner:
                del self._leases[intent_id]

    def steps(self, intent_id: IntentId) -> dict[str, StepRecord]:
        mine = sorted((entry for key, entry in self._steps.items() if key[0] == intent_id), key=lambda each: each[0])
        return {record.name: record for _, record in mine}

    def save_step(self, intent_id: IntentId, position: int, step: StepRecord) -> None:
        with self._work.transaction():
            self._steps[intent_id, step.name] = (position, step)

    def _all(self, condition: Callable[[Intent], bool]) -> list[Intent]:
        return sorted((each for each in self._intents.values() if condition(each)), key=lambda each: each.created)
