"""What happens to a second opinion is in the record of the patient whose picture it is, and in no other."""

from __future__ import annotations

import pytest

from fhir_plugin.errors import RecordRefused, RecordUnavailable
from fhir_plugin.ledger.engine import BACKOFF_SECONDS
from fhir_plugin.ports import Json, Stored
from mappings.model.identifiers import Reference
from mappings.model.labels import RESTRICTED
from mappings.r4.audit_event import RecordedAuditEvent, from_audit_event
from mappings.terminology.audit import Lifecycle, Operation
from tests.fakes.record import FakeRecord
from tests.keep.consulting import Room
from tests.keep.test_withdraw import AMY, ONE, furnished
from tests.work.test_practice import GP, HERE, LOCUM, NURSE, at


class Strict(FakeRecord):
    """Refuses AuditEvents with `error` while there is one."""

    error: Exception | None = None

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        if self.error is not None and resource["resourceType"] == "AuditEvent":
            raise self.error
        return super().put(resource, version=version)


@pytest.fixture
def record() -> Strict:
    return Strict()


@pytest.fixture
def room(record: Strict) -> Room:
    record.put({"resourceType": "Media", "id": "one", "status": "completed", "meta": {"security": [SENSITIVE]}})
    return Room(furnished(record))


SENSITIVE: Json = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SEX"}


def events(room: Room) -> list[RecordedAuditEvent]:
    found = room.bench.record.search("AuditEvent", {"patient": AMY.id})
    return sorted((from_audit_event(each) for each in found), key=lambda each: (each.at or 0, each.action or ""))


def act(room: Room) -> None:
    """From the question to the answer, a minute apart."""
    opinion = room.ask(reason="canary: is it eczema?")
    for step in (room.consult.accept, room.consult.open):
        room.bench.clock.advance(minutes=1)
        step(room.nurse, opinion.id)
    room.bench.clock.advance(minutes=1)
    room.consult.answer(room.nurse, opinion.id, "canary: it is.")


def test_each_act_is_told_once_at_this_chart_with_who_did_it_when_and_never_a_word_or_name(room: Room) -> None:
    act(room)
    assert [each.action for each in events(room)] == ["opinion.asked"], "a colleague's launch writes nothing about Amy"
    for _ in range(2):
        room.consult.resume_for(at(LOCUM))
    told = events(room)
    assert [each.action for each in told] == [f"opinion.{each}" for each in ("asked", "accepted", "opened", "answered")]
    assert [each.user for each in told] == [GP, NURSE, NURSE, NURSE]
    assert {each.patient for each in told} == {Reference("Patient/amy")}
    assert {one.reference for each in told for one in each.objects} == {ONE}
    assert all("SEX" in {label.code for label in each.labels} for each in told), "as restricted as the picture"
    assert told[2].operation is Operation.READ and told[2].objects[0].lifecycle is Lifecycle.DISCLOSURE
    assert [int((each.at - told[0].at).total_seconds()) for each in told if each.at and told[0].at] == [0, 60, 120, 180]
    said = repr(room.bench.record.search("AuditEvent", {"patient": AMY.id}))
    assert "canary" not in said and "Lee" not in said and "Okoro" not in said and "Shah" not in said
    assert f"'who': {{'reference': '{NURSE}'}}, 'requestor': False" in said, "whom it was asked of"
    assert room.bench.vault.items() == []


def test_what_ends_by_itself_is_nobody_s_act(room: Room) -> None:
    room.ask()
    room.bench.clock.advance(hours=73)
    room.consult.tidy()
    room.consult.resume_for(room.gp)
    last = events(room)[-1]
    assert (last.action, last.user) == ("opinion.expired", None)


def test_at_another_patients_chart_or_without_a_role_nothing_is_told(room: Room) -> None:
    act(room)
    for session in (at(GP, "somebody-else"), at(NURSE, "somebody-else")):
        room.consult.resume_for(session)
    assert len(events(room)) == 1


def test_an_ehr_that_is_away_learns_it_later_and_once(room: Room, record: Strict) -> None:
    record.error = RecordUnavailable("away")
    act(room)
    room.consult.resume_for(room.gp)
    assert events(room) == []
    record.error = None
    room.bench.clock.advance(seconds=max(BACKOFF_SECONDS))
    for _ in range(2):
        room.bench.engine.run_due()
    assert len(events(room)) == 4


def test_signed_out_it_goes_on_under_any_clinicians_launch(room: Room) -> None:
    room.bench.signed_out.add(room.gp.launch_id)
    with pytest.raises(Exception, match="launch again"):
        room.ask()
    room.bench.signed_out.clear()
    opinion = room.ask()
    room.bench.clock.advance(minutes=1)
    room.consult.accept(room.nurse, opinion.id)
    room.bench.clock.advance(minutes=1)
    room.bench.signed_out.add(room.gp.launch_id)
    room.consult.cancel(room.gp, opinion.id)
    assert [each.action for each in events(room)] == ["opinion.asked"]
    room.consult.resume_for(at(LOCUM))
    assert [each.action for each in events(room)] == ["opinion.asked", "opinion.accepted", "opinion.cancelled"]


def test_a_refusal_of_the_ehr_stands_in_our_own_trail_and_nothing_else_is_undone(room: Room, record: Strict) -> None:
    record.error = RecordRefused("no", status=422, code="bad-event")
    act(room)
    record.error = None
    room.consult.resume_for(room.gp)
    assert [each.action for each in events(room)] == ["opinion.accepted", "opinion.opened", "opinion.answered"]
    (failed,) = [
        each.entry for each in room.bench.audit.entries(action="opinion.recorded") if each.entry.outcome != "success"
    ]
    assert failed.detail["act"] == "opinion.asked"
    assert room.bench.vault.items() == []


def test_of_a_picture_that_is_gone_it_says_restricted(room: Room) -> None:
    room.bench.record.delete("Media", "one")
    room.ask()
    assert RESTRICTED in events(room)[0].labels
    assert [each.state for each in room.bench.opinions.of_patient(HERE, AMY.id)] == ["asked"]
