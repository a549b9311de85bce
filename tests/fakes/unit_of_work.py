"""Transactions over plain dictionaries."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any


class FakeUnitOfWork:
    """One writer at a time; on an exception every table is what it was. Values must be immutable."""

    def __init__(self) -> None:
        self._tables: list[dict[Any, Any]] = []
        self._lock = threading.RLock()

    def table(self) -> dict[Any, Any]:
        """A new table that takes part in every transaction."""
        table: dict[Any, Any] = {}
        self._tables.append(table)
        return table

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            before = [dict(table) for table in self._tables]
            try:
                yield
            except BaseException:
                for table, rows in zip(self._tables, before, strict=True):
                    table.clear()
                    table.update(rows)
                raise
