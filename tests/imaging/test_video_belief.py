"""What a worker hands back as a clean video is walked again: nothing that it says is taken on trust."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from fhir_plugin.adapters.image_belief import believe_video
from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging import wire
from fhir_plugin.imaging.video import clean_video
from mappings.model.images import SILENT, UNCHANGED, VideoTerms
from tests.imaging.drawing import Canaries, as_jpeg, grainy, loaded_jpeg, received
from tests.imaging.videos import film

SENT = film(sound="aac")
CLEAN = clean_video(SENT)
HEARD = clean_video(SENT, terms=VideoTerms(sound=True))
WEBM = clean_video(film(container="webm", codec="libvpx", sound="libopus"), terms=VideoTerms(sound=True))
ANSWER: dict[str, Any] = {
    "status": "clean",
    "content_type": "video/mp4",
    "width": 160,
    "height": 120,
    "removed": ["location"],
    "captured_at": None,
    "captured_at_has_offset": False,
    "seconds": 2.0,
    "sound": False,
}
SMALL = as_jpeg(grainy(40, 30))


def believed(parts: list[bytes], terms: VideoTerms = SILENT, **changed: object) -> object:
    return believe_video({**ANSWER, **changed}, parts, received(SENT), UNCHANGED, terms)


def test_what_is_clean_is_believed() -> None:
    clean = believed([CLEAN.content, CLEAN.thumbnail])
    assert clean.content == CLEAN.content  # type: ignore[attr-defined]  # a clean image
    assert believed([HEARD.content, SMALL], VideoTerms(sound=True), sound=True)
    assert believed([WEBM.content, SMALL], VideoTerms(sound=True), sound=True, content_type="video/webm")


LIES: dict[str, Callable[[], object]] = {
    "the file as it came": lambda: believed([SENT, SMALL], VideoTerms(sound=True), sound=True),
    "words after the media": lambda: believed([CLEAN.content + b"canary words", SMALL]),
    "words in the poster": lambda: believed([CLEAN.content, loaded_jpeg(Canaries())]),
    "a poster that is none": lambda: believed([CLEAN.content, b"words"]),
    "sound that nobody asked for": lambda: believed([HEARD.content, SMALL], sound=True),
    "sound that it does not admit": lambda: believed([HEARD.content, SMALL], VideoTerms(sound=True), sound=False),
    "sound in a WebM that nobody asked for": lambda: believed([WEBM.content, SMALL], content_type="video/webm"),
    "another size": lambda: believed([CLEAN.content, SMALL], width=120, height=160),
    "another length": lambda: believed([CLEAN.content, SMALL], seconds=60.0),
    "longer than allowed": lambda: believed([CLEAN.content, SMALL], VideoTerms(most_seconds=0.1)),
    "no length": lambda: believed([CLEAN.content, SMALL], seconds=None),
    "a length that is no number": lambda: believed([CLEAN.content, SMALL], seconds="2"),
    "a length that is not one": lambda: believed([CLEAN.content, SMALL], seconds=float("nan")),
    "a picture instead": lambda: believed([SMALL, SMALL], content_type="image/jpeg"),
    "another container": lambda: believed([CLEAN.content, SMALL], content_type="video/webm"),
    "a QuickTime": lambda: believed([CLEAN.content, SMALL], content_type="video/quicktime"),
    "too many words about it": lambda: believed([CLEAN.content, SMALL], removed=["x"] * 65),
    "half an answer": lambda: believed([CLEAN.content]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_child_that_smuggles_is_not_believed(lie: str) -> None:
    with pytest.raises((wire.BrokenFrame, UnacceptableImage)):
        LIES[lie]()


def test_a_clean_video_cut_anywhere_is_not_believed_and_breaks_nothing() -> None:
    for content, kind in ((CLEAN.content, "video/mp4"), (WEBM.content, "video/webm")):
        for at in range(0, len(content), 97):
            with pytest.raises((wire.BrokenFrame, UnacceptableImage)):
                believed([content[:at], SMALL], VideoTerms(sound=True), content_type=kind)


def test_a_count_that_would_fill_the_parent_s_memory_is_refused_before_it_is_counted() -> None:
    at = CLEAN.content.index(b"stsz") + 8
    changed = CLEAN.content[:at] + b"\0\0\0\1\xff\xff\xff\xff" + CLEAN.content[at + 8 :]
    tracemalloc.start()
    try:
        with pytest.raises(UnacceptableImage):
            believed([changed, SMALL])
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("box", [b"tkhd", b"mdhd", b"hdlr", b"stsd", b"stsz", b"stsc", b"stco", b"dref"])
def test_a_box_that_is_missing_is_noticed(box: bytes) -> None:
    with pytest.raises(UnacceptableImage):
        believed([_without(CLEAN.content, box), SMALL])


def _without(content: bytes, name: bytes) -> bytes:
    """The box taken out, and every box around it shortened."""
    at = content.index(name) - 4
    size = int.from_bytes(content[at : at + 4], "big")
    shorter = bytearray(content)
    for outer in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"):
        start = content.find(outer) - 4
        end = start + int.from_bytes(content[start : start + 4], "big")
        if start <= at < end:
            shorter[start : start + 4] = (end - start - size).to_bytes(4, "big")
    del shorter[at : at + size]
    return bytes(shorter)


def test_a_clean_video_changed_anywhere_is_refused_or_still_clean() -> None:
    """Changed structure may crash nothing in the parent, which has secrets."""
    index = CLEAN.content.index(b"mdat")
    for at in (*range(index), *range(index, len(CLEAN.content), 40)):
        for value in (0, 0xFF):
            changed = bytearray(CLEAN.content)
            changed[at] = value
            try:
                believed([bytes(changed), SMALL])
            except (wire.BrokenFrame, UnacceptableImage):
                continue
