"""What the practice's list works with, joined in `app`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import LedgerStore
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.ports import (
    AuditEntry,
    AuditTrail,
    ChartCopies,
    ClinicalRecord,
    Clock,
    Holds,
    JobQueue,
    UnitOfWork,
    Worklist,
)
from fhir_plugin.work.stores import Absences, Colleagues
from mappings.model.identifiers import LaunchId, PatientId
from mappings.model.people import ClinicalSession


@dataclass(frozen=True)
class WorkParts:
    work: UnitOfWork
    worklist: Worklist
    colleagues: Colleagues
    absences: Absences
    holds: Holds
    copies: ChartCopies
    audit: AuditTrail
    ledger: LedgerStore
    engine: Engine
    queue: JobQueue
    clock: Clock
    policy: PolicyPack
    records: Callable[[LaunchId], ClinicalRecord]
    new_id: Callable[[], str]

    @property
    def today(self) -> dt.date:
        return self.clock.now().astimezone(UK).date()

    def note(
        self, session: ClinicalSession, action: str, subject: str, patient: PatientId | None, **detail: str | int | bool
    ) -> None:
        """An audit entry about `patient`, who need not be the one of the launch, or nobody; in the open transaction."""
        self.audit.append(
            AuditEntry(
                action=action,
                actor=session.user.reference,
                patient=f"Patient/{patient}" if patient is not None else None,
                launch=session.launch_id,
                subject=subject,
                policy=self.policy.reference,
                detail=detail,
            )
        )
