"""One unit of work on the store: everything read from one moment, everything written together or not at all."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from fhir_plugin.sandbox.fhir.dates import instant, microseconds
from fhir_plugin.sandbox.fhir.indexing import index_resource
from fhir_plugin.sandbox.fhir.json_text import parse_stored, write_text
from fhir_plugin.sandbox.fhir.outcome import Json

Method = Literal["POST", "PUT", "PATCH", "DELETE"]

_COLUMNS = "v.key, v.type, v.id, v.version, v.updated, v.method, v.body"
_KEPT_RESULTS = 500


@dataclass(frozen=True)
class Version:
    """One version of a resource, or its deletion. A Binary's bytes are read apart, by `Session.content`."""

    key: int
    type: str
    id: str
    version: int
    updated: int
    method: Method
    body: str | None

    @property
    def deleted(self) -> bool:
        return self.body is None

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.type}/{self.id}"

    @property
    def moment(self) -> dt.datetime:
        """When it was written."""
        return dt.datetime.fromtimestamp(self.updated / 1_000_000, dt.UTC)

    @property
    def resource(self) -> Json:
        """As it was sent, with id, meta.versionId and meta.lastUpdated; a new object each time.

        Raises `ValueError` for a deletion.
        """
        if self.body is None:
            raise ValueError(f"{self.reference} version {self.version} is a deletion")
        return parse_stored(self.body)


class Session:
    """Open from `FhirStore.session` only; not to be shared between threads."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], dt.datetime]) -> None:
        self.connection = connection
        self._now = now
        self._last_number = 1000
        self._results: list[tuple[str, int, str, str]] = []
        self.purged = False
        """Whether a version was removed for good."""

    def now(self) -> dt.datetime:
        """The store's clock, UTC."""
        return self._now()

    # ------------------------------------------------------------------------------------- reading

    def current(self, resource_type: str, id: str) -> Version | None:
        """The newest version, which may be a deletion; None if there never was one, or it was expunged."""
        return self._one("v.version = r.version AND r.type = ? AND r.id = ?", resource_type, id)

    def by_key(self, key: int) -> Version | None:
        """The newest version of the resource with this key."""
        return self._one("v.version = r.version AND r.key = ?", key)

    def version(self, resource_type: str, id: str, version: int) -> Version | None:
        return self._one("r.type = ? AND r.id = ? AND v.version = ?", resource_type, id, version)

    def history(
        self, resource_type: str | None = None, id: str | None = None, *, since: int | None = None
    ) -> list[int]:
        """Sequence numbers of versions, newest first: of a resource, a type or everything."""
        clauses, args = ["1 = 1"], list[object]()
        for column, value in (("type = ?", resource_type), ("id = ?", id), ("updated >= ?", since)):
            if value is not None:
                clauses.append(column)
                args.append(value)
        rows = self.connection.execute(
            f"SELECT sequence FROM version WHERE {' AND '.join(clauses)} ORDER BY sequence DESC",  # noqa: S608
            args,
        )
        return [sequence for (sequence,) in rows]

    def by_sequence(self, sequence: int) -> Version | None:
        return self._one("v.sequence = ?", sequence)

    def content(self, version: Version) -> bytes | None:
        """A Binary's bytes; None for everything else."""
        row = self.connection.execute(
            "SELECT content FROM version WHERE key = ? AND version = ?", (version.key, version.version)
        ).fetchone()
        return row[0] if row else None

    def _one(self, where: str, *args: object) -> Version | None:
        row = self.connection.execute(
            f"SELECT {_COLUMNS} FROM version v JOIN resource r ON r.key = v.key WHERE {where}",  # noqa: S608
            args,
        ).fetchone()
        return Version(*row) if row else None

    # ------------------------------------------------------------------------------------- writing

    def new_id(self, how: Literal["uuid", "sequential"], resource_type: str) -> str:
        """An id that nothing of this type has or had."""
        if how == "uuid":
            return str(uuid.uuid4())
        (highest,) = self.connection.execute(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'resource'), 0)"
        ).fetchone()
        self._last_number = max(self._last_number, int(highest)) + 1
        while self.current(resource_type, str(self._last_number)):
            self._last_number += 1
        return str(self._last_number)

    def write(
        self, resource: Json, id: str, method: Method, *, base: str = "", content: bytes | None = None
    ) -> Version:
        """A new current version; `resource` is kept as it is but for id, versionId and lastUpdated."""
        resource_type = resource["resourceType"]
        before = self.current(resource_type, id)
        number = before.version + 1 if before else 1
        updated = self._tick()
        stamped = _stamp(resource, id, number, updated)
        body = write_text(stamped)
        key = self._point(resource_type, id, number, updated, deleted=False)
        self.connection.execute(
            "INSERT INTO version (key, type, id, version, updated, method, body, content)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (key, resource_type, id, number, updated, method, body, content),
        )
        self._index(key, stamped, base)
        return Version(key, resource_type, id, number, updated, method, body)

    def amend(self, version: Version, resource: Json, *, base: str = "") -> None:
        """The current version itself changed, with no version to show for it: as servers change `meta`."""
        self.connection.execute(
            "UPDATE version SET body = ? WHERE key = ? AND version = ?",
            (write_text(resource), version.key, version.version),
        )
        self._index(version.key, resource, base)

    def delete(self, before: Version) -> Version:
        """A deletion, as a version of its own without content (R4 http, delete)."""
        updated = self._tick()
        number = before.version + 1
        self._point(before.type, before.id, number, updated, deleted=True)
        self.connection.execute(
            "INSERT INTO version (key, type, id, version, updated, method) VALUES (?, ?, ?, ?, ?, 'DELETE')",
            (before.key, before.type, before.id, number, updated),
        )
        self._unindex(before.key)
        return Version(before.key, before.type, before.id, number, updated, "DELETE", None)

    def expunge(self, key: int) -> int:
        """Every version, as if it had never been; returns how many."""
        self.purged = True
        (count,) = self.connection.execute("SELECT count(*) FROM version WHERE key = ?", (key,)).fetchone()
        self.connection.execute("DELETE FROM resource WHERE key = ?", (key,))
        return int(count)

    def expunge_previous(self, key: int, *, version: int | None = None, limit: int = -1) -> int:
        """Versions before the current one, or just one of them; returns how many."""
        self.purged = True
        cursor = self.connection.execute(
            "DELETE FROM version WHERE sequence IN (SELECT v.sequence FROM version v JOIN resource r ON r.key = v.key"
            " WHERE r.key = ? AND v.version < r.version AND (? IS NULL OR v.version = ?)"
            " ORDER BY v.version LIMIT ?)",
            (key, version, version, limit),
        )
        return cursor.rowcount

    def keys(self, resource_type: str | None = None, *, deleted: bool | None = None) -> list[int]:
        """Resources of a type, or all, oldest first."""
        rows = self.connection.execute(
            "SELECT key FROM resource WHERE (? IS NULL OR type = ?) AND (? IS NULL OR deleted = ?) ORDER BY key",
            (resource_type, resource_type, deleted, deleted),
        )
        return [key for (key,) in rows]

    def referrers(self, resource_type: str, id: str) -> list[tuple[str, str]]:
        """(type, id) of the other current resources that refer to this one, where a search parameter looks."""
        return self.connection.execute(
            "SELECT DISTINCT r.type, r.id FROM reference x JOIN resource r ON r.key = x.key"
            " WHERE x.target_type = ? AND x.target_id = ? AND NOT (r.type = ? AND r.id = ?)",
            (resource_type, id, resource_type, id),
        ).fetchall()

    def dangling(self, key: int) -> list[str]:
        """References of this resource, where a search parameter looks, to what is not (any more) here."""
        rows = self.connection.execute(
            "SELECT DISTINCT x.target_type || '/' || x.target_id FROM reference x LEFT JOIN resource r"
            " ON r.type = x.target_type AND r.id = x.target_id AND r.deleted = 0"
            " WHERE x.key = ? AND x.target_type IS NOT NULL AND r.key IS NULL ORDER BY 1",
            (key,),
        )
        return [reference for (reference,) in rows]

    def _point(self, resource_type: str, id: str, version: int, updated: int, *, deleted: bool) -> int:
        (key,) = self.connection.execute(
            "INSERT INTO resource (type, id, version, updated, deleted) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (type, id) DO UPDATE SET version = excluded.version, updated = excluded.updated,"
            " deleted = excluded.deleted RETURNING key",
            (resource_type, id, version, updated, deleted),
        ).fetchone()
        return int(key)

    def _index(self, key: int, resource: Json, base: str) -> None:
        self._unindex(key)
        index = index_resource(resource, base)
        head = (key, resource["resourceType"])
        insert = self.connection.executemany
        insert("INSERT INTO token VALUES (?, ?, ?, ?, ?)", [head + row for row in index.token])
        insert("INSERT INTO reference VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [head + row for row in index.reference])
        insert("INSERT INTO date VALUES (?, ?, ?, ?, ?)", [head + row for row in index.date])
        insert("INSERT INTO string VALUES (?, ?, ?, ?, ?)", [head + row for row in index.string])
        insert("INSERT INTO uri VALUES (?, ?, ?, ?)", [head + row for row in index.uri])

    def _unindex(self, key: int) -> None:
        for table in ("token", "reference", "date", "string", "uri"):
            self.connection.execute(f"DELETE FROM {table} WHERE key = ?", (key,))  # noqa: S608

    def _tick(self) -> int:
        """Now in whole milliseconds, never earlier than what was written before."""
        now = microseconds(self._now()) // 1000 * 1000
        (latest,) = self.connection.execute(
            "SELECT coalesce((SELECT updated FROM version ORDER BY sequence DESC LIMIT 1), 0)"
        ).fetchone()
        return max(now, int(latest))

    # ------------------------------------------------------------------------------- pages to come

    def keep_result(self, request: Json, found: Sequence[int]) -> str:
        """Remembers what was found, so that later pages neither repeat nor miss; returns its token."""
        token = uuid.uuid4().hex
        self._results.append((token, microseconds(self._now()), json.dumps(request), json.dumps(list(found))))
        return token

    @property
    def has_results(self) -> bool:
        """Whether something waits for `save_results`: a session that only reads cannot write it itself."""
        return bool(self._results)

    def save_results(self, connection: sqlite3.Connection) -> None:
        """Writes what `keep_result` was given; the oldest are forgotten."""
        connection.executemany("INSERT INTO result VALUES (?, ?, ?, ?)", self._results)
        connection.execute(
            "DELETE FROM result WHERE token NOT IN (SELECT token FROM result ORDER BY made DESC LIMIT ?)",
            (_KEPT_RESULTS,),
        )

    def kept_result(self, token: str) -> tuple[Json, list[int]] | None:
        """The request and what it found; None when it is too old, or never was."""
        row = self.connection.execute("SELECT request, found FROM result WHERE token = ?", (token,)).fetchone()
        return (json.loads(row[0]), json.loads(row[1])) if row else None

    def select(self, sql: str, args: Iterable[object]) -> list[int]:
        """Keys from a query made by `query`."""
        return [key for (key, *_) in self.connection.execute(sql, tuple(args))]


def _stamp(resource: Json, id: str, version: int, updated: int) -> Json:
    meta = resource.get("meta")
    stamp = {
        "versionId": str(version),
        "lastUpdated": instant(dt.datetime.fromtimestamp(updated / 1_000_000, dt.UTC)),
    }
    stamped = {"resourceType": resource["resourceType"], "id": id} if "id" not in resource else {}
    stamped |= resource
    stamped["id"] = id
    stamped["meta"] = {**(meta if isinstance(meta, dict) else {}), **stamp}
    return stamped
