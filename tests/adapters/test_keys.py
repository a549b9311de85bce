"""The master key and what is sealed under it."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from fhir_plugin.adapters.keys import KEY_BYTES, KeyUse, MasterKeys, new_master_key
from fhir_plugin.errors import Tampered, Unavailable

FIRST, SECOND = b"\x01" * KEY_BYTES, b"\x02" * KEY_BYTES


def test_what_was_sealed_opens() -> None:
    masters = MasterKeys([FIRST])
    sealed = masters.seal(KeyUse.VAULT, b"secret", bound_to=["a", "b"])
    assert masters.open(KeyUse.VAULT, sealed, bound_to=["a", "b"]) == b"secret"
    assert b"secret" not in sealed


def test_the_same_twice_looks_different() -> None:
    masters = MasterKeys([FIRST])
    assert masters.seal(KeyUse.VAULT, b"x", bound_to=[]) != masters.seal(KeyUse.VAULT, b"x", bound_to=[])


@pytest.mark.parametrize("bound_to", [["ab"], ["a"], ["a", "b", ""], ["b", "a"], [], ['a","b']])
def test_it_opens_only_where_it_belongs(bound_to: list[str]) -> None:
    masters = MasterKeys([FIRST])
    sealed = masters.seal(KeyUse.VAULT, b"secret", bound_to=["a", "b"])
    with pytest.raises(Tampered):
        masters.open(KeyUse.VAULT, sealed, bound_to=bound_to)


def test_it_opens_only_for_its_use() -> None:
    masters = MasterKeys([FIRST])
    sealed = masters.seal(KeyUse.VAULT, b"secret", bound_to=[])
    for use in KeyUse:
        if use is not KeyUse.VAULT:
            with pytest.raises(Tampered):
                masters.open(use, sealed, bound_to=[])


def test_every_bit_counts() -> None:
    masters = MasterKeys([FIRST])
    sealed = masters.seal(KeyUse.TOKENS, b"secret", bound_to=["x"])
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises(Tampered):
                masters.open(KeyUse.TOKENS, bytes(changed), bound_to=["x"])
    for length in range(len(sealed)):
        with pytest.raises(Tampered):
            masters.open(KeyUse.TOKENS, sealed[:length], bound_to=["x"])


def test_an_old_master_opens_and_the_current_one_seals() -> None:
    old = MasterKeys([FIRST])
    sealed = old.seal(KeyUse.VAULT, b"secret", bound_to=[])
    both = MasterKeys([SECOND, FIRST])
    assert both.open(KeyUse.VAULT, sealed, bound_to=[]) == b"secret"
    assert not both.is_current(sealed)
    fresh = both.seal(KeyUse.VAULT, b"secret", bound_to=[])
    assert both.is_current(fresh)
    with pytest.raises(Tampered, match="master key that we do not have"):
        old.open(KeyUse.VAULT, fresh, bound_to=[])


def test_nothing_of_a_key_shows() -> None:
    text = new_master_key()
    shown = repr(MasterKeys.from_text(text)) + MasterKeys.from_text(text).current_id
    assert text[:8] not in shown
    assert MasterKeys([FIRST]).current_id not in FIRST.hex()


@pytest.mark.parametrize(
    "text",
    ["", "short", "!" * 43, "A" * 44, new_master_key()[:-2], "é" * 43],
    ids=["empty", "short", "no base64", "one too many", "cut", "not ASCII"],
)
def test_what_is_no_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Unavailable) as raised:
        MasterKeys.from_text(text)
    assert not text or text not in str(raised.value)


@pytest.mark.parametrize("keys", [[], [b"short"], [FIRST, FIRST[:-1]]], ids=["none", "short", "second"])
def test_a_key_has_32_bytes(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKeys(keys)


def test_the_key_file_is_made_once_and_only_we_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "master.key"
    made: list[str] = []
    workers = [threading.Thread(target=lambda: made.append(MasterKeys.from_file(path).current_id)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    MasterKeys.from_file(path)
    path.chmod(mode)
    with pytest.raises(Unavailable, match="chmod 600"):
        MasterKeys.from_file(path)


def test_rotation_of_the_key_file(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    old = MasterKeys.from_file(path)
    sealed = old.seal(KeyUse.VAULT, b"x", bound_to=[])
    both = MasterKeys.add_to_file(path)
    assert both.current_id != old.current_id
    assert both.open(KeyUse.VAULT, sealed, bound_to=[]) == b"x"
    new = MasterKeys.forget_old(path)
    assert new.current_id == both.current_id
    with pytest.raises(Tampered):
        new.open(KeyUse.VAULT, sealed, bound_to=[])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
