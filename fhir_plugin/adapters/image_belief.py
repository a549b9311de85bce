"""What a worker process hands back, walked again before it counts as clean: it has opened hostile bytes."""

from __future__ import annotations

from fhir_plugin.imaging import wire
from fhir_plugin.imaging.cleaned import Cleaned, name_clean
from fhir_plugin.imaging.jpeg import look_at_jpeg
from fhir_plugin.imaging.png import look_at_png
from fhir_plugin.imaging.video_proof import prove_mp4, prove_webm
from mappings.model.images import CleanImage, Geometry, ReceivedImage, VideoTerms

_LOOK = {"image/jpeg": look_at_jpeg, "image/png": look_at_png}
_MAX_WORDS = 64
_SLACK = 1.5
"""Seconds that a last frame may last beyond what was asked for."""


def believe(
    answer: wire.Header, parts: list[bytes], received: ReceivedImage, geometry: Geometry, lossless: bool
) -> CleanImage:
    """The clean picture, if the answer can be believed.

    Raises `wire.BrokenFrame` where it does not fit, `UnacceptableImage` where its structure is not sound.
    """
    content, thumbnail, content_type, width, height = _shape(answer, parts)
    look = _LOOK.get(content_type)
    if look is None:
        raise wire.BrokenFrame("neither JPEG nor PNG")
    anatomy = look(content)
    if {anatomy.width, anatomy.height} != {width, height}:
        raise wire.BrokenFrame("not the size it says")
    if anatomy.found - ({"colour profile"} if lossless else set()):
        raise wire.BrokenFrame("not clean")
    cleaned = _cleaned(answer, content, thumbnail, content_type, (width, height))
    return name_clean(cleaned, received, geometry, lossless)


def believe_video(
    answer: wire.Header, parts: list[bytes], received: ReceivedImage, geometry: Geometry, terms: VideoTerms
) -> CleanImage:
    """The clean video, if the answer can be believed: every box and unit of it is on the list of what may be there."""
    content, thumbnail, content_type, width, height = _shape(answer, parts)
    seconds = answer.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise wire.BrokenFrame("no duration")
    if not 0 <= seconds <= terms.most_seconds + _SLACK:
        raise wire.BrokenFrame("longer than asked for")
    if content_type == "video/mp4":
        across, down, lasts, sound = prove_mp4(content)
        if abs(lasts - seconds) > _SLACK + seconds / 20:
            raise wire.BrokenFrame("not as long as it says")
    elif content_type == "video/webm":
        across, down, sound = prove_webm(content)
    else:
        raise wire.BrokenFrame("neither MP4 nor WebM")
    if (across, down) != (width, height):
        raise wire.BrokenFrame("not the size it says")
    if (sound and not terms.sound) or sound is not answer.get("sound"):
        raise wire.BrokenFrame("sound that nobody asked for")
    cleaned = _cleaned(answer, content, thumbnail, content_type, (width, height), float(seconds), sound)
    return name_clean(cleaned, received, geometry, False)


def _shape(answer: wire.Header, parts: list[bytes]) -> tuple[bytes, bytes, str, int, int]:
    if answer.get("status") != "clean" or len(parts) != 2:
        raise wire.BrokenFrame("not a clean picture")
    content_type, width, height = answer.get("content_type"), answer.get("width"), answer.get("height")
    if not isinstance(content_type, str):
        raise wire.BrokenFrame("no type")
    if not isinstance(width, int) or not isinstance(height, int):
        raise wire.BrokenFrame("no size")
    if look_at_jpeg(parts[1]).found:
        raise wire.BrokenFrame("not clean")
    return parts[0], parts[1], content_type, width, height


def _cleaned(
    answer: wire.Header,
    content: bytes,
    thumbnail: bytes,
    content_type: str,
    size: tuple[int, int],
    seconds: float | None = None,
    sound: bool = False,
) -> Cleaned:
    removed = answer.get("removed")
    if not isinstance(removed, list) or len(removed) > _MAX_WORDS:
        raise wire.BrokenFrame("no list of what was removed")
    if not all(isinstance(word, str) and len(word) <= _MAX_WORDS for word in removed):
        raise wire.BrokenFrame("no list of what was removed")
    return Cleaned(
        content=content,
        content_type=content_type,
        width=size[0],
        height=size[1],
        thumbnail=thumbnail,
        removed=tuple(removed),
        captured_at=wire.time_from_json(answer.get("captured_at")),
        captured_at_has_offset=answer.get("captured_at_has_offset") is True,
        seconds=seconds,
        sound=sound,
    )
