"""What the stores of requests and of guesses promise, on the fakes and on our own database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.photo_requests import DatabaseLinkTries, DatabasePhotoRequests
from fhir_plugin.adapters.tables import photo_requests
from fhir_plugin.capture.requests.parts import LinkTries, PhotoRequestStore
from fhir_plugin.capture.requests.request import LIVE, Asked, NumberConfirmed, PhotoRequest, RequestState, Said
from fhir_plugin.errors import NotFound, Tampered
from fhir_plugin.ports import UnitOfWork
from mappings.model.consent import ChildView, ConsentAnswer
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference, RequestId
from mappings.model.images import Photographer
from tests.capture.requests.bench import Asking
from tests.conftest import OwnStores
from tests.fakes.clock import START, FakeClock
from tests.fakes.photo_requests import FakeLinkTries, FakePhotoRequests
from tests.fakes.unit_of_work import FakeUnitOfWork

CANARY = "canary that nobody may read"
HOUR = dt.timedelta(hours=1)


def plain() -> PhotoRequest:
    """As the clinician prepares it."""
    return Asking().prepared()


def full() -> PhotoRequest:
    """Every field says something else than when it is new."""
    return replace(
        plain(),
        patient_name=f"{CANARY} name",
        purpose=f"{CANARY} purpose",
        area=f"{CANARY} area",
        number=f"{CANARY} number",
        parent_words=f"{CANARY} parent",
        gillick_words=f"{CANARY} gillick",
        asked=Asked.COMPETENT_CHILD,
        own_phone=True,
        parents_may_know=True,
        private_allowed=True,
        state=RequestState.SENDING,
        number_confirmed=NumberConfirmed.READ_BACK,
        link_digest="d1",
        browser_digest="b1",
        birth_tries=2,
        link_closed=True,
        message="m1",
        said=Said(
            read=True,
            private=False,
            receive=ConsentAnswer.GIVEN,
            store=ConsentAnswer.REFUSED,
            photographer=Photographer.PARENT,
            helper_agreed=True,
            only_area=True,
            child_view=ChildView.AGREES,
            taken_on=dt.date(2026, 3, 3),
            notes=f"{CANARY} notes",
            at={"read": START, "private": START + HOUR},
        ),
        capture_id=CaptureId("c1"),
        confirmed_at=START + HOUR,
        verified=True,
        reduced=True,
        justification_digest="e" * 64,
        links=2,
        record=Reference("CommunicationRequest/r1"),
    )


@dataclass(frozen=True)
class Stores:
    requests: PhotoRequestStore
    tries: LinkTries
    work: UnitOfWork


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def shelf(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Stores]:
    if request.param == "fake":
        work = FakeUnitOfWork()
        yield Stores(FakePhotoRequests(work), FakeLinkTries(work), work)
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        yield Stores(DatabasePhotoRequests(own.database, own.masters), DatabaseLinkTries(own.database), own.database)


@pytest.mark.parametrize("made", [plain, full])
def test_what_was_kept_comes_back_whole(shelf: Stores, made: object) -> None:
    request: PhotoRequest = made()  # type: ignore[operator]
    shelf.requests.add(request)
    assert shelf.requests.get(request.request_id) == request
    changed = replace(request, state=RequestState.EXPIRED, number="")
    shelf.requests.save(changed)
    with shelf.work.transaction():
        assert shelf.requests.get(request.request_id, for_change=True) == changed


def test_a_full_request_leaves_no_field_as_it_began() -> None:
    """So that a field which the JSON forgets is seen above."""
    begun = {
        each.name
        for each in fields(PhotoRequest)
        if getattr(full(), each.name) == each.default and each.name != "cover"
    }
    assert begun <= {"needs"}


def test_a_link_is_found_by_its_digest_alone_and_never_by_none(shelf: Stores) -> None:
    request = plain()
    shelf.requests.add(request)
    shelf.requests.add(replace(request, request_id=RequestId("another")))
    assert shelf.requests.by_link("") is None
    assert shelf.requests.by_link("d9") is None
    shelf.requests.save(replace(request, link_digest="d9"))
    with shelf.work.transaction():
        found = shelf.requests.by_link("d9", for_change=True)
    assert found is not None
    assert found.request_id == request.request_id
    shelf.requests.save(replace(request, link_digest="d10"))
    assert shelf.requests.by_link("d9") is None


def test_a_patients_requests_newest_first_and_nobody_elses(shelf: Stores) -> None:
    request = plain()
    first = replace(request, request_id=RequestId("1"))
    second = replace(request, request_id=RequestId("2"), created=request.created + HOUR, practice="Oak Surgery")
    for each in (
        first,
        second,
        replace(request, request_id=RequestId("3"), patient=PatientId("p9")),
        replace(request, request_id=RequestId("4"), fhir_base=FhirBase("https://other.example/fhir")),
    ):
        shelf.requests.add(each)
    assert shelf.requests.of_patient(request.fhir_base, request.patient) == [second, first]
    assert shelf.requests.last_practice(request.fhir_base) == ("Oak Surgery", "01632 960001")
    assert shelf.requests.last_practice(FhirBase("https://nobody.example/fhir")) == ("", "")


def test_what_has_lapsed_is_what_is_live_and_past_its_time(shelf: Stores) -> None:
    request = plain()
    for state in RequestState:
        shelf.requests.add(replace(request, request_id=RequestId(state.value), state=state))
    assert shelf.requests.lapsed(request.expires - HOUR) == []
    assert set(shelf.requests.lapsed(request.expires)) == {state.value for state in LIVE}


def test_what_is_not_there_is_not_found_and_not_saved(shelf: Stores) -> None:
    with pytest.raises(NotFound):
        shelf.requests.get(RequestId("nobody"))
    with pytest.raises(NotFound):
        shelf.requests.save(plain())


def test_an_undone_transaction_leaves_nothing(shelf: Stores) -> None:
    class UndoneError(Exception):
        pass

    with pytest.raises(UndoneError), shelf.work.transaction():
        shelf.requests.add(plain())
        shelf.tries.add("a", now=START, since=START - HOUR)
        raise UndoneError
    assert shelf.requests.lapsed(START + 1000 * HOUR) == []
    assert shelf.tries.count("a", since=START - HOUR) == 0


def test_tries_are_counted_in_stretches(shelf: Stores) -> None:
    tries = shelf.tries
    for expected in (1, 2, 3):
        assert tries.add("a", now=START, since=START - HOUR) == expected
    assert tries.add("b", now=START, since=START - HOUR) == 1
    assert tries.count("a", since=START - HOUR) == 3
    assert tries.count("a", since=START) == 0, "the stretch is over"
    assert tries.add("a", now=START + HOUR, since=START) == 1
    assert tries.forget(START) == 1
    assert tries.forget(START) == 0
    assert tries.count("a", since=START) == 1


def test_nothing_that_speaks_about_a_person_is_readable(own: OwnStores) -> None:
    DatabasePhotoRequests(own.database, own.masters).add(full())
    found = [path.name for path in own.state.rglob("*") if path.is_file() and b"canary" in path.read_bytes()]
    assert found == []
    assert "canary" not in repr(full())
    for secret in ("d1", "b1", "1980", "Amy", "01632"):
        assert f"'{secret}" not in repr(full())


@pytest.mark.parametrize(
    ("column", "value"),
    [("patient", "p9"), ("state", "answered"), ("link_digest", "mine"), ("expires", START + 900 * HOUR)],
)
def test_a_row_that_was_changed_past_the_app_opens_nothing(own: OwnStores, column: str, value: object) -> None:
    store, request = DatabasePhotoRequests(own.database, own.masters), full()
    store.add(request)
    with own.database.writing() as connection:
        connection.execute(sa.update(photo_requests).values({column: value}))
    with pytest.raises(Tampered):
        store.get(request.request_id)
    assert store.of_patient(request.fhir_base, PatientId("p9")) == []


def test_rotation_seals_every_request_again(own: OwnStores) -> None:
    store, request = DatabasePhotoRequests(own.database, own.masters), full()
    store.add(request)
    both = MasterKeys.add_to_file(own.state / "master.key")
    again = DatabasePhotoRequests(own.database, both)
    assert (again.rotate_master(), again.rotate_master()) == (1, 0)
    only = DatabasePhotoRequests(own.database, MasterKeys.forget_old(own.state / "master.key"))
    assert only.get(request.request_id) == request
