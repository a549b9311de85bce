"""gzip within a limit: whole streams only, and never more memory than allowed."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.decompression import gunzip

members = st.lists(st.binary(max_size=300), max_size=4)


@given(members, st.integers(0, 3))
def test_whole_streams_come_back(parts: list[bytes], padding: int) -> None:
    packed = b"".join(gzip.compress(part) for part in parts)
    assert gunzip(packed + b"\0" * (padding if parts else 0), 2000) == b"".join(parts)


@given(members, st.integers(0, 100))
def test_no_more_than_the_limit_is_ever_made(parts: list[bytes], limit: int) -> None:
    whole = b"".join(parts)
    packed = b"".join(gzip.compress(part) for part in parts)
    assert gunzip(packed, limit) == whole[: limit + 1]


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_stream_cut_anywhere_is_noticed(whole: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(whole)
    cut = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises((EOFError, zlib.error)):
        gunzip(packed[:cut], 1000)


@given(st.binary(min_size=1, max_size=100).filter(lambda data: data.strip(b"\0") != b"" and data[:1] != b"\x1f"))
def test_what_is_no_gzip_is_noticed(data: bytes) -> None:
    with pytest.raises((EOFError, zlib.error)):
        gunzip(data, 1000)
