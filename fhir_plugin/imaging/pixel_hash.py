"""Whether two picture files show the same pixels, whatever the file: exactly, or after being compressed anew."""

from __future__ import annotations

import hashlib
import io
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
_MOST_PIXELS: Final = 100_000_000
_SIDE: Final = 8
_STEP: Final = 5
"""Grey levels by which a neighbour is brighter: noise of compression is less."""
_FLAT: Final = 2.0
"""Grey levels: where neighbours differ less on the whole, a likeness would mean nothing."""


def pixel_hashes(picture: bytes) -> frozenset[str] | None:
    """Hashes of the upright pixels; None for what cannot be decoded here.

    Two files with the same pixels share `exact:`; a copy that was compressed anew or scaled shares a `like:`. A flat
    picture has no `like:`, since all flat pictures are alike.
    """
    try:
        with Image.open(io.BytesIO(picture), formats=_FORMATS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                return None
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    exact = hashlib.sha256(f"{upright.width}x{upright.height}:".encode() + upright.tobytes())
    return frozenset({f"exact:{exact.hexdigest()}", *_likenesses(upright)})


def _likenesses(upright: Image.Image) -> set[str]:
    """The signs of 64 differences between neighbours, and the same with any one of them turned over.

    Two pictures share one of these when at most two of their signs differ.
    """
    small = upright.convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.LANCZOS)
    steps = np.diff(np.asarray(small, dtype=np.int16), axis=1)
    if float(np.abs(steps).mean()) < _FLAT:
        return set()
    bits = int("".join("1" if step > _STEP else "0" for step in steps.ravel()), 2)
    return {f"like:{bits ^ turned:016x}" for turned in (0, *(1 << place for place in range(_SIDE * _SIDE)))}
