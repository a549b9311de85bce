"""What holds a patient's images holds them at every moment, also between *File* and its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.waiting import mend
from fhir_plugin.errors import Incomplete, NotFound, SignInNeeded
from fhir_plugin.ports import ClinicalRecord, Json
from mappings.model.identifiers import CaptureId, LaunchId
from mappings.model.labels import RESTRICTED
from mappings.model.practice import Hold, HoldKind
from mappings.model.work import WorkKind
from mappings.r4 import elements
from mappings.terminology import systems
from tests.capture.bench import SESSION, Bench, launched
from tests.fakes.record import FakeRecord


def hold(bench: Bench, kind: HoldKind = HoldKind.ACCESS_REQUEST) -> Hold:
    made = Hold("h1", kind, SESSION.fhir_base, SESSION.patient_id, bench.clock.now(), SESSION.user.reference)
    with bench.work.transaction():
        bench.holds.add(made)
    return made


def lift(bench: Bench) -> None:
    with bench.work.transaction():
        for each in bench.holds.of_patient(SESSION.fhir_base, SESSION.patient_id):
            bench.holds.save(replace(each, lifted=bench.clock.now()))


def need_signed_in(bench: Bench) -> None:
    if bench.signed_out:
        raise SignInNeeded("launch again")


def actions(bench: Bench, capture: CaptureId) -> list[str]:
    return [each.entry.action for each in bench.audit.entries(subject=capture)]


def test_what_came_up_while_filing_waited_keeps_the_pictures_sealed_until_it_is_closed() -> None:
    record = FakeRecord()
    bench = Bench(record=record)
    record.after_write = lambda _call, _what: bench.signed_out.add("l1")
    capture, images = bench.add("a", "b")
    bench.answer(capture, {images[0]: "describe", images[1]: "describe"})
    digest = bench.captures.identity_digest(bench.captures.patient(SESSION))
    record.on_call = lambda _call, _what: need_signed_in(bench)
    receipt = bench.captures.file(SESSION, capture, patient_id="p1", identity_digest=digest)
    assert receipt.state == "waiting-for-sign-in"
    record.after_write = record.on_call = lambda _call, _what: None
    hold(bench)
    bench.signed_out.clear()
    bench.clock.advance(minutes=30)
    receipt = bench.captures.resume(launched("l9"), capture)
    assert receipt.state == "described" and bench.owned(capture) == 6, "nothing is destroyed"
    assert receipt.sealed_for and "none is destroyed yet" in receipt.message
    assert "image.described" not in actions(bench, capture)
    for way in (bench.captures.picture, bench.captures.thumbnail):
        with pytest.raises(NotFound):
            way(SESSION, capture, images[0])
    mend(bench.parts)
    assert bench.owned(capture) == 6
    lift(bench)
    assert mend(bench.parts) == 2 and bench.owned(capture) == 0
    assert actions(bench, capture).count("image.described") == 2
    after = bench.captures.receipt(SESSION, capture)
    assert after.sealed_for == () and "No picture was kept" in after.message
    assert mend(bench.parts) == 0


def test_a_concern_said_at_a_capture_holds_from_that_moment_and_is_on_the_list_once() -> None:
    bench = Bench()
    capture, _ = bench.add()
    for said in ("yes", "no", "yes"):
        bench.captures.answer(SESSION, capture, {"concern": said})
    (found,) = bench.holds.of_patient(SESSION.fhir_base, SESSION.patient_id)
    assert (found.kind, found.by) == (HoldKind.SAFEGUARDING, SESSION.user.reference)
    (item,) = bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)
    assert (item.kind, item.subject, item.owner) == (WorkKind.SAFEGUARDING, found.id, None)
    other, (image,) = bench.add("another")
    bench.answer(other, {image: "describe"})
    with pytest.raises(Incomplete):
        bench.file(other)
    lift(bench)
    bench.captures.answer(SESSION, capture, {"findings": "More"})
    assert bench.holds.of_patient(SESSION.fhir_base, SESSION.patient_id) == []


def concern_notes(record: FakeRecord) -> list[Json]:
    return [each for each in record.stored("DocumentReference") if elements.identifier_in(each, systems.CONCERN)]


def test_a_concern_said_at_a_capture_is_written_into_the_record_once_before_anything_is_filed() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, _ = bench.add()
    for said in ("yes", "no", "yes"):
        bench.captures.answer(SESSION, capture, {"concern": said})
    assert bench.queue.wakes == [0] and concern_notes(record) == [], "the answer waits for no EHR"
    bench.until_settled()
    (found,) = bench.holds.of_patient(SESSION.fhir_base, SESSION.patient_id)
    (note,) = concern_notes(record)
    assert elements.identifier_in(note, systems.CONCERN) == found.id and found.note == f"DocumentReference/{note['id']}"
    assert elements.labels_of(note) == (RESTRICTED,) and note["subject"] == {"reference": "Patient/p1"}
    assert "concern.noted" in {each.entry.action for each in bench.audit.entries()}


def test_a_concern_that_comes_with_the_filing_is_noted_with_it_and_waits_for_a_sign_in_by_itself() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"}, alternative_offered="Seen on Tuesday in the surgery")
    draft = bench.draft(capture)
    with bench.work.transaction():  # as a draft of an earlier version, in which the answer made no hold yet
        shared = {**draft.answers.shared, "concern": "yes"}
        bench.drafts.save(replace(draft, answers=replace(draft.answers, shared=shared)))
    assert bench.file(capture).state == "filed"
    assert len(concern_notes(record)) == 1
    record, bench = FakeRecord(), Bench()
    bench.record = record
    capture, _ = bench.add()
    bench.captures.answer(SESSION, capture, {"concern": "yes"})
    bench.signed_out.add("l1")
    bench.until_settled()
    (intent,) = bench.ledger.waiting(
        fhir_base=SESSION.fhir_base, patient=SESSION.patient_id, user=SESSION.user.reference
    )
    assert concern_notes(record) == [] and bench.engine.adopt(intent, LaunchId("l2"))
    bench.engine.run(intent.id)
    assert len(concern_notes(record)) == 1


def lapsed(bench: Bench) -> CaptureId:
    capture, images = bench.add("a", "b")
    bench.captures.discard(SESSION, capture, images[1], reason="sent-in-error")
    bench.clock.advance(hours=2)
    return capture


def test_a_lapsed_discard_goes_only_while_the_rules_still_allow_it() -> None:
    for answers in ({"arrival": "unasked", "photographer": "patient"}, {"concern": "yes"}):
        bench = Bench()
        capture = lapsed(bench)
        bench.captures.answer(SESSION, capture, answers)
        assert mend(bench.parts) == 0 and bench.owned(capture) == 6
    bench = Bench()
    capture, images = bench.add("a", "b")
    named = bench.captures.identity_digest(bench.captures.patient(SESSION))
    bench.captures.answer(SESSION, capture, {}, identity=named)
    bench.captures.discard(SESSION, capture, images[1], reason="duplicate")
    bench.clock.advance(hours=2)
    bench.patient["birthDate"] = "2019-01-01"
    assert mend(bench.parts) == 0, "the record names somebody else now"
    bench.patient["birthDate"] = "1980-05-01"
    bench.signed_out.add("l1")
    assert mend(bench.parts) == 0, "who it is cannot be asked"
    bench.signed_out.clear()
    assert mend(bench.parts) == 1 and bench.owned(capture) == 3


def test_a_hold_that_comes_up_while_a_lapsed_discard_is_looked_at_keeps_it() -> None:
    bench = Bench()
    capture = lapsed(bench)
    real = bench.parts.records

    def records(launch: LaunchId) -> ClinicalRecord:
        hold(bench)
        return real(launch)

    assert mend(replace(bench.parts, records=records)) == 0 and bench.owned(capture) == 6
