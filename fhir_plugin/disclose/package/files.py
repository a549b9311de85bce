"""What every file beside the record has: its name and what its attachment says of it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from mappings.model.identifiers import Reference, Sha256


@dataclass(frozen=True)
class PackedFile:
    """One picture, video or document. `sha1`: base64, as FHIR's `Attachment.hash` wants it. `of`: what shows it."""

    name: str
    media_type: str
    size: int
    sha256: Sha256
    sha1: str
    of: Reference
    derived: bool = False
    """Parts of it were made black for this copy."""

    @property
    def is_video(self) -> bool:
        return self.media_type.startswith("video/")


def packed(name: str, media_type: str, content: bytes, of: Reference, *, derived: bool = False) -> PackedFile:
    """The facts about `content`."""
    return PackedFile(
        name=name,
        media_type=media_type,
        size=len(content),
        sha256=Sha256(hashlib.sha256(content).hexdigest()),
        sha1=base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
        of=of,
        derived=derived,
    )
