"""An image that was destroyed, over fakes, and how it is proven: for the tests of the proof."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Any, cast

from fhir_plugin.delete.needles import Needles, needles_of
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.prove import prove
from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ports import ClinicalRecord, RecordPurge
from mappings.model.deletion import (
    BoundImage,
    CaseId,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    ItemId,
    Looked,
    Proof,
)
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from mappings.r4.tombstone import to_tombstone
from tests.fakes.chart_copies import FakeChartCopies
from tests.fakes.clock import START, FakeClock
from tests.fakes.deletion_cases import FakeDeletionCases
from tests.fakes.destruction_log import FakeDestructionLog
from tests.fakes.hidden_images import FakeHiddenImages
from tests.fakes.kept_images import FakeKeptImages
from tests.fakes.record import FakeRecord
from tests.fakes.record_purge import FakeRecordPurge
from tests.fakes.signer import FakeStatementSigner
from tests.fakes.traces import FakeTraces
from tests.fakes.vault import FakeVault

Json = dict[str, Any]

HERE = FhirBase("https://ehr.example/fhir")
LAUNCH = LaunchId("launch-1")
AMY = PatientId("amy")
IMAGE, BINARY = Reference("Media/photo-1"), Reference("Binary/bytes-1")
PICTURE = b"\xff\xd8\xff\xe0" + b"".join(hashlib.sha256(b"canary %d" % each).digest() for each in range(200))
"""No picture, but as little like anything else as one."""
RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


def media(id: str = "photo-1", binary: str = "bytes-1", **more: Any) -> Json:
    """As it was filed."""
    return {
        "resourceType": "Media",
        "id": id,
        "meta": {"security": [RESTRICTED]},
        "identifier": [{"system": "urn:example:capture", "value": f"capture-of-{id}"}],
        "status": "completed",
        "subject": {"reference": f"Patient/{AMY}"},
        "content": {"contentType": "image/jpeg", "url": f"Binary/{binary}", "title": "canary title"},
        **more,
    }


@dataclass
class World:
    """A record with the image in it, and everything of ours around it. `destroy()` takes all of it away honestly."""

    record: Any = field(default_factory=FakeRecord)
    purge: Any = None
    clock: FakeClock = field(default_factory=FakeClock)
    traces: FakeTraces = field(default_factory=FakeTraces)
    needles: Needles | None = None

    def __post_init__(self) -> None:
        self.purge = self.purge or FakeRecordPurge(self.record)
        self.leases = 0
        self.vault = FakeVault(self.clock)
        self.kept, self.hidden = FakeKeptImages(), FakeHiddenImages()
        self.copies = FakeChartCopies()
        self.destroyed = FakeDestructionLog()
        self.record.put({"resourceType": "Patient", "id": str(AMY), "name": [{"text": "Amy Example"}]})
        self.record.create_binary(PICTURE, "image/jpeg", id="bytes-1", security_context=None)
        self.record.put(media())
        self.needles = needles_of([PICTURE], media(), self.vault)
        image = BoundImage(IMAGE, "1", self.vault.keyed_digest(PICTURE), (BINARY,))
        self.item = DeletionItem(ItemId("item-1"), image, DeletionState.IN_PROGRESS)
        self.case = DeletionCase(
            id=CaseId("case-1"),
            fhir_base=HERE,
            patient=AMY,
            revision=1,
            created=START,
            due=dt.date(2026, 12, 1),
            reason=DeletionReason.NO_CONSENT,
            items=(self.item,),
            requested_by=Reference("Practitioner/gp"),
        )

    def keep_lease(self) -> None:
        """As the engine does for a step that takes long."""
        self.leases += 1

    @property
    def parts(self) -> DeleteParts:
        nothing: Any = None
        return DeleteParts(
            work=nothing,
            cases=FakeDeletionCases(),
            hidden=self.hidden,
            copies=self.copies,
            vault=self.vault,
            audit=nothing,
            signer=FakeStatementSigner(),
            worker=nothing,
            ledger=nothing,
            engine=cast(Engine, self),
            queue=nothing,
            clock=self.clock,
            policy=nothing,
            records=lambda _launch: cast(ClinicalRecord, self.record),
            purges=lambda _launch: cast(RecordPurge, self.purge),
            patient=nothing,
            new_id=lambda: "number-1",
            worklist=nothing,
            holds=nothing,
            kept=self.kept,
            labels=nothing,
            background=nothing,
            traces=self.traces,
            destroyed=self.destroyed,
        )

    def destroy(self, *, tombstone: bool = False, purged: bool = True) -> World:
        """`tombstone`: it stays as the current version; `purged`: earlier versions are gone."""
        self.record.delete("Binary", "bytes-1")
        self.record.put(to_tombstone(media()))
        if not tombstone:
            self.record.delete("Media", "photo-1")
        if purged:
            self.record.forget_versions(IMAGE)
            self.record.forget_versions(BINARY)
        return self

    def proof(self) -> Proof:
        return prove(self.parts, LAUNCH, self.case, self.item, self.needles)


def place(proof: Proof, name: str) -> Looked:
    """The one place of that name."""
    (found,) = [each for each in proof.places if each.place == name]
    return found


def left(proof: Proof) -> set[str]:
    """The places that are not clean."""
    return {each.place for each in proof.places if not each.clean}
