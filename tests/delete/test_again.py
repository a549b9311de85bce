"""What could not be proven is looked at again: on its day, under a live launch of that patient, or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pytest

from fhir_plugin.delete.again import is_due, look_again, look_again_for, who_may_look
from fhir_plugin.delete.clock import LONGEST, next_look
from mappings.model.deletion import CaseId, DeletionState
from mappings.model.identifiers import FhirBase, PatientId
from mappings.model.people import ClinicalSession, Role
from tests.delete.destroying_bench import AMY, BASE, BINARY, IMAGE, ITEM, DestroyingBench
from tests.fakes.clock import START
from tests.fakes.record import FakeRecord
from tests.fakes.record_purge import FakeRecordPurge

POLICY = dt.timedelta(days=7)


class Live:
    """The launches that are live, and how often somebody asked."""

    def __init__(self, *sessions: ClinicalSession) -> None:
        self.sessions = list(sessions)
        self.asked: list[tuple[FhirBase, PatientId]] = []

    def __call__(self, fhir_base: FhirBase, patient: PatientId) -> Sequence[ClinicalSession]:
        self.asked.append((fhir_base, patient))
        return self.sessions


@pytest.fixture
def bench() -> DestroyingBench:
    """A server that keeps versions, and an administrator who has not heard of it yet."""
    record = FakeRecord()
    bench = DestroyingBench(record=record, purge=FakeRecordPurge(record, means="none"))
    bench.approve()
    assert bench.carry_out().state is DeletionState.FAILED
    proof = bench.item().proof
    assert proof is not None and proof.ask
    return bench


def administrator_purges(bench: DestroyingBench) -> None:
    for each in (IMAGE, BINARY):
        bench.record.forget_versions(each)


def on_its_day(bench: DestroyingBench) -> None:
    due = bench.item().look_again
    assert due is not None
    bench.clock.advance(seconds=(due - bench.clock.now()).total_seconds() + 1)


def test_nothing_is_looked_at_before_its_day(bench: DestroyingBench) -> None:
    administrator_purges(bench)
    live = Live(bench.session)
    assert look_again(bench.parts, live) == 0
    assert not is_due(bench.item(), bench.clock.now()) and live.asked == []
    assert bench.item().state is DeletionState.FAILED


def test_on_its_day_what_was_purged_meanwhile_is_proven_and_certified(bench: DestroyingBench) -> None:
    administrator_purges(bench)
    on_its_day(bench)
    live = Live(bench.launch("launch-2", person="Practitioner/somebody-else"))
    assert look_again(bench.parts, live) == 1
    item = bench.item()
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
    assert item.certificate is not None and item.look_again is None
    assert live.asked == [(BASE, AMY)]
    assert look_again(bench.parts, live) == 0


def test_without_a_live_launch_it_waits_and_says_for_what(bench: DestroyingBench) -> None:
    administrator_purges(bench)
    on_its_day(bench)
    before = bench.item()
    for live in (
        Live(),
        Live(bench.launch("l", Role.AUDITOR)),
        Live(replace(bench.session, requests_only=True)),
    ):
        assert look_again(bench.parts, live) == 0
        assert who_may_look(bench.cases.get(CaseId("case-1")), live) is None
    assert bench.item() == before and is_due(before, bench.clock.now())


def test_the_next_launch_of_that_patient_goes_on_with_it(bench: DestroyingBench) -> None:
    administrator_purges(bench)
    assert look_again_for(bench.parts, bench.session) == 0, "not yet its day"
    on_its_day(bench)
    assert look_again_for(bench.parts, bench.launch("l", Role.AUDITOR)) == 0
    assert look_again_for(bench.parts, bench.launch("launch-3")) == 1
    assert bench.item().state is DeletionState.COMPLETED


def test_each_vain_look_doubles_the_time_until_the_next(bench: DestroyingBench) -> None:
    waits = []
    for _ in range(4):
        before = bench.item().look_again
        assert before is not None
        waits.append(before - bench.clock.now())
        on_its_day(bench)
        assert look_again(bench.parts, Live(bench.session)) == 1
        assert bench.item().state is DeletionState.FAILED
    assert [round(each / waits[0], 2) for each in waits] == [1, 2, 4, 8]
    assert bench.item(ITEM).proof is not None


def test_a_launch_that_has_ended_meanwhile_changes_nothing(bench: DestroyingBench) -> None:
    administrator_purges(bench)
    on_its_day(bench)
    bench.signed_out.add("launch-2")
    look_again(bench.parts, Live(bench.launch("launch-2")))
    assert bench.item().state is DeletionState.FAILED
    assert look_again_for(bench.parts, bench.launch("launch-3")) == 1
    assert bench.item().state is DeletionState.COMPLETED


def test_a_hold_that_came_meanwhile_stops_it(bench: DestroyingBench) -> None:
    administrator_purges(bench)
    on_its_day(bench)
    bench.hold()
    look_again(bench.parts, Live(bench.session))
    assert bench.item().state is DeletionState.ON_HOLD


@pytest.mark.parametrize(("vain", "days"), [(-1, 7), (0, 7), (1, 14), (2, 28), (3, 56), (4, 90), (900, 90)])
def test_the_wait_grows_to_three_months(vain: int, days: int) -> None:
    assert next_look(START, POLICY, vain) == START + dt.timedelta(days=days)
    assert dt.timedelta(days=90) == LONGEST
    assert next_look(START, dt.timedelta(days=120), vain) == START + dt.timedelta(days=120)
