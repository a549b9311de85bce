"""Which way is up, what is cut away and what is blacked out: looked at in the pixels of the result."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.clean import clean, preview
from mappings.model.images import Geometry, Region
from tests.imaging.drawing import (
    CORNERS,
    Canaries,
    as_jpeg,
    as_png,
    chart,
    grainy,
    loaded_jpeg,
    loaded_png,
    loaded_webp,
    pixels,
    received,
)

_TO_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def _stored(image: Image.Image, orientation: int) -> Image.Image:
    """As a camera held that way would store it."""
    transposition = _TO_STORED[orientation]
    return image if transposition is None else image.transpose(transposition)


def _assert_upright(content: bytes) -> None:
    found = pixels(content)
    height, width = found.shape[:2]
    corners = [found[4, 4], found[4, width - 5], found[height - 5, 4], found[height - 5, width - 5]]
    for corner, expected in zip(corners, CORNERS, strict=True):
        assert np.abs(corner.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("load", [loaded_jpeg, loaded_png, loaded_webp], ids=["jpeg", "png", "webp"])
def test_every_orientation_comes_out_upright(load: object, orientation: int) -> None:
    stored = _stored(chart(), orientation)
    assert callable(load)
    image = clean(received(load(Canaries(), orientation=orientation, image=stored)))
    assert (image.width, image.height) == (64, 48)
    _assert_upright(image.content)
    _assert_upright(image.thumbnail)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_lossless_says_which_way_is_up(orientation: int) -> None:
    stored = _stored(chart(), orientation)
    image = clean(received(loaded_jpeg(Canaries(), orientation=orientation, image=stored)), lossless=True)
    assert (image.width, image.height) == (64, 48)
    with Image.open(io.BytesIO(image.content)) as opened:
        upright = ImageOps.exif_transpose(opened)
    _assert_upright(as_png(upright))
    _assert_upright(image.thumbnail)


def test_an_absurd_orientation_is_as_if_absent() -> None:
    image = clean(received(loaded_jpeg(Canaries(), orientation=9)))
    _assert_upright(image.content)


@pytest.mark.parametrize("turns", range(4))
def test_quarter_turns_are_clockwise(turns: int) -> None:
    image = clean(received(as_jpeg(chart())), geometry=Geometry(quarter_turns=turns))
    expected = np.rot90(np.asarray(chart()), -turns)
    assert np.abs(pixels(image.content).astype(int) - expected).max() <= 6
    assert (image.width, image.height) == expected.shape[1::-1]
    small = pixels(preview(as_jpeg(chart()), quarter_turns=turns))
    assert np.abs(small.astype(int) - expected).mean() <= 3


def test_the_crop_is_exact() -> None:
    photo = grainy(200, 100)
    crop = Region(0.25, 0.1, 0.75, 0.6)
    image = clean(received(as_png(photo)), geometry=Geometry(crop=crop))
    assert (image.width, image.height) == (100, 50)
    expected = np.asarray(photo)[10:60, 50:150].astype(int)
    assert np.abs(pixels(image.content).astype(int) - expected).mean() < 2


def test_what_was_cut_away_is_not_in_the_thumbnail() -> None:
    photo = Image.new("RGB", (400, 400), (250, 0, 0))
    photo.paste((0, 0, 250), (0, 0, 100, 400))
    image = clean(received(as_png(photo)), geometry=Geometry(crop=Region(0.5, 0, 1, 1)))
    assert (pixels(image.thumbnail)[..., 2] < 10).all()


def test_a_crop_to_nothing_is_refused() -> None:
    with pytest.raises(UnacceptableImage) as refusal:
        clean(received(as_png(chart())), geometry=Geometry(crop=Region(0.5, 0.5, 0.501, 0.501)))
    assert refusal.value.code == "region-too-small"


@settings(deadline=None)
@given(
    left=st.integers(0, 90),
    top=st.integers(0, 90),
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    turns=st.integers(0, 3),
    cropped=st.booleans(),
    orientation=st.integers(1, 8),
)
def test_black_out_is_solid_black_in_the_filed_pixels(
    left: int, top: int, width: int, height: int, turns: int, cropped: bool, orientation: int
) -> None:
    region = Region(left / 100, top / 100, min(left + width, 100) / 100, min(top + height, 100) / 100)
    crop = Region(0.07, 0.03, 0.95, 0.97) if cropped else None
    photo = grainy(131, 97)
    content = loaded_jpeg(Canaries(), orientation=orientation, image=_stored(photo, orientation))
    image = clean(received(content), geometry=Geometry(turns, crop, (region,)))
    whole = (97, 131) if turns % 2 else (131, 97)
    origin = (round(0.07 * whole[0]), round(0.03 * whole[1])) if cropped else (0, 0)
    box = (
        max(int(region.left * whole[0]) - origin[0], 0),
        max(int(region.top * whole[1]) - origin[1], 0),
        max(int(np.ceil(region.right * whole[0])) - origin[0], 0),
        max(int(np.ceil(region.bottom * whole[1])) - origin[1], 0),
    )
    found = pixels(image.content)
    assert (found[box[1] : box[3], box[0] : box[2]] == 0).all()
    kept = (found != 0).any(axis=2).mean()
    lost = 1 - kept
    area = (box[2] - box[0] + 16) * (box[3] - box[1] + 16) / (image.width * image.height)
    assert lost <= area + 0.01, "black-out covers what was asked, and little more"


def test_black_out_is_exact_and_opaque_where_something_shows_through() -> None:
    photo = grainy(100, 100).convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize((100, 100)))
    region = Region(0.11, 0.13, 0.57, 0.59)
    out = pixels(clean(received(as_png(photo)), geometry=Geometry(black_out=(region,))).content)
    assert (out[13:59, 11:57] == (0, 0, 0, 255)).all()
    assert out[90, 90, 3] not in (0, 255)


def test_a_turned_black_out_lies_where_the_clinician_drew_it() -> None:
    image = clean(
        received(as_jpeg(chart(64, 64))),
        geometry=Geometry(quarter_turns=1, black_out=(Region(0, 0, 0.5, 0.5),)),
    )
    found = pixels(image.content)
    assert (found[:32, :32] == 0).all()
    # After a clockwise turn the upright chart's top left corner is at the top right.
    assert np.abs(found[16, 48].astype(int) - CORNERS[0]).max() <= 3


@pytest.mark.parametrize(("size", "expected"), [((1000, 500), (320, 160)), ((50, 20), (50, 20)), ((2000, 1), (320, 1))])
def test_a_thumbnail_has_at_most_320_pixels(size: tuple[int, int], expected: tuple[int, int]) -> None:
    image = clean(received(as_png(grainy(*size))))
    assert pixels(image.thumbnail).shape[1::-1] == expected


def test_a_preview_keeps_to_its_longest_side() -> None:
    content = as_jpeg(grainy(900, 300))
    assert pixels(preview(content, longest_side=450)).shape[:2] == (150, 450)
    assert pixels(preview(content, longest_side=5000)).shape[:2] == (300, 900)
