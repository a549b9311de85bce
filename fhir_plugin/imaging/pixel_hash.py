"""A print of what a picture shows, whatever its file: to know it again, exactly or after being compressed anew.

`fhir_plugin.disclose.prove.pixels` compares prints and says how alike they have to be.
"""

from __future__ import annotations

import hashlib
import io
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.clean import look
from fhir_plugin.imaging.rebuild import upright_pixels
from fhir_plugin.imaging.refusals import refuse

SIDE: Final = 24
PRINT_SIZE: Final = 8 + 32 + SIDE * SIDE
_OTHERS: Final = ("GIF", "TIFF")
"""What this app never files, and a record may hold all the same."""
_MOST_PIXELS: Final = 50_000_000
_AT_LEAST: Final = 8 * SIDE


def pixel_print(content: bytes) -> bytes:
    """Width and height of the upright picture, the SHA-256 of its pixels, and 24 by 24 shades of grey.

    Large JPEGs are opened at a smaller scale, which is much faster; their SHA-256 is of those pixels. Raises
    `UnacceptableImage`.
    """
    if content.startswith((b"GIF8", b"II*\0", b"MM\0*")):
        upright = _opened(content)
    else:
        upright, _ = upright_pixels(look(content), at_least=_AT_LEAST)
    picture = upright.convert("RGB")
    exact = hashlib.sha256(picture.tobytes()).digest()
    grey = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()
    return picture.width.to_bytes(4, "big") + picture.height.to_bytes(4, "big") + exact + grey


def _opened(content: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(content), formats=_OTHERS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise refuse("too-many-pixels")
            return ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise refuse("damaged") from None


def print_or_none(content: bytes) -> bytes | None:
    """`pixel_print`; None for what cannot be opened."""
    try:
        return pixel_print(content)
    except UnacceptableImage:
        return None
