"""What servers refused as too large or of another type, learnt from answers, never by trying."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Final

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.tables import server_limits, server_types
from fhir_plugin.ports import Clock
from mappings.model.identifiers import FhirBase

SMALLEST: Final = 64 * 1024
"""A smaller request is not refused for its size, whatever the server says: nothing is learnt from it."""
BELIEVED: Final = dt.timedelta(days=30)
"""Then it is tried again: administrators raise limits."""
FRESH: Final = dt.timedelta(seconds=5)
"""How long an answer of the database is good for: what another process learns is known here that much later."""


class DatabaseServerLimits:
    """`ports.ServerLimits`. Thread-safe; joins the open transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lately: dict[FhirBase, tuple[int | None, dt.datetime]] = {}
        self._types_lately: dict[FhirBase, tuple[frozenset[str], dt.datetime]] = {}
        self._lock = threading.Lock()

    def body_limit(self, fhir_base: FhirBase) -> int | None:
        """Bytes of the smallest request that was refused as too large in the last 30 days; None: none was."""
        now = self._clock.now()
        with self._lock:
            size, since = self._lately.get(fhir_base, (None, dt.datetime.min.replace(tzinfo=dt.UTC)))
            if dt.timedelta() <= now - since < FRESH:
                return size
        with self._database.connection() as connection:
            row = connection.execute(
                sa.select(server_limits).where(server_limits.c.fhir_base == fhir_base)
            ).one_or_none()
        known = int(row.refused_bytes) if row is not None and now - row.since < BELIEVED else None
        with self._lock:
            self._lately[fhir_base] = (known, now)
        return known

    def refused(self, fhir_base: FhirBase, size: int) -> None:
        """A request body of `size` bytes was refused as too large: the smallest of the last 30 days is kept."""
        if size < SMALLEST:
            return
        now = self._clock.now()
        same = server_limits.c.fhir_base == fhir_base
        larger = (server_limits.c.refused_bytes > size) | (server_limits.c.since <= now - BELIEVED)
        with self._database.writing() as connection:
            self._database.lock("server-limits")
            changed = connection.execute(
                sa.update(server_limits).where(same & larger).values(refused_bytes=size, since=now)
            ).rowcount
            known = connection.execute(sa.select(server_limits.c.refused_bytes).where(same)).one_or_none()
            if not changed and known is None:
                connection.execute(sa.insert(server_limits).values(fhir_base=fhir_base, refused_bytes=size, since=now))
        with self._lock:
            self._lately.pop(fhir_base, None)

    def refused_types(self, fhir_base: FhirBase) -> frozenset[str]:
        """MIME types of which bytes were refused in the last 30 days."""
        now = self._clock.now()
        with self._lock:
            types, since = self._types_lately.get(fhir_base, (frozenset(), dt.datetime.min.replace(tzinfo=dt.UTC)))
            if dt.timedelta() <= now - since < FRESH:
                return types
        believed = (server_types.c.fhir_base == fhir_base) & (server_types.c.since > now - BELIEVED)
        with self._database.connection() as connection:
            found = connection.execute(sa.select(server_types.c.content_type).where(believed)).scalars()
            types = frozenset(str(each) for each in found)
        with self._lock:
            self._types_lately[fhir_base] = (types, now)
        return types

    def refused_type(self, fhir_base: FhirBase, content_type: str) -> None:
        """Bytes of this type were refused."""
        now = self._clock.now()
        same = (server_types.c.fhir_base == fhir_base) & (server_types.c.content_type == content_type)
        with self._database.writing() as connection:
            self._database.lock("server-limits")
            if not connection.execute(sa.update(server_types).where(same).values(since=now)).rowcount:
                row = {"fhir_base": fhir_base, "content_type": content_type, "since": now}
                connection.execute(sa.insert(server_types).values(row))
        with self._lock:
            self._types_lately.pop(fhir_base, None)

    def forget(self, fhir_base: FhirBase) -> bool:
        """Somebody knows that the server takes more now. Returns whether anything was known."""
        with self._database.writing() as connection:
            gone = sum(
                connection.execute(sa.delete(table).where(table.c.fhir_base == fhir_base)).rowcount
                for table in (server_limits, server_types)
            )
        with self._lock:
            self._lately.pop(fhir_base, None)
            self._types_lately.pop(fhir_base, None)
        return bool(gone)
