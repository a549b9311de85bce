"""What the desk works with: ports, policy and the ledger, joined in `app`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fhir_plugin.disclose.decide import Rules
from fhir_plugin.disclose.desk.days_off import bank_holidays
from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import LedgerStore, acted
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.ports import (
    AuditTrail,
    Background,
    ChartCopies,
    ClinicalRecord,
    Clock,
    DisclosureRequests,
    HiddenImages,
    Holds,
    ImageLabels,
    ImageWorker,
    JobQueue,
    KeptImages,
    StatementSigner,
    UnitOfWork,
    Vault,
    Worklist,
)
from mappings.model.disclosure_request import DisclosureRequest
from mappings.model.identifiers import IntentId, LaunchId
from mappings.model.people import ClinicalSession, Patient
from mappings.model.practice import HoldKind


class StartsSending(Protocol):
    """Writes down, in the open transaction, that this signed request is to be made, proven and written down.

    Returns the intent, which the desk then has carried out in the background.
    """

    def __call__(self, parts: DeskParts, session: ClinicalSession, request: DisclosureRequest) -> IntentId: ...


@dataclass(frozen=True)
class DeskParts:
    """`patient`: who it is as the EHR names them now. `start_sending`: None while nothing can be sent."""

    work: UnitOfWork
    requests: DisclosureRequests
    vault: Vault
    audit: AuditTrail
    signer: StatementSigner
    worker: ImageWorker
    ledger: LedgerStore
    engine: Engine
    queue: JobQueue
    clock: Clock
    policy: PolicyPack
    rules: Rules
    records: Callable[[LaunchId], ClinicalRecord]
    patient: Callable[[ClinicalSession], Patient]
    new_id: Callable[[], str]
    worklist: Worklist
    holds: Holds
    kept: KeptImages
    labels: ImageLabels
    hidden: HiddenImages
    copies: ChartCopies
    background: Background
    start_sending: StartsSending | None = None

    @property
    def today(self) -> dt.date:
        return self.clock.now().astimezone(UK).date()

    @property
    def days_off(self) -> frozenset[dt.date]:
        return bank_holidays().of(self.policy.jurisdiction)

    def concern(self, request: DisclosureRequest) -> bool:
        """Whether a safeguarding concern about this patient is open."""
        found = self.holds.of_patient(request.fhir_base, request.patient)
        return any(hold.kind is HoldKind.SAFEGUARDING for hold in found)

    def note(self, session: ClinicalSession, action: str, subject: str, **detail: str | int | bool) -> None:
        """An audit entry in the open transaction."""
        self.audit.append(
            acted(session, action, subject, detail, policy=f"{self.policy.reference} {self.rules.version}")
        )


def uk_day(moment: dt.datetime) -> dt.date:
    """The day of the practice on which something happened."""
    return moment.astimezone(UK).date()
