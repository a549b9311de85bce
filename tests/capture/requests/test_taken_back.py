"""What a patient takes back is shut wherever it is by then, and somebody rings them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.requests.asking import seen_as
from fhir_plugin.capture.requests.back import STILL_THERE
from fhir_plugin.capture.requests.ends import tidy
from fhir_plugin.capture.requests.parts import Door
from fhir_plugin.capture.waiting import mend
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, RecordRefused, Refused, SignInNeeded
from fhir_plugin.policy.ruling import Act, May
from mappings.model.consent import ConsentScope
from mappings.model.identifiers import CaptureId, RequestId
from mappings.model.labels import RESTRICTED
from mappings.model.practice import Hold, HoldKind
from mappings.model.work import WorkKind
from mappings.r4 import elements
from mappings.r4.note import from_note
from tests.capture.bench import SESSION, launched
from tests.capture.requests.bench import Asking
from tests.capture.requests.test_own_words import AGAIN, answered, may
from tests.capture.test_held import need_signed_in
from tests.fakes.record import FakeRecord
from tests.fakes.worker import picture

OWNER = SESSION.user.reference
SHUT = frozenset({ConsentScope.RECEIVE, ConsentScope.STORE})


def hold(asking: Asking) -> None:
    now = asking.bench.clock.now()
    with asking.bench.work.transaction():
        asking.bench.holds.add(Hold("h1", HoldKind.COMPLAINT, SESSION.fhir_base, SESSION.patient_id, now, OWNER))


def lift(asking: Asking) -> None:
    with asking.bench.work.transaction():
        for each in asking.bench.holds.of_patient(SESSION.fhir_base, SESSION.patient_id):
            asking.bench.holds.save(replace(each, lifted=asking.bench.clock.now()))


def came_back(asking: Asking) -> tuple[CaptureId, RequestId, Door]:
    request_id, door = asking.answered()
    capture = asking.now(request_id).capture_id
    assert capture is not None
    return capture, request_id, door


WRITES = ("put", "create", "transact", "create_binary")


def need_sign_in_to_write(call: str) -> None:
    if call in WRITES:
        raise SignInNeeded("launch again")


def refuse_writing(call: str, _what: str) -> None:
    if call in WRITES:
        raise RecordRefused("nothing more is taken here", status=422)


def test_what_is_held_and_taken_back_is_neither_looked_at_nor_kept() -> None:
    asking = Asking()
    capture, _, door = came_back(asking)
    answered(asking, capture)
    hold(asking)
    asking.visits.withdraw(door)
    draft = asking.bench.draft(capture)
    assert (draft.state, draft.patient_said["consent_store"]) == (DraftState.OPEN, "withdrawn")
    answered(asking, capture)
    assert {may(asking, capture, act) for act in (Act.STORE, Act.DESCRIBE, Act.REVEAL)} == {May.NO}
    with pytest.raises(NotAllowed):
        asking.bench.captures.picture(SESSION, capture, draft.images[0].image_id)
    answered(asking, capture, asked_again=AGAIN)
    assert may(asking, capture, Act.STORE) is May.YES


def test_what_was_asked_before_they_took_it_back_is_not_asking_again() -> None:
    asking = Asking()
    capture, _, door = came_back(asking)
    answered(asking, capture, asked_again=AGAIN)
    hold(asking)
    asking.visits.withdraw(door)
    answered(asking, capture, asked_again=AGAIN)
    assert may(asking, capture, Act.STORE) is May.NO


@pytest.mark.parametrize("taken", [True, False])
def test_what_is_being_filed_when_it_is_taken_back_is_shut_in_the_register(taken: bool) -> None:
    asking = Asking()
    bench = asking.bench
    record = FakeRecord()
    bench.record = record
    capture, _, door = came_back(asking)
    answered(asking, capture)
    captures = bench.captures
    digest = captures.identity_digest(captures.patient(SESSION))
    record.after_write = lambda _call, _what: bench.signed_out.add("l1")
    record.on_call = lambda _call, _what: need_signed_in(bench)
    captures.file(SESSION, capture, patient_id="p1", identity_digest=digest)
    assert bench.draft(capture).state is DraftState.FILING
    if taken:
        asking.visits.withdraw(door)
    record.after_write = record.on_call = lambda _call, _what: None
    bench.signed_out.clear()
    bench.clock.advance(minutes=30)
    assert captures.resume(launched("l9"), capture).state == "filed"
    (kept,) = bench.kept.of_patient(SESSION.fhir_base, SESSION.patient_id)
    assert (kept.withdrawn, kept.untold) == ((SHUT, SHUT) if taken else (frozenset(), frozenset()))
    assert [item.words.endswith("see what is there now.") for item in asking.work() if item.kind == "withdrawal"] == (
        [True] if taken else []
    )


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("taken", [False, True])
def test_a_filing_that_turns_round_after_they_took_it_back_destroys_what_was_sent(taken: bool, held: bool) -> None:
    asking = Asking()
    bench = asking.bench
    record = FakeRecord()
    bench.record = record
    capture, _, door = came_back(asking)
    answered(asking, capture)
    record.after_write = lambda _call, _what: bench.signed_out.add("l1")
    record.on_call = lambda _call, _what: need_signed_in(bench)
    bench.file(capture)
    assert bench.draft(capture).state is DraftState.FILING
    if taken:
        asking.visits.withdraw(door)
    if held:
        hold(asking)
    assert bench.owned(capture) == 3, "what is on its way is not pulled from under it"
    record.after_write = lambda _call, _what: None
    record.on_call = refuse_writing
    bench.signed_out.clear()
    bench.clock.advance(minutes=30)
    bench.captures.resume(launched("l9"), capture)
    draft = bench.draft(capture)
    assert record.stored("Media") == [] and bench.kept.of_patient(SESSION.fhir_base, SESSION.patient_id) == []
    withdrawal = [item for item in asking.work() if item.kind == "withdrawal"]
    if taken and not held:
        assert bench.owned(capture) == 0 and draft.images == ()
        assert draft.answers.said("findings"), "what a clinician wrote is theirs and stays"
        assert [item.words.split("\n")[-1] for item in withdrawal] == [STILL_THERE], "a version of it was written"
    else:
        assert bench.owned(capture) == 3 and draft.state is DraftState.OPEN
        assert len(withdrawal) == int(taken)
    if taken and held:
        assert may(asking, capture, Act.STORE) is May.NO
        with pytest.raises(NotAllowed):
            bench.captures.picture(SESSION, capture, draft.images[0].image_id)


def test_where_nothing_was_written_before_it_turned_round_nothing_is_left_to_review() -> None:
    asking = Asking()
    bench = asking.bench
    record = FakeRecord()
    bench.record = record
    capture, _, door = came_back(asking)
    answered(asking, capture, findings="", advice="", note_elsewhere="yes")
    record.on_call = lambda call, _what: need_sign_in_to_write(call)
    bench.file(capture)
    asking.visits.withdraw(door)
    record.on_call = refuse_writing
    bench.clock.advance(minutes=30)
    bench.captures.resume(launched("l9"), capture)
    assert bench.draft(capture).state is DraftState.DISCARDED and bench.owned(capture) == 0
    assert asking.kinds() == ["call-me"]
    (entry,) = [each.entry for each in bench.audit.entries(subject=capture) if each.entry.action == "capture.discarded"]
    assert (entry.actor, entry.detail["why"], entry.detail["pictures"]) == ("system", "withdrawn", 1)
    bench.until_settled()
    assert asking.kinds() == ["call-me"] and bench.owned(capture) == 0


def test_what_is_in_the_record_is_shut_in_the_register_and_the_record_is_to_be_told() -> None:
    asking = Asking()
    capture, _, door = came_back(asking)
    answered(asking, capture)
    asking.bench.file(capture)
    (kept,) = asking.bench.kept.of_patient(SESSION.fhir_base, SESSION.patient_id)
    assert kept.withdrawn == frozenset()
    asking.visits.withdraw(door)
    (kept,) = asking.bench.kept.of_patient(SESSION.fhir_base, SESSION.patient_id)
    assert (kept.withdrawn, kept.untold) == (SHUT, SHUT)
    assert asking.kinds() == ["call-me", "withdrawal"]


def test_after_taking_it_back_somebody_rings() -> None:
    asking = Asking()
    _, request_id, door = came_back(asking)
    asking.visits.withdraw(door)
    (item,) = asking.work()
    assert (item.kind, item.subject, item.owner) == (WorkKind.CALL_ME, request_id, OWNER)
    assert item.words == "The patient took their photos back. Ring them: they may still need help."


def test_what_a_clinician_added_or_wrote_is_theirs_and_stays() -> None:
    asking = Asking()
    capture, _, door = came_back(asking)
    own = asking.bench.captures.receive(SESSION, capture, picture("own"), "image/jpeg")
    asking.bench.captures.answer(SESSION, capture, {"findings": "Red and scaly", "purpose": "Rash"})
    asking.visits.withdraw(door)
    draft = asking.bench.draft(capture)
    assert draft.state is DraftState.OPEN
    assert [image.image_id for image in draft.images] == [own.image_id]
    assert draft.answers.said("findings") == "Red and scaly"
    assert asking.bench.owned(capture) == 3
    assert may(asking, capture, Act.STORE) is May.NO


def test_words_alone_stay_too() -> None:
    asking = Asking()
    capture, _, door = came_back(asking)
    asking.bench.captures.answer(SESSION, capture, {"advice": "Come in tomorrow"})
    asking.visits.withdraw(door)
    assert asking.bench.draft(capture).answers.said("advice") == "Come in tomorrow"
    assert asking.bench.vault.items() == []


def words_left(asking: Asking) -> CaptureId:
    capture, _, door = came_back(asking)
    asking.bench.captures.answer(SESSION, capture, {"findings": "Red and scaly", "advice": "Come in tomorrow"})
    asking.visits.withdraw(door)
    return capture


def test_words_alone_get_their_note_and_no_picture_is_in_the_record() -> None:
    asking = Asking()
    bench = asking.bench
    record = FakeRecord()
    bench.record = record
    capture = words_left(asking)
    (waiting,) = bench.captures.waiting(SESSION)
    assert "waits for its note" in waiting.message
    view = bench.captures.assess(SESSION, capture)
    assert (view.may_file, view.missing, view.holds) == (True, {}, ())
    receipt = bench.file(capture)
    assert (receipt.state, bench.draft(capture).state) == ("described", DraftState.DESCRIBED)
    assert record.stored("Media") == []
    (note,) = [each for each in record.stored("DocumentReference") if receipt.note == f"DocumentReference/{each['id']}"]
    text = from_note(note).text
    for words in ("Red and scaly", "Come in tomorrow", "took their pictures back before they were filed", "withdrawn"):
        assert words in text
    assert RESTRICTED in elements.labels_of(note), "nobody has said that it is ordinary"
    assert record.stored("Consent") == [] and len(record.stored("QuestionnaireResponse")) == 1
    assert asking.kinds() == ["call-me"], "nobody has to look at it any more"


def test_words_alone_wait_while_the_record_names_somebody_else_or_nothing_is_written() -> None:
    asking = Asking()
    bench = asking.bench
    capture = words_left(asking)
    named = bench.captures.identity_digest(bench.captures.patient(SESSION))
    bench.captures.answer(SESSION, capture, {}, identity=named)
    bench.patient["birthDate"] = "1981-05-01"
    bench.clock.advance(minutes=2)
    view = bench.captures.assess(SESSION, capture)
    assert [each.code for each in view.holds] == ["record-changed"] and not view.may_file
    bench.patient["birthDate"] = "1980-05-01"
    bench.clock.advance(minutes=2)
    bench.captures.answer(SESSION, capture, {"findings": "", "advice": " "})
    with pytest.raises(Incomplete):
        bench.file(capture)
    plain, _ = bench.captures.begin(SESSION), None
    bench.captures.answer(SESSION, plain, {"findings": "Red"})
    with pytest.raises(Incomplete):
        bench.file(plain)


@pytest.mark.parametrize("way", ["decline", "call_me", "expire", "cancel", "new-link"])
def test_what_was_begun_is_sealed_while_something_holds_and_goes_once_nothing_does(way: str) -> None:
    asking = Asking()
    request_id, door = asking.sending()
    capture = asking.now(request_id).capture_id
    assert capture is not None
    hold(asking)
    if way == "expire":
        asking.bench.clock.advance(hours=80)
        assert tidy(asking.parts) == 1
    elif way == "cancel":
        asking.requests.cancel(SESSION, request_id, seen=seen_as(asking.now(request_id)))
    elif way == "new-link":
        asking.issue(asking.now(request_id))
    else:
        getattr(asking.visits, way)(door)
    image = asking.bench.draft(capture).images[0].image_id
    assert asking.bench.owned(capture) == 3
    with pytest.raises(NotFound):
        asking.bench.captures.picture(SESSION, capture, image)
    with pytest.raises((NotFound, Refused)):
        asking.requests.take(SESSION, capture, from_user=asking.bench.draft(capture).user)
    assert mend(asking.bench.parts) == 0
    lift(asking)
    assert mend(asking.bench.parts) == 1
    assert asking.bench.owned(capture) == 0
