"""Keys of ours that rotate: one line of keys in one table, each through its lives.

`next` (published, so that partners know it before it is used), `current` (signs), `retired` (what it signed still
verifies), `revoked` (nothing of it holds). The private part is sealed together with kid, state and public part, so
that a key which somebody else put into the table, or brought back to life, is not ours. Whatever can sign no more
has no private part left. Every process asks the table, so a rotation is seen at once and everywhere.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import rfc8785
import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.errors import Refused, Tampered
from fhir_plugin.ports import Clock, Json

AT_ONCE = dt.timedelta(0)


class KeyState(StrEnum):
    """Where a key is in its life."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class NewKey:
    """A key just made. `public` is its JWK; `private` is in whatever form its maker reads again."""

    kid: str
    public: Json
    private: bytes = field(repr=False)


@dataclass(frozen=True)
class KeptKey:
    """A key of ours as the table has it, its seal verified. `private` is empty once it can sign no more."""

    kid: str
    state: KeyState
    public: Json
    created: dt.datetime
    changed: dt.datetime
    private: bytes = field(repr=False)


class KeyLives:
    """One line of keys: those rows of `table` whose columns equal `line` (all of them if it is empty).

    The first two keys are made when first needed. `lock` names the line for other processes.
    """

    def __init__(
        self,
        database: Database,
        masters: MasterKeys,
        clock: Clock,
        *,
        table: sa.Table,
        use: KeyUse,
        line: Mapping[str, str],
        make: Callable[[], NewKey],
    ) -> None:
        self._database = database
        self._masters = masters
        self._clock = clock
        self._table = table
        self._use = use
        self._line = dict(line)
        self._make = make
        self._lock = "/".join([table.name, *self._line.values()])

    def current(self) -> KeptKey:
        """The key that signs now. Raises `Tampered` for one that is not ours."""
        with self._database.connection() as connection:
            row = self._row(connection, self._table.c.state == KeyState.CURRENT.value)
        if row is not None:
            return self._kept(row)
        with self._database.writing() as connection:
            return self._locked_pair(connection)[KeyState.CURRENT]

    def find(self, kid: str) -> KeptKey | None:
        """The key of that name in this line, whatever its state. Raises `Tampered` for one that is not ours."""
        with self._database.connection() as connection:
            row = self._row(connection, self._table.c.kid == kid)
        return None if row is None else self._kept(row)

    def all(self) -> list[KeptKey]:
        """Every key of this line, the oldest first, none of them made now. Raises `Tampered`."""
        query = self._select().order_by(self._table.c.created, self._table.c.kid)
        with self._database.connection() as connection:
            return [self._kept(row) for row in connection.execute(query).all()]

    def rotate(self, *, published_for: dt.timedelta = AT_ONCE) -> str:
        """The next key becomes the current one, and a new next one is made; returns the current kid.

        Raises `Refused` (`key-too-new`) while the next key has not been published for that long.
        """
        with self._database.writing() as connection:
            pair = self._locked_pair(connection)
            ready = pair[KeyState.NEXT].created + published_for
            if self._clock.now() < ready:
                raise Refused(
                    "The next key has not been published for long enough: partners who remember our keys would not "
                    f"know it. It can be used from {ready.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC.",
                    code="key-too-new",
                )
            return self._move_on(connection, pair)

    def revoke(self, kid: str) -> None:
        """From now on nothing that this key signed holds. One that is in use is replaced first, at once.

        Raises `Refused` (`key-unknown`) when this line has no key of that name.
        """
        with self._database.writing() as connection:
            pair = self._locked_pair(connection)
            row = self._row(connection, self._table.c.kid == kid)
            if row is None:
                raise Refused("There is no key of that name.", code="key-unknown")
            if pair[KeyState.CURRENT].kid == kid:
                self._move_on(connection, pair)
            elif pair[KeyState.NEXT].kid == kid:
                self._insert(connection, KeyState.NEXT)
            self._change(connection, self._kept(self._row(connection, self._table.c.kid == kid)), KeyState.REVOKED)

    def rotate_master(self) -> int:
        """Seals every private part again under the current master; returns how many."""
        with self._database.writing() as connection:
            self._database.lock(self._lock)
            rows = [
                row for row in connection.execute(self._select()).all() if not self._masters.is_current(row.private_key)
            ]
            for row in rows:
                key = self._kept(row)
                self._change(connection, key, key.state)
        return len(rows)

    # ------------------------------------------------------------------------------------------------ rows

    def _select(self) -> sa.Select[Any]:
        return sa.select(self._table).where(*(self._table.c[name] == value for name, value in self._line.items()))

    def _row(self, connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Any:
        query = self._select().where(condition).order_by(self._table.c.changed.desc()).limit(1)
        return connection.execute(query).one_or_none()

    def _locked_pair(self, connection: sa.Connection) -> dict[KeyState, KeptKey]:
        """The current and the next key, made where missing; nobody else changes this line until the end."""
        self._database.lock(self._lock)
        pair = {}
        for state in (KeyState.CURRENT, KeyState.NEXT):
            row = self._row(connection, self._table.c.state == state.value)
            if row is None:
                self._insert(connection, state)
                row = self._row(connection, self._table.c.state == state.value)
            pair[state] = self._kept(row)
        return pair

    def _move_on(self, connection: sa.Connection, pair: Mapping[KeyState, KeptKey]) -> str:
        self._change(connection, pair[KeyState.CURRENT], KeyState.RETIRED)
        self._change(connection, pair[KeyState.NEXT], KeyState.CURRENT)
        self._insert(connection, KeyState.NEXT)
        return pair[KeyState.NEXT].kid

    def _insert(self, connection: sa.Connection, state: KeyState) -> None:
        key = self._make()
        public = rfc8785.dumps(key.public).decode("ascii")
        now = self._clock.now()
        connection.execute(
            sa.insert(self._table).values(
                **self._line,
                kid=key.kid,
                state=state.value,
                public_jwk=public,
                private_key=self._seal(key.private, key.kid, state, public),
                created=now,
                changed=now,
            )
        )

    def _change(self, connection: sa.Connection, key: KeptKey, state: KeyState) -> None:
        signs = state in (KeyState.NEXT, KeyState.CURRENT)
        public = rfc8785.dumps(key.public).decode("ascii")
        connection.execute(
            sa.update(self._table)
            .where(self._table.c.kid == key.kid)
            .values(
                state=state.value,
                private_key=self._seal(key.private if signs else b"", key.kid, state, public),
                changed=key.changed if state == key.state else self._clock.now(),
            )
        )

    def _kept(self, row: Any) -> KeptKey:
        private = self._masters.open(
            self._use, row.private_key, bound_to=self._binding(row.kid, KeyState(row.state), row.public_jwk)
        )
        public: Json = json.loads(row.public_jwk)
        if public.get("kid") != row.kid:
            raise Tampered("A key of ours does not bear its own name.", code="sealed-damaged")
        return KeptKey(row.kid, KeyState(row.state), public, row.created, row.changed, private)

    def _seal(self, private: bytes, kid: str, state: KeyState, public: str) -> bytes:
        return self._masters.seal(self._use, private, bound_to=self._binding(kid, state, public))

    def _binding(self, kid: str, state: KeyState, public: str) -> list[str]:
        return [kid, state.value, public, *self._line.values()]
