"""What looking at a video without decoding it tells, and the limits that hold before a decoder sees a byte."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from fhir_plugin.imaging.refusals import refuse

MAX_VIDEO_BYTES = 200 << 20
"""Of one video as received. The worker's own bound; a policy pack sets a lower one."""
MAX_FRAME_PIXELS = 4096 * 2304
"""Width times height of one frame: 4K and a little more."""
MAX_FRAMES = 60 * 60 * 10
"""Pictures in one video: ten minutes at sixty a second."""
MAX_TRACKS = 32
MAX_ELEMENTS = 200_000
"""Boxes or elements looked at in one file."""


class VideoKind(StrEnum):
    """The containers that can become a clinical video. QuickTime is read as the MP4 that it nearly is."""

    MP4 = "mp4"
    WEBM = "webm"


class Turn(StrEnum):
    """How the stored frames have to be turned to be upright, as a camera's display matrix says."""

    NONE = "none"
    CLOCKWISE = "clockwise"
    HALF = "half"
    ANTICLOCKWISE = "anticlockwise"
    MIRRORED = "mirrored"
    UPSIDE_DOWN = "upside-down"
    TRANSPOSED = "transposed"
    TRANSVERSED = "transversed"


@dataclass(frozen=True)
class Patch:
    """Bytes to show to the demuxer instead of those of the file, from `at` on."""

    at: int
    instead: bytes


@dataclass(frozen=True)
class VideoAnatomy:
    """One video, looked at but not decoded.

    `width` and `height` are those of the stored frames, `turn` still has to be applied. `patches` blank out
    whatever is neither picture nor (where there is one) the first sound: tracks of text, places and times, tags,
    chapters, attachments. `found` names in plain words what the file carried besides moving pictures.
    """

    kind: VideoKind
    width: int
    height: int
    has_sound: bool
    patches: tuple[Patch, ...]
    turn: Turn = Turn.NONE
    found: frozenset[str] = frozenset()
    captured_at: dt.datetime | None = None
    captured_at_has_offset: bool = False


def sniff_video(content: bytes | memoryview) -> VideoKind | None:
    """The kind of video that the first bytes claim; None for anything that is no video we read.

    Stills in ISO files (HEIC, AVIF, raw photographs) have brands of their own and are not videos.
    """
    head = bytes(content[:64])
    if head.startswith(b"\x1aE\xdf\xa3"):
        return VideoKind.WEBM
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _STILL_BRANDS else VideoKind.MP4
    return VideoKind.MP4 if head[4:8] in _QUICKTIME_STARTS else None


_STILL_BRANDS = frozenset(
    [*b"heic heix heim heis mif1 mif2 MiHE miaf msf1 hevc hevx hevm hevs avis avif".split(), b"crx "]
)
_QUICKTIME_STARTS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip"})


def check_frame(width: int, height: int) -> None:
    """Refuses frames without area or with more than `MAX_FRAME_PIXELS`."""
    if width <= 0 or height <= 0:
        raise refuse("video-damaged")
    if width * height > MAX_FRAME_PIXELS:
        raise refuse("video-too-many-pixels")
