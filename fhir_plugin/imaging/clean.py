"""The whole sentence: sniff, look, decode, rebuild; or, where fidelity matters, strip."""

from __future__ import annotations

from collections.abc import Callable

from fhir_plugin.imaging.anatomy import Anatomy, Kind
from fhir_plugin.imaging.capture_time import capture_time
from fhir_plugin.imaging.cleaned import Cleaned, name_clean
from fhir_plugin.imaging.exif import read_exif
from fhir_plugin.imaging.heif import look_at_heic
from fhir_plugin.imaging.jpeg import look_at_jpeg
from fhir_plugin.imaging.lossless import strip
from fhir_plugin.imaging.png import look_at_png
from fhir_plugin.imaging.rebuild import (
    THUMBNAIL_SIDE,
    Rebuilt,
    apply_geometry,
    preview_jpeg,
    rebuild,
    thumbnail,
    upright_pixels,
)
from fhir_plugin.imaging.refusals import MAX_BYTES, refuse
from fhir_plugin.imaging.sniff import sniff
from fhir_plugin.imaging.video import clean_video
from fhir_plugin.imaging.video_anatomy import sniff_video
from fhir_plugin.imaging.webp import look_at_webp
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage, VideoTerms

_LOOK: dict[Kind, Callable[[bytes], Anatomy]] = {
    Kind.JPEG: look_at_jpeg,
    Kind.PNG: look_at_png,
    Kind.WEBP: look_at_webp,
    Kind.HEIC: look_at_heic,
}
MAX_PREVIEW_SIDE = 4000
_ON_ITS_SIDE = 5
"""Orientations from here on swap width and height."""
_PROFILE = "colour profile"


def look(content: bytes) -> Anatomy:
    """What the file is and holds, without decoding it. Raises `UnacceptableImage`."""
    if len(content) > MAX_BYTES:
        raise refuse("too-many-bytes")
    return _LOOK[sniff(content)](content)


def clean_content(content: bytes, *, geometry: Geometry = UNCHANGED, lossless: bool = False) -> Cleaned:
    """The clean picture with its thumbnail. Raises `UnacceptableImage` (codes: `refusals.REFUSALS`).

    `width` and `height` are those of the picture as seen: for a lossless JPEG with an orientation tag, the
    upright ones.
    """
    if lossless and not geometry.is_identity:
        raise refuse("lossless-needs-whole-picture")
    anatomy = look(content)
    taken, has_offset = capture_time(read_exif(anatomy.exif or b""))
    made = _strip(anatomy) if lossless else rebuild(anatomy, geometry)
    return Cleaned(
        content=made.content,
        content_type=made.content_type,
        width=made.width,
        height=made.height,
        thumbnail=made.thumbnail,
        removed=_removed(anatomy, made, lossless),
        captured_at=taken,
        captured_at_has_offset=has_offset,
    )


def clean(
    received: ReceivedImage, *, geometry: Geometry = UNCHANGED, lossless: bool = False, video: VideoTerms | None = None
) -> CleanImage:
    """`clean_content` (or `clean_video`) in this very process, with name and hashes: see `ImageWorker.clean`."""
    if video is not None and sniff_video(received.content) is not None:
        return name_clean(clean_video(received.content, geometry=geometry, terms=video), received, geometry, False)
    return name_clean(
        clean_content(received.content, geometry=geometry, lossless=lossless), received, geometry, lossless
    )


def _strip(anatomy: Anatomy) -> Rebuilt:
    """The stripped file, once a decoder has been through it: a picture that cannot be opened is not filed."""
    content, content_type = strip(anatomy)
    small, _ = upright_pixels(anatomy, at_least=2 * THUMBNAIL_SIDE)
    width, height = anatomy.width, anatomy.height
    if anatomy.orientation >= _ON_ITS_SIDE:
        width, height = height, width
    return Rebuilt(content, content_type, width, height, thumbnail(small), colours_converted=False)


def _removed(anatomy: Anatomy, made: Rebuilt, lossless: bool) -> tuple[str, ...]:
    found = set(anatomy.found)
    if lossless:
        found.discard(_PROFILE)
    elif made.colours_converted:
        found = (found - {_PROFILE}) | {f"{_PROFILE} (converted to sRGB)"}
    return tuple(sorted(found))


def preview(content: bytes, *, quarter_turns: int = 0, longest_side: int = 1200) -> bytes:
    """A JPEG without metadata of the upright, turned, uncropped picture. Raises `UnacceptableImage`."""
    longest_side = max(1, min(longest_side, MAX_PREVIEW_SIDE))
    image, _ = upright_pixels(look(content), at_least=longest_side)
    return preview_jpeg(apply_geometry(image, Geometry(quarter_turns=quarter_turns % 4)), longest_side)
