"""Work in the background: each name once, so many at once, and no failure stops what comes after it."""

from __future__ import annotations

import gc
import threading

import pytest

from fhir_plugin.adapters.background import BackgroundThreads


def test_work_is_done_and_waited_for() -> None:
    background, done = BackgroundThreads(), threading.Event()
    background.begin("a", done.set)
    assert background.wait("a", 5) and done.is_set()
    assert background.wait("never begun", 0)


def test_a_name_that_is_under_way_is_not_begun_again() -> None:
    background, go, times = BackgroundThreads(2), threading.Event(), []

    def work() -> None:
        go.wait(5)
        times.append(1)

    background.begin("a", work)
    background.begin("a", work)
    assert not background.wait("a", 0.01)
    go.set()
    assert background.settle(5) and times == [1]
    background.begin("a", work)
    assert background.settle(5) and times == [1, 1]


@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_at_once_than_there_are_threads(threads: int) -> None:
    background, lock, go = BackgroundThreads(threads), threading.Lock(), threading.Event()
    now, most = 0, 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        go.wait(0.05)
        with lock:
            now -= 1

    for name in range(6):
        background.begin(str(name), work)
    assert background.settle(10)
    assert most == threads


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_fails_does_not_keep_the_next_one_waiting() -> None:
    background, done = BackgroundThreads(), threading.Event()

    def fail() -> None:
        raise ValueError("once")

    background.begin("bad", fail)
    background.begin("good", done.set)
    assert background.settle(5) and done.is_set()
    for thread in threading.enumerate():
        if thread.name == "background":
            thread.join(5)  # what it says of its failure is said here, and not in the next test
    gc.collect()


def test_at_least_one_thread() -> None:
    with pytest.raises(ValueError, match="at least one"):
        BackgroundThreads(0)
