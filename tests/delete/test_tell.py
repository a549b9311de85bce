"""The record is told how a request stands: after each step, over what was read, and never believed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.capability import Capability
from fhir_plugin.delete import tell as telling
from fhir_plugin.delete.lifecycle import Event, moved
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.standing import changed
from fhir_plugin.delete.tell import EDITED, GONE, KIND, Tellings, edited
from fhir_plugin.errors import AnswerLost, RecordRefused, RecordUnavailable, SignInNeeded
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.ledger.intents import IntentState, Outcome
from fhir_plugin.ports import Json
from mappings.model.deletion import CaseId, DeletionCase, DeletionItem, DeletionState, ItemId, Signed
from mappings.model.identifiers import IntentId, LaunchId, Reference
from mappings.r4.deletion_seal import sealed, sealed_revision
from mappings.r4.deletion_task import from_deletion_task
from tests.definitions.validator import issues
from tests.delete.destroying_bench import AMY, DestroyingBench
from tests.fakes.record import FakeRecord
from tests.mappings.deletions import a_case, an_item

S = DeletionState
GUARDIAN = Reference("Practitioner/guards")


@dataclass
class Desk:
    """One case of two images, over fakes."""

    record: FakeRecord

    def __post_init__(self) -> None:
        self.bench = DestroyingBench(record=self.record, fill=False)
        plans: dict[str, PlanFor] = {}
        bench = self.bench
        engine = Engine(store=bench.ledger, work=bench.work, clock=bench.clock, plans=plans, owner="test")
        self.parts: DeleteParts = replace(bench.parts, engine=engine)
        plans[KIND] = Tellings(self.parts)
        now = bench.clock.now()
        items = (an_item(), replace(an_item(), id=ItemId("item-2")))
        self.id = CaseId("case-1")
        bench.cases.add(a_case(*items, patient=AMY, created=now))

    @property
    def case(self) -> DeletionCase:
        return self.bench.cases.get(self.id)

    def tell(self) -> IntentId:
        with self.parts.work.transaction():
            return telling.tell(self.parts, self.case, launch=LaunchId("launch-1"), user=GUARDIAN)

    def told(self) -> Outcome | None:
        return self.parts.engine.run(self.tell()).outcome

    def step(self, event: Event, **changes: Any) -> None:
        """Something happens to the first image, and the record is told."""
        with self.parts.work.transaction():
            case = self.parts.cases.get(self.id, for_change=True)
            changed(self.parts, case, moved(case.items[0], event, at=self.parts.clock.now(), **changes))

    def approve(self) -> None:
        at = self.parts.clock.now()
        self.step(Event.APPROVED, approval=Signed(GUARDIAN, "Dr G", at), expires=at + dt.timedelta(days=14))
        assert self.told() is Outcome.DONE

    def task(self, number: int = 0) -> Json:
        return self.record.read("Task", str(self.item(number).task).split("/")[1])

    def item(self, number: int = 0) -> DeletionItem:
        return self.case.items[number]

    def edit(self, **elements: Any) -> None:
        self.record.put({**self.task(), **elements})

    def found(self) -> str:
        return edited(self.parts, self.record, self.case, self.item())


@pytest.fixture(params=[True, False], ids=["our ids", "the server's ids"])
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(FakeRecord(our_ids=request.param))


def test_every_step_is_told_and_is_valid(desk: Desk) -> None:
    assert desk.told() is Outcome.DONE
    assert from_deletion_task(desk.task()).state is S.REQUESTED
    desk.approve()
    read = from_deletion_task(desk.task())
    assert (read.state, read.owner) == (S.ACCEPTED, GUARDIAN)
    parent = next(each for each in desk.record.stored("Task") if "partOf" not in each)
    assert read.part_of == f"Task/{parent['id']}" and from_deletion_task(desk.task(1)).part_of == read.part_of
    assert len(desk.record.stored("Task")) == 3
    assert all(issues(each) == [] for each in desk.record.stored("Task"))
    assert desk.found() == ""


def test_nothing_is_written_where_nothing_changed(desk: Desk) -> None:
    desk.told()
    desk.step(Event.OPENED)
    before = desk.record.writes
    assert desk.told() is Outcome.DONE
    assert desk.record.writes == before + 1, "one image was opened: the parent says as before, and the other as well"


def test_told_twice_is_told_once(desk: Desk) -> None:
    assert desk.tell() == desk.tell()
    desk.told()
    writes = desk.record.writes
    desk.told()
    assert desk.record.writes == writes


EDITS: list[dict[str, Any]] = [
    {"status": "in-progress"},
    {"focus": {"reference": "Media/other"}},
    {"for": {"reference": "Patient/somebody-else"}},
    {"owner": {"reference": "Practitioner/another"}},
    {"input": []},
    {"note": [{"text": "wait"}]},
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: next(iter(edit)))
def test_an_edit_voids_the_approval_goes_to_a_person_and_is_told_anew(desk: Desk, edit: dict[str, Any]) -> None:
    desk.told()
    desk.approve()
    desk.edit(**edit)
    assert desk.found() == EDITED
    # Whatever is told next finds it, too: it is written down before the record is set right.
    assert desk.parts.engine.run(_again(desk)).outcome is Outcome.DONE
    item = desk.item()
    assert (item.state, item.approval, item.why) == (S.REQUESTED, None, EDITED)
    assert any(each.subject == desk.id for each in desk.bench.worklist.of_patient(desk.case.fhir_base, AMY))
    assert "deletion.task-edited" in [each.entry.action for each in desk.bench.audit.entries()]
    assert desk.found() == "" and from_deletion_task(desk.task()).state is S.REQUESTED
    assert desk.item(1).approval is None and desk.item(1).timeline == ()


def test_a_task_that_is_gone_is_no_approval(desk: Desk) -> None:
    desk.told()
    desk.approve()
    desk.record.delete("Task", desk.task()["id"])
    assert desk.found() == GONE
    assert desk.parts.engine.run(_again(desk)).outcome is Outcome.DONE
    assert desk.item().approval is None and desk.found() == ""


def test_an_older_task_put_back_is_an_edit(desk: Desk) -> None:
    desk.told()
    old = desk.task()
    desk.approve()
    desk.record.put(old)
    assert desk.found() == EDITED, "it is genuine, and out of date"


def test_another_items_task_put_over_it_is_an_edit(desk: Desk) -> None:
    desk.told()
    desk.record.put({**desk.task(1), "id": desk.task()["id"]})
    assert desk.found() == EDITED


def test_an_edited_parent_counts_for_all_images(desk: Desk) -> None:
    desk.told()
    desk.approve()
    parent = next(each for each in desk.record.stored("Task") if "partOf" not in each)
    desk.record.put({**parent, "status": "cancelled"})
    assert desk.found() == EDITED


def test_what_was_never_told_cannot_have_been_edited(desk: Desk) -> None:
    assert desk.found() == ""


def test_a_record_that_cannot_be_read_is_not_unedited(desk: Desk) -> None:
    desk.told()

    def down(_call: str, _what: str) -> None:
        raise RecordUnavailable("down")

    desk.record.on_call = down
    with pytest.raises(RecordUnavailable):
        desk.found()


def test_a_launch_that_may_not_read_tasks_knows_nothing(desk: Desk) -> None:
    desk.told()
    desk.record._types = desk.record._types - {"Task"}  # as if its scopes were narrower
    with pytest.raises(SignInNeeded):
        desk.found()


def test_a_launch_that_may_not_change_tasks_leaves_it_to_the_next(desk: Desk) -> None:
    desk.told()
    desk.step(Event.OPENED)
    capability = desk.record.capability

    def reading() -> Capability:
        whole = capability()
        return replace(whole, interactions={**whole.interactions, "Task": frozenset({"read", "search-type"})})

    def refuse(call: str, what: str) -> None:
        if call == "put":
            raise RecordRefused("forbidden", status=403, code="forbidden")

    desk.record.capability, desk.record.on_call = reading, refuse  # type: ignore[method-assign]  # narrower scopes
    intent = desk.parts.engine.run(desk.tell())
    assert intent.state is IntentState.WAITING_FOR_SIGN_IN
    desk.record.capability, desk.record.on_call = capability, lambda _call, _what: None  # type: ignore[method-assign]
    telling.resume_for(desk.parts, desk.bench.launch("launch-2"))
    assert desk.parts.engine.run(intent.id).outcome is Outcome.DONE
    assert from_deletion_task(desk.task()).state is S.RECEIVED


@pytest.mark.parametrize("lost", range(1, 4))
def test_a_lost_answer_is_asked_for_and_no_edit(desk: Desk, lost: int) -> None:
    desk.told()
    desk.step(Event.APPROVED, approval=Signed(GUARDIAN, "Dr G", desk.parts.clock.now()))
    counted = iter(range(1, 100))

    def lose(_call: str, _what: str) -> None:
        if next(counted) == lost:
            raise AnswerLost("lost")

    desk.record.after_write = lose
    assert desk.told() is Outcome.DONE
    assert desk.item().state is S.ACCEPTED and desk.found() == ""


def test_a_crash_between_writing_and_knowing_is_no_edit(desk: Desk) -> None:
    """The Task says more than we have written down, and the case has moved on meanwhile."""
    desk.told()
    desk.step(Event.OPENED)
    task, case = desk.task(), desk.case
    opened = {**task, "status": "received"}
    desk.record.put(sealed(opened, case.revision, desk.parts.vault.keyed_digest))
    desk.approve()
    assert desk.item().state is S.ACCEPTED and desk.item().approval is not None


def test_a_server_that_keeps_something_else_is_not_told_and_the_case_stands() -> None:
    record = FakeRecord()
    honest = record.put

    def forgetful(resource: Json, *, version: str | None = None) -> Any:
        return honest({name: each for name, each in resource.items() if name != "groupIdentifier"}, version=version)

    record.put = forgetful  # type: ignore[method-assign]  # a server that drops what it does not know
    desk = Desk(record)
    assert desk.told() is Outcome.NOTHING_CURRENT
    assert desk.item().state is S.REQUESTED and desk.bench.audit.entries()[-1].entry.action == "deletion.not-told"


@settings(max_examples=15)
@given(revision=st.integers(0, 10**9 - 1), other=st.integers(0, 10**9 - 1), flip=st.integers(0, 63))
def test_a_seal_is_of_one_text_and_one_revision(revision: int, other: int, flip: int) -> None:
    keyed = DestroyingBench(fill=False).vault.keyed_digest
    task = {"resourceType": "Task", "id": "x", "status": "accepted", "input": [{"valueString": "4"}]}
    whole = sealed(task, revision, keyed)
    assert sealed_revision(whole, keyed) == revision and sealed(whole, revision, keyed) == whole
    seal = whole["input"][-1]["valueString"]
    _, _, digest = seal.partition(".")
    changed_digit = "0" if digest[flip] != "0" else "1"
    for value in (
        f"{revision}.{digest[:flip]}{changed_digit}{digest[flip + 1 :]}",
        *([f"{other}.{digest}"] if other != revision else []),
        "",
        digest,
    ):
        broken = {**whole, "input": [*whole["input"][:-1], {**whole["input"][-1], "valueString": value}]}
        assert sealed_revision(broken, keyed) is None
    assert sealed_revision({**whole, "input": whole["input"] * 2}, keyed) is None
    assert sealed_revision(task, keyed) is None


def _again(desk: Desk) -> IntentId:
    """Another image of the request moves on."""
    with desk.parts.work.transaction():
        case = desk.parts.cases.get(desk.id, for_change=True)
        desk.parts.cases.save(replace(case, revision=case.revision + 1))
    return desk.tell()
