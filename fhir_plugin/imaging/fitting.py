"""A copy of a picture that fits into a document: upright, in sRGB, without metadata, no smaller than it must be."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from fhir_plugin.imaging.clean import look
from fhir_plugin.imaging.rebuild import shrunk, upright_pixels
from fhir_plugin.imaging.refusals import refuse

QUALITY: Final = 92
"""The same for every size: a copy gets fewer pixels, never blurred ones."""
SMALLEST_SIDE: Final = 320
"""Longest side, in pixels, below which nobody could tell anything from it."""
_CLOSER: Final = 0.97
_TRIES: Final = 12


def fitted(content: bytes, most_bytes: int | None) -> bytes:
    """A JPEG of the whole picture, at the most `most_bytes`. Raises `UnacceptableImage` (also too-many-bytes, where it
    would have to be smaller than anybody can use)."""
    image, _ = upright_pixels(look(content))
    if image.mode == "RGBA":
        ground = Image.new("RGB", image.size, (255, 255, 255))
        ground.paste(image, mask=image.getchannel("A"))
        image = ground
    whole, side = image, max(image.size)
    for _ in range(_TRIES):
        made = _jpeg(image)
        if most_bytes is None or len(made) <= most_bytes:
            return made
        side = int(side * min(_CLOSER, (most_bytes / len(made)) ** 0.5 * _CLOSER))
        if side < SMALLEST_SIDE:
            break
        image = shrunk(whole, side)
    raise refuse("too-many-bytes")


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.info = {}
    image.save(out, "JPEG", quality=QUALITY, subsampling="4:4:4", comment=b"", exif=b"")
    return out.getvalue()
