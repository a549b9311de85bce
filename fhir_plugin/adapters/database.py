"""Our own database: SQLite embedded, PostgreSQL by URL. One ambient transaction that every store joins."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from fhir_plugin.errors import Unavailable

SQLITE_BUSY_SECONDS = 30
SCRUB_BUSY_SECONDS = 0.25
"""Emptying the log waits for readers and makes writers wait: not for long, it is tried again later."""
_WRITES = "fhir_plugin_writes"

Act = Callable[[], None]


@dataclass
class _Ambient:
    """The open transaction of one thread, and what to do once its fate is known."""

    connection: Connection
    after_commit: list[Act] = field(default_factory=list)
    after_rollback: list[Act] = field(default_factory=list)
    broken: bool = False
    """A write failed, perhaps half done: what stands around it must be undone."""


class Database:
    """A `UnitOfWork` over SQLAlchemy Core.

    Writing happens inside `transaction()` only: a short `connection()` is read-only and the database itself
    refuses writes on it. The open transaction belongs to the thread that opened it. A forked child gets
    connections of its own.

    `on_commit` is for tests: every callable in it runs just before and just after each real COMMIT (never for
    an inner transaction), so that a harness can count commits, or die at one. It is empty in production.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            make_private_file(self._url.database)
        elif self._url.drivername == "postgresql":
            self._url = self._url.set(drivername="postgresql+psycopg")
        self.on_commit: list[Act] = []
        self._local = threading.local()
        self._pid = os.getpid()
        self._inherited: list[Any] = []
        self._engine = self._make_engine()

    def __repr__(self) -> str:
        return f"Database({self._url.get_backend_name()})"

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has a transaction open: nobody may speak HTTP now."""
        return self._ambient() is not None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits on leaving, rolls back on an exception. `Unavailable` when the database does not answer.

        An inner transaction joins the outer one. If it fails, what it did is undone even if the outer one
        goes on (a savepoint), so nothing is ever half done.
        """
        ambient = self._ambient()
        if ambient is None:
            yield from self._outermost()
        else:
            yield from _inner(ambient)

    @contextlib.contextmanager
    def connection(self, *, for_change: bool = False) -> Iterator[Connection]:
        """The connection of the open transaction, or a short one for reading only, which sees one moment.

        `for_change`: what is read is to stay as it is until the transaction ends, so there has to be one. PostgreSQL
        would refuse it otherwise, and SQLite would pass over it: it is a mistake on both.
        """
        ambient = self._ambient()
        if for_change and ambient is None:
            raise RuntimeError("what is read for a change is held by a transaction")
        if ambient is not None:
            yield ambient.connection
            return
        with _database_errors(), self._live_engine().connect() as connection:
            yield (
                connection
                if self.is_sqlite
                else connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            )

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """`transaction()` together with its connection; inside an open one it is a plain part of that.

        A savepoint for every row would double the statements of a filing. So whoever means to go on after a write
        that failed puts a `transaction()` around it; an open one in which a failure was passed over cannot commit.
        """
        ambient = self._ambient()
        if ambient is None:
            with self.transaction(), self.connection() as connection:
                yield connection
            return
        try:
            yield ambient.connection
        except BaseException:
            ambient.broken = True
            raise

    @property
    def file(self) -> Path | None:
        """Where it lies on this machine; None for a server, or in memory."""
        path = self._url.database if self.is_sqlite else None
        return Path(path) if path and path != ":memory:" else None

    def after_commit(self, act: Act) -> None:
        """Runs `act` once the open transaction is durable (at once if there is none); never if it is undone."""
        ambient = self._ambient()
        if ambient is None:
            act()
        else:
            ambient.after_commit.append(act)

    def after_rollback(self, act: Act) -> None:
        """Runs `act` if the open transaction, or the inner one it was called in, is undone."""
        ambient = self._ambient()
        if ambient is not None:
            ambient.after_rollback.append(act)

    def lock(self, name: str) -> None:
        """Makes transactions that ask for the same `name` wait for each other, until the open one ends.

        Nothing to do on SQLite, where there is one writer at a time.
        """
        ambient = self._ambient()
        if ambient is None:
            raise RuntimeError("a lock lives in a transaction")
        if not self.is_sqlite:
            ambient.connection.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name}
            )

    def scrub(self) -> bool:
        """Moves SQLite's write-ahead log into the file and empties it, so that no old page stays in it.

        False when a reader was in the way: ask again later. PostgreSQL: nothing to do (its own log is the
        concern of whoever runs it).
        """
        if not self.is_sqlite:
            return True
        if self.in_transaction:
            return False
        with _database_errors(), self._live_engine().connect() as connection:
            raw = connection.connection.cursor()
            try:
                raw.execute(f"PRAGMA busy_timeout={int(SCRUB_BUSY_SECONDS * 1000)}")
                busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                raw.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_SECONDS * 1000}")
                raw.close()
        return not busy

    def upgrade(self) -> None:
        """Brings the schema to the newest revision. Safe when several processes start at once."""
        from alembic import command  # Alembic is needed once per start, and costs the command line 0.1 s
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", "fhir_plugin.adapters:migrations")
        with self.writing() as connection:
            self.lock("schema")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def dispose(self) -> None:
        """Closes every connection."""
        self._live_engine().dispose()

    def _make_engine(self) -> Engine:
        options: dict[str, Any] = {"hide_parameters": True}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": SQLITE_BUSY_SECONDS}
        else:
            options["pool_pre_ping"] = True
        engine = sa.create_engine(self._url, **options)
        if self.is_sqlite:
            sa.event.listen(engine, "connect", _prepare_sqlite)
            sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _live_engine(self) -> Engine:
        if self._pid != os.getpid():
            # Connections must not be used, nor closed, on this side of a fork: keep them and start afresh.
            self._inherited.append((self._engine, self._engine.pool, self._local))
            self._engine, self._local, self._pid = self._make_engine(), threading.local(), os.getpid()
        return self._engine

    def _ambient(self) -> _Ambient | None:
        if self._pid != os.getpid():
            self._live_engine()
        ambient: _Ambient | None = getattr(self._local, "ambient", None)
        return ambient

    def _outermost(self) -> Iterator[None]:
        with _database_errors(), self._live_engine().connect() as plain:
            connection = plain.execution_options(**{_WRITES: True})
            work = connection.begin()
            ambient = self._local.ambient = _Ambient(connection)
            try:
                yield
                _need_whole(ambient)
                for hook in self.on_commit:
                    hook()
            except BaseException:
                self._local.ambient = None
                try:
                    work.rollback()
                finally:
                    _run(reversed(ambient.after_rollback))
                raise
            self._local.ambient = None
            work.commit()  # if this fails nobody knows whether it happened: neither list may run
        for hook in self.on_commit:
            hook()
        _run(ambient.after_commit)


def _inner(ambient: _Ambient) -> Iterator[None]:
    commits, rollbacks, broken = len(ambient.after_commit), len(ambient.after_rollback), ambient.broken
    savepoint = ambient.connection.begin_nested()
    try:
        yield
        _need_whole(ambient)
    except BaseException:
        savepoint.rollback()
        ambient.broken = broken
        undone = ambient.after_rollback[rollbacks:]
        del ambient.after_commit[commits:], ambient.after_rollback[rollbacks:]
        _run(reversed(undone))
        raise
    savepoint.commit()


def _need_whole(ambient: _Ambient) -> None:
    if ambient.broken:
        raise RuntimeError("a write failed in this transaction and was passed over: it cannot be committed")


def _run(acts: Iterator[Act] | list[Act]) -> None:
    for act in acts:
        act()


@contextlib.contextmanager
def _database_errors() -> Iterator[None]:
    """The driver's "cannot reach it, locked, full" in our words. Mistakes of ours stay as they are."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        if getattr(getattr(error, "orig", None), "sqlite_errorname", "") == "SQLITE_READONLY":
            raise
        raise Unavailable(
            "The plugin's own database cannot be used at the moment: try again.",
            code="database-unavailable",
        ) from error


def make_private_file(path: str | None) -> None:
    """An empty file that only we may read, if there is none: SQLite's own files beside it take its mode."""
    if not path or path == ":memory:":
        raise ValueError("the database is a file: durability is what it is for")
    Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _prepare_sqlite(raw: Any, _record: Any) -> None:
    raw.isolation_level = None
    cursor = raw.cursor()
    for pragma in (
        f"busy_timeout={SQLITE_BUSY_SECONDS * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        "trusted_schema=OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
