"""A capture's whole world in memory: fakes for every port, one clinician, one patient, one EHR."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fhir_plugin.capture.captures import Captures
from fhir_plugin.capture.carry_out import CarryOut
from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.receipt import Receipt
from fhir_plugin.capture.write import KIND
from fhir_plugin.errors import SignInNeeded
from fhir_plugin.ledger.concern_note import KIND as CONCERN
from fhir_plugin.ledger.concern_note import ConcernNotes
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.ledger.intents import Intent
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.ports import ClinicalRecord
from mappings.model.identifiers import CaptureId, FhirBase, ImageId, LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession, Role, User
from tests.fakes.audit import FakeAuditTrail
from tests.fakes.background import InlineBackground
from tests.fakes.chart_copies import FakeChartCopies
from tests.fakes.clock import FakeClock
from tests.fakes.copy_sheets import FakeCopySheets
from tests.fakes.drafts import FakeDrafts
from tests.fakes.hidden_images import FakeHiddenImages
from tests.fakes.image_labels import FakeImageLabels
from tests.fakes.kept_images import FakeKeptImages
from tests.fakes.ledger import FakeLedger
from tests.fakes.practice import FakeHolds
from tests.fakes.queue import InlineQueue
from tests.fakes.record import FakeRecord
from tests.fakes.signer import FakeStatementSigner
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.vault import FakeVault
from tests.fakes.worker import FakeImageWorker, picture
from tests.fakes.worklist import FakeWorklist

BASE = "https://ehr.example/fhir"
FOREARM = "14975008"
CANARY = "the canary sang in the findings"
SESSION = ClinicalSession(
    launch_id=LaunchId("l1"),
    fhir_base=FhirBase(BASE),
    issuer="ehr",
    patient_id=PatientId("p1"),
    user=User(Reference("Practitioner/gp"), "Dr Grey", frozenset({Role.CLINICIAN})),
    encounter=Reference("Encounter/e1"),
)
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "Example", "given": ["Amy"]}],
    "birthDate": "1980-05-01",
}
SHARED = {
    "purpose": "Rash, to compare",
    "face_to_face": "yes",
    "arrival": "taken-now",
    "consent_receive": "given",
    "consent_store": "given",
    "consent_form": "verbal",
    "understood": "yes",
    "photographer": "clinician",
    "device": "organisation",
    "identity": "in-person",
    "intimacy": "no",
    "findings": CANARY,
    "advice": "Emollient.",
}


PRIVATE = {
    "intimacy": "private",
    "store_justification": "To look again in two weeks",
    "only_area": "yes",
    "chaperone": "declined",
    "chaperone_reason": "She would rather have nobody else there",
}
"""What an image needs besides that the patient wants kept private."""


def launched(launch: str = "l1", **changed: Any) -> ClinicalSession:
    return replace(SESSION, launch_id=LaunchId(launch), **changed)


@dataclass
class Bench:
    """`record` is what every launch sees, except the launches in `signed_out`."""

    record: ClinicalRecord = field(default_factory=FakeRecord)
    policy: PolicyPack = field(default_factory=shipped_pack)
    patient: dict[str, Any] = field(default_factory=lambda: dict(PATIENT))

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.work = FakeUnitOfWork()
        self.vault = FakeVault(self.clock, self.work)
        self.audit = FakeAuditTrail(self.clock, self.work)
        self.ledger = FakeLedger(self.work)
        self.drafts = FakeDrafts(self.work)
        self.worker = FakeImageWorker()
        self.queue = InlineQueue()
        self.background = InlineBackground()
        self.worklist = FakeWorklist(self.work)
        self.holds = FakeHolds(self.work)
        self.kept = FakeKeptImages(self.work)
        self.labels = FakeImageLabels(self.work)
        self.hidden = FakeHiddenImages(self.work)
        self.copies = FakeChartCopies(self.work)
        self.signer = FakeStatementSigner()
        self.signed_out: set[str] = set()
        plans: dict[str, PlanFor] = {}
        self.engine = Engine(store=self.ledger, work=self.work, clock=self.clock, plans=plans, owner="test")
        numbers = itertools.count(1)
        self.parts = CaptureParts(
            work=self.work,
            drafts=self.drafts,
            vault=self.vault,
            audit=self.audit,
            signer=self.signer,
            worker=self.worker,
            ledger=self.ledger,
            engine=self.engine,
            queue=self.queue,
            clock=self.clock,
            policy=self.policy,
            records=self._record_of,
            chart_link=lambda base, patient, reference: f"{base}#{patient}/{reference}",
            new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
            worklist=self.worklist,
            holds=self.holds,
            kept=self.kept,
            labels=self.labels,
            hidden=self.hidden,
            copies=self.copies,
            background=self.background,
            sheets=FakeCopySheets(),
        )
        plans[KIND] = CarryOut(self.parts)
        plans[CONCERN] = ConcernNotes(self.holds, self.audit, self._record_of)
        self.captures = Captures(self.parts)

    def _record_of(self, launch: LaunchId) -> ClinicalRecord:
        if launch in self.signed_out:
            raise SignInNeeded("launch again")
        return _WithPatient(self.record, self)

    # ------------------------------------------------------------------------------------------- doing

    def add(self, *texts: str) -> tuple[CaptureId, list[ImageId]]:
        """A capture with these pictures."""
        capture = self.captures.begin(SESSION)
        names = texts or ("forearm",)
        return capture, [
            self.captures.receive(SESSION, capture, picture(text), "image/jpeg").image_id for text in names
        ]

    def answer(self, capture: CaptureId, decisions: Mapping[ImageId, str], **shared: str) -> Draft:
        form = {**SHARED, **shared}
        for image, decision in decisions.items():
            form |= {f"site-{image}": FOREARM, f"laterality-{image}": "left", f"decision-{image}": decision}
            if "store_justification" in shared:
                form[f"store_justification-{image}"] = shared["store_justification"]
            if decision == "discard":
                form[f"discard_reason-{image}"] = "duplicate"
        return self.captures.answer(SESSION, capture, form)

    def file(self, capture: CaptureId, session: ClinicalSession = SESSION, **changed: str) -> Receipt:
        digest = self.captures.identity_digest(self.captures.patient(session))
        said = {"patient_id": str(session.patient_id), "identity_digest": digest, **changed}
        return self.captures.file(session, capture, **said)

    def filed(self, *decisions: str, **shared: str) -> tuple[CaptureId, Receipt]:
        """From the first byte to the receipt, with one picture for each decision."""
        each = decisions or ("store",)
        capture, images = self.add(*(f"picture {number}" for number in range(len(each))))
        self.answer(capture, dict(zip(images, each, strict=True)), **shared)
        return capture, self.file(capture)

    def until_settled(self, session: ClinicalSession = SESSION) -> Intent | None:
        """Resumes until nothing changes any more."""
        ended: Intent | None = None
        for _ in range(8):
            self.clock.advance(hours=1)
            for intent in self.engine.run_due():
                ended = intent
        return ended

    # ------------------------------------------------------------------------------------------- looking

    def draft(self, capture: CaptureId) -> Draft:
        return self.drafts.get(capture)

    def owned(self, capture: CaptureId) -> int:
        """How many vault items belong to the capture itself."""
        return len(self.vault.items(owner=capture))


class _WithPatient:
    """A record in which the patient is as the bench says now."""

    def __init__(self, record: ClinicalRecord, bench: Bench) -> None:
        self._record = record
        self._bench = bench

    def __getattr__(self, name: str) -> Any:
        return getattr(self._record, name)

    def read(self, resource_type: str, id: str) -> dict[str, Any]:
        if resource_type == "Patient" and id == self._bench.patient["id"]:
            return dict(self._bench.patient)
        return self._record.read(resource_type, id)
