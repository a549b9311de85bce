"""Canaries in every carrier, and an independent look at every segment and chunk of what comes out."""

from __future__ import annotations

import pytest
from PIL import Image

from fhir_plugin.imaging.clean import clean, preview
from fhir_plugin.imaging.colour_spaces import DISPLAY_P3
from fhir_plugin.imaging.profiles import profile_of
from mappings.model.images import CleanImage
from tests.imaging.drawing import (
    SAMPLES,
    Canaries,
    chart,
    grainy,
    loaded_jpeg,
    loaded_png,
    loaded_webp,
    received,
)
from tests.imaging.parsers import icc_texts, jpeg_segments, png_chunks, unfold

_REBUILT_JPEG = {0xE0, 0xDB, 0xC0, 0xC4, 0xDA, 0}
_P3 = profile_of(DISPLAY_P3)


def _translucent() -> Image.Image:
    image = chart().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def _assert_bare_jpeg(content: bytes) -> None:
    segments = jpeg_segments(content)
    assert {marker for marker, _ in segments} <= _REBUILT_JPEG
    assert [payload for marker, payload in segments if marker == 0xE0] == [b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"]


def _assert_no_canary(canaries: Canaries, image: CleanImage) -> None:
    assert len(canaries.words) > 8
    for content in (image.content, image.thumbnail):
        assert canaries.survivors(unfold(content)) == []
    assert not any(word.decode() in repr(image) for word in canaries.words)


@pytest.mark.parametrize("profile", [b"", _P3], ids=["plain", "wide-gamut"])
def test_a_rebuilt_jpeg_is_pixels_and_tables_only(profile: bytes) -> None:
    canaries = Canaries()
    content = loaded_jpeg(canaries, icc=profile, image=grainy(120, 90))
    assert canaries.survivors(content) == canaries.words
    image = clean(received(content))
    _assert_bare_jpeg(image.content)
    _assert_bare_jpeg(image.thumbnail)
    _assert_no_canary(canaries, image)


def test_a_rebuilt_png_is_pixels_only_where_something_shows_through() -> None:
    canaries = Canaries()
    image = clean(received(loaded_png(canaries, icc=_P3, image=_translucent())))
    assert image.content_type == "image/png"
    assert {name for name, _ in png_chunks(image.content)} == {b"IHDR", b"IDAT", b"IEND"}
    _assert_bare_jpeg(image.thumbnail)
    _assert_no_canary(canaries, image)


def test_an_opaque_png_becomes_a_bare_jpeg() -> None:
    canaries = Canaries()
    image = clean(received(loaded_png(canaries, icc=_P3)))
    assert image.content_type == "image/jpeg"
    _assert_bare_jpeg(image.content)
    _assert_no_canary(canaries, image)


def test_a_webp_becomes_a_bare_jpeg() -> None:
    canaries = Canaries()
    image = clean(received(loaded_webp(canaries)))
    _assert_bare_jpeg(image.content)
    _assert_no_canary(canaries, image)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_lossless_jpeg_keeps_profile_and_orientation_alone(orientation: int) -> None:
    canaries = Canaries()
    image = clean(received(loaded_jpeg(canaries, orientation=orientation, icc=_P3)), lossless=True)
    _assert_no_canary(canaries, image)
    segments = jpeg_segments(image.content)
    allowed = _REBUILT_JPEG | {0xE2, 0xEE} | ({0xE1} if orientation != 1 else set())
    assert {marker for marker, _ in segments} <= allowed
    for marker, payload in segments:
        if marker == 0xE1:
            assert payload == b"Exif\0\0" + bytes.fromhex("4d4d002a00000008000101120003000000010006000000000000")
        if marker == 0xE2:
            assert len(icc_texts(payload[14:])) == 2
            assert all(b"Picture" in text or b"None" in text for text in icc_texts(payload[14:]))
        if marker == 0xEE:
            assert payload == b"Adobe\0\x64\0\0\0\0\x01"


def test_a_lossless_png_keeps_profile_and_orientation_alone() -> None:
    canaries = Canaries()
    image = clean(received(loaded_png(canaries, orientation=8, icc=_P3)), lossless=True)
    _assert_no_canary(canaries, image)
    chunks = dict(png_chunks(image.content))
    assert chunks.keys() == {b"IHDR", b"iCCP", b"eXIf", b"IDAT", b"IEND"}
    assert chunks[b"eXIf"] == bytes.fromhex("4d4d002a00000008000101120003000000010008000000000000")
    assert chunks[b"iCCP"].startswith(b"Picture\0\0")


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir() if path.suffix != ".md"))
def test_real_files_come_out_bare(name: str) -> None:
    image = clean(received((SAMPLES / name).read_bytes()))
    _assert_bare_jpeg(image.content)
    _assert_bare_jpeg(image.thumbnail)
    assert image.removed


def test_a_preview_is_bare_too() -> None:
    canaries = Canaries()
    content = loaded_jpeg(canaries, icc=_P3, image=grainy(120, 90))
    small = preview(content, quarter_turns=1, longest_side=60)
    _assert_bare_jpeg(small)
    assert canaries.survivors(small) == []


def test_what_was_there_is_said_in_plain_words() -> None:
    jpeg = set(clean(received(loaded_jpeg(Canaries(), icc=_P3))).removed)
    assert jpeg >= {
        "location",
        "phone or camera model",
        "time",
        "owner or photographer",
        "thumbnail",
        "comment",
        "maker notes",
        "serial number",
        "description",
        "software",
        "editing history",
        "second picture",
        "motion photo",
        "colour profile (converted to sRGB)",
    }
    png = set(clean(received(loaded_png(Canaries(), icc=_P3))).removed)
    assert png >= {"location", "owner or photographer", "time", "editing history", "software notes"}
    webp = set(clean(received(loaded_webp(Canaries()))).removed)
    assert webp >= {"location", "maker notes", "thumbnail", "software notes", "data after the picture"}


def test_a_plain_picture_says_that_nothing_was_there() -> None:
    out = clean(received(clean(received(loaded_jpeg(Canaries()))).content))
    assert out.removed == ()
    assert out.captured_at is None


def test_pixels_that_nobody_can_see_are_not_kept() -> None:
    hidden = Image.new("RGBA", (40, 40), (200, 10, 10, 0))
    hidden.paste((0, 200, 0, 255), (0, 0, 20, 40))
    from tests.imaging.drawing import as_png, pixels

    out = pixels(clean(received(as_png(hidden))).content)
    assert out[5, 5].tolist() == [0, 200, 0, 255]
    assert out[5, 30].tolist() == [0, 0, 0, 0]
