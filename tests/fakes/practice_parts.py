"""The practice's list over fakes: for the pages' double and for the tests of the list itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from fhir_plugin.errors import SignInNeeded
from fhir_plugin.keep.consent_change import KIND as CONSENT_CHANGE
from fhir_plugin.keep.consent_change import ConsentChanges
from fhir_plugin.keep.consult import Consultations
from fhir_plugin.keep.copies import Pictures
from fhir_plugin.keep.label_order import KIND as LABEL_CHANGE
from fhir_plugin.keep.label_plan import LabelChanges
from fhir_plugin.keep.label_review import LabelReviews
from fhir_plugin.keep.opinion_events import KIND as OPINION_ACT
from fhir_plugin.keep.opinion_events import OpinionActs
from fhir_plugin.keep.relabel import Labels
from fhir_plugin.keep.review import Reviews
from fhir_plugin.keep.view import Gallery
from fhir_plugin.keep.withdraw import Withdrawals
from fhir_plugin.ledger.concern_note import KIND as CONCERN
from fhir_plugin.ledger.concern_note import ConcernNotes
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.ledger.intents import LedgerStore
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.ports import (
    AuditEntry,
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
from fhir_plugin.work.concerns import Concerns
from fhir_plugin.work.parts import WorkParts
from fhir_plugin.work.practice import Practice
from mappings.model.identifiers import LaunchId
from mappings.model.people import ClinicalSession
from tests.fakes.audit import FakeAuditTrail
from tests.fakes.chart_copies import FakeChartCopies
from tests.fakes.clock import FakeClock
from tests.fakes.hidden_images import FakeHiddenImages
from tests.fakes.image_labels import FakeImageLabels
from tests.fakes.kept_images import FakeKeptImages
from tests.fakes.ledger import FakeLedger
from tests.fakes.practice import FakeAbsences, FakeColleagues, FakeHolds
from tests.fakes.queue import InlineQueue
from tests.fakes.record import FakeRecord
from tests.fakes.second_opinions import FakeSecondOpinions
from tests.fakes.signer import FakeStatementSigner
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.vault import FakeVault
from tests.fakes.worker import FakeImageWorker
from tests.fakes.worklist import FakeWorklist


@dataclass(frozen=True)
class Keeping:
    """What looking again works with; the flow that files images has more."""

    work: UnitOfWork
    vault: Vault
    audit: AuditTrail
    worker: ImageWorker
    policy: PolicyPack
    records: Callable[[LaunchId], ClinicalRecord]
    clock: Clock
    worklist: Worklist
    kept: KeptImages
    labels: ImageLabels
    hidden: HiddenImages
    copies: ChartCopies
    signer: StatementSigner
    ledger: LedgerStore
    engine: Engine
    queue: JobQueue
    new_id: Callable[[], str]

    def note(self, session: ClinicalSession, action: str, subject: str, **detail: str | int | bool) -> None:
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


@dataclass
class PracticeBench:
    """Everything in memory. Launches in `signed_out` have no token any more."""

    clock: FakeClock = field(default_factory=FakeClock)
    policy: PolicyPack = field(default_factory=shipped_pack)
    record: ClinicalRecord = field(default_factory=FakeRecord)
    record_of: Callable[[LaunchId], ClinicalRecord] | None = None

    def __post_init__(self) -> None:
        self.work = FakeUnitOfWork()
        self.worklist = FakeWorklist(self.work)
        self.colleagues = FakeColleagues(self.work)
        self.absences = FakeAbsences(self.work)
        self.holds = FakeHolds(self.work)
        self.copies = FakeChartCopies(self.work)
        self.audit = FakeAuditTrail(self.clock, self.work)
        self.ledger = FakeLedger(self.work)
        self.signed_out: set[str] = set()
        plans: dict[str, PlanFor] = {}
        self.engine = Engine(store=self.ledger, work=self.work, clock=self.clock, plans=plans, owner="test")
        numbers = itertools.count(1)
        self.parts = WorkParts(
            work=self.work,
            worklist=self.worklist,
            colleagues=self.colleagues,
            absences=self.absences,
            holds=self.holds,
            copies=self.copies,
            audit=self.audit,
            ledger=self.ledger,
            engine=self.engine,
            queue=InlineQueue(),
            clock=self.clock,
            policy=self.policy,
            records=self._record_of,
            new_id=lambda: f"00000000-0000-4000-9000-{next(numbers):012d}",
        )
        self.practice = Practice(self.parts)
        self.concerns = Concerns(self.parts)
        self.vault = FakeVault(self.clock, self.work)
        self.kept = FakeKeptImages(self.work)
        self.labels = FakeImageLabels(self.work)
        self.hidden = FakeHiddenImages(self.work)
        self.signer = FakeStatementSigner()
        self.opinions = FakeSecondOpinions(self.work)
        self.worker = FakeImageWorker()
        self.keeping = keeping = Keeping(
            work=self.work,
            vault=self.vault,
            audit=self.audit,
            worker=self.worker,
            policy=self.policy,
            records=self._record_of,
            clock=self.clock,
            worklist=self.worklist,
            kept=self.kept,
            labels=self.labels,
            hidden=self.hidden,
            copies=self.copies,
            signer=self.signer,
            ledger=self.ledger,
            engine=self.engine,
            queue=InlineQueue(),
            new_id=self.parts.new_id,
        )
        self.withdrawals, self.reviews = Withdrawals(keeping), Reviews(keeping)
        self.gallery = Gallery(keeping)
        self.relabelling = Labels(keeping, self.gallery)
        self.label_reviews = LabelReviews(keeping, self.gallery, self.relabelling)
        plans[LABEL_CHANGE] = LabelChanges(keeping)
        plans[CONCERN] = ConcernNotes(self.holds, self.audit, self._record_of)
        plans[CONSENT_CHANGE] = ConsentChanges(keeping)
        plans[OPINION_ACT] = OpinionActs(keeping)

    def consultations(self, pictures: Pictures) -> Consultations:
        """Second opinions about these pictures."""
        return Consultations(self.keeping, self.opinions, pictures, self.practice.clinicians)

    def _record_of(self, launch: LaunchId) -> ClinicalRecord:
        if launch in self.signed_out:
            raise SignInNeeded("launch again")
        return self.record_of(launch) if self.record_of else self.record
