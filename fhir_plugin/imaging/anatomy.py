"""What looking at a file without decoding it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.imaging.colour_spaces import Primaries


class Kind(StrEnum):
    """The containers that can become a clinical picture."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    HEIC = "heic"


@dataclass(frozen=True)
class Anatomy:
    """One picture, looked at but not decoded.

    `width` and `height` are those of the stored pixels, `orientation` (1 to 8, EXIF tag 0x0112) still has
    to be applied to them. `essential` is the same picture with nothing but what decoding needs: the only
    bytes that a decoder gets to see. `halved_colour` says that a JPEG keeps colour at half the resolution
    (4:2:0), so that nothing is lost by doing the same again. `found` names in plain words what else the file carried.
    """

    kind: Kind
    width: int
    height: int
    essential: bytes = field(repr=False)
    orientation: int = 1
    halved_colour: bool = False
    icc: bytes | None = field(default=None, repr=False)
    primaries: Primaries | None = None
    exif: bytes | None = field(default=None, repr=False)
    found: frozenset[str] = frozenset()
