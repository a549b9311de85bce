"""Changes of one label that meet: the strictest that anybody said holds, and what is undone is undone whole."""

from __future__ import annotations

import pytest

from fhir_plugin.errors import NotAllowed, RecordRefused, RecordUnavailable
from fhir_plugin.ledger.intents import Outcome
from mappings.model.identifiers import Reference
from mappings.model.label_change import LabelLevel, LabelReason, level_of
from mappings.model.labels import BY_PATIENT, NO_REDISCLOSURE, REPORTED_BY_PATIENT, RESTRICTED
from mappings.r4.relabelled import labels_of_image
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord
from tests.keep.labelled import OURS, filed, on_server, provenances
from tests.keep.relabelling import INTIMATE, ONE, change, lower, standing
from tests.work.test_practice import NURSE, at


@pytest.mark.parametrize("merges", [False, True], ids=["replaces labels", "merges labels"])
def test_a_lowering_that_cannot_be_signed_in_the_record_is_taken_back(merges: bool) -> None:
    record = FakeRecord(merges_labels=merges)
    bench = PracticeBench(record=record, policy=ONE)
    filed(bench, *INTIMATE)

    def refuse(call: str, what: str) -> None:
        if call == "put" and what.startswith("Provenance/"):
            assert "SEX" not in on_server(bench, OURS), "the image came first"
            raise RecordRefused("no", status=422)

    record.on_call = refuse
    lower(bench)
    record.on_call = lambda _call, _what: None
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.outcome is Outcome.NOTHING_CURRENT
    assert on_server(bench, OURS) == {each.code for each in INTIMATE}
    assert on_server(bench, Reference("Binary/b-m1")) >= {"R", "SEX"}
    now = standing(bench)
    assert now.same and now.level is LabelLevel.INTIMATE and len(provenances(bench, OURS)) == 1


def test_a_raise_that_cannot_be_signed_in_the_record_stays_raised_there_and_here() -> None:
    record = FakeRecord()
    bench = PracticeBench(record=record)
    filed(bench)

    def refuse(call: str, what: str) -> None:
        if call == "put" and what.startswith("Provenance/"):
            raise RecordRefused("no", status=422)

    record.on_call = refuse
    change(bench, LabelLevel.INTIMATE)
    [intent] = bench.ledger.for_subject(OURS)
    assert intent.outcome is Outcome.NOTHING_CURRENT and "stricter" in " ".join(intent.residue)
    assert {"R", "SEX"} <= on_server(bench, OURS)
    with pytest.raises(NotAllowed):
        bench.gallery.picture(at(), OURS)


def test_of_two_raises_on_their_way_the_later_one_holds_whichever_ends_first() -> None:
    for first in (0, 1):
        record = FakeRecord()
        bench = PracticeBench(record=record)
        filed(bench)

        def down(call: str, what: str) -> None:
            if call == "put":
                raise RecordUnavailable("down")

        record.on_call = down
        change(bench, LabelLevel.PRIVATE)
        bench.clock.advance(seconds=1)
        change(bench, LabelLevel.STRICTEST, session=at(NURSE))
        record.on_call = lambda _call, _what: None
        intents = sorted(bench.ledger.for_subject(OURS), key=lambda each: each.created)
        for place in (first, 1 - first):
            bench.clock.advance(minutes=20)
            assert bench.engine.run(intents[place].id).outcome is Outcome.DONE
            known = bench.labels.find(at().fhir_base, OURS)
            assert known is not None and level_of(known.labels) is LabelLevel.STRICTEST
            assert bool(known.pending) == (place == 0 and first == 0)
        now = standing(bench)
        assert now.same and now.level is LabelLevel.STRICTEST
        assert {"V", "HUAPRV", "PRS"} <= on_server(bench, OURS)


def test_a_refusal_of_the_earlier_raise_says_nothing_of_the_later_one() -> None:
    record = FakeRecord()
    bench = PracticeBench(record=record)
    filed(bench)

    def down(call: str, what: str) -> None:
        if call == "put":
            raise RecordUnavailable("down")

    def refuse(call: str, what: str) -> None:
        if call == "put":
            raise RecordRefused("no", status=403, code="forbidden")

    record.on_call = down
    change(bench, LabelLevel.PRIVATE)
    bench.clock.advance(seconds=1)
    change(bench, LabelLevel.STRICTEST, session=at(NURSE))
    earlier, later = sorted(bench.ledger.for_subject(OURS), key=lambda each: each.created)
    bench.clock.advance(minutes=20)
    record.on_call = refuse
    assert bench.engine.run(earlier.id).outcome is Outcome.NOTHING_CURRENT
    known = bench.labels.find(at().fhir_base, OURS)
    assert known is not None and known.pending == later.id and not known.untold
    record.on_call = lambda _call, _what: None
    assert bench.engine.run(later.id).outcome is Outcome.DONE
    assert standing(bench).same


def test_a_raise_from_a_page_that_knew_less_takes_nothing_away() -> None:
    bench = PracticeBench()
    filed(bench)
    resource = bench.record.read("Media", "m1")
    stale = labels_of_image(resource)
    change(bench, LabelLevel.STRICTEST, session=at(NURSE))
    private = (RESTRICTED, BY_PATIENT, NO_REDISCLOSURE, REPORTED_BY_PATIENT)
    bench.relabelling.raise_to(at(), OURS, resource, stale, private, LabelReason.PATIENT_ASKED, "")
    now = standing(bench)
    assert now.level is LabelLevel.STRICTEST and now.same
    assert {"V", "HUAPRV", "PHY", "PRS"} <= on_server(bench, OURS)
    known = bench.labels.find(at().fhir_base, OURS)
    assert known is not None and level_of(known.labels) is LabelLevel.STRICTEST
