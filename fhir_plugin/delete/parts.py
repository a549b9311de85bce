"""What hiding and destroying work with: ports, policy and the ledger, joined in `fhir_plugin.deleting`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import LedgerStore
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.ports import (
    AuditEntry,
    AuditTrail,
    Background,
    ClinicalRecord,
    Clock,
    DeletionCases,
    DestructionLog,
    HiddenImages,
    Holds,
    ImageLabels,
    ImageWorker,
    JobQueue,
    KeptImages,
    RecordPurge,
    StatementSigner,
    Traces,
    UnitOfWork,
    Vault,
    Worklist,
)
from mappings.model.identifiers import LaunchId
from mappings.model.people import ClinicalSession, Patient


@dataclass(frozen=True)
class DeleteParts:
    """`patient`: who it is as the EHR names them now."""

    work: UnitOfWork
    cases: DeletionCases
    hidden: HiddenImages
    vault: Vault
    audit: AuditTrail
    signer: StatementSigner
    worker: ImageWorker
    ledger: LedgerStore
    engine: Engine
    queue: JobQueue
    clock: Clock
    policy: PolicyPack
    records: Callable[[LaunchId], ClinicalRecord]
    purges: Callable[[LaunchId], RecordPurge]
    patient: Callable[[ClinicalSession], Patient]
    new_id: Callable[[], str]
    worklist: Worklist
    holds: Holds
    kept: KeptImages
    labels: ImageLabels
    background: Background
    traces: Traces
    destroyed: DestructionLog

    def note(self, session: ClinicalSession, action: str, subject: str, **detail: str | int | bool) -> None:
        """An audit entry in the open transaction."""
        self.audit.append(
            AuditEntry(
                action=action,
                actor=session.user.reference,
                patient=f"Patient/{session.patient_id}",
                launch=session.launch_id,
                subject=subject,
                policy=self.policy.reference,
                detail=detail,
            )
        )
