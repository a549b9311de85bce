"""The ledger's rows: implements `ledger.intents.LedgerStore` on our database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.tables import intent_steps, intents
from fhir_plugin.errors import NotFound, VersionConflict
from fhir_plugin.ledger.intents import Direction, Intent, IntentState, Outcome, StepRecord, StepState
from fhir_plugin.ports import Clock
from mappings.model.identifiers import FhirBase, IntentId, LaunchId, PatientId, Reference, VaultId


class DatabaseLedger:
    """Intents and their steps. Leases are columns, taken by compare-and-swap and never held as a database lock."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, intent: Intent) -> None:
        with self._database.writing() as connection:
            connection.execute(intents.insert().values(id=intent.id, **self._row(intent)))

    def get(self, intent_id: IntentId) -> Intent:
        with self._database.connection() as connection:
            row = connection.execute(sa.select(intents).where(intents.c.id == intent_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no intent {intent_id}", status=404)
        return _intent(row)

    def save(self, intent: Intent) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(
                intents.update()
                .where(intents.c.id == intent.id, intents.c.state != IntentState.ENDED)
                .values(**self._row(intent))
            )
        if changed.rowcount != 1:
            raise VersionConflict(f"intent {intent.id} has ended", status=409)

    def for_subject(self, subject: str) -> list[Intent]:
        return self._all(intents.c.subject == subject)

    def due(self, now: dt.datetime) -> list[IntentId]:
        query = (
            sa.select(intents.c.id)
            .where(
                intents.c.state.in_([IntentState.OPEN, IntentState.UNRESOLVED]),
                sa.or_(intents.c.next_attempt.is_(None), intents.c.next_attempt <= now),
            )
            .order_by(intents.c.created)
        )
        with self._database.connection() as connection:
            return [IntentId(row.id) for row in connection.execute(query)]

    def waiting(self, *, fhir_base: FhirBase, patient: PatientId, user: Reference) -> list[Intent]:
        return self._all(
            intents.c.state == IntentState.WAITING_FOR_SIGN_IN,
            intents.c.fhir_base == fhir_base,
            intents.c.patient == patient,
            intents.c.user == user,
        )

    def unsettled(self) -> list[Intent]:
        return self._all(intents.c.state != IntentState.ENDED)

    def lease(self, intent_id: IntentId, owner: str, *, now: dt.datetime, seconds: float) -> bool:
        free = sa.or_(
            intents.c.lease_owner.is_(None),
            intents.c.lease_owner == owner,
            intents.c.lease_until <= now,
        )
        with self._database.writing() as connection:
            changed = connection.execute(
                intents.update()
                .where(intents.c.id == intent_id, free)
                .values(lease_owner=owner, lease_until=now + dt.timedelta(seconds=seconds))
            )
        return bool(changed.rowcount == 1)

    def release(self, intent_id: IntentId, owner: str) -> None:
        with self._database.writing() as connection:
            connection.execute(
                intents.update()
                .where(intents.c.id == intent_id, intents.c.lease_owner == owner)
                .values(lease_owner=None, lease_until=None)
            )

    def steps(self, intent_id: IntentId) -> dict[str, StepRecord]:
        query = sa.select(intent_steps).where(intent_steps.c.intent_id == intent_id).order_by(intent_steps.c.position)
        with self._database.connection() as connection:
            return {
                row.name: StepRecord(row.name, StepState(row.state), row.evidence) for row in connection.execute(query)
            }

    def save_step(self, intent_id: IntentId, position: int, step: StepRecord) -> None:
        values = {
            "position": position,
            "state": step.state,
            "evidence": dict(step.evidence),
            "updated": self._clock.now(),
        }
        key = (intent_steps.c.intent_id == intent_id, intent_steps.c.name == step.name)
        with self._database.writing() as connection:
            changed = connection.execute(intent_steps.update().where(*key).values(**values))
            if changed.rowcount == 0:
                connection.execute(intent_steps.insert().values(intent_id=intent_id, name=step.name, **values))

    def _all(self, *conditions: sa.ColumnElement[bool]) -> list[Intent]:
        query = sa.select(intents).where(*conditions).order_by(intents.c.created)
        with self._database.connection() as connection:
            rows: Sequence[Any] = connection.execute(query).all()
        return [_intent(row) for row in rows]

    def _row(self, intent: Intent) -> dict[str, Any]:
        return {
            "kind": intent.kind,
            "subject": intent.subject,
            "fhir_base": intent.fhir_base,
            "patient": intent.patient,
            "user": intent.user,
            "launch": intent.launch,
            "state": intent.state,
            "outcome": intent.outcome,
            "plan_vault_id": intent.plan,
            "attempts": intent.attempts,
            "next_attempt": intent.next_attempt,
            "created": intent.created,
            "updated": self._clock.now(),
            "detail": {
                "direction": intent.direction,
                "reason": intent.reason,
                "message": intent.message,
                "residue": list(intent.residue),
            },
        }


def _intent(row: Any) -> Intent:
    detail = row.detail
    return Intent(
        id=IntentId(row.id),
        kind=row.kind,
        subject=row.subject,
        fhir_base=FhirBase(row.fhir_base),
        patient=PatientId(row.patient),
        user=Reference(row.user),
        launch=LaunchId(row.launch),
        created=row.created,
        state=IntentState(row.state),
        outcome=Outcome(row.outcome) if row.outcome else None,
        direction=Direction(detail["direction"]),
        plan=VaultId(row.plan_vault_id) if row.plan_vault_id else None,
        attempts=row.attempts,
        next_attempt=row.next_attempt,
        reason=detail["reason"],
        message=detail["message"],
        residue=tuple(detail["residue"]),
    )
