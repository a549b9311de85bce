"""What the register of labels promises, on the fake and on our own database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.image_labels import DatabaseImageLabels
from fhir_plugin.adapters.tables import image_labels
from fhir_plugin.ports import ImageLabels, UnitOfWork
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.label_change import ImageLabel
from mappings.model.labels import NORMAL, RESTRICTED, SEXUALITY, is_restricted
from tests.conftest import OwnStores
from tests.fakes.clock import START
from tests.fakes.image_labels import FakeImageLabels
from tests.fakes.unit_of_work import FakeUnitOfWork

HERE, ELSEWHERE = FhirBase("https://ehr.example/fhir"), FhirBase("https://other.example/fhir")
PATIENT = PatientId("p1")
LABEL = ImageLabel(
    fhir_base=HERE,
    reference=Reference("Media/m1"),
    patient=PATIENT,
    labels=(RESTRICTED, SEXUALITY),
    since=START,
    by=Reference("Practitioner/gp"),
    by_name="Dr canary of a label",
    statement=Reference("Provenance/p"),
    hidden_since=START + dt.timedelta(minutes=1),
    untold=True,
    pending="intent-7",
    found_ordinary="d" * 64,
    ordinary_words="canary of a label",
)


@dataclass(frozen=True)
class Register:
    labels: ImageLabels
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def register(request: pytest.FixtureRequest) -> Iterator[Register]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Register(FakeImageLabels(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        yield Register(DatabaseImageLabels(own.database, own.masters), own.database)


def test_a_label_comes_back_whole_and_is_kept_once(register: Register) -> None:
    bare = ImageLabel(HERE, Reference("Media/m2"), PATIENT)
    optional = [each.name for each in fields(bare) if each.name not in ("fhir_base", "reference", "patient")]
    assert all(getattr(LABEL, name) != getattr(bare, name) for name in optional)
    for each in (replace(LABEL, labels=(NORMAL,)), LABEL, bare, replace(LABEL, fhir_base=ELSEWHERE)):
        register.labels.keep(each)
    assert register.labels.of_patient(HERE, PATIENT) == [LABEL, bare]
    with register.work.transaction():
        assert register.labels.of_patient(HERE, PATIENT, for_change=True) == [LABEL, bare]
        assert register.labels.find(HERE, LABEL.reference, for_change=True) == LABEL
    assert register.labels.find(HERE, LABEL.reference) == LABEL
    assert register.labels.find(HERE, Reference("Media/other")) is None
    assert register.labels.of_patient(HERE, PatientId("p2")) == []


def test_what_was_said_goes_with_the_transaction_that_said_it(register: Register) -> None:
    with pytest.raises(LookupError), register.work.transaction():
        register.labels.keep(LABEL)
        raise LookupError
    assert register.labels.find(HERE, LABEL.reference) is None


def test_nothing_that_was_said_lies_open(own: OwnStores) -> None:
    DatabaseImageLabels(own.database, own.masters).keep(LABEL)
    own.database.scrub()
    stored = b"".join(file.read_bytes() for file in own.state.rglob("*") if file.is_file())
    assert b"Media/m1" in stored
    assert b"canary of a label" not in stored


@pytest.mark.parametrize("column", ["patient", "sealed"])
def test_a_row_that_was_changed_past_the_app_restricts(own: OwnStores, column: str) -> None:
    labels = DatabaseImageLabels(own.database, own.masters)
    labels.keep(replace(LABEL, labels=(NORMAL,)))
    value: object = "p9" if column == "patient" else b"\x00" * 60
    with own.database.writing() as connection:
        connection.execute(sa.update(image_labels).values({column: value}))
    found = labels.find(HERE, LABEL.reference)
    assert found is not None
    assert is_restricted(list(found.in_force((NORMAL,))))
