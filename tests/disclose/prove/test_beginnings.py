"""Where archives, PDFs and the streams of PDFs begin, and nothing that only resembles them."""

from __future__ import annotations

import pytest

from fhir_plugin.disclose.prove.beginnings import GZIP, PDF, STREAM, ZIP, beginnings, streams


@pytest.mark.parametrize("sign", [ZIP, GZIP, PDF])
@pytest.mark.parametrize("before", [0, 1, 2, 3, 7])
def test_each_sign_is_found_wherever_it_stands(sign: bytes, before: int) -> None:
    data = b"x" * before + sign
    assert beginnings(data) == [(before, before + len(sign), sign)]
    assert beginnings(data + b"and more") == [(before, before + len(sign), sign)]
    assert beginnings(data[:-1]) == []


def test_signs_come_in_their_order() -> None:
    data = b"\x1f\x8b\x08..%PDF-1.4..PK\x03\x04PK\x03\x04"
    assert beginnings(data) == [(0, 3, GZIP), (5, 10, PDF), (15, 19, ZIP), (19, 23, ZIP)]


@pytest.mark.parametrize("other", [b"", b"P", b"PK\x01\x02", b"\x1f\x8b\x07", b"%PNG-", b"plain text", b"KP\x04\x03"])
def test_others_are_none(other: bytes) -> None:
    assert beginnings(other) == []


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"stream\n", [(0, 7, STREAM)]),
        (b"<<>>stream\r\nx", [(4, 12, STREAM)]),
        (b"stream x", []),
        (b"endstream\n", []),
        (b"nd stream\nendstream\nstream\r\n", [(3, 10, STREAM), (20, 28, STREAM)]),
        (b"ndstream\n", [(2, 9, STREAM)]),
        (b"streamstream\n", [(6, 13, STREAM)]),
    ],
)
def test_streams_begin_behind_their_line_end(data: bytes, found: list[tuple[int, int, bytes]]) -> None:
    assert list(streams(data)) == found
