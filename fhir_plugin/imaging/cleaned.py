"""What comes back from opening a picture, and giving it the name of the one received."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field

from mappings.model.identifiers import Sha256
from mappings.model.images import CleanImage, Geometry, ReceivedImage


@dataclass(frozen=True)
class Cleaned:
    """What came of the bytes of one picture: `CleanImage` without name and hashes, which are not the child's to say."""

    content: bytes = field(repr=False)
    content_type: str
    width: int
    height: int
    thumbnail: bytes = field(repr=False)
    removed: tuple[str, ...]
    captured_at: dt.datetime | None
    captured_at_has_offset: bool
    seconds: float | None = None
    sound: bool = False


def name_clean(cleaned: Cleaned, received: ReceivedImage, geometry: Geometry, lossless: bool) -> CleanImage:
    """The clean picture under the name of the one received."""
    return CleanImage(
        image_id=received.image_id,
        content=cleaned.content,
        content_type=cleaned.content_type,
        width=cleaned.width,
        height=cleaned.height,
        sha256=Sha256(hashlib.sha256(cleaned.content).hexdigest()),
        sha256_received=received.sha256,
        thumbnail=cleaned.thumbnail,
        removed=cleaned.removed,
        captured_at=cleaned.captured_at,
        captured_at_has_offset=cleaned.captured_at_has_offset,
        lossless=lossless,
        geometry=geometry,
        seconds=cleaned.seconds,
        sound=cleaned.sound,
    )
