"""The key of keyed digests: made once for an installation, kept sealed under the master key, never replaced.

It is not derived from the master key, so that old digests still match after the master was rotated.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.keys import KEY_BYTES, KeyUse, MasterKeys
from fhir_plugin.adapters.tables import installation_keys
from fhir_plugin.ports import Clock

_NAME = "digest"
_SELECT = sa.select(installation_keys.c.sealed).where(installation_keys.c.name == _NAME)


class DigestKey:
    """Read when first needed, made when there is none."""

    def __init__(self, database: Database, master_keys: MasterKeys, clock: Clock) -> None:
        self._database = database
        self._masters = master_keys
        self._clock = clock
        self._known: bytes | None = None

    def value(self) -> bytes:
        """The 32 bytes. Raises `Tampered` when the row does not verify."""
        if self._known is not None:
            return self._known
        with self._database.connection() as connection:
            sealed = connection.execute(_SELECT).scalar_one_or_none()
        key = self._open(sealed or self._make())
        # Only a key that surely stays may be remembered: the open transaction may be the one that makes it.
        self._database.after_commit(lambda: self._remember(key))
        return key

    def rotate_master(self) -> int:
        """Seals it again under the current master; 1 if there was anything to do."""
        with self._database.writing() as connection:
            sealed = connection.execute(_SELECT).scalar_one_or_none()
            if sealed is None or self._masters.is_current(sealed):
                return 0
            connection.execute(
                sa.update(installation_keys)
                .where(installation_keys.c.name == _NAME)
                .values(sealed=self._seal(self._open(sealed)))
            )
        return 1

    def _make(self) -> bytes:
        with self._database.writing() as connection:
            self._database.lock("installation-keys")
            existing: bytes | None = connection.execute(_SELECT).scalar_one_or_none()
            if existing is not None:
                return existing
            sealed = self._seal(secrets.token_bytes(KEY_BYTES))
            connection.execute(
                sa.insert(installation_keys).values(name=_NAME, sealed=sealed, created=self._clock.now())
            )
            return sealed

    def _remember(self, key: bytes) -> None:
        self._known = key

    def _seal(self, key: bytes) -> bytes:
        return self._masters.seal(KeyUse.DIGEST, key, bound_to=[_NAME])

    def _open(self, sealed: bytes) -> bytes:
        return self._masters.open(KeyUse.DIGEST, sealed, bound_to=[_NAME])
