"""What `DraftStore` promises, on the fake and on our own database; and that our database shows nothing of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from fhir_plugin.adapters.drafts import DatabaseDrafts
from fhir_plugin.capture.answers import Answers
from fhir_plugin.capture.draft import Draft, DraftImage, DraftState, DraftStore
from fhir_plugin.errors import NotFound, Tampered
from fhir_plugin.ports import UnitOfWork
from mappings.model.identifiers import (
    CaptureId,
    FhirBase,
    ImageId,
    IntentId,
    LaunchId,
    PatientId,
    Reference,
    Sha256,
    VaultId,
)
from mappings.model.images import Geometry, Region
from tests.conftest import OwnStores
from tests.fakes.clock import START, FakeClock
from tests.fakes.drafts import FakeDrafts
from tests.fakes.unit_of_work import FakeUnitOfWork

CANARY = "canary that was typed"


@dataclass(frozen=True)
class Drafts:
    store: DraftStore
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def drafts(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Drafts]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Drafts(FakeDrafts(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        assert own.clock is clock
        yield Drafts(DatabaseDrafts(own.database, own.masters), own.database)


def draft(capture: str = "c1", *, minutes: float = 0, state: DraftState = DraftState.OPEN) -> Draft:
    created = START + dt.timedelta(minutes=minutes)
    return Draft(
        capture_id=CaptureId(capture),
        fhir_base=FhirBase("https://ehr.example/fhir"),
        patient=PatientId("p1"),
        user=Reference("Practitioner/gp"),
        launch=LaunchId("l1"),
        encounter=Reference("Encounter/e"),
        state=state,
        created=created,
        updated=created,
    )


WHOLE = replace(
    draft(),
    images=(
        DraftImage(
            ImageId("i1"),
            "image/heic",
            Sha256("a" * 64),
            17,
            VaultId("0" * 32),
            removed=("location",),
            captured_at=START,
            geometry=Geometry(1, Region(0.1, 0, 0.5, 1), (Region(0, 0, 1, 1),)),
            discarded_at=START,
        ),
    ),
    answers=Answers({"findings": f"{CANARY} – ünï"}, {ImageId("i1"): {"site": "1"}}),
    intent=IntentId("n1"),
    filing={"note": CANARY},
    result={"filed": [{"site": "x"}]},
    source_emptied_at=START,
)


def test_a_draft_comes_back_whole(drafts: Drafts) -> None:
    drafts.store.add(draft())
    assert drafts.store.get(CaptureId("c1")) == draft()
    drafts.store.save(WHOLE)
    assert drafts.store.get(CaptureId("c1"), for_change=False) == WHOLE
    with drafts.work.transaction():
        assert drafts.store.get(CaptureId("c1"), for_change=True) == WHOLE


def test_what_was_never_there_is_not_found_and_not_made_by_saving(drafts: Drafts) -> None:
    for ask in (lambda: drafts.store.get(CaptureId("c9")), lambda: drafts.store.save(draft("c9"))):
        with pytest.raises(NotFound):
            ask()
    assert drafts.store.unfinished() == []


def test_of_is_for_exactly_this_user_patient_and_ehr_newest_first(drafts: Drafts) -> None:
    for each in (
        draft("old"),
        draft("new", minutes=5, state=DraftState.FILED),
        replace(draft("a"), user=Reference("Practitioner/np")),
        replace(draft("b"), patient=PatientId("p2")),
        replace(draft("c"), fhir_base=FhirBase("https://other.example/fhir")),
    ):
        drafts.store.add(each)
    one = draft()
    found = drafts.store.of(fhir_base=one.fhir_base, patient=one.patient, user=one.user)
    assert [each.capture_id for each in found] == ["new", "old"]


def test_of_nobody_in_particular_is_everybodys_for_the_patient(drafts: Drafts) -> None:
    one = draft("mine")
    theirs = replace(draft("theirs", minutes=1), user=Reference("Practitioner/other"))
    other_patient = replace(draft("other patient"), patient=PatientId("p2"))
    elsewhere = replace(draft("elsewhere"), fhir_base=FhirBase("https://other.example/fhir"))
    for each in (one, theirs, other_patient, elsewhere):
        drafts.store.add(each)
    assert drafts.store.of(fhir_base=one.fhir_base, patient=one.patient, user=None) == [theirs, one]


def test_unfinished_is_open_or_filing_oldest_first(drafts: Drafts) -> None:
    for number, state in enumerate(reversed(DraftState)):
        drafts.store.add(draft(state.value, minutes=number, state=state))
    assert [each.capture_id for each in drafts.store.unfinished()] == ["filing", "open"]


def test_everything_joins_the_open_transaction(drafts: Drafts) -> None:
    class Crash(BaseException):
        pass

    drafts.store.add(draft())
    with pytest.raises(Crash), drafts.work.transaction():
        drafts.store.save(WHOLE)
        drafts.store.add(draft("c2"))
        raise Crash
    assert drafts.store.unfinished() == [draft()]


def test_our_database_shows_no_word_and_opens_a_row_for_its_own_capture_only(own: OwnStores) -> None:
    store = DatabaseDrafts(own.database, own.masters)
    store.add(WHOLE)
    store.add(draft("c2"))
    with own.database.writing() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM drafts").all()
        assert CANARY not in repr(rows) and "location" not in repr(rows) and "a" * 64 not in repr(rows)
        connection.exec_driver_sql(
            "UPDATE drafts SET sealed = (SELECT sealed FROM drafts WHERE capture_id = 'c1') WHERE capture_id = 'c2'"
        )
    with pytest.raises(Tampered):
        store.get(CaptureId("c2"))
    assert store.get(CaptureId("c1")) == WHOLE
