"""What was sent before: of one picture, for the officer; of the whole record, for the patient."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.disclose.desk.desk import Desk
from fhir_plugin.policy.pack import PolicyPack
from mappings.model.disclosure_request import Decided, ItemKey, RequestState
from tests.disclose.desk.bench import AMY, GUARDIAN, HERE, INSURER, OFFICER, SAID, DeskBench
from tests.disclose.package.test_printing import Pdf
from tests.fakes.whole_record import FOREARM, INTIMATE, NORMAL, ORDINARY, UNLABELLED, media

ARM, AGAIN = ItemKey(f"Media/{ORDINARY}"), ItemKey("Media/filed-again")
PHONE = "01632 960 123"


def with_a_telephone(pack: PolicyPack) -> PolicyPack:
    return replace(pack, wording=replace(pack.wording, telephone=PHONE))


@pytest.fixture
def bench() -> DeskBench:
    return DeskBench(policy_of=with_a_telephone)


def sent(bench: DeskBench, said: dict[str, str]) -> None:
    request = bench.gathered(said)
    if bench.signed(bench.settled(request)).state is RequestState.WAITS_FOR_SECOND:
        bench.signed(request, GUARDIAN)
    done = bench.requests.get(request.id)
    assert done.state is RequestState.SENT, done.why_not


def test_the_same_picture_under_another_name_was_sent_before(bench: DeskBench) -> None:
    sent(bench, SAID)
    bench.clock.advance(days=1)
    sent(bench, INSURER)
    content = bench.record.read_binary("Binary/bin-arm-1").content
    bench.record.create_binary(content, "image/jpeg", id="bin-arm-again", security_context=None)
    bench.record.put(media(AGAIN.partition("/")[2], AMY, FOREARM, [NORMAL], "bin-arm-again"))
    request = bench.gathered(SAID)
    assert [bench.item(request, key).sent_before for key in (ARM, AGAIN, f"Media/{INTIMATE}")] == [2, 2, 1]
    found = bench.desk.sent_to(OFFICER, request.id, AGAIN)
    assert [(each.recipient, each.same_bytes) for each in found] == [
        (INSURER["recipient"], True),
        (SAID["recipient"], True),
    ]
    assert [each.same_bytes for each in bench.desk.sent_to(OFFICER, request.id, ARM)] == [False, False]
    assert bench.desk.sent_to(OFFICER, request.id, ItemKey("Condition/condition-0")) == []


def test_items_are_counted_as_a_person_counts_them(bench: DeskBench) -> None:
    request = bench.gathered(SAID)
    listed = bench.view(request)
    bench.signed(request)
    (line,) = bench.desk.accounting(OFFICER)
    assert line.items == listed.counts["release"] == len(listed.items) == 19, "three Binaries are no items of their own"
    assert line.images == 3 and not any(each.type == "Binary" for each in listed.items)


def sheet(desk: Desk, *also: str) -> str:
    return " ".join(Pdf(b"".join(desk.accounting_sheet(OFFICER, also))).text().split())


def test_the_patient_can_be_given_a_sheet_and_nobody_is_warned_by_it(bench: DeskBench) -> None:
    assert "No copy of your record was sent" in sheet(bench.desk)
    sent(bench, INSURER)
    police = INSURER | {"requester": "police", "recipient": "Thames Valley Police", "authority": "covers"}
    bench.clock.advance(days=1)
    sent(bench, police)
    said = sheet(bench.desk)
    assert INSURER["recipient"] in said and "Amy Example" in said and "Edwin officer" in said and PHONE in said
    assert "Police" not in said
    told = next(each for each in bench.desk.accounting(OFFICER) if each.look_first)
    assert "Thames Valley Police" in sheet(bench.desk, told.token)
    given = bench.audit.entries(action="disclosure.accounting-given")
    assert [each.entry.detail["lines"] for each in given] == [0, 1, 2]


def test_the_cover_says_whom_to_ask_where_policy_has_a_number(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    bench.decided(request, f"Media/{UNLABELLED}", Decided.REDACT)
    cover = bench.desk.prepare(bench.requests.get(request.id), OFFICER.launch_id).contents.cover
    assert PHONE in cover.contact
    bare = DeskBench()
    assert bare.desk.prepare(bare.gathered(SAID), OFFICER.launch_id).contents.cover.contact == ""
    assert bench.requests.of_patient(HERE, AMY)
