"""How alike prints have to be, shade by shade; what begins like a picture and what does not."""

from __future__ import annotations

import random

import pytest

from fhir_plugin.disclose.prove import is_picture
from fhir_plugin.disclose.prove.pixels import PRINT_SIZE, Prints

GREY = bytes(random.Random(3).choices(range(60, 200), k=PRINT_SIZE - 40))


def printed(grey: bytes = GREY, *, width: int = 400, height: int = 300, exact: bytes = b"\1" * 32) -> bytes:
    return width.to_bytes(4, "big") + height.to_bytes(4, "big") + exact + grey


KNOWN = Prints({printed(): "Media/m1", printed(bytes(reversed(GREY)), exact=b"\2" * 32): "Media/m2"})


def same(grey: bytes, *, width: int = 400, height: int = 300) -> set[str]:
    return set(KNOWN.same(printed(grey, width=width, height=height, exact=b"\7" * 32)))


def brighter(by: int, where: slice = slice(None)) -> bytes:
    changed = bytearray(GREY)
    changed[where] = bytes(shade + by for shade in changed[where])
    return bytes(changed)


def test_the_very_same_pixels_are_alike_whatever_else() -> None:
    assert KNOWN.same(printed(bytes(PRINT_SIZE - 40))) == {"Media/m1"}
    assert KNOWN.same(printed(bytes(PRINT_SIZE - 40), width=401)) == frozenset()
    assert KNOWN.same(printed(bytes(PRINT_SIZE - 40), exact=b"\3" * 32)) == frozenset()


def test_each_is_known_by_its_shades() -> None:
    assert same(GREY) == {"Media/m1"}
    assert same(bytes(reversed(GREY))) == {"Media/m2"}
    assert same(brighter(40)) == {"Media/m1"}, "brighter as a whole"
    assert same(bytes(random.Random(4).choices(range(60, 200), k=len(GREY)))) == set()


@pytest.mark.parametrize(("by", "alike"), [(18, True), (19, False), (-18, True), (-19, False)])
def test_no_place_may_differ_by_much(by: int, alike: bool) -> None:
    changed = bytearray(brighter(by, slice(0, 1)))
    changed[1] -= by  # so that the whole stays as bright as it was
    assert bool(same(bytes(changed))) == alike


@pytest.mark.parametrize(("by", "alike"), [(5, True), (6, False)])
def test_nor_all_of_it_by_a_little(by: int, alike: bool) -> None:
    changed = bytearray(brighter(by))
    changed[::2] = bytes(shade - 2 * by for shade in changed[::2])
    assert bool(same(bytes(changed))) == alike


@pytest.mark.parametrize(("width", "alike"), [(411, True), (413, False), (389, True), (387, False), (40, False)])
def test_the_shape_is_the_same(width: int, alike: bool) -> None:
    assert bool(same(GREY, width=width)) == alike
    assert bool(same(GREY, width=width * 3, height=900)) == alike


@pytest.mark.parametrize(("swing", "alike"), [(3, False), (4, True)])
def test_flat_pictures_are_not_alike(swing: int, alike: bool) -> None:
    flat = bytes(128 + (swing if place % 2 else -swing) for place in range(PRINT_SIZE - 40))
    known = Prints({printed(flat): "Media/m3"})
    assert bool(known.same(printed(flat, exact=b"\3" * 32))) == alike
    assert known.same(printed(flat)) == {"Media/m3"}


def test_nothing_known_is_like_nothing() -> None:
    assert not Prints({}) and KNOWN
    assert Prints({}).same(printed()) == frozenset()
    assert not Prints({b"no print": "Media/m1"})


@pytest.mark.parametrize(
    "beginning",
    [
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF87a",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"RIFF\1\2\3\4WEBPVP8 ",
        *(b"\0\0\0\x1cftyp" + brand for brand in (b"heic", b"mif1", b"avif")),
    ],
)
def test_pictures(beginning: bytes) -> None:
    assert is_picture(beginning + b"more")
    assert not is_picture(b"x" + beginning + b"more")


@pytest.mark.parametrize(
    "beginning",
    [b"", b"RIFF\1\2\3\4WAVE", b"RIFF", b"\0\0\0\x1cftypisom", b"\0\0\0\x1cfreeheic", b"GIF88a", b"%PDF-1.4"],
)
def test_others(beginning: bytes) -> None:
    assert not is_picture(beginning)
