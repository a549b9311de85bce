"""What looking at a record works with. The flow that files images has more, and fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import LedgerStore
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.ports import (
    AuditTrail,
    ChartCopies,
    ClinicalRecord,
    Clock,
    HiddenImages,
    ImageLabels,
    ImageWorker,
    JobQueue,
    KeptImages,
    StatementSigner,
    UnitOfWork,
    Vault,
    Worklist,
)
from mappings.model.identifiers import LaunchId
from mappings.model.people import ClinicalSession


class KeepParts(Protocol):
    @property
    def work(self) -> UnitOfWork: ...
    @property
    def vault(self) -> Vault: ...
    @property
    def audit(self) -> AuditTrail: ...
    @property
    def worker(self) -> ImageWorker: ...
    @property
    def policy(self) -> PolicyPack: ...
    @property
    def records(self) -> Callable[[LaunchId], ClinicalRecord]: ...

    @property
    def clock(self) -> Clock: ...
    @property
    def worklist(self) -> Worklist: ...
    @property
    def kept(self) -> KeptImages: ...
    @property
    def labels(self) -> ImageLabels: ...
    @property
    def hidden(self) -> HiddenImages: ...
    @property
    def copies(self) -> ChartCopies: ...
    @property
    def signer(self) -> StatementSigner: ...
    @property
    def ledger(self) -> LedgerStore: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def queue(self) -> JobQueue: ...
    @property
    def new_id(self) -> Callable[[], str]: ...

    def note(self, session: ClinicalSession, action: str, subject: str, **detail: str | int | bool) -> None:
        """An audit entry in the open transaction."""
