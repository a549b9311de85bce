"""The same pixels in another file are known again; another picture is not taken for it."""

from __future__ import annotations

import base64
import io
import random

import pytest
from PIL import Image, ImageDraw

from fhir_plugin.disclose.prove import Clean, Kind, Leaks, prove, what_to_look_for
from fhir_plugin.imaging.pixel_hash import pixel_hashes


def drawing(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture of things: nobody's body."""
    chance = random.Random(seed)
    picture = Image.new("RGB", size, "#d9c7b0")
    draw = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        colour = tuple(chance.randrange(256) for _ in range(3))
        draw.ellipse((x - 50, y - 40, x + 50, y + 40), fill=colour)
    return picture


def saved(picture: Image.Image, kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def test_the_same_pixels_in_another_file() -> None:
    first = pixel_hashes(saved(drawing(1), "PNG"))
    second = pixel_hashes(saved(drawing(1), "TIFF"))
    assert first and second
    assert first == second
    assert sum(each.startswith("exact:") for each in first) == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_copy_that_was_compressed_anew_or_scaled(seed: int) -> None:
    original = pixel_hashes(saved(drawing(seed), "JPEG", quality=92))
    again = pixel_hashes(saved(drawing(seed), "WEBP", quality=60))
    smaller = pixel_hashes(saved(drawing(seed).resize((160, 120)), "JPEG", quality=70))
    assert original and again and smaller
    assert original & again
    assert original & smaller


def test_a_picture_that_was_turned_by_its_metadata_alone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = pixel_hashes(saved(drawing(2).rotate(180), "PNG", exif=exif))
    assert turned == pixel_hashes(saved(drawing(2), "PNG"))


def test_other_pictures_are_others() -> None:
    found = [pixel_hashes(saved(drawing(seed), "PNG")) for seed in range(40)]
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            assert one is not None and other is not None
            assert not one & other


def test_flat_pictures_are_not_alike() -> None:
    white = pixel_hashes(saved(Image.new("RGB", (90, 90), "white"), "PNG"))
    grey = pixel_hashes(saved(Image.new("RGB", (90, 91), "white"), "PNG"))
    assert white and grey
    assert not white & grey


@pytest.mark.parametrize("bytes_", [b"", b"\xff\xd8\xff", b"GIF8 no", saved(drawing(1), "PNG")[:200]])
def test_what_is_no_picture(bytes_: bytes) -> None:
    assert pixel_hashes(bytes_) is None


def test_a_withheld_picture_is_found_again_by_the_proof() -> None:
    """Compressed anew and inlined as base64: no byte of it is the same."""
    withheld = pixel_hashes(saved(drawing(3), "JPEG", quality=95))
    assert withheld
    needles = what_to_look_for([], pixel_hashes=dict.fromkeys(withheld, "Media/m1"))
    copy = b'{"data":"' + base64.b64encode(saved(drawing(3), "JPEG", quality=60)) + b'"}'
    other = b'{"data":"' + base64.b64encode(saved(drawing(4), "JPEG", quality=60)) + b'"}'
    found = prove([("copy", [copy])], needles, pixels=pixel_hashes)
    assert isinstance(found, Leaks)
    assert [(find.kind, find.of) for find in found.finds] == [(Kind.PIXELS, "Media/m1")]
    assert isinstance(prove([("other", [other])], needles, pixels=pixel_hashes), Clean)
