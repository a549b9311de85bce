"""The whole sentence: sniff, look, decode, rebuild; or, where fidelity matters, strip."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from fhir_plugin.imaging.anatomy import Anatomy, Kind
from fhir_plugin.imaging.capture_time import capture_time
from fhir_plugin.imaging.exif import read_exif
from fhir_plugin.imaging.heif import look_at_heic
from fhir_plugin.imaging.jpeg import look_at_jpeg
from fhir_plugin.imaging.lossless import strip
from fhir_plugin.imaging.png import look_at_png
from fhir_plugin.imaging.rebuild import (
    THUMBNAIL_SIDE,
    apply_geometry,
    preview_jpeg,
    rebuild,
    thumbnail,
    upright_pixels,
)
from fhir_plugin.imaging.refusals import MAX_BYTES, refuse
from fhir_plugin.imaging.sniff import sniff
from fhir_plugin.imaging.webp import look_at_webp
from mappings.model.identifiers import Sha256
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage

_LOOK: dict[Kind, Callable[[bytes], Anatomy]] = {
    Kind.JPEG: look_at_jpeg,
    Kind.PNG: look_at_png,
    Kind.WEBP: look_at_webp,
    Kind.HEIC: look_at_heic,
}
MAX_PREVIEW_SIDE = 4000


def look(content: bytes) -> Anatomy:
    """What the file is and holds, without decoding it. Raises `UnacceptableImage`."""
    if len(content) > MAX_BYTES:
        raise refuse("too-many-bytes")
    return _LOOK[sniff(content)](content)


def clean(received: ReceivedImage, *, geometry: Geometry = UNCHANGED, lossless: bool = False) -> CleanImage:
    """The clean picture with its thumbnail. Raises `UnacceptableImage` (codes: `refusals.REFUSALS`).

    `width` and `height` are those of the picture as seen: for a lossless JPEG with an orientation tag, the
    upright ones.
    """
    if lossless and not geometry.is_identity:
        raise refuse("lossless-needs-whole-picture")
    anatomy = look(received.content)
    taken, has_offset = capture_time(read_exif(anatomy.exif or b""))
    found = set(anatomy.found)
    if lossless:
        content, content_type = strip(anatomy)
        small, _ = upright_pixels(anatomy, at_least=2 * THUMBNAIL_SIDE)
        width, height = anatomy.width, anatomy.height
        if anatomy.orientation >= 5:
            width, height = height, width
        little = thumbnail(small)
        if anatomy.icc is not None:
            found.discard("colour profile")
    else:
        rebuilt = rebuild(anatomy, geometry)
        content, content_type, little = rebuilt.content, rebuilt.content_type, rebuilt.thumbnail
        width, height = rebuilt.width, rebuilt.height
        if rebuilt.colours_converted:
            found = (found - {"colour profile"}) | {"colour profile (converted to sRGB)"}
    return CleanImage(
        image_id=received.image_id,
        content=content,
        content_type=content_type,
        width=width,
        height=height,
        sha256=Sha256(hashlib.sha256(content).hexdigest()),
        sha256_received=Sha256(hashlib.sha256(received.content).hexdigest()),
        thumbnail=little,
        removed=tuple(sorted(found)),
        captured_at=taken,
        captured_at_has_offset=has_offset,
        lossless=lossless,
        geometry=geometry,
    )


def preview(received: ReceivedImage, *, quarter_turns: int = 0, longest_side: int = 1200) -> bytes:
    """A JPEG without metadata of the upright, turned, uncropped picture. Raises `UnacceptableImage`."""
    longest_side = max(1, min(longest_side, MAX_PREVIEW_SIDE))
    image, _ = upright_pixels(look(received.content), at_least=longest_side)
    return preview_jpeg(apply_geometry(image, Geometry(quarter_turns=quarter_turns)), longest_side)
