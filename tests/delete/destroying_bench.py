"""One approved permanent deletion over fakes: a record with the image, everything that we keep of it, and its plan."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from fhir_plugin.delete.bound import bound_now
from fhir_plugin.delete.execute import KIND, Destructions, begin
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.standing import look
from fhir_plugin.delete.tell import KIND as TASK
from fhir_plugin.delete.tell import Tellings, tell
from fhir_plugin.errors import SignInNeeded
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.ledger.intents import Intent
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.ports import ClinicalRecord, Compartment, kept_under
from mappings.model.deletion import (
    BoundImage,
    CaseId,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    ItemId,
    Signed,
)
from mappings.model.identifiers import CaptureId, FhirBase, IntentId, LaunchId, PatientId, Reference
from mappings.model.kept import KeptImage
from mappings.model.people import ClinicalSession, Patient, Role, User
from mappings.model.practice import Hold, HoldKind
from tests.fakes.audit import FakeAuditTrail
from tests.fakes.background import InlineBackground
from tests.fakes.chart_copies import FakeChartCopies
from tests.fakes.clock import FakeClock
from tests.fakes.deletion_cases import FakeDeletionCases
from tests.fakes.destruction_log import FakeDestructionLog
from tests.fakes.hidden_images import FakeHiddenImages
from tests.fakes.image_labels import FakeImageLabels
from tests.fakes.kept_images import FakeKeptImages
from tests.fakes.ledger import FakeLedger
from tests.fakes.practice import FakeHolds
from tests.fakes.queue import InlineQueue
from tests.fakes.record import FakeRecord
from tests.fakes.record_purge import FakeRecordPurge
from tests.fakes.signer import FakeStatementSigner
from tests.fakes.traces import FakeTraces
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.vault import FakeVault
from tests.fakes.whole_record import FOREARM, INTIMATE, ORDINARY, RESTRICTED, media, pictures, whole_record
from tests.fakes.worker import FakeImageWorker
from tests.fakes.worklist import FakeWorklist

BASE = FhirBase("https://ehr.example/fhir")
AMY = PatientId("amy")
IMAGE = Reference(f"Media/{INTIMATE}")
BINARY = Reference("Binary/bin-private-2")
BYTES = pictures()["bin-private-2"]
OTHER = Reference(f"Media/{ORDINARY}")
THUMBNAIL = b"a small picture of " + BYTES
ASKED, APPROVED = Reference("Practitioner/asks"), Reference("Practitioner/guards")
ITEM = ItemId("item-1")


@dataclass
class DestroyingBench:
    """`record` and `purge` may be others before `approve`. `opinions`: how many second opinions there are of the image.
    `guardians`: who has that role now."""

    record: FakeRecord = field(default_factory=FakeRecord)
    purge: FakeRecordPurge | None = None
    policy: PolicyPack = field(default_factory=shipped_pack)
    clock: FakeClock = field(default_factory=FakeClock)
    around: Callable[[ClinicalRecord], ClinicalRecord] = lambda record: record
    fill: bool = True

    def __post_init__(self) -> None:
        self.work = FakeUnitOfWork()
        self.ledger = FakeLedger(self.work)
        self.vault = FakeVault(self.clock, self.work)
        self.holds = FakeHolds(self.work)
        self.cases = FakeDeletionCases(self.work)
        self.log = FakeDestructionLog()
        self.traces = FakeTraces()
        self.hidden = FakeHiddenImages(self.work)
        self.copies = FakeChartCopies(self.work)
        self.kept = FakeKeptImages(self.work)
        self.audit = FakeAuditTrail(self.clock, self.work)
        self.background = InlineBackground()
        self.worklist = FakeWorklist(self.work)
        self.guardians = {APPROVED}
        self.opinions = 1
        self.signed_out: set[str] = set()
        self.purge = self.purge or FakeRecordPurge(self.record)
        if self.fill:
            self._fill()
        plans: dict[str, PlanFor] = {}
        self.engine = Engine(store=self.ledger, work=self.work, clock=self.clock, plans=plans, owner="test")
        numbers = itertools.count(1)
        self.parts = DeleteParts(
            work=self.work,
            cases=self.cases,
            hidden=self.hidden,
            copies=self.copies,
            vault=self.vault,
            audit=self.audit,
            signer=FakeStatementSigner(),
            worker=FakeImageWorker(),
            ledger=self.ledger,
            engine=self.engine,
            queue=InlineQueue(),
            clock=self.clock,
            policy=self.policy,
            records=self._record_of,
            purges=lambda _launch: self.purge,  # type: ignore[arg-type, return-value]  # made above
            patient=lambda _session: Patient(AMY, "Amy Example"),
            new_id=lambda: f"00000000-0000-4000-9000-{next(numbers):012d}",
            worklist=self.worklist,
            holds=self.holds,
            kept=self.kept,
            labels=FakeImageLabels(self.work),
            background=self.background,
            traces=self.traces,
            destroyed=self.log,
            roles=lambda _base, who: frozenset({Role.CALDICOTT_GUARDIAN} if who in self.guardians else ()),
        )
        plans[KIND] = Destructions(self.parts, {"opinion": self._end_opinions})
        plans[TASK] = Tellings(self.parts)
        self.session = self.launch("launch-1")

    def launch(self, launch: str, *roles: Role, person: str = "Practitioner/carries-out") -> ClinicalSession:
        user = User(Reference(person), "Dr Example", frozenset(roles or {Role.CLINICIAN}))
        return ClinicalSession(LaunchId(launch), BASE, "ehr", AMY, user)

    def approve(self, *more: Reference) -> DeletionCase:
        """A case about the image (and `more`), approved, with everything that it is bound to."""
        now = self.clock.now()
        approval = Signed(APPROVED, "The Guardian", now, words="Her own words about it.")
        items = []
        for number, reference in enumerate((IMAGE, *more), start=1):
            bound, _contents = bound_now(
                self.record, self.vault, self.hidden, fhir_base=BASE, patient=AMY, reference=reference
            )
            picture = self.vault.put(b"marked " + BYTES, compartment=Compartment.CASE, owner=f"item-{number}")
            item = DeletionItem(
                id=ItemId(f"item-{number}"),
                image=bound,
                state=DeletionState.ACCEPTED,
                title="A very private place",
                picture=picture,
                approval=approval,
                expires=now + dt.timedelta(days=14),
            )
            items.append(item)
        case = DeletionCase(
            id=CaseId("case-1"),
            fhir_base=BASE,
            patient=AMY,
            revision=0,
            created=now,
            due=now.date() + dt.timedelta(days=14),
            reason=DeletionReason.ERASURE_REQUEST,
            items=tuple(items),
            requested_by=ASKED,
            requested_by_name="Dr Asks",
            policy=self.policy.reference,
        )
        with self.work.transaction():
            self.cases.add(case)
            told = tell(self.parts, case, launch=self.session.launch_id, user=ASKED)
        self.engine.run(told)
        return self.cases.get(case.id)

    def hold(self) -> None:
        """A legal hold comes in. What time and jobs make of it: `look`."""
        with self.work.transaction():
            self.holds.add(Hold("hold-1", HoldKind.LEGAL, BASE, AMY, self.clock.now(), ASKED))

    def let_go(self) -> None:
        """It is lifted, and the app looks again."""
        with self.work.transaction():
            self.holds.save(replace(self.holds.get("hold-1"), lifted=self.clock.now()))
        look(self.parts, CaseId("case-1"))

    def begin(self, session: ClinicalSession | None = None, item: ItemId = ITEM) -> IntentId:
        with self.work.transaction():
            case = self.cases.get(CaseId("case-1"), for_change=True)
            return begin(self.parts, session or self.session, case, case.item(item))

    def carry_out(self, item: ItemId = ITEM) -> DeletionItem:
        """As far as it goes at once."""
        self.engine.run(self.begin(item=item))
        return self.item(item)

    def again(self, times: int = 3) -> DeletionItem:
        """What the app does by itself, `times` times, each time long after the last."""
        for _ in range(times):
            self.clock.advance(hours=1)
            self.engine.run_due()
        return self.item()

    def item(self, item: ItemId = ITEM) -> DeletionItem:
        return self.cases.get(CaseId("case-1")).item(item)

    def intents(self) -> list[Intent]:
        return [each for each in self.ledger.for_subject(ITEM) if each.kind == KIND]

    def image_bytes_in_record(self) -> list[str]:
        """Every version of anything that still holds them."""
        assert self.purge is not None
        found = []
        for reference in (BINARY, IMAGE):
            for version, (resource, content) in self.record.versions_of(reference).items():
                if (content is not None and BYTES in content.content) or "sexuality" in str(resource).lower():
                    found.append(f"{reference}/{version}")
        return found

    def image_bytes_in_vault(self) -> list[str]:
        return [each.owner for each in self.vault.items() if BYTES in self.vault.get(each.vault_id)]

    # ------------------------------------------------------------------------------------------ inside

    def _fill(self) -> None:
        for resource in whole_record(AMY):
            self.record.put(resource)
        for id, content in pictures().items():
            self.record.create_binary(content, "image/jpeg", id=id, security_context=None)
        owner = kept_under(BASE, IMAGE)
        self.vault.put(THUMBNAIL, compartment=Compartment.THUMBNAIL, owner=owner)
        self.vault.put(b"as it came " + BYTES, compartment=Compartment.AUDIT_COPY, owner=owner)
        self.vault.put(b"somebody else's", compartment=Compartment.THUMBNAIL, owner=kept_under(BASE, OTHER))
        self.opinion = self.vault.put(b"a copy " + BYTES, compartment=Compartment.OPINION, owner="opinion-1")
        with self.work.transaction():
            self.kept.keep(KeptImage(BASE, IMAGE, AMY, CaptureId("capture-1"), self.clock.now()))

    def _record_of(self, launch: LaunchId) -> ClinicalRecord:
        if launch in self.signed_out:
            raise SignInNeeded("launch again")
        return self.around(self.record)

    def _end_opinions(self, base: FhirBase, patient: PatientId, image: BoundImage) -> int:
        assert (base, patient) == (BASE, AMY)
        if image.reference != IMAGE:
            return 0
        ended, self.opinions = self.opinions, 0
        self.vault.destroy(self.opinion)
        return ended


def with_reference(number: int, **more: Any) -> dict[str, Any]:
    """An Observation that refers to the image."""
    return {
        "resourceType": "Observation",
        "id": f"refers-{number}",
        "status": "final",
        "code": {"text": "Size"},
        "subject": {"reference": f"Patient/{AMY}"},
        "derivedFrom": [{"reference": IMAGE, "display": "The photo of her vulva"}],
        **more,
    }


def second_image(record: FakeRecord, binary: str = "bin-private-2") -> Reference:
    """Another image that shows the same Binary."""
    record.put(media("shares-5", AMY, FOREARM, [RESTRICTED], binary))
    return Reference("Media/shares-5")
