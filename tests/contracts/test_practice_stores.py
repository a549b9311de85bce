"""What the stores of people, absences, holds and kept images promise, on the fakes and on our own database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import pytest

from fhir_plugin.adapters.kept_images import DatabaseKeptImages
from fhir_plugin.adapters.practice import DatabaseAbsences, DatabaseColleagues, DatabaseHolds
from fhir_plugin.errors import NotFound, Tampered
from fhir_plugin.ports import Holds, KeptImages, UnitOfWork
from fhir_plugin.work.stores import Absences, Colleagues
from mappings.model.consent import ConsentScope
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference
from mappings.model.kept import KeptImage, OwnConsent
from mappings.model.people import Role
from mappings.model.practice import Absence, Colleague, Hold, HoldKind
from tests.conftest import OwnStores
from tests.fakes.clock import START, FakeClock
from tests.fakes.kept_images import FakeKeptImages
from tests.fakes.practice import FakeAbsences, FakeColleagues, FakeHolds
from tests.fakes.unit_of_work import FakeUnitOfWork

HERE, ELSEWHERE = FhirBase("https://ehr.example/fhir"), FhirBase("https://other.example/fhir")
PATIENT = PatientId("p1")
GP, NURSE = Reference("Practitioner/gp"), Reference("Practitioner/np")
CANARY = "canary that somebody wrote"
TODAY = dt.date(2026, 3, 4)


@dataclass(frozen=True)
class Practice:
    colleagues: Colleagues
    absences: Absences
    holds: Holds
    kept: KeptImages
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def practice(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Practice]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Practice(FakeColleagues(work), FakeAbsences(work), FakeHolds(work), FakeKeptImages(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        database, masters = own.database, own.masters
        yield Practice(
            DatabaseColleagues(database, masters),
            DatabaseAbsences(database, masters),
            DatabaseHolds(database, masters),
            DatabaseKeptImages(database, masters),
            database,
        )


COLLEAGUE = Colleague(HERE, GP, START, f"Dr {CANARY}", frozenset({Role.CLINICIAN, Role.TRIAGE}))
ABSENCE = Absence(HERE, GP, NURSE, TODAY, TODAY + dt.timedelta(days=7), f"Dr {CANARY}", f"Nurse {CANARY}")
HOLD = Hold(
    id="h1",
    kind=HoldKind.SAFEGUARDING,
    fhir_base=HERE,
    patient=PATIENT,
    since=START,
    by=GP,
    by_name=f"Dr {CANARY}",
    words=CANARY,
    about=f"{CANARY} about",
    told=f"{CANARY} told",
    policy="strict/1",
    note=Reference("DocumentReference/n1"),
    lifted=START + dt.timedelta(days=1),
    lifted_by=NURSE,
    lifted_by_name=f"Nurse {CANARY}",
    lifted_because=f"{CANARY} because",
    follows="d1",
)
KEPT = KeptImage(
    fhir_base=HERE,
    reference=Reference("Media/m1"),
    patient=PATIENT,
    capture_id=CaptureId("c1"),
    filed=START,
    consent=Reference("Consent/c1"),
    owner=GP,
    owner_name=f"Dr {CANARY}",
    patient_name=f"{CANARY} Zoë",
    birth_date=dt.date(2011, 1, 2),
    adult=True,
    review_at_16=dt.date(2027, 1, 2),
    review_at_18=dt.date(2029, 1, 2),
    retention_review=dt.date(2036, 3, 1),
    own_consent=OwnConsent.GIVEN,
    retention_due=True,
    withdrawn=frozenset({ConsentScope.TEACHING, ConsentScope.STORE}),
    untold=frozenset({ConsentScope.STORE}),
    a_parents=frozenset({ConsentScope.TEACHING}),
    known_wishes=f"{CANARY} wish",
)


def test_a_colleague_is_as_they_were_at_their_last_launch_and_known_at_their_ehr_only(practice: Practice) -> None:
    practice.colleagues.seen(replace(COLLEAGUE, name="Dr Before", last_seen=START - dt.timedelta(days=1)))
    practice.colleagues.seen(COLLEAGUE)
    practice.colleagues.seen(replace(COLLEAGUE, fhir_base=ELSEWHERE))
    practice.colleagues.seen(replace(COLLEAGUE, user=NURSE, name="A Nurse", last_seen=START - dt.timedelta(days=400)))
    assert practice.colleagues.at(HERE, since=START - dt.timedelta(days=365)) == [COLLEAGUE]
    assert [each.user for each in practice.colleagues.at(HERE, since=START - dt.timedelta(days=500))] == [NURSE, GP]


def test_somebody_has_one_absence_and_may_come_back_early(practice: Practice) -> None:
    practice.absences.set(replace(ABSENCE, cover=Reference("Practitioner/x")))
    practice.absences.set(ABSENCE)
    practice.absences.set(replace(ABSENCE, fhir_base=ELSEWHERE))
    assert practice.absences.at(HERE) == [ABSENCE]
    assert [ABSENCE.on(TODAY + dt.timedelta(days=day)) for day in (-1, 0, 7, 8)] == [False, True, True, False]
    for _ in range(2):
        practice.absences.end(HERE, GP)
    assert practice.absences.at(HERE) == []
    assert len(practice.absences.at(ELSEWHERE)) == 1


def test_a_hold_comes_back_whole_and_stands_until_it_is_lifted(practice: Practice) -> None:
    assert all(getattr(HOLD, field.name) for field in fields(HOLD))
    in_force = replace(HOLD, lifted=None, lifted_by=None)
    practice.holds.add(in_force)
    practice.holds.add(replace(in_force, id="h2", patient=PatientId("p2")))
    practice.holds.add(replace(in_force, id="h3", fhir_base=ELSEWHERE))
    assert practice.holds.of_patient(HERE, PATIENT) == [in_force]
    with practice.work.transaction():
        assert practice.holds.get("h1", for_change=True) == in_force
        practice.holds.save(HOLD)
    assert practice.holds.of_patient(HERE, PATIENT) == []
    assert practice.holds.of_patient(HERE, PATIENT, lifted=True) == [HOLD]
    for ask in (lambda: practice.holds.get("h9"), lambda: practice.holds.save(replace(HOLD, id="h9"))):
        with pytest.raises(NotFound):
            ask()


def test_a_kept_image_comes_back_whole_and_is_kept_once(practice: Practice) -> None:
    assert all(getattr(KEPT, field.name) for field in fields(KEPT))
    bare = KeptImage(HERE, Reference("Media/m2"), PATIENT, CaptureId("c1"), START)
    for image in (bare, KEPT, KEPT, replace(KEPT, fhir_base=ELSEWHERE)):
        practice.kept.keep(image)
    assert practice.kept.of_patient(HERE, PATIENT) == [KEPT, bare]
    assert practice.kept.get(HERE, KEPT.reference, for_change=False) == KEPT
    with pytest.raises(NotFound):
        practice.kept.get(HERE, Reference("Media/other"))
    for _ in range(2):
        practice.kept.forget(HERE, KEPT.reference)
    assert practice.kept.of_patient(HERE, PATIENT) == [bare]
    assert practice.kept.of_patient(ELSEWHERE, PATIENT) == [replace(KEPT, fhir_base=ELSEWHERE)]


@pytest.mark.parametrize("day", ["review_at_16", "review_at_18", "retention_review"])
def test_an_image_is_due_on_the_day_itself_and_no_sooner(practice: Practice, day: str) -> None:
    none = replace(KEPT, review_at_16=None, review_at_18=None, retention_review=None)
    practice.kept.keep(replace(none, **{day: TODAY}))  # type: ignore[arg-type]  # one of the three days
    practice.kept.keep(replace(none, reference=Reference("Media/never")))
    assert practice.kept.due(TODAY - dt.timedelta(days=1)) == []
    assert [each.reference for each in practice.kept.due(TODAY)] == [KEPT.reference]


def test_everything_joins_the_open_transaction(practice: Practice) -> None:
    class Crash(BaseException):
        pass

    with pytest.raises(Crash), practice.work.transaction():
        practice.colleagues.seen(COLLEAGUE)
        practice.absences.set(ABSENCE)
        practice.holds.add(HOLD)
        practice.kept.keep(KEPT)
        raise Crash
    assert practice.colleagues.at(HERE, since=START) == []
    assert practice.absences.at(HERE) == []
    assert practice.holds.of_patient(HERE, PATIENT, lifted=True) == []
    assert practice.kept.of_patient(HERE, PATIENT) == []


def test_our_database_shows_no_name_no_word_no_birth_date_and_refuses_a_row_that_was_moved(own: OwnStores) -> None:
    kept = DatabaseKeptImages(own.database, own.masters)
    kept.keep(KEPT)
    DatabaseColleagues(own.database, own.masters).seen(COLLEAGUE)
    DatabaseAbsences(own.database, own.masters).set(ABSENCE)
    holds = DatabaseHolds(own.database, own.masters)
    holds.add(replace(HOLD, lifted=None))
    with own.database.writing() as connection:
        for table in ("kept_images", "colleagues", "absences", "holds"):
            rows = repr(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
            assert CANARY not in rows and "2011-01-02" not in rows and "Zo" not in rows
        connection.exec_driver_sql("UPDATE kept_images SET review_at_18 = '2050-01-01'")
        connection.exec_driver_sql("UPDATE holds SET lifted = '2026-01-01 00:00:00'")
    with pytest.raises(Tampered):
        kept.get(HERE, KEPT.reference)
    assert (kept.of_patient(HERE, PATIENT), kept.unreadable(HERE, PATIENT)) == ([], 1)
    with pytest.raises(Tampered):
        holds.of_patient(HERE, PATIENT, lifted=True)
    assert all(CANARY not in repr(each) for each in (KEPT, COLLEAGUE, ABSENCE, HOLD))
