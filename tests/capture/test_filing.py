"""Filing, against an honest record, against each lie, and through every loss: the receipt is always true."""

from __future__ import annotations

import pytest

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.capture.draft import DraftState
from fhir_plugin.errors import NotFound, RecordRefused, RecordUnavailable, TooLarge
from fhir_plugin.ledger.intents import IntentState, Outcome
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import FhirBase, PatientId, Reference
from mappings.model.people import User
from tests.capture.bench import CANARY, SESSION, Bench, launched
from tests.capture.in_the_record import SAID, check_complete, current_images, notes
from tests.fakes.record import TYPES, FakeRecord, Lie

RECORDS = {
    "a transaction": {},
    "no transaction": {"transactions": False},
    "ids of its own": {"our_ids": False},
    "no Media": {"types": TYPES - {"Media"}},
    "no Media and ids of its own": {"types": TYPES - {"Media"}, "our_ids": False},
    "a transaction that is a batch": {"lies": frozenset({Lie.TRANSACTION_AS_BATCH})},
    "creates written twice": {"our_ids": False, "lies": frozenset({Lie.DOUBLES})},
}


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("count", [1, 3])
def test_it_is_filed_and_read_back(kind: str, count: int) -> None:
    record = FakeRecord(**RECORDS[kind])  # type: ignore[arg-type]  # the table holds its keywords
    bench = Bench(record)
    capture, receipt = bench.filed(*["store"] * count)
    assert (receipt.state, receipt.outcome, receipt.reason) == ("filed", "done", "")
    assert receipt.message == "Filed, read back and identical."
    check_complete(bench, record, count)
    for line in receipt.filed:
        assert line.sha256_read_back == line.sha256_clean != line.sha256_received
        assert line.reference.startswith("DocumentReference/" if "no Media" in kind else "Media/")
        assert (line.site, line.link) == ("Structure of forearm, left", f"{SESSION.fhir_base}#p1/{line.reference}") or (
            "left" in line.site
        )
        kept = bench.vault.items(owner=f"{SESSION.fhir_base}/{line.reference}")
        assert [item.compartment for item in kept] == [Compartment.THUMBNAIL]
    assert bench.owned(capture) == 0
    assert notes(record)[0] == receipt.note_text
    assert CANARY in receipt.note_text


def test_in_an_ordered_sequence_the_image_is_in_preparation_until_it_is_proven() -> None:
    record = FakeRecord(transactions=False)
    seen: list[str] = []
    record.after_write = lambda _call, what: seen.extend(
        each["status"] for each in record.stored("Media") if what.startswith(("Media", "Provenance"))
    )
    _, receipt = Bench(record).filed()
    assert receipt.state == "filed"
    assert seen == ["preparation", "preparation", "completed"]


@pytest.mark.parametrize("transactions", [True, False])
@pytest.mark.parametrize("our_ids", [True, False])
@pytest.mark.parametrize(
    "lie", [lie for lie in Lie if lie not in (Lie.DOUBLES, Lie.TRANSACTION_AS_BATCH, Lie.IGNORES_VERSION)]
)
def test_against_every_lie_it_is_filed_for_certain_or_nothing_is_current(
    lie: Lie, transactions: bool, our_ids: bool
) -> None:
    record = FakeRecord(lies=frozenset({lie}), transactions=transactions, our_ids=our_ids)
    bench = Bench(record)
    capture, receipt = bench.filed()
    bench.until_settled()
    receipt = bench.captures.receipt(SESSION, capture)
    if receipt.state == "filed":
        check_complete(bench, FakeRecordView(record), 1)
        assert receipt.filed[0].sha256_read_back == receipt.filed[0].sha256_clean
    else:
        assert receipt.state in ("nothing-current", "unresolved")
        assert bench.owned(capture) == 3, "the picture was destroyed although it was not filed"
        if receipt.state == "nothing-current":
            assert receipt.filed == ()
            for image in current_images(record):
                reference = f"{image['resourceType']}/{image['id']}"
                assert any(reference in line for line in receipt.residue), (image, receipt.residue)
    harmful = (Lie.STORES_NOTHING, Lie.CORRUPTS_BYTES, Lie.DROPS_LABELS)
    assert receipt.state == "nothing-current" or lie not in harmful


class FakeRecordView(FakeRecord):
    """The same resources, told honestly."""

    def __init__(self, record: FakeRecord) -> None:
        super().__init__()
        self._versions, self._bytes = record._versions, record._bytes


@pytest.mark.parametrize("kind", ["a transaction", "no transaction", "ids of its own", "no Media and ids of its own"])
@pytest.mark.parametrize("at", range(1, 11))
def test_a_lost_answer_ends_in_one_set(kind: str, at: int) -> None:
    record = FakeRecord(**RECORDS[kind])  # type: ignore[arg-type]  # the table holds its keywords
    record.lose_answer(at)
    bench = Bench(record)
    capture, _ = bench.filed()
    bench.until_settled()
    assert bench.captures.receipt(SESSION, capture).state == "filed"
    check_complete(bench, record, 1)


@pytest.mark.parametrize("kind", ["a transaction", "no transaction", "ids of its own"])
@pytest.mark.parametrize("resource_type", ["Binary", *SAID, "Media", "Provenance", "DocumentReference", "AuditEvent"])
def test_a_refusal_anywhere_leaves_nothing_current_and_loses_nothing(kind: str, resource_type: str) -> None:
    refusal = RecordRefused("no", status=422)
    record = FakeRecord(refuses={resource_type: refusal}, **RECORDS[kind])  # type: ignore[arg-type]  # as above
    bench = Bench(record)
    capture, receipt = bench.filed()
    assert (receipt.state, receipt.outcome) == ("nothing-current", "nothing-current")
    assert receipt.message.startswith("The EHR did not accept it, so nothing was filed. The pictures are safe")
    assert current_images(record) == [] and notes(record) == []
    assert not [each for kind in SAID for each in record.stored(kind) if each["status"] in ("active", "completed")]
    draft = bench.draft(capture)
    assert (draft.state, draft.filing) == (DraftState.OPEN, None)
    assert bench.owned(capture) == 3
    assert bench.audit.actions[-1] == "capture.undone"
    record._refuses.clear()
    assert bench.file(capture).state == "filed"
    check_complete(bench, record, 1)


def test_too_large_for_the_ehr_says_so_and_leaves_nothing() -> None:
    record = FakeRecord(largest=3)
    bench = Bench(record)
    _, receipt = bench.filed()
    assert (receipt.state, receipt.reason) == ("nothing-current", TooLarge.code)
    assert record.stored() == []


def test_provenance_that_the_ehr_forbids_goes_to_the_companion() -> None:
    forbidden = RecordRefused("Provenance", status=403, code="forbidden")
    ehr, companion = FakeRecord(refuses={"Provenance": forbidden}), FakeRecord()
    bench = Bench(CompositeRecord(ehr, companion))
    _, receipt = bench.filed()
    assert receipt.state == "filed"
    assert len(current_images(ehr)) == 1
    assert (len(ehr.stored("Provenance")), len(companion.stored("Provenance"))) == (0, 1)


def test_a_find_everything_server_never_makes_us_delete_what_is_not_ours() -> None:
    record = FakeRecord(our_ids=False, lies=frozenset({Lie.FINDS_EVERYTHING}))
    foreign = {"resourceType": "Media", "status": "completed", "subject": {"reference": "Patient/other"}}
    kept = [record.create({**foreign, "content": {"contentType": "image/jpeg"}}).id for _ in range(3)]
    record.lose_answer(*range(4, 12))
    bench = Bench(record)
    bench.filed()
    bench.until_settled()
    assert set(kept) <= {each["id"] for each in record.stored("Media")}


def test_a_server_that_is_down_waits_and_goes_on_by_itself() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    digest = bench.captures.identity_digest(bench.captures.patient(SESSION))
    calls = record.on_call
    assert bench.captures.patient(SESSION).id == "p1"
    record.go_down()
    receipt = bench.captures.file(SESSION, capture, patient_id="p1", identity_digest=digest)
    assert (receipt.state, receipt.reason) == ("filing", RecordUnavailable.code)
    assert receipt.retry_after is not None and receipt.retry_after > 0
    assert bench.queue.wakes == [5]
    record.on_call = calls
    bench.until_settled()
    assert bench.captures.receipt(SESSION, capture).state == "filed"
    check_complete(bench, record, 1)


def test_an_expired_token_waits_for_the_same_user_and_patient_only() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    digest = bench.captures.identity_digest(bench.captures.patient(SESSION))
    record.after_write = lambda _call, _what: bench.signed_out.add("l1")
    record.on_call = lambda _call, what: _need_signed_in(bench, what)
    receipt = bench.captures.file(SESSION, capture, patient_id="p1", identity_digest=digest)
    record.after_write = record.on_call = lambda _call, _what: None
    assert (receipt.state, receipt.outcome) == ("waiting-for-sign-in", None)
    assert "Open this patient again" in receipt.message
    bench.until_settled()
    assert [item.kind for item in bench.captures.waiting(SESSION)] == ["waiting-for-sign-in"]
    other_user = launched("l2", user=User(Reference("Practitioner/np"), "Nurse"))
    other_patient = launched("l3", patient_id=PatientId("p2"))
    other_ehr = launched("l4", fhir_base=FhirBase("https://other.example/fhir"))
    for stranger in (other_user, other_patient, other_ehr):
        assert bench.captures.resume_for(stranger) == []
        with pytest.raises(NotFound):
            bench.captures.resume(stranger, capture)
    assert bench.captures.receipt(SESSION, capture).state == "waiting-for-sign-in"
    (resumed,) = bench.captures.resume_for(launched("l5"))
    assert resumed.state == "filed"
    check_complete(bench, record, 1)


def _need_signed_in(bench: Bench, _what: str) -> None:
    from fhir_plugin.errors import SignInNeeded

    if bench.signed_out:
        raise SignInNeeded("launch again")


def test_a_launch_goes_on_with_what_was_open_when_the_old_session_ended() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    digest = bench.captures.identity_digest(bench.captures.patient(SESSION))
    record.go_down()
    assert bench.captures.file(SESSION, capture, patient_id="p1", identity_digest=digest).state == "filing"
    record.on_call = lambda _call, _what: None
    bench.signed_out.add("l1")
    bench.clock.advance(hours=1)
    (resumed,) = bench.captures.resume_for(launched("l2"))
    assert resumed.state == "filed"


def test_looking_at_a_receipt_again_and_again_does_not_hurry_the_ehr() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    digest = bench.captures.identity_digest(bench.captures.patient(SESSION))
    record.go_down()
    bench.captures.file(SESSION, capture, patient_id="p1", identity_digest=digest)
    (intent,) = bench.ledger.unsettled()
    for launch in ("l1", "l2", "l2"):
        assert bench.captures.resume(launched(launch), capture).state == "filing"
    assert bench.ledger.get(intent.id).attempts == intent.attempts == 1


def test_pressing_file_twice_files_once() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, receipt = bench.filed()
    writes = record.writes
    assert bench.file(capture) == receipt
    assert record.writes == writes


@pytest.mark.parametrize(("wish", "words"), [("yes", "may be shown"), ("no", "is not to be shown")])
def test_the_receipt_says_what_the_online_record_will_do(wish: str, words: str) -> None:
    _, receipt = Bench().filed(show_online=wish)
    assert words in receipt.online_record
    assert "cannot tell whether this EHR obeys" in receipt.online_record


def test_nothing_typed_reaches_ledger_audit_or_residue() -> None:
    bench = Bench(FakeRecord(refuses={"AuditEvent": RecordRefused("no", status=422)}))
    bench.filed()
    kept = repr((list(bench.ledger._intents.values()), bench.ledger._steps, bench.audit.entries()))
    for secret in (CANARY, "Amy", "Example", "Rash", "picture 0"):
        assert secret not in kept


def test_ended_is_ended() -> None:
    bench = Bench()
    capture, _ = bench.filed()
    intent = bench.draft(capture).intent
    assert intent is not None
    assert (bench.ledger.get(intent).state, bench.ledger.get(intent).outcome) == (IntentState.ENDED, Outcome.DONE)
    assert bench.engine.run_due() == []
