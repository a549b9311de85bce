"""What hiding and destroying work with: ports, policy and the ledger, joined in `fhir_plugin.deleting`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import LedgerStore, acted
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.ports import (
    AuditTrail,
    Background,
    ChartCopies,
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
from mappings.model.deletion import DeletionCase
from mappings.model.identifiers import FhirBase, LaunchId, Reference
from mappings.model.people import ClinicalSession, Patient, Role


def nobody(_fhir_base: FhirBase, _login: Reference) -> frozenset[Role]:
    """Where nobody is known, nobody has a role."""
    return frozenset()


def tell_nobody(_case: DeletionCase, _session: ClinicalSession | None) -> None:
    """Where no record keeps Tasks."""


@dataclass(frozen=True)
class DeleteParts:
    """`patient`: who it is as the EHR names them now. `roles`: of a login, as this app knows them now; none where it
    knows nobody. `told`: writes down, in the open transaction, that the record is told how a case stands; without a
    session it was the app itself. `days_off`: the bank holidays here.
    """

    work: UnitOfWork
    cases: DeletionCases
    hidden: HiddenImages
    copies: ChartCopies
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
    roles: Callable[[FhirBase, Reference], frozenset[Role]] = nobody
    told: Callable[[DeletionCase, ClinicalSession | None], None] = tell_nobody
    days_off: frozenset[dt.date] = frozenset()

    def note(self, session: ClinicalSession, action: str, subject: str, **detail: str | int | bool) -> None:
        """An audit entry in the open transaction."""
        self.audit.append(acted(session, action, subject, detail, policy=self.policy.reference))
