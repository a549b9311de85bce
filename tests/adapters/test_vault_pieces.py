"""Large items of the vault: sealed in pieces, of which none can be missing, moved, doubled or changed."""

from __future__ import annotations

import hashlib
import io
import random
import tracemalloc
from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidTag

from fhir_plugin.adapters.vault_pieces import PIECE, open_pieces, seal_pieces
from fhir_plugin.errors import Tampered
from fhir_plugin.ports import Compartment
from tests.conftest import OwnStores

KEY, BOUND = bytes(range(32)), b"an item"
SIZES = (1, 2, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1, 3 * PIECE + 77)


def content_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def sealed(size: int) -> bytes:
    return b"".join(seal_pieces(KEY, content_of(size), BOUND))


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens(size: int) -> None:
    assert open_pieces(KEY, io.BytesIO(sealed(size)), BOUND, size) == content_of(size)


@pytest.mark.parametrize("size", SIZES[-3:])
@pytest.mark.parametrize("claimed", [-PIECE, -1, 1, PIECE])
def test_a_size_that_is_not_so_does_not_open(size: int, claimed: int) -> None:
    with pytest.raises(InvalidTag):
        open_pieces(KEY, io.BytesIO(sealed(size)), BOUND, size + claimed)


def _pieces(whole: bytes) -> list[bytes]:
    step = PIECE + 16
    return [whole[:7], *(whole[at : at + step] for at in range(7, len(whole), step))]


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "cut off after a whole piece": lambda pieces: pieces[:-1],
    "the first piece left out": lambda pieces: [pieces[0], *pieces[2:]],
    "a middle piece left out": lambda pieces: [*pieces[:2], *pieces[3:]],
    "two swapped": lambda pieces: [pieces[0], pieces[2], pieces[1], *pieces[3:]],
    "one doubled": lambda pieces: [*pieces[:2], *pieces[1:]],
    "another's prefix": lambda pieces: [bytes(7), *pieces[1:]],
    "one byte more": lambda pieces: [*pieces, b"\0"],
    "one byte less": lambda pieces: [*pieces[:-1], pieces[-1][:-1]],
    "only a prefix": lambda pieces: pieces[:1],
    "half a prefix": lambda pieces: [pieces[0][:3]],
    "a last piece of the same place in another item": lambda pieces: [
        *pieces[:-1],
        _pieces(sealed(3 * PIECE + 77))[-1],
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_pieces_cannot_be_left_out_moved_or_mixed(change: str) -> None:
    size = 3 * PIECE + 77
    changed = b"".join(CHANGES[change](_pieces(sealed(size))))
    for claimed in (size, 2 * PIECE, 2 * PIECE + 77, 3 * PIECE, 4 * PIECE + 77):
        with pytest.raises(InvalidTag):
            open_pieces(KEY, io.BytesIO(changed), BOUND, claimed)


def test_a_changed_bit_anywhere_or_another_item_s_facts_do_not_open() -> None:
    size = 2 * PIECE + 5
    whole = sealed(size)
    for at in (0, 6, 7, PIECE, PIECE + 22, PIECE + 23, 2 * PIECE + 40, len(whole) - 1):
        changed = bytearray(whole)
        changed[at] ^= 1
        with pytest.raises(InvalidTag):
            open_pieces(KEY, io.BytesIO(bytes(changed)), BOUND, size)
    with pytest.raises(InvalidTag):
        open_pieces(KEY, io.BytesIO(whole), b"another item", size)


def test_the_vault_keeps_a_large_item_and_notices_what_was_done_to_it(own: OwnStores) -> None:
    content = content_of(3 * PIECE + 77)
    vault_id = own.vault.put(content, compartment=Compartment.QUARANTINE, owner="c")
    assert hashlib.sha256(own.vault.get(vault_id)).digest() == hashlib.sha256(content).digest()
    path = next(path for path in own.state.rglob(vault_id))
    whole = path.read_bytes()
    assert whole[0] == 2
    assert content[:64] not in whole
    for changed in (whole[:-1], whole[: 8 + PIECE + 16], b"\x01" + whole[1:], b"", whole + b"\0"):
        path.write_bytes(changed)
        with pytest.raises(Tampered):
            own.vault.get(vault_id)


def test_a_large_item_is_never_in_memory_a_second_time_while_it_is_sealed(own: OwnStores) -> None:
    content = content_of(32 * PIECE)
    tracemalloc.start()
    try:
        vault_id = own.vault.put(content, compartment=Compartment.QUARANTINE, owner="c")
        assert tracemalloc.get_traced_memory()[1] < 8 * PIECE
        tracemalloc.reset_peak()
        assert len(own.vault.get(vault_id)) == len(content)
        assert tracemalloc.get_traced_memory()[1] < 44 * PIECE
    finally:
        tracemalloc.stop()
