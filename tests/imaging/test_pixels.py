"""Colour, fidelity, bit depths and the lossless promise."""

from __future__ import annotations

import hashlib
import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.clean import clean, look
from fhir_plugin.imaging.colour_spaces import ADOBE_RGB, DISPLAY_P3, Primaries
from fhir_plugin.imaging.profiles import profile_of
from fhir_plugin.imaging.rebuild import upright_pixels
from fhir_plugin.imaging.ssim import structural_similarity
from mappings.model.images import Geometry, Region
from tests.imaging.drawing import (
    SAMPLES,
    Canaries,
    as_jpeg,
    as_png,
    as_webp,
    chart,
    grainy,
    icc_with,
    loaded_jpeg,
    pixels,
    png_chunk,
    received,
    segment,
    tiff,
)

_SRGB_MATRIX = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)


def _expected_srgb(colour: tuple[int, int, int], space: Primaries) -> list[int]:
    """The textbook way: linear light, to XYZ by the chromaticities (D65), to sRGB, clipped."""
    value = np.array(colour) / 255
    if space.gamma is None:
        linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    else:
        linear = value**space.gamma
    corners = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (space.red, space.green, space.blue)]).T
    white = np.array([space.white[0] / space.white[1], 1, (1 - sum(space.white)) / space.white[1]])
    xyz = corners @ (np.linalg.solve(corners, white) * linear)
    rgb = np.clip(_SRGB_MATRIX @ xyz, 0, 1)
    coded = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    result: list[int] = np.round(coded * 255).astype(int).tolist()
    return result


@pytest.mark.parametrize("space", [DISPLAY_P3, ADOBE_RGB], ids=["display-p3", "adobe-rgb"])
@pytest.mark.parametrize("colour", [(180, 120, 100), (90, 140, 60), (128, 128, 128), (230, 80, 70)])
def test_wide_gamut_colours_come_out_right_in_srgb(space: Primaries, colour: tuple[int, int, int]) -> None:
    flat = Image.new("RGB", (32, 32), colour)
    expected = _expected_srgb(colour, space)
    for content in (as_jpeg(flat, icc_profile=profile_of(space)), as_png(flat, icc_profile=profile_of(space))):
        found = pixels(clean(received(content)).content)[16, 16].astype(int)
        assert np.abs(found - expected).max() <= 3


def test_a_camera_that_says_adobe_rgb_in_exif_alone_is_believed() -> None:
    interop = tiff({0x0112: 1}, {0x9000: b"0230"})
    # An interoperability directory by hand: R03 (DCF 2.0, 4.2.1.2).
    at = len(interop)
    block = bytearray(interop)
    camera = int.from_bytes(block[8 + 2 + 12 + 8 : 8 + 2 + 12 + 12], "big")
    struct.pack_into(">HHII", block, camera + 2, 0xA005, 4, 1, at)
    block += struct.pack(">HHHI4sI", 1, 0x0001, 2, 4, b"R03\0", 0)
    flat = as_jpeg(Image.new("RGB", (32, 32), (90, 140, 60)))
    content = flat[:20] + segment(0xE1, b"Exif\0\0" + bytes(block)) + flat[20:]
    found = pixels(clean(received(content)).content)[16, 16].astype(int)
    assert np.abs(found - _expected_srgb((90, 140, 60), ADOBE_RGB)).max() <= 3


def test_srgb_by_another_name_is_left_alone() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = grainy(80, 60)
    image = clean(received(as_png(photo, icc_profile=srgb)))
    assert image.removed == ("colour profile",)


def test_a_broken_profile_is_as_if_absent() -> None:
    image = clean(received(as_png(chart(), icc_profile=b"not a profile" * 20)))
    assert np.abs(pixels(image.content).astype(int) - np.asarray(chart())).max() <= 4


def test_linear_light_in_a_png_is_lit_again() -> None:
    flat = as_png(Image.new("RGB", (16, 16), (55, 55, 55)))
    content = flat[:33] + png_chunk(b"gAMA", struct.pack(">I", 100_000)) + flat[33:]
    assert abs(int(pixels(clean(received(content)).content)[8, 8, 0]) - 128) <= 2


def test_hdr_colours_are_refused() -> None:
    flat = as_png(chart())
    content = flat[:33] + png_chunk(b"cICP", b"\x09\x10\x00\x01") + flat[33:]
    with pytest.raises(UnacceptableImage) as refusal:
        clean(received(content))
    assert refusal.value.code == "hdr-colours"


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "CMYK", "LA", "RGBA", "I;16"])
def test_every_kind_of_pixel_keeps_its_look(mode: str) -> None:
    grey = Image.linear_gradient("L").resize((64, 64))
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    source = deep if mode == "I;16" else grey.convert(mode)
    content = as_jpeg(source) if mode == "CMYK" else as_png(source)
    image = clean(received(content))
    assert image.content_type == "image/jpeg"
    with Image.open(io.BytesIO(image.content)) as out:
        found = np.asarray(out.convert("L")).astype(int)
    wanted = np.asarray((grey if mode == "I;16" else source).convert("L")).astype(int)
    assert np.abs(found - wanted).max() <= (60 if mode == "1" else 4)


@pytest.mark.parametrize("make", [as_png, as_webp])
def test_transparency_becomes_a_png_with_the_same_pixels(make: object) -> None:
    photo = grainy(40, 30).convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize((40, 30)).point(lambda level: max(level, 1)))
    assert callable(make)
    image = clean(received(make(photo, exact=True) if make is as_webp else make(photo)))
    assert image.content_type == "image/png"
    assert (pixels(image.content) == np.asarray(photo)).all()
    assert pixels(image.thumbnail).shape == (30, 40, 3)


def test_transparency_in_a_palette_is_kept() -> None:
    image = chart().convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    out = clean(received(as_png(image, transparency=0)))
    assert out.content_type == "image/png"
    assert 0 in pixels(out.content)[..., 3]


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_clinician_sees_no_difference(subsampling: str) -> None:
    content = as_jpeg(grainy(320, 240), quality=90, subsampling=subsampling)
    before, _ = upright_pixels(look(content))
    after = Image.open(io.BytesIO(clean(received(content)).content))
    similar = structural_similarity(np.asarray(before.convert("L")), np.asarray(after.convert("L")))
    assert similar > 0.985
    red = structural_similarity(np.asarray(before.getchannel("R")), np.asarray(after.getchannel("R")))
    assert red > 0.97


def test_similarity_itself_knows_a_difference() -> None:
    photo = np.asarray(grainy(64, 64).convert("L"))
    assert structural_similarity(photo, photo) == pytest.approx(1)
    assert structural_similarity(photo, photo[::-1].copy()) < 0.5
    with pytest.raises(ValueError, match="one size"):
        structural_similarity(photo, photo[:32])


# ---------------------------------------------------------------------------------- lossless


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_lossless_jpeg_pixels_are_identical(progressive: bool, subsampling: str) -> None:
    content = as_jpeg(grainy(123, 77), progressive=progressive, subsampling=subsampling, comment=b"x" * 50)
    image = clean(received(content), lossless=True)
    assert image.lossless
    assert (pixels(image.content) == pixels(content)).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "I;16"])
def test_lossless_png_pixels_are_identical(mode: str) -> None:
    photo = grainy(50, 40)
    source = (
        Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 200)
        if mode == "I;16"
        else photo.convert(mode)
    )
    content = as_png(source)
    image = clean(received(content), lossless=True)
    assert image.content_type == "image/png"
    assert (pixels(image.content) == pixels(content)).all()


@pytest.mark.parametrize("name", ["Canon_40D_photoshop_import.jpg", "long_description.jpg", "image01551.jpg"])
def test_lossless_real_files_are_identical(name: str) -> None:
    content = (SAMPLES / name).read_bytes()
    image = clean(received(content), lossless=True)
    assert (pixels(image.content) == pixels(content)).all()


def test_the_lossless_profile_means_the_same_colours() -> None:
    content = loaded_jpeg(Canaries(), icc=profile_of(DISPLAY_P3), image=Image.new("RGB", (32, 32), (230, 80, 70)))
    kept = look(clean(received(content), lossless=True).content)
    assert kept.icc is not None
    colour, converted = upright_pixels(kept)
    assert converted
    found = np.asarray(colour)[16, 16].astype(int)
    assert np.abs(found - _expected_srgb((230, 80, 70), DISPLAY_P3)).max() <= 3


def test_a_lossless_profile_that_needs_tables_is_refused() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (lab, b"short", icc_with(Canaries(), profile_of(DISPLAY_P3)).replace(b"rTRC", b"A2B0")):
        with pytest.raises(UnacceptableImage) as refusal:
            clean(received(as_jpeg(chart(), icc_profile=profile)), lossless=True)
        assert refusal.value.code == "lossless-colour-profile"


@pytest.mark.parametrize(
    "geometry", [Geometry(1), Geometry(crop=Region(0, 0, 0.5, 1)), Geometry(black_out=(Region(0, 0, 0.5, 1),))]
)
def test_lossless_needs_the_whole_picture(geometry: Geometry) -> None:
    with pytest.raises(UnacceptableImage) as refusal:
        clean(received(as_jpeg(chart())), geometry=geometry, lossless=True)
    assert refusal.value.code == "lossless-needs-whole-picture"


def test_lossless_is_for_jpeg_and_png() -> None:
    for content in (as_webp(chart()), (SAMPLES / "samplefilehub.heif").read_bytes()):
        with pytest.raises(UnacceptableImage) as refusal:
            clean(received(content), lossless=True)
        assert refusal.value.code == "lossless-not-for-format"


def test_the_hashes_are_of_the_bytes() -> None:
    content = as_jpeg(chart())
    image = clean(received(content))
    assert image.sha256_received == hashlib.sha256(content).hexdigest()
    assert image.sha256 == hashlib.sha256(image.content).hexdigest()
