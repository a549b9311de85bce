"""A desk over fakes, at a record of about twenty items, and the people who work at it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fhir_plugin.disclose.decide import shipped_rules
from fhir_plugin.disclose.desk.desk import Desk
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.disclose.package import write_package
from fhir_plugin.disclose.send import KIND, Disclosures, Making, start
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.ports import ClinicalRecord
from mappings.model.disclosure import Reviewer
from mappings.model.disclosure_request import Decided, DeskItem, DeskView, DisclosureRequest, ItemKey
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession, Patient, Role, User
from mappings.r4.patient import from_patient
from tests.fakes.audit import FakeAuditTrail
from tests.fakes.background import InlineBackground
from tests.fakes.chart_copies import FakeChartCopies
from tests.fakes.clock import FakeClock
from tests.fakes.disclosure_requests import FakeDisclosureRequests
from tests.fakes.hidden_images import FakeHiddenImages
from tests.fakes.image_labels import FakeImageLabels
from tests.fakes.kept_images import FakeKeptImages
from tests.fakes.ledger import FakeLedger
from tests.fakes.practice import FakeHolds
from tests.fakes.queue import InlineQueue
from tests.fakes.record import TYPES, FakeRecord
from tests.fakes.signer import FakeStatementSigner
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.vault import FakeVault
from tests.fakes.whole_record import pictures, whole_record
from tests.fakes.worker import FakeImageWorker
from tests.fakes.worklist import FakeWorklist

HERE = FhirBase("https://ehr.example/fhir")
AMY = PatientId("amy")
SAID = {
    "requester": "patient",
    "received": "2026-03-01",
    "recipient": "Amy Example, at her own address",
    "relationship": "herself",
    "identity_checked": "Passport seen on Monday",
    "consent": "general",
    "authority": "seen",
}
INSURER = SAID | {"requester": "insurer", "recipient": "Example Insurance", "relationship": "her insurer"}


def session(
    who: str = "officer", *roles: Role, patient: PatientId = AMY, launch: str | None = None, practitioner: str = ""
) -> ClinicalSession:
    user = User(
        Reference(f"Practitioner/{who}"),
        f"Edwin {who}",
        frozenset(roles or {Role.DISCLOSURE_OFFICER}),
        practitioner=Reference(practitioner) if practitioner else None,
    )
    return ClinicalSession(LaunchId(launch or f"launch-{who}-{patient}"), HERE, "ehr", patient, user)


OFFICER = session()
COLLEAGUE = session("colleague")
PRIVACY = session("privacy", Role.PRIVACY_OFFICER)
GUARDIAN = session("guardian", Role.CALDICOTT_GUARDIAN)
DOCTOR = session("doctor", Role.CLINICIAN)
TRIAGE = session("triage", Role.TRIAGE)
AUDITOR = session("auditor", Role.AUDITOR)


class DeskBench:
    """Everything in memory. `desk` over `record`."""

    def __init__(
        self,
        record: FakeRecord | None = None,
        *,
        twin: bool = False,
        fill: bool = True,
        worker: FakeImageWorker | None = None,
        sends: bool = True,
        policy_of: Callable[[PolicyPack], PolicyPack] = lambda pack: pack,
    ) -> None:
        self.clock = FakeClock()
        self.record = record or FakeRecord(self.clock, types=TYPES)
        if fill:
            for name, content in pictures().items():
                self.record.create_binary(content, "image/jpeg", id=name, security_context=None)
            for resource in whole_record(AMY, twin=twin):
                self.record.put(resource)
        self.work = FakeUnitOfWork()
        self.requests = FakeDisclosureRequests(self.work)
        self.vault = FakeVault(self.clock, self.work)
        self.audit = FakeAuditTrail(self.clock, self.work)
        self.holds = FakeHolds(self.work)
        self.worklist = FakeWorklist(self.work)
        self.kept = FakeKeptImages(self.work)
        self.labels = FakeImageLabels(self.work)
        self.hidden = FakeHiddenImages(self.work)
        self.copies = FakeChartCopies(self.work)
        self.worker = worker or FakeImageWorker()
        self.background = InlineBackground()
        self.ledger = FakeLedger(self.work)
        plans: dict[str, PlanFor] = {}
        self.engine = Engine(store=self.ledger, work=self.work, clock=self.clock, plans=plans, owner="test")
        numbers = itertools.count(1)
        self.record_of: Callable[[LaunchId], ClinicalRecord] = lambda _launch: self.record
        self.parts = DeskParts(
            work=self.work,
            requests=self.requests,
            vault=self.vault,
            audit=self.audit,
            signer=FakeStatementSigner(),
            worker=self.worker,
            ledger=self.ledger,
            engine=self.engine,
            queue=InlineQueue(),
            clock=self.clock,
            policy=policy_of(shipped_pack()),
            rules=shipped_rules(),
            records=lambda launch: self.record_of(launch),
            patient=self.patient,
            new_id=lambda: f"00000000-0000-4000-9000-{next(numbers):012d}",
            worklist=self.worklist,
            holds=self.holds,
            kept=self.kept,
            labels=self.labels,
            hidden=self.hidden,
            copies=self.copies,
            background=self.background,
            start_sending=start if sends else None,
        )
        self.desk = Desk(self.parts)
        write = partial(write_package, signer=self.parts.signer, worker=self.worker)
        plans[KIND] = Disclosures(self.parts, Making(self.desk.prepare, write), self.parts.rules)

    def patient(self, session: ClinicalSession) -> Patient:
        return from_patient(self.record.read("Patient", session.patient_id))

    def begun(self, said: dict[str, str] | None = None) -> DisclosureRequest:
        today = self.parts.today.isoformat()
        return self.desk.begin(OFFICER, Facts((said or SAID) | {"received": today}))

    def gathered(self, said: dict[str, str] | None = None) -> DisclosureRequest:
        request = self.begun(said)
        self.desk.gather(OFFICER, request.id)
        return self.requests.get(request.id)

    def view(self, request: DisclosureRequest, session: ClinicalSession = OFFICER) -> DeskView:
        return self.desk.view(session, request.id)

    def item(self, request: DisclosureRequest, key: str, session: ClinicalSession = OFFICER) -> DeskItem:
        return next(each for each in self.view(request, session).items if each.key == key)

    def decided(self, request: DisclosureRequest, key: str, decided: Decided | None) -> DisclosureRequest:
        now = self.requests.get(request.id)
        return self.desk.decide(OFFICER, request.id, [ItemKey(key)], decided, "Because.", revision=now.revision)

    def settled(self, request: DisclosureRequest) -> DisclosureRequest:
        """Keeps back whatever waits for the officer."""
        waiting = [each.key for each in self.view(request).items if each.asks is Reviewer.OFFICER]
        now = self.requests.get(request.id)
        if not waiting:
            return now
        return self.desk.decide(OFFICER, request.id, waiting, Decided.REDACT, "Not sure.", revision=now.revision)

    def signed(self, request: DisclosureRequest, session: ClinicalSession = OFFICER) -> DisclosureRequest:
        seen = self.view(request, session)
        return self.desk.sign(
            session, request.id, session.user.display, about=seen.digest, revision=seen.request.revision
        )

    def said(self) -> str:
        """Everything in the audit trail."""
        return repr([each.entry for each in self.audit.entries()])


def renamed(base: ClinicalSession, display: str) -> ClinicalSession:
    return replace(base, user=replace(base.user, display=display))
