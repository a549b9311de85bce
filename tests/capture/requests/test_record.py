"""The request in the record: written once, following where it stands, through dead tokens, refusals and crashes."""

from __future__ import annotations

import datetime as dt

import pytest

from fhir_plugin.capture.requests.asking import seen_as
from fhir_plugin.capture.requests.record import KIND, STATUS, FollowRecord
from fhir_plugin.capture.requests.request import RequestState
from fhir_plugin.errors import AnswerLost, RecordRefused
from fhir_plugin.ledger.intents import IntentState, Outcome
from mappings.model.identifiers import RequestId
from mappings.r4.communication_request import PhotoAskedStatus, status_of
from tests.capture.bench import SESSION
from tests.capture.requests.bench import Asking, clinician
from tests.definitions.validator import issues


def written(asking: Asking) -> list[dict[str, object]]:
    record = asking.bench.record
    return list(record.search("CommunicationRequest", {"patient": SESSION.patient_id}))


def settled(asking: Asking, request_id: RequestId) -> list[tuple[IntentState, Outcome | None]]:
    asking.bench.until_settled()
    return [(each.state, each.outcome) for each in asking.bench.ledger.for_subject(request_id)]


def test_nothing_is_written_before_a_link_exists() -> None:
    asking = Asking()
    request = asking.prepared()
    asking.requests.cancel(SESSION, request.request_id, seen=seen_as(request))
    asking.bench.until_settled()
    assert written(asking) == []


@pytest.mark.parametrize(
    ("way", "status"),
    [
        ("sent", PhotoAskedStatus.ACTIVE),
        ("sending", PhotoAskedStatus.ACTIVE),
        ("answered", PhotoAskedStatus.COMPLETED),
    ],
)
def test_there_is_one_and_its_status_follows(way: str, status: PhotoAskedStatus) -> None:
    asking = Asking()
    request_id, _ = getattr(asking, way)()
    asking.bench.until_settled()
    (resource,) = written(asking)
    assert issues(resource) == []
    assert status_of(resource) is status
    assert asking.now(request_id).record == f"CommunicationRequest/{resource['id']}"


def test_it_follows_after_it_was_written_and_a_new_link_makes_no_second_one() -> None:
    asking = Asking()
    request_id, door = asking.sent()
    asking.bench.until_settled()
    asking.visits.call_me(door)
    asking.bench.until_settled()
    assert status_of(written(asking)[0]) is PhotoAskedStatus.ON_HOLD
    _, door = asking.issue(asking.now(request_id))
    asking.bench.until_settled()
    asking.visits.decline(door)
    asking.bench.until_settled()
    (resource,) = written(asking)
    assert status_of(resource) is PhotoAskedStatus.REVOKED


def test_nothing_in_it_opens_the_link_or_names_who_was_asked() -> None:
    asking = Asking()
    _, door = asking.sent()
    asking.bench.until_settled()
    text = repr(written(asking)) + repr(asking.bench.audit.entries())
    for secret in (door.secret, "900123", "Amy", "1980", "Dr Cover", "01632", "/p/"):
        assert secret not in text


def test_without_a_token_it_waits_and_goes_on_when_any_clinician_opens_the_patient() -> None:
    asking = Asking()
    request = asking.prepared()
    asking.bench.signed_out.add(SESSION.launch_id)
    request_id, (_, door) = request.request_id, asking.issue(request)
    asking.visits.decline(door)
    asking.bench.until_settled()
    assert written(asking) == []
    states = {each.state for each in asking.bench.ledger.for_subject(request_id)}
    assert states == {IntentState.WAITING_FOR_SIGN_IN}
    asking.requests.resume_for(clinician("cover"))
    (resource,) = written(asking)
    assert status_of(resource) is PhotoAskedStatus.REVOKED
    assert settled(asking, request_id) == [(IntentState.ENDED, Outcome.DONE)] * 2


def test_a_record_that_refuses_it_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking()

    def refuse(*_values: object, **_named: object) -> None:
        raise RecordRefused("not here", status=403)

    for method in ("put", "create"):
        monkeypatch.setattr(asking.bench.record, method, refuse)
    request_id, _ = asking.answered()
    assert settled(asking, request_id) == [(IntentState.ENDED, Outcome.NOTHING_CURRENT)] * 2
    assert asking.now(request_id).state is RequestState.ANSWERED
    assert asking.now(request_id).record is None
    assert len(asking.bench.audit.entries(action="request.not-recorded")) == 2


def test_an_answer_that_was_lost_makes_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking()
    record = asking.bench.record
    put, create = record.put, record.create
    lost: list[object] = []

    def lose_once(way: object) -> object:
        def write(*values: object, **named: object) -> object:
            stored = way(*values, **named)  # type: ignore[operator]
            if not lost:
                lost.append(stored)
                raise AnswerLost("the line broke")
            return stored

        return write

    monkeypatch.setattr(record, "put", lose_once(put))
    monkeypatch.setattr(record, "create", lose_once(create))
    request_id, _ = asking.sent()
    assert settled(asking, request_id) == [(IntentState.ENDED, Outcome.DONE)]
    assert lost
    assert len(written(asking)) == 1


def test_the_intent_stands_with_the_change_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking()
    request_id, door = asking.sent()

    def die(_intent: object) -> None:
        raise RuntimeError("died")

    monkeypatch.setattr(asking.bench.ledger, "add", die)
    with pytest.raises(RuntimeError):
        asking.visits.decline(door)
    assert asking.now(request_id).state is RequestState.SENT
    assert asking.kinds() == []


def test_every_state_has_a_status_and_every_intent_is_of_this_kind() -> None:
    assert set(STATUS) == set(RequestState)
    asking = Asking()
    request_id, _ = asking.sent()
    assert {each.kind for each in asking.bench.ledger.for_subject(request_id)} == {KIND}


def ends(resource: dict[str, object]) -> dt.datetime:
    period = resource["occurrencePeriod"]
    assert isinstance(period, dict)
    return dt.datetime.fromisoformat(period["end"])


def test_a_new_link_lasts_longer_and_the_record_says_so() -> None:
    asking = Asking()
    request_id, _ = asking.sent()
    asking.bench.until_settled()
    first = ends(written(asking)[0])
    asking.bench.clock.advance(hours=5)
    asking.issue(asking.now(request_id))
    asking.bench.until_settled()
    (resource,) = written(asking)
    assert ends(resource) - first >= dt.timedelta(hours=5)
    assert ends(resource) == asking.now(request_id).expires
    assert issues(resource) == []


@pytest.mark.parametrize("when", ["before it reads", "while it writes"])
def test_what_changes_while_it_is_written_is_what_the_record_says_in_the_end(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older plan writes last: without a second look the record would say *active* of what was declined."""
    asking = Asking()
    request_id, door = asking.sent()
    (intent,) = asking.bench.ledger.for_subject(request_id)
    plan = FollowRecord(asking.parts)(intent)
    (step,) = plan.steps()
    if when == "before it reads":
        asking.visits.decline(door)
    evidence = step.do()
    if when == "while it writes":
        asking.visits.decline(door)
        for each in asking.bench.ledger.for_subject(request_id):
            if each.id != intent.id:
                asking.bench.engine.run(each.id)
        resource = written(asking)[0]  # as the first one's late write leaves it
        asking.bench.record.put({**resource, "status": "active"})
    count = len(asking.bench.ledger.for_subject(request_id))
    with asking.bench.work.transaction():
        plan.settle(intent, {step.name: evidence})
    assert len(asking.bench.ledger.for_subject(request_id)) - count == (when == "while it writes")
    for each in asking.bench.ledger.for_subject(request_id):
        if each.id != intent.id:
            asking.bench.engine.run(each.id)
    assert status_of(written(asking)[0]) is PhotoAskedStatus.REVOKED
