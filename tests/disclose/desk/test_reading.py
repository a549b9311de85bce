"""Reading a record: everything of this patient, nothing of anybody else, and what could not be read is told."""

from __future__ import annotations

import pytest

from fhir_plugin.disclose.desk import gathered
from fhir_plugin.disclose.desk.whose import Whose
from fhir_plugin.errors import RecordRefused, RecordUnavailable, Refused, SignInNeeded
from fhir_plugin.ports import Compartment, Json
from mappings.model.disclosure_request import Decided, ItemKey, RequestState
from mappings.model.identifiers import PatientId
from tests.disclose.desk.bench import AMY, COLLEAGUE, HERE, INSURER, OFFICER, DeskBench
from tests.fakes.clock import FakeClock
from tests.fakes.record import TYPES, FakeRecord, Lie
from tests.fakes.whole_record import FOREARM, NORMAL, ORDINARY, media, somebody_elses, whole_record

ARM, EVERYBODYS = ItemKey(f"Media/{ORDINARY}"), {f"{each['resourceType']}/{each['id']}" for each in whole_record(AMY)}


def filled(bench: DeskBench) -> DeskBench:
    bench.record.put({"resourceType": "Patient", "id": "sam", "name": [{"text": "canary Sam"}]})
    for resource in somebody_elses("sam"):
        bench.record.put(resource)
    return bench


def keys(bench: DeskBench, said: dict[str, str] | None = None) -> set[str]:
    request = bench.gathered(said)
    assert request.gathered is not None
    read = gathered.load(bench.vault, request.gathered)
    return {key for key in read.keys if not key.startswith("Binary/")}


def test_everything_of_the_patient_is_read() -> None:
    assert keys(filled(DeskBench())) == EVERYBODYS


def test_a_server_that_answers_every_search_with_everything_gives_nothing_of_anybody_else() -> None:
    record = FakeRecord(FakeClock(), types=TYPES, lies=frozenset({Lie.FINDS_EVERYTHING}))
    bench = filled(DeskBench(record))
    assert keys(bench) == EVERYBODYS
    assert "canary" not in repr(bench.view(bench.desk.of_patient(OFFICER)[0]).items)
    (told,) = bench.audit.entries(action="disclosure.read")
    assert told.entry.detail["others"] == 4


def test_pictures_are_read_once_and_are_sealed() -> None:
    bench = DeskBench(twin=True)
    calls: list[str] = []
    bench.record.on_call = lambda call, what: calls.append(what) if call == "read_binary" else None
    request = bench.gathered()
    assert sorted(calls) == sorted(set(calls)) and len(calls) == 4
    assert request.gathered is not None
    read = gathered.load(bench.vault, request.gathered)
    digests = [each.digest for each in read.pictures.values()]
    assert len(digests) == 4 and len(set(digests)) == 3
    assert {item.compartment for item in bench.vault.items()} == {Compartment.PACKAGE_PART}


@pytest.mark.parametrize("error", [RecordRefused("no", status=403, code="forbidden"), RecordUnavailable("down")])
def test_a_type_that_cannot_be_read_stops_signing_until_somebody_says_why_not(error: Exception) -> None:
    bench = DeskBench()

    def fail(call: str, what: str) -> None:
        if (call, what) == ("search", "Condition"):
            raise error

    bench.record.on_call = fail
    request = bench.gathered()
    assert dict(request.not_read) == {"Condition": getattr(error, "code", "")}
    assert not bench.view(request).may_sign and "1 part of the record" in " ".join(bench.view(request).missing)
    request = bench.desk.accept_unread(OFFICER, request.id, "She has none.", revision=request.revision)
    assert bench.view(request).may_sign
    with pytest.raises(Refused):
        bench.desk.accept_unread(OFFICER, bench.gathered(INSURER).id, "x", revision=0)
    bench.desk.gather(OFFICER, request.id)
    assert bench.requests.get(request.id).accepted_unread, "the same is missing: it was said why"
    bench.record.on_call = lambda call, what: (
        fail(call, "Condition" if what == "Observation" else what) if call == "search" else None
    )
    bench.desk.gather(OFFICER, request.id)
    assert not bench.requests.get(request.id).accepted_unread, "something else is missing now"


def test_a_picture_that_cannot_be_read_is_told() -> None:
    bench = DeskBench()

    def fail(call: str, what: str) -> None:
        if (call, what) == ("read_binary", "Binary/bin-arm-1"):
            raise RecordRefused("gone", status=410, code="gone")

    bench.record.on_call = fail
    assert dict(bench.gathered().not_read) == {"Binary/bin-arm-1": "gone"}


@pytest.mark.parametrize("error", [SignInNeeded("launch again"), RecordUnavailable("down")])
def test_a_record_that_cannot_be_read_at_all_leaves_what_was_read_before(error: Exception) -> None:
    bench = DeskBench()
    request = bench.gathered()
    before = bench.view(request).items

    def fail(call: str, what: str) -> None:
        if what in (f"Patient/{AMY}", "Binary/bin-private-2") and call.startswith("read"):
            raise error

    bench.record.on_call = fail
    items = len(bench.vault.items())
    bench.desk.gather(OFFICER, request.id)
    after = bench.requests.get(request.id)
    assert after.gathered == request.gathered and after.not_read["record"] == getattr(error, "code", "")
    assert bench.view(after).items == before and not bench.view(after).may_sign
    assert len(bench.vault.items()) == items, "nothing half read is left"


@pytest.mark.parametrize("where", ["read Patient/amy", "seal"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("strange")])
def test_whatever_ends_a_reading_is_told_and_leaves_nothing_half_read(
    where: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = DeskBench()
    request = bench.gathered()
    items = {each.vault_id for each in bench.vault.items()}

    def fail(*_: object) -> None:
        raise error

    if where == "seal":
        monkeypatch.setattr(gathered, "seal", fail)
    else:
        bench.record.on_call = fail
    bench.desk.gather(OFFICER, request.id)
    after = bench.requests.get(request.id)
    assert after.gathered == request.gathered and after.not_read["record"] == "not-readable"
    assert bench.view(after).reading is None, "nobody waits for it"
    assert {each.vault_id for each in bench.vault.items()} == items


def test_while_it_is_read_the_desk_says_how_far_it_is_and_begins_no_second_reading() -> None:
    bench = DeskBench()
    request = bench.begun()
    bench.background.held = True
    bench.desk.gather(OFFICER, request.id)
    bench.desk.gather(COLLEAGUE, request.id)
    assert len(bench.background.waiting) == 1
    assert bench.view(request).reading == 0.0 and "being read" in " ".join(bench.view(request).missing)
    bench.background.lost()
    bench.clock.advance(minutes=4)
    assert bench.view(request).reading is None, "the process died"
    bench.background.held = False
    bench.desk.gather(OFFICER, request.id)
    assert bench.view(request).items and bench.view(request).reading is None


def test_what_is_read_for_a_request_that_ended_meanwhile_is_destroyed() -> None:
    bench = DeskBench()
    request = bench.begun()
    bench.background.held = True
    bench.desk.gather(OFFICER, request.id)
    bench.desk.refuse(OFFICER, request.id, "Taken back.", closed=True, revision=request.revision)
    bench.background.release()
    assert bench.requests.get(request.id).state is RequestState.CLOSED
    assert bench.vault.items(compartment=Compartment.PACKAGE_PART) == []


def test_reading_again_keeps_what_was_decided_about_what_is_as_it_was() -> None:
    bench = DeskBench()
    request = bench.gathered()
    bench.decided(request, ARM, Decided.REDACT)
    bench.decided(request, "Condition/condition-0", Decided.REDACT)
    bench.record.put({**bench.record.read("Condition", "condition-0"), "code": {"text": "Psoriasis"}})
    bench.record.put(media("new-5", AMY, FOREARM, [NORMAL], "bin-arm-1"))
    items = len(bench.vault.items())
    bench.desk.gather(OFFICER, request.id)
    after = bench.requests.get(request.id)
    assert set(after.overrides) == {ARM}
    assert after.changed == {"Condition/condition-0", "Media/new-5"}
    assert len(bench.vault.items()) == items, "what was read before is gone"
    bench.decided(request, "Media/new-5", Decided.REDACT)
    assert bench.requests.get(request.id).changed == {"Condition/condition-0"}


def test_where_an_earlier_copy_went_is_no_part_of_the_record() -> None:
    bench = DeskBench()
    bench.signed(bench.settled(bench.gathered(INSURER)))
    assert [each["resourceType"] for each in bench.record.stored("AuditEvent")] == ["AuditEvent"]
    assert keys(bench) == EVERYBODYS


ME = {"reference": "Patient/amy"}
OTHER = {"reference": "Patient/sam"}


@pytest.mark.parametrize(
    ("resource", "mine"),
    [
        ({"resourceType": "Patient", "id": "amy"}, True),
        ({"resourceType": "Patient", "id": "sam"}, False),
        ({"resourceType": "Condition", "subject": ME}, True),
        ({"resourceType": "Condition", "subject": {"reference": f"{HERE}/Patient/amy"}}, True),
        ({"resourceType": "Condition", "subject": {"reference": f"{HERE}/Patient/amy/_history/3"}}, True),
        ({"resourceType": "Condition", "subject": {"reference": "https://other.example/fhir/Patient/amy"}}, False),
        ({"resourceType": "Condition", "subject": {"reference": "Group/amy"}}, False),
        ({"resourceType": "Condition", "subject": {"reference": "Patient/amy2"}}, False),
        ({"resourceType": "Observation", "subject": OTHER, "performer": [ME]}, False),
        ({"resourceType": "Observation", "subject": ME, "performer": [OTHER]}, True),
        ({"resourceType": "Account", "subject": [ME, OTHER]}, False),
        ({"resourceType": "Appointment", "participant": [{"actor": ME}]}, True),
        ({"resourceType": "Appointment", "participant": [{"actor": ME}, {"actor": OTHER}]}, False),
        ({"resourceType": "Task", "for": OTHER, "focus": ME}, False),
        ({"resourceType": "Provenance", "target": [{"reference": "Media/1"}]}, None),
        ({"resourceType": "Provenance", "target": [{"reference": "Media/1"}, OTHER]}, False),
        ({"resourceType": "Condition", "subject": {"identifier": {"value": "9990000018"}}}, False),
        ({"resourceType": "Provenance", "target": [{"identifier": {"value": "9990000018"}}]}, None),
    ],
)
def test_whose_a_resource_is(resource: Json, mine: bool | None) -> None:
    assert Whose(HERE, PatientId("amy")).is_mine(resource) is mine


def test_a_meeting_with_somebody_else_is_told_and_not_taken() -> None:
    bench = DeskBench(FakeRecord(FakeClock(), types=TYPES | {"Appointment"}))
    both = [{"actor": ME, "status": "accepted"}, {"actor": OTHER, "status": "accepted"}]
    bench.record.put({"resourceType": "Appointment", "id": "both", "status": "booked", "participant": both})
    request = bench.gathered()
    assert dict(request.not_read) == {"Appointment/both": "names-another-patient"}


def test_what_says_whom_it_is_about_by_a_number_alone_is_told_and_not_taken() -> None:
    bench = DeskBench(FakeRecord(FakeClock(), types=TYPES, lies=frozenset({Lie.FINDS_EVERYTHING})))
    bench.record.put({"resourceType": "Condition", "id": "who", "subject": {"identifier": {"value": "9990000018"}}})
    assert dict(bench.gathered().not_read) == {"Condition/who": "subject-unclear"}
