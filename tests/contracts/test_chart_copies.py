"""What the register of chart copies promises, on the fake and on our own database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.chart_copies import DatabaseChartCopies
from fhir_plugin.adapters.tables import chart_copies
from fhir_plugin.errors import Tampered
from fhir_plugin.ports import ChartCopies, UnitOfWork
from mappings.model.identifiers import CaptureId, FhirBase, ImageId, PatientId, Reference
from mappings.model.writeback import ChartCopy, CopyState, Rung
from tests.conftest import OwnStores
from tests.fakes.chart_copies import FakeChartCopies
from tests.fakes.clock import START
from tests.fakes.unit_of_work import FakeUnitOfWork

HERE, ELSEWHERE = FhirBase("https://ehr.example/fhir"), FhirBase("https://other.example/fhir")
PATIENT, IMAGE, DOCUMENT = PatientId("p1"), Reference("Media/m1"), Reference("DocumentReference/d1")
COPY = ChartCopy(
    id="copy-1",
    fhir_base=HERE,
    patient=PATIENT,
    image=IMAGE,
    image_id=ImageId("canary-of-the-image"),
    capture_id=CaptureId("canary-of-the-capture"),
    rung=Rung.PDF,
    state=CopyState.IN_CHART,
    since=START + dt.timedelta(minutes=1),
    document=DOCUMENT,
    binary=Reference("Binary/b1"),
    content_type="application/pdf",
    digest="e" * 64,
    reduced=True,
)
EXPORT = ChartCopy(
    "copy-0", HERE, PATIENT, Reference("Media/m2"), ImageId("i2"), CaptureId("c2"), Rung.SIGNED_EXPORT,
    CopyState.TO_FILE, START,
)  # fmt: skip


@dataclass(frozen=True)
class Register:
    copies: ChartCopies
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def register(request: pytest.FixtureRequest) -> Iterator[Register]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Register(FakeChartCopies(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        yield Register(DatabaseChartCopies(own.database, own.masters), own.database)


def test_a_copy_comes_back_whole_by_image_document_and_patient(register: Register) -> None:
    same = {"fhir_base", "patient"}
    assert all(getattr(COPY, each.name) != getattr(EXPORT, each.name) for each in fields(COPY) if each.name not in same)
    copies = register.copies
    second = replace(COPY, id="copy-2", image=Reference("Media/m3"))  # the same page shows two pictures
    for each in (replace(COPY, reduced=False), COPY, EXPORT, second, replace(COPY, id="copy-3", fhir_base=ELSEWHERE)):
        copies.save(each)
    copies.save(replace(EXPORT, id="copy-4", patient=PatientId("p2"), image=IMAGE, state=CopyState.GONE))
    assert copies.of_image(HERE, IMAGE) == [
        replace(EXPORT, id="copy-4", patient=PatientId("p2"), image=IMAGE, state=CopyState.GONE),
        COPY,
    ]
    assert copies.of_document(HERE, DOCUMENT) == [COPY, second]
    assert copies.of_document(HERE, Reference("Binary/b1")) == [COPY, second]
    assert copies.of_patient(HERE, PATIENT) == [EXPORT, COPY, second]
    assert copies.of_patient(ELSEWHERE, PATIENT) == [replace(COPY, id="copy-3", fhir_base=ELSEWHERE)]
    assert copies.of_document(HERE, Reference("DocumentReference/other")) == []


def test_waiting_is_what_a_person_has_to_do_the_oldest_first(register: Register) -> None:
    copies = register.copies
    for number, state in enumerate(CopyState):
        copies.save(replace(COPY, id=f"copy-{number}", state=state, since=START - dt.timedelta(minutes=number)))
    assert [each.state for each in copies.waiting()] == [CopyState.REMOVE_BY_HAND, CopyState.TO_FILE]
    copies.save(replace(COPY, id="copy-1", state=CopyState.FILED_BY_HAND))
    assert [each.state for each in copies.waiting()] == [CopyState.REMOVE_BY_HAND]


def test_a_copy_goes_with_the_transaction_that_wrote_it(register: Register) -> None:
    with pytest.raises(LookupError), register.work.transaction():
        register.copies.save(COPY)
        raise LookupError
    assert register.copies.of_image(HERE, IMAGE) == []


def test_nothing_that_was_said_lies_open(own: OwnStores) -> None:
    DatabaseChartCopies(own.database, own.masters).save(COPY)
    own.database.scrub()
    stored = b"".join(file.read_bytes() for file in own.state.rglob("*") if file.is_file())
    assert b"Media/m1" in stored
    for secret in (b"canary-of", b"e" * 64, b"application/pdf"):
        assert secret not in stored


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sealed", b"\x00" * 60),
        ("state", "gone"),
        ("since", START - dt.timedelta(days=1)),
        ("document", None),
        ("binary", "Binary/b2"),
    ],
)
def test_a_row_that_was_changed_past_the_app_stops_whoever_asks(own: OwnStores, column: str, value: object) -> None:
    copies = DatabaseChartCopies(own.database, own.masters)
    copies.save(replace(COPY, state=CopyState.REMOVE_BY_HAND))
    with own.database.writing() as connection:
        connection.execute(sa.update(chart_copies).values({column: value}))
    asked: list[Callable[[], object]] = [lambda: copies.of_image(HERE, IMAGE), lambda: copies.of_patient(HERE, PATIENT)]
    for ask in asked:
        with pytest.raises(Tampered):
            ask()
    assert copies.waiting() == []
