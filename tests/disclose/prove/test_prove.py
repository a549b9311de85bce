"""What the proof answers: clean with how much was looked at, leaks with where; what cannot be seen is not clean."""

from __future__ import annotations

import base64
import gzip
import random
import tracemalloc
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.prove import Clean, Kind, Leaks, prove, what_to_look_for
from fhir_plugin.disclose.prove.pixels import PRINT_SIZE
from tests.disclose.prove.withheld import NEEDLES, cut, finds
from tests.disclose.prove.wrapped import PADDING, pdf, zipped


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=4000))
def test_random_bytes_are_clean_and_no_crash(data: bytes) -> None:
    assert Kind.ID not in finds(data)
    assert set(finds(data)) <= {Kind.UNSEEN}


def test_only_what_cannot_be_seen_is_unseen() -> None:
    archive = bytearray(zipped(b"nothing"))
    encrypted = bytes(archive[:6]) + b"\x01" + bytes(archive[7:])
    assert finds(encrypted) == [Kind.UNSEEN]
    unknown = bytes(archive[:8]) + b"\x0e" + bytes(archive[9:])
    assert finds(unknown) == [Kind.UNSEEN]
    damaged = bytes(archive[:60]) + b"\xff" * 40 + bytes(archive[100:])
    assert finds(damaged) == [Kind.UNSEEN]
    assert finds(gzip.compress(PADDING)[:-20]) == [Kind.UNSEEN]
    assert finds(gzip.compress(random.Random(1).randbytes(9000))[:5000]) == [Kind.UNSEEN]
    assert finds(pdf(b"x", b" /Encrypt 2 0 R")) == [Kind.UNSEEN]
    assert finds(pdf(b"x", b" /Filter /LZWDecode")) == [Kind.UNSEEN]
    deep = PADDING + b"Media/m1"
    for _ in range(8):
        deep = zipped(deep)
    assert finds(deep) == [Kind.UNSEEN]


def test_a_bomb_is_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_plugin.disclose.prove.looking._MOST_DECODED", 1 << 20)
    assert finds(gzip.compress(bytes(4 << 20))) == [Kind.UNSEEN]


def test_names_of_parts_are_looked_at() -> None:
    answer = prove([("Left hand & ruler 7.jpg", [b""]), ("ok.json", [PADDING])], NEEDLES)
    assert isinstance(answer, Leaks)
    assert [(find.kind, find.of, find.place) for find in answer.finds] == [
        (Kind.TITLE, "Media/m1", "name of part 1: byte 0")
    ]


def test_finds_say_where_and_never_what() -> None:
    data = b'{"data":"' + base64.b64encode(zipped(b"Left hand & ruler 7")) + b'"}'
    answer = prove([("a.json", [PADDING]), ("b.json", [PADDING, data])], NEEDLES)
    assert isinstance(answer, Leaks)
    (find,) = answer.finds
    assert (find.kind, find.of) == (Kind.TITLE, "Media/m1")
    assert find.place.startswith("part 2") and "base64" in find.place and "ZIP" in find.place
    said = repr(answer) + repr(NEEDLES)
    assert "ruler" not in said and "Left" not in said and "da39a3ee" not in said


def test_clean_says_how_much_was_looked_at() -> None:
    answer = prove([("a.json", cut(PADDING, 100)), ("b.gz", [gzip.compress(PADDING)])], NEEDLES)
    assert isinstance(answer, Clean)
    assert (answer.parts, answer.inside) == (2, len(PADDING))
    assert answer.bytes == len(PADDING) + len(gzip.compress(PADDING)) + len("a.json") + len("b.gz")


@pytest.mark.parametrize(
    "begins", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x1cftypheic", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"II*\0"]
)
def test_pixels_are_compared_wherever_a_picture_lies(begins: bytes) -> None:
    picture = begins + random.Random(9).randbytes(3000)
    print_ = bytes(range(256)) * 2 + bytes(PRINT_SIZE - 512)

    def pixels(data: bytes) -> bytes | None:
        return print_ if data == picture else None

    needles = what_to_look_for([], prints={print_: "Media/m1"})
    for data in (picture, zipped_picture(picture), b'{"data":"' + base64.b64encode(picture) + b'"}', pdf(picture)):
        answer = prove([("x", cut(data, 700))], needles, pixels=pixels)
        assert isinstance(answer, Leaks)
        assert {(find.kind, find.of) for find in answer.finds} == {(Kind.PIXELS, "Media/m1")}
    undecodable = prove([("x", [begins + b"broken, and so nobody can say"])], needles, pixels=pixels)
    assert isinstance(undecodable, Leaks)
    assert [find.kind for find in undecodable.finds] == [Kind.UNSEEN]


def zipped_picture(picture: bytes) -> bytes:
    import io

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.jpg", picture)
    return file.getvalue()


def test_memory_does_not_grow_with_size() -> None:
    line = PADDING[:90]

    def pieces(megabytes: int) -> Iterator[bytes]:
        for _ in range(megabytes * 12):
            yield line * 970
        yield b'{"data":"'
        for _ in range(megabytes * 8):
            yield base64.b64encode(bytes(range(256)) * 384)

    peaks = []
    for megabytes in (1, 4):
        tracemalloc.start()
        assert isinstance(prove([("x.ndjson", pieces(megabytes))], NEEDLES), Clean)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3 + 1_000_000
    assert peaks[1] < 32_000_000
