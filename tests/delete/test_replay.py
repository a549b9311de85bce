"""After a restore of our own database nothing comes back that was destroyed; what is held or under way is untouched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.delete.replay import REPLAYED, replay
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.deletion import DeletionItem, DeletionState
from mappings.model.identifiers import VaultId
from tests.delete.agreeing import BASE, World

S = DeletionState
COPIES = (Compartment.THUMBNAIL, Compartment.AUDIT_COPY, Compartment.HIDDEN, Compartment.CLEAN)


def cases_of(world: World) -> int:
    return len(world.parts.cases.at(BASE)) + world.unreadable


def replayed(world: World) -> int:
    return replay(world.parts, lambda _base: cases_of(world))


def brought_back(world: World, item: DeletionItem, *, case_too: bool = True) -> set[VaultId]:
    """The log says that it is destroyed; the database has everything that it had before."""
    owner = kept_under(BASE, item.image.reference)
    left = {world.put(each, owner) for each in COPIES}
    elsewhere = world.put(Compartment.OPINION, "opinion-1")
    world.log(item.id if case_too else "lost", item.image.reference, [elsewhere])
    return left | {elsewhere}


def there(world: World) -> set[VaultId]:
    return {each.vault_id for each in world.parts.vault.items()}


@pytest.mark.parametrize("state", [S.REQUESTED, S.RECEIVED, S.ACCEPTED])
def test_a_request_from_before_holds_no_bytes_and_no_word(state: DeletionState) -> None:
    world = World(patients=1)
    world.healthy(1)
    healthy = there(world)
    item = world.case(state, told=False, title="left breast")
    picture = world.put(Compartment.CASE, item.id)
    case = next(each for each in world.parts.cases.at(BASE) if any(one.id == item.id for one in each.items))
    world.parts.cases.save(replace(case, items=(replace(item, picture=picture),), revision=2))
    back = brought_back(world, item)
    assert replayed(world) >= len(back)
    assert there(world) == healthy
    now = world.parts.cases.get(case.id).items[0]
    assert (now.title, now.picture, now.state) == ("", None, state)
    assert [each.event for each in now.timeline] == [REPLAYED]
    assert world.bench.audit.entries()[-1].entry.action == "destruction.replayed"
    assert replayed(world) == 0, "and twice"


def test_one_of_which_the_database_knows_nothing_any_more() -> None:
    world = World(patients=1)
    item = world.case(S.REJECTED, told=False)
    back = brought_back(world, item, case_too=False)
    replayed(world)
    assert not back & there(world)


def test_what_is_proven_to_be_gone_is_named_by_no_register() -> None:
    world = World(patients=1)
    item = world.destroyed(log=False)
    world.keep(item.image.reference, world.everybody[0])
    back = brought_back(world, item)
    replayed(world)
    assert not back & there(world) and world.parts.kept.of_patient(BASE, world.everybody[0]) == []
    assert replayed(world) == 0


@pytest.mark.parametrize("state", [S.IN_PROGRESS, S.FAILED, S.ON_HOLD])
def test_what_is_under_way_or_held_goes_on_under_its_own_checks(state: DeletionState) -> None:
    world = World(patients=1)
    back = brought_back(world, world.case(state, told=False, held_from=S.IN_PROGRESS))
    assert replayed(world) == 0 and back <= there(world)


def test_one_that_may_be_in_a_request_that_cannot_be_opened_waits() -> None:
    world = World(patients=1)
    world.unreadable = 1
    back = brought_back(world, world.case(S.REJECTED, told=False), case_too=False)
    assert replayed(world) == 0 and back <= there(world)


def test_without_a_log_nothing_is_asked() -> None:
    world = World(patients=1)
    world.healthy(0)
    before = there(world)
    assert replay(world.parts, lambda _base: 1 // 0) == 0 and there(world) == before
