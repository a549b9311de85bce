"""Wake-ups for the resume engine through huey: a SQLite file of its own, or Redis by URL.

A wake-up says "look at the ledger" and nothing else. It is kept as JSON, never as a pickle: whoever can write
to the queue can wake us, and no more.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from huey import RedisHuey, SqliteHuey, crontab
from huey.exceptions import ConfigurationError
from huey.registry import Message
from huey.serializer import Serializer

from fhir_plugin.adapters.database import make_private_file
from fhir_plugin.errors import Unavailable

_NAME = "fhir-plugin"
_BUSY_SECONDS = 5
_log = structlog.get_logger(__name__)


class HueyQueue:
    """A `JobQueue`. `work` is what a wake-up calls, in the process that runs `run_consumer`.

    `location` is the path of a SQLite file, or `redis://host:port/db`. Raises `Unavailable` when Redis is asked
    for and its client library is not installed.
    """

    def __init__(self, location: str | Path, work: Callable[[], object]) -> None:
        self._work = work
        self._huey = _open(str(location))
        self._task = self._huey.task(name="wake")(self._run)
        self._huey.periodic_task(crontab(minute="*"), name="wake_every_minute")(self._run)
        self._losses = _storage_errors()

    def wake(self, *, after_seconds: float = 0) -> None:
        """Asks for a look at the ledger. Several immediate ones that wait are one; a lost one costs a minute."""
        try:
            if after_seconds > 0:
                self._task.schedule(delay=after_seconds)
            elif self._huey.pending_count() == 0:
                self._task()
        except self._losses as error:
            _log.warning("wake-up lost", error=type(error).__name__)

    def run_consumer(self) -> None:
        """Works until SIGINT or SIGTERM; also looks at the ledger every minute. Main thread only."""
        consumer = self._huey.create_consumer(
            workers=1, worker_type="thread", periodic=True, initial_delay=0.05, max_delay=0.5
        )
        consumer.run()

    @property
    def waiting(self) -> int:
        """How many wake-ups have not been taken yet, delayed ones included."""
        return int(self._huey.pending_count()) + int(self._huey.scheduled_count())

    def close(self) -> None:
        """Closes this thread's connection to the queue."""
        self._huey.storage.close()

    def _run(self) -> None:
        self._work()


class _JsonMessages(Serializer):  # type: ignore[misc]  # huey has no types
    """Only what a wake-up consists of: an id that huey made, the task's name, and when."""

    def _serialize(self, data: Any) -> bytes:
        eta = data.eta.isoformat() if data.eta is not None else None
        return json.dumps({"id": data.id, "name": data.name, "eta": eta}).encode("ascii")

    def _deserialize(self, data: bytes) -> Any:
        said = json.loads(data)
        eta = dt.datetime.fromisoformat(said["eta"]) if said["eta"] is not None else None
        return Message(
            id=str(said["id"]), name=str(said["name"]), eta=eta, retries=0, retry_delay=0, args=(), kwargs={}
        )


def _open(location: str) -> Any:
    options: dict[str, Any] = {"results": False, "serializer": _JsonMessages()}
    if not location.startswith(("redis://", "rediss://")):
        make_private_file(location)
        return SqliteHuey(_NAME, filename=location, timeout=_BUSY_SECONDS, **options)
    try:
        return RedisHuey(_NAME, url=location, **options)
    except (ImportError, ConfigurationError) as error:
        raise Unavailable(
            "The queue is set to Redis, but Redis's client library is not installed: install the extra `redis`.",
            code="queue-unavailable",
        ) from error


def _storage_errors() -> tuple[type[Exception], ...]:
    """What a queue that cannot be reached raises."""
    local = (sqlite3.Error, OSError)
    try:
        return (*local, importlib.import_module("redis.exceptions").RedisError)
    except ImportError:  # an extra: only where Redis is used
        return local
