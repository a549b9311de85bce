"""Files that want something else than to be shown: each ends in a refusal with a code, and opens nothing."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.errors import UnacceptableImage
from fhir_plugin.imaging.refusals import REFUSALS
from fhir_plugin.imaging.video import clean_video, look_at_video
from fhir_plugin.imaging.video_anatomy import Patch, sniff_video
from fhir_plugin.imaging.video_proof import prove_mp4, prove_webm
from fhir_plugin.imaging.video_source import PatchedBytes
from mappings.model.images import SILENT, UNCHANGED
from tests.imaging.drawing import received
from tests.imaging.videos import box, film, inside, with_bytes, with_index_grown

PLAIN = film(told=False, frames=8)
WEBM = film(told=False, frames=8, container="webm", codec="libvpx")


def _in_stbl(name: bytes, offset: int, instead: bytes) -> bytes:
    at, _ = inside(PLAIN, b"moov", b"trak", b"mdia", b"minf", b"stbl", name)
    return with_bytes(PLAIN, at + offset, instead)


def _dref(instead: bytes) -> bytes:
    """The data reference of the picture track is a URL or an alias."""
    _, end = inside(PLAIN, b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
    return with_bytes(PLAIN, end - 12, instead)


def _mp4(*moov: bytes) -> bytes:
    return box(b"ftyp", b"isom\0\0\2\0isommp41") + box(b"moov", *moov) + box(b"mdat", b"\0" * 64)


MANY_TRACKS = [box(b"trak", box(b"tkhd", bytes(80)))] * 100_000

HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a playlist": (lambda: b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n", "video-format"),
    "a concat script": (lambda: b"ffconcat version 1.0\nfile '/etc/hostname'\n", "video-format"),
    "a DASH manifest": (lambda: b"<?xml version='1.0'?><MPD><BaseURL>file:///etc/</BaseURL></MPD>", "video-format"),
    "an SDP": (lambda: b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", "video-format"),
    "an AVI": (lambda: b"RIFF\0\0\0\0AVI LIST", "video-format"),
    "nothing": (lambda: b"", "video-format"),
    "a QuickTime of references to films": (
        lambda: box(b"moov", box(b"rmra", box(b"rmda", box(b"rdrf", b"\0\0\0\0url \0\0\0\x14file:///etc/hostname")))),
        "video-refers-elsewhere",
    ),
    "a packed index": (lambda: _mp4(box(b"cmov", bytes(20))), "video-format"),
    "a track whose data lie in another file": (lambda: _dref(b"\0\0\0\x0curl \0\0\0\0"), "video-refers-elsewhere"),
    "a track whose data lie behind an alias": (lambda: _dref(b"\0\0\0\x0calis\0\0\0\0"), "video-refers-elsewhere"),
    "an index of nothing": (lambda: _mp4(), "video-no-frames"),
    "a hundred thousand tracks": (lambda: _mp4(*MANY_TRACKS), "video-hidden-bulk"),
    "a million empty boxes": (lambda: _mp4(*[b"\0\0\0\x08free"] * 1_000_000), "video-hidden-bulk"),
    "boxes within boxes": (lambda: _mp4(_nested(5000)), "video-no-frames"),
    "no frames": (lambda: _in_stbl(b"stsz", 12, bytes(8)), "video-no-frames"),
    "four thousand million frames of one size": (
        lambda: _in_stbl(b"stsz", 12, b"\0\0\0\1\xff\xff\xff\xff"),
        "video-too-long",
    ),
    "a table that ends beyond itself": (lambda: _in_stbl(b"stsz", 16, b"\0\0\xff\0"), "video-damaged"),
    "a table of times without end": (lambda: _in_stbl(b"stts", 12, b"\xff\xff\xff\xff"), "video-hidden-bulk"),
    "frames of 65,535 by 65,535": (lambda: _in_stbl(b"stsd", 16 + 32, b"\xff\xff\xff\xff"), "video-too-many-pixels"),
    "frames of no size": (lambda: _in_stbl(b"stsd", 16 + 32, bytes(4)), "video-damaged"),
    "a coder that nobody knows": (lambda: _in_stbl(b"stsd", 16 + 4, b"evil"), "video-format"),
    "a protected film": (lambda: _in_stbl(b"stsd", 16 + 4, b"encv"), "video-format"),
    "two indexes": (lambda: PLAIN + PLAIN[slice(*inside(PLAIN, b"moov"))], "video-damaged"),
    "half a film": (lambda: PLAIN[: len(PLAIN) // 2], "video-truncated"),
    "a film without its index": (lambda: PLAIN[: inside(PLAIN, b"moov")[0]], "video-truncated"),
    "frames of noise": (lambda: _noise(), "video-damaged"),
    "a WebM that links to others": (lambda: _webm_info(b"\x3e\x83\xbb\x84evil"), "video-refers-elsewhere"),
    "a WebM of no known kind": (lambda: WEBM.replace(b"\x42\x82\x84webm", b"\x42\x82\x84evil"), "video-format"),
    "a WebM of no known coder": (lambda: WEBM.replace(b"V_VP8", b"V_EVL"), "video-format"),
    "half a WebM": (lambda: WEBM[: len(WEBM) // 2], "video-truncated"),
    "a WebM's beginning": (lambda: WEBM[:40], "video-truncated"),
    "a WebM of elements without end": (lambda: _webm(b"\xec\x80" * 300_000), "video-hidden-bulk"),
}


def _nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = box(b"udta", inner)
    return inner


def _noise() -> bytes:
    at, end = inside(PLAIN, b"mdat")
    noise = random.Random(4).randbytes(end - at - 8)
    return PLAIN[: at + 8] + noise + PLAIN[end:]


def _webm(inner: bytes) -> bytes:
    """A segment of unknown length with nothing but this in it."""
    head = WEBM[: WEBM.index(b"\x18\x53\x80\x67")]
    return head + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + inner


def _webm_info(element: bytes) -> bytes:
    return _webm(b"\x15\x49\xa9\x66" + bytes([0x80 | len(element)]) + element)


@pytest.mark.parametrize("name", HOSTILE)
def test_each_is_refused_with_its_code(name: str) -> None:
    make, code = HOSTILE[name]
    with pytest.raises(UnacceptableImage) as refusal:
        clean_video(make())
    assert refusal.value.code == code
    assert refusal.value.message == REFUSALS[code]


LURES = {
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{path}'\n",
}


@pytest.mark.parametrize("kind", LURES)
def test_not_even_the_library_itself_would_open_what_it_is_pointed_to(tmp_path: Path, kind: str) -> None:
    """Were our own look to miss one: the demuxer is forced, so a script is a broken film to it and nothing more."""
    from fhir_plugin.imaging import video

    secret = tmp_path / "secret.mp4"
    os.mkfifo(secret)  # who opened it to read would hang here for ever
    content = LURES[kind].format(path=secret).encode()
    made = video._Transcoding(look_at_video(PLAIN), UNCHANGED, SILENT)
    with pytest.raises(UnacceptableImage) as refusal:
        made.run(content)
    assert refusal.value.code == "video-damaged"


def test_a_demuxer_that_asks_for_another_file_is_refused() -> None:
    from fhir_plugin.imaging import video

    with pytest.raises(UnacceptableImage) as refusal:
        video._open_nothing("file:///etc/hostname", 1, {})
    assert refusal.value.code == "video-refers-elsewhere"


def test_words_and_other_tracks_are_not_even_shown_to_the_demuxer() -> None:
    content = with_index_grown(film(), box(b"udta", box(b"\xa9xyz", b"+51.5")))
    patched = PatchedBytes(content, look_at_video(content).patches)
    seen = patched.read()
    assert len(seen) == len(content)
    assert b"udta" not in seen
    tracks = seen.count(b"trak")
    assert (content.count(b"trak"), tracks) == (2, 1)


@pytest.mark.parametrize("step", [1, 7, 64, 1000])
def test_patches_lie_over_the_bytes_however_they_are_read(step: int) -> None:
    patched = PatchedBytes(bytes(range(100)) * 10, [Patch(5, b"free"), Patch(63, b"VOIDVOID"), Patch(996, b"end!")])
    whole = bytearray(bytes(range(100)) * 10)
    whole[5:9], whole[63:71], whole[996:] = b"free", b"VOIDVOID", b"end!"
    read = b"".join(iter(lambda: patched.read(step), b""))
    assert read == bytes(whole)
    assert patched.seek(-4, 2) == 996
    assert patched.read() == b"end!"
    with pytest.raises(ValueError, match="before"):
        patched.seek(-1)


def test_stills_in_boxes_are_no_videos() -> None:
    for brand in (b"heic", b"avif", b"mif1", b"crx "):
        assert sniff_video(b"\0\0\0\x18ftyp" + brand + bytes(12)) is None


# ------------------------------------------------------------------------------------------------ fuzz


def _flipped(content: bytes, seed: int) -> bytes:
    """A few bytes of the structure changed, or a piece cut out or doubled."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8, 40))):
        changed[chance.randrange(len(changed))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    at = chance.randrange(len(changed))
    match chance.randrange(6):
        case 0:
            del changed[at : at + chance.randrange(64)]
        case 1:
            changed[at:at] = changed[at : at + chance.randrange(64)]
        case 2:
            struct.pack_into(">I", changed, min(at, len(changed) - 4), chance.choice((0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF)))
    return bytes(changed)


def _survives(content: bytes) -> str:
    """A refusal by its code, or a clean video that is proven. Anything else raises."""
    try:
        clean = clean_video(content)
    except UnacceptableImage as refusal:
        return refusal.code
    (prove_mp4 if clean.content_type == "video/mp4" else prove_webm)(clean.content)
    return "clean"


@pytest.mark.parametrize("name", ["mp4", "webm"])
def test_no_change_of_bytes_leads_to_anything_but_a_refusal_or_a_clean_video(name: str) -> None:
    content = {"mp4": PLAIN, "webm": WEBM}[name]
    ends = {_survives(_flipped(content, seed)) for seed in range(150)}
    assert ends <= {"clean", *REFUSALS}
    assert len(ends) > 3


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["mp4", "webm"])
def test_ten_thousand_changes_of_bytes(name: str) -> None:
    content = {"mp4": PLAIN, "webm": WEBM}[name]
    for seed in range(1000, 11_000):
        assert _survives(_flipped(content, seed)) in {"clean", *REFUSALS}


# ------------------------------------------------------------------------------------------- the worker


@pytest.fixture(scope="module")
def worker() -> Iterator[ProcessImageWorker]:
    with ProcessImageWorker(workers=1) as worker:
        yield worker


def test_the_worker_gives_what_the_same_code_gives_here(worker: ProcessImageWorker) -> None:
    clean, here = worker.clean(received(PLAIN), video=SILENT), clean_video(PLAIN)
    assert (clean.width, clean.height, clean.seconds, clean.removed) == (
        here.width,
        here.height,
        here.seconds,
        here.removed,
    )
    assert clean.is_video
    assert clean.thumbnail == here.thumbnail


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda worker, film: worker.clean(received(film)), "video"),
        (lambda worker, film: worker.clean(received(film), lossless=True, video=SILENT), "video-not-lossless"),
        (lambda worker, film: worker.clean(received(film + b"\0" * (200 << 20)), video=SILENT), "video-too-many-bytes"),
    ],
)
def test_the_worker_takes_a_video_only_on_terms(
    worker: ProcessImageWorker, ask: Callable[[ProcessImageWorker, bytes], object], code: str
) -> None:
    with pytest.raises(UnacceptableImage) as refusal:
        ask(worker, PLAIN)
    assert refusal.value.code == code


def test_a_video_that_takes_too_long_or_too_much_is_stopped() -> None:
    long = film(frames=120, size=(1920, 1080), options={"preset": "ultrafast"})
    for limits, code in (
        ({"video_cpu_seconds": 0.01}, "video-too-slow"),
        ({"memory_bytes": 1 << 20}, "too-much-memory"),
    ):
        with ProcessImageWorker(workers=1, **limits) as small:
            small.start()
            with pytest.raises(UnacceptableImage) as refusal:
                small.clean(received(long), video=SILENT)
            assert refusal.value.code == code
