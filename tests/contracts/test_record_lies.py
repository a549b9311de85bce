"""Each lie that a server may tell breaks a promise: so the contract suite can fail, and reading back pays."""

from __future__ import annotations

import pytest

from fhir_plugin.errors import AnswerLost, PluginError, RecordUnavailable
from fhir_plugin.ports import TransactionEntry
from mappings.model.identifiers import Reference
from tests.contracts import record_promises as promises
from tests.contracts.record_bytes import keeps_a_large_binary
from tests.contracts.record_places import Place, Promise, key_of
from tests.contracts.record_promises import PROMISES
from tests.contracts.record_transactions import tells_the_truth_of_a_failed_transaction
from tests.fakes.record import FakeRecord, Lie

CAUGHT_BY: dict[Lie, Promise] = {
    Lie.STORES_NOTHING: promises.creates_and_reads,
    Lie.CORRUPTS_BYTES: keeps_a_large_binary,
    Lie.DROPS_LABELS: promises.keeps_labels_and_tags,
    Lie.KEEPS_LABELS: promises.changes_labels_alone,
    Lie.TRANSACTION_AS_BATCH: tells_the_truth_of_a_failed_transaction,
    Lie.DELETES_NOTHING: promises.deletes,
    Lie.IGNORES_VERSION: promises.puts_over_the_expected_version_only,
    Lie.FINDS_EVERYTHING: promises.finds_one_patient_only,
    Lie.FINDS_NOTHING: promises.finds_by_identifier,
    Lie.NEW_IDS: promises.puts_under_our_id,
    Lie.FORGETS_VERSIONS: promises.keeps_versions,
    Lie.DOUBLES: promises.creates_one_and_only_one,
    Lie.TAKES_ANY_TYPE: promises.refuses_types_it_does_not_know,
    Lie.INVENTS: promises.does_not_know_what_never_was,
}


def _place(record: FakeRecord) -> Place:
    return Place("lying", record, Reference("Patient/a"), Reference("Patient/b"))


@pytest.mark.parametrize("lie", Lie)
def test_a_lie_breaks_a_promise(lie: Lie) -> None:
    with pytest.raises((AssertionError, PluginError, pytest.fail.Exception)):
        CAUGHT_BY[lie](_place(FakeRecord(lies=frozenset({lie}))))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_every_promise_can_be_broken(promise: Promise) -> None:
    """A promise that no lie breaks would prove nothing."""
    broken = 0
    for lie in Lie:
        try:
            promise(_place(FakeRecord(lies=frozenset({lie}))))
        except (AssertionError, PluginError, pytest.fail.Exception):
            broken += 1
    assert broken > 0


def test_a_lost_answer_leaves_the_resource_there() -> None:
    record = FakeRecord()
    place = _place(record)
    record.lose_answer(1)
    resource = place.media(id="m1")
    with pytest.raises(AnswerLost):
        record.put(resource)
    assert [found["id"] for found in record.search("Media", key_of(resource))] == ["m1"]


def test_a_lost_answer_to_a_transaction_leaves_all_of_it_there() -> None:
    record = FakeRecord()
    place = _place(record)
    record.lose_answer(1)
    with pytest.raises(AnswerLost):
        record.transact([TransactionEntry("PUT", "Media/m1", place.media(id="m1"))])
    assert len(record.stored("Media")) == 1


def test_a_record_that_is_down_does_nothing() -> None:
    record = FakeRecord()
    record.go_down()
    with pytest.raises(RecordUnavailable):
        record.create(_place(record).media())
    assert record.stored() == []
