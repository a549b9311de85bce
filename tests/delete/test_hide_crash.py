"""Whatever dies, and whenever, while a picture is hidden or put back: no moment shows it, nothing of it is ever only in
memory, and resumed twice it ends whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress

import pytest

from fhir_plugin.delete.hidden_kept import same_as_before
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.errors import AnswerLost
from fhir_plugin.ledger.intents import Outcome
from mappings.model.hiding import HidingState
from mappings.r4.hidden_stub import Form, form_of
from tests.delete.hiding_bench import HidingBench, chart
from tests.fakes.record import FakeRecord
from tests.keep.labelled import JPEG, OURS
from tests.keep.test_relabel_crash import Died, dying

ACTS: dict[str, Callable[[HidingBench], object]] = {
    "hide": lambda bench: bench.hide(),
    "wrong patient": lambda bench: bench.wrong(),
    "restore": lambda bench: bench.restore(),
    "wrong patient, hidden before": lambda bench: bench.wrong(),
}
EVERY_FEW = 3
"""Of the moments in the normal run; all of them on demand."""


def begun(act: str, record: FakeRecord) -> HidingBench:
    bench = chart(record)
    if act in ("restore", "wrong patient, hidden before"):
        bench.hide()
    return bench


def revive(record: FakeRecord, bench: HidingBench) -> None:
    record.on_call = record.after_write = lambda _call, _what: None
    if "save_step" in vars(bench.ledger):
        del bench.ledger.save_step
    bench.later()


def nothing_is_lost(bench: HidingBench, was: dict[str, object]) -> None:
    """Whatever has happened, the picture and its entry can be had back: from the record, or from the vault."""
    row = bench.row()
    kept = [bench.vault.get(each.vault_id) for each in bench.in_vault()]
    assert JPEG in kept or bench.bytes_of() == JPEG
    assert (row is not None and row.resource is not None) or same_as_before(bench.on_server(), was)


def ends_whole(act: str, bench: HidingBench) -> None:
    intents = [each for each in bench.ledger.for_subject(OURS) if each.kind == "hiding"]
    assert all(each.outcome is Outcome.DONE for each in intents), [(each.reason, each.message) for each in intents]
    assert not any(bench.vault.items(owner=each.id) for each in intents)
    row = bench.row()
    if act == "restore":
        assert row is None and bench.bytes_of() == JPEG and bench.opens() and not bench.in_vault()
        return
    assert row is not None and row.state is HidingState.HIDDEN and not row.pending and row.content is not None
    assert form_of(bench.on_server(), picture=neutral_picture()) is Form.PICTURE
    assert bench.bytes_of() == neutral_picture() and bench.vault.get(row.content) == JPEG
    assert len(bench.in_vault()) == 2
    assert (bench.on_server()["status"] == "entered-in-error") == (act != "hide")


@pytest.mark.parametrize("our_ids", [True, False], ids=["our ids", "its ids"])
@pytest.mark.parametrize("act", ACTS)
def test_an_act_that_was_killed_ends_once_and_whole(act: str, our_ids: bool, request: pytest.FixtureRequest) -> None:
    step = 1 if request.config.getoption("--exhaustive") else EVERY_FEW
    ended = 0
    for moment in itertools.count(1, step):
        record = FakeRecord()
        bench = begun(act, record)
        was = chart().on_server()
        before = len(bench.ledger.for_subject(OURS))
        record._our_ids = our_ids
        armed = dying(record, bench, moment)
        with suppress(Died):
            ACTS[act](bench)
        died = armed()
        record.on_call = record.after_write = lambda _call, _what: None
        ordered = len(bench.ledger.for_subject(OURS)) > before
        if ordered and (died or act != "restore"):
            assert not bench.opens() or bench.row() is None
        nothing_is_lost(bench, was)
        revive(record, bench)
        if ordered:
            ends_whole(act, bench)
            ended += 1
        if not died:
            break
    assert ended > 20 / step


@pytest.mark.parametrize("act", ["hide", "restore"])
def test_an_answer_that_is_lost_is_asked_for(act: str) -> None:
    for number in range(1, 6):
        record = FakeRecord()
        bench = begun(act, record)
        done = record.writes
        record.lose_answer(done + number)
        ACTS[act](bench)
        revive(record, bench)
        ends_whole(act, bench)
        told = [each for each in bench.provenances() if each["activity"]["coding"][0]["code"] in ("MASK", "UPDATE")]
        assert len(told) == (1 if act == "hide" else 2)


def test_a_server_that_is_down_in_between_changes_nothing_about_what_is_hidden() -> None:
    record = FakeRecord()
    bench = chart(record)
    calls = itertools.count(1)

    def down(_call: str, _what: str) -> None:
        if next(calls) > 8:
            raise AnswerLost("down")

    record.on_call = down
    bench.hide()
    assert not bench.opens()
    revive(record, bench)
    ends_whole("hide", bench)
