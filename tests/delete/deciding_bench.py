"""People who ask for permanent deletion and decide about it, over the same fakes as destroying."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fhir_plugin.delete.decide import Decisions
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.request import Asked, Requests
from fhir_plugin.policy.choices import DeleteCosign
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from mappings.model.deletion import DeletionCase, DeletionItem, DeletionReason, ItemId, Principle
from mappings.model.identifiers import LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession, Patient, Role, User
from mappings.model.practice import Hold, HoldKind
from mappings.model.work import WorkItem, WorkKind
from tests.delete.destroying_bench import AMY, BASE, IMAGE, DestroyingBench

EIGHT = frozenset(Principle)
GP = User(Reference("Practitioner/gp"), "Dr Asks", frozenset({Role.CLINICIAN}))
COLLEAGUE = User(Reference("Practitioner/colleague"), "Dr Other", frozenset({Role.CLINICIAN}))
GUARDIAN = User(Reference("Practitioner/guardian"), "Dr Guards", frozenset({Role.CALDICOTT_GUARDIAN}))
DEPUTY = User(Reference("Practitioner/deputy"), "Dr Deputy", frozenset({Role.CALDICOTT_GUARDIAN}))
BOTH = User(Reference("Practitioner/gp"), "Dr Asks", frozenset({Role.CLINICIAN, Role.CALDICOTT_GUARDIAN}))
OFFICER = User(Reference("Practitioner/officer"), "Ms Privacy", frozenset({Role.PRIVACY_OFFICER}))
SAM = PatientId("sam")
COSIGNED = replace(shipped_pack(), delete_cosign=DeleteCosign.SENIOR_CLINICIAN)
"""The strict pack with a second signature."""


@dataclass
class DecidingBench:
    """`began`: what was handed on to be destroyed, at the chart."""

    policy: PolicyPack = field(default_factory=shipped_pack)

    def __post_init__(self) -> None:
        self.bench = DestroyingBench(policy=self.policy)
        self.bench.guardians = {GUARDIAN.reference, DEPUTY.reference}
        self.began: list[ItemId] = []
        self.requests = Requests(
            self.parts, seen_by=lambda _session, reference: [f"Dr Seen opened {reference}"], begin=self._begin
        )
        self.decisions = Decisions(self.parts)

    @property
    def parts(self) -> DeleteParts:
        return self.bench.parts

    def at(self, user: User, patient: PatientId = AMY, **more: Any) -> ClinicalSession:
        """A launch of this person at that chart."""
        return ClinicalSession(LaunchId(f"launch-{user.display}"), BASE, "ehr", patient, user, **more)

    def ask(
        self, user: User = GP, *, images: Sequence[Reference] = (IMAGE,), once: str = "", **more: Any
    ) -> DeletionCase:
        said: dict[str, Any] = {
            "reason": DeletionReason.OTHER,
            "words": "Taken by mistake.",
            "described": "DocumentReference/described",
            "gmc_looked_at": True,
            "instead": "Hiding would leave it on the server.",
            **more,
        }
        patient = Patient(AMY, "Amy Example", nhs_number="9990000018")
        return self.requests.ask(self.at(user), patient, Asked(dict.fromkeys(images, ""), **said), once=once)

    def approve(
        self, case: DeletionCase, user: User = GUARDIAN, number: int = 0, *, ticks: Collection[Principle] = EIGHT
    ) -> DeletionCase:
        """As on a page that showed `case`."""
        return self.decisions.approve(
            self.at(user, SAM), case.id, case.items[number].id, ticks, "It was nobody's.", revision=case.revision
        )

    def now(self, case: DeletionCase) -> DeletionCase:
        return self.parts.cases.get(case.id)

    def item(self, case: DeletionCase, number: int = 0) -> DeletionItem:
        return self.now(case).items[number]

    def hold(self, id: str = "hold-1", kind: HoldKind = HoldKind.LEGAL) -> None:
        with self.parts.work.transaction():
            self.parts.holds.add(Hold(id, kind, BASE, AMY, self.parts.clock.now(), OFFICER.reference))

    def waiting(self) -> dict[WorkKind, WorkItem]:
        """What is open on the worklist."""
        return {each.kind: each for each in self.parts.worklist.of_patient(BASE, AMY)}

    def actions(self, case: DeletionCase) -> list[str]:
        """Of the audit trail, about this case."""
        entries = self.bench.audit.entries(patient=f"Patient/{AMY}")
        return [each.entry.action for each in entries if each.entry.detail.get("case") == case.id]

    def _begin(self, _session: ClinicalSession, _case: DeletionCase, item: DeletionItem) -> None:
        self.began.append(item.id)
