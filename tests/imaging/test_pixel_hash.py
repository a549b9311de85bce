"""The same picture in another file is known again; another picture is not taken for it."""

from __future__ import annotations

import base64
import io
import random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.disclose.prove import Clean, Kind, PixelReader, prove, what_to_look_for
from fhir_plugin.disclose.prove.pixels import PRINT_SIZE as SIZE_THERE
from fhir_plugin.disclose.prove.pixels import Prints
from fhir_plugin.imaging.pixel_hash import PRINT_SIZE, print_or_none


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


def pebble(seed: int, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """One of 72 pictures of one kind: the same table, a stone somewhere on it, soft light, and noise."""
    picture = Image.linear_gradient("L").resize(size).point(lambda shade: 150 + shade // 5).convert("RGB")
    x, y, r = 120 + 40 * (seed % 6), 110 + 35 * (seed // 6 % 4), 50 + 15 * (seed // 24)
    ImageDraw.Draw(picture).ellipse((x - r, y - r, x + r, y + r), fill=(150, 110, 90))
    noise = Image.effect_noise(size, 18).convert("RGB")
    return Image.blend(picture.filter(ImageFilter.GaussianBlur(6)), noise, 0.06)


def saved(picture: Image.Image, kind: str = "JPEG", **how: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def are_the_same(one: bytes, other: bytes) -> bool:
    first, second = print_or_none(one), print_or_none(other)
    assert first is not None and second is not None
    assert len(first) == len(second) == PRINT_SIZE == SIZE_THERE
    found = Prints({first: "Media/m1"}).same(second)
    assert bool(found) == bool(Prints({second: "Media/m2"}).same(first)), "whichever comes first"
    return found == {"Media/m1"}


@pytest.mark.parametrize("draw", [drawing, pebble])
@pytest.mark.parametrize("seed", range(4))
def test_a_copy_that_was_compressed_anew_or_scaled(draw: object, seed: int) -> None:
    assert callable(draw)
    picture = draw(seed)
    original = saved(picture, quality=92)
    for copy in (
        saved(picture, "WEBP", quality=60),
        saved(picture, "PNG"),
        saved(picture, "TIFF"),
        saved(picture, "GIF"),
        saved(picture, quality=30),
        saved(picture.resize((picture.width // 2, picture.height // 2)), quality=70),
        saved(picture.resize((picture.width * 2, picture.height * 2)), quality=80),
        saved(picture, quality=80, comment=b"another file"),
    ):
        assert are_the_same(original, copy)


def test_a_picture_that_was_turned_by_its_metadata_alone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(drawing(2).rotate(90, expand=True), quality=90, exif=exif)
    assert are_the_same(turned, saved(drawing(2), "PNG"))
    assert not are_the_same(saved(drawing(2).rotate(90, expand=True)), saved(drawing(2)))


@pytest.mark.parametrize("draw", [drawing, pebble])
def test_others_of_the_same_kind_are_others(draw: object) -> None:
    assert callable(draw)
    prints = {print_or_none(saved(draw(seed), quality=88)): f"Media/m{seed}" for seed in range(72)}
    assert None not in prints and len(prints) == 72
    known = Prints({each: of for each, of in prints.items() if each is not None})
    for each, of in prints.items():
        assert each is not None and known.same(each) == {of}


def test_one_of_which_a_part_was_made_black_is_another() -> None:
    black = drawing(5)
    ImageDraw.Draw(black).rectangle((100, 80, 150, 120), fill="black")
    assert not are_the_same(saved(drawing(5)), saved(black))


def test_of_flat_pictures_only_the_very_same_are_alike() -> None:
    white = saved(Image.new("RGB", (90, 90), "white"), "PNG")
    assert not are_the_same(white, saved(Image.new("RGB", (90, 91), "white"), "PNG"))
    assert not are_the_same(white, saved(Image.new("RGB", (90, 90), "#fefefe"), "PNG"))
    assert are_the_same(white, saved(Image.new("RGB", (90, 90), "white"), "TIFF"))


@pytest.mark.parametrize(
    "bytes_", [b"", b"\xff\xd8\xff", b"GIF8 no", b"GIF89a" + b"x" * 90, saved(drawing(1), "PNG")[:200]]
)
def test_what_is_no_picture(bytes_: bytes) -> None:
    assert print_or_none(bytes_) is None


def leaked(copy: bytes, pixels: PixelReader) -> list[tuple[Kind, str]]:
    withheld = print_or_none(saved(drawing(3), quality=95))
    assert withheld is not None
    found = prove([("copy", [copy])], what_to_look_for([], prints={withheld: "Media/m1"}), pixels=pixels)
    return [] if isinstance(found, Clean) else [(find.kind, find.of) for find in found.finds]


def test_a_withheld_picture_is_found_again_by_the_proof() -> None:
    """Compressed anew and inlined as base64: no byte of it is the same. The worker opens it, in its own process."""
    copy = b'{"data":"' + base64.b64encode(saved(drawing(3), quality=60)) + b'"}'
    other = b'{"data":"' + base64.b64encode(saved(drawing(4), quality=60)) + b'"}'
    with ProcessImageWorker(workers=1) as worker:
        assert worker.pixels(saved(drawing(3))) == print_or_none(saved(drawing(3)))
        assert leaked(copy, worker.pixels) == [(Kind.PIXELS, "Media/m1")]
        assert leaked(other, worker.pixels) == []
        assert leaked(copy.replace(b"/9j/", b"/9j/AAAA"), worker.pixels) == [(Kind.UNSEEN, "")]


def test_each_file_is_opened_once() -> None:
    opened: list[bytes] = []

    def pixels(content: bytes) -> bytes | None:
        opened.append(content)
        return print_or_none(content)

    one, two = saved(drawing(4)), saved(drawing(6))
    lines = b"\n".join(b'{"data":"' + base64.b64encode(each) + b'"}' for each in (one, two, one, one, two))
    assert leaked(lines, pixels) == []
    assert sorted(opened) == sorted([one, two])
    withheld = what_to_look_for([])
    assert isinstance(prove([("copy", [lines])], withheld, pixels=pixels), Clean)
    assert len(opened) == 2, "where no picture stays, none is opened"


@pytest.mark.parametrize(
    "beginning", [b"RIFF\0\0\0\0WAVEfmt ", b"\0\0\0\x18ftypisom\0\0", b"\0\0\0\x18ftypqt  ", b"II+\0", b"BM\0\0"]
)
def test_sounds_and_videos_are_not_opened_as_pictures(beginning: bytes) -> None:
    def pixels(_content: bytes) -> bytes | None:
        raise AssertionError("opened")

    assert leaked(beginning + bytes(range(256)) * 9, pixels) == []
