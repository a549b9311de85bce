"""HEIC: what the decoder gets is a container of our own, and the pixels are the same."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pi_heif
import pytest

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.boxes import read_items, walk_boxes
from fhir_plugin.imaging.clean import clean, look
from fhir_plugin.imaging.hevc import declared_size
from fhir_plugin.imaging.rebuild import upright_pixels
from tests.imaging.bombs import heic, heic_claiming, heic_of
from tests.imaging.drawing import pixels, received


def _code(content: bytes) -> str:
    with pytest.raises(UnacceptableImage) as refusal:
        clean(received(content))
    return refusal.value.code


def test_the_picture_is_what_the_decoder_makes_of_the_whole_file() -> None:
    image, _ = upright_pixels(look(heic()))
    assert (np.asarray(image) == np.asarray(pi_heif.open_heif(heic()).to_pillow())).all()
    cleaned = clean(received(heic()))
    assert (cleaned.width, cleaned.height) == (640, 426)
    assert np.abs(pixels(cleaned.content).astype(int) - np.asarray(image)).mean() < 2


def test_the_decoder_sees_the_picture_alone() -> None:
    anatomy = look(heic())
    assert {box.name for box in walk_boxes(anatomy.essential)} == {b"ftyp", b"meta", b"mdat"}
    meta = next(box.body for box in walk_boxes(anatomy.essential) if box.name == b"meta")
    assert [item.kind for item in read_items(meta).items.values()] == [b"hvc1"]
    assert b"Exif" not in anatomy.essential
    assert b"rdf" not in anatomy.essential


@pytest.mark.parametrize("code", range(4))
def test_the_turn_of_the_container_is_applied_once(code: int) -> None:
    """irot (23008-12, 6.5.10) turns anticlockwise by quarter turns."""
    image = clean(received(_with_property(heic(), b"irot", bytes((code,)))))
    upright = np.asarray(pi_heif.open_heif(heic()).to_pillow())
    expected = np.rot90(upright, code).astype(int)
    assert (image.height, image.width) == expected.shape[:2]
    assert np.abs(pixels(image.content) - expected).mean() < 2


def _with_property(content: bytes, name: bytes, body: bytes) -> bytes:
    """The sample with one more property on its picture; the data moves on, and so do the offsets to it."""
    meta_at = content.index(b"meta") - 4
    size = int.from_bytes(content[meta_at : meta_at + 4], "big")
    added = struct.pack(">I4s", 8 + len(body), name) + body
    grown = bytearray(content[: meta_at + size])
    ipco = grown.index(b"ipco") - 4
    ipco_size = int.from_bytes(grown[ipco : ipco + 4], "big")
    count = sum(1 for _ in walk_boxes(bytes(grown[ipco + 8 : ipco + ipco_size])))
    ipma = grown.index(b"ipma") - 4
    associations = grown[ipma + 18]
    grown[ipma + 18] = associations + 1
    at = ipma + 19 + associations
    grown[at:at] = bytes((0x80 | (count + 1),))
    _grow(grown, ipma, 1)
    grown[ipco + ipco_size : ipco + ipco_size] = added
    _grow(grown, ipco, len(added))
    _grow(grown, grown.index(b"iprp") - 4, len(added) + 1)
    _grow(grown, meta_at, len(added) + 1)
    shift = len(added) + 1
    iloc = grown.index(b"iloc") - 4
    iloc_size = int.from_bytes(grown[iloc : iloc + 4], "big")
    for start in range(iloc + 16, iloc + iloc_size, 18):
        # version 0: id, data reference, base offset, then one extent
        base = int.from_bytes(grown[start + 4 : start + 8], "big")
        grown[start + 4 : start + 8] = (base + shift).to_bytes(4, "big")
    return bytes(grown) + content[meta_at + size :]


def _grow(content: bytearray, at: int, by: int) -> None:
    content[at : at + 4] = (int.from_bytes(content[at : at + 4], "big") + by).to_bytes(4, "big")


def test_ten_pictures_are_refused_and_one_is_not() -> None:
    assert _code(heic_of(10)) == "several-images"
    assert _code(heic_of(2)) == "several-images"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda content: content.replace(b"hvc1\0", b"av01\0"), "unsupported-format"),
        (lambda content: content.replace(b"pitm", b"pytm"), "damaged"),
        (lambda content: content.replace(b"hvcC", b"hvcX"), "damaged"),
        (lambda content: content.replace(b"ispe", b"ispX"), "damaged"),
        (lambda content: content[:-1000], "truncated"),
        (lambda content: content + struct.pack(">I4s", 16, b"moov") + bytes(8), "animated"),
        (lambda _: heic_claiming(12_000, 11_750), "too-many-pixels"),
        (lambda _: heic_claiming(8, 8), "damaged"),
        (lambda _: heic_claiming(1000, 1000), "damaged"),
        (lambda _: heic_claiming(0, 426), "damaged"),
    ],
)
def test_what_does_not_fit_is_refused(change: Callable[[bytes], bytes], code: str) -> None:
    assert _code(change(heic())) == code


def test_the_coded_size_is_read_from_the_parameter_set() -> None:
    meta = next(box.body for box in walk_boxes(heic()) if box.name == b"meta")
    table = read_items(meta)
    configuration = table.property_of(table.items[table.primary], b"hvcC")
    assert configuration is not None
    width, height = declared_size(configuration)
    assert 640 <= width < 704
    assert 426 <= height < 490


def test_parameter_sets_hidden_in_the_data_are_refused() -> None:
    """A second sequence parameter set could make the decoder forget the size that was checked."""
    meta = next(box.body for box in walk_boxes(heic()) if box.name == b"meta")
    table = read_items(meta)
    start, _ = table.items[table.primary].extents[0]
    content = bytearray(heic())
    content[start + 4] = 33 << 1
    assert _code(bytes(content)) == "damaged"
