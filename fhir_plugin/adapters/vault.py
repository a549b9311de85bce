"""The vault on disk: one file of ciphertext per item, one row with its wrapped key.

The order of steps is what makes it safe to die anywhere:

- `put` on its own: row `making` (committed), bytes (written aside, synced, renamed, directory synced), row
  `ready` (committed). Only then does it return.
- `put` inside a transaction: bytes first, then the row `ready` in that transaction. Rolled back: the bytes go
  at once, or by `sweep` after a crash; a lock on the file, which the kernel drops with the process, tells
  `sweep` that somebody is still at it.
- `destroy`: key gone and row `destroyed` in one transaction, then the log that may still hold the key is
  emptied and the bytes are unlinked, after the commit or by `sweep`.

Bytes without a row cannot be read by anybody: their key exists only in the row.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.digest_key import DigestKey
from fhir_plugin.adapters.keys import KEY_BYTES, KeyUse, MasterKeys, bytes_of, sync_directory
from fhir_plugin.adapters.tables import vault_items
from fhir_plugin.errors import NotFound, Tampered, Unavailable
from fhir_plugin.ports import Clock, Compartment, VaultItem
from mappings.model.identifiers import VaultId

YOUNG = dt.timedelta(hours=1)
"""What is younger and still in the making is spared by `sweep`."""

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_NAME = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(r"([0-9a-f]{32})(\.part)?")
_BATCH = 500


class FileVault:
    """A `Vault` in one private directory. Items are named by random ids and nothing else."""

    def __init__(self, database: Database, directory: Path, master_keys: MasterKeys, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._masters = master_keys
        self._clock = clock
        self._digest_key = DigestKey(database, master_keys, clock)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.chmod(0o700)
        sync_directory(directory.parent)

    # ----------------------------------------------------------------------------------------------- the port

    def put(self, content: bytes, *, compartment: Compartment, owner: str) -> VaultId:
        """Durable when it returns (inside a transaction: when that commits)."""
        vault_id = VaultId(secrets.token_hex(16))
        key = secrets.token_bytes(KEY_BYTES)
        created = self._clock.now().astimezone(dt.UTC)
        binding = _binding(vault_id, compartment, owner, len(content), created)
        row = {
            "vault_id": vault_id,
            "compartment": compartment.value,
            "owner": owner,
            "size": len(content),
            "created": created,
            "wrapped_key": self._masters.seal(KeyUse.VAULT, key, bound_to=binding),
        }
        sealed = _encrypt(key, content, binding)
        if self._database.in_transaction:
            self._put_joined(row, sealed)
        else:
            self._put_alone(row, sealed)
        return vault_id

    def get(self, vault_id: VaultId) -> bytes:
        """Raises `NotFound` when destroyed or never there, `Tampered` when bytes or row do not verify."""
        row = self._row(vault_id)
        try:
            sealed = self._path(vault_id).read_bytes()
        except FileNotFoundError:
            self._row(vault_id)  # destroyed since we looked: not found
            raise Tampered(f"The bytes of vault item {vault_id} are missing.", code="vault-bytes-missing") from None
        compartment, owner, size, created, wrapped = row
        binding = _binding(vault_id, compartment, owner, size, created)
        return _decrypt(self._masters.open(KeyUse.VAULT, wrapped, bound_to=binding), sealed, binding, vault_id)

    def destroy(self, vault_id: VaultId) -> None:
        """Key first, then bytes. Idempotent. Inside a transaction, when that commits."""
        if not _NAME.fullmatch(vault_id):
            return
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(vault_items)
                .where(vault_items.c.vault_id == vault_id, vault_items.c.state != "destroyed")
                .values(state="destroyed", wrapped_key=None)
            ).rowcount
            if changed:
                self._database.after_commit(lambda: self._forget(vault_id))

    def items(self, *, compartment: Compartment | None = None, owner: str | None = None) -> list[VaultItem]:
        """The items that can be got, oldest first."""
        query = sa.select(vault_items).where(vault_items.c.state == "ready")
        if compartment is not None:
            query = query.where(vault_items.c.compartment == compartment.value)
        if owner is not None:
            query = query.where(vault_items.c.owner == owner)
        with self._database.connection() as connection:
            rows = connection.execute(query.order_by(vault_items.c.created, vault_items.c.vault_id)).all()
        return [
            VaultItem(VaultId(row.vault_id), Compartment(row.compartment), row.owner, row.size, row.created)
            for row in rows
        ]

    def sweep(self) -> int:
        """Removes what a crash left half made or half destroyed; returns how many items that was.

        A `ready` item whose bytes are missing is not tidied away: that is a loss, and `get` says so.
        """
        removed = self._sweep_rows()
        names = sorted(entry.name for entry in os.scandir(self._directory))
        for start in range(0, len(names), _BATCH):
            removed |= self._sweep_files(names[start : start + _BATCH])
        if removed:
            sync_directory(self._directory)
        self._database.scrub()
        return len(removed)

    def keyed_digest(self, content: bytes) -> str:
        """HMAC-SHA-256 under a key of this installation, hexadecimal. It outlives rotations of the master."""
        return hmac.new(self._digest_key.value(), content, hashlib.sha256).hexdigest()

    # ---------------------------------------------------------------------------------------- beyond the port

    def rotate_master(self) -> int:
        """Wraps every key again under the current master; returns how many. Safe to run again."""
        wrapped, last = self._digest_key.rotate_master(), ""
        while True:
            with self._database.writing() as connection:
                batch = connection.execute(
                    sa.select(vault_items)
                    .where(vault_items.c.vault_id > last, vault_items.c.wrapped_key.is_not(None))
                    .order_by(vault_items.c.vault_id)
                    .limit(_BATCH)
                ).all()
                for row in batch:
                    if self._masters.is_current(row.wrapped_key):
                        continue
                    binding = _binding(row.vault_id, row.compartment, row.owner, row.size, row.created)
                    key = self._masters.open(KeyUse.VAULT, row.wrapped_key, bound_to=binding)
                    connection.execute(
                        sa.update(vault_items)
                        .where(vault_items.c.vault_id == row.vault_id)
                        .values(wrapped_key=self._masters.seal(KeyUse.VAULT, key, bound_to=binding))
                    )
                    wrapped += 1
            if not batch:
                self._database.scrub()
                return wrapped
            last = batch[-1].vault_id

    # --------------------------------------------------------------------------------------------- put, parts

    def _put_alone(self, row: dict[str, Any], sealed: bytes) -> None:
        vault_id = VaultId(row["vault_id"])
        with self._database.writing() as connection:
            connection.execute(sa.insert(vault_items).values(**row, state="making"))
        try:
            with contextlib.closing(_Descriptor(self._write(vault_id, sealed, row["created"]))):
                self._promise(vault_id)
        except OSError as error:
            self.destroy(vault_id)
            raise _cannot_write() from error

    def _promise(self, vault_id: VaultId) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(vault_items)
                .where(vault_items.c.vault_id == vault_id, vault_items.c.state == "making")
                .values(state="ready")
            ).rowcount
            if not changed:
                raise Unavailable("Storing took so long that it was given up: try again.", code="vault-given-up")

    def _put_joined(self, row: dict[str, Any], sealed: bytes) -> None:
        vault_id = VaultId(row["vault_id"])
        try:
            held = _Descriptor(self._write(vault_id, sealed, row["created"]))
        except OSError as error:
            self._unlink(vault_id)
            raise _cannot_write() from error

        def undo() -> None:
            self._unlink(vault_id)
            held.close()

        self._database.after_commit(held.close)
        self._database.after_rollback(undo)
        with self._database.connection() as connection:
            connection.execute(sa.insert(vault_items).values(**row, state="ready"))

    def _write(self, vault_id: VaultId, sealed: bytes, created: dt.datetime) -> int:
        """Durable bytes under their final name; returns the descriptor, locked for as long as it is open."""
        aside = self._path(vault_id, ".part")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            view = memoryview(sealed)
            while view:
                view = view[os.write(descriptor, view) :]
            os.utime(descriptor, (created.timestamp(), created.timestamp()))
            os.fsync(descriptor)
            aside.rename(self._path(vault_id))
            sync_directory(self._directory)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    # -------------------------------------------------------------------------------------- destroy and sweep

    def _forget(self, vault_id: VaultId) -> None:
        self._database.scrub()
        if self._unlink(vault_id):
            sync_directory(self._directory)

    def _unlink(self, vault_id: VaultId) -> bool:
        gone = False
        for suffix in ("", ".part"):
            with contextlib.suppress(FileNotFoundError):
                self._path(vault_id, suffix).unlink()
                gone = True
        return gone

    def _sweep_rows(self) -> set[str]:
        """Rows that were never promised, with their bytes. Whoever is still at it will find the row gone."""
        old = self._clock.now() - YOUNG
        stale = (vault_items.c.state == "making") & (vault_items.c.created < old)
        with self._database.connection() as connection:
            found = connection.execute(sa.select(vault_items.c.vault_id).where(stale)).scalars().all()
        swept: set[str] = set()
        for vault_id in found:
            with self._database.writing() as connection:
                gone = connection.execute(
                    sa.delete(vault_items).where(vault_items.c.vault_id == vault_id, stale)
                ).rowcount
            if gone:
                self._unlink(VaultId(vault_id))
                swept.add(vault_id)
        return swept

    def _sweep_files(self, names: Sequence[str]) -> set[str]:
        ids = {match[1] for name in names if (match := _FILE.fullmatch(name))}
        with self._database.connection() as connection:
            states = {
                row.vault_id: row.state
                for row in connection.execute(
                    sa.select(vault_items.c.vault_id, vault_items.c.state).where(vault_items.c.vault_id.in_(ids))
                )
            }
        swept: set[str] = set()
        for name in names:
            match = _FILE.fullmatch(name)
            if match is None:
                continue
            state = states.get(match[1])
            half_destroyed = state == "destroyed"
            half_made = state is None or (state == "ready" and match[2])
            path = self._directory / name
            if half_destroyed or (half_made and self._is_abandoned(path)):
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
                    swept.add(match[1])
        return swept

    def _is_abandoned(self, path: Path) -> bool:
        """Old, and nobody holds it."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            made = dt.datetime.fromtimestamp(os.fstat(descriptor).st_mtime, dt.UTC)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return self._clock.now() - made > YOUNG

    # ------------------------------------------------------------------------------------------------ reading

    def _row(self, vault_id: VaultId) -> tuple[str, str, int, dt.datetime, bytes]:
        missing = NotFound(f"There is no vault item {vault_id}.", status=404)
        if not _NAME.fullmatch(vault_id):
            raise NotFound("There is no such vault item.", status=404)
        try:
            with self._database.connection() as connection:
                row = connection.execute(sa.select(vault_items).where(vault_items.c.vault_id == vault_id)).one_or_none()
        except ValueError:  # a time that is none
            raise Tampered(f"The row of vault item {vault_id} is damaged.", code="vault-row-damaged") from None
        if row is None or row.state in ("making", "destroyed"):
            raise missing
        if row.state != "ready" or row.wrapped_key is None:
            raise Tampered(f"The row of vault item {vault_id} is damaged.", code="vault-row-damaged")
        return row.compartment, row.owner, row.size, row.created, row.wrapped_key

    def _path(self, vault_id: VaultId, suffix: str = "") -> Path:
        return self._directory / f"{vault_id}{suffix}"


class _Descriptor:
    """An open, locked file that is closed once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _binding(vault_id: str, compartment: str, owner: str, size: int, created: dt.datetime) -> list[str]:
    return [vault_id, compartment, owner, str(size), created.isoformat()]


def _encrypt(key: bytes, content: bytes, binding: Sequence[str]) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORMAT + nonce + AESGCM(key).encrypt(nonce, content, bytes_of(binding))


def _decrypt(key: bytes, sealed: bytes, binding: Sequence[str], vault_id: str) -> bytes:
    nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        if not sealed.startswith(_FORMAT):
            raise InvalidTag
        return AESGCM(key).decrypt(nonce, rest, bytes_of(binding))
    except (InvalidTag, ValueError):
        raise Tampered(f"The bytes of vault item {vault_id} do not verify.", code="vault-bytes-damaged") from None


def _cannot_write() -> Unavailable:
    return Unavailable("The vault cannot be written to at the moment. Nothing was stored.", code="vault-full")
