"""A label that changes, where the chart has a copy: the copy says it, or shows no picture any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from mappings.model.identifiers import PatientId
from mappings.model.label_change import LabelLevel
from mappings.model.labels import RESTRICTED
from mappings.model.writeback import CopyState, Rung
from mappings.r4.relabelled import labels_of_image
from tests.delete.beside import DOCUMENT, Chart, copy_in_chart, document_of
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord
from tests.keep.labelled import AMY, OURS, filed
from tests.keep.relabelling import ONE, change, lower
from tests.work.test_practice import HERE

PICTURES_TOO = replace(shipped_pack(), chart_copy_words_only=False, label_lowered_alone=True)


def bench_of(*withheld: str, policy: PolicyPack = ONE, **changes: Any) -> tuple[PracticeBench, Chart]:
    chart = Chart(*withheld)
    cast(Any, chart)._base = HERE
    both = CompositeRecord(chart, FakeRecord(base=HERE), kept_beside=frozenset({"Binary"}))
    bench = PracticeBench(record=both, policy=policy)
    filed(bench)
    chart.file_copy({**document_of(), "subject": {"reference": f"Patient/{AMY.id}"}})
    copy = copy_in_chart(fhir_base=HERE, patient=PatientId(AMY.id), image=OURS, **changes)
    bench.copies.save(copy)
    return bench, chart


def state_of(bench: PracticeBench) -> CopyState:
    [copy] = bench.copies.of_image(HERE, OURS)
    return copy.state


def test_a_page_with_a_picture_that_became_sensitive_goes_out_of_the_chart() -> None:
    bench, chart = bench_of()
    change(bench, LabelLevel.PRIVATE)
    assert chart.stored("DocumentReference") == [] and state_of(bench) is CopyState.GONE


def test_where_the_ehr_takes_nothing_out_a_person_does() -> None:
    bench, _chart = bench_of("update", "delete")
    change(bench, LabelLevel.PRIVATE)
    assert state_of(bench) is CopyState.REMOVE_BY_HAND
    assert [each.kind for each in bench.worklist.of_patient(HERE, AMY.id)] == ["chart-copy"]
    assert RESTRICTED in (bench.labels.find(HERE, OURS) or pytest_fail()).labels


def test_words_stay_and_say_the_label_both_ways() -> None:
    bench, chart = bench_of(rung=Rung.TEXT_NOTE)
    change(bench, LabelLevel.PRIVATE)
    assert RESTRICTED in labels_of_image(chart.read(*DOCUMENT.split("/"))) and state_of(bench) is CopyState.IN_CHART
    lower(bench)
    assert RESTRICTED not in labels_of_image(chart.read(*DOCUMENT.split("/")))


def test_where_policy_allows_pictures_the_page_is_labelled() -> None:
    bench, chart = bench_of(policy=PICTURES_TOO)
    change(bench, LabelLevel.PRIVATE)
    assert RESTRICTED in labels_of_image(chart.read(*DOCUMENT.split("/"))) and state_of(bench) is CopyState.IN_CHART


def test_an_ehr_that_changes_no_documents_stops_no_change_of_label() -> None:
    bench, _chart = bench_of("update", policy=PICTURES_TOO)
    change(bench, LabelLevel.PRIVATE)
    label = bench.labels.find(HERE, OURS)
    assert label is not None and RESTRICTED in label.labels and not label.pending and not label.untold


def pytest_fail() -> Any:
    raise AssertionError("nothing is known of its label")
