"""Small pictures are made of the same tables: only what is a picture's own tells of it."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image, ImageDraw

from fhir_plugin.disclose.prove import Clean, Leaks, prove, what_to_look_for


def small(kind: str, size: tuple[int, int], shape: str) -> bytes:
    picture = Image.new("RGB", size, (200, 180, 140))
    draw = ImageDraw.Draw(picture)
    for step in range(0, size[0], 6):
        draw.line((step, 0, size[0] - step, size[1]) if shape == "fan" else (0, step, step, 0), (160, step % 255, 40))
    out = io.BytesIO()
    picture.save(out, kind, icc_profile=b"a profile that every camera of one kind has " * 40)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [(48, 48), (64, 48), (160, 120), (320, 240)])
def test_two_small_pictures_are_not_taken_for_each_other_and_each_is_found(kind: str, size: tuple[int, int]) -> None:
    stays, goes = small(kind, size, "fan"), small(kind, size, "rain")
    needles = what_to_look_for([{"resourceType": "Binary", "data": base64.b64encode(stays).decode()}])
    assert needles.needles
    assert isinstance(prove([("a.jpg", [goes])], needles), Clean)
    assert isinstance(prove([("a.jpg", [stays])], needles), Leaks)
    assert isinstance(prove([("letter", [b"before" + base64.b64encode(stays) + b"after"])], needles), Leaks)


@pytest.mark.parametrize(
    "damaged", [b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\x10", b"\xff\xd8\xff\xe0\0\0" * 9, b"\x89PNG"]
)
def test_a_damaged_picture_is_looked_for_from_its_beginning(damaged: bytes) -> None:
    raw = damaged + bytes(range(3, 200))
    needles = what_to_look_for([{"resourceType": "Binary", "data": base64.b64encode(raw).decode()}])
    assert isinstance(prove([("x", [raw])], needles), Leaks)
