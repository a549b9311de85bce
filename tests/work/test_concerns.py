"""Concerns: written down whatever the EHR says, noted in the record once, and nothing destroyed while one is open."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, PluginError, RecordRefused, Refused
from fhir_plugin.ledger.intents import IntentState, Outcome
from fhir_plugin.ports import Json, Stored
from mappings.model.identifiers import LaunchId, PatientId
from mappings.model.labels import RESTRICTED
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.model.practice import Hold, HoldKind
from mappings.model.work import WorkKind
from mappings.r4 import elements
from mappings.terminology import systems
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord, Lie
from tests.work.test_practice import DESK, ELSEWHERE, GP, HERE, NURSE, at

AMY = Patient(PatientId("amy"), "Amy LEE")
SAID = "She flinched when her uncle came in."


@pytest.fixture
def bench() -> PracticeBench:
    return PracticeBench()


def raised(bench: PracticeBench, session: ClinicalSession | None = None, **changed: str) -> Hold:
    words = {"words": SAID, "about": "her uncle", "told": "Safeguarding lead, by phone", **changed}
    return bench.concerns.raise_concern(session or at(GP), AMY, **words)


def notes(bench: PracticeBench) -> list[dict[str, object]]:
    found = bench.record.search("DocumentReference", {"patient": "amy"})
    return [each for each in found if elements.identifier_in(each, systems.CONCERN)]


def test_a_concern_is_held_listed_for_today_noted_and_audited(bench: PracticeBench) -> None:
    hold = raised(bench)
    assert bench.concerns.of_chart(at(NURSE)) == [bench.holds.get(hold.id)]
    assert [reason.code for reason in bench.concerns.held(HERE, PatientId("amy"))] == ["open-concern"]
    item = bench.worklist.of_practice(HERE)[0]
    assert (item.kind, item.subject, item.owner) == (WorkKind.SAFEGUARDING, hold.id, None)
    assert (item.due - item.created).total_seconds() <= 24 * 3600
    assert SAID not in item.words, "the words are read at the chart"
    note = notes(bench)[0]
    assert note["subject"] == {"reference": "Patient/amy"}
    text = base64.b64decode(note["content"][0]["attachment"]["data"]).decode()  # type: ignore[index]  # FHIR JSON
    assert all(words in text for words in (SAID, "her uncle", "Safeguarding lead, by phone"))
    assert elements.labels_of(note) == (RESTRICTED,)
    assert bench.concerns.note_state(bench.holds.get(hold.id)) == "written"
    assert {entry.entry.action for entry in bench.audit.entries()} >= {"concern.raised", "concern.noted"}
    assert SAID not in repr(bench.audit.entries()) and SAID not in repr(hold)


def test_triage_may_raise_one_and_not_read_it(bench: PracticeBench) -> None:
    hold = raised(bench, at(DESK))
    assert hold.by == DESK
    for ask in (lambda: bench.concerns.of_chart(at(DESK)), lambda: bench.concerns.get(at(DESK), hold.id)):
        with pytest.raises(NotAllowed):
            ask()


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.CLINICIAN, Role.TRIAGE)])
def test_other_roles_neither_raise_nor_read(bench: PracticeBench, role: Role) -> None:
    session = at(GP, "amy", HERE, role)
    with pytest.raises(NotAllowed):
        raised(bench, session)
    with pytest.raises(NotAllowed):
        bench.concerns.of_chart(session)


def test_pressed_twice_it_is_there_once(bench: PracticeBench) -> None:
    first = raised(bench)
    assert raised(bench).id == first.id
    assert len(notes(bench)) == 1 and len(bench.worklist.of_practice(HERE)) == 1
    assert raised(bench, words="Something else.").id != first.id
    assert raised(bench, at(NURSE)).id != first.id


@pytest.mark.parametrize("words", ["", "  \n", "x" * 4001])
def test_without_words_or_with_a_file_s_worth_of_them_nothing_is_written(bench: PracticeBench, words: str) -> None:
    with pytest.raises(Incomplete):
        raised(bench, words=words)
    assert notes(bench) == [] and bench.worklist.of_practice(HERE) == []


def test_signed_out_the_concern_stands_and_the_note_goes_on_after_the_next_launch_once(bench: PracticeBench) -> None:
    session = at(GP)
    bench.signed_out.add(session.launch_id)
    hold = raised(bench)
    assert notes(bench) == []
    assert bench.concerns.note_state(hold) == "sign-in"
    assert bench.concerns.held(HERE, PatientId("amy"))
    again = replace(session, launch_id=LaunchId("again"))
    bench.concerns.resume_for(replace(again, user=at(NURSE).user))
    assert notes(bench) == [], "not under somebody else's name"
    for _ in range(2):
        bench.concerns.resume_for(again)
    assert len(notes(bench)) == 1
    assert bench.concerns.note_state(bench.holds.get(hold.id)) == "written"


@pytest.mark.parametrize("lies", [frozenset(), frozenset({Lie.DOUBLES})], ids=["honest", "writes twice"])
@pytest.mark.parametrize("our_ids", [True, False], ids=["our ids", "its ids"])
@pytest.mark.parametrize("lost", [(), (1,), (1, 2)], ids=["", "one answer lost", "two answers lost"])
def test_the_note_is_there_once_whatever_became_of_the_answer(
    our_ids: bool, lost: tuple[int, ...], lies: frozenset[Lie]
) -> None:
    record = FakeRecord(our_ids=our_ids, lies=lies)
    record.lose_answer(*lost)
    bench = PracticeBench(record=record)
    hold = raised(bench)
    for _ in range(3):
        bench.clock.advance(minutes=20)
        bench.engine.run_due()
    assert len([each for each in record.stored("DocumentReference") if each["status"] == "current"]) == 1
    assert bench.concerns.note_state(bench.holds.get(hold.id)) == "written"


class Refusing(FakeRecord):
    """Takes no documents."""

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        raise RecordRefused("no documents here", status=422)

    def create(self, resource: Json, *, if_none_exist: str | None = None) -> Stored:
        raise RecordRefused("no documents here", status=422)


def test_an_ehr_that_refuses_the_note_loses_nothing_and_is_said_so() -> None:
    bench = PracticeBench(record=Refusing())
    hold = raised(bench)
    assert bench.concerns.note_state(hold) == "refused"
    intent = bench.ledger.for_subject(hold.id)[0]
    assert (intent.state, intent.outcome) == (IntentState.ENDED, Outcome.NOTHING_CURRENT)
    assert bench.concerns.held(HERE, PatientId("amy")) and bench.worklist.of_practice(HERE)
    assert "concern.not-noted" in {entry.entry.action for entry in bench.audit.entries()}


def test_it_is_closed_with_a_reason_once_and_its_item_is_done_with_it(bench: PracticeBench) -> None:
    hold = raised(bench)
    with pytest.raises(Incomplete):
        bench.concerns.lift(at(NURSE), hold.id, " ")

    def close(number: int) -> str:
        try:
            return str(bench.concerns.lift(at(NURSE), hold.id, f"Referred, {number}.").lifted_by)
        except PluginError as error:
            return error.code

    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(close, range(3)))
    assert sorted(said) == [NURSE, "closed-meanwhile", "closed-meanwhile"]
    assert bench.concerns.held(HERE, PatientId("amy")) == ()
    assert bench.worklist.of_practice(HERE) == []
    assert len(notes(bench)) == 1, "the note stays"
    assert len(bench.concerns.of_chart(at(GP), lifted=True)) == 1


def test_one_that_is_closed_leaves_the_others_in_force(bench: PracticeBench) -> None:
    hold = raised(bench)
    bench.concerns.set_hold(at(GP), HoldKind.COMPLAINT, "About the waiting time.")
    bench.concerns.set_hold(at(GP), HoldKind.COMPLAINT, "About the waiting time.")
    bench.concerns.set_hold(at(GP), HoldKind.ACCESS_REQUEST, "By her solicitor.")
    codes = ["open-concern", "open-complaint", "open-access-request"]
    assert [reason.code for reason in bench.concerns.held(HERE, PatientId("amy"))] == codes
    assert len(bench.concerns.of_chart(at(GP))) == 3
    bench.concerns.lift(at(GP), hold.id, "Referred.")
    assert [reason.code for reason in bench.concerns.held(HERE, PatientId("amy"))] == codes[1:]


def test_the_hold_of_an_open_request_for_the_record_ends_with_it_and_not_by_hand(bench: PracticeBench) -> None:
    hold = bench.concerns.set_hold(at(GP), HoldKind.ACCESS_REQUEST, "By her solicitor.")
    bench.holds.save(replace(hold, follows="d1"))
    with pytest.raises(Refused) as raised:
        bench.concerns.lift(at(GP), hold.id, "Because.")
    assert raised.value.code == "ends-with-request"
    assert bench.concerns.held(HERE, PatientId("amy"))


def test_a_hold_needs_words_and_a_concern_its_own_page(bench: PracticeBench) -> None:
    with pytest.raises(Incomplete):
        bench.concerns.set_hold(at(GP), HoldKind.COMPLAINT, "")
    with pytest.raises(Refused):
        bench.concerns.set_hold(at(GP), HoldKind.SAFEGUARDING, "x")
    with pytest.raises(NotAllowed):
        bench.concerns.set_hold(at(DESK), HoldKind.COMPLAINT, "x")


def test_another_patient_s_or_another_ehr_s_does_not_exist(bench: PracticeBench) -> None:
    hold = raised(bench)
    for session in (at(GP, "sam"), at(GP, "amy", ELSEWHERE)):
        for ask in (bench.concerns.get, lambda who, id: bench.concerns.lift(who, id, "because")):
            with pytest.raises(NotFound):
                ask(session, hold.id)
        assert bench.concerns.of_chart(session) == []
    assert bench.concerns.held(ELSEWHERE, PatientId("amy")) == ()
