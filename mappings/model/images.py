"""Images before and after they are clean, without FHIR and without I/O."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.model.identifiers import ImageId, Sha256


class Arrival(StrEnum):
    """How the image reached the clinician (G-R122, G-R128 to G-R134)."""

    TAKEN_NOW = "taken-now"
    OUR_LINK = "our-link"
    EMAIL = "email"
    OTHER = "other"
    UNASKED = "unasked"


class Photographer(StrEnum):
    """Who pressed the shutter (G-R192, G-R285)."""

    PATIENT = "patient"
    CLINICIAN = "clinician"
    COLLEAGUE = "colleague"
    PARENT = "parent"
    FAMILY_CARER = "family-carer"
    CARE_WORKER = "care-worker"
    OTHER = "other"


class Laterality(StrEnum):
    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"


@dataclass(frozen=True)
class BodySite:
    """A place on the body. `code` is SNOMED CT; `private` says that the policy's intimate list holds it."""

    code: str
    display: str
    paired: bool = False
    private: bool = False


@dataclass(frozen=True)
class Region:
    """A rectangle as fractions of the upright, rotated picture: 0 <= left < right <= 1, top downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise ValueError("a region lies inside the picture and has a width and a height")


@dataclass(frozen=True)
class Geometry:
    """What the clinician did to the picture, in order: turn it, black out, crop.

    `quarter_turns` are clockwise and apply after the camera's own orientation. All regions are fractions
    of the turned, uncropped picture, so that they stay true when the crop changes.
    """

    quarter_turns: int = 0
    crop: Region | None = None
    black_out: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        if self.quarter_turns not in (0, 1, 2, 3):
            raise ValueError("quarter_turns is 0, 1, 2 or 3")

    @property
    def is_identity(self) -> bool:
        return self == Geometry()


UNCHANGED = Geometry()


@dataclass(frozen=True)
class VideoTerms:
    """How a video may be kept: without its sound unless somebody gave a reason for it, and so long at the most."""

    sound: bool = False
    most_seconds: float = 120.0


SILENT = VideoTerms()


@dataclass(frozen=True)
class ReceivedImage:
    """Bytes exactly as they came, of which nothing is believed yet. Never filed, never shown."""

    image_id: ImageId
    content: bytes = field(repr=False)
    declared_type: str
    sha256: Sha256


@dataclass(frozen=True)
class CleanImage:
    """An image or video rebuilt from its pixels: the only kind that can be labelled.

    `content_type` is image/jpeg, image/png, video/mp4 or video/webm; `seconds` is how long a video lasts and
    `sound` whether it kept its sound; its thumbnail is a frame of it. `removed` names in plain words what did
    not survive ("location", "phone model", ...). `captured_at` is the camera's own claim, kept apart from the image.
    """

    image_id: ImageId
    content: bytes = field(repr=False)
    content_type: str
    width: int
    height: int
    sha256: Sha256
    sha256_received: Sha256
    thumbnail: bytes = field(repr=False)
    thumbnail_type: str = "image/jpeg"
    removed: tuple[str, ...] = ()
    captured_at: dt.datetime | None = None
    captured_at_has_offset: bool = False
    lossless: bool = False
    geometry: Geometry = UNCHANGED
    seconds: float | None = None
    sound: bool = False

    @property
    def is_video(self) -> bool:
        return self.content_type.startswith("video/")
