"""An image worker that decodes nothing: it cleans whatever begins like a picture of its own small format."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable

from fhir_plugin.errors import UnacceptableImage
from mappings.model.identifiers import Sha256
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage, VideoTerms

MAGIC = b"PICTURE:"


def picture(text: str = "forearm") -> bytes:
    """Bytes that this worker accepts."""
    return MAGIC + text.encode()


class FakeImageWorker:
    """`on_clean` runs before each cleaning: raise there to be down or refuse. `captured_at` is the camera's claim."""

    def __init__(self) -> None:
        self.captured_at: dt.datetime | None = None
        self.cleaned: list[ReceivedImage] = []
        self.on_clean: Callable[[ReceivedImage], None] = lambda _received: None

    def clean(
        self,
        received: ReceivedImage,
        *,
        geometry: Geometry = UNCHANGED,
        lossless: bool = False,
        video: VideoTerms | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> CleanImage:
        self.on_clean(received)
        self.cleaned.append(received)
        if not received.content.startswith((MAGIC, b"clean ")):  # what was cleaned is a picture, too
            raise UnacceptableImage("This is not a picture.", code="not-an-image")
        content = b"clean " + repr(geometry).encode() + received.content
        return CleanImage(
            image_id=received.image_id,
            content=content,
            content_type="image/jpeg",
            width=40,
            height=30,
            sha256=Sha256(hashlib.sha256(content).hexdigest()),
            sha256_received=received.sha256,
            thumbnail=b"small " + received.content,
            removed=("location",),
            captured_at=self.captured_at,
            lossless=lossless,
            geometry=geometry,
        )

    def preview(self, received: ReceivedImage, *, quarter_turns: int = 0, longest_side: int = 1200) -> bytes:
        return b"preview %d %d " % (quarter_turns, longest_side) + received.content

    def mark(self, received: ReceivedImage, words: str, *, below: bool = False) -> bytes:
        return b"marked " + words.encode() + b" " + received.content

    def fitted(self, content: bytes, *, most_bytes: int | None) -> bytes:
        return content if most_bytes is None else content[:most_bytes]

    def pixels(self, content: bytes) -> bytes | None:
        return None
