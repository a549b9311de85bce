"""Carrying out an approved deletion: what is destroyed, what stays, and what is said when it cannot go on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.delete.execute import begin, resume_for
from fhir_plugin.errors import RecordRefused, Refused, WrongPatient
from fhir_plugin.ledger.intents import IntentState
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.ports import Compartment, Destroyed
from mappings.model.deletion import CaseId, DeletionState
from mappings.model.identifiers import PatientId
from mappings.model.people import Role
from mappings.r4.destruction_trace import destroyed_in, signed_destruction_in
from tests.delete.destroying_bench import (
    BINARY,
    BYTES,
    IMAGE,
    ITEM,
    OTHER,
    DestroyingBench,
    second_image,
    with_reference,
)
from tests.fakes.record import FakeRecord, Lie
from tests.fakes.record_purge import FakeRecordPurge, PurgeLie


@pytest.fixture
def bench() -> DestroyingBench:
    bench = DestroyingBench()
    bench.approve()
    return bench


def test_everything_of_it_is_destroyed_and_proven(bench: DestroyingBench) -> None:
    item = bench.carry_out()
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
    assert item.proof is not None and item.proof.proven
    assert item.certificate is not None
    assert set(item.purged) == {"audit-copy", "binary", "history", "image", "opinion", "thumbnail"}
    assert bench.image_bytes_in_record() == [] and bench.image_bytes_in_vault() == []
    assert bench.vault.items(compartment=Compartment.CASE) == [], "neither the Guardian's copy nor the needles stay"
    assert [each.event for each in item.timeline] == ["begun", "proven"]
    bench.again()
    (task,) = [each for each in bench.record.stored("Task") if each["id"] == ITEM]
    assert task["status"] == "completed" and IMAGE not in str(task["focus"].get("reference"))


def test_nothing_that_speaks_stays_on_the_item(bench: DestroyingBench) -> None:
    item = bench.carry_out()
    assert (item.title, item.picture) == ("", None)
    assert item.approval is not None and item.approval.words == ""
    assert item.image.digest and item.image.version


def test_nothing_else_is_touched(bench: DestroyingBench) -> None:
    bench.carry_out()
    assert {each["id"] for each in bench.record.stored("Media")} == {"photo-arm-1", "photo-bare-3"}
    assert bench.record.read_binary("Binary/bin-arm-1").content
    assert [each.owner.rpartition("/")[2] for each in bench.vault.items()] == [OTHER.split("/")[1]]


def test_the_log_is_written_before_the_first_destroying_act(bench: DestroyingBench) -> None:
    seen: list[int] = []
    bench.record.after_write = lambda call, what: (
        seen.append(len(bench.log.entries())) if what in (IMAGE, BINARY) else None
    )
    bench.carry_out()
    assert seen and set(seen) == {1}
    (entry,) = bench.log.entries()
    assert (entry.item, entry.reference) == (ITEM, IMAGE)
    assert len(entry.vault_items) == 2, "thumbnail and audit copy; the Guardian's copy has gone with the decision"


def test_the_record_is_told_in_codes_alone(bench: DestroyingBench) -> None:
    bench.carry_out()
    events = bench.record.stored("AuditEvent")
    assert sorted(len(destroyed_in(each)) for each in events) == [0, 2], "deleted; and, once proven, erased"
    (provenance,) = [each for each in bench.record.stored("Provenance") if signed_destruction_in(each)]
    assert "private place" not in str([*events, provenance])


def test_carried_out_twice_it_says_the_same(bench: DestroyingBench) -> None:
    bench.carry_out()
    first = bench.again()
    writes = bench.record.writes
    assert bench.again() == first
    with pytest.raises(Refused):
        bench.begin()
    assert bench.record.writes == writes and len(bench.intents()) == 1


def test_begun_twice_it_begins_once(bench: DestroyingBench) -> None:
    assert bench.begin() == bench.begin(bench.launch("launch-2"))


def test_another_patient_s_launch_cannot(bench: DestroyingBench) -> None:
    session = bench.launch("launch-3")
    other = type(session)(session.launch_id, session.fhir_base, session.issuer, PatientId("ben"), session.user)
    case = bench.cases.get(CaseId("case-1"))
    with pytest.raises(WrongPatient):
        begin(bench.parts, other, case, case.item(ITEM))


def test_a_changed_version_voids_the_approval(bench: DestroyingBench) -> None:
    resource = bench.record.read(*IMAGE.split("/"))
    bench.record.put({**resource, "height": 10})
    item = bench.carry_out()
    assert (item.state, item.why, item.approval) == (DeletionState.REQUESTED, "changed-since", None)
    assert bench.image_bytes_in_vault() and bench.record.read_binary(BINARY).content == BYTES
    assert bench.log.entries() == []


def test_changed_bytes_void_the_approval(bench: DestroyingBench) -> None:
    bench.record.create_binary(b"other bytes", "image/jpeg", id="bin-private-2", security_context=None)
    item = bench.carry_out()
    assert (item.state, item.why) == (DeletionState.REQUESTED, "changed-since")
    assert bench.log.entries() == []


def test_a_task_that_was_edited_voids_the_approval(bench: DestroyingBench) -> None:
    task = bench.record.read("Task", ITEM)
    bench.record.put({**task, "focus": {"reference": OTHER}})
    item = bench.carry_out()
    assert (item.state, item.why) == (DeletionState.REQUESTED, "task-edited")
    assert bench.log.entries() == [] and bench.image_bytes_in_vault()


def test_an_approval_that_has_expired_destroys_nothing(bench: DestroyingBench) -> None:
    bench.clock.advance(days=15)
    item = bench.carry_out()
    assert (item.state, item.approval) == (DeletionState.REQUESTED, None)
    assert bench.log.entries() == [] and bench.image_bytes_in_vault()


def test_a_hold_before_it_begins(bench: DestroyingBench) -> None:
    bench.hold()
    item = bench.carry_out()
    assert (item.state, item.held_from, item.purged) == (DeletionState.ON_HOLD, DeletionState.ACCEPTED, ())
    assert bench.log.entries() == []


MOMENTS = {
    "the look for references": ("everything", "Patient/amy", 0),
    "deleting the bytes": ("delete", BINARY, 4),
    "the tombstone": ("put", IMAGE, 4),
    "purging": ("purge", IMAGE, 4),
}
"""After which call, and how many places are empty then: what is under way is done, the next act is not."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_hold_that_comes_in_the_middle_stops_before_the_next_act(bench: DestroyingBench, moment: str) -> None:
    call, what, done = MOMENTS[moment]
    held: list[str] = []

    def comes(made: str, of: str) -> None:
        if (made, of) == (call, what) and not held:
            held.append(of)
            bench.hold()

    bench.record.on_call = comes
    item = bench.carry_out()
    assert (item.state, item.held_from, item.why) == (DeletionState.ON_HOLD, DeletionState.IN_PROGRESS, "legal-hold")
    assert len(item.purged) >= done and ("binary" in item.purged) is (done > 0), item.purged
    assert item.certificate is None and item.proof is None
    assert bool(bench.image_bytes_in_vault()) is (done == 0)

    bench.let_go()
    assert bench.item().state is DeletionState.IN_PROGRESS
    resume_for(bench.parts, bench.launch("launch-2"))
    assert bench.item().state is DeletionState.COMPLETED, bench.item().why
    assert bench.image_bytes_in_record() == [] == bench.image_bytes_in_vault()
    assert len(bench.log.entries()) == 1


def test_a_hold_between_the_log_and_the_first_act(bench: DestroyingBench) -> None:
    append = bench.log.append

    def appended(entry: Destroyed) -> None:
        append(entry)
        bench.hold()

    bench.log.append = appended  # type: ignore[assignment, method-assign]  # the moment
    item = bench.carry_out()
    assert (item.state, item.purged) == (DeletionState.ON_HOLD, ())
    assert bench.image_bytes_in_vault() and bench.record.read_binary(BINARY).content == BYTES


def test_two_hundred_references_are_taken_out(bench: DestroyingBench) -> None:
    for number in range(200):
        bench.record.put(with_reference(number))
    item = bench.carry_out()
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
    observations = [each for each in bench.record.stored("Observation") if each["id"].startswith("refers")]
    assert len(observations) == 200
    assert all(IMAGE not in str(each) and "vulva" not in str(each) for each in observations)
    assert all(each["derivedFrom"] and each["code"] == {"text": "Size"} for each in observations)


def test_by_policy_a_reference_stops_it_before_anything_is_destroyed() -> None:
    bench = DestroyingBench(policy=replace(shipped_pack(), deletion_unlinks=False))
    bench.approve()
    item = bench.carry_out()
    assert (item.state, item.why, item.purged) == (DeletionState.FAILED, "referred-to", ())
    assert item.look_again is not None and bench.log.entries() == [] and bench.image_bytes_in_vault()


def test_a_reference_that_cannot_be_taken_out_stops_it() -> None:
    bench = DestroyingBench(record=FakeRecord())
    bench.approve()
    bench.record._refuses = {"Observation": RecordRefused("no", status=403, code="forbidden")}
    item = bench.carry_out()
    assert (item.state, item.why, item.purged) == (DeletionState.FAILED, "reference-stays", ())
    assert bench.log.entries() == []


def test_bytes_that_another_image_shows_are_not_destroyed(bench: DestroyingBench) -> None:
    second_image(bench.record)
    item = bench.carry_out()
    assert (item.state, item.why, item.purged) == (DeletionState.FAILED, "bytes-shared", ())
    assert bench.record.read_binary(BINARY).content == BYTES


def test_bytes_that_two_approved_images_share_are_destroyed_with_the_first() -> None:
    bench = DestroyingBench()
    bench.approve(second_image(bench.record))
    first = bench.carry_out()
    assert first.state is DeletionState.FAILED and "image" in first.purged, "the other one still shows it"
    second = bench.item(type(ITEM)("item-2"))
    assert second.state is DeletionState.ACCEPTED


@pytest.mark.parametrize(
    ("lie", "why"),
    [(PurgeLie.KEEPS, "not-proven"), (PurgeLie.HALF, "not-proven"), (PurgeLie.FORBIDDEN, "not-proven")],
)
def test_a_server_that_keeps_versions_is_not_believed(lie: PurgeLie, why: str) -> None:
    record = FakeRecord()
    bench = DestroyingBench(record=record, purge=FakeRecordPurge(record, lies=frozenset({lie})))
    bench.approve()
    item = bench.carry_out()
    assert (item.state, item.why, item.certificate) == (DeletionState.FAILED, why, None)
    assert item.proof is not None and not item.proof.proven and item.look_again is not None
    assert "image" in item.purged and bench.image_bytes_in_vault() == []
    erased = [each for each in record.stored("AuditEvent") if destroyed_in(each)]
    assert erased == [], "nothing is reported that did not happen"
    assert len(record.stored("AuditEvent")) == 1


def test_a_server_that_says_200_and_keeps_it() -> None:
    bench = DestroyingBench(record=FakeRecord(lies=frozenset({Lie.DELETES_NOTHING})))
    bench.approve()
    item = bench.carry_out()
    assert item.state is DeletionState.FAILED and item.why == "not-proven"
    assert item.proof is not None and any("Binary" in found for place in item.proof.places for found in place.found)


def test_once_it_is_proven_later_it_is_done(bench: DestroyingBench) -> None:
    purge = bench.purge
    assert purge is not None
    purge.lies = frozenset({PurgeLie.FORBIDDEN})
    assert bench.carry_out().state is DeletionState.FAILED
    purge.lies = frozenset()
    item = bench.carry_out()
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
    assert [each.event for each in item.timeline] == ["begun", "stopped", "retried", "proven"]
    assert len(bench.log.entries()) == 1
    assert len(bench.record.stored("AuditEvent")) == 2


def test_a_version_that_somebody_writes_after_it_began_is_not_destroyed(bench: DestroyingBench) -> None:
    purge = bench.purge
    assert purge is not None
    purge.lies = frozenset({PurgeLie.FORBIDDEN})
    bench.carry_out()
    bench.record.put(
        {
            "resourceType": "Media",
            "id": IMAGE.split("/")[1],
            "status": "completed",
            "subject": {"reference": "Patient/amy"},
            "content": {"contentType": "image/jpeg", "url": "Binary/bin-arm-1"},
        }
    )
    item = bench.carry_out()
    assert (item.state, item.why) == (DeletionState.FAILED, "changed-since")
    assert bench.record.read(*IMAGE.split("/"))["status"] == "completed"


def test_what_waits_for_a_sign_in_goes_on_at_the_next_launch_of_whoever_may(bench: DestroyingBench) -> None:
    intent = bench.begin()
    bench.signed_out.add("launch-1")
    assert bench.engine.run(intent).state is IntentState.WAITING_FOR_SIGN_IN
    resume_for(bench.parts, bench.launch("launch-2", Role.TRIAGE))
    assert bench.item().state is DeletionState.ACCEPTED
    resume_for(bench.parts, bench.launch("launch-3", person="Practitioner/somebody-else"))
    assert bench.item().state is DeletionState.COMPLETED


def test_while_the_record_does_not_answer_nothing_is_lost(bench: DestroyingBench) -> None:
    bench.record.go_down()
    assert bench.carry_out().state is DeletionState.ACCEPTED
    bench.record.on_call = lambda _call, _what: None
    assert bench.again().state is DeletionState.COMPLETED


def test_an_answer_lost_is_asked_of_the_world(bench: DestroyingBench) -> None:
    bench.record.lose_answer(*range(bench.record.writes + 1, bench.record.writes + 40, 2))
    bench.carry_out()
    bench.again(10)
    assert bench.item().state is DeletionState.COMPLETED, bench.item().why
    assert len(bench.record.stored("AuditEvent")) == 2


def test_what_forbids_it_after_it_began_stops_it_and_says_so(bench: DestroyingBench) -> None:
    def revoke(call: str, what: str) -> None:
        if call == "delete" and what == BINARY:
            bench.guardians.clear()

    bench.record.on_call = revoke
    item = bench.carry_out()
    assert item.state is DeletionState.FAILED and item.why not in ("", "not-proven"), item.why
    assert "binary" in item.purged and "image" not in item.purged
    assert bench.record.read(*IMAGE.split("/"))["status"] == "completed"


def test_of_an_image_of_somebody_else_nothing_is_destroyed(bench: DestroyingBench) -> None:
    resource = bench.record.read(*IMAGE.split("/"))
    bench.record.put({**resource, "subject": {"reference": "Patient/ben"}})
    item = bench.carry_out()
    assert (item.state, item.why, item.purged) == (DeletionState.REQUESTED, "another-patient", ())
    assert bench.log.entries() == []


def test_a_reference_elsewhere_in_the_world_is_not_ours(bench: DestroyingBench) -> None:
    bench.record.put(with_reference(1, derivedFrom=[{"reference": f"https://other.example/fhir/{IMAGE}"}]))
    bench.carry_out()
    kept = bench.record.read("Observation", "refers-1")["derivedFrom"]
    assert kept == [{"reference": f"https://other.example/fhir/{IMAGE}"}]
