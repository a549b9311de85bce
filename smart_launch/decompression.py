"""Undoing gzip within a limit, and only if the stream is whole."""

from __future__ import annotations

import zlib


def gunzip(data: bytes, limit: int) -> bytes:
    """What a gzip stream (of one or more members) holds; at most `limit + 1` bytes of it are ever made.

    A result longer than `limit` says that there was more. Raises `EOFError` if the stream ends too early and
    `zlib.error` if it is no gzip; the standard readers of HTTP clients let a truncated stream pass.
    """
    made = bytearray()
    while data:
        member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        made += member.decompress(data, limit + 1 - len(made))
        if len(made) > limit:
            return bytes(made)
        if not member.eof:
            raise EOFError("the gzip stream ends too early")
        data = member.unused_data.lstrip(b"\0")  # servers may pad
    return bytes(made)
