"""What is left to do by hand in a chart that takes no images: on the list once, and ended by somebody saying so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.errors import Incomplete
from fhir_plugin.ledger.copies_in_charts import remind, stands
from mappings.model.identifiers import CaptureId, ImageId, Reference
from mappings.model.work import WorkItem, WorkKind
from mappings.model.writeback import ChartCopy, CopyState, Rung
from tests.fakes.clock import START
from tests.fakes.practice_parts import PracticeBench
from tests.work.test_practice import HERE, at

BY = Reference("Practitioner/gp")


def bench_with(state: CopyState, document: str | None = "DocumentReference/d1") -> tuple[PracticeBench, ChartCopy]:
    bench = PracticeBench()
    patient = at().patient_id
    copy = ChartCopy(
        "copy-1", HERE, patient, Reference("Media/m1"), ImageId("i"), CaptureId("c"), Rung.PDF, state, START,
        document=Reference(document) if document else None, digest="d",
    )  # fmt: skip
    bench.copies.save(copy)
    return bench, copy


def items(bench: PracticeBench, *, done: bool = False) -> list[WorkItem]:
    found = bench.worklist.of_patient(HERE, at().patient_id, done=done)
    return [each for each in found if each.kind is WorkKind.CHART_COPY]


def now(bench: PracticeBench) -> ChartCopy:
    [copy] = bench.copies.of_image(HERE, Reference("Media/m1"))
    return copy


def test_it_is_on_the_list_once_and_leaves_it_with_the_need() -> None:
    bench, copy = bench_with(CopyState.IN_CHART)
    for _ in range(3):
        stands(bench.keeping, now(bench), CopyState.REMOVE_BY_HAND, by=BY)
    assert len(items(bench)) == 1 and "Take it out by hand" in items(bench)[0].words
    stands(bench.keeping, now(bench), CopyState.GONE, by=BY)
    assert items(bench) == [] and now(bench).state is CopyState.GONE and now(bench).digest == ""
    assert items(bench, done=True)[0].words == "" and copy.id == now(bench).id


def test_somebody_says_that_it_is_gone() -> None:
    bench, copy = bench_with(CopyState.REMOVE_BY_HAND)
    remind(bench.keeping, copy, by=BY)
    [item] = items(bench)
    with pytest.raises(Incomplete):
        bench.practice.finish(at(), item.id, "filed")
    assert now(bench).state is CopyState.REMOVE_BY_HAND
    bench.practice.finish(at(), item.id, "gone")
    assert now(bench).state is CopyState.GONE and items(bench) == []


@pytest.mark.parametrize(("code", "state"), [("filed", CopyState.FILED_BY_HAND), ("gone", CopyState.GONE)])
def test_a_file_waits_to_be_filed(code: str, state: CopyState) -> None:
    bench, copy = bench_with(CopyState.TO_FILE, None)
    remind(bench.keeping, copy, by=BY)
    [item] = items(bench)
    assert "signed file" in item.words
    bench.practice.finish(at(), item.id, code)
    assert now(bench).state is state


def test_what_was_to_be_filed_and_now_has_to_be_found_says_so_in_the_same_item() -> None:
    bench, copy = bench_with(CopyState.TO_FILE, None)
    remind(bench.keeping, copy, by=BY)
    stands(bench.keeping, replace(copy), CopyState.REMOVE_BY_HAND, by=BY)
    [item] = items(bench)
    assert "nowhere any more" in item.words
