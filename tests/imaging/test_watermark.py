"""Who looks and when, burnt into what they look at: all over it, and nothing else of theirs in the file."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops

from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.jpeg import look_at_jpeg
from fhir_plugin.imaging.watermark import LONGEST_SIDE, mark, mark_below, plain_letters
from mappings.model.identifiers import ImageId, Sha256
from mappings.model.images import ReceivedImage

WORDS = "Dr Priya Shah gp-1 22 Nov 2026 09:40"


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (640, 480)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG", quality=95, comment=b"Priya was here")
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (190, 130, 110)], ids=["white", "black", "skin"])
def test_every_part_of_the_picture_carries_it_on_every_ground(colour: tuple[int, int, int]) -> None:
    marked = opened(mark(plain(colour), WORDS))
    difference = ImageChops.difference(marked, opened(plain(colour))).convert("L").point([0] * 40 + [255] * 216)
    for left in range(0, 640, 160):
        for top in range(0, 480, 160):
            assert difference.crop((left, top, left + 160, top + 160)).getbbox(), (left, top)
    share = difference.histogram()[255] / (640 * 480)
    assert share < 0.35, "and what lies under it can be judged"


def test_another_time_is_another_picture_and_nothing_else_is_in_the_file() -> None:
    one, two = mark(plain((190, 130, 110)), WORDS), mark(plain((190, 130, 110)), WORDS.replace("40", "41"))
    assert one != two
    assert not look_at_jpeg(one).found
    assert b"Priya" not in one


def test_it_is_no_second_original() -> None:
    assert max(opened(mark(plain((9, 9, 9), (3000, 1000)), WORDS)).size) == LONGEST_SIDE
    assert opened(mark(plain((9, 9, 9), (40, 30)), WORDS)).size == (40, 30)


@pytest.mark.parametrize(
    ("said", "drawn"), [("Zoë O’Neill", "Zoe O?Neill"), ("a\nb\x00c", "a b c"), ("王 gp-1", "? gp-1"), ("", "")]
)
def test_only_letters_that_can_be_drawn_are_drawn(said: str, drawn: str) -> None:
    assert plain_letters(said) == drawn


def test_it_happens_in_the_worker_process_and_a_broken_picture_is_refused() -> None:
    with ProcessImageWorker(workers=1) as worker:
        received = ReceivedImage(ImageId("i"), plain((0, 90, 200)), "image/jpeg", Sha256("0" * 64))
        assert opened(worker.mark(received, WORDS)).size == (640, 480)
        with pytest.raises(UnacceptableImage):
            worker.mark(ReceivedImage(ImageId("i"), b"not a picture", "image/jpeg", Sha256("0" * 64)), WORDS)


def test_below_it_covers_nothing_and_takes_nothing_away() -> None:
    marked = opened(mark_below(plain((190, 130, 110), (3000, 1000)), WORDS))
    assert marked.width == 3000
    assert marked.height > 1000
    above = ImageChops.difference(
        marked.crop((0, 0, 3000, 990)), opened(plain((190, 130, 110), (3000, 1000))).crop((0, 0, 3000, 990))
    )
    assert max(high for _low, high in above.getextrema()) <= 4, "the picture itself is as it was"  # type: ignore[misc]
    strip = marked.crop((0, 1010, 3000, marked.height)).convert("L")
    assert strip.getextrema()[0] < 60, "black letters"  # type: ignore[operator]
    assert not look_at_jpeg(mark_below(plain((1, 2, 3)), WORDS)).found


@pytest.mark.parametrize("size", [(40, 30), (200, 4000), (64, 64)])
def test_below_a_narrow_picture_the_words_go_over_several_lines(size: tuple[int, int]) -> None:
    marked = opened(mark_below(plain((0, 90, 200), size), WORDS))
    assert marked.width == size[0]
    assert marked.height > size[1] + 20


def test_below_happens_in_the_worker_process_too() -> None:
    with ProcessImageWorker(workers=1) as worker:
        received = ReceivedImage(ImageId("i"), plain((0, 90, 200)), "image/jpeg", Sha256("0" * 64))
        assert opened(worker.mark(received, WORDS, below=True)).height > 480
