"""A link fits the patient as the record has them now, and once it is dead its message waits for nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.capture.requests.asking import seen_as
from fhir_plugin.capture.requests.ends import tidy
from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.requests.request import Asked, RequestState, Said
from fhir_plugin.errors import Refused, WrongPatient
from mappings.model.consent import ChildView
from mappings.model.identifiers import PatientId, RequestId
from mappings.model.people import Patient
from mappings.model.work import WorkKind
from tests.capture.bench import SESSION
from tests.capture.requests.bench import CONFIRMED, LAST, Asking


def issue_for(asking: Asking, request_id: RequestId, **changed: Any) -> None:
    patient: Patient = replace(asking.bench.captures.patient(SESSION), **changed)
    seen = seen_as(asking.now(request_id))
    asking.requests.issue(SESSION, patient, request_id, CONFIRMED, seen=seen)


def change(asking: Asking, request_id: RequestId, **changed: Any) -> None:
    asking.requests_store.save(replace(asking.now(request_id), **changed))


@pytest.mark.parametrize(
    ("record", "request_says", "code"),
    [
        ({"deceased": True}, {}, "deceased"),
        ({"birth_date": None}, {}, "no-birth-date"),
        ({"birth_date": dt.date(2015, 1, 1)}, {}, "age"),
        ({}, {"asked": Asked.PARENT, "birth_date": dt.date(2015, 1, 1)}, "age"),
        ({}, {"asked": Asked.COMPETENT_CHILD}, "age"),
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_no_link_is_made_that_the_record_no_longer_fits(
    record: dict[str, Any], request_says: dict[str, Any], code: str, again: bool
) -> None:
    asking = Asking()
    request_id = asking.sent()[0] if again else asking.prepared().request_id
    change(asking, request_id, **request_says)
    before, sent = asking.now(request_id), dict(asking.messages.sent)
    with pytest.raises(Refused) as refused:
        issue_for(asking, request_id, **record)
    assert refused.value.code == code
    assert asking.now(request_id) == before
    assert asking.messages.sent == sent


def test_the_check_asks_for_the_date_that_the_record_has_now() -> None:
    asking, corrected = Asking(), dt.date(1980, 6, 1)
    request_id = asking.prepared().request_id
    issue_for(asking, request_id, birth_date=corrected)
    assert asking.now(request_id).birth_date == corrected


def test_nobody_elses_details_make_a_link() -> None:
    asking = Asking()
    request_id = asking.prepared().request_id
    with pytest.raises(WrongPatient):
        issue_for(asking, request_id, id=PatientId("p2"))


def test_a_parents_link_that_outlives_the_age_sends_nothing() -> None:
    asking = Asking()
    request_id, door = asking.sending()
    asking.visits.say(door, replace(LAST, child_view=ChildView.AGREES))
    today = asking.bench.clock.now().date()
    turns = dt.date(today.year - 16, today.month, today.day) + dt.timedelta(days=1)
    change(asking, request_id, asked=Asked.PARENT, birth_date=turns)
    asking.bench.clock.advance(hours=26)
    asking.visits.confirm(door)
    assert asking.now(request_id).state is RequestState.CALL_ME
    assert asking.kinds() == [WorkKind.CALL_ME]
    assert asking.bench.vault.items() == []


ENDS: dict[str, Callable[[Asking, Door], object]] = {
    "declined": lambda asking, door: asking.visits.decline(door),
    "call me": lambda asking, door: asking.visits.call_me(door),
    "stopped": lambda asking, door: asking.visits.say(door, Said(private=True)),
    "answered": lambda asking, door: asking.visits.confirm(door),
}


@pytest.mark.parametrize("way", ENDS)
def test_once_it_is_over_its_message_waits_for_nobody(way: str) -> None:
    asking = Asking()
    _, door = asking.sending()
    asking.visits.say(door, LAST)
    assert len(asking.messages.sent) == 1
    ENDS[way](asking, door)
    assert asking.messages.sent == {}


def test_a_message_of_a_lapsed_link_is_taken_back_with_it() -> None:
    asking = Asking()
    request_id, _ = asking.sent()
    change(asking, request_id, expires=asking.bench.clock.now() + dt.timedelta(hours=1))
    asking.bench.clock.advance(hours=2)
    assert tidy(asking.parts) == 1
    assert asking.messages.sent == {}


@pytest.mark.parametrize("meanwhile", [{"state": RequestState.DECLINED}, {"link_digest": "another"}])
def test_what_ends_while_it_is_handed_over_is_taken_back(
    meanwhile: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Asking()
    request_id = asking.prepared().request_id
    hand_over = asking.messages.hand_over

    def slowly(number: str, text: str, *, expires: dt.datetime) -> str:
        message = hand_over(number, text, expires=expires)
        change(asking, request_id, **meanwhile)
        return message

    monkeypatch.setattr(asking.messages, "hand_over", slowly)
    issued, _ = asking.issue(asking.now(request_id))
    assert (issued.handed_over, asking.messages.sent) == (False, {})


def test_an_outbox_that_does_not_answer_ends_the_link_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking()
    request_id, door = asking.sent()

    def broken(_message: str) -> None:
        raise PermissionError("the folder")

    monkeypatch.setattr(asking.messages, "take_back", broken)
    asking.visits.decline(door)
    assert asking.now(request_id).state is RequestState.DECLINED
