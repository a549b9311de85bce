"""Moving over: what is kept beside a chart goes into it under its own id, and is purged here; or it stays."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fhir_plugin.capability import Capability, VendorFacts
from fhir_plugin.capture.moving import KIND, MovingOver, Movings
from fhir_plugin.errors import AnswerLost, RecordUnavailable, TooLarge
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.ports import Json
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.people import ClinicalSession
from mappings.model.writeback import ChartCopy, CopyState, Rung
from tests.capture.bench import SESSION, Bench
from tests.fakes.clock import START
from tests.fakes.record import FakeRecord, Lie

IMAGE, BYTES = Reference("Media/m1"), b"\xff\xd8\xff" + bytes(range(256)) * 8
LATE = Reference("DocumentReference/copy-1")


@dataclass
class Places:
    """`TwoPlaces` over two fakes."""

    there: FakeRecord
    here: FakeRecord

    def kept(self, known: Collection[Reference] | None = None) -> list[Reference]:
        return [Reference(f"{each['resourceType']}/{each['id']}") for each in self.here.stored()]

    def purge(self, reference: Reference) -> int:
        gone = len(self.here.versions_of(reference))
        self.here.delete(*reference.split("/"))
        self.here.forget_versions(reference)
        return gone


class Chart(FakeRecord):
    """`holds`: what it takes now."""

    def __init__(self, *holds: str, **more: Any) -> None:
        super().__init__(**more)
        self.holds = frozenset(holds)
        self.narrowed: Callable[[Capability], Capability] = lambda said: said

    def capability(self) -> Capability:
        said = super().capability()
        kept = {kind: offered for kind, offered in said.interactions.items() if kind in self.holds}
        return self.narrowed(replace(said, interactions=kept, update_create=said.update_create & self.holds))


class World:
    """`there` has learnt to hold `types`; the rest is kept beside it."""

    def __init__(self, *types: str, taken_back: bool = False, **more: Any) -> None:
        policy = replace(shipped_pack(), chart_copy_taken_back=taken_back)
        self.bench = Bench(policy=policy)
        self.chart, self.here = Chart(*types, **more), FakeRecord()
        self.places = Places(self.chart, self.here)
        plans: dict[str, PlanFor] = {}
        bench = self.bench
        self.engine = Engine(store=bench.ledger, work=bench.work, clock=bench.clock, plans=plans, owner="moving")
        parts = replace(bench.parts, engine=self.engine)
        plans[KIND] = Movings(parts, lambda _launch: self.places)
        self.moving = MovingOver(parts, lambda _launch: self.places)
        self.session: ClinicalSession = SESSION
        about = {"reference": f"Patient/{self.session.patient_id}"}
        self.here.create_binary(BYTES, "image/jpeg", id="b1", security_context=IMAGE)
        content = {"contentType": "image/jpeg", "url": "Binary/b1"}
        self.put("Media", "m1", status="completed", subject=about, content=content)
        self.put("Consent", "c1", status="active", patient=about)
        self.put("Provenance", "p1", target=[{"reference": IMAGE}], recorded="2026-01-01T00:00:00Z")

    def put(self, kind: str, id: str, **more: Any) -> None:
        label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
        self.here.put({"resourceType": kind, "id": id, "meta": {"security": [label]}, **more})

    def left(self) -> set[str]:
        return {f"{each['resourceType']}/{each['id']}" for each in self.here.stored()}

    def there(self) -> set[str]:
        return {f"{each['resourceType']}/{each['id']}" for each in self.chart.stored()}


ALL = ("Media", "Binary", "Consent", "Provenance", "DocumentReference", "QuestionnaireResponse")


def without_meta(resource: Json) -> Json:
    return {name: each for name, each in resource.items() if name != "meta"}


def test_what_the_chart_has_learnt_to_hold_goes_over_under_its_own_id_and_is_purged_here() -> None:
    world = World(*ALL)
    before = without_meta(world.here.read("Media", "m1"))
    assert world.moving.move(world.session) == {"moved": 3, "stay": 0}
    assert world.left() == set() and world.there() == {"Media/m1", "Binary/b1", "Consent/c1", "Provenance/p1"}
    assert without_meta(world.chart.read("Media", "m1")) == before
    assert world.chart.read_binary("Binary/b1").content == BYTES
    assert world.chart.read("Media", "m1")["meta"]["security"][0]["code"] == "R"
    assert world.here.versions_of(IMAGE) == {} and world.here.versions_of(Reference("Binary/b1")) == {}
    assert world.moving.move(world.session) == {"moved": 0, "stay": 0}


def test_what_it_does_not_hold_stays_and_an_image_never_goes_without_its_bytes() -> None:
    world = World("Media", "Consent", "DocumentReference")
    assert world.moving.move(world.session) == {"moved": 1, "stay": 2}
    assert world.left() == {"Media/m1", "Binary/b1", "Provenance/p1"}
    why = {each.reference: each.why for each in world.moving.kept(world.session)}
    assert why == {"Media/m1": "not-held", "Provenance/p1": "not-held"}


def test_where_the_server_gives_ids_of_its_own_everything_stays() -> None:
    world = World(*ALL, our_ids=False)
    assert world.moving.move(world.session) == {"moved": 0, "stay": 3}
    assert world.there() == set()
    assert {each.why for each in world.moving.kept(world.session)} == {"ids-of-its-own"}


def test_one_that_is_too_large_for_the_server_stays() -> None:
    world = World(*ALL)
    world.chart.narrowed = lambda said: replace(said, vendor=VendorFacts(name="small", max_body_bytes=1000))
    assert world.moving.move(world.session) == {"moved": 2, "stay": 1}
    assert world.left() == {"Media/m1", "Binary/b1"}


@pytest.mark.parametrize("lie", [Lie.STORES_NOTHING, Lie.CORRUPTS_BYTES, Lie.DROPS_LABELS])
def test_what_is_not_read_back_as_it_was_stays_and_is_taken_out_again(lie: Lie) -> None:
    world = World("Media", "Binary", "DocumentReference", lies=frozenset({lie}))
    assert world.moving.move(world.session)["moved"] == 0
    assert {"Media/m1", "Binary/b1"} <= world.left() and world.there() == set()
    assert world.here.read_binary("Binary/b1").content == BYTES


def test_what_the_server_refuses_is_tried_by_itself_once() -> None:
    world = World("Media", "Binary", "DocumentReference", refuses={"Media": TooLarge("no", status=413)})
    assert world.moving.move(world.session)["moved"] == 0 and world.there() == set()
    writes = world.chart.writes
    world.moving.resume_for(world.session)
    world.moving.move(world.session)
    assert world.chart.writes == writes
    world.chart._refuses = {}
    assert world.moving.move(world.session, again=True)["moved"] == 1


def test_somebody_elses_resource_under_that_id_is_never_written_over() -> None:
    world = World("Consent")
    world.chart.put({"resourceType": "Consent", "id": "c1", "status": "inactive"})
    assert world.moving.move(world.session)["moved"] == 0
    assert world.chart.read("Consent", "c1")["status"] == "inactive" and "Consent/c1" in world.left()


def test_what_is_changed_here_while_it_goes_over_stays_here_as_it_is_now() -> None:
    world = World("Consent")

    def change(_call: str, what: str) -> None:
        if what == "Consent/c1" and world.here.read("Consent", "c1")["status"] == "active":
            world.put("Consent", "c1", status="inactive")

    world.chart.after_write = change
    assert world.moving.move(world.session)["moved"] == 0
    assert world.here.read("Consent", "c1")["status"] == "inactive"
    assert world.there() == set()


@pytest.mark.parametrize(("taken_back", "state"), [(False, CopyState.IN_CHART), (True, CopyState.GONE)])
def test_what_becomes_of_the_copy_is_policy(taken_back: bool, state: CopyState) -> None:
    world = World(*ALL, taken_back=taken_back)
    world.chart.put({"resourceType": "DocumentReference", "id": "copy-1", "status": "current", "content": []})
    copy = ChartCopy(
        "copy-1", world.session.fhir_base, world.session.patient_id, IMAGE, ImageId("i"), CaptureId("c"), Rung.PDF,
        CopyState.IN_CHART, START, document=LATE,
    )  # fmt: skip
    world.bench.copies.save(copy)
    world.moving.move(world.session)
    assert [each.state for each in world.bench.copies.of_image(copy.fhir_base, IMAGE)] == [state]
    assert ("DocumentReference/copy-1" in world.there()) is not taken_back


@pytest.mark.parametrize("error", [RecordUnavailable("down"), AnswerLost("lost")])
@pytest.mark.parametrize("at", range(1, 9))
def test_it_goes_on_after_a_server_that_was_down(error: Exception, at: int) -> None:
    world = World(*ALL)
    calls = 0

    def fail(_call: str, _what: str) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise error

    world.chart.on_call = world.chart.after_write = fail
    world.moving.move(world.session)
    for _ in range(3):
        world.bench.clock.advance(minutes=20)
        world.engine.run_due()
        world.moving.move(world.session)
    assert world.left() == set() and world.there() == {"Media/m1", "Binary/b1", "Consent/c1", "Provenance/p1"}


def test_whoever_only_asks_for_photos_moves_nothing() -> None:
    world = World(*ALL)
    assert world.moving.move(replace(world.session, user=replace(world.session.user, roles=frozenset()))) == {
        "moved": 0,
        "stay": 0,
    }
