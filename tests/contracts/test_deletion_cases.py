"""What the store of requests for permanent deletion promises, on the fake and on our own database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.deletion_cases import DatabaseDeletionCases
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.tables import deletion_cases, deletion_certificates
from fhir_plugin.errors import AlreadyThere, AnswersChanged, NotFound, Tampered
from fhir_plugin.ports import DeletionCases, UnitOfWork
from mappings.model.deletion import (
    TERMINAL,
    Attested,
    BoundImage,
    CaseId,
    Certificate,
    CertificateNumber,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    Happened,
    ItemId,
    Looked,
    Principle,
    Proof,
    Signed,
)
from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId
from tests.conftest import OwnStores
from tests.fakes.clock import START, FakeClock
from tests.fakes.deletion_cases import FakeDeletionCases
from tests.fakes.unit_of_work import FakeUnitOfWork

HERE = FhirBase("https://ehr.example/fhir")
CANARY = "canary that nobody may read"
HOUR = dt.timedelta(hours=1)
GP, GUARDIAN = Reference("Practitioner/gp"), Reference("Practitioner/guardian")
SIGNED = Signed(GUARDIAN, CANARY, START, frozenset(Principle), CANARY, Reference("PractitionerRole/g"))
ITEM = DeletionItem(
    id=ItemId("i1"),
    image=BoundImage(Reference("Media/one"), "3", "digest", (Reference("Binary/b"),)),
    state=DeletionState.ON_HOLD,
    title=CANARY,
    picture=VaultId("v1"),
    held_from=DeletionState.ACCEPTED,
    approval=SIGNED,
    cosigned=replace(SIGNED, by=Reference("Practitioner/third")),
    rejection=SIGNED,
    expires=START + HOUR,
    why="legal-hold",
    why_before="more-asked",
    purged=("vault",),
    proof=Proof(
        START, (Looked("vault", START), Looked("record-read", START, ("Media/one/_history/1",), "why")), ("Ask them.",)
    ),
    look_again=START + 2 * HOUR,
    certificate=CertificateNumber("C-1"),
    task=Reference("Task/i1"),
    timeline=(Happened("asked", START, GP, CANARY, CANARY), Happened("held", START)),
)
FULL = DeletionCase(
    id=CaseId("c1"),
    fhir_base=HERE,
    patient=PatientId("amy"),
    revision=3,
    created=START,
    due=dt.date(2026, 11, 20),
    reason=DeletionReason.ERASURE_REQUEST,
    items=(ITEM,),
    requested_by=GP,
    requested_by_name=CANARY,
    words=CANARY,
    described=CANARY,
    gmc_looked_at=True,
    instead=CANARY,
    policy="strict/1",
    patient_name=CANARY,
    nhs_number="999 000 0018",
    asked_by_patient=dt.date(2026, 11, 2),
    reply_due=dt.date(2026, 12, 2),
    replied=START + HOUR,
    seen_by=(CANARY,),
    attested=(Attested("backups", CANARY, GP, dt.date(2026, 11, 3)), Attested("other-systems", CANARY)),
    deceased=True,
)
CERTIFICATE = Certificate(
    number=CertificateNumber("C-1"),
    fhir_base=HERE,
    patient=PatientId("amy"),
    case=CaseId("c1"),
    item=ItemId("i1"),
    at=START,
    statement={"number": "C-1", "places": ["vault"], "found": 0},
    jws="header..signature",
)


@dataclass(frozen=True)
class Shelf:
    cases: DeletionCases
    work: UnitOfWork


def own_cases(own: OwnStores, masters: MasterKeys | None = None) -> DatabaseDeletionCases:
    return DatabaseDeletionCases(own.database, masters or own.masters, own.vault.keyed_digest)


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def shelf(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Shelf]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Shelf(FakeDeletionCases(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        yield Shelf(own_cases(own), own.database)


def bare(id: str = "c2", **changes: Any) -> DeletionCase:
    case = DeletionCase(
        id=CaseId(id),
        fhir_base=HERE,
        patient=PatientId("amy"),
        revision=1,
        created=START,
        due=dt.date(2026, 11, 20),
        reason=DeletionReason.OTHER,
        items=(DeletionItem(ItemId(f"{id}-1"), BoundImage(Reference("Media/two"), "", "d")),),
        requested_by=GP,
    )
    return replace(case, **changes)


def standing(state: DeletionState, look_again: dt.datetime | None = None) -> tuple[DeletionItem, ...]:
    return (DeletionItem(ItemId("i"), BoundImage(Reference("Media/x"), "1", "d"), state=state, look_again=look_again),)


@pytest.mark.parametrize("sample", [FULL, ITEM, ITEM.image, SIGNED, ITEM.timeline[0], FULL.attested[0], ITEM.proof])
def test_the_full_sample_leaves_nothing_out(sample: Any) -> None:
    """Or the test after this one would not see that it is forgotten."""
    for field in fields(sample):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        assert getattr(sample, field.name) != default


def test_what_was_kept_comes_back_whole(shelf: Shelf) -> None:
    for each in (FULL, bare()):
        shelf.cases.add(each)
        assert shelf.cases.get(each.id) == each
        after = replace(each, revision=each.revision + 1, replied=None, items=standing(DeletionState.REJECTED))
        shelf.cases.save(after)
        with shelf.work.transaction():
            assert shelf.cases.get(each.id, for_change=True) == after


def test_what_is_added_twice_stays_as_it_was(shelf: Shelf) -> None:
    shelf.cases.add(FULL)
    with pytest.raises(AlreadyThere):
        shelf.cases.add(replace(FULL, words="another"))
    assert shelf.cases.get(FULL.id) == FULL


def test_of_two_changes_of_one_revision_the_second_is_refused(shelf: Shelf) -> None:
    shelf.cases.add(FULL)
    shelf.cases.save(replace(FULL, revision=4, words="first"))
    for revision in (3, 4, 6):
        with pytest.raises(AnswersChanged):
            shelf.cases.save(replace(FULL, revision=revision, words="second"))
    assert shelf.cases.get(FULL.id).words == "first"
    with pytest.raises(AnswersChanged):
        shelf.cases.save(replace(FULL, id=CaseId("nobody"), revision=4))


def test_lists_are_of_one_patient_or_one_ehr_and_in_order(shelf: Shelf) -> None:
    later = bare("c2", created=START + HOUR)
    ended = bare("c3", created=START + 2 * HOUR, items=standing(DeletionState.REJECTED))
    other = bare("c4", patient=PatientId("sam"), created=START + 3 * HOUR)
    for each in (FULL, later, ended, other, bare("c5", fhir_base=FhirBase("https://other.example/fhir"))):
        shelf.cases.add(each)
    assert shelf.cases.of_patient(HERE, PatientId("amy")) == [ended, later, FULL]
    assert shelf.cases.open_at(HERE) == [FULL, later, other]
    assert shelf.cases.at(HERE) == [other, ended, later, FULL]


@pytest.mark.parametrize("state", DeletionState)
def test_what_ended_is_open_no_more(shelf: Shelf, state: DeletionState) -> None:
    shelf.cases.add(bare(items=standing(state)))
    assert bool(shelf.cases.open_at(HERE)) is (state not in TERMINAL)


def test_found_by_nhs_number_however_it_is_written(shelf: Shelf) -> None:
    shelf.cases.add(FULL)
    shelf.cases.add(bare())
    assert shelf.cases.of_nhs_number(HERE, "9990000018") == [FULL]
    assert shelf.cases.of_nhs_number(FhirBase("https://other.example/fhir"), "9990000018") == []
    assert shelf.cases.of_nhs_number(HERE, "999 000 0026") == shelf.cases.of_nhs_number(HERE, " ") == []


def test_what_is_due_to_be_looked_at(shelf: Shelf) -> None:
    """Holds come and go at any moment: what is undecided, approved or held is looked at each time."""
    watched = (DeletionState.REQUESTED, DeletionState.RECEIVED, DeletionState.ACCEPTED, DeletionState.ON_HOLD)
    for number, state in enumerate(DeletionState):
        shelf.cases.add(bare(state.value, created=START - number * HOUR, items=standing(state, START + HOUR)))
    assert set(shelf.cases.due(START)) == {state.value for state in watched}
    assert set(shelf.cases.due(START + HOUR)) == {*(state.value for state in watched), "failed"}
    assert shelf.cases.due(START)[0] == "on-hold"


def test_certificates_are_kept_once(shelf: Shelf) -> None:
    later = replace(CERTIFICATE, number=CertificateNumber("C-0"), at=START + HOUR)
    for each in (later, CERTIFICATE, replace(CERTIFICATE, jws="another..jws")):
        shelf.cases.certify(each)
    assert shelf.cases.certificate(CERTIFICATE.number) == CERTIFICATE
    assert shelf.cases.certificates(HERE, PatientId("amy")) == [CERTIFICATE, later]
    assert shelf.cases.certificates(HERE, PatientId("sam")) == []
    with pytest.raises(NotFound):
        shelf.cases.certificate(CertificateNumber("C-2"))


def test_what_is_not_there_is_not_found_and_an_undone_transaction_leaves_nothing(shelf: Shelf) -> None:
    class UndoneError(Exception):
        pass

    with pytest.raises(NotFound):
        shelf.cases.get(FULL.id)
    with pytest.raises(UndoneError), shelf.work.transaction():
        shelf.cases.add(FULL)
        shelf.cases.certify(CERTIFICATE)
        raise UndoneError
    assert shelf.cases.at(HERE) == []
    assert shelf.cases.certificates(HERE, PatientId("amy")) == []


def test_nothing_that_speaks_about_a_person_is_readable(own: OwnStores) -> None:
    own_cases(own).add(FULL)
    own_cases(own).certify(replace(CERTIFICATE, statement={"canary": "canary"}))
    for word in (b"canary", b"9990000018", b"999 000 0018", b"Media/one"):
        assert [path.name for path in own.state.rglob("*") if path.is_file() and word in path.read_bytes()] == []
    assert "canary" not in repr(FULL)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("patient", "sam"),
        ("is_open", False),
        ("revision", 2),
        ("created", START - HOUR),
        ("look_at", None),
        ("nhs_digest", None),
    ],
)
def test_a_row_that_was_changed_past_the_app_opens_nothing(own: OwnStores, column: str, value: object) -> None:
    store = own_cases(own)
    store.add(FULL)
    with own.database.writing() as connection:
        connection.execute(sa.update(deletion_cases).values({column: value}))
    with pytest.raises(Tampered):
        store.get(FULL.id)
    assert store.at(HERE) == store.of_patient(HERE, PatientId("sam" if column == "patient" else "amy")) == []


@pytest.mark.parametrize(
    ("column", "value"), [("patient", "sam"), ("case_id", "c9"), ("item_id", "i9"), ("at", START - HOUR)]
)
def test_a_certificate_that_was_changed_past_the_app_is_none(own: OwnStores, column: str, value: object) -> None:
    store = own_cases(own)
    store.certify(CERTIFICATE)
    with own.database.writing() as connection:
        connection.execute(sa.update(deletion_certificates).values({column: value}))
    with pytest.raises(Tampered):
        store.certificate(CERTIFICATE.number)
    assert store.certificates(HERE, PatientId("sam" if column == "patient" else "amy")) == []


def test_rotation_seals_everything_again(own: OwnStores) -> None:
    store = own_cases(own)
    store.add(FULL)
    store.certify(CERTIFICATE)
    both = MasterKeys.add_to_file(own.state / "master.key")
    again = own_cases(own, both)
    assert (again.rotate_master(), again.rotate_master()) == (2, 0)
    only = own_cases(own, MasterKeys.forget_old(own.state / "master.key"))
    assert (only.get(FULL.id), only.certificate(CERTIFICATE.number)) == (FULL, CERTIFICATE)
