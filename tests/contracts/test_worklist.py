"""What `Worklist` promises, on the fake and on our own database; and that our database shows nothing of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import pytest

from fhir_plugin.adapters.worklist import DatabaseWorklist
from fhir_plugin.errors import NotFound, Tampered
from fhir_plugin.ports import UnitOfWork, Worklist
from mappings.model.identifiers import FhirBase, PatientId, Reference, WorkId
from mappings.model.work import WorkItem, WorkKind
from tests.conftest import OwnStores
from tests.fakes.clock import START, FakeClock
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.fakes.worklist import FakeWorklist

HERE, ELSEWHERE = FhirBase("https://ehr.example/fhir"), FhirBase("https://other.example/fhir")
CANARY = "canary that somebody wrote"


@dataclass(frozen=True)
class Lists:
    store: Worklist
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def lists(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Lists]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Lists(FakeWorklist(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        assert own.clock is clock
        yield Lists(DatabaseWorklist(own.database, own.masters), own.database)


def item(id: str = "w1", *, hours: float = 0, due: float = 24, **changed: object) -> WorkItem:
    created = START + dt.timedelta(hours=hours)
    plain = WorkItem(
        id=WorkId(id),
        kind=WorkKind.CALL_ME,
        fhir_base=HERE,
        patient=PatientId("p1"),
        subject=f"request-of-{id}",
        created=created,
        due=created + dt.timedelta(hours=due),
    )
    return replace(plain, **changed)  # type: ignore[arg-type]  # the caller names fields of WorkItem


WHOLE = item(
    owner=Reference("Practitioner/gp"),
    owner_name=f"{CANARY}, owner",
    cover=Reference("Practitioner/np"),
    cover_name=f"{CANARY}, cover",
    patient_name=f"{CANARY} – Zoë",
    words=f"{CANARY} in words",
    not_by=Reference("Practitioner/first"),
    done_at=START + dt.timedelta(hours=2, microseconds=7),
    done_by=Reference("Practitioner/np"),
    outcome="called",
)


def test_an_item_comes_back_whole(lists: Lists) -> None:
    assert all(getattr(WHOLE, field.name) for field in fields(WHOLE))
    assert lists.store.add(item()) == item()
    assert lists.store.get(WorkId("w1")) == item()
    lists.store.save(WHOLE)
    assert lists.store.get(WorkId("w1")) == WHOLE
    with lists.work.transaction():
        assert lists.store.get(WorkId("w1"), for_change=True) == WHOLE


def test_what_was_never_there_is_not_found_and_not_made_by_saving(lists: Lists) -> None:
    for ask in (lambda: lists.store.get(WorkId("w9")), lambda: lists.store.save(item("w9"))):
        with pytest.raises(NotFound):
            ask()
    assert lists.store.of_practice(HERE) == []


def test_there_is_one_open_item_of_each_kind_and_subject_at_an_ehr(lists: Lists) -> None:
    first = lists.store.add(item(subject="s"))
    assert lists.store.add(item("w2", subject="s", words="again")) == first
    others = [
        item("w3", subject="s", kind=WorkKind.DECLINED),
        item("w4", subject="another"),
        item("w5", subject="s", fhir_base=ELSEWHERE),
    ]
    assert [lists.store.add(each) for each in others] == others
    lists.store.save(replace(first, done_at=START, outcome="called"))
    again = item("w6", subject="s")
    assert lists.store.add(again) == again
    assert len(lists.store.of_practice(HERE)) == 3


def test_of_many_who_add_at_once_one_item_stays_and_everybody_gets_it(lists: Lists) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: lists.store.add(item(f"w{n}", subject="s")).id, range(16)))
    assert len(set(got)) == 1
    assert [each.id for each in lists.store.of_practice(HERE)] == [got[0]]


def test_an_item_of_the_past_does_not_stand_in_the_way_of_being_finished_again(lists: Lists) -> None:
    for id in ("w1", "w2"):
        one = lists.store.add(item(id, subject="s"))
        lists.store.save(replace(one, done_at=START))
    assert [each.id for each in lists.store.of_patient(HERE, PatientId("p1"), done=True)] == ["w1", "w2"]


def test_of_a_patient_the_longest_waiting_comes_first_and_nobody_elses(lists: Lists) -> None:
    for each in (
        item("new", hours=5, due=1),
        item("old"),
        item("done", hours=1, done_at=START),
        item("theirs", patient=PatientId("p2")),
        item("elsewhere", fhir_base=ELSEWHERE),
    ):
        lists.store.add(each)
    assert [each.id for each in lists.store.of_patient(HERE, PatientId("p1"))] == ["old", "new"]
    assert [each.id for each in lists.store.of_patient(HERE, PatientId("p1"), done=True)] == ["old", "done", "new"]


def test_of_a_practice_what_is_due_first_comes_first_and_only_that_ehrs(lists: Lists) -> None:
    for each in (
        item("later", due=48),
        item("sooner", hours=5, due=1),
        item("other-kind", due=2, kind=WorkKind.SOURCE),
        item("done", done_at=START),
        item("elsewhere", fhir_base=ELSEWHERE),
    ):
        lists.store.add(each)
    assert [each.id for each in lists.store.of_practice(HERE)] == ["other-kind", "sooner", "later"]
    assert [each.id for each in lists.store.of_practice(HERE, kind=WorkKind.SOURCE)] == ["other-kind"]


def test_late_is_open_and_past_its_time_at_any_ehr(lists: Lists) -> None:
    for each in (
        item("a", due=2),
        item("b", due=1, fhir_base=ELSEWHERE),
        item("just", due=3),
        item("not-yet", due=4),
        item("done", due=1, done_at=START),
    ):
        lists.store.add(each)
    assert [each.id for each in lists.store.late(START + dt.timedelta(hours=3))] == ["b", "a"]


def test_everything_joins_the_open_transaction(lists: Lists) -> None:
    class Crash(BaseException):
        pass

    lists.store.add(item())
    with pytest.raises(Crash), lists.work.transaction():
        lists.store.save(WHOLE)
        lists.store.add(item("w2"))
        raise Crash
    assert lists.store.of_practice(HERE) == [item()]


def test_our_database_shows_no_name_and_no_word(own: OwnStores) -> None:
    store = DatabaseWorklist(own.database, own.masters)
    store.add(WHOLE)
    with own.database.connection() as connection:
        rows = repr(connection.exec_driver_sql("SELECT * FROM work_items").all())
    assert CANARY not in rows and "Zo" not in rows and "called" not in rows and "first" not in rows
    assert CANARY not in repr(WHOLE)


@pytest.mark.parametrize(
    "change",
    ["patient = 'p2'", "fhir_base = 'https://other.example/fhir'", "owner = 'Practitioner/x'", "due = '2031-01-01'"],
)
def test_a_row_changed_past_the_app_does_not_open_and_spares_the_rest_of_the_list(own: OwnStores, change: str) -> None:
    store = DatabaseWorklist(own.database, own.masters)
    store.add(item())
    store.add(item("w2"))
    with own.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE work_items SET {change} WHERE id = 'w1'")
    with pytest.raises(Tampered):
        store.get(WorkId("w1"))
    assert [each.id for each in store.of_practice(HERE)] == ["w2"]
