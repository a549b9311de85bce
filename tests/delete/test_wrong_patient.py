"""The wrong chart: hidden and in error at once, never put back; a breach to consider; filed again by the same person in
the right chart, where neither chart names the other."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from fhir_plugin.delete.bound import bound_now
from fhir_plugin.delete.break_glass import OPENED, SHOWN, BreakGlass
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.delete.wrong_patient import HandOvers
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, RecordRefused, Refused
from fhir_plugin.ports import Compartment
from mappings.model.hiding import HidingReason, HidingState
from mappings.model.identifiers import CaptureId, LaunchId, Reference
from mappings.model.people import ClinicalSession, Role
from mappings.model.work import WorkKind
from mappings.r4.hiding_provenance import signed_hiding_in
from tests.delete.hiding_bench import HidingBench, chart
from tests.fakes.record import FakeRecord
from tests.keep.labelled import AMY, JPEG, OURS, foreign
from tests.work.test_practice import DESK, ELSEWHERE, GP, HERE, NURSE, at

REASON = "Complaint 17: what was in the wrong chart?"


@dataclass
class Taking:
    """Captures that only remember."""

    begun: list[tuple[ClinicalSession, bytes, str]] = field(default_factory=list)

    def begin(self, session: ClinicalSession) -> CaptureId:
        return CaptureId(f"capture-{len(self.begun)}")

    def receive(self, session: ClinicalSession, capture_id: CaptureId, content: bytes, declared_type: str) -> object:
        self.begun.append((session, content, declared_type))
        return capture_id


def handing(bench: HidingBench) -> tuple[HandOvers, Taking]:
    taking = Taking()
    return HandOvers(bench.delete_parts, taking), taking


def officer(role: Role = Role.PRIVACY_OFFICER, patient: str = "bob") -> ClinicalSession:
    return at(DESK, patient, HERE, role)


# ------------------------------------------------------------------------------------------ hidden, in error


def test_it_is_hidden_and_in_error_its_destruction_asked_for_and_a_breach_to_be_considered() -> None:
    bench = chart()
    row = bench.wrong()
    assert row.state is HidingState.HIDDEN and row.reason is HidingReason.WRONG_PATIENT
    stub = bench.on_server()
    assert stub["status"] == "entered-in-error" and bench.bytes_of() == neutral_picture() and not bench.opens()
    assert bench.asked_for == [OURS] and bench.stopped == 1
    [item] = [each for each in bench.worklist.of_patient(HERE, AMY.id) if each.kind is WorkKind.BREACH]
    assert item.subject == OURS and "72 hours" in item.words and item.owner == GP
    [told] = [signed for each in bench.provenances() if (signed := signed_hiding_in(each)) is not None]
    assert told[0]["act"] == "wrong-patient"
    activities = [each["activity"]["coding"][0]["code"] for each in bench.provenances()]
    assert "NULLIFY" in activities


def test_it_is_never_put_back_and_said_once() -> None:
    bench = chart()
    bench.wrong()
    with pytest.raises(Refused) as refused:
        bench.restore()
    assert refused.value.code == "wrong-patient"
    bench.wrong()
    assert bench.asked_for == [OURS] and len(bench.ledger.for_subject(OURS)) == 1
    assert len([each for each in bench.worklist.of_patient(HERE, AMY.id) if each.kind is WorkKind.BREACH]) == 1


def test_one_that_was_hidden_for_another_reason_becomes_it() -> None:
    bench = chart()
    before = bench.hide()
    row = bench.wrong()
    assert row.content == before.content and bench.on_server()["status"] == "entered-in-error"
    assert "She asked" in row.words and "another person" in row.words
    with pytest.raises(Refused):
        bench.restore()
    assert bench.hide().reason is HidingReason.WRONG_PATIENT  # hiding it again makes nothing less of it


def test_one_that_was_on_its_way_is_marked_as_well() -> None:
    bench = chart()
    assert isinstance(bench.record, FakeRecord)
    ends: list[bool] = []

    def down_after_the_stub(call: str, what: str) -> None:
        if call == "create_binary" and not ends:
            ends.append(True)
            bench.record.go_down()  # type: ignore[attr-defined]

    bench.record.on_call = down_after_the_stub
    assert bench.hide().state is HidingState.HIDING
    row = bench.wrong()
    assert row.pending and row.reason is HidingReason.WRONG_PATIENT and not bench.asked_for
    bench.record.on_call = lambda _call, _what: None
    bench.later()
    row_after = bench.row()
    assert row_after is not None and row_after.state is HidingState.HIDDEN and not row_after.pending
    assert bench.on_server()["status"] == "entered-in-error"
    bench.hiding.resume_for(at())
    assert bench.asked_for == [OURS]


def test_where_the_server_takes_nothing_it_stays_hidden_here_and_is_told() -> None:
    bench = chart()
    assert isinstance(bench.record, FakeRecord)
    bench.record._refuses["Media"] = RecordRefused("no", status=403, code="forbidden")
    row = bench.wrong()
    assert row.state is HidingState.HIDDEN_HERE_ONLY and not bench.opens() and bench.asked_for == [OURS]
    with pytest.raises(Refused) as refused:
        bench.restore()
    assert refused.value.code == "wrong-patient"


def test_it_needs_words_and_a_clinician() -> None:
    bench = chart()
    with pytest.raises(Incomplete):
        bench.hiding.wrong_patient(at(), AMY, OURS, " ")
    with pytest.raises(NotAllowed):
        bench.hiding.wrong_patient(officer(patient="amy"), AMY, OURS, "It is of another person")
    assert bench.row() is None


def test_who_decides_about_it_decides_about_the_bytes_as_they_were_and_every_file_of_them() -> None:
    bench = chart()
    bench.wrong()
    image, contents = bound_now(bench.record, bench.vault, bench.hidden, fhir_base=HERE, patient=AMY.id, reference=OURS)
    assert image.binaries == ("Binary/b-m1",) and image.digest == bench.vault.keyed_digest(JPEG)
    assert [each.content for each in contents] == [JPEG]


# ------------------------------------------------------------------------------------------ filed again


def test_the_same_person_files_it_again_in_another_chart_and_nobody_else() -> None:
    bench = chart()
    bench.wrong()
    hands, taking = handing(bench)
    offered = hands.offer(at(), OURS)
    assert hands.offer(at(), OURS) == offered
    other_login = replace(at(GP, "bob"), launch_id=LaunchId("another"))
    assert [each.id for each in hands.waiting(other_login)] == [offered.id]
    for session in (at(), at(NURSE, "bob"), at(GP, "bob", ELSEWHERE), officer()):
        assert not hands.waiting(session)
        with pytest.raises((NotFound, NotAllowed)):
            hands.take(session, offered.id)
    assert not taking.begun
    hands.take(other_login, offered.id)
    assert taking.begun == [(other_login, JPEG, "image/jpeg")]
    assert not hands.waiting(other_login)
    with pytest.raises(NotFound):
        hands.take(other_login, offered.id)


def test_neither_chart_names_the_other() -> None:
    bench = chart()
    bench.wrong()
    hands, _taking = handing(bench)
    offered = hands.offer(at(), OURS)
    [item] = bench.vault.items(compartment=Compartment.RECEIVED)
    head = bench.vault.get(item.vault_id).partition(b"\n")[0]
    assert (
        b"amy" not in head
        and b"m1" not in head
        and "amy" not in item.owner
        and set(json.loads(head))
        == {
            "from",
            "picture",
        }
    )
    hands.take(at(GP, "bob"), offered.id)
    for patient, other in (("amy", "bob"), ("bob", "amy")):
        entries = [each.entry for each in bench.audit.entries(patient=f"Patient/{patient}")]
        assert entries and not any(other in repr(each).replace("launch-", "") for each in entries if each.subject)
    assert "bob" not in str(bench.on_server()) and "bob" not in str(bench.provenances())


def test_only_one_of_a_wrong_patient_waits_and_not_for_long() -> None:
    bench = chart()
    hands, _taking = handing(bench)
    bench.hide()
    for session, reference in ((at(), OURS), (at(), Reference("Media/m2")), (at(NURSE, "bob"), OURS)):
        with pytest.raises(NotFound):
            hands.offer(session, reference)
    bench.wrong()
    offered = hands.offer(at(), OURS)
    assert hands.tidy() == 0
    bench.clock.advance(minutes=60 * 24 + 1)
    assert not hands.waiting(at(GP, "bob"))
    with pytest.raises(NotFound):
        hands.take(at(GP, "bob"), offered.id)
    assert (hands.tidy(), hands.tidy()) == (1, 0) and not bench.vault.items(compartment=Compartment.RECEIVED)
    assert bench.in_vault()  # what is kept of the hidden one is another thing


def test_what_is_not_kept_here_does_not_wait() -> None:
    bench = chart()
    assert isinstance(bench.record, FakeRecord)
    bench.record._refuses["Media"] = RecordRefused("no", status=403, code="forbidden")
    bench.wrong()
    with pytest.raises(Refused) as refused:
        handing(bench)[0].offer(at(), OURS)
    assert refused.value.code == "not-here"


# ------------------------------------------------------------------------------------------ break-glass


@pytest.mark.parametrize("role", [Role.PRIVACY_OFFICER, Role.AUDITOR])
def test_privacy_officer_and_auditor_open_it_once_for_each_reason_and_it_is_logged(role: Role) -> None:
    bench = chart()
    bench.hide()
    glass, session = BreakGlass(bench.delete_parts), officer(role)
    ticket = glass.open(session, OURS, REASON)
    assert glass.picture(session, OURS, ticket) == (JPEG, "image/jpeg")
    for again in (ticket, "made up"):
        with pytest.raises(NotAllowed):
            glass.picture(session, OURS, again)
    entries = [each.entry for each in bench.audit.entries(subject=OURS) if each.entry.action in (OPENED, SHOWN)]
    assert [each.action for each in entries] == [OPENED, SHOWN]
    assert all(each.actor == DESK and each.patient == "Patient/amy" for each in entries)
    assert REASON not in str(entries)
    row = bench.row()
    assert row is not None and len(row.looks) == 1 and REASON in row.looks[0]
    assert not bench.opens()


def test_nobody_else_opens_it_and_not_without_a_reason_or_later_or_elsewhere() -> None:
    bench = chart()
    bench.hide()
    glass, session = BreakGlass(bench.delete_parts), officer()
    for other in (
        at(),
        at(DESK),
        at(DESK, "amy", HERE, Role.CALDICOTT_GUARDIAN),
        at(DESK, "amy", HERE, Role.DISCLOSURE_OFFICER),
    ):
        with pytest.raises(NotAllowed):
            glass.open(other, OURS, REASON)
    for reason in ("", "because", "x" * 501):
        with pytest.raises(Incomplete):
            glass.open(session, OURS, reason)
    for nowhere in (at(DESK, "amy", ELSEWHERE, Role.AUDITOR), session):
        with pytest.raises(NotFound):
            glass.open(nowhere, OURS if nowhere is not session else Reference("Media/m2"), REASON)
    ticket = glass.open(session, OURS, REASON)
    with pytest.raises(NotAllowed):
        glass.picture(replace(session, launch_id=LaunchId("another")), OURS, ticket)
    bench.clock.advance(minutes=3)
    with pytest.raises(NotAllowed):
        glass.picture(session, OURS, ticket)


def test_what_another_system_filed_is_rebuilt_before_it_is_shown_and_what_is_not_kept_is_not_opened() -> None:
    bench = chart()
    reference = foreign(bench, content={"contentType": "image/tiff", "url": "Binary/b-x1"})
    bench.hide(reference)
    glass = BreakGlass(bench.delete_parts)
    ticket = glass.open(officer(), reference, REASON)
    _content, kind = glass.picture(officer(), reference, ticket)
    assert kind == "image/jpeg"
    assert isinstance(bench.record, FakeRecord)
    bench.record._refuses["Media"] = RecordRefused("no", status=403, code="forbidden")
    bench.hide()
    with pytest.raises(NotFound):
        glass.open(officer(), OURS, REASON)
