"""Vault, database and record, compared in both directions: every disagreement is found, nothing healthy is touched."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.delete.disagreement import MENDED, Kind
from fhir_plugin.delete.reconcile import Report, reconcile
from fhir_plugin.errors import RecordUnavailable, SignInNeeded, Tampered
from fhir_plugin.ports import Compartment
from mappings.model.deletion import DeletionState
from mappings.model.identifiers import LaunchId, Reference
from tests.delete.agreeing import BASE, World
from tests.delete.planting import Planted, plant_one

ALONGSIDE = {
    # Half of one disagreement is sometimes another: a thumbnail's image is gone, and its row is still there.
    Kind.THUMBNAIL_WITHOUT_IMAGE: Kind.KEPT_WITHOUT_RESOURCE,
}


KINDS = sorted(set(Kind) - {Kind.CASES_UNREADABLE})
"""Where requests cannot be opened, nothing is concluded from them: that is tried by itself."""


def told(report: Report) -> list[Planted]:
    return sorted((each.kind, str(each.what)) for each in report.findings)


def everything(world: World) -> dict[str, Any]:
    """All that any place holds, to be compared."""
    parts = world.parts
    return {
        "vault": {each.vault_id: parts.vault.get(each.vault_id) for each in parts.vault.items()},
        "kept": {each.reference: each for patient in world.everybody for each in parts.kept.of_patient(BASE, patient)},
        "hidden": {each.reference: each for each in parts.hidden.at(BASE)},
        "cases": {each.id: each for each in parts.cases.at(BASE)},
        "record": {f"{each['resourceType']}/{each['id']}": each for each in world.record.stored()},
        "log": parts.destroyed.entries(),
    }


def plant(world: World, kinds: list[Kind]) -> list[Planted]:
    planted = [plant_one(world, kind) for kind in kinds]
    for kind, what in list(planted):
        if kind is Kind.THUMBNAIL_WITHOUT_IMAGE:
            owner = next(each.owner for each in world.parts.vault.items() if each.vault_id == what)
            planted.append((ALONGSIDE[kind], owner.removeprefix(f"{BASE}/")))
    world.clock.advance(hours=2)
    return sorted(planted)


def test_where_all_agree_nothing_is_found_and_nothing_is_changed() -> None:
    world = World(patients=5)
    world.healthy(3)
    world.clock.advance(hours=2)
    before, writes = everything(world), world.record.writes
    for mend in (False, True):
        report = reconcile(world.sources, mend=mend)
        assert (report.findings, report.mended, report.unasked, report.asked) == ((), (), (), 5)
    assert everything(world) == before and world.record.writes == writes


def test_every_one_of_a_thousand_disagreements_is_found_and_nothing_healthy_is_harmed() -> None:
    world, kinds = World(patients=25), KINDS
    world.healthy(5)
    chosen = [kinds[number % len(kinds)] for number in range(1000)]
    random.Random(6).shuffle(chosen)
    healthy = everything(world)
    planted = plant(world, chosen)
    before, writes = everything(world), world.record.writes

    report = reconcile(world.sources)
    assert told(report) == planted and len({each for each, _ in planted}) == len(kinds)
    assert everything(world) == before and world.record.writes == writes, "looking changes nothing"
    assert report.unasked == ()

    mended = reconcile(world.sources, mend=True)
    assert told(mended) == planted
    assert {each.kind for each in mended.mended} <= MENDED | {Kind.VAULT_WITHOUT_OWNER}
    after = everything(world)
    for place in ("vault", "kept", "hidden", "cases", "record"):
        lost = {name: it for name, it in healthy[place].items() if after[place].get(name) != it}
        assert not lost, f"{place}: what was healthy is as it was"
    assert set(healthy["log"]) <= set(after["log"])

    world.parts.engine.run_due()  # what is told to the record anew
    again = reconcile(world.sources)
    assert told(again) == sorted((each.kind, str(each.what)) for each in mended.left)
    assert not {each.kind for each in again.findings} & MENDED


@settings(max_examples=12)
@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6), st.integers(1, 3))
def test_any_few_of_them_in_any_order_are_found(kinds: list[Kind], patients: int) -> None:
    world = World(patients=patients)
    world.healthy(1)
    planted = plant(world, kinds)
    assert told(reconcile(world.sources)) == planted


def test_what_may_be_the_only_copy_is_left_to_a_person() -> None:
    world = World(patients=2)
    held = [plant_one(world, Kind.VAULT_WITHOUT_OWNER)[1] for _ in range(8)]
    world.clock.advance(hours=2)
    report = reconcile(world.sources, mend=True)
    left = {each.vault_id: each.compartment for each in world.parts.vault.items()}
    assert set(map(str, left)) == {each.what for each in report.left} and 0 < len(left) < len(held)
    assert "thumbnail" not in left.values()


def test_where_requests_cannot_be_opened_nothing_is_concluded_from_them() -> None:
    world = World(patients=1)
    for kind in (
        Kind.DESTROYED_WITHOUT_CASE,
        Kind.CERTIFICATE_WITHOUT_CASE,
        Kind.TASK_WITHOUT_CASE,
        Kind.CASES_UNREADABLE,
    ):
        plant_one(world, kind)
    number, _ = world.next()
    left = world.owned(Compartment.CLEAN)
    world.log(f"lost-{number}", Reference(f"Media/lost-{number}"), [left])
    world.clock.advance(hours=2)
    report = reconcile(world.sources, mend=True)
    assert told(report) == [(Kind.CASES_UNREADABLE, BASE)]
    assert left in {each.vault_id for each in world.parts.vault.items()}, "it may be held"


def test_a_row_that_cannot_be_opened_is_a_row() -> None:
    world = World(patients=1)
    reference = Reference(plant_one(world, Kind.RESOURCE_WITHOUT_REGISTER)[1])

    def get(*_at: Any, **_more: Any) -> Any:
        raise Tampered("the row was changed")

    world.bench.kept.get = get  # type: ignore[method-assign]  # as a register whose row cannot be opened
    assert reconcile(world.sources, mend=True).findings == () and reference


def test_what_is_in_the_making_is_left_alone() -> None:
    world = World(patients=2)
    plant_one(world, Kind.VAULT_WITHOUT_OWNER)
    assert reconcile(world.sources).findings == ()


def test_an_owner_that_appears_meanwhile_saves_its_bytes() -> None:
    world = World(patients=2)
    for _ in range(4):
        plant_one(world, Kind.VAULT_WITHOUT_OWNER)
    world.clock.advance(hours=2)
    names = {each.owner for each in world.parts.vault.items()}
    asked: list[int] = []
    first = world.sources.owners

    def owners() -> frozenset[str]:
        asked.append(1)
        return first() if len(asked) == 1 else frozenset(names)

    object.__setattr__(world.sources, "owners", owners)
    assert reconcile(world.sources, mend=True).mended == ()
    assert {each.owner for each in world.parts.vault.items()} == names


@pytest.mark.parametrize("why", [SignInNeeded("launch"), RecordUnavailable("down")], ids=["sign-in", "down"])
def test_whoever_cannot_be_asked_is_told_and_nothing_is_concluded(why: Exception) -> None:
    world = World(patients=2)
    world.healthy(1)
    plant_one(world, Kind.KEPT_WITHOUT_RESOURCE)
    world.clock.advance(hours=2)

    def silent(_launch: LaunchId) -> Any:
        raise why

    object.__setattr__(world.parts, "records", silent)
    report = reconcile(world.sources)
    assert (report.findings, report.asked, len(report.unasked)) == ((), 0, 2)
    assert report.down is isinstance(why, RecordUnavailable)


def test_a_record_that_stops_half_way_concludes_nothing() -> None:
    world = World(patients=1)
    plant_one(world, Kind.KEPT_WITHOUT_RESOURCE)
    plant_one(world, Kind.RESOURCE_WITHOUT_REGISTER)
    world.clock.advance(hours=2)

    def down(call: str, _what: str) -> None:
        if call == "read_binary":
            raise RecordUnavailable("down")

    world.record.on_call = down
    assert reconcile(world.sources).findings == ()


def test_a_patient_of_whom_something_is_under_way_waits() -> None:
    world = World(patients=1)
    plant_one(world, Kind.KEPT_WITHOUT_RESOURCE)
    item = world.case(DeletionState.ACCEPTED, told=False)
    from fhir_plugin.delete.tell import tell

    case = world.parts.cases.at(BASE)[0]
    tell(world.parts, case, launch=LaunchId("launch of p0"), user=case.requested_by)
    report = reconcile(world.sources)
    assert report.findings == () and [each.why for each in report.unasked] == ["under-way"] and item.task is None


def test_what_is_mended_is_in_the_audit_chain() -> None:
    world = World(patients=2)
    kind, what = plant_one(world, Kind.PICTURE_OF_ENDED)
    world.clock.advance(hours=2)
    reconcile(world.sources, mend=True)
    entry = world.bench.audit.entries()[-1].entry
    assert (entry.action, entry.subject, entry.detail["kind"]) == ("reconcile.mended", what, kind)


def test_a_row_that_is_found_again_is_looked_at_when_its_time_comes() -> None:
    world = World(patients=1)
    _, what = plant_one(world, Kind.RESOURCE_WITHOUT_REGISTER)
    reconcile(world.sources, mend=True)
    (image,) = world.parts.kept.of_patient(BASE, world.everybody[0])
    assert image.reference == what and image.filed == dt.datetime(2026, 3, 4, 10, tzinfo=dt.UTC)
    assert image.retention_review is not None and image.retention_review > image.filed.date()
