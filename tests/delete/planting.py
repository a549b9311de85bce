"""An installation in memory whose vault, database and record agree; and every way in which they may not, planted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fhir_plugin.delete.disagreement import Kind, Sources
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.delete.tell import KIND, Tellings, tell
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.ledger.intents import Intent, IntentState, Outcome
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
from mappings.model.identifiers import CaptureId, FhirBase, IntentId, LaunchId, PatientId, Reference, VaultId
from mappings.model.kept import KeptImage
from mappings.r4.hidden_stub import Form, hidden_stub
from mappings.r4.tombstone import to_tombstone
from mappings.terminology import systems
from tests.delete.destroying_bench import DestroyingBench
from tests.fakes.clock import FakeClock
from tests.fakes.record import FakeRecord

BASE: Final = FhirBase("https://ehr.example/fhir")
BY: Final = Reference("Practitioner/gp")
S = DeletionState

Planted = tuple[Kind, str]


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
        self.record.put(_media(number, patient) | more)
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

    def _sweep(self) -> int:
        swept, self.keyless = len(self.keyless), set()
        return swept

    # ------------------------------------------------------------------------------------------ what is not

    def plant(self, kind: Kind) -> Planted:
        return kind, str(_PLANTS[kind](self))


def _media(number: int, patient: PatientId) -> Json:
    return {
        "resourceType": "Media",
        "id": f"m{number}",
        "identifier": [{"system": systems.IMAGE, "value": f"i{number}"}],
        "status": "completed",
        "subject": {"reference": f"Patient/{patient}"},
        "issued": "2026-03-04T10:00:00Z",
        "content": {"contentType": "image/jpeg", "url": f"Binary/b{number}"},
    }


def _orphan(world: World) -> str:
    number, _ = world.next()
    compartments = [Compartment.CLEAN, Compartment.AUDIT_COPY, Compartment.OPINION, Compartment.THUMBNAIL]
    return world.put(compartments[number % len(compartments)], f"nobody-{number}")


def _keyless(world: World) -> str:
    number, _ = world.next()
    world.keyless.add(f"{number:032x}")
    return f"{number:032x}"


def _empty(world: World) -> str:
    number, _ = world.next()
    world.empty.add(VaultId(f"{number:032x}"))
    return f"{number:032x}"


def _unreadable(world: World) -> str:
    """However many there are, it is said once of an EHR."""
    world.unreadable += 1
    return BASE


def _without_bytes(world: World) -> str:
    reference = world.image()
    image = world.hidden(reference)
    assert image.content is not None
    world.parts.vault.destroy(image.content)
    return reference


def _without_plan(world: World) -> str:
    number, _ = world.next()
    # Of somebody whose record nobody looks at: what is under way there is left alone.
    intent = Intent(
        id=IntentId(f"intent-{number}"),
        kind="filing",
        subject=f"capture-{number}",
        fhir_base=BASE,
        patient=PatientId("somebody-else"),
        user=BY,
        launch=LaunchId("launch-x"),
        created=world.clock.now(),
        state=IntentState.UNRESOLVED,
        plan=VaultId("f" * 32),
    )
    world.parts.ledger.add(intent)
    return intent.id


def _picture_of_ended(world: World) -> str:
    return world.put(Compartment.CASE, world.case(S.REJECTED).id)


def _destroyed_in_vault(world: World) -> str:
    number, _ = world.next()
    world.owners.add(f"capture-{number}")
    left = world.put(Compartment.CLEAN, f"capture-{number}")
    world.destroyed(vault_items=[left])
    return left


def _destroyed_in_register(world: World) -> str:
    item = world.destroyed()
    world.keep(item.image.reference, world.everybody[world.count % len(world.everybody)])
    return item.image.reference


def _destroyed_without_case(world: World) -> str:
    number, _ = world.next()
    world.log(f"lost-{number}", Reference(f"Media/lost-{number}"))
    return f"lost-{number}"


def _certificate_without_case(world: World) -> str:
    number, patient = world.next()
    name = CertificateNumber(f"forged {number}")
    world.parts.cases.certify(
        Certificate(name, BASE, patient, CaseId("none"), ItemId(f"none-{number}"), world.clock.now(), {}, "jws")
    )
    return name


def _stuck(world: World) -> str:
    reference = world.image()
    world.hidden(reference, pending=f"ended-{reference}")
    return reference


def _kept_without_resource(world: World) -> str:
    number, patient = world.next()
    world.keep(Reference(f"Media/never-{number}"), patient)
    return f"Media/never-{number}"


def _kept_of_another(world: World) -> str:
    return world.image(subject={"reference": "Patient/somebody-else"})


def _bytes_gone(world: World) -> str:
    return world.image(binary=False)


def _hidden_shows(world: World) -> str:
    reference = world.image()
    world.hidden(reference, stub=False)
    return reference


def _stub_without_hidden(world: World) -> str:
    reference = world.image()
    world.hidden(reference, row=False)
    return reference


def _destroyed_shows(world: World) -> str:
    item = world.destroyed()
    number = int(item.image.reference.removeprefix("Media/m"))
    world.record.put(_media(number, world.everybody[number % len(world.everybody)]))
    return item.image.reference


def _tombstone(world: World) -> str:
    reference = world.image(kept=False)
    world.record.put(to_tombstone(world.record.read(*reference.split("/"))))
    return reference


def _thumbnail(world: World) -> str:
    """The resource is gone, too: that is the other half of it."""
    reference = world.image()
    left = world.put(Compartment.THUMBNAIL, kept_under(BASE, reference))
    world.record.delete(*reference.split("/"))
    return left


def _task_edited(world: World) -> str:
    item = world.case(S.ACCEPTED)
    assert item.task is not None
    task = world.record.read(*item.task.split("/"))
    world.record.put({**task, "status": "cancelled"})
    return item.id


def _task_gone(world: World) -> str:
    item = world.case(S.ACCEPTED)
    assert item.task is not None
    world.record.delete(*item.task.split("/"))
    return item.id


def _task_not_told(world: World) -> str:
    """Either it never was, or it has gone on since."""
    number, _ = world.next()
    if number % 2:
        return world.case(S.ACCEPTED, told=False).id
    item = world.case(S.ACCEPTED)
    case = world.parts.cases.get(CaseId(f"case-{world.count}"))
    after = replace(case, items=(replace(item, state=S.CANCELLED, approval=None),), revision=case.revision + 1)
    world.parts.cases.save(after)
    return item.id


def _task_without_case(world: World) -> str:
    item = world.case()
    assert item.task is not None
    task = world.record.read(*item.task.split("/"))
    group = {**task["groupIdentifier"], "value": "another installation's"}
    forged = {**task, "id": f"forged-{world.count}", "groupIdentifier": group, "identifier": []}
    world.record.put(forged)
    return f"Task/forged-{world.count}"


_PLANTS: Final[dict[Kind, Callable[[World], str]]] = {
    Kind.VAULT_WITHOUT_OWNER: _orphan,
    Kind.BYTES_WITHOUT_KEY: _keyless,
    Kind.KEY_WITHOUT_BYTES: _empty,
    Kind.CASES_UNREADABLE: _unreadable,
    Kind.HIDDEN_WITHOUT_BYTES: _without_bytes,
    Kind.ORDER_WITHOUT_PLAN: _without_plan,
    Kind.PICTURE_OF_ENDED: _picture_of_ended,
    Kind.DESTROYED_IN_VAULT: _destroyed_in_vault,
    Kind.DESTROYED_IN_REGISTER: _destroyed_in_register,
    Kind.DESTROYED_WITHOUT_CASE: _destroyed_without_case,
    Kind.DESTROYED_WITHOUT_LOG: lambda world: world.destroyed(log=False).id,
    Kind.DESTROYED_WITHOUT_CERTIFICATE: lambda world: world.destroyed(certificate=False).id,
    Kind.CERTIFICATE_WITHOUT_CASE: _certificate_without_case,
    Kind.HIDING_STUCK: _stuck,
    Kind.KEPT_WITHOUT_RESOURCE: _kept_without_resource,
    Kind.KEPT_OF_ANOTHER: _kept_of_another,
    Kind.RESOURCE_WITHOUT_REGISTER: lambda world: world.image(kept=False),
    Kind.BYTES_GONE: _bytes_gone,
    Kind.HIDDEN_SHOWS: _hidden_shows,
    Kind.STUB_WITHOUT_HIDDEN: _stub_without_hidden,
    Kind.DESTROYED_SHOWS: _destroyed_shows,
    Kind.TOMBSTONE_WITHOUT_DESTRUCTION: _tombstone,
    Kind.THUMBNAIL_WITHOUT_IMAGE: _thumbnail,
    Kind.TASK_EDITED: _task_edited,
    Kind.TASK_GONE: _task_gone,
    Kind.TASK_NOT_TOLD: _task_not_told,
    Kind.TASK_WITHOUT_CASE: _task_without_case,
}
