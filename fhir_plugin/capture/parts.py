"""What the steps of a capture work with: ports, policy and the ledger, joined in `app`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from fhir_plugin.capture.draft import Draft, DraftStore
from fhir_plugin.errors import NotFound
from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import LedgerStore, acted
from fhir_plugin.policy.holds import reasons
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.policy.ruling import Reason
from fhir_plugin.ports import (
    AuditTrail,
    Background,
    ChartCopies,
    ClinicalRecord,
    Clock,
    CopySheets,
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
from mappings.model.identifiers import CaptureId, FhirBase, LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession

RecordFor = Callable[[LaunchId], ClinicalRecord]
"""The record that a launch may see. Raises `SignInNeeded` when its token is gone for good."""

ChartLink = Callable[[FhirBase, PatientId, Reference], str | None]
"""Where the EHR's own chart shows a resource, if that is known for this EHR."""


@dataclass(frozen=True)
class CaptureParts:
    work: UnitOfWork
    drafts: DraftStore
    vault: Vault
    audit: AuditTrail
    signer: StatementSigner
    worker: ImageWorker
    ledger: LedgerStore
    engine: Engine
    queue: JobQueue
    clock: Clock
    policy: PolicyPack
    records: RecordFor
    chart_link: ChartLink
    new_id: Callable[[], str]
    worklist: Worklist
    holds: Holds
    kept: KeptImages
    labels: ImageLabels
    hidden: HiddenImages
    background: Background
    copies: ChartCopies
    sheets: CopySheets

    @property
    def today(self) -> dt.date:
        return self.clock.now().date()

    def draft(self, session: ClinicalSession, capture_id: CaptureId, *, for_change: bool = False) -> Draft:
        """The draft, if it is this user's, for this patient, at this EHR. Otherwise it does not exist for them."""
        draft = self.drafts.get(capture_id, for_change=for_change)
        mine = (session.fhir_base, session.patient_id, session.user.reference)
        if (draft.fhir_base, draft.patient, draft.user) != mine:
            raise NotFound(f"there is no capture {capture_id}", status=404)
        return draft

    def held(self, fhir_base: FhirBase, patient: PatientId) -> tuple[Reason, ...]:
        """What forbids destroying anything of this patient: an open concern, complaint or request for the record."""
        return reasons(self.holds.of_patient(fhir_base, patient))

    def note(self, session: ClinicalSession, action: str, subject: str, **detail: str | int | bool) -> None:
        """An audit entry in the open transaction."""
        self.audit.append(acted(session, action, subject, detail, policy=self.policy.reference))
