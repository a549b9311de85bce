"""WebP's own traps: lossy with alpha, chunks that contradict one another."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.clean import clean
from tests.imaging.drawing import Canaries, as_webp, grainy, loaded_webp, pixels, received, riff_chunk


def _translucent_lossy() -> bytes:
    image = grainy(40, 30).convert("RGBA")
    image.putalpha(90)
    return as_webp(image, lossless=False, quality=90)


def test_a_lossy_picture_keeps_what_shows_through() -> None:
    image = clean(received(_translucent_lossy()))
    assert image.content_type == "image/png"
    assert (pixels(image.content) == pixels(_translucent_lossy())).all()


def test_a_lossy_picture_comes_out_alike() -> None:
    content = as_webp(grainy(80, 60), lossless=False, quality=90)
    difference = pixels(clean(received(content)).content).astype(int) - pixels(content)
    assert np.abs(difference).mean() < 2


def _riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _with_canvas(width: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (29).to_bytes(3, "little")
    return _riff(riff_chunk(b"VP8X", bytes(4) + size), as_webp(grainy(40, 30))[12:])


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: _with_canvas(41), "damaged"),
        (lambda: _riff(as_webp(grainy(9, 9))[12:], as_webp(grainy(9, 9))[12:]), "damaged"),
        (lambda: _riff(riff_chunk(b"VP8X", bytes(10))), "damaged"),
        (lambda: _riff(riff_chunk(b"VP8X", b"\x02" + bytes(9))), "animated"),
        (lambda: _riff(riff_chunk(b"VP8 ", b"\x01" + bytes(30))), "damaged"),
        (lambda: _riff(riff_chunk(b"VP8 ", b"\xf0\xff\xff\x9d\x01\x2a" + bytes(30))), "truncated"),
        (lambda: _riff(riff_chunk(b"VP8L", bytes(30))), "damaged"),
        (lambda: b"RIFF\x04\0\0\0WEBP", "damaged"),
        (lambda: _riff(b"VP8L\xff\xff\xff\0"), "truncated"),
        (lambda: _riff(*[riff_chunk(b"JUNK", b"")] * 2000), "damaged"),
    ],
)
def test_contradictions_are_refused(make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(UnacceptableImage) as refusal:
        clean(received(make()))
    assert refusal.value.code == code


def test_a_canvas_that_agrees_is_fine() -> None:
    assert clean(received(_with_canvas(40))).width == 40
    assert clean(received(loaded_webp(Canaries()))).width == 64
