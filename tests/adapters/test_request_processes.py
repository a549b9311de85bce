"""Two processes on one database: one browser, five dates of birth, one sending, whoever is first."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from fhir_plugin.adapters.photo_requests import DatabaseLinkTries, DatabasePhotoRequests
from fhir_plugin.adapters.worklist import DatabaseWorklist
from fhir_plugin.capture.requests.link import MOST_BIRTH_DATES, LinkRefused
from fhir_plugin.capture.requests.page import Stage
from fhir_plugin.capture.requests.parts import Door, RequestParts
from fhir_plugin.capture.requests.request import PhotoRequest, RequestState
from fhir_plugin.capture.requests.visit import Visits
from fhir_plugin.errors import PluginError, Refused
from mappings.model.work import WorkKind
from tests.adapters.processes import in_children
from tests.capture.requests.bench import BORN, Asking
from tests.conftest import OwnStores, open_stores
from tests.fakes.photo_requests import FakeMessages

SECRET = "s" * 43
WRONG = BORN + dt.timedelta(days=1)


def joined(own: OwnStores) -> tuple[Visits, RequestParts]:
    """The patient's page over a real database; the rest of a capture is not needed to come in."""
    bench = Asking().bench
    capture = replace(
        bench.parts,
        work=own.database,
        vault=own.vault,
        audit=own.audit,
        worklist=DatabaseWorklist(own.database, own.masters),
    )
    parts = RequestParts(
        capture=capture,
        requests=DatabasePhotoRequests(own.database, own.masters),
        tries=DatabaseLinkTries(own.database),
        messages=FakeMessages(),
        link_of=lambda secret: secret,
    )
    return Visits(parts), parts


def sent(parts: RequestParts) -> PhotoRequest:
    made = Asking().prepared()
    request = replace(made, state=RequestState.SENT, links=1, link_digest=parts.digest("link", SECRET))
    parts.requests.add(request)
    return request


@pytest.fixture
def url(own: OwnStores, request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("sqlite_url"))


def test_of_many_who_pass_the_check_at_once_one_is_inside(own: OwnStores, url: str, tmp_path: Path) -> None:
    _, parts = joined(own)
    request = sent(parts)

    def come(name: str) -> None:
        visits, _ = joined(open_stores(url, own.state, own.clock))
        try:
            browser = visits.check_birth_date(Door(SECRET, visits.new_browser()), BORN)
        except LinkRefused as refused:
            assert refused.code == "link-elsewhere"
            return
        assert visits.open(Door(SECRET, browser)).stage is Stage.OPEN
        (tmp_path / f"inside-{name}").touch()

    in_children(*[lambda name=str(n): come(name) for n in range(6)])
    assert len(list(tmp_path.glob("inside-*"))) == 1
    assert parts.requests.get(request.request_id).state is RequestState.OPENED


def test_no_number_of_processes_gets_more_wrong_dates_than_one(own: OwnStores, url: str, tmp_path: Path) -> None:
    _, parts = joined(own)
    request = sent(parts)

    def guess(name: str) -> None:
        visits, _ = joined(open_stores(url, own.state, own.clock))
        for n in range(4):
            try:
                visits.check_birth_date(Door(SECRET, visits.new_browser()), WRONG)
            except LinkRefused as refused:
                assert refused.code == "link-closed"
            except Refused as refused:
                assert refused.code == "birth-date"
                (tmp_path / f"tried-{name}-{n}").touch()

    in_children(*[lambda name=str(n): guess(name) for n in range(4)])
    assert len(list(tmp_path.glob("tried-*"))) == MOST_BIRTH_DATES - 1
    now = parts.requests.get(request.request_id)
    assert (now.birth_tries, now.link_closed) == (MOST_BIRTH_DATES, True)
    (item,) = parts.capture.worklist.of_patient(request.fhir_base, request.patient)
    assert item.kind is WorkKind.CALL_ME


def test_declining_and_opening_at_once_ends_in_one_of_them(own: OwnStores, url: str) -> None:
    _, parts = joined(own)
    request = sent(parts)

    def act(way: str) -> None:
        visits, _ = joined(open_stores(url, own.state, own.clock))
        try:
            if way == "open":
                visits.check_birth_date(Door(SECRET, visits.new_browser()), BORN)
            else:
                visits.decline(Door(SECRET))
        except PluginError as error:
            assert error.code in ("link-over", "link-elsewhere")

    in_children(lambda: act("open"), lambda: act("decline"))
    assert parts.requests.get(request.request_id).state in (RequestState.OPENED, RequestState.DECLINED)
    kinds = [item.kind for item in parts.capture.worklist.of_patient(request.fhir_base, request.patient)]
    declined = parts.requests.get(request.request_id).state is RequestState.DECLINED
    assert kinds == ([WorkKind.DECLINED] if declined else [])


def test_guesses_of_all_processes_count_together(own: OwnStores, url: str) -> None:
    def guess() -> None:
        tries = DatabaseLinkTries(open_stores(url, own.state, own.clock).database)
        now = own.clock.now()
        for _ in range(25):
            tries.add("somebody", now=now, since=now - dt.timedelta(minutes=15))

    in_children(guess, guess, guess)
    now = own.clock.now()
    assert DatabaseLinkTries(own.database).count("somebody", since=now - dt.timedelta(minutes=15)) == 75
