"""Each way to write the same bytes, read; what is no escape is left as it is."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.disclose.prove.escapes import (
    is_text,
    json_unescaped,
    may_be_folded,
    stretches_of_text,
    strings_of_pdf,
    unescaped,
)


def readings(window: bytes, *, text: bool = True, simple: bool = False) -> list[bytes]:
    return list(unescaped(window, text=text, simple=simple))


@given(st.text())
def test_what_json_escapes_is_read_as_it_was(words: str) -> None:
    words = words.encode("utf-8", "replace").decode()
    for escaped in (json.dumps(words), json.dumps(words, ensure_ascii=False)):
        assert json_unescaped(escaped.encode())[1:-1] == words.encode()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (rb"a\u002fb", b"a/b"),
        (rb"a\u005cu0041", rb"a\u0041"),
        (rb"a\\u0041", rb"a\u0041"),
        (rb"\ud83d\ude00", "\U0001f600".encode()),
        (rb"\uD83D\uDE00", "\U0001f600".encode()),
        (rb"\n\r\t\b\f\"\/\x", b'\n\r\t\b\f"/x'),
        (rb"\u12", b"u12"),
        (rb"\u00e9\u00E9", "\u00e9\u00e9".encode()),
        (rb"\ud7ff\ue000", "\ud7ff\ue000".encode()),
        (b"".join(b"\\u%04x" % code for code in range(0x100, 0x180)), "".join(map(chr, range(0x100, 0x180))).encode()),
    ],
)
def test_each_escape_of_json(written: bytes, meant: bytes) -> None:
    assert json_unescaped(written) == meant
    assert meant in readings(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"Left%20hand", b"Left hand"),
        (b"Left+hand%2C", b"Left hand,"),
        (b"Left&amp;hand", b"Left&hand"),
        (b"Left&#47;hand", b"Left/hand"),
        (b"Left&#x2F;hand", b"Left/hand"),
        (b"Left&sol;hand", b"Left/hand"),
        (b"L\0e\0f\0t\0", b"Left"),
        (b"L\0\0\0e\0\0\0f\0\0\0t\0\0\0", b"Left"),
        (b"\0L\0e\0f\0t", b"Left"),
        (b"&#37;2fhand", b"/hand"),
        (b"%26%2347;hand", b"/hand"),
        (rb"\u0026amp;amp;hand", b"&hand"),
        (b"&#xD800;hand", b"\xef\xbf\xbdhand"),
        (b"\xff&amp;hand", b"\xff&hand"),
    ],
)
def test_each_other_escape_and_one_within_another(written: bytes, meant: bytes) -> None:
    assert meant in readings(written)
    assert readings(written)[0] == written


@pytest.mark.parametrize("plain", [b"50% of & and + here", b"a&b c&d=1 & 2", b"%zz %1", b"\0\0 a\0", b"plain"])
def test_what_is_no_escape_is_read_once(plain: bytes) -> None:
    assert readings(plain) == [plain]


def test_four_deep_is_not_read_and_three_deep_is() -> None:
    assert b"/x" in readings(b"%252525252fx".replace(b"25252525", b"2525"))
    assert b"/x" not in readings(b"%252525252fx")


def test_of_what_is_no_text_only_the_zeros_are_left_out() -> None:
    assert readings(b"%41\\n&amp;L\0e\0f\0t\0", text=False) == [b"%41\\n&amp;L\0e\0f\0t\0", b"%41\\n&amp;Left"]
    assert readings(b"\xff\0\xfe\0\xfd", text=False) == [b"\xff\0\xfe\0\xfd"], "two zeros"


def test_quotation_marks_and_slashes_are_one_reading_where_nothing_with_a_backslash_is_sought() -> None:
    assert readings(rb"\"Media\/m1\"", simple=True) == [b'"Media/m1"']
    assert readings(rb"\"Media\/m1\"") == [rb"\"Media\/m1\"", b'"Media/m1"']
    assert readings(rb"\"a\nb\"", simple=True) == [rb"\"a\nb\"", b'"a\nb"']
    assert readings(rb"\\\"a", simple=True)[0] == rb"\\\"a", "a backslash of its own"
    assert readings(rb"\"a\"", text=False, simple=True) == [rb"\"a\""]


@pytest.mark.parametrize("length", [50, 100, 5000])
def test_text_has_one_control_character_in_fifty_at_the_most(length: int) -> None:
    for control in (1, 8, 14, 26, 28, 31):
        assert is_text(b"a" * (length - length // 50) + bytes([control]) * (length // 50))
        assert not is_text(b"a" * (length - length // 50 - 1) + bytes([control]) * (length // 50 + 1))
    for other in (0, 9, 10, 13, 27, 32, 127, 255):
        assert is_text(bytes([other]) * length)
    assert is_text(b"")


@pytest.mark.parametrize(
    ("window", "in_text", "in_others"),
    [
        (b"abcd\nefgh", True, True),
        (b"abcd\nefg!", True, False),
        (b"abcd\re", True, False),
        (b"abcd\r\nefgh", True, True),
        (b"abcd\n    efgh", True, True),
        (b"x abc\nefgh", False, False),
        (b'bcd"\nefgh', False, False),
        (b"abcd\n", False, False),
        (b"\nabcd", False, False),
        (b"abcd\n}", False, False),
        (b"abcd efgh", False, False),
        (b"xxxx!\nab, then -_+/\nx", True, False),
    ],
)
def test_where_base64_may_go_on_in_the_next_line(window: bytes, in_text: bool, in_others: bool) -> None:
    assert may_be_folded(window, text=True) == in_text
    assert may_be_folded(window, text=False) == in_others


def test_strings_of_pdf_with_and_without_a_space() -> None:
    said = list(strings_of_pdf(rb"BT (Le) -20 (ft\040ha\)nd) Tj <48 616e64> Tj <4> Tj (\0M\0e) ET"))
    assert b"Left ha)nd\0M\0e" in said and b"Le ft ha)nd \0M\0e" in said and b"Left ha)ndMe" in said
    assert b"Hand" in said
    assert list(strings_of_pdf(b"0 0 m 10 10 l S")) == []
    assert b"Hand0" in list(strings_of_pdf(b"<48616e643>"))


def test_text_within_others_is_found_where_it_stands() -> None:
    others = random.Random(7).randbytes(40_000)
    words = b"a long letter in the middle of something else. " * 90
    window = others[:20_000] + words + others[20_000:]
    ((start, end),) = stretches_of_text(window)
    assert start <= 20_000 + 2048 and end >= 20_000 + len(words) - 2048 and end - start < len(words) + 4 * 2048
    assert stretches_of_text(others) == []
    assert stretches_of_text(others[:4096] + b"its end") == [(2048, 4103)]
    assert stretches_of_text(others[:4096]) == []
    assert stretches_of_text(words[:3000]) == [(0, 3000)]
    assert stretches_of_text(b"") == []
