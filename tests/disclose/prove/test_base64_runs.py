"""Every run of base64 in text is decoded, however it is written and in whatever pieces it comes."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.prove.base64_runs import Base64Runs


class Kept:
    """What is handed on, each content by itself."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.open = 0

    def begin(self) -> Kept:
        self.contents.append(b"")
        self.open += 1
        return self

    def feed(self, piece: bytes) -> None:
        self.contents[-1] += piece

    def close(self) -> None:
        self.open -= 1

    def unseen(self, why: str) -> None:
        raise AssertionError(why)


def decoded(text: bytes, size: int = 1 << 20, *, alone: bool = True) -> list[bytes]:
    kept = Kept()
    runs = Base64Runs(kept.begin, lambda _content: alone)
    for start in range(0, len(text), size):
        runs.feed(text[start : start + size])
    runs.close()
    assert kept.open == 0
    return kept.contents


def blob(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)


def in_lines(length: int, end: str) -> object:
    def fold(run: str) -> str:
        return end.join(run[start : start + length] for start in range(0, len(run), length))

    return fold


STYLES = {
    "as it is": lambda run: run,
    "without its end": lambda run: run.rstrip("="),
    "for URLs": lambda run: run.replace("+", "-").replace("/", "_"),
    "in a form": lambda run: run.replace("+", "%2B").replace("/", "%2f"),
    "escaped slashes": lambda run: run.replace("/", "\\/"),
    "escaped letters": lambda run: run.replace("/", "\\u002f").replace("+", "\\u002B"),
    "lines of 76": in_lines(76, "\r\n"),
    "lines of 24": in_lines(24, "\n"),
    "lines of 64, indented": in_lines(64, "\n      "),
    "lines of 60, escaped": in_lines(60, "\\n"),
    "lines of 57, tabs": in_lines(57, "\t"),
}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(36, 700), st.sampled_from(sorted(STYLES)), st.sampled_from(['","b":"', "<br>", "! ", "=="])
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([1, 7, 64, 5000]),
    st.booleans(),
)
def test_each_run_is_decoded_whatever_stands_around_it(
    blobs: list[tuple[int, str, str]], size: int, alone: bool
) -> None:
    text, content = '{"a":"', []
    for number, (length, style, between) in enumerate(blobs):
        style_of = STYLES[style]
        assert callable(style_of)
        content.append(blob(number, length))
        text += style_of(base64.b64encode(content[-1]).decode()) + between
    found = decoded(text.encode(), size, alone=alone)
    for each in content:
        assert any(each in every for every in found)


@pytest.mark.parametrize("size", [700, 4000, 9000, 1 << 20])
@pytest.mark.parametrize("length", [8000, 8190, 8192, 8193, 30_000, 70_001])
def test_a_long_run_is_handed_on_as_it_comes_and_is_one(length: int, size: int) -> None:
    whole = blob(1, length)
    text = b'{"data":"' + base64.b64encode(whole) + b'","more":"' + base64.b64encode(blob(2, 60)) + b'"}'
    assert decoded(text, size) == [whole, blob(2, 60)]
    folded = b'"' + base64.encodebytes(whole).replace(b"\n", b"\\n") + b'"'
    assert decoded(folded, size) == [whole]


@pytest.mark.parametrize(("length", "count"), [(33, 0), (35, 0), (36, 1), (37, 1)])
def test_what_is_shorter_than_48_signs_is_not_decoded(length: int, count: int) -> None:
    for before in range(9):
        text = b"!" * before + b'"' + base64.b64encode(blob(3, length)).rstrip(b"=") + b'"'
        expected = count if len(base64.b64encode(blob(3, length)).rstrip(b"=")) >= 48 else 0
        assert len(decoded(text)) == expected
        assert len(decoded(text[:-1])) == expected, "at the end of everything"


def test_a_short_first_line_belongs_to_its_run_and_a_word_before_it_hides_nothing() -> None:
    run = base64.b64encode(blob(4, 90)).decode()
    assert blob(4, 90) in decoded(f'"{run[:10]}\n{run[10:86]}\n{run[86:]}"'.encode())
    found = decoded(f"as seen here: photo {run}!".encode())
    assert blob(4, 90) in found and len(found) == 2
    assert decoded(f"as seen here. {run}!".encode()) == [blob(4, 90)]


def test_two_lines_are_one_run_and_the_word_before_a_later_one_is_its_own() -> None:
    run = base64.b64encode(blob(4, 45)).decode()
    for number in range(24):
        around = "." * number
        assert decoded(f'{around}"{run[:30]}\n{run[30:]}"'.encode()) == [blob(4, 45)]
        assert decoded(f'{around}"{run[:36]}\n {run[36:]}"'.encode()) == [blob(4, 45)]
        found = decoded(f'{around}"{run}", photo {run}!'.encode())
        assert found == [blob(4, 45), decoded(f"photo{run}".encode())[0]]


def test_a_run_that_begins_where_a_long_piece_without_any_other_sign_ends() -> None:
    run = base64.b64encode(blob(7, 3000))
    for length in (1, 5, 23, 24, 30, 47, 48, 60):
        kept = Kept()
        runs = Base64Runs(kept.begin, lambda _content: True)
        runs.feed(b"a word " * 2000 + run[:length])
        runs.feed(run[length:] + b'"')
        runs.close()
        assert blob(7, 3000) in kept.contents, length


def test_prose_is_no_base64() -> None:
    prose = b"The patient was seen on the ward and a picture was taken of the left hand with a ruler beside it. " * 9
    assert decoded(prose) == []
    assert decoded(prose.replace(b" ", b"\n")) == []


def test_what_is_interrupted_does_not_go_on() -> None:
    run = base64.b64encode(blob(5, 30_000))
    kept = Kept()
    runs = Base64Runs(kept.begin, lambda _content: True)
    runs.feed(b'"' + run[:20_000])
    runs.interrupt()
    runs.feed(run[20_000:] + b'"')
    runs.close()
    assert [len(each) for each in kept.contents] == [15_000, 15_000]
    assert b"".join(kept.contents) == blob(5, 30_000)


def test_short_runs_that_come_again_are_decoded_once_and_long_ones_each_time() -> None:
    short, long = (base64.b64encode(blob(6, length)) for length in (60, 600))
    assert decoded(b'"'.join([short, short, long, short, long])) == [blob(6, 60), blob(6, 600), blob(6, 600)]


def test_together_they_are_handed_on_before_they_are_many() -> None:
    text = b'"'.join(base64.b64encode(blob(number, 30_000)) for number in range(6))
    found = decoded(text, alone=False)
    assert max(map(len, found)) < 100_000 and len(found) > 1
    assert all(any(blob(number, 30_000) in each for each in found) for number in range(6))


def test_texts_and_others_are_not_mixed() -> None:
    """Control characters of one would hide the escapes in the other."""
    words = json.dumps("a sentence with escapes \u00e9").encode() * 3
    text = b'"'.join(base64.b64encode(each) for each in (words, bytes(range(1, 28)) * 4, words + b"!"))
    found = decoded(text, alone=False)
    assert sorted(len(each) for each in found) == [108, 2 * len(words) + 4]


@pytest.mark.parametrize("begins", [b"PK", b"\x1f\x8b", b"%PDF"])
def test_archives_are_looked_into_each_by_itself(begins: bytes) -> None:
    text = b'"'.join(base64.b64encode(begins + blob(number, 60)) for number in range(3))
    assert len(decoded(text, alone=False)) == 3
