"""Videos made clean: what is shown stays, what is told goes; upright, in ordinary colours, at its own pace."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.cleaned import Cleaned
from fhir_plugin.imaging.jpeg import look_at_jpeg
from fhir_plugin.imaging.video import clean_video, look_at_video, preview_video
from fhir_plugin.imaging.video_proof import prove_mp4, prove_webm
from mappings.model.images import Geometry, Region, VideoTerms
from tests.imaging.videos import (
    CANARIES,
    box,
    film,
    frames_of,
    inside,
    moments_of,
    turned,
    with_bytes,
    with_index_grown,
)

KINDS: dict[str, dict[str, Any]] = {
    "a phone's MP4": {"sound": "aac"},
    "a QuickTime film": {"container": "mov", "sound": "aac"},
    "an MP4 in fragments": {"muxing": {"movflags": "frag_keyframe+empty_moov"}, "sound": "aac"},
    "a WebM of VP8": {"container": "webm", "codec": "libvpx", "sound": "libopus"},
    "a WebM of VP9": {"container": "webm", "codec": "libvpx-vp9", "sound": "libopus"},
    "HEVC of ten bits in HLG": {
        "codec": "libx265",
        "pixel_format": "yuv420p10le",
        "colours": (9, 18, 9),
        "options": {"x265-params": "log-level=none"},
    },
    "odd sides and whole colours": {"size": (161, 121), "pixel_format": "yuv444p"},
}


def proven(clean: Cleaned) -> tuple[int, int]:
    if clean.content_type == "video/mp4":
        return prove_mp4(clean.content)[:2]
    return prove_webm(clean.content)[:2]


def means(frame: np.ndarray) -> dict[str, tuple[int, ...]]:
    """The colours in the four corners."""
    height, width = frame.shape[:2]
    corners = {
        "top left": frame[: height // 5, : width // 5],
        "top right": frame[: height // 5, -(width // 5) :],
        "bottom left": frame[-(height // 5) :, : width // 5],
        "bottom right": frame[-(height // 5) :, -(width // 5) :],
    }
    return {name: tuple(int(each) for each in part.reshape(-1, 3).mean(axis=0)) for name, part in corners.items()}


def colour(rgb: tuple[int, ...]) -> str:
    names = ("red", "green", "blue")
    return "grey" if max(rgb) - min(rgb) < 60 else names[rgb.index(max(rgb))]


def corners(clean: Cleaned) -> dict[str, str]:
    return {name: colour(rgb) for name, rgb in means(frames_of(clean.content)[5]).items()}


UPRIGHT = {"top left": "red", "top right": "green", "bottom left": "blue", "bottom right": "grey"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_shown_stays_and_what_is_told_goes(kind: str) -> None:
    content = film(**KINDS[kind])
    assert any(word in content for word in CANARIES)
    clean = clean_video(content)
    assert not [word for word in CANARIES if word in clean.content + clean.thumbnail]
    assert proven(clean) == (clean.width, clean.height) == (160, 120)
    assert clean.seconds == pytest.approx(2.0, abs=0.01)
    assert clean.sound is False
    assert "time" in clean.removed
    assert corners(clean) == UPRIGHT
    assert len(frames_of(clean.content)) == 30
    assert not look_at_jpeg(clean.thumbnail).found


@pytest.mark.parametrize("kind", [each for each in KINDS if "sound" in KINDS[each]])
def test_sound_stays_only_where_it_was_asked_for(kind: str) -> None:
    content = film(**KINDS[kind])
    silent, heard = clean_video(content), clean_video(content, terms=VideoTerms(sound=True))
    assert "sound" in silent.removed
    assert heard.sound is True
    assert "sound" not in heard.removed
    prove = prove_mp4 if heard.content_type == "video/mp4" else prove_webm
    assert prove(heard.content)[-1] is True
    assert prove(silent.content)[-1] is False


def test_a_silent_video_stays_silent_whatever_is_asked() -> None:
    clean = clean_video(film(), terms=VideoTerms(sound=True))
    assert clean.sound is False
    assert prove_mp4(clean.content)[3] is False


def test_the_camera_s_own_time_is_told_with_its_offset_and_kept_apart() -> None:
    clean = clean_video(film())
    assert clean.captured_at == dt.datetime(2024, 5, 6, 8, 8, 9, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert clean.captured_at_has_offset
    assert clean_video(film(told=False)).captured_at is None


MATRICES = {
    (0, 1, -1, 0): {"top left": "blue", "top right": "red", "bottom left": "grey", "bottom right": "green"},
    (-1, 0, 0, -1): {"top left": "grey", "top right": "blue", "bottom left": "green", "bottom right": "red"},
    (0, -1, 1, 0): {"top left": "green", "top right": "grey", "bottom left": "red", "bottom right": "blue"},
    (-1, 0, 0, 1): {"top left": "green", "top right": "red", "bottom left": "grey", "bottom right": "blue"},
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_it_is_upright_however_the_phone_was_held(matrix: tuple[int, int, int, int]) -> None:
    clean = clean_video(turned(film(told=False), matrix))
    assert corners(clean) == MATRICES[matrix]
    assert (clean.width, clean.height) == ((120, 160) if matrix[0] == 0 else (160, 120))
    assert look_at_video(clean.content).turn == "none"


def test_what_the_clinician_does_applies_to_every_frame() -> None:
    geometry = Geometry(quarter_turns=1, black_out=(Region(0, 0, 0.4, 0.4),), crop=Region(0, 0, 1, 0.75))
    clean = clean_video(film(), geometry=geometry)
    assert (clean.width, clean.height) == (120, 120)
    for frame in frames_of(clean.content):
        assert frame[:40, :40].max() < 20
        assert colour(means(frame)["top right"]) == "red"


def test_a_changing_pace_is_kept_and_nothing_is_faster_than_sixty_a_second() -> None:
    moments = [0, 0.1, 0.15, 0.4, 1.0, 1.9]
    told = moments_of(clean_video(film(frames=6, moments=moments)).content)
    assert told == pytest.approx(moments, abs=0.002)
    fast = clean_video(film(frames=48, rate=240))
    assert 10 <= len(frames_of(fast.content)) <= 13


def test_a_large_frame_becomes_one_that_plays_everywhere() -> None:
    clean = clean_video(film(size=(3840, 2160), frames=2, options={"preset": "ultrafast"}))
    assert (clean.width, clean.height) == (1920, 1080)


def test_pixels_that_are_no_squares_become_squares() -> None:
    wide = clean_video(film(aspect=Fraction(4, 3)))
    assert (wide.width, wide.height) == (214, 120)
    assert corners(wide) == UPRIGHT
    turned_over = clean_video(film(aspect=Fraction(4, 3)), geometry=Geometry(quarter_turns=1))
    assert (turned_over.width, turned_over.height) == (120, 214)


def test_what_an_edit_list_hides_is_not_there_afterwards() -> None:
    """A phone that trims a film only writes that its beginning is not to be shown (ISO 14496-12, 8.6.6)."""
    content = film(told=False)
    _, end = inside(content, b"moov", b"trak", b"tkhd")
    at, stop = inside(content, b"moov", b"trak", b"edts")
    assert end == at
    with_start = with_bytes(content, at + 24, struct.pack(">Ii", 1000, 9000 * 1))
    assert stop - at == 36
    clean = clean_video(with_start)
    assert clean.seconds is not None
    assert clean.seconds < 1.6
    assert len(frames_of(clean.content)) < 20


def test_the_preview_is_a_frame_turned_as_asked() -> None:
    small = look_at_jpeg(preview_video(film(), quarter_turns=1, longest_side=64))
    assert (small.width, small.height) == (48, 64)
    assert not small.found


def test_too_long_is_said_before_the_end_is_reached() -> None:
    with pytest.raises(UnacceptableImage) as refusal:
        clean_video(film(), terms=VideoTerms(most_seconds=1))
    assert refusal.value.code == "video-too-long"


# ------------------------------------------------------------------------------------- is the proof one?


def test_notes_to_the_decoder_are_gone_and_would_be_found() -> None:
    content = film(told=False)
    assert b"x264 - core" in content
    assert b"x264 - core" not in clean_video(content).content
    with pytest.raises(UnacceptableImage):
        prove_mp4(with_unit_kind(clean_video(content).content, 6))


def with_unit_kind(content: bytes, kind: int) -> bytes:
    """The first coded unit called one of another kind."""
    at, _ = inside(content, b"mdat")
    return with_bytes(content, at + 12, bytes([content[at + 12] & 0xE0 | kind]))


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "a box too many": lambda content: content + box(b"uuid", b"canary words"),
    "notes in the index": lambda content: _grown(content, box(b"udta", b"canary words")),
    "a creation time": lambda content: with_bytes(content, inside(content, b"moov", b"mvhd")[0] + 12, b"\xd0\0\0\0"),
    "a track's time": lambda content: with_bytes(
        content, inside(content, b"moov", b"trak", b"tkhd")[0] + 12, b"\xd0\0\0\0"
    ),
    "another handler's name": lambda content: content.replace(b"VideoHandler", b"CanaryHandle"),
    "another coder's name": lambda content: with_bytes(
        content, content.index(b"avc1", 100) + 4 + 42, b"\x0bcanary word"
    ),
    "bytes after the media": lambda content: content[:-1],
    "a sample that lies elsewhere": lambda content: with_bytes(
        content, inside(content, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stco")[0] + 16, b"\x7f\xff\xff\xff"
    ),
    "a data reference elsewhere": lambda content: content.replace(b"url \0\0\0\x01", b"url \0\0\0\0"),
}


def _grown(content: bytes, added: bytes) -> bytes:
    at, end = inside(content, b"moov")
    return content[:at] + struct.pack(">I", end - at + len(added)) + content[at + 4 : end] + added + content[end:]


@pytest.mark.parametrize("how", SPOILED)
def test_what_does_not_belong_is_found(how: str) -> None:
    clean = clean_video(film()).content
    prove_mp4(clean)
    spoiled = SPOILED[how](clean)
    assert spoiled != clean
    with pytest.raises(UnacceptableImage):
        prove_mp4(spoiled)


def test_a_webm_with_words_in_it_is_found() -> None:
    clean = clean_video(film(container="webm", codec="libvpx")).content
    prove_webm(clean)
    for before, after in (
        (b"Lavf", b"Cana"),
        (b"DURATION", b"LOCATION"),
        (b"\x22\xb5\x9c", b"\x25\x86\x88"),  # a track's language becomes a coder's name
        (b"und", b"can"),
    ):
        assert before in clean
        with pytest.raises(UnacceptableImage):
            prove_webm(clean.replace(before, after))
    with pytest.raises(UnacceptableImage):
        prove_webm(film(container="webm", codec="libvpx"))


def test_words_of_an_index_are_named() -> None:
    """What a phone's index holds is told in plain words, and none of it survives."""
    carried = with_index_grown(
        film(told=False),
        box(
            b"udta", box(b"\xa9xyz", b"\0\x12\x15\xc7+51.5074-000.1278/"), box(b"\xa9mod", b"\0\x0e\0\0Canary Phone 9")
        ),
    )
    clean = clean_video(carried)
    assert {"location", "phone or camera model"} <= set(clean.removed)
    assert not [word for word in CANARIES if word in clean.content]
