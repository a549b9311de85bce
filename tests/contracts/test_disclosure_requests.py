"""What the store of disclosure requests promises, on the fake and on our own database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.disclosure_requests import DatabaseDisclosureRequests
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.tables import disclosure_requests
from fhir_plugin.errors import AlreadyThere, AnswersChanged, NotFound, Tampered
from fhir_plugin.ports import DisclosureRequests, UnitOfWork
from mappings.model.disclosure import Authority, Competence, ConsentToRelease, Mode, Opinion, Requester
from mappings.model.disclosure_request import (
    Decided,
    DisclosureId,
    DisclosureRequest,
    HarmOpinion,
    ItemKey,
    MadePackage,
    Override,
    RequestState,
    Signature,
)
from mappings.model.identifiers import FhirBase, PatientId, Reference, Sha256, VaultId
from tests.conftest import OwnStores
from tests.fakes.clock import START, FakeClock
from tests.fakes.disclosure_requests import FakeDisclosureRequests
from tests.fakes.unit_of_work import FakeUnitOfWork

HERE = FhirBase("https://ehr.example/fhir")
CANARY = "canary that nobody may read"
HOUR = dt.timedelta(hours=1)
OFFICER, MEDIA = Reference("Practitioner/officer"), ItemKey("Media/one")
FULL = DisclosureRequest(
    id=DisclosureId("d1"),
    fhir_base=HERE,
    patient=PatientId("amy"),
    requester=Requester.PARENT_OR_PROXY,
    received=dt.date(2026, 11, 2),
    created=START,
    created_by=OFFICER,
    state=RequestState.WAITS_FOR_SECOND,
    revision=3,
    created_by_name=f"Mr {CANARY}",
    patient_name=CANARY,
    born=dt.date(2012, 1, 2),
    recipient=CANARY,
    relationship=CANARY,
    identity_checked=CANARY,
    identity_on=dt.date(2026, 11, 4),
    purpose=CANARY,
    consent=ConsentToRelease.NAMED,
    authority=Authority.COVERS,
    competence=Competence.COMPETENT,
    agrees=True,
    mode=Mode.SILENT,
    watermark=True,
    extended_because=CANARY,
    extended_told=dt.date(2026, 11, 20),
    gathered=VaultId("v1"),
    gathered_at=START + HOUR,
    overrides={MEDIA: Override(Decided.REDACT, CANARY, OFFICER, CANARY, START)},
    opinions={MEDIA: HarmOpinion(Opinion.SERIOUS_HARM, CANARY, Reference("Practitioner/gp"), CANARY, START)},
    read_words=frozenset({MEDIA}),
    not_read={"Observation": "forbidden"},
    accepted_unread=CANARY,
    changed=frozenset({MEDIA}),
    opinions_asked={MEDIA: CANARY},
    black_outs={MEDIA: VaultId("v2")},
    first=Signature(OFFICER, CANARY, START, "digest"),
    second=Signature(Reference("Practitioner/other"), CANARY, START, "digest"),
    why_not=CANARY,
    package=MadePackage(
        vault_id=VaultId("v3"),
        sha256=Sha256("0" * 64),
        size=5,
        counts={"release": 1},
        images=(Reference("Media/one"),),
        at=START,
        digests={Reference("Media/one"): "ab cd"},
        manifest=Sha256("1" * 64),
        key_check="A1B2",
        event=Reference("AuditEvent/e"),
        provenance=Reference("Provenance/p"),
    ),
)


@dataclass(frozen=True)
class Shelf:
    requests: DisclosureRequests
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def shelf(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Shelf]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Shelf(FakeDisclosureRequests(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        yield Shelf(DatabaseDisclosureRequests(own.database, own.masters), own.database)


def test_what_was_kept_comes_back_whole(shelf: Shelf) -> None:
    for field in fields(FULL):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        assert getattr(FULL, field.name) != default
    bare = DisclosureRequest(
        id=DisclosureId("d2"),
        fhir_base=HERE,
        patient=PatientId("amy"),
        requester=Requester.PATIENT,
        received=dt.date(2026, 11, 2),
        created=START,
        created_by=OFFICER,
    )
    for each in (FULL, bare):
        shelf.requests.add(each)
        assert shelf.requests.get(each.id) == each
        changed = replace(each, state=RequestState.MAKING, revision=each.revision + 1, agrees=False)
        shelf.requests.save(changed)
        with shelf.work.transaction():
            assert shelf.requests.get(each.id, for_change=True) == changed


def test_what_is_added_twice_stays_as_it_was(shelf: Shelf) -> None:
    shelf.requests.add(FULL)
    with pytest.raises(AlreadyThere):
        shelf.requests.add(replace(FULL, purpose="another"))
    assert shelf.requests.get(FULL.id) == FULL


def test_of_two_changes_of_one_revision_the_second_is_refused(shelf: Shelf) -> None:
    shelf.requests.add(FULL)
    shelf.requests.save(replace(FULL, revision=4, purpose="first"))
    for revision in (3, 4, 6):
        with pytest.raises(AnswersChanged):
            shelf.requests.save(replace(FULL, revision=revision, purpose="second"))
    assert shelf.requests.get(FULL.id).purpose == "first"
    with pytest.raises(AnswersChanged):
        shelf.requests.save(replace(FULL, id=DisclosureId("nobody"), revision=4))


def test_a_patients_newest_first_and_nobody_elses(shelf: Shelf) -> None:
    later = replace(FULL, id=DisclosureId("d2"), created=START + HOUR)
    other = replace(FULL, id=DisclosureId("d3"), patient=PatientId("sam"))
    elsewhere = replace(FULL, id=DisclosureId("d4"), fhir_base=FhirBase("https://other.example/fhir"))
    for each in (FULL, later, other, elsewhere):
        shelf.requests.add(each)
    assert shelf.requests.of_patient(HERE, PatientId("amy")) == [later, FULL]
    assert shelf.requests.unreadable(HERE, PatientId("amy")) == 0


def test_open_is_what_has_not_ended_oldest_first(shelf: Shelf) -> None:
    for number, state in enumerate(RequestState):
        shelf.requests.add(replace(FULL, id=DisclosureId(state.value), state=state, created=START - number * HOUR))
    shelf.requests.add(replace(FULL, id=DisclosureId("there"), fhir_base=FhirBase("https://other.example/fhir")))
    assert [each.state for each in shelf.requests.open_at(HERE)] == ["making", "waits-for-second", "open"]
    assert all(each.is_open for each in shelf.requests.open_at(HERE))


def test_how_far_reading_is_changes_no_revision(shelf: Shelf) -> None:
    shelf.requests.add(FULL)
    assert shelf.requests.reading(FULL.id) is None
    shelf.requests.tell_reading(FULL.id, 0.25, START + HOUR)
    assert shelf.requests.reading(FULL.id) == (0.25, START + HOUR)
    assert shelf.requests.get(FULL.id) == FULL
    shelf.requests.tell_reading(FULL.id, None, START + HOUR)
    shelf.requests.tell_reading(DisclosureId("nobody"), 0.5, START)
    assert shelf.requests.reading(FULL.id) is shelf.requests.reading(DisclosureId("nobody")) is None


def test_what_is_not_there_is_not_found_and_an_undone_transaction_leaves_nothing(shelf: Shelf) -> None:
    class UndoneError(Exception):
        pass

    with pytest.raises(NotFound):
        shelf.requests.get(FULL.id)
    with pytest.raises(UndoneError), shelf.work.transaction():
        shelf.requests.add(FULL)
        raise UndoneError
    assert shelf.requests.open_at(HERE) == []


def test_nothing_that_speaks_about_a_person_is_readable(own: OwnStores) -> None:
    DatabaseDisclosureRequests(own.database, own.masters).add(FULL)
    found = [path.name for path in own.state.rglob("*") if path.is_file() and b"canary" in path.read_bytes()]
    assert found == []
    assert "canary" not in repr(FULL)


@pytest.mark.parametrize(
    ("column", "value"), [("patient", "sam"), ("state", "sent"), ("revision", 2), ("created", START - HOUR)]
)
def test_a_row_that_was_changed_past_the_app_opens_nothing(own: OwnStores, column: str, value: object) -> None:
    store = DatabaseDisclosureRequests(own.database, own.masters)
    store.add(FULL)
    with own.database.writing() as connection:
        connection.execute(sa.update(disclosure_requests).values({column: value}))
    with pytest.raises(Tampered):
        store.get(FULL.id)
    patient = PatientId("sam" if column == "patient" else "amy")
    assert (store.of_patient(HERE, patient), store.unreadable(HERE, patient)) == ([], 1)


def test_rotation_seals_every_request_again(own: OwnStores) -> None:
    store = DatabaseDisclosureRequests(own.database, own.masters)
    store.add(FULL)
    both = MasterKeys.add_to_file(own.state / "master.key")
    again = DatabaseDisclosureRequests(own.database, both)
    assert (again.rotate_master(), again.rotate_master()) == (1, 0)
    only = DatabaseDisclosureRequests(own.database, MasterKeys.forget_old(own.state / "master.key"))
    assert only.get(FULL.id) == FULL
