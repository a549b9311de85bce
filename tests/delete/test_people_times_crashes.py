"""Requests, decisions, edits, holds, clocks and crashes in any order (`deletion_machine`)."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.delete.deletion_machine import CosignedDeletions, Deletions

MACHINES = [Deletions, CosignedDeletions]


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_destroyed_was_approved(machine: type[Deletions]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=30, stateful_step_count=20, deadline=None))


@pytest.mark.exhaustive
@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_destroyed_was_approved_in_many_more_ways(machine: type[Deletions]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=2000, stateful_step_count=60, deadline=None))
