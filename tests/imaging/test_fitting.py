"""A picture that fits: the whole of it, upright, in its colours, and no more bytes than there is room for."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.fitting import SMALLEST_SIDE, fitted
from tests.imaging.drawing import Canaries, as_jpeg, as_png, chart, grainy, loaded_jpeg

GRAINY = as_jpeg(grainy(1200, 900), quality=95)


@pytest.mark.parametrize("most", [60_000, 150_000, 400_000])
def test_it_fits_with_as_many_pixels_as_there_is_room_for(most: int) -> None:
    made = fitted(GRAINY, most)
    assert most / 2 < len(made) <= most
    with Image.open(io.BytesIO(made)) as image:
        assert image.format == "JPEG" and abs(image.width / image.height - 4 / 3) < 0.01


def test_with_room_it_keeps_every_pixel_and_the_colours() -> None:
    made = fitted(as_png(chart(640, 480)), None)
    with Image.open(io.BytesIO(made)) as image, chart(640, 480) as drawn:
        assert image.size == (640, 480)
        for at in ((80, 60), (560, 60), (80, 420), (560, 420), (320, 240)):
            said, meant = image.convert("RGB").getpixel(at), drawn.convert("RGB").getpixel(at)
            assert isinstance(said, tuple) and isinstance(meant, tuple)
            assert all(abs(one - other) <= 6 for one, other in zip(said, meant, strict=True)), at


def test_nothing_but_the_picture_is_left_and_it_stands_upright() -> None:
    canaries = Canaries()
    made = fitted(loaded_jpeg(canaries, orientation=6, image=chart(64, 48)), None)
    assert canaries.survivors(made) == []
    with Image.open(io.BytesIO(made)) as image:
        assert image.size == (48, 64)


@pytest.mark.parametrize("most", [0, 1000])
def test_what_nobody_could_use_is_not_made(most: int) -> None:
    with pytest.raises(UnacceptableImage) as refusal:
        fitted(GRAINY, most)
    assert refusal.value.code == "too-many-bytes"
    assert max(Image.open(io.BytesIO(fitted(GRAINY, 90_000))).size) >= SMALLEST_SIDE


def test_the_worker_gives_the_same() -> None:
    with ProcessImageWorker(workers=1) as worker:
        assert worker.fitted(GRAINY, most_bytes=150_000) == fitted(GRAINY, 150_000)
        with pytest.raises(UnacceptableImage):
            worker.fitted(b"no picture", most_bytes=None)
