"""The sandbox's resources in one SQLite file: every version, and an index of what is current."""

from __future__ import annotations

import base64
import datetime as dt
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from queue import Empty, LifoQueue
from types import TracebackType
from typing import Self

from fhir_plugin.sandbox.fhir.finding import find_keys
from fhir_plugin.sandbox.fhir.outcome import Json
from fhir_plugin.sandbox.fhir.query import parse_query
from fhir_plugin.sandbox.fhir.references import without
from fhir_plugin.sandbox.fhir.session import Session, Version
from fhir_plugin.sandbox.fhir.validation import split_binary, validate

_SCHEMA = Path(__file__).with_name("schema.sql")


def _remove(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class FhirStore:
    """Holds resources; knows neither HTTP nor who may see them. Safe to share between threads.

    The methods below are for seeding and for the sandbox's own pages; the server works in sessions.
    Without a path the store lives in a temporary folder, removed by `close` or when the process ends.
    """

    def __init__(self, path: Path | None = None, *, now: Callable[[], dt.datetime] = _utc_now) -> None:
        folder = None if path else Path(tempfile.mkdtemp(prefix="sandbox-ehr-"))
        self._path = path or Path(str(folder)) / "ehr.sqlite"
        self._remove_folder = weakref.finalize(self, _remove, folder)
        self._now = now
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._writing = threading.Lock()
        connection = self._connect()
        connection.executescript("PRAGMA journal_mode = WAL;" + _SCHEMA.read_text(encoding="utf-8"))
        self._idle.put(connection)

    def close(self) -> None:
        """Closes every idle connection; a temporary store is gone afterwards. Idempotent."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                break
        self._remove_folder()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def session(self, *, write: bool = False, discard: bool = False) -> Iterator[Session]:
        """Commits on leaving, rolls back on an exception, and always when `discard` is set. What was purged is then
        gone from the file, too."""
        with self._writing if write else nullcontext():
            connection = self._take()
            try:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                session = Session(connection, self._now)
                yield session
                connection.execute("ROLLBACK" if discard else "COMMIT")
                if session.purged and not discard:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._idle.put(connection)
        if session.has_results:
            with self._writing:
                connection = self._take()
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    session.save_results(connection)
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    self._idle.put(connection)

    def now(self) -> dt.datetime:
        """The store's clock, UTC."""
        return self._now()

    # -------------------------------------------------------------------- for seeding and for pages

    def put(self, resource: Json) -> Json:
        """Writes over `resource["id"]`, or makes it; returns it as stored. Raises `FhirError` 422 if invalid."""
        return self._write(resource, str(resource["id"]), "PUT")

    def create(self, resource: Json) -> Json:
        """Under a new id; returns it as stored. Raises `FhirError` 422 if invalid."""
        return self._write(without(resource, "id"), None, "POST")

    def read(self, resource_type: str, id: str) -> Json | None:
        """The current resource (a Binary without its data); None if deleted or never there."""
        with self.session() as session:
            found = session.current(resource_type, id)
        return found.resource if found and not found.deleted else None

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """Every match, in the order asked for. Raises `FhirError` 400 for a parameter that is not known."""
        query = parse_query(resource_type, list(params.items()), strict=True)
        with self.session() as session:
            keys = find_keys(session, query, lambda _key: True)
            found = [session.by_key(key) for key in keys]
        return [version.resource for version in found if version and not version.deleted]

    def history(self, resource_type: str, id: str) -> list[Version]:
        """Every version that is left, deletions included, newest first."""
        with self.session() as session:
            found = [session.by_sequence(sequence) for sequence in session.history(resource_type, id)]
        return [version for version in found if version]

    def binary(self, id: str) -> tuple[bytes, str] | None:
        """A Binary's bytes and content type; None if deleted or never there."""
        with self.session() as session:
            found = session.current("Binary", id)
            if not found or found.deleted:
                return None
            return session.content(found) or b"", str(found.resource["contentType"])

    def put_binary(self, id: str, content: bytes, content_type: str, *, security_context: str | None = None) -> Json:
        """A Binary from bytes; returns it as stored, without data."""
        resource: Json = {"resourceType": "Binary", "id": id, "contentType": content_type}
        if security_context:
            resource["securityContext"] = {"reference": security_context}
        return self._write({**resource, "data": base64.b64encode(content).decode()}, id, "PUT")

    def _write(self, resource: Json, id: str | None, method: str) -> Json:
        validate(resource)
        body, content = split_binary(resource)
        with self.session(write=True) as session:
            made = session.write(
                body,
                id or session.new_id("uuid", resource["resourceType"]),
                "PUT" if method == "PUT" else "POST",
                content=content,
            )
        return made.resource

    # --------------------------------------------------------------------------------- connections

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.executescript(
            "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 30000;"
            "PRAGMA secure_delete = ON;"
        )
        return connection
