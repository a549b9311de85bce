"""What `JobQueue` promises: a wake-up is asked for, and nothing is said with it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_plugin.adapters.queue import HueyQueue
from fhir_plugin.ports import JobQueue
from tests.fakes.queue import InlineQueue


@pytest.fixture(params=["fake", "sqlite"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobQueue]:
    if request.param == "fake":
        yield InlineQueue()
    else:
        huey = HueyQueue(tmp_path / "queue.db", lambda: None)
        yield huey
        huey.close()


def test_waking_returns_at_once_however_often(queue: JobQueue) -> None:
    for _ in range(3):
        queue.wake()
        queue.wake(after_seconds=3600)


def test_a_wake_up_carries_nothing_but_when(queue: JobQueue) -> None:
    assert list(inspect.signature(queue.wake).parameters) == ["after_seconds"]


def test_the_fake_works_on_the_spot_and_never_inside_itself() -> None:
    worked: list[int] = []

    def work() -> None:
        worked.append(len(worked))
        inline.wake()

    inline = InlineQueue(work)
    inline.wake()
    inline.wake(after_seconds=5)
    assert worked == [0]
    assert inline.wakes == [0, 0, 5]
