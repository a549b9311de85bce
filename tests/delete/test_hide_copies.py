"""Hiding where the chart has copies: out of sight with their image, and back with it exactly."""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import Any, cast

import pytest

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.delete.hide_copies import BY_HAND
from fhir_plugin.errors import AnswerLost, RecordUnavailable
from fhir_plugin.ports import Compartment
from mappings.model.hiding import HidingState
from mappings.model.identifiers import PatientId
from mappings.model.writeback import ChartCopy, CopyState, Rung
from mappings.r4.hidden_stub import ENTERED_IN_ERROR
from tests.delete.beside import DOCUMENT, Chart, copy_in_chart, document_of
from tests.delete.hiding_bench import HidingBench, without_server_words
from tests.fakes.record import FakeRecord
from tests.keep.labelled import AMY, OURS, filed
from tests.keep.test_relabel_crash import Died, dying
from tests.work.test_practice import HERE, at

SECRET = ("JVBERi", "kept whole in the app")


class Beside(HidingBench):
    """`OURS` is kept by this app; its chart has one copy."""

    def _fake(self) -> FakeRecord:
        return self.companion

    @property
    def companion(self) -> FakeRecord:
        return cast(FakeRecord, cast(Any, self.record)._companion)

    @property
    def chart(self) -> Chart:
        return cast(Chart, cast(Any, self.record)._ehr)

    def copy(self) -> ChartCopy:
        [found] = self.copies.of_image(HERE, OURS)
        return found

    def in_chart(self) -> str:
        return str(self.chart.stored("DocumentReference"))

    def by_hand(self) -> list[str]:
        return [each.words for each in self.worklist.of_patient(HERE, AMY.id) if each.kind == "chart-copy"]


def beside(*withheld: str, **changes: Any) -> Beside:
    chart, companion = Chart(*withheld), FakeRecord(base=HERE)
    cast(Any, chart)._base = HERE
    bench = Beside(record=CompositeRecord(chart, companion, kept_beside=frozenset({"Binary"})))
    filed(bench)
    document = document_of()
    document["subject"] = {"reference": f"Patient/{AMY.id}"}
    chart.file_copy(document)
    made = {"fhir_base": HERE, "patient": PatientId(AMY.id), "image": OURS, **changes}
    bench.copies.save(copy_in_chart(**made))
    return bench


def test_it_is_hidden_with_its_image_and_comes_back_exactly() -> None:
    bench = beside()
    before = without_server_words(bench.chart.read(*DOCUMENT.split("/")))
    hidden = bench.hide()
    assert hidden.state is HidingState.HIDDEN and hidden.remains == () and OURS not in bench.shown()
    assert not any(each in bench.in_chart() for each in SECRET)
    assert bench.copy().state is CopyState.TAKEN_BACK
    kept = [bench.vault.get(each.vault_id) for each in bench.vault.items(compartment=Compartment.HIDDEN)]
    assert any(b"kept whole in the app" in each for each in kept)
    bench.restore()
    assert without_server_words(bench.chart.read(*DOCUMENT.split("/"))) == before
    assert bench.copy().state is CopyState.IN_CHART and OURS in bench.shown()
    assert bench.vault.items(compartment=Compartment.HIDDEN) == []


def test_of_a_wrong_patient_it_is_marked_as_entered_in_error_even_if_it_was_hidden_before() -> None:
    bench = beside()
    bench.hide()
    assert bench.chart.read(*DOCUMENT.split("/"))["status"] != ENTERED_IN_ERROR
    bench.wrong()
    assert bench.chart.read(*DOCUMENT.split("/"))["status"] == ENTERED_IN_ERROR


def test_where_nothing_is_written_over_it_is_deleted_and_filed_again() -> None:
    bench = beside("update")
    bench.hide()
    assert bench.chart.stored("DocumentReference") == [] and bench.copy().state is CopyState.TAKEN_BACK
    bench.restore()
    [back] = bench.chart.stored("DocumentReference")
    assert bench.copy().document == f"DocumentReference/{back['id']}"
    assert bench.copy().state is CopyState.IN_CHART and "JVBERi" in str(back)


def test_what_the_ehr_lets_nobody_take_out_is_for_a_person_and_said() -> None:
    bench = beside("update", "delete")
    hidden = bench.hide()
    assert hidden.state is HidingState.HIDDEN and hidden.remains == (BY_HAND,)
    assert bench.copy().state is CopyState.REMOVE_BY_HAND and len(bench.by_hand()) == 1
    bench.restore()
    assert bench.copy().state is CopyState.IN_CHART and bench.by_hand() == []


def test_what_somebody_took_out_meanwhile_stays_out() -> None:
    bench = beside("update", "delete")
    bench.hide()
    [item] = [each for each in bench.worklist.of_patient(HERE, AMY.id) if each.kind == "chart-copy"]
    bench.practice.finish(at(), item.id, "gone")
    assert bench.copy().state is CopyState.GONE
    bench.restore()
    assert bench.copy().state is CopyState.GONE and OURS in bench.shown()


def test_a_file_that_was_filed_by_hand_is_for_a_person() -> None:
    bench = beside(document=None, rung=Rung.SIGNED_EXPORT, state=CopyState.FILED_BY_HAND)
    bench.hide()
    assert bench.copy().state is CopyState.REMOVE_BY_HAND
    bench.restore()
    assert bench.copy().state is CopyState.FILED_BY_HAND and bench.by_hand() == []


@pytest.mark.parametrize("error", [RecordUnavailable("down"), AnswerLost("lost")])
@pytest.mark.parametrize("at_call", range(1, 6))
def test_it_goes_on_after_an_ehr_that_was_down(error: Exception, at_call: int) -> None:
    bench = beside()
    calls = 0

    def fail(_call: str, what: str) -> None:
        nonlocal calls
        calls += what == DOCUMENT
        if what == DOCUMENT and calls == at_call:
            raise error

    bench.chart.on_call = bench.chart.after_write = fail
    bench.hide()
    assert OURS not in bench.shown()
    bench.later()
    assert bench.copy().state is CopyState.TAKEN_BACK and not any(each in bench.in_chart() for each in SECRET)


@pytest.mark.parametrize("withheld", [(), ("update",)], ids=["written over", "deleted and filed again"])
@pytest.mark.parametrize("act", ["hide", "restore"])
def test_killed_at_any_call_it_ends_with_one_copy_or_none(act: str, withheld: tuple[str, ...]) -> None:
    for moment in itertools.count(1):
        bench = beside(*withheld)
        if act == "restore":
            bench.hide()
        armed = dying(bench.chart, bench, moment)
        with suppress(Died):
            bench.hide() if act == "hide" else bench.restore()
        died = armed()
        bench.chart.on_call = bench.chart.after_write = lambda _call, _what: None
        if "save_step" in vars(bench.ledger):
            del bench.ledger.save_step
        bench.later()
        shown = [each for each in bench.chart.stored("DocumentReference") if "JVBERi" in str(each)]
        assert bench.row() is None or act == "hide" or not shown, moment
        wanted = 0 if bench.row() is not None else 1
        assert len(shown) == wanted, (moment, bench.copy())
        assert bench.copy().state is (CopyState.IN_CHART if wanted else CopyState.TAKEN_BACK), moment
        assert not wanted or bench.copy().document == f"DocumentReference/{shown[0]['id']}"
        if not died:
            return
