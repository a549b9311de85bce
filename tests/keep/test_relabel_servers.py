"""A label changed on servers that merge labels, drop them, choose their own ids, lie or lose an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.errors import NotAllowed
from fhir_plugin.ledger.intents import IntentState, Outcome
from mappings.model.identifiers import LaunchId
from mappings.model.label_change import LabelLevel, LabelReason
from mappings.model.labels import (
    ACT_CODE,
)
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord, Lie
from tests.keep.labelled import AMY, OURS, filed, on_server, provenances
from tests.keep.relabelling import INTIMATE, ONE, WHY, change, lower, standing
from tests.work.test_practice import at


def merging(**how: bool) -> PracticeBench:
    return PracticeBench(record=FakeRecord(merges_labels=True, **how), policy=ONE)  # type: ignore[arg-type]


def test_a_server_that_only_adds_is_asked_to_take_away() -> None:
    bench = merging()
    filed(bench, *INTIMATE)
    lower(bench)
    assert on_server(bench, OURS) == {"N", "PATRPT"}
    change(bench, LabelLevel.PRIVATE)
    assert on_server(bench, OURS) == {"R", "PRS", "NORDSCLCD", "PATRPT"}
    assert standing(bench).same


def test_where_nothing_takes_a_label_away_it_is_said_and_all_is_as_it_was() -> None:
    bench = merging(meta_operations=False)
    filed(bench, *INTIMATE)
    lower(bench)
    [intent] = bench.ledger.for_subject(OURS)
    assert (intent.outcome, intent.reason) == (Outcome.NOTHING_CURRENT, "label-not-lowered")
    assert "never takes one away" in intent.message
    now = standing(bench)
    assert now.level is LabelLevel.INTIMATE and len(provenances(bench, OURS)) == 1
    assert bench.gallery.images(at())[0].sensitive
    change(bench, LabelLevel.STRICTEST)
    assert {"V", "SEX", "HUAPRV"} <= on_server(bench, OURS)
    assert standing(bench).same, "a weaker confidentiality beside it says nothing else"


def test_a_server_that_says_so_and_does_not_is_found_out() -> None:
    bench = PracticeBench(record=FakeRecord(merges_labels=True, lies=frozenset({Lie.KEEPS_LABELS})), policy=ONE)
    filed(bench, *INTIMATE)
    lower(bench)
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.outcome is Outcome.NOTHING_CURRENT and standing(bench).level is LabelLevel.INTIMATE


def test_a_server_that_drops_labels_leaves_it_hidden_here() -> None:
    record = FakeRecord()
    bench = PracticeBench(record=record)
    filed(bench)
    record.lies = frozenset({Lie.DROPS_LABELS})
    change(bench, LabelLevel.INTIMATE)
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.outcome is Outcome.NOTHING_CURRENT
    assert standing(bench).level is LabelLevel.INTIMATE
    with pytest.raises(NotAllowed):
        bench.gallery.picture(at(), OURS)


def test_a_server_that_chooses_ids_gets_one_statement_whatever_is_lost() -> None:
    record = FakeRecord()
    bench = PracticeBench(record=record)
    filed(bench)
    record._our_ids = False
    record.lose_answer(record.writes + 1, record.writes + 2, record.writes + 3)
    change(bench, LabelLevel.PRIVATE)
    for _ in range(4):
        bench.clock.advance(minutes=20)
        bench.engine.run_due()
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.outcome is Outcome.DONE
    assert len(provenances(bench, OURS)) == 2 and standing(bench).same


def test_somebody_elses_new_label_stops_a_lowering_and_not_a_raise() -> None:
    for level in (LabelLevel.ORDINARY, LabelLevel.STRICTEST):
        bench = PracticeBench(policy=ONE)
        filed(bench, *INTIMATE)
        assert isinstance(bench.record, FakeRecord)
        record, once = bench.record, [1]

        def first(call: str, what: str, record: FakeRecord = record, once: list[int] = once) -> None:
            if call == "put" and what == OURS and once:
                once.pop()
                resource = record.read("Media", "m1")
                resource["meta"]["security"].append({"system": ACT_CODE, "code": "HIV"})
                record.put(resource)

        record.on_call = first
        reason = LabelReason.OTHER if level is LabelLevel.ORDINARY else None
        change(bench, level, reason, WHY)
        assert "HIV" in on_server(bench, OURS) and "SEX" in on_server(bench, OURS)
        [intent] = bench.ledger.for_subject(OURS)
        expected = Outcome.NOTHING_CURRENT if level is LabelLevel.ORDINARY else Outcome.DONE
        assert intent.outcome is expected, intent.reason


def test_what_waits_for_a_sign_in_goes_on_after_it() -> None:
    bench = PracticeBench()
    filed(bench)
    seen = standing(bench).seen
    session = at()

    def signed_out_now(call: str, what: str) -> None:
        bench.signed_out.add(session.launch_id)

    assert isinstance(bench.record, FakeRecord)
    bench.record.on_call = signed_out_now
    bench.relabelling.change(session, AMY, OURS, LabelLevel.PRIVATE, None, "", seen)
    bench.record.on_call = lambda _call, _what: None
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.state is IntentState.WAITING_FOR_SIGN_IN
    again = replace(session, launch_id=LaunchId("later"))
    with pytest.raises(NotAllowed):
        bench.gallery.picture(again, OURS)
    bench.relabelling.resume_for(again)
    assert on_server(bench, OURS) == {"R", "PRS", "NORDSCLCD", "PATRPT"}


def test_a_lost_answer_writes_nothing_twice() -> None:
    for lost in range(1, 7):
        record = FakeRecord()
        bench = PracticeBench(record=record, policy=ONE)
        filed(bench, *INTIMATE)
        record.lose_answer(record.writes + lost)
        lower(bench)
        for _ in range(3):
            bench.clock.advance(minutes=20)
            bench.engine.run_due()
        [intent] = bench.ledger.for_subject(OURS)
        assert intent.outcome is Outcome.DONE
        assert on_server(bench, OURS) == {"N", "PATRPT"}
        assert len(provenances(bench, OURS)) == 2
