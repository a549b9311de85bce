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
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.digest_key import DigestKey
from fhir_plugin.adapters.keys import KEY_BYTES, KeyUse, MasterKeys, bytes_of
from fhir_plugin.adapters.tables import vault_items
from fhir_plugin.adapters.vault_files import VaultFiles
from fhir_plugin.adapters.vault_pieces import PIECE, open_pieces, seal_pieces
from fhir_plugin.errors import NotFound, Tampered, Unavailable
from fhir_plugin.ports import Clock, Compartment, VaultItem
from mappings.model.identifiers import VaultId

YOUNG = dt.timedelta(hours=1)
"""What is younger and still in the making is spared by `sweep`."""

_FORMAT, _IN_PIECES = b"\x01", b"\x02"
"""The first byte of a file: how it is sealed."""
_NONCE_BYTES = 12
_NAME = re.compile(r"[0-9a-f]{32}")
_BATCH = 500


class FileVault:
    """A `Vault` in one private directory. Items are named by random ids and nothing else."""

    def __init__(self, database: Database, directory: Path, master_keys: MasterKeys, clock: Clock) -> None:
        self._database = database
        self._files = VaultFiles(directory)
        self._masters = master_keys
        self._clock = clock
        self._digest_key = DigestKey(database, master_keys, clock)

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
        sealed = _seal(key, content, binding)
        if self._database.in_transaction:
            self._put_joined(row, sealed)
        else:
            self._put_alone(row, sealed)
        return vault_id

    def get(self, vault_id: VaultId) -> bytes:
        """Raises `NotFound` when destroyed or never there, `Tampered` when bytes or row do not verify."""
        row = self._row(vault_id)
        try:
            file = self._files.open(vault_id)
        except FileNotFoundError:
            self._row(vault_id)  # destroyed since we looked: not found
            raise Tampered(f"The bytes of vault item {vault_id} are missing.", code="vault-bytes-missing") from None
        compartment, owner, size, created, wrapped = row
        binding = _binding(vault_id, compartment, owner, size, created)
        with file:
            key = self._masters.open(KeyUse.VAULT, wrapped, bound_to=binding)
            return _open(key, file, binding, size, vault_id)

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
        names = self._files.names()
        for start in range(0, len(names), _BATCH):
            removed |= self._sweep_files(names[start : start + _BATCH])
        self._database.scrub()
        return len(removed)

    def keyed_digest(self, content: bytes) -> str:
        """HMAC-SHA-256 under a key of this installation, hexadecimal. It outlives rotations of the master."""
        return hmac.new(self._digest_key.value(), content, hashlib.sha256).hexdigest()

    # ---------------------------------------------------------------------------------------- beyond the port

    def strays(self) -> tuple[list[str], list[VaultId]]:
        """Files for which nobody has a key, which `sweep` would remove; and items whose bytes are missing, which
        nothing brings back. Changes nothing."""
        ready = [item.vault_id for item in self.items()]
        names = self._files.names()
        keyless = [name for name in names if self._state(name) in (None, "destroyed") and self._is_abandoned(name)]
        there = set(names)
        return keyless, [each for each in ready if each not in there and self._state(each) == "ready"]

    def _is_abandoned(self, name: str) -> bool:
        with self._files.hold_abandoned(name, now=self._clock.now(), young=YOUNG) as abandoned:
            return abandoned

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
                    same = (vault_items.c.vault_id == row.vault_id) & (vault_items.c.wrapped_key == row.wrapped_key)
                    sealed = self._masters.seal(KeyUse.VAULT, key, bound_to=binding)
                    changed = connection.execute(sa.update(vault_items).where(same).values(wrapped_key=sealed)).rowcount
                    wrapped += changed  # none where it was destroyed meanwhile: no key comes back
            if not batch:
                self._database.scrub()
                return wrapped
            last = batch[-1].vault_id

    # --------------------------------------------------------------------------------------------- put, parts

    def _put_alone(self, row: dict[str, Any], sealed: Iterable[bytes]) -> None:
        vault_id = VaultId(row["vault_id"])
        with self._database.writing() as connection:
            connection.execute(sa.insert(vault_items).values(**row, state="making"))
        try:
            with contextlib.closing(self._files.write(vault_id, sealed, row["created"])):
                self._promise(vault_id)
        except OSError as error:
            self._give_up(vault_id)
            raise _cannot_write() from error

    def _give_up(self, vault_id: VaultId) -> None:
        unpromised = (vault_items.c.vault_id == vault_id) & (vault_items.c.state == "making")
        with contextlib.suppress(OSError, Unavailable):
            with self._database.writing() as connection:
                connection.execute(sa.delete(vault_items).where(unpromised))
            self._files.remove(vault_id)

    def _promise(self, vault_id: VaultId) -> None:
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(vault_items)
                .where(vault_items.c.vault_id == vault_id, vault_items.c.state == "making")
                .values(state="ready")
            ).rowcount
            if not changed:
                raise Unavailable("Storing took so long that it was given up: try again.", code="vault-given-up")

    def _put_joined(self, row: dict[str, Any], sealed: Iterable[bytes]) -> None:
        vault_id = VaultId(row["vault_id"])
        try:
            held = self._files.write(vault_id, sealed, row["created"])
        except OSError as error:
            self._give_up(vault_id)
            raise _cannot_write() from error

        def undo() -> None:
            with contextlib.suppress(OSError):
                self._files.remove(vault_id)
            held.close()

        self._database.after_commit(held.close)
        self._database.after_rollback(undo)
        with self._database.connection() as connection:
            connection.execute(sa.insert(vault_items).values(**row, state="ready"))

    # -------------------------------------------------------------------------------------- destroy and sweep

    def _forget(self, vault_id: VaultId) -> None:
        """The key is gone for good already: what fails here is finished by `sweep`."""
        with contextlib.suppress(OSError, Unavailable):
            self._database.scrub()
            self._files.remove(vault_id)

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
                self._files.remove(vault_id)
                swept.add(vault_id)
        return swept

    def _sweep_files(self, names: Sequence[str]) -> set[str]:
        """Bytes whose key is gone, or never came."""
        with self._database.connection() as connection:
            query = sa.select(vault_items.c.vault_id, vault_items.c.state)
            rows = connection.execute(query.where(vault_items.c.vault_id.in_(names))).all()
        states = {row.vault_id: row.state for row in rows}
        swept = {name for name in names if states.get(name) == "destroyed" and self._files.remove(name)}
        for name in names:
            if name not in states and self._remove_abandoned(name):
                swept.add(name)
        return swept

    def _remove_abandoned(self, name: str) -> bool:
        with self._files.hold_abandoned(name, now=self._clock.now(), young=YOUNG) as abandoned:
            # Whoever wrote it has let go. If that was by committing, the row is there now.
            return abandoned and self._state(name) is None and self._files.remove(name)

    def _state(self, vault_id: str) -> str | None:
        with self._database.connection() as connection:
            return connection.execute(
                sa.select(vault_items.c.state).where(vault_items.c.vault_id == vault_id)
            ).scalar_one_or_none()

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


def _binding(vault_id: str, compartment: str, owner: str, size: int, created: dt.datetime) -> list[str]:
    return [vault_id, compartment, owner, str(size), created.isoformat()]


def _seal(key: bytes, content: bytes, binding: Sequence[str]) -> Iterator[bytes]:
    """What goes into the file: in one piece as it ever was, or in several where the item is large."""
    if len(content) > PIECE:
        yield _IN_PIECES
        yield from seal_pieces(key, content, bytes_of(binding))
        return
    nonce = secrets.token_bytes(_NONCE_BYTES)
    yield _FORMAT + nonce + AESGCM(key).encrypt(nonce, content, bytes_of(binding))


def _open(key: bytes, sealed: BinaryIO, binding: Sequence[str], size: int, vault_id: str) -> bytes:
    try:
        match sealed.read(1):
            case b"\x01":
                nonce = sealed.read(_NONCE_BYTES)
                return AESGCM(key).decrypt(nonce, sealed.read(), bytes_of(binding))
            case b"\x02":
                return open_pieces(key, sealed, bytes_of(binding), size)
            case _:
                raise InvalidTag
    except (InvalidTag, ValueError):
        raise Tampered(f"The bytes of vault item {vault_id} do not verify.", code="vault-bytes-damaged") from None


def _cannot_write() -> Unavailable:
    return Unavailable("The vault cannot be written to at the moment. Nothing was stored.", code="vault-full")
