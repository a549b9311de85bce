"""The practice's list over fakes: for the pages' double and for the tests of the list itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from fhir_plugin.errors import SignInNeeded
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.ports import ClinicalRecord
from fhir_plugin.work.concerns import KIND as CONCERN
from fhir_plugin.work.concerns import Concerns
from fhir_plugin.work.parts import WorkParts
from fhir_plugin.work.practice import Practice
from mappings.model.identifiers import LaunchId
from tests.fakes.audit import FakeAuditTrail
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FakeLedger
from tests.fakes.practice import FakeAbsences, FakeColleagues, FakeHolds
from tests.fakes.queue import InlineQueue
from tests.fakes.record import FakeRecord
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.worklist import FakeWorklist


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
        plans[CONCERN] = self.concerns.plan

    def _record_of(self, launch: LaunchId) -> ClinicalRecord:
        if launch in self.signed_out:
            raise SignInNeeded("launch again")
        return self.record_of(launch) if self.record_of else self.record
