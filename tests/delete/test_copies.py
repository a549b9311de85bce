"""A permanent deletion where the chart has copies: they go with the image, or it is not proven."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.errors import AnswerLost, RecordRefused
from mappings.model.deletion import DeletionState
from mappings.model.writeback import CopyState, Rung
from mappings.r4.tombstone import is_tombstone
from tests.delete.beside import DOCUMENT, BesideBench, Chart, copy_in_chart, document_of
from tests.delete.destroying_bench import BASE, IMAGE

CHANGES_ONLY = ("delete",)
NOTHING = ("delete", "update")


def destroyed(bench: BesideBench) -> Any:
    bench.approve()
    return bench.carry_out()


def test_an_image_that_is_kept_beside_and_its_copy_go_and_that_is_proven() -> None:
    bench = BesideBench()
    item = destroyed(bench)
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
    assert "chart-copies" in item.purged and item.certificate
    assert bench.copy_now().state is CopyState.GONE and bench.copy_now().digest == ""
    assert bench.companion.stored("Media") == [] and bench.companion.stored("Binary") == []
    assert bench.chart.versions_of(DOCUMENT) == {} and bench.by_hand() == []


def test_a_copy_that_may_only_be_changed_is_emptied() -> None:
    bench = BesideBench(Chart(*CHANGES_ONLY))
    item = destroyed(bench)
    assert is_tombstone(bench.chart.read(*DOCUMENT.split("/")))
    assert bench.copy_now().state is CopyState.TAKEN_BACK
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)


def test_a_copy_that_nobody_may_take_out_is_for_a_person_and_not_proven_while_it_can_be_read() -> None:
    bench = BesideBench(Chart(*NOTHING))
    item = destroyed(bench)
    assert item.state is DeletionState.FAILED and item.why == "not-proven"
    left = {each.place: each.found for each in item.proof.places if not each.clean}
    assert left["chart-copies"] == (f"{DOCUMENT}/_history/1",)
    assert {name for names in left.values() for name in names} == {f"{DOCUMENT}/_history/1"}  # found by search, too
    assert any("by hand" in each for each in item.proof.ask)
    assert bench.copy_now().state is CopyState.REMOVE_BY_HAND
    [words] = bench.by_hand()
    assert "Take it out by hand" in words
    assert bench.companion.stored("Media") == []  # ours is gone all the same

    bench.chart.withheld = frozenset()
    bench.chart.delete(*DOCUMENT.split("/"))
    bench.chart.forget_versions(DOCUMENT)
    bench.chart.withheld = frozenset(NOTHING)
    again = bench.carry_out()
    assert again.state is DeletionState.COMPLETED, (again.why, again.proof)
    assert bench.by_hand() == [] and bench.copy_now().state is CopyState.GONE


def test_where_nobody_may_look_a_person_says_that_it_is_gone() -> None:
    bench = BesideBench(Chart(*NOTHING, "read", "search-type"))
    item = destroyed(bench)
    assert item.state is DeletionState.FAILED
    [looked] = [each for each in item.proof.places if not each.clean]
    assert (looked.place, looked.unasked) == ("chart-copies", "may-not-look")
    bench.copies.save(replace(bench.copy_now(), state=CopyState.GONE))
    assert bench.carry_out().state is DeletionState.COMPLETED


def test_a_file_to_be_filed_by_hand_is_looked_for_by_a_person() -> None:
    bench = BesideBench(copy=copy_in_chart(None, rung=Rung.SIGNED_EXPORT, state=CopyState.TO_FILE))
    item = destroyed(bench)
    [looked] = [each for each in item.proof.places if not each.clean]
    assert (looked.place, looked.unasked) == ("chart-copies", "copy-by-hand")
    assert bench.copy_now().state is CopyState.REMOVE_BY_HAND
    assert ["nowhere any more" in each for each in bench.by_hand()] == [True]


def test_a_document_that_shows_another_image_as_well_stops_it_before_anything_is_gone() -> None:
    bench = BesideBench()
    bench.copies.save(copy_in_chart(id="copy-2", image="Media/another"))
    item = destroyed(bench)
    assert item.state is DeletionState.FAILED and item.why == "bytes-shared"
    assert bench.companion.stored("Media") and bench.copy_now().state is CopyState.IN_CHART


def test_the_same_page_somewhere_else_in_the_record_is_found() -> None:
    bench = BesideBench()
    bench.chart.file_copy(document_of(id="somebodys-copy"))
    item = destroyed(bench)
    assert item.state is DeletionState.FAILED
    found = [name for each in item.proof.places for name in each.found]
    assert "DocumentReference/somebodys-copy/_history/1" in found


@pytest.mark.parametrize("at", range(1, 7))
def test_an_answer_that_is_lost_in_between_changes_nothing(at: int) -> None:
    bench = BesideBench(Chart(*CHANGES_ONLY))
    bench.approve()
    count = 0

    def lost(_call: str, what: str) -> None:
        nonlocal count
        count += what == DOCUMENT
        if what == DOCUMENT and count == at:
            raise AnswerLost("nobody knows")

    bench.chart.after_write = lost
    bench.chart.on_call = lambda call, what: lost(call, what) if call in ("put", "delete") else None
    bench.carry_out()
    item = bench.again()
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
    assert bench.copies.of_image(BASE, IMAGE)[0].state is CopyState.TAKEN_BACK


def test_where_a_document_must_stay_a_document_it_shows_a_notice_and_nothing_else() -> None:
    class Demanding(Chart):
        def put(self, resource: Any, *, version: str | None = None) -> Any:
            if is_tombstone(resource):
                raise RecordRefused("type is required", status=422, code="required")
            return super().put(resource, version=version)

    bench = BesideBench(Demanding(*CHANGES_ONLY))
    item = destroyed(bench)
    left = bench.chart.read(*DOCUMENT.split("/"))
    assert left["status"] == "entered-in-error" and "JVBERi" not in str(left) and "kept whole" not in str(left)
    assert bench.copy_now().state is CopyState.TAKEN_BACK
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
