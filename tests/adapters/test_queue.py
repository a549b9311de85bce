"""Wake-ups: what they carry, and a consumer in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from huey.exceptions import HueyException

from fhir_plugin.adapters.queue import HueyQueue
from fhir_plugin.errors import Unavailable
from tests.adapters.processes import fork, in_children


def _nothing() -> None:
    raise AssertionError("only a consumer works")


def _note(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"x")
    os.close(descriptor)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def location(tmp_path: Path) -> Path:
    return tmp_path / "state" / "queue.db"


def test_immediate_wake_ups_that_wait_are_one(location: Path) -> None:
    queue = HueyQueue(location, _nothing)
    for _ in range(5):
        queue.wake()
    assert queue.waiting == 1
    queue.wake(after_seconds=3600)
    assert queue.waiting == 2
    queue.close()


def test_only_we_may_read_the_queue(location: Path) -> None:
    queue = HueyQueue(location, _nothing)
    queue.wake()
    for path in location.parent.glob("queue.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    queue.close()


def test_what_is_kept_is_json_without_arguments(location: Path) -> None:
    queue = HueyQueue(location, _nothing)
    queue.wake()
    queue.wake(after_seconds=60)
    with sqlite3.connect(location) as raw:
        kept = [row[0] for row in raw.execute("SELECT data FROM task UNION ALL SELECT data FROM schedule")]
    raw.close()
    assert len(kept) == 2
    for message in kept:
        assert message.startswith(b'{"id": "')
        assert set(json.loads(message)) == {"id", "name", "eta"}
    queue.close()


def test_a_strange_message_is_not_obeyed(location: Path) -> None:
    queue = HueyQueue(location, _nothing)
    strange = queue._huey
    for message in (b"\x80\x04.", b'{"id": "1", "name": "os.system", "eta": null}'):
        with pytest.raises((ValueError, HueyException)):
            strange.deserialize_task(message)
    queue.close()


def test_a_wake_up_that_cannot_be_kept_is_only_lost(location: Path) -> None:
    queue = HueyQueue(location, _nothing)
    with sqlite3.connect(location) as raw:
        raw.execute("DROP TABLE task")
        raw.execute("DROP TABLE schedule")
    raw.close()
    queue.wake()
    queue.wake(after_seconds=5)
    queue.close()


def test_a_consumer_works_on_wake_ups_from_other_processes(location: Path, tmp_path: Path) -> None:
    worked = tmp_path / "worked"
    HueyQueue(location, _nothing).close()
    consumer = fork(lambda: HueyQueue(location, partial(_note, worked)).run_consumer())
    try:
        _until(worked.exists)  # it looks at the ledger when it starts
        before = worked.stat().st_size
        in_children(lambda: HueyQueue(location, _nothing).wake())
        _until(lambda: worked.stat().st_size > before)
        before = worked.stat().st_size
        in_children(lambda: HueyQueue(location, _nothing).wake(after_seconds=0.5))
        _until(lambda: worked.stat().st_size > before)
    finally:
        os.kill(consumer, signal.SIGTERM)
        status = os.waitstatus_to_exitcode(os.waitpid(consumer, 0)[1])
    assert status == 0


def test_work_that_fails_does_not_stop_the_consumer(location: Path, tmp_path: Path) -> None:
    worked = tmp_path / "worked"

    def work() -> None:
        _note(worked)
        raise ValueError("this time it fails")

    HueyQueue(location, _nothing).close()
    consumer = fork(lambda: HueyQueue(location, work).run_consumer())
    try:
        _until(worked.exists)
        in_children(lambda: HueyQueue(location, _nothing).wake())
        _until(lambda: worked.stat().st_size > 1)
    finally:
        os.kill(consumer, signal.SIGTERM)
        os.waitpid(consumer, 0)


def test_redis_without_its_library_is_said_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ConnectionPool", "Redis"):  # as huey leaves them where the library is not installed
        monkeypatch.setattr(f"huey.storage.{name}", None)
    with pytest.raises(Unavailable) as raised:
        HueyQueue("redis://user:hidden-word@127.0.0.1:1/0", _nothing)
    assert raised.value.code == "queue-unavailable"
    assert "hidden-word" not in str(raised.value)
