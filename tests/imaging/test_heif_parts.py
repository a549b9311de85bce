"""HEIC with its companions: tiles, alpha, thumbnails, depth maps, groups, profiles and metadata items."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pi_heif
import pytest

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.boxes import read_items, walk_boxes
from fhir_plugin.imaging.clean import clean, look
from fhir_plugin.imaging.colour_spaces import DISPLAY_P3
from fhir_plugin.imaging.profiles import profile_of
from fhir_plugin.imaging.rebuild import upright_pixels
from mappings.model.images import CleanImage
from tests.imaging.drawing import Canaries, Pixels, exif_with, icc_with, pixels, received, xmp_with
from tests.imaging.heic_files import HEIGHT, WIDTH, HeicFile, box, extent, full_box, grid_of
from tests.imaging.parsers import jpeg_segments


def _plain() -> Pixels:
    made = HeicFile()
    made.picture()
    return np.asarray(pi_heif.open_heif(made.build()).to_pillow())


def _clean(made: HeicFile) -> CleanImage:
    return clean(received(made.build()))


def _code(made: HeicFile) -> str:
    with pytest.raises(UnacceptableImage) as refusal:
        _clean(made)
    return refusal.value.code


def test_tiles_are_put_together() -> None:
    image, _ = upright_pixels(look(grid_of(2, 2).build()))
    assert image.size == (2 * WIDTH, 2 * HEIGHT)
    assert (np.asarray(image) == np.tile(_plain(), (2, 2, 1))).all()


def test_tiles_may_stick_out_over_the_edge() -> None:
    image, _ = upright_pixels(look(grid_of(2, claim=(1000, 400)).build()))
    assert image.size == (1000, 400)


def _colour_box(primaries: int, transfer: int) -> bytes:
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, 6, 0x80))


@pytest.mark.parametrize(
    "colours",
    [_colour_box(12, 13), box(b"colr", b"prof" + icc_with(Canaries(), profile_of(DISPLAY_P3)))],
    ids=["nclx", "icc"],
)
def test_wide_gamut_is_converted(colours: bytes) -> None:
    made = HeicFile()
    made.picture(colours)
    image = _clean(made)
    difference = pixels(image.content).astype(int) - _plain()
    assert np.abs(difference).max() > 5
    assert image.removed == ("colour profile (converted to sRGB)",)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_refused(transfer: int) -> None:
    made = HeicFile()
    made.picture(_colour_box(9, transfer))
    assert _code(made) == "hdr-colours"


@pytest.mark.parametrize("kind", [b"urn:mpeg:hevc:2015:auxid:1\0", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"])
def test_what_shows_through_becomes_a_png(kind: bytes) -> None:
    made = HeicFile()
    picture = made.picture()
    alpha = made.picture(full_box(b"auxC", kind))
    made.refer(b"auxl", alpha, picture)
    image = _clean(made)
    assert image.content_type == "image/png"
    assert pixels(image.content).shape == (HEIGHT, WIDTH, 4)


def test_thumbnails_and_depth_maps_are_named_and_left_out() -> None:
    made = HeicFile()
    picture = made.picture()
    made.refer(b"thmb", made.picture(), picture)
    depth = made.picture(full_box(b"auxC", b"urn:mpeg:hevc:2015:auxid:2\0"))
    made.refer(b"auxl", depth, picture)
    image = _clean(made)
    assert set(image.removed) == {"thumbnail", "depth map or extra light data"}
    kept = look(made.build()).essential
    meta = next(part.body for part in walk_boxes(kept) if part.name == b"meta")
    assert len(read_items(meta).items) == 1
    assert len(kept) < len(made.build()) / 2


def test_metadata_items_do_not_survive() -> None:
    canaries = Canaries()
    made = HeicFile()
    picture = made.picture()
    exif = made.add(b"Exif", struct.pack(">I", 6) + b"Exif\0\0" + exif_with(canaries, orientation=6))
    made.refer(b"cdsc", exif, picture)
    made.refer(b"cdsc", made.add(b"mime", xmp_with(canaries), media_type=b"application/rdf+xml"), picture)
    made.add(b"mime", canaries.new("private-item"), media_type=b"application/x-private")
    content = made.build()
    assert canaries.survivors(content) == canaries.words
    assert canaries.survivors(look(content).essential) == []
    image = clean(received(content))
    assert canaries.survivors(image.content + image.thumbnail) == []
    assert {marker for marker, _ in jpeg_segments(image.content)} == {0xE0, 0xDB, 0xC0, 0xC4, 0xDA, 0}
    assert set(image.removed) >= {"location", "maker notes", "editing history", "software notes"}
    assert image.captured_at is not None
    # Which way is up is the container's to say, not EXIF's.
    assert (image.width, image.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(("group", "code"), [(b"ster", None), (b"altr", None), (b"brst", "several-images")])
def test_one_subject_seen_twice_is_one_picture_and_a_burst_is_not(group: bytes, code: str | None) -> None:
    made = HeicFile()
    made.group(group, made.picture(), made.picture())
    if code is not None:
        assert _code(made) == code
        return
    image = _clean(made)
    assert (image.width, image.height) == (WIDTH, HEIGHT)
    assert ("second picture" in image.removed) == (group == b"ster")


def test_a_hidden_second_picture_is_not_counted() -> None:
    made = HeicFile()
    made.picture()
    made.picture(hidden=True)
    assert _clean(made).width == WIDTH


def _missing_tile() -> HeicFile:
    made = grid_of(2)
    made.references.clear()
    made.refer(b"dimg", 1, 2)
    return made


def _tiles_of_a_kind() -> HeicFile:
    made = HeicFile()
    grid = made.add(b"grid", struct.pack(">BBBBHH", 0, 0, 0, 0, 640, 426), extent(), in_idat=True)
    made.refer(b"dimg", grid, grid)
    return made


def _many_tiles() -> HeicFile:
    """One tile named 256 times: 70 megapixels of work for 30 kB, behind a small claim."""
    made = HeicFile()
    grid = made.add(b"grid", struct.pack(">BBBBHH", 0, 0, 15, 15, 640, 426), extent(), in_idat=True)
    made.refer(b"dimg", grid, *[made.picture(hidden=True)] * 256)
    return made


def _grid_says_more() -> HeicFile:
    made = HeicFile()
    grid = made.add(b"grid", struct.pack(">BBBBHH", 0, 0, 0, 0, 60_000, 60_000), extent(), in_idat=True)
    made.refer(b"dimg", grid, made.picture(hidden=True))
    return made


def _small_alpha() -> HeicFile:
    made = HeicFile()
    picture = made.picture()
    alpha = made.add(b"hvc1", b"", extent(8, 8), full_box(b"auxC", b"urn:mpeg:hevc:2015:auxid:1\0"))
    made.refer(b"auxl", alpha, picture)
    return made


def _overlay() -> HeicFile:
    made = HeicFile()
    made.add(b"iovl", bytes(20), extent(), in_idat=True)
    return made


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_missing_tile, "damaged"),
        (_tiles_of_a_kind, "damaged"),
        (_many_tiles, "too-many-pixels"),
        (_grid_says_more, "damaged"),
        (_small_alpha, "damaged"),
        (_overlay, "unsupported-format"),
        (lambda: grid_of(10, claim=(60_000, 60_000)), "too-many-pixels"),
        (HeicFile, "damaged"),
    ],
)
def test_tiles_that_do_not_fit_are_refused(make: Callable[[], HeicFile], code: str) -> None:
    assert _code(make()) == code
