"""Rows whose words are sealed: what the stores of lists and registers share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys

Binding = Callable[[Any], Sequence[str]]
"""What a row is bound to: everything it says in the clear, so that nobody moves it to another person or day."""


class SealedRows:
    """The column `sealed` of one table, as JSON under one use of the master key."""

    def __init__(
        self, database: Database, masters: MasterKeys, table: sa.Table, binding: Binding, *, use: KeyUse = KeyUse.WORK
    ) -> None:
        self._database = database
        self._masters = masters
        self._table = table
        self._binding = binding
        self._use = use

    def seal(self, clear: Any, words: dict[str, Any]) -> bytes:
        """`words` sealed for the row whose clear columns are those of `clear`."""
        text = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
        return self._masters.seal(self._use, text.encode(), bound_to=self._binding(clear))

    def open(self, row: Any) -> dict[str, Any]:
        """Raises `Tampered` when the row was changed past the app."""
        words: dict[str, Any] = json.loads(self._masters.open(self._use, row.sealed, bound_to=self._binding(row)))
        return words

    def rotate_master(self) -> int:
        """Seals every row again under the current master key; returns how many.

        One row at a time is held, so that whoever holds several of them and this never wait for each other.
        """
        with self._database.connection() as connection:
            rows = connection.execute(sa.select(self._table)).all()
        return sum(self._seal_again(row) for row in rows if not self._masters.is_current(row.sealed))

    def _seal_again(self, found: Any) -> bool:
        key = [column == found._mapping[column.name] for column in self._table.primary_key]
        with self._database.writing() as connection:
            row = connection.execute(sa.select(self._table).where(*key).with_for_update()).one_or_none()
            if row is None or self._masters.is_current(row.sealed):
                return False
            fresh = self._masters.seal_again(self._use, row.sealed, bound_to=self._binding(row))
            connection.execute(self._table.update().where(*key).values(sealed=fresh))
        return True


def upsert(connection: sa.Connection, table: sa.Table, values: dict[str, Any]) -> None:
    """Writes the row with this primary key, whether or not it is there. Within a transaction."""
    key = [column == values[column.name] for column in table.primary_key]
    if connection.execute(table.update().where(*key).values(**values)).rowcount == 0:
        connection.execute(table.insert().values(**values))
