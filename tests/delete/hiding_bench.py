"""Hiding over fakes: a chart with pictures in it, the gallery that clinicians look at, and the flow."""

from __future__ import annotations

from typing import Any

from fhir_plugin.delete.hide import Around, Hiding
from fhir_plugin.delete.hiding_order import KIND
from fhir_plugin.delete.hiding_plan import HidingActs
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.errors import NotFound
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.ports import ClinicalRecord, Compartment, VaultItem, kept_under
from mappings.model.hiding import HiddenImage, HidingReason
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession
from tests.fakes.background import InlineBackground
from tests.fakes.deletion_cases import FakeDeletionCases
from tests.fakes.destruction_log import FakeDestructionLog
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.queue import InlineQueue
from tests.fakes.record import FakeRecord
from tests.fakes.record_purge import FakeRecordPurge
from tests.fakes.traces import FakeTraces
from tests.keep.labelled import AMY, OURS, filed
from tests.work.test_practice import HERE, at

Json = dict[str, Any]

WHY = "She asked that nobody sees it"


class HidingBench(PracticeBench):
    """`asked_for`: what the app asked to destroy by itself; `stopped`: how often what shows it elsewhere was ended."""

    hiding: Hiding

    def __post_init__(self) -> None:
        super().__post_init__()
        plans: dict[str, PlanFor] = {}
        engine = Engine(store=self.ledger, work=self.work, clock=self.clock, plans=plans, owner="hiding")
        self.engine = engine
        self.cases = FakeDeletionCases(self.work)
        self.delete_parts = DeleteParts(
            work=self.work,
            cases=self.cases,
            hidden=self.hidden,
            copies=self.copies,
            vault=self.vault,
            audit=self.audit,
            signer=self.signer,
            worker=self.worker,
            ledger=self.ledger,
            engine=engine,
            queue=InlineQueue(),
            clock=self.clock,
            policy=self.policy,
            records=self._record_of,
            purges=lambda _launch: FakeRecordPurge(self._fake()),
            patient=lambda _session: AMY,
            new_id=self.parts.new_id,
            worklist=self.worklist,
            holds=self.holds,
            kept=self.kept,
            labels=self.labels,
            background=InlineBackground(),
            traces=FakeTraces(),
            destroyed=FakeDestructionLog(),
        )
        plans[KIND] = HidingActs(self.delete_parts)
        self.asked_for: list[Reference] = []
        self.stopped = 0
        self.hiding = Hiding(
            self.delete_parts,
            self.gallery,
            Around(self._stop, self._ask, lambda _session, _reference: ("Dr Shah filed it.",)),
        )

    def _fake(self) -> FakeRecord:
        assert isinstance(self.record, FakeRecord)
        return self.record

    def hide(
        self,
        reference: Reference = OURS,
        reason: HidingReason = HidingReason.PATIENT_ASKED,
        session: ClinicalSession | None = None,
    ) -> HiddenImage:
        return self.hiding.hide(session or at(), AMY, reference, reason, WHY)

    def restore(self, reference: Reference = OURS) -> HiddenImage:
        return self.hiding.restore(at(), AMY, reference, "She changed her mind")

    def wrong(self, reference: Reference = OURS) -> HiddenImage:
        return self.hiding.wrong_patient(at(), AMY, reference, "It is of another person")

    def row(self, reference: Reference = OURS) -> HiddenImage | None:
        return self.hidden.find(HERE, reference)

    def on_server(self, reference: Reference = OURS) -> Json:
        return self.record.read(*reference.split("/"))

    def bytes_of(self, binary: str = "Binary/b-m1") -> bytes:
        return self.record.read_binary(binary).content

    def in_vault(self, reference: Reference = OURS) -> list[VaultItem]:
        return self.vault.items(compartment=Compartment.HIDDEN, owner=kept_under(HERE, reference))

    def shown(self) -> set[Reference]:
        return {each.entry.reference for each in self.gallery.images(at())}

    def opens(self, reference: Reference = OURS) -> bool:
        """Whether anybody can get at its pixels in an ordinary way."""
        for look in (self.gallery.picture, self.gallery.thumbnail):
            try:
                look(at(), reference)
            except NotFound:
                continue
            return True
        return False

    def provenances(self, reference: Reference = OURS) -> list[Json]:
        return self.record.search("Provenance", {"target": reference})

    def later(self, minutes: int = 20) -> None:
        """What waits goes on, twice."""
        for _ in range(2):
            self.clock.advance(minutes=minutes)
            self.engine.run_due()

    def _stop(self, _session: ClinicalSession) -> None:
        self.stopped += 1

    def _ask(self, _session: ClinicalSession, image: HiddenImage) -> None:
        if image.reference not in self.asked_for:
            self.asked_for.append(image.reference)


def chart(record: ClinicalRecord | None = None, **changes: Any) -> HidingBench:
    """With one picture of ours, `OURS`, and a second, `Media/m2`."""
    bench = HidingBench(record=record or FakeRecord(), **changes)
    filed(bench)
    filed(bench, reference=Reference("Media/m2"))
    bench.gallery.thumbnail(at(), OURS)
    return bench


def without_server_words(resource: Json) -> Json:
    """A resource but for what a server writes itself."""
    meta = {name: each for name, each in resource["meta"].items() if name not in ("versionId", "lastUpdated")}
    return {**resource, "meta": meta}
