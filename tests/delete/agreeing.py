"""An installation in memory whose vault, database and record agree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fhir_plugin.delete.disagreement import Sources
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.delete.tell import KIND, Tellings, tell
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.ledger.intents import Outcome
from fhir_plugin.ports import Compartment, Destroyed, Json, kept_under
from mappings.model.deletion import (
    BoundImage,
    CaseId,
    Certificate,
    CertificateNumber,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    ItemId,
    Signed,
)
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import CaptureId, FhirBase, ImageId, LaunchId, PatientId, Reference, VaultId
from mappings.model.kept import KeptImage
from mappings.model.writeback import ChartCopy, CopyState, Rung
from mappings.r4.hidden_stub import Form, hidden_stub
from mappings.r4.tombstone import to_tombstone
from mappings.terminology import systems
from tests.delete.destroying_bench import DestroyingBench
from tests.fakes.clock import FakeClock
from tests.fakes.record import FakeRecord

BASE: Final = FhirBase("https://ehr.example/fhir")
BY: Final = Reference("Practitioner/gp")
S = DeletionState


class QuickRecord(FakeRecord):
    """Finds what is of a patient without copying everything: hundreds of them are looked at."""

    def search(self, resource_type: str, params: Any) -> list[Json]:
        about = f"Patient/{params['patient']}"
        found = [
            id
            for (kind, id), versions in self._versions.items()
            if kind == resource_type
            and about in ((versions[-1].get(each) or {}).get("reference") for each in ("subject", "for"))
        ]
        return [self.read(resource_type, id) for id in found]


@dataclass
class World:
    """One EHR, some patients. What is made here agrees; `plant` adds one disagreement and says which."""

    patients: int = 20
    count: int = 0
    owners: set[str] = field(default_factory=set)
    keyless: set[str] = field(default_factory=set)
    empty: set[VaultId] = field(default_factory=set)
    unreadable: int = 0

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.record = QuickRecord(self.clock)
        bench = DestroyingBench(record=self.record, clock=self.clock, fill=False)
        plans: dict[str, PlanFor] = {}
        engine = Engine(store=bench.ledger, work=bench.work, clock=self.clock, plans=plans, owner="test")
        self.parts = replace(bench.parts, engine=engine)
        self.bench = bench
        self.bench.vault.sweep = self._sweep  # type: ignore[method-assign]  # as files of a vault that has some
        plans[KIND] = Tellings(self.parts)
        self.everybody = [PatientId(f"p{number}") for number in range(self.patients)]
        self.sources = Sources(
            parts=self.parts,
            owners=lambda: frozenset(self.owners),
            patients=lambda: [(BASE, each) for each in self.everybody],
            launches=lambda _base, patient: [LaunchId(f"launch of {patient}")],
            cases=lambda base: len(self.parts.cases.at(base)) + self.unreadable,
            strays=lambda: (sorted(self.keyless), sorted(self.empty)),
        )

    # ------------------------------------------------------------------------------------------ what is healthy

    def next(self) -> tuple[int, PatientId]:
        self.count += 1
        return self.count, self.everybody[self.count % len(self.everybody)]

    def image(self, *, kept: bool = True, binary: bool = True, thumbnail: bool = False, **more: Any) -> Reference:
        """One that we filed."""
        number, patient = self.next()
        if binary:
            content = f"bytes {number}".encode()
            self.record.create_binary(content, "image/jpeg", id=f"b{number}", security_context=None)
        reference = Reference(f"Media/m{number}")
        self.record.put(media(number, patient) | more)
        if kept:
            self.keep(reference, patient)
        if thumbnail:
            self.put(Compartment.THUMBNAIL, kept_under(BASE, reference))
        return reference

    def keep(self, reference: Reference, patient: PatientId) -> None:
        self.parts.kept.keep(KeptImage(BASE, reference, patient, CaptureId(f"capture-{reference}"), self.clock.now()))

    def put(self, compartment: Compartment, owner: str) -> VaultId:
        return self.parts.vault.put(f"{owner} {compartment}".encode(), compartment=compartment, owner=owner)

    def owned(self, compartment: Compartment) -> VaultId:
        """Bytes of something that the database speaks of: a capture, an intent, a request for a copy."""
        number, _ = self.next()
        self.owners.add(f"owner-{number}")
        return self.put(compartment, f"disclosure/owner-{number}/record" if number % 2 else f"owner-{number}")

    def hidden(self, reference: Reference, *, stub: bool = True, row: bool = True, **more: Any) -> HiddenImage:
        resource = self.record.read(*reference.split("/"))
        patient = PatientId(resource["subject"]["reference"].split("/")[1])
        owner = kept_under(BASE, reference)
        image = HiddenImage(
            BASE,
            reference,
            patient,
            self.clock.now(),
            HidingState.HIDDEN,
            HidingReason.NOT_NEEDED,
            BY,
            content=self.put(Compartment.HIDDEN, owner) if row else None,
            resource=self.put(Compartment.HIDDEN, owner) if row else None,
        )
        if stub:
            self.record.put(
                hidden_stub(resource, act="act", form=Form.EMPTY, picture=neutral_picture(), wrong_patient=False)
            )
        if row:
            self.parts.hidden.keep(replace(image, **more))
        return image

    def case(self, state: DeletionState = S.REQUESTED, *, told: bool = True, **more: Any) -> DeletionItem:
        """A request about an image that is there, told to the record."""
        reference = self.image()
        return self.case_about(reference, state, told=told, **more)

    def case_about(self, reference: Reference, state: DeletionState, *, told: bool = True, **more: Any) -> DeletionItem:
        number = self.count
        patient = self.everybody[number % len(self.everybody)]
        now = self.clock.now()
        item = DeletionItem(
            id=ItemId(f"item-{number}"),
            image=BoundImage(reference, "1", "d" * 64),
            state=state,
            approval=Signed(BY, "Guardian", now) if state not in (S.REQUESTED, S.RECEIVED, S.REJECTED) else None,
            **more,
        )
        case = DeletionCase(
            id=CaseId(f"case-{number}"),
            fhir_base=BASE,
            patient=patient,
            revision=1,
            created=now,
            due=now.date() + dt.timedelta(days=14),
            reason=DeletionReason.OTHER,
            items=(item,),
            requested_by=BY,
        )
        self.parts.cases.add(case)
        if told:
            intent = tell(self.parts, case, launch=LaunchId(f"launch of {patient}"), user=BY)
            assert self.parts.engine.run(intent).outcome is Outcome.DONE
        return self.parts.cases.get(case.id).items[0]

    def destroyed(
        self,
        *,
        log: bool = True,
        certificate: bool = True,
        tombstone: bool = True,
        vault_items: Sequence[VaultId] = (),
    ) -> DeletionItem:
        """One that was permanently deleted: proven, certified, logged."""
        reference = self.image(kept=False)
        resource = self.record.read(*reference.split("/"))
        if tombstone:
            self.record.put(to_tombstone(resource))
        else:
            self.record.delete(*reference.split("/"))
        number = CertificateNumber(f"certificate {self.count}")
        item = self.case_about(reference, S.COMPLETED, certificate=number)
        patient = self.everybody[self.count % len(self.everybody)]
        if certificate:
            case = CaseId(f"case-{self.count}")
            self.parts.cases.certify(Certificate(number, BASE, patient, case, item.id, self.clock.now(), {}, "jws"))
        if log:
            self.log(item.id, reference, vault_items)
        return item

    def log(self, item: str, reference: Reference, vault_items: Sequence[VaultId] = ()) -> None:
        self.parts.destroyed.append(Destroyed(self.clock.now(), item, BASE, reference, tuple(vault_items), "d" * 64))

    def healthy(self, rounds: int) -> None:
        """Everything that this app leaves behind, `rounds` times."""
        for _ in range(rounds):
            self.image(thumbnail=True)
            self.image(kept=False, identifier=[{"system": "https://elsewhere.example", "value": "theirs"}])
            foreign = f"{BASE}/Media/foreign-{self.next()[0]}"
            self.put(Compartment.THUMBNAIL, foreign)
            for compartment in (Compartment.QUARANTINE, Compartment.CLEAN, Compartment.DRAFT, Compartment.PACKAGE_PART):
                self.owned(compartment)
            self.hidden(self.image())
            here_only = self.image()
            self.hidden(here_only, stub=False, state=HidingState.HIDDEN_HERE_ONLY)
            waiting = self.case(S.ACCEPTED)
            self.put(Compartment.CASE, waiting.id)
            self.put(Compartment.CASE, f"needles/{waiting.id}")
            failed = self.case(S.FAILED, purged=("vault",))
            self.log(failed.id, failed.image.reference, [self.put(Compartment.AUDIT_COPY, str(failed.id))])
            self.case(S.REJECTED)
            self.destroyed()
            self.destroyed(tombstone=False)

            self.copied(self.image())
            hidden = self.image()
            self.hidden(hidden)
            taken = self.copied(hidden, CopyState.TAKEN_BACK)
            self.put(Compartment.HIDDEN, kept_under(BASE, taken))
            self.copied(self.destroyed().image.reference, CopyState.REMOVE_BY_HAND)
            self.copied(self.destroyed().image.reference, CopyState.GONE, there=False)

    def copied(
        self,
        image: Reference,
        state: CopyState = CopyState.IN_CHART,
        *,
        there: bool = True,
        known: bool = True,
    ) -> Reference:
        """A copy of an image in its patient's chart; one that was taken back is a tombstone there."""
        number = self.count
        patient = self.everybody[number % len(self.everybody)]
        document = Reference(f"DocumentReference/copy-{number}")
        resource: Json = {
            "resourceType": "DocumentReference",
            "id": f"copy-{number}",
            "identifier": [{"system": systems.CHART_COPY, "value": f"copy-{number}"}],
            "status": "current",
            "subject": {"reference": f"Patient/{patient}"},
            "content": [{"attachment": {"contentType": "application/pdf", "data": "JVBERi0="}}],
            "context": {"related": [{"identifier": {"system": systems.IMAGE, "value": f"i{number}"}}]},
        }
        if there:
            self.record.put(to_tombstone(resource) if state is CopyState.TAKEN_BACK else resource)
        if known:
            self.parts.copies.save(
                ChartCopy(
                    f"copy-{number}", BASE, patient, image, ImageId(f"i{number}"), CaptureId("c"), Rung.PDF, state,
                    self.clock.now(), document=document,
                )
            )  # fmt: skip
        return document

    def _sweep(self) -> int:
        swept, self.keyless = len(self.keyless), set()
        return swept


def media(number: int, patient: PatientId) -> Json:
    """A photograph of theirs, as the record holds it."""
    return {
        "resourceType": "Media",
        "id": f"m{number}",
        "identifier": [{"system": systems.IMAGE, "value": f"i{number}"}],
        "status": "completed",
        "subject": {"reference": f"Patient/{patient}"},
        "issued": "2026-03-04T10:00:00Z",
        "content": {"contentType": "image/jpeg", "url": f"Binary/b{number}"},
    }
