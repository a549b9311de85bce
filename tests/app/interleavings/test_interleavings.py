"""10,000 random interleavings of launches, callbacks, replays, expiries and posts: never another's patient."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.app.interleavings.browsers import Workshop
from tests.app.interleavings.machine import Interleavings

STEPS = 30


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    made = Workshop()
    yield made
    made.close()


def run(workshop: Workshop, examples: int) -> Counter[str]:
    """Runs so many interleavings, and returns what happened in them."""
    totals: Counter[str] = Counter()

    class Here(Interleavings):
        pass

    Here.workshop, Here.totals = workshop, totals
    rules = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    started = time.process_time()
    run_state_machine_as_test(Here, settings=rules)
    totals["seconds"] = round(time.process_time() - started)
    return totals


def test_interleavings(workshop: Workshop) -> None:
    totals = run(workshop, 100)
    for name, count in sorted(totals.items()):
        print(f"{count:8} {name}")  # noqa: T201
