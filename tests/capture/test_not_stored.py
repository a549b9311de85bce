"""Described, discarded, never asked: what is written then, what is destroyed, and what waits for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.errors import Incomplete, RecordUnavailable
from fhir_plugin.ledger.intents import Intent
from fhir_plugin.policy.choices import ReceiveConsent
from fhir_plugin.policy.pack import shipped_pack
from mappings.model.work import WorkKind
from tests.capture.bench import CANARY, PATIENT, SESSION, Bench
from tests.capture.in_the_record import check_complete, current_images, notes
from tests.capture.test_second_person import SAID as OVERRIDDEN
from tests.fakes.record import FakeRecord, Lie
from tests.fakes.worker import picture


def test_describe_only_writes_the_words_and_destroys_the_picture() -> None:
    record = FakeRecord()
    bench = Bench(record)
    _, receipt = bench.filed(
        "describe", consent_store="refused", alternative_offered="Seen tomorrow", reconsidered="Words are enough"
    )
    assert receipt.state == "described"
    assert receipt.message == "The note is in the record. No picture was kept."
    assert current_images(record) == [] and record.stored("Binary") == []
    assert [CANARY in note for note in notes(record)] == [True]
    assert len(record.stored("Consent")) == len(record.stored("AuditEvent")) == 1
    assert bench.vault.items() == []
    assert [how for _, how in receipt.not_stored] == ["described"]


@pytest.mark.parametrize("lie", [Lie.STORES_NOTHING, Lie.NEW_IDS])
def test_the_description_is_in_the_record_before_the_picture_is_destroyed(lie: Lie) -> None:
    """001:11: a server that says 201 and keeps no note must not cost both."""
    record = FakeRecord(lies=frozenset({lie}))
    bench = Bench(record)
    capture, receipt = bench.filed("describe")
    if receipt.state == "described":
        assert len(notes(record)) == 1
    else:
        assert receipt.state == "nothing-current"
        assert bench.owned(capture) == 3
    assert (receipt.state == "described") == (lie is Lie.NEW_IDS)


def test_not_asked_at_all_writes_no_consent() -> None:
    record = FakeRecord()
    policy = replace(shipped_pack(), receive_consent=ReceiveConsent.IMPLIED_BY_REPLY_TO_REQUEST)
    said = {"arrival": "other", "taken_on": "2026-03-01", "photographer": "patient", "device": "patient"}
    _, receipt = Bench(record, policy=policy).filed(
        "describe", consent_store="not-asked", consent_receive="not-asked", consent_form="", understood="", **said
    )
    assert receipt.state == "described"
    assert (receipt.consent, record.stored("Consent")) == (None, [])
    assert "not asked" in notes(record)[0] and "refused" not in notes(record)[0]


def test_discard_files_nothing_says_why_and_destroys_everything() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, receipt = bench.filed("discard", "discard", purpose="", findings="", consent_store="", consent_receive="")
    assert receipt.state == "discarded"
    assert {each["resourceType"] for each in record.stored()} <= {
        "DocumentReference",
        "AuditEvent",
        "QuestionnaireResponse",
    }
    assert "2 pictures (a duplicate)" in notes(record)[0] and CANARY not in notes(record)[0]
    assert bench.vault.items() == []
    assert bench.draft(capture).state is DraftState.DISCARDED


def test_all_three_decisions_in_one_set() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, receipt = bench.filed("store", "describe", "discard")
    assert receipt.state == "filed"
    check_complete(bench, record, 1)
    assert sorted(how for _, how in receipt.not_stored) == ["described", "discarded"]
    assert bench.owned(capture) == 0
    assert {"image.filed", "image.described", "image.discarded"} <= set(bench.audit.actions)


def test_a_picture_that_nobody_has_seen_stops_discarding_the_rest() -> None:
    bench = Bench()
    capture, images = bench.add("one")
    bench.answer(capture, {images[0]: "discard"})
    bench.worker.on_clean = lambda _received: (_ for _ in ()).throw(RecordUnavailable("busy"))
    with pytest.raises(RecordUnavailable):
        bench.captures.receive(SESSION, capture, picture("two"), "image/jpeg")
    with pytest.raises(Incomplete):
        bench.file(capture)
    assert bench.owned(capture) == 4


def test_what_arrived_another_way_is_on_the_list_until_somebody_says_that_it_is_emptied() -> None:
    bench = Bench()
    capture, receipt = bench.filed(arrival="other", taken_on="2026-03-01")
    assert "Delete the picture from wherever it arrived" in receipt.still_to_do[0]
    assert [item.kind for item in bench.captures.waiting(SESSION)] == ["source-to-empty"]
    (item,) = bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)
    assert (item.kind, item.subject, item.owner, item.patient_name) == (
        WorkKind.SOURCE,
        capture,
        SESSION.user.reference,
        "Amy Example",
    )
    bench.captures.mark_source_emptied(SESSION, capture)
    assert bench.captures.waiting(SESSION) == []
    (done,) = bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id, done=True)
    assert (done.outcome, done.done_by) == ("emptied", SESSION.user.reference)


def test_no_act_is_without_its_task_nor_a_task_without_its_act() -> None:
    bench = Bench(patient={**PATIENT, "birthDate": "2016-01-01"})
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"}, **OVERRIDDEN, urgent_reason="Nobody else is here tonight")

    def fails(_intent: Intent) -> None:
        raise RecordUnavailable("no")

    with pytest.MonkeyPatch.context() as patched, pytest.raises(RecordUnavailable):
        patched.setattr(bench.ledger, "add", fails)
        bench.file(capture)
    assert bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id) == []
    assert bench.file(capture).state == "filed"
    assert [each.kind for each in bench.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)] == [
        WorkKind.URGENT_REVIEW
    ]
