"""Keys that sign our own statements, in our own database.

ES384 (RFC 7518), RFC 8785 canonical JSON, detached JWS (RFC 7515 appendix F), kid = RFC 7638 thumbprint.
Three lives: `next` (published, so that partners know it before it is used), `current`, `retired` (verifies);
`revoked` verifies nothing. The private part is sealed together with kid, state and public part, so that a key
which somebody else put into the table, or brought back to life, is not ours.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import rfc8785
import sqlalchemy as sa
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import deserialize_compact, extract_compact, serialize_compact
from joserfc.util import urlsafe_b64encode

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.tables import signing_keys
from fhir_plugin.errors import Tampered
from fhir_plugin.ports import Clock, Json

ALGORITHM = "ES384"
_CURVE = "P-384"


class KeyState(StrEnum):
    """Where a signing key is in its life."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"
    REVOKED = "revoked"


class DatabaseStatementSigner:
    """A `StatementSigner`. The first two keys are made when first needed."""

    def __init__(self, database: Database, masters: MasterKeys, clock: Clock) -> None:
        self._database = database
        self._masters = masters
        self._clock = clock

    def sign(self, statement: Json) -> str:
        """The detached JWS of `statement`, by the current key. Raises ValueError for what is not JSON."""
        row = self._current()
        header = {"alg": ALGORITHM, "kid": row.kid}
        compact = serialize_compact(header, canonical(statement), self._private(row), algorithms=[ALGORITHM])
        protected, _, signature = compact.split(".")
        return f"{protected}..{signature}"

    def verify(self, statement: Json, jws: str) -> bool:
        """True when one of our keys, not revoked, signed exactly this statement; bad input is just False."""
        parts = jws.split(".")
        if len(parts) != 3 or parts[1]:
            return False
        try:
            payload = urlsafe_b64encode(canonical(statement)).decode("ascii")
            return self._verify_compact(f"{parts[0]}.{payload}.{parts[2]}")
        except (JoseError, Tampered, ValueError, TypeError, RecursionError):
            return False

    def public_jwks(self) -> Json:
        """Next, current and retired keys, public parts only (RFC 7517)."""
        self._current()
        with self._database.connection() as connection:
            rows = connection.execute(
                sa.select(signing_keys)
                .where(signing_keys.c.state != KeyState.REVOKED.value)
                .order_by(signing_keys.c.created, signing_keys.c.kid)
            ).all()
        return {"keys": [self._checked_public(row) for row in rows]}

    def rotate(self) -> str:
        """The next key becomes the current one, a new next key is made; returns the current kid."""
        with self._database.writing() as connection:
            rows = self._locked_pair(connection)
            self._change(connection, rows[KeyState.CURRENT], KeyState.RETIRED)
            self._change(connection, rows[KeyState.NEXT], KeyState.CURRENT)
            self._make(connection, KeyState.NEXT)
            kid: str = rows[KeyState.NEXT].kid
            return kid

    def revoke(self, kid: str) -> None:
        """From now on nothing that this key signed verifies. A key in use is replaced first."""
        with self._database.writing() as connection:
            rows = self._locked_pair(connection)
            if rows[KeyState.CURRENT].kid == kid:
                self.rotate()
            elif rows[KeyState.NEXT].kid == kid:
                self._make(connection, KeyState.NEXT)
            row = self._row(connection, signing_keys.c.kid == kid)
            if row is not None:
                self._change(connection, row, KeyState.REVOKED)

    def rotate_master(self) -> int:
        """Seals every private part again under the current master; returns how many."""
        with self._database.writing() as connection:
            self._database.lock("signing-keys")
            rows = [
                row
                for row in connection.execute(sa.select(signing_keys)).all()
                if not self._masters.is_current(row.private_key)
            ]
            for row in rows:
                self._change(connection, row, KeyState(row.state))
        return len(rows)

    # ------------------------------------------------------------------------------------------------ keys

    def _current(self) -> Any:
        with self._database.connection() as connection:
            row = self._row(connection, signing_keys.c.state == KeyState.CURRENT.value)
        if row is not None:
            return row
        with self._database.writing() as connection:
            return self._locked_pair(connection)[KeyState.CURRENT]

    def _locked_pair(self, connection: sa.Connection) -> dict[KeyState, Any]:
        """The current and the next key, made where missing; nobody else changes keys until the end."""
        self._database.lock("signing-keys")
        pair = {}
        for state in (KeyState.CURRENT, KeyState.NEXT):
            row = self._row(connection, signing_keys.c.state == state.value)
            if row is None:
                self._make(connection, state)
                row = self._row(connection, signing_keys.c.state == state.value)
            pair[state] = row
        return pair

    @staticmethod
    def _row(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Any:
        query = sa.select(signing_keys).where(condition).order_by(signing_keys.c.changed.desc())
        return connection.execute(query.limit(1)).one_or_none()

    def _make(self, connection: sa.Connection, state: KeyState) -> None:
        key = ECKey.generate_key(_CURVE)
        kid = key.thumbprint()
        public = _public_text(kid, key)
        now = self._clock.now()
        connection.execute(
            sa.insert(signing_keys).values(
                kid=kid,
                state=state.value,
                public_jwk=public,
                private_key=self._seal(kid, state, public, key.as_der(private=True)),
                created=now,
                changed=now,
            )
        )

    def _change(self, connection: sa.Connection, row: Any, state: KeyState) -> None:
        private = self._open(row)
        connection.execute(
            sa.update(signing_keys)
            .where(signing_keys.c.kid == row.kid)
            .values(
                state=state.value,
                private_key=self._seal(row.kid, state, row.public_jwk, private),
                changed=row.changed if state == row.state else self._clock.now(),
            )
        )

    def _seal(self, kid: str, state: KeyState, public: str, private: bytes) -> bytes:
        return self._masters.seal(KeyUse.SIGNING, private, bound_to=[kid, state.value, public])

    def _open(self, row: Any) -> bytes:
        return self._masters.open(KeyUse.SIGNING, row.private_key, bound_to=[row.kid, row.state, row.public_jwk])

    def _private(self, row: Any) -> ECKey:
        return ECKey.import_key(self._open(row))

    def _checked_public(self, row: Any) -> Json:
        self._open(row)
        public: Json = json.loads(row.public_jwk)
        return public

    # ------------------------------------------------------------------------------------------- verifying

    def _verify_compact(self, compact: str) -> bool:
        header = extract_compact(compact.encode("ascii")).headers()
        kid = header.get("kid")
        if not isinstance(kid, str) or set(header) != {"alg", "kid"}:
            return False
        with self._database.connection() as connection:
            row = self._row(connection, signing_keys.c.kid == kid)
        if row is None or row.state == KeyState.REVOKED.value:
            return False
        key = ECKey.import_key(self._checked_public(row))
        deserialize_compact(compact, key, algorithms=[ALGORITHM])
        return True


def canonical(statement: Json) -> bytes:
    """The RFC 8785 form: one statement, one sequence of bytes."""
    return rfc8785.dumps(statement)


def _public_text(kid: str, key: ECKey) -> str:
    public = {**key.as_dict(private=False), "kid": kid, "alg": ALGORITHM, "use": "sig"}
    return rfc8785.dumps(public).decode("ascii")
