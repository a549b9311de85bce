"""What the store of second opinions promises, on the fake and on our own database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.second_opinions import DatabaseSecondOpinions
from fhir_plugin.adapters.tables import second_opinions
from fhir_plugin.errors import NotFound, Tampered
from fhir_plugin.keep.opinion import LIVE, OpinionAct, OpinionPurpose, OpinionState, SecondOpinion, SecondOpinions
from fhir_plugin.ports import UnitOfWork
from mappings.model.consent import ConsentAnswer
from mappings.model.identifiers import FhirBase, OpinionId, PatientId, Reference, VaultId
from tests.conftest import OwnStores
from tests.fakes.clock import START, FakeClock
from tests.fakes.second_opinions import FakeSecondOpinions
from tests.fakes.unit_of_work import FakeUnitOfWork

HERE = FhirBase("https://ehr.example/fhir")
CANARY = "canary that nobody may read"
HOUR = dt.timedelta(hours=1)
FULL = SecondOpinion(
    id=OpinionId("o1"),
    fhir_base=HERE,
    patient=PatientId("amy"),
    image=Reference("Media/one"),
    asker=Reference("Practitioner/gp"),
    recipient=Reference("Practitioner/nurse"),
    created=START,
    expires=START + 72 * HOUR,
    purpose=OpinionPurpose.TREATMENT,
    consent=ConsentAnswer.GIVEN,
    policy="strict/1",
    state=OpinionState.ACCEPTED,
    image_version="3",
    asker_name=f"Dr {CANARY}",
    recipient_name=f"Nurse {CANARY}",
    reason=CANARY,
    anonymised=False,
    identified_reason=CANARY,
    patient_name=CANARY,
    sensitive=True,
    copy=VaultId("v1"),
    copy_digest="d1",
    accepted_at=START + HOUR,
    ended_at=START + 2 * HOUR,
    opened=4,
    answer=CANARY,
    untold=(OpinionAct("opinion.asked", START, Reference("Practitioner/gp")), OpinionAct("opinion.expired", START)),
)


@dataclass(frozen=True)
class Shelf:
    opinions: SecondOpinions
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def shelf(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Shelf]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Shelf(FakeSecondOpinions(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        yield Shelf(DatabaseSecondOpinions(own.database, own.masters), own.database)


def test_what_was_kept_comes_back_whole(shelf: Shelf) -> None:
    assert all(getattr(FULL, field.name) != field.default for field in fields(FULL))
    for opinion in (FULL, replace(FULL, id=OpinionId("o2"), copy=None, accepted_at=None, ended_at=None)):
        shelf.opinions.add(opinion)
        assert shelf.opinions.get(opinion.id) == opinion
        changed = replace(opinion, state=OpinionState.ANSWERED, answer="Eczema.")
        shelf.opinions.save(changed)
        with shelf.work.transaction():
            assert shelf.opinions.get(opinion.id, for_change=True) == changed


def test_a_patients_newest_first_and_nobody_elses(shelf: Shelf) -> None:
    later = replace(FULL, id=OpinionId("o2"), created=START + HOUR)
    other = replace(FULL, id=OpinionId("o3"), patient=PatientId("sam"))
    elsewhere = replace(FULL, id=OpinionId("o4"), fhir_base=FhirBase("https://other.example/fhir"))
    for each in (FULL, later, other, elsewhere):
        shelf.opinions.add(each)
    assert shelf.opinions.of_patient(HERE, PatientId("amy")) == [later, FULL]


def test_live_is_what_has_not_ended_soonest_first(shelf: Shelf) -> None:
    for number, state in enumerate(OpinionState):
        shelf.opinions.add(replace(FULL, id=OpinionId(state.value), state=state, expires=START - number * HOUR))
    assert shelf.opinions.live() == ["accepted", "asked"]
    assert set(shelf.opinions.live()) == {state.value for state in LIVE}
    assert shelf.opinions.overdue(START - HOUR) == ["accepted"]
    assert shelf.opinions.overdue(START - 2 * HOUR) == []


def test_what_is_not_there_is_not_found_and_an_undone_transaction_leaves_nothing(shelf: Shelf) -> None:
    class UndoneError(Exception):
        pass

    with pytest.raises(NotFound):
        shelf.opinions.get(FULL.id)
    with pytest.raises(NotFound):
        shelf.opinions.save(FULL)
    with pytest.raises(UndoneError), shelf.work.transaction():
        shelf.opinions.add(FULL)
        raise UndoneError
    assert shelf.opinions.live() == []


def test_nothing_that_speaks_about_a_person_is_readable(own: OwnStores) -> None:
    DatabaseSecondOpinions(own.database, own.masters).add(FULL)
    found = [path.name for path in own.state.rglob("*") if path.is_file() and b"canary" in path.read_bytes()]
    assert found == []
    assert "canary" not in repr(FULL)


@pytest.mark.parametrize(
    ("column", "value"),
    [("patient", "sam"), ("recipient", "Practitioner/me"), ("state", "asked"), ("expires", START + 900 * HOUR)],
)
def test_a_row_that_was_changed_past_the_app_opens_nothing(own: OwnStores, column: str, value: object) -> None:
    store = DatabaseSecondOpinions(own.database, own.masters)
    store.add(FULL)
    with own.database.writing() as connection:
        connection.execute(sa.update(second_opinions).values({column: value}))
    with pytest.raises(Tampered):
        store.get(FULL.id)


def test_rotation_seals_every_opinion_again(own: OwnStores) -> None:
    store = DatabaseSecondOpinions(own.database, own.masters)
    store.add(FULL)
    both = MasterKeys.add_to_file(own.state / "master.key")
    again = DatabaseSecondOpinions(own.database, both)
    assert (again.rotate_master(), again.rotate_master()) == (1, 0)
    only = DatabaseSecondOpinions(own.database, MasterKeys.forget_old(own.state / "master.key"))
    assert only.get(FULL.id) == FULL
