"""What the register of hidden images promises, on the fake and on our own database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.hidden_images import DatabaseHiddenImages
from fhir_plugin.adapters.tables import hidden_images
from fhir_plugin.errors import Tampered
from fhir_plugin.ports import HiddenImages, UnitOfWork
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import FhirBase, PatientId, Reference, VaultId
from tests.conftest import OwnStores
from tests.fakes.clock import START
from tests.fakes.hidden_images import FakeHiddenImages
from tests.fakes.unit_of_work import FakeUnitOfWork

HERE, ELSEWHERE = FhirBase("https://ehr.example/fhir"), FhirBase("https://other.example/fhir")
PATIENT = PatientId("p1")
HIDDEN = HiddenImage(
    fhir_base=HERE,
    reference=Reference("Media/m1"),
    patient=PATIENT,
    since=START,
    state=HidingState.HIDDEN,
    reason=HidingReason.PATIENT_ASKED,
    by=Reference("Practitioner/gp"),
    by_name="Dr canary of hiding",
    words="canary of hiding",
    content=VaultId("c" * 32),
    resource=VaultId("d" * 32),
    digest="e" * 64,
    remains=("canary of what remains",),
    pending="intent-7",
    policy="shipped 1",
    looks=("canary of a look",),
)
BARE = HiddenImage(
    HERE,
    Reference("Media/m2"),
    PATIENT,
    START + dt.timedelta(minutes=1),
    HidingState.HIDING,
    HidingReason.WRONG_PATIENT,
    Reference("Practitioner/x"),
)


@dataclass(frozen=True)
class Register:
    images: HiddenImages
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def register(request: pytest.FixtureRequest) -> Iterator[Register]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Register(FakeHiddenImages(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        yield Register(DatabaseHiddenImages(own.database, own.masters), own.database)


def test_what_is_hidden_comes_back_whole_and_is_kept_once(register: Register) -> None:
    assert all(getattr(HIDDEN, each.name) != getattr(BARE, each.name) for each in fields(BARE)[3:])
    images = register.images
    for each in (replace(HIDDEN, state=HidingState.HIDING), HIDDEN, BARE, replace(HIDDEN, fhir_base=ELSEWHERE)):
        images.keep(each)
    images.keep(replace(HIDDEN, reference=Reference("Media/m3"), patient=PatientId("p2")))
    assert images.of_patient(HERE, PATIENT) == [BARE, HIDDEN]
    assert images.references(HERE, PATIENT) == {"Media/m1", "Media/m2"}
    assert images.references(HERE, PatientId("p2")) == {"Media/m3"}
    assert [each.reference for each in images.at(HERE)] == ["Media/m2", "Media/m1", "Media/m3"]
    assert images.at(ELSEWHERE) == [replace(HIDDEN, fhir_base=ELSEWHERE)]
    with register.work.transaction():
        assert images.find(HERE, HIDDEN.reference, for_change=True) == HIDDEN
    assert images.find(HERE, Reference("Media/other")) is None
    for _ in range(2):
        images.forget(HERE, HIDDEN.reference)
    assert images.find(HERE, HIDDEN.reference) is None
    assert images.references(HERE, PATIENT) == {"Media/m2"}
    assert images.find(ELSEWHERE, HIDDEN.reference) is not None


def test_hiding_goes_with_the_transaction_that_hid(register: Register) -> None:
    with pytest.raises(LookupError), register.work.transaction():
        register.images.keep(HIDDEN)
        raise LookupError
    assert register.images.find(HERE, HIDDEN.reference) is None
    register.images.keep(HIDDEN)
    with pytest.raises(LookupError), register.work.transaction():
        register.images.forget(HERE, HIDDEN.reference)
        raise LookupError
    assert register.images.references(HERE, PATIENT) == {HIDDEN.reference}


def test_nothing_that_was_said_lies_open(own: OwnStores) -> None:
    DatabaseHiddenImages(own.database, own.masters).keep(HIDDEN)
    own.database.scrub()
    stored = b"".join(file.read_bytes() for file in own.state.rglob("*") if file.is_file())
    assert b"Media/m1" in stored
    for secret in (b"canary of", b"c" * 32, b"d" * 32, b"e" * 64, b"Practitioner/gp", b"patient-asked"):
        assert secret not in stored


@pytest.mark.parametrize(
    ("column", "value"),
    [("sealed", b"\x00" * 60), ("state", "hiding"), ("since", START - dt.timedelta(days=1)), ("patient", "p9")],
)
def test_a_row_that_was_changed_past_the_app_still_hides(own: OwnStores, column: str, value: object) -> None:
    images = DatabaseHiddenImages(own.database, own.masters)
    images.keep(HIDDEN)
    with own.database.writing() as connection:
        connection.execute(sa.update(hidden_images).values({column: value}))
    patient = PatientId("p9") if column == "patient" else PATIENT
    assert images.references(HERE, patient) == {HIDDEN.reference}
    assert images.of_patient(HERE, patient) == []
    with pytest.raises(Tampered):
        images.find(HERE, HIDDEN.reference)
