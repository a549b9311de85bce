"""A signed request, and everything that carries it out, in memory."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from fhir_plugin.disclose.contents import CoverSheet, PackageContents, PackagedImage
from fhir_plugin.disclose.decide import Rules, shipped_rules
from fhir_plugin.disclose.package import ProvenPackage
from fhir_plugin.disclose.prove import Needles, what_to_look_for
from fhir_plugin.disclose.proven import NotProven
from fhir_plugin.disclose.redact import Part
from fhir_plugin.disclose.send import KIND, Disclosures, Making, ToSend, start
from fhir_plugin.errors import SignInNeeded
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.ledger.intents import Intent, LedgerStore
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.ports import (
    AuditTrail,
    Background,
    ClinicalRecord,
    DisclosureRequests,
    Holds,
    JobQueue,
    Json,
    StatementSigner,
    UnitOfWork,
    Vault,
)
from mappings.model.disclosure import Mode, Requester
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, RequestState, Signature
from mappings.model.identifiers import FhirBase, IntentId, LaunchId, PatientId, Reference, Sha256
from mappings.model.people import ClinicalSession, Role, User
from mappings.model.practice import Hold, HoldKind
from tests.fakes.audit import FakeAuditTrail
from tests.fakes.background import InlineBackground
from tests.fakes.clock import START, FakeClock
from tests.fakes.disclosure_requests import FakeDisclosureRequests
from tests.fakes.ledger import FakeLedger
from tests.fakes.practice import FakeHolds
from tests.fakes.queue import InlineQueue
from tests.fakes.record import FakeRecord
from tests.fakes.signer import FakeStatementSigner
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.vault import FakeVault

HERE = FhirBase("https://ehr.example/fhir")
AMY = PatientId("amy")
OFFICER, GUARDIAN = Reference("Practitioner/officer"), Reference("Practitioner/guardian")
SEEN, KEPT_BACK = Reference("Media/photo-1"), "photo-secret-2"
PIXELS = {SEEN: b"\xff\xd8 the rash on the forearm \xff\xd9" * 40}
RECIPIENT = "canary recipient of Amy"
DIGEST = hashlib.sha256(b"everything decided").hexdigest()
SENSITIVE: Json = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SEX"}


def at_the_desk(user: Reference = OFFICER, launch: str = "launch-1", patient: str = AMY) -> ClinicalSession:
    person = User(user, "canary officer's name", frozenset({Role.DISCLOSURE_OFFICER}))
    return ClinicalSession(LaunchId(launch), HERE, "ehr", PatientId(patient), person)


def signed_request(id: str = "d1", **changed: object) -> DisclosureRequest:
    values: dict[str, object] = {
        "id": DisclosureId(id),
        "fhir_base": HERE,
        "patient": AMY,
        "requester": Requester.INSURER,
        "received": dt.date(2026, 11, 2),
        "created": START,
        "created_by": OFFICER,
        "state": RequestState.MAKING,
        "revision": 4,
        "recipient": RECIPIENT,
        "patient_name": "canary Amy",
        "first": Signature(OFFICER, "canary officer", START, DIGEST),
    }
    return DisclosureRequest(**(values | changed))  # type: ignore[arg-type]  # its own fields


def photo(reference: Reference = SEEN, **changed: object) -> Json:
    type_, id_ = reference.split("/")
    return {"resourceType": type_, "id": id_, "status": "completed", "meta": {"security": [SENSITIVE]}, **changed}


class ZipWriter:
    """Writes record and pictures into a ZIP, in small pieces. `leak` is slipped into it; `after` dies there."""

    def __init__(self) -> None:
        self.leak = b""
        self.written = 0
        self.stored = False
        """Not compressed, so that what leaks would be seen."""
        self.proves_another = False
        """As if what is kept were not what was looked at."""
        self.piece = 64
        self.found: str | None = None
        """What the proof that goes along with the writing finds."""

    def __call__(self, contents: PackageContents, *, package_id: str, needles: Needles) -> Written:
        self.written += 1
        return Written(self, contents, package_id)


class Written:
    def __init__(self, writer: ZipWriter, contents: PackageContents, package_id: str) -> None:
        self._writer = writer
        self._contents = contents
        self._id = package_id
        self._proven: ProvenPackage | None = None

    def __iter__(self) -> Iterator[bytes]:
        whole = io.BytesIO()
        with zipfile.ZipFile(
            whole, "w", zipfile.ZIP_STORED if self._writer.stored else zipfile.ZIP_DEFLATED
        ) as archive:
            archive.writestr("record.ndjson", b"\n".join(part.data for part in self._contents.record()))
            for number, image in enumerate(self._contents.images, 1):
                archive.writestr(f"images/{number:03}.jpg", image.read())
            archive.writestr("more.bin", self._writer.leak)
        content = whole.getvalue()
        for start_ in range(0, len(content), self._writer.piece):
            yield content[start_ : start_ + self._writer.piece]
        if self._writer.found is not None:
            raise NotProven(self._writer.found)
        proven = content + b"?" if self._writer.proves_another else content
        digest = Sha256(hashlib.sha256(proven).hexdigest())
        manifest = Sha256(hashlib.sha256(b"manifest").hexdigest())
        self._proven = ProvenPackage(self._id, digest, len(content), 3, manifest, "a..b", "", (), len(content))

    @property
    def proven(self) -> ProvenPackage:
        if self._proven is None:
            raise NotProven("not whole")
        return self._proven


@dataclass(frozen=True)
class Sending:
    """`SendParts` over fakes, or over what else a test brings."""

    work: UnitOfWork
    requests: DisclosureRequests
    vault: Vault
    audit: AuditTrail
    signer: StatementSigner
    ledger: LedgerStore
    engine: Engine
    queue: JobQueue
    background: Background
    clock: FakeClock
    policy: PolicyPack
    holds: Holds
    records: Callable[[LaunchId], ClinicalRecord]
    new_id: Callable[[], str]


@dataclass(frozen=True)
class Stores:
    """What remembers."""

    work: UnitOfWork
    requests: DisclosureRequests
    vault: Vault
    audit: AuditTrail
    ledger: LedgerStore
    holds: Holds
    signer: StatementSigner


def in_memory(clock: FakeClock) -> Stores:
    work = FakeUnitOfWork()
    return Stores(
        work=work,
        requests=FakeDisclosureRequests(work),
        vault=FakeVault(clock, work),
        audit=FakeAuditTrail(clock, work),
        ledger=FakeLedger(work),
        holds=FakeHolds(work),
        signer=FakeStatementSigner(),
    )


@dataclass
class SendBench:
    """`record`: where the AuditEvent and the Provenance go. Launches in `signed_out` have no token any more."""

    record: ClinicalRecord = field(default_factory=FakeRecord)
    clock: FakeClock = field(default_factory=FakeClock)
    stores: Stores | None = None

    def __post_init__(self) -> None:
        stores = self.stores or in_memory(self.clock)
        self.patient = AMY
        self.work, self.vault, self.requests = stores.work, stores.vault, stores.requests
        self.audit, self.ledger, self.holds = stores.audit, stores.ledger, stores.holds
        self.background = InlineBackground()
        self.rules: Rules = shipped_rules()
        self.writer = ZipWriter()
        self.digest = DIGEST
        self.pictures = dict(PIXELS)
        self.more: list[Json] = []
        self.signed_out: set[str] = set()
        plans: dict[str, PlanFor] = {}
        self.engine = Engine(store=self.ledger, work=self.work, clock=self.clock, plans=plans, owner="test")
        numbers = itertools.count(1)
        self.parts = Sending(
            work=self.work,
            requests=self.requests,
            vault=self.vault,
            audit=self.audit,
            signer=stores.signer,
            ledger=self.ledger,
            engine=self.engine,
            queue=InlineQueue(),
            background=self.background,
            clock=self.clock,
            policy=shipped_pack(),
            holds=self.holds,
            records=self._record_of,
            new_id=lambda: f"id-{next(numbers)}",
        )
        self._plans = plans
        self.plan_anew()

    def plan_anew(self, prepare: Callable[[DisclosureRequest, LaunchId], ToSend] | None = None) -> None:
        """With another way of preparing what is sent."""
        self._plans[KIND] = Disclosures(self.parts, Making(prepare or self.prepare, self.writer), self.rules)

    def prepare(self, request: DisclosureRequest, launch: LaunchId) -> ToSend:
        self._record_of(launch)
        lines = [json.dumps(each).encode() for each in (*map(photo, self.pictures), *self.more)]
        images = tuple(
            PackagedImage(each, None, "image/jpeg", "Forearm", "2026-11-02", read=partial(bytes, content))
            for each, content in self.pictures.items()
        )
        cover = CoverSheet(
            patient_name=request.patient_name,
            nhs_number="9990000018",
            born=None,
            recipient=request.recipient,
            row=self.rules.rows[request.requester],
            mode=Mode.MARKED,
            purpose="",
            received=request.received,
            made=self.clock.now(),
            signed_by=("canary officer",),
            organisation="The practice",
            counts={"release": len(images), "redact": 1},
            checked=(),
            not_checked=(),
        )
        kept_back = {"resourceType": "Media", "id": KEPT_BACK, "content": {"title": f"{KEPT_BACK}.jpg"}}
        return ToSend(
            digest=self.digest,
            contents=PackageContents(lambda: [Part("record", line) for line in lines], images, cover),
            needles=what_to_look_for([kept_back]),
        )

    def sign(self, request: DisclosureRequest | None = None, session: ClinicalSession | None = None) -> IntentId:
        """The last signature: the request waits to be made, with its hold in place."""
        request = request or signed_request()
        with self.work.transaction():
            self.requests.add(request)
            self.holds.add(Hold(request.id, HoldKind.ACCESS_REQUEST, request.fhir_base, self.patient, START, OFFICER))
            here = replace(at_the_desk(), fhir_base=request.fhir_base, patient_id=request.patient)
            return start(self.parts, session or here, request)

    def send(self, request: DisclosureRequest | None = None) -> Intent:
        return self.engine.run(self.sign(request))

    def events(self) -> list[Json]:
        return self.record.search("AuditEvent", {"patient": self.patient})

    def provenances(self) -> list[Json]:
        return self.record.search("Provenance", {})

    def held(self) -> bool:
        return bool(self.holds.of_patient(self.record.base, self.patient))

    def _record_of(self, launch: LaunchId) -> ClinicalRecord:
        if launch in self.signed_out:
            raise SignInNeeded("launch again")
        return self.record
