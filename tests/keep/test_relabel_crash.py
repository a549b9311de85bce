"""Whatever dies, and whenever, while a label is changed: resumed twice, the record says one thing and is signed for it,
and no moment shows what was being hidden."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress

import pytest

from fhir_plugin.errors import NotAllowed
from fhir_plugin.ledger.intents import Outcome
from mappings.model.label_change import LabelLevel
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord
from tests.keep.labelled import OURS, filed, on_server, provenances
from tests.keep.relabelling import INTIMATE, ONE, change, lower, standing
from tests.work.test_practice import NURSE, at


class Died(BaseException):
    """The process is gone."""


def dying(record: FakeRecord, bench: PracticeBench, at_moment: int) -> Callable[[], bool]:
    """Arms the bench to die at the n-th moment from now: before and after each call of the record, and before and after
    each writing down of the ledger. Tells whether it did."""
    moments, dead = itertools.count(1), list[bool]()

    def tick(*_what: object) -> None:
        if not dead and next(moments) == at_moment:
            dead.append(True)
            raise Died

    record.on_call, record.after_write = tick, tick
    save = bench.ledger.save_step

    def save_step(*args: object) -> None:
        tick()
        save(*args)  # type: ignore[arg-type]
        tick()

    bench.ledger.save_step = save_step  # type: ignore[method-assign,assignment]
    return lambda: bool(dead)


def revive(record: FakeRecord, bench: PracticeBench) -> None:
    record.on_call = record.after_write = lambda _call, _what: None
    del bench.ledger.save_step
    for _ in range(2):
        bench.clock.advance(minutes=20)
        bench.engine.run_due()


@pytest.mark.parametrize("merges", [False, True], ids=["replaces labels", "merges labels"])
@pytest.mark.parametrize("our_ids", [True, False], ids=["our ids", "its ids"])
@pytest.mark.parametrize("lowers", [True, False], ids=["lowered", "raised"])
def test_a_change_that_was_killed_ends_once_and_whole(lowers: bool, our_ids: bool, merges: bool) -> None:
    ended = 0
    for moment in itertools.count(1):
        record = FakeRecord(merges_labels=merges)
        bench = PracticeBench(record=record, policy=ONE)
        filed(bench, *(INTIMATE if lowers else ()))
        record._our_ids = our_ids
        standing(bench)
        armed = dying(record, bench, moment)
        with suppress(Died):
            if lowers:
                lower(bench)
            else:
                change(bench, LabelLevel.INTIMATE)
        died = armed()
        begun = bench.ledger.for_subject(OURS)
        if begun and not lowers:
            record.on_call = record.after_write = lambda _call, _what: None
            with pytest.raises(NotAllowed):
                bench.gallery.picture(at(NURSE), OURS)
        revive(record, bench)
        codes = on_server(bench, OURS)
        if begun:
            [intent] = bench.ledger.for_subject(OURS)
            assert intent.outcome is Outcome.DONE, (moment, intent.reason)
            expected = {"N", "PATRPT"} if lowers else {each.code for each in INTIMATE}
            assert codes == expected and len(provenances(bench, OURS)) == 2
            now = standing(bench)
            assert now.same and now.history.broken is None and now.known is not None and not now.known.pending
            assert now.history.newest is not None and not now.history.newest.filing
            assert not bench.vault.items(owner=intent.id)
            assert len(bench.audit.entries(subject=OURS, action="label.lowered" if lowers else "label.raised")) == 1
            ended += 1
        else:
            assert codes == ({each.code for each in INTIMATE} if lowers else {"N", "PATRPT"})
            assert len(provenances(bench, OURS)) == 1
        if not died:
            break
    assert ended > 10


def test_an_answer_of_the_second_person_that_was_killed_counts_once() -> None:
    for moment in itertools.count(1):
        record = FakeRecord()
        bench = PracticeBench(record=record)
        filed(bench, *INTIMATE)
        lower(bench)
        asked = standing(bench).asked
        assert asked is not None
        armed = dying(record, bench, moment)
        with suppress(Died):
            bench.relabelling.answer(at(NURSE), asked.item.id, True, "", asked.seen)
        died = armed()
        begun = bench.ledger.for_subject(OURS)
        revive(record, bench)
        assert on_server(bench, OURS) == ({"N", "PATRPT"} if begun else {each.code for each in INTIMATE})
        assert (standing(bench).asked is None) == bool(begun)
        assert len(provenances(bench, OURS)) == (2 if begun else 1)
        if not died:
            break
