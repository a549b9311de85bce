"""Two people in the same moment, on a database: exactly one of them decides, the other is told to look again.

1,000 races on demand (`--exhaustive`); the normal run has a few of each kind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from fhir_plugin.adapters.worklist import DatabaseWorklist
from fhir_plugin.delete.decide import Decisions
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.request import Requests
from fhir_plugin.delete.standing import void
from fhir_plugin.errors import PluginError
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.deletion import CaseId, DeletionCase, DeletionItem, DeletionState, ItemId, Principle
from mappings.model.identifiers import FhirBase, LaunchId
from mappings.model.people import ClinicalSession, User
from tests.conftest import OwnStores
from tests.contracts.test_deletion_cases import bare, own_cases
from tests.delete.deciding_bench import DEPUTY, GP, GUARDIAN
from tests.delete.destroying_bench import DestroyingBench
from tests.fakes.practice import FakeHolds

EIGHT = frozenset(Principle)
KINDS = ["approve-approve", "approve-reject", "approve-edit", "approve-cancel"]
Act = Callable[[], object]


@dataclass
class Room:
    """The services over a database; holds and what is not asked here are fakes."""

    own: OwnStores
    holds: FakeHolds = field(default_factory=FakeHolds)

    def __post_init__(self) -> None:
        own = self.own
        self.parts: DeleteParts = replace(
            DestroyingBench(fill=False).parts,
            work=own.database,
            cases=own_cases(own),
            audit=own.audit,
            vault=own.vault,
            worklist=DatabaseWorklist(own.database, own.masters),
            holds=self.holds,
            clock=own.clock,
            policy=shipped_pack(),
        )
        self.decisions = Decisions(self.parts)
        self.requests = Requests(self.parts, seen_by=lambda _s, _r: (), begin=lambda _s, _c, _i: None)

    def case(self, number: int, *, approved: bool) -> DeletionCase:
        case = bare(f"case-{number}", requested_by=GP.person)
        self.parts.cases.add(case)
        return self.approve(case, DEPUTY) if approved else case

    def at(self, user: User) -> ClinicalSession:
        return ClinicalSession(
            LaunchId(f"launch-{user.display}"), FhirBase("https://ehr.example/fhir"), "ehr", bare().patient, user
        )

    def approve(self, case: DeletionCase, user: User) -> DeletionCase:
        return self.decisions.approve(self.at(user), case.id, _item(case), EIGHT, "Yes.", revision=case.revision)


def _item(case: DeletionCase) -> ItemId:
    return case.items[0].id


def _acts(room: Room, kind: str, case: DeletionCase) -> tuple[Act, Act]:
    def approve(user: User) -> Act:
        return lambda: room.approve(case, user)

    def reject() -> object:
        return room.decisions.reject(room.at(DEPUTY), case.id, _item(case), "No.", revision=case.revision)

    def cancel() -> object:
        return room.requests.cancel(room.at(GP), case.id, _item(case), "No.", revision=case.revision)

    def edited() -> object:
        """The app finds another version of the image than was approved, while a Guardian takes the approval back."""
        return void(room.parts, case.id, _item(case), why="version-changed")

    def take_back() -> object:
        return room.decisions.take_back(room.at(GUARDIAN), case.id, _item(case), "No.", revision=case.revision)

    match kind:
        case "approve-approve":
            return approve(GUARDIAN), approve(DEPUTY)
        case "approve-reject":
            return approve(GUARDIAN), reject
        case "approve-cancel":
            return approve(GUARDIAN), cancel
        case _:
            return take_back, edited


def race(*acts: Act) -> list[object]:
    """Both at once. What each brought; a refusal is an answer, anything else fails the test."""
    start, answers = threading.Barrier(len(acts)), list[object]()

    def run(act: Act) -> None:
        start.wait()
        try:
            answers.append(act())
        except PluginError as refused:
            answers.append(refused)
        except BaseException as failed:
            answers.append(failed)
            raise

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _one_transition(room: Room, kind: str, number: int) -> None:
    case = room.case(number, approved=kind == "approve-edit")
    before = len(case.items[0].timeline)
    answers = race(*_acts(room, kind, case))
    refused = [each for each in answers if isinstance(each, PluginError)]
    assert len(answers) == 2
    assert len(refused) == 1, f"{kind}: {answers}"
    assert refused[0].code in ("answers-changed", "no-such-step")
    after = room.parts.cases.get(CaseId(case.id))
    item: DeletionItem = after.items[0]
    assert (after.revision, len(item.timeline)) == (case.revision + 1, before + 1)
    assert (
        item.state
        in {
            "approve-approve": {DeletionState.ACCEPTED},
            "approve-reject": {DeletionState.ACCEPTED, DeletionState.REJECTED},
            "approve-cancel": {DeletionState.ACCEPTED, DeletionState.CANCELLED},
            "approve-edit": {DeletionState.REQUESTED},
        }[kind]
    )
    assert (item.approval is not None) is (item.state is DeletionState.ACCEPTED)


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_at_once_one_decides(own: OwnStores, kind: str) -> None:
    room = Room(own)
    for number in range(5):
        _one_transition(room, kind, number)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_of_two_at_once_one_decides_a_thousand_times(own: OwnStores, kind: str) -> None:
    room = Room(own)
    for number in range(250):
        _one_transition(room, kind, number)


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("kind", KINDS)
def test_of_two_at_once_one_decides_on_postgresql(own_on_postgresql: OwnStores, kind: str) -> None:
    room = Room(own_on_postgresql)
    for number in range(25):
        _one_transition(room, kind, number)
