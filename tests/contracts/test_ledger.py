"""What `LedgerStore` promises, on the fake and on our own database."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from fhir_plugin.adapters.ledger_store import DatabaseLedger
from fhir_plugin.errors import NotFound, VersionConflict
from fhir_plugin.ledger.intents import (
    Direction,
    Intent,
    IntentState,
    LedgerStore,
    Outcome,
    StepRecord,
    StepState,
)
from fhir_plugin.ports import UnitOfWork
from mappings.model.identifiers import FhirBase, IntentId, LaunchId, PatientId, Reference, VaultId
from tests.fakes.clock import START, FakeClock
from tests.fakes.ledger import FakeLedger
from tests.fakes.unit_of_work import FakeUnitOfWork


@dataclass(frozen=True)
class Ledger:
    store: LedgerStore
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def ledger(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Ledger]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Ledger(FakeLedger(work), work)
    else:
        own = request.getfixturevalue(request.param)
        yield Ledger(DatabaseLedger(own.database, clock), own.database)


def intent(id: str = "i1", **changed: object) -> Intent:
    plain = Intent(
        id=IntentId(id),
        kind="capture",
        subject="c1",
        fhir_base=FhirBase("https://ehr.example/fhir"),
        patient=PatientId("p1"),
        user=Reference("Practitioner/gp"),
        launch=LaunchId("l1"),
        created=START,
    )
    return replace(plain, **changed)  # type: ignore[arg-type]  # the caller names fields of Intent


def test_an_intent_comes_back_as_it_was_saved(ledger: Ledger) -> None:
    ledger.store.add(intent())
    assert ledger.store.get(IntentId("i1")) == intent()
    changed = intent(
        state=IntentState.UNRESOLVED,
        direction=Direction.UNDOING,
        plan=VaultId("0" * 32),
        attempts=7,
        next_attempt=START + dt.timedelta(seconds=90),
        reason="answer-lost",
        message="Media/x did not answer",
        residue=("Binary/b remains", "Media/m was deleted"),
        launch=LaunchId("l2"),
    )
    ledger.store.save(changed)
    assert ledger.store.get(IntentId("i1")) == changed


def test_what_has_ended_never_changes(ledger: Ledger) -> None:
    ledger.store.add(intent())
    ended = intent(state=IntentState.ENDED, outcome=Outcome.DONE)
    ledger.store.save(ended)
    for wrong in (intent(), replace(ended, outcome=Outcome.NOTHING_CURRENT), ended):
        with pytest.raises(VersionConflict):
            ledger.store.save(wrong)
    assert ledger.store.get(IntentId("i1")) == ended


def test_what_is_not_there_is_not_found_and_not_made_by_saving(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        ledger.store.get(IntentId("nobody"))
    with pytest.raises(VersionConflict):
        ledger.store.save(intent("nobody"))
    assert ledger.store.unsettled() == []


def test_due_is_open_or_unresolved_whose_time_has_come_oldest_first(ledger: Ledger) -> None:
    def at(minutes: float) -> dt.datetime:
        return START + dt.timedelta(minutes=minutes)

    ledger.store.add(intent("late", created=at(3)))
    ledger.store.add(intent("early", created=at(1)))
    ledger.store.add(intent("again", created=at(2), state=IntentState.UNRESOLVED, next_attempt=at(10)))
    ledger.store.add(intent("not-yet", created=at(0), next_attempt=at(11)))
    ledger.store.add(intent("signed-out", created=at(0), state=IntentState.WAITING_FOR_SIGN_IN))
    ledger.store.add(intent("over", created=at(0), state=IntentState.ENDED, outcome=Outcome.DONE))
    assert ledger.store.due(at(10)) == ["early", "again", "late"]
    assert [each.id for each in ledger.store.unsettled()][-1] == "late"
    assert len(ledger.store.unsettled()) == 5


def test_waiting_is_for_exactly_this_user_patient_and_ehr(ledger: Ledger) -> None:
    mine = intent("mine", state=IntentState.WAITING_FOR_SIGN_IN)
    ledger.store.add(mine)
    ledger.store.add(replace(mine, id=IntentId("a"), user=Reference("Practitioner/other")))
    ledger.store.add(replace(mine, id=IntentId("b"), patient=PatientId("p2")))
    ledger.store.add(replace(mine, id=IntentId("c"), fhir_base=FhirBase("https://other.example/fhir")))
    ledger.store.add(replace(mine, id=IntentId("d"), state=IntentState.OPEN))
    found = ledger.store.waiting(fhir_base=mine.fhir_base, patient=mine.patient, user=mine.user)
    assert found == [mine]


def test_intents_of_one_subject(ledger: Ledger) -> None:
    ledger.store.add(intent("a"))
    ledger.store.add(intent("b", subject="c2"))
    assert [each.id for each in ledger.store.for_subject("c2")] == ["b"]


def test_a_lease_is_exclusive_until_it_expires_or_is_released(ledger: Ledger) -> None:
    store, one = ledger.store, IntentId("i1")
    store.add(intent())
    assert store.lease(one, "a", now=START, seconds=60)
    assert store.lease(one, "a", now=START, seconds=60)  # renewing
    assert not store.lease(one, "b", now=START + dt.timedelta(seconds=59), seconds=60)
    assert store.lease(one, "b", now=START + dt.timedelta(seconds=60), seconds=60)
    assert not store.lease(one, "a", now=START + dt.timedelta(seconds=61), seconds=60)
    store.release(one, "a")  # not a's to give
    assert not store.lease(one, "a", now=START + dt.timedelta(seconds=61), seconds=60)
    store.release(one, "b")
    assert store.lease(one, "a", now=START + dt.timedelta(seconds=61), seconds=60)
    assert not store.lease(IntentId("nobody"), "a", now=START, seconds=60)


def test_saving_does_not_touch_the_lease(ledger: Ledger) -> None:
    ledger.store.add(intent())
    assert ledger.store.lease(IntentId("i1"), "a", now=START, seconds=60)
    ledger.store.save(intent(attempts=1))
    assert not ledger.store.lease(IntentId("i1"), "b", now=START, seconds=60)


def test_of_many_who_ask_at_once_one_gets_the_lease(ledger: Ledger) -> None:
    ledger.store.add(intent())
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: ledger.store.lease(IntentId("i1"), f"w{n}", now=START, seconds=60), range(16)))
    assert got.count(True) == 1


def test_steps_come_back_in_their_order_and_are_overwritten_by_name(ledger: Ledger) -> None:
    ledger.store.add(intent())
    ledger.store.add(intent("i2"))
    second = StepRecord("second", StepState.DONE, {"reference": "Media/m", "version": "1"})
    ledger.store.save_step(IntentId("i1"), 2, second)
    ledger.store.save_step(IntentId("i1"), 0, StepRecord("first", StepState.TRYING))
    ledger.store.save_step(IntentId("i1"), 0, StepRecord("first", StepState.UNDONE))
    steps = ledger.store.steps(IntentId("i1"))
    assert list(steps.items()) == [("first", StepRecord("first", StepState.UNDONE)), ("second", second)]
    assert ledger.store.steps(IntentId("i2")) == {}


def test_everything_joins_the_open_transaction(ledger: Ledger) -> None:
    class Crash(BaseException):
        pass

    ledger.store.add(intent())
    with pytest.raises(Crash), ledger.work.transaction():
        ledger.store.add(intent("i2"))
        ledger.store.save(intent(attempts=1))
        ledger.store.lease(IntentId("i1"), "a", now=START, seconds=60)
        ledger.store.save_step(IntentId("i1"), 0, StepRecord("first", StepState.TRYING))
        raise Crash
    assert ledger.store.get(IntentId("i1")) == intent()
    assert [each.id for each in ledger.store.unsettled()] == ["i1"]
    assert ledger.store.steps(IntentId("i1")) == {}
    assert ledger.store.lease(IntentId("i1"), "b", now=START, seconds=60)


@pytest.mark.parametrize(
    ("state", "outcome"), list(itertools.product(IntentState, [None, *Outcome])), ids=lambda each: str(each)
)
def test_every_state_and_outcome_survives(ledger: Ledger, state: IntentState, outcome: Outcome | None) -> None:
    ledger.store.add(intent(state=state, outcome=outcome))
    assert ledger.store.get(IntentId("i1")) == intent(state=state, outcome=outcome)
