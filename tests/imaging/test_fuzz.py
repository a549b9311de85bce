"""Mutated pictures end as a clean picture or a refusal, never as another exception. Seeded, so that it repeats."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.clean import clean
from fhir_plugin.imaging.colour_spaces import DISPLAY_P3
from fhir_plugin.imaging.exif import read_exif
from fhir_plugin.imaging.lossless import numbers_only
from fhir_plugin.imaging.profiles import profile_of
from fhir_plugin.imaging.sniff import sniff
from mappings.model.images import Geometry, Region
from tests.imaging.bombs import heic
from tests.imaging.drawing import (
    Canaries,
    as_jpeg,
    as_png,
    as_webp,
    exif_with,
    grainy,
    loaded_jpeg,
    loaded_png,
    loaded_webp,
    png_chunk,
    received,
)
from tests.imaging.heic_files import full_box, grid_of
from tests.imaging.parsers import jpeg_segments, png_chunks

_P3 = profile_of(DISPLAY_P3)


def _translucent_png() -> bytes:
    image = grainy(40, 30).convert("RGBA")
    image.putalpha(120)
    return as_png(image)


def _heic_with_parts() -> bytes:
    made = grid_of(1)
    alpha = made.picture(full_box(b"auxC", b"urn:mpeg:hevc:2015:auxid:1\0"))
    made.refer(b"auxl", alpha, 1)
    exif = made.add(b"Exif", b"\0\0\0\0" + exif_with(Canaries()))
    made.refer(b"cdsc", exif, 1)
    made.group(b"altr", 1, exif)
    return made.build()


SEEDS: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: loaded_jpeg(Canaries(), orientation=6, icc=_P3, image=grainy(48, 40)),
    "plain-jpeg": lambda: as_jpeg(grainy(48, 40), subsampling="4:2:0"),
    "progressive-jpeg": lambda: as_jpeg(grainy(48, 40), progressive=True),
    "png": lambda: loaded_png(Canaries(), orientation=3, icc=_P3, image=grainy(40, 30)),
    "translucent-png": _translucent_png,
    "webp": lambda: loaded_webp(Canaries(), orientation=8, image=grainy(40, 30)),
    "lossy-webp": lambda: as_webp(grainy(40, 30), lossless=False),
    "heic": heic,
    "heic-with-parts": _heic_with_parts,
}
_GEOMETRY = Geometry(1, Region(0.1, 0.1, 0.9, 0.9), (Region(0, 0, 0.5, 0.5),))
_FEW, _MANY = 60, 3000
_NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1")


def _mutated(seed: bytes, chance: random.Random) -> bytes:
    content = bytearray(seed)
    near_the_start = chance.random() < 0.7
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(min(len(content), 700) if near_the_start else len(content))
        match chance.randrange(6):
            case 0:
                content[at] = chance.randrange(256)
            case 1:
                content[at] ^= 1 << chance.randrange(8)
            case 2:
                content[at : at + 4] = chance.choice(_NUMBERS)
            case 3:
                del content[at : at + chance.randrange(1, 40)]
            case 4:
                piece = content[at : at + chance.randrange(1, 200)]
                content[at:at] = piece * chance.randrange(1, 4)
            case _:
                del content[max(at, 12) :]
        if not content:
            return b""
    return _with_right_checksums(bytes(content)) if seed.startswith(b"\x89PNG") else bytes(content)


def _with_right_checksums(content: bytes) -> bytes:
    """Otherwise no mutation of a PNG would get past its checksums."""
    out, at = content[:8], 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if at + 12 + length > len(content):
            break
        out += png_chunk(content[at + 4 : at + 8], content[at + 8 : at + 8 + length])
        at += 12 + length
    return out + content[at:]


def _assert_clean_or_refused(content: bytes, chance: random.Random) -> bool:
    lossless = chance.random() < 0.3
    geometry = _GEOMETRY if not lossless and chance.random() < 0.3 else Geometry()
    try:
        image = clean(received(content), geometry=geometry, lossless=lossless)
    except UnacceptableImage:
        return False
    parse = jpeg_segments if image.content_type == "image/jpeg" else png_chunks
    assert parse(image.content)
    assert jpeg_segments(image.thumbnail)
    assert image.width * image.height <= 50_000_000
    return True


def _fuzz(name: str, rounds: int) -> None:
    seed = SEEDS[name]()
    chance = random.Random(f"{name} 1")
    assert _assert_clean_or_refused(seed, random.Random(2))
    outcomes = [_assert_clean_or_refused(_mutated(seed, chance), chance) for _ in range(rounds)]
    assert False in outcomes, "mutations that never hurt test nothing"


@pytest.mark.parametrize("name", SEEDS)
def test_mutated_pictures_are_cleaned_or_refused(name: str) -> None:
    _fuzz(name, _FEW)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SEEDS)
def test_many_mutated_pictures_are_cleaned_or_refused(name: str) -> None:
    _fuzz(name, _MANY)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_sniffed_or_refused(content: bytes) -> None:
    try:
        kind = sniff(content)
    except UnacceptableImage:
        return
    assert kind
    with pytest.raises(UnacceptableImage):
        clean(received(content))


@settings(deadline=None)
@given(st.data())
def test_reading_exif_never_raises(data: st.DataObject) -> None:
    block = bytearray(exif_with(Canaries()))
    for _ in range(data.draw(st.integers(1, 12))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    facts = read_exif(bytes(block[: data.draw(st.integers(0, len(block)))]))
    assert 1 <= facts.orientation <= 8


@settings(deadline=None)
@given(st.data())
def test_a_profile_is_rebuilt_or_refused(data: st.DataObject) -> None:
    profile = bytearray(_P3)
    for _ in range(data.draw(st.integers(0, 8))):
        profile[data.draw(st.integers(0, 260))] = data.draw(st.integers(0, 255))
    try:
        rebuilt = numbers_only(bytes(profile))
    except UnacceptableImage as refusal:
        assert refusal.code == "lossless-colour-profile"
        return
    assert numbers_only(rebuilt) == rebuilt
