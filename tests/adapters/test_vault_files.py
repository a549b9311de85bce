"""The vault on disk: what is there, what is not, and what any change to it does."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import stat
import threading
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.keys import MasterKeys, new_master_key
from fhir_plugin.adapters.tables import vault_items
from fhir_plugin.adapters.vault import FileVault
from fhir_plugin.errors import NotFound, Tampered, Unavailable
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import VaultId
from tests.adapters.processes import in_children
from tests.conftest import OwnStores

CANARY = b"CANARY-c0ffee-in-the-picture"


def _put(own: OwnStores, content: bytes = CANARY) -> VaultId:
    return own.vault.put(content, compartment=Compartment.CLEAN, owner="capture-1")


def _files(own: OwnStores) -> set[str]:
    return {path.name for path in (own.state / "vault").iterdir()}


def _raw(own: OwnStores) -> sqlite3.Connection:
    return sqlite3.connect(own.state / "plugin.db", isolation_level=None)


def _wrapped_key(own: OwnStores, vault_id: VaultId) -> bytes:
    with own.database.connection() as connection:
        key: bytes | None = connection.execute(
            sa.select(vault_items.c.wrapped_key).where(vault_items.c.vault_id == vault_id)
        ).scalar_one()
    assert key is not None
    return key


def test_files_are_named_by_id_and_only_we_may_read_them(own: OwnStores) -> None:
    vault_id = _put(own)
    assert _files(own) == {vault_id}
    assert stat.S_IMODE((own.state / "vault").stat().st_mode) == 0o700
    for path in own.state.rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_every_byte_of_the_file_counts(own: OwnStores) -> None:
    vault_id = _put(own)
    path = own.state / "vault" / vault_id
    sealed = path.read_bytes()
    for position in range(len(sealed)):
        path.write_bytes(_flipped(sealed, position))
        with pytest.raises(Tampered):
            own.vault.get(vault_id)
    for damaged in (b"", sealed[:-1], sealed + b"\x00", sealed[:5]):
        path.write_bytes(damaged)
        with pytest.raises(Tampered):
            own.vault.get(vault_id)
    path.write_bytes(sealed)
    assert own.vault.get(vault_id) == CANARY


def test_every_byte_of_the_wrapped_key_counts(own: OwnStores) -> None:
    vault_id = _put(own)
    wrapped = _wrapped_key(own, vault_id)
    raw = _raw(own)
    for position in range(len(wrapped)):
        raw.execute("UPDATE vault_items SET wrapped_key = ?", (_flipped(wrapped, position),))
        with pytest.raises(Tampered):
            own.vault.get(vault_id)
    raw.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("compartment", "received"),
        ("owner", "capture-2"),
        ("size", 1),
        ("created", "2026-03-02 09:30:00.000001"),
        ("created", "yesterday"),
        ("state", "raedy"),
        ("wrapped_key", None),
        ("wrapped_key", b""),
    ],
)
def test_every_column_of_the_row_counts(own: OwnStores, column: str, value: Any) -> None:
    vault_id = _put(own)
    raw = _raw(own)
    raw.execute(f"UPDATE vault_items SET {column} = ?", (value,))
    raw.close()
    with pytest.raises(Tampered):
        own.vault.get(vault_id)


def test_rows_and_files_cannot_be_swapped(own: OwnStores) -> None:
    first, second = _put(own, b"first"), _put(own, b"other")
    directory = own.state / "vault"
    one, two = (directory / first).read_bytes(), (directory / second).read_bytes()
    (directory / first).write_bytes(two)
    (directory / second).write_bytes(one)
    for vault_id in (first, second):
        with pytest.raises(Tampered):
            own.vault.get(vault_id)


def test_missing_bytes_are_a_loss_and_not_swept_away(own: OwnStores) -> None:
    vault_id = _put(own)
    (own.state / "vault" / vault_id).unlink()
    own.clock.advance(hours=2)
    assert own.vault.sweep() == 0
    with pytest.raises(Tampered):
        own.vault.get(vault_id)


def test_a_destroyed_key_is_in_no_byte_of_the_state_directory(own: OwnStores) -> None:
    vault_id = _put(own)
    wrapped = _wrapped_key(own, vault_id)
    assert any(wrapped[9:] in path.read_bytes() for path in _all_files(own.state))
    own.vault.destroy(vault_id)
    assert not any(wrapped[9:41] in path.read_bytes() for path in _all_files(own.state))
    assert _files(own) == set()


def test_a_reader_in_the_way_only_delays_emptying_the_log(own: OwnStores) -> None:
    vault_id = _put(own)
    wrapped = _wrapped_key(own, vault_id)
    reader = _raw(own)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM vault_items").fetchall()
    own.vault.destroy(vault_id)
    with pytest.raises(NotFound):
        own.vault.get(vault_id)
    reader.execute("COMMIT")
    reader.close()
    own.vault.sweep()
    assert not any(wrapped[9:41] in path.read_bytes() for path in _all_files(own.state))


def test_sweep_spares_the_young_and_removes_the_old(own: OwnStores) -> None:
    (own.state / "vault" / ("0" * 32)).write_bytes(b"no row")
    (own.state / "vault" / ("1" * 32 + ".part")).write_bytes(b"half")
    (own.state / "vault" / "README").write_bytes(b"not ours")
    now = own.clock.now().timestamp()
    for path in (own.state / "vault").iterdir():
        os.utime(path, (now, now))
    with own.database.writing() as connection:
        connection.execute(
            sa.insert(vault_items).values(
                vault_id="2" * 32,
                compartment="clean",
                owner="o",
                size=1,
                created=own.clock.now(),
                wrapped_key=b"",
                state="making",
            )
        )
    own.clock.advance(minutes=59)
    assert own.vault.sweep() == 0
    own.clock.advance(minutes=2)
    assert own.vault.sweep() == 3
    assert _files(own) == {"README"}
    with own.database.connection() as connection:
        assert connection.execute(sa.select(vault_items)).all() == []


def test_sweep_spares_what_an_open_transaction_holds_however_the_clock_jumps(own: OwnStores) -> None:
    with own.database.transaction():
        vault_id = _put(own)
        own.clock.advance(days=1)
        in_children(partial(_sweep_finds_nothing, own))
    own.clock.advance(days=1)
    assert own.vault.sweep() == 0
    assert own.vault.get(vault_id) == CANARY


def test_sweep_looks_again_once_the_writer_has_let_go(own: OwnStores, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer commits after `sweep` has read the rows and before it looks at the file; the clock jumps too."""
    written, go_on = threading.Event(), threading.Event()
    kept: list[VaultId] = []

    def write() -> None:
        with own.database.transaction():
            kept.append(_put(own))
            written.set()
            go_on.wait(10)

    hold = own.vault._files.hold_abandoned

    def hold_late(name: str, *, now: dt.datetime, young: dt.timedelta) -> AbstractContextManager[bool]:
        go_on.set()
        writer.join()
        return hold(name, now=now + dt.timedelta(days=1), young=young)

    monkeypatch.setattr(own.vault._files, "hold_abandoned", hold_late)
    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(10)
    assert own.vault.sweep() == 0
    assert go_on.is_set()
    assert own.vault.get(kept[0]) == CANARY


def test_bytes_of_a_transaction_that_failed_go_at_once(own: OwnStores) -> None:
    with pytest.raises(KeyError), own.database.transaction():
        _put(own)
        raise KeyError
    assert _files(own) == set()


def test_a_put_that_was_given_up_meanwhile_is_not_acknowledged(own: OwnStores, monkeypatch: pytest.MonkeyPatch) -> None:
    promise = own.vault._promise

    def slow(vault_id: VaultId) -> None:
        own.clock.advance(hours=2)
        assert own.vault.sweep() == 1
        promise(vault_id)

    monkeypatch.setattr(own.vault, "_promise", slow)
    with pytest.raises(Unavailable):
        _put(own)
    assert _files(own) == set()


@pytest.mark.parametrize("call", ["fsync", "write", "rename", "open"])
def test_a_full_disk_acknowledges_nothing_and_leaves_nothing(
    own: OwnStores, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_args: Any, **_kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    kept = _put(own)
    for joined in (False, True):
        with monkeypatch.context() as patch, pytest.raises(Unavailable) as raised:
            patch.setattr(os, call, full)
            if joined:
                with own.database.transaction():
                    _put(own)
            else:
                _put(own)
        assert raised.value.code == "vault-full"
    assert _files(own) == {kept}
    assert [item.vault_id for item in own.vault.items()] == [kept]


def test_rotating_the_master_key_keeps_every_item_and_digest(own: OwnStores) -> None:
    path = own.state / "master.key"
    ids = [_put(own, bytes([number])) for number in range(5)]
    own.vault.destroy(ids.pop())
    digest = own.vault.keyed_digest(b"x")
    rotated = FileVault(own.database, own.state / "vault", MasterKeys.add_to_file(path), own.clock)
    assert rotated.rotate_master() == 5
    assert rotated.rotate_master() == 0
    only_new = FileVault(own.database, own.state / "vault", MasterKeys.forget_old(path), own.clock)
    assert [only_new.get(vault_id) for vault_id in ids] == [b"\x00", b"\x01", b"\x02", b"\x03"]
    assert only_new.keyed_digest(b"x") == digest
    with pytest.raises(Tampered):
        own.vault.get(ids[0])


def test_another_master_key_opens_nothing(own: OwnStores) -> None:
    vault_id = _put(own)
    stranger = MasterKeys.from_text(new_master_key())
    with pytest.raises(Tampered):
        FileVault(own.database, own.state / "vault", stranger, own.clock).get(vault_id)


def test_a_digest_key_made_in_a_transaction_that_failed_is_not_remembered(own: OwnStores) -> None:
    try:
        with own.database.transaction():
            lost = own.vault.keyed_digest(b"x")
            raise KeyError
    except KeyError:
        pass
    kept = own.vault.keyed_digest(b"x")
    assert kept != lost
    again = FileVault(own.database, own.state / "vault", own.masters, own.clock)
    assert again.keyed_digest(b"x") == kept


def test_times_are_instants(own: OwnStores) -> None:
    _put(own)
    (item,) = own.vault.items()
    assert item.created.utcoffset() == dt.timedelta(0)


def _sweep_finds_nothing(own: OwnStores) -> None:
    assert own.vault.sweep() == 0


def _flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def _all_files(state: Path) -> list[Path]:
    return [path for path in state.rglob("*") if path.is_file()]


def test_a_rotation_brings_no_destroyed_key_back(own: OwnStores) -> None:
    """What is destroyed between the reading and the writing of a rotation stays destroyed."""
    vault_id = _put(own)
    path = own.state / "master.key"
    both = MasterKeys.add_to_file(path)
    rotated = FileVault(own.database, own.state / "vault", both, own.clock)
    opened = both.open

    def while_destroyed(*args: Any, **named: Any) -> bytes:
        rotated.destroy(vault_id)
        return opened(*args, **named)

    both.open = while_destroyed  # type: ignore[method-assign]  # somebody else, in the middle
    rotated.rotate_master()
    with own.database.connection() as connection:
        row = connection.execute(sa.select(vault_items).where(vault_items.c.vault_id == vault_id)).one_or_none()
    assert row is None or row.wrapped_key is None
