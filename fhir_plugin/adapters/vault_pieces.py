"""A large item sealed in pieces, so that neither sealing nor opening needs it in memory twice.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015) over AES-256-GCM: each piece's nonce holds a
prefix, the piece's number and whether it is the last, so that pieces left out, swapped, doubled or cut off at the
end do not verify. Every item has a key of its own, and the additional data (id, compartment, owner, size, time)
belong to each piece.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PIECE = 1 << 20
"""Bytes of one piece in clear."""
_TAG = 16
_PREFIX = 7


def seal_pieces(key: bytes, content: bytes, bound_to: bytes) -> Iterator[bytes]:
    """What goes into the file, one piece after the other. `content` holds at least one byte."""
    prefix, cipher, view = secrets.token_bytes(_PREFIX), AESGCM(key), memoryview(content)
    yield prefix
    count = _count(len(content))
    for number in range(count):
        piece = view[number * PIECE : (number + 1) * PIECE]
        yield cipher.encrypt(_nonce(prefix, number, last=number == count - 1), piece, bound_to)


def open_pieces(key: bytes, sealed: BinaryIO, bound_to: bytes, size: int) -> bytes:
    """The content of `size` bytes. Raises `InvalidTag` unless every piece is there, in order, and nothing after it."""
    prefix, cipher, content = sealed.read(_PREFIX), AESGCM(key), BytesIO()
    if len(prefix) != _PREFIX:
        raise InvalidTag
    count = _count(size)
    for number in range(count):
        last = number == count - 1
        length = size - number * PIECE if last else PIECE
        piece = sealed.read(length + _TAG)
        content.write(cipher.decrypt(_nonce(prefix, number, last=last), piece, bound_to))
    if sealed.read(1) or content.tell() != size:
        raise InvalidTag
    return content.getvalue()


def _count(size: int) -> int:
    return max(1, -(-size // PIECE))


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])
