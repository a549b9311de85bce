"""Each wrapping by itself, fed byte by byte and all at once."""

from __future__ import annotations

import base64
import gzip
import zipfile
import zlib

import pytest

from fhir_plugin.disclose.prove import Clean, prove, what_to_look_for
from fhir_plugin.disclose.prove.base64_runs import Base64Runs
from fhir_plugin.disclose.prove.wrappings import Inflating, PdfStream, Tap, ZipMember
from tests.disclose.prove.wrapped import PADDING, pdf, zipped


class Collected:
    """Everything that was handed on."""

    def __init__(self) -> None:
        self.content = b""
        self.closed = 0
        self.why: list[str] = []

    def feed(self, piece: bytes) -> None:
        self.content += piece

    def close(self) -> None:
        self.closed += 1

    def unseen(self, why: str) -> None:
        self.why.append(why)


def fed(tap: Tap, data: bytes, size: int) -> bool:
    """Whether it came to its end by itself."""
    return any(not tap.feed(data[start : start + size]) for start in range(0, len(data), size))


def take(tap: Tap, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        if not tap.feed(data[start : start + size]):
            return
    tap.close()


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_member_of_a_zip(size: int, method: int) -> None:
    inner = Collected()
    take(ZipMember(inner), zipped(b"x", method), size)
    assert (inner.content, inner.closed, inner.why) == (PADDING, 1, [])
    inner = Collected()
    take(ZipMember(inner), zipped(b"x", method)[:80], size)
    assert inner.why == ["cut short"]
    assert PADDING.startswith(inner.content)


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("place", "value", "why"),
    [(6, 1, ["encrypted"]), (8, 14, ["packed in an unknown way"]), (8, 200, []), (27, 8, [])],
)
def test_a_header_that_says_something_else(size: int, place: int, value: int, why: list[str]) -> None:
    """The last two only look like a header."""
    data = bytearray(zipped(b"x"))
    data[place] = value
    inner = Collected()
    take(ZipMember(inner), bytes(data), size)
    assert (inner.content, inner.why) == (b"", why)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_gzip(size: int) -> None:
    inner = Collected()
    assert fed(Inflating(inner, 31, certain=True), gzip.compress(PADDING) + b"more", size)
    assert (inner.content, inner.closed, inner.why) == (PADDING, 1, [])


def test_what_only_looks_like_gzip_is_unseen_where_it_was_announced() -> None:
    for certain, why in ((True, ["damaged"]), (False, [])):
        inner = Collected()
        assert fed(Inflating(inner, 31, certain=certain), b"\x1f\x8b\x08\xff" * 9, 5)
        assert inner.why == why


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    "data",
    [
        zlib.compress(PADDING),
        base64.a85encode(zlib.compress(PADDING), wrapcol=70) + b"~>",
        zlib.compress(PADDING).hex().encode() + b">",
        PADDING,
        b"\xff\xd8\xff" + PADDING,
    ],
)
def test_a_stream_of_a_pdf(size: int, data: bytes) -> None:
    inner = Collected()
    take(PdfStream(inner), data + b"\nendstream\nendobj\n", size)
    assert inner.content in (PADDING, data, data.rstrip(b"\n"))
    assert inner.content.lstrip(b"\xff\xd8").rstrip(b"\n") == PADDING.rstrip(b"\n")
    assert inner.why == []


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_runs_of_base64_each_by_itself(size: int) -> None:
    """What may be compared or unpacked; all others are looked at together."""
    runs: list[Collected] = []

    def begin() -> Collected:
        runs.append(Collected())
        return runs[-1]

    first, second = b"one and only " * 90, b"\xff\xff\xfe?>" * 200
    text = b'{"a":"short","b":"' + base64.b64encode(first) + b'","c":"'
    text += base64.b64encode(second).replace(b"/", b"\\/") + b'","d":"' + base64.urlsafe_b64encode(second).rstrip(b"=")
    alone = Base64Runs(begin, lambda _content: True)
    for start in range(0, len(text), size):
        alone.feed(text[start : start + size])
    alone.close()
    assert [each.content for each in runs] == [first, second, second]
    assert [each.closed for each in runs] == [1, 1, 1]
    runs.clear()
    together = Base64Runs(begin)
    together.feed(text)
    together.close()
    assert [each.content for each in runs] == [b"\n!\n".join([first, second, second])]


def test_short_runs_are_looked_at_once_together_and_apart_from_binary_ones() -> None:
    runs: list[Collected] = []

    def begin() -> Collected:
        runs.append(Collected())
        return runs[-1]

    words, others, archive = b"one and only " * 4, bytes(range(1, 29)) * 3, b"PK\x03\x04" + b"x" * 50
    text = b'"'.join(base64.b64encode(each) for each in (b"-" * 40, words, others, archive, words, b"-" * 40))
    reading = Base64Runs(begin)
    reading.feed(b'"' + text + b'"')
    reading.close()
    assert sorted(each.content for each in runs) == sorted([archive, others, b"\n!\n".join([b"-" * 40, words])])


@pytest.mark.parametrize("last", [b"\n", b"\r"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_pdf_whose_second_stream_ends_as_a_line_does(last: bytes, size: int) -> None:
    """One in 128 streams does: taken for the content of the first one's end, it lost a byte, and looked cut short."""
    ending = next(
        packed for number in range(10_000) if (packed := zlib.compress(PADDING + str(number).encode())).endswith(last)
    )
    letter = pdf(zlib.compress(PADDING)).partition(b"trailer")[0] + pdf(ending).partition(b"1.4\n")[2]
    pieces = [letter[start : start + size] for start in range(0, len(letter), size)]
    assert isinstance(prove([("letter.pdf", pieces)], what_to_look_for([])), Clean)
