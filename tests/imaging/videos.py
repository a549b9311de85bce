"""Videos of drawn things, made when they are needed: a moving square, a tone, and every place that can hold a word."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

CANARIES = (b"+51.5074-000.1278", b"Canary Phone 9", b"Canary Make", b"canary words", b"Canary chapter")


def drawn(number: int, width: int, height: int) -> Any:
    """Frame `number`: red at the top left, green at the top right, blue at the bottom left, and a moving white bar."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[: height // 3, : width // 3] = (220, 30, 30)
    pixels[: height // 3, -(width // 3) :] = (30, 200, 30)
    pixels[-(height // 3) :, : width // 3] = (30, 30, 220)
    left = number * 3 % max(1, width - 4)
    pixels[height // 2 - 2 : height // 2 + 2, left : left + 4] = 250
    return pixels


def film(
    *,
    codec: str = "libx264",
    container: str = "mp4",
    size: tuple[int, int] = (160, 120),
    frames: int = 30,
    rate: int = 15,
    moments: Sequence[float] | None = None,
    pixel_format: str = "yuv420p",
    sound: str | None = None,
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
    told: bool = True,
    colours: tuple[int, int, int] | None = None,
    aspect: Fraction | None = None,
) -> bytes:
    """A small video. `moments` (seconds) for a rate that varies; `told`: with places, names and chapters in it;
    `colours`: primaries, transfer and matrix by number (ITU-T H.273)."""
    out = io.BytesIO()
    with av.open(out, "w", format=container, options={"movflags": "use_metadata_tags", **(muxing or {})}) as target:
        if told:
            target.metadata.update(
                {
                    "location": "+51.5074-000.1278/",
                    "model": "Canary Phone 9",
                    "make": "Canary Make",
                    "comment": "canary words",
                    "creation_time": "2024-05-06T07:08:09.000000Z",
                    "com.apple.quicktime.creationdate": "2024-05-06T08:08:09+0100",
                }
            )
            target.set_chapters(
                [
                    {
                        "id": 1,
                        "start": 0,
                        "end": 1000,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": "Canary chapter"},
                    }
                ]
            )
        picture: Any = target.add_stream(codec, rate=rate, options=dict(options or {}))
        picture.width, picture.height, picture.pix_fmt = *size, pixel_format
        picture.codec_context.time_base = Fraction(1, 9000)
        if colours is not None:
            context = picture.codec_context
            context.color_primaries, context.color_trc, context.colorspace = colours
        if aspect is not None:
            picture.codec_context.sample_aspect_ratio = aspect
        heard: Any = target.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(drawn(number, *size), format="rgb24").reformat(format=pixel_format)
            frame.time_base = Fraction(1, 9000)
            frame.pts = round((moments[number] if moments else number / rate) * 9000)
            for packet in picture.encode(frame):
                target.mux(packet)
        for packet in picture.encode(None):
            target.mux(packet)
        if heard is not None:
            _hum(target, heard, frames / rate)
    return out.getvalue()


def _hum(target: Any, heard: Any, seconds: float) -> None:
    block, samples = heard.codec_context.frame_size or 1024, round(seconds * 48_000)
    wave = (np.sin(np.arange(samples) * 2 * np.pi * 440 / 48_000) * 0.4).astype(np.float32)
    for at in range(0, samples - block, block):
        frame = av.AudioFrame.from_ndarray(wave[None, at : at + block], format="fltp", layout="mono")
        frame = frame if heard.format.name == "fltp" else _as(heard.format.name, frame)
        frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
        for packet in heard.encode(frame):
            target.mux(packet)
    for packet in heard.encode(None):
        target.mux(packet)


def _as(name: str, frame: Any) -> Any:
    frame.sample_rate = 48_000
    return av.AudioResampler(format=name, layout="mono", rate=48_000).resample(frame)[0]


def frames_of(content: bytes) -> list[Any]:
    """Every frame as rgb24, upright or not as it is stored."""
    with av.open(io.BytesIO(content), "r") as source:
        return [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]


def moments_of(content: bytes) -> list[float]:
    with av.open(io.BytesIO(content), "r") as source:
        return [float(frame.time or 0) for frame in source.decode(video=0)]


def box(name: bytes, *parts: bytes) -> bytes:
    """One box of an MP4."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def inside(content: bytes, *path: bytes) -> tuple[int, int]:
    """First and last byte of the box at `path` (its header included)."""
    start, end = 0, len(content)
    at = 0
    for name in path:
        while content[start + 4 : start + 8] != name:
            start += struct.unpack_from(">I", content, start)[0]
            assert start < end, path
        at, end = start, start + struct.unpack_from(">I", content, start)[0]
        start += 8
    return at, end


def with_bytes(content: bytes, at: int, instead: bytes) -> bytes:
    return content[:at] + instead + content[at + len(instead) :]


def turned(content: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    """The MP4 with this display matrix (a, b, c, d) in its first track, as a phone writes it when it is held so."""
    a, b, c, d = (value * 0x10000 for value in matrix)
    at, _ = inside(content, b"moov", b"trak", b"tkhd")
    return with_bytes(content, at + 8 + 40, struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000))


def with_index_grown(content: bytes, *more: bytes) -> bytes:
    """Boxes added at the end of `moov`, which has to be the last box, so that no offset changes."""
    at, end = inside(content, b"moov")
    assert end == len(content)
    added = b"".join(more)
    return content[:at] + struct.pack(">I", end - at + len(added)) + content[at + 4 :] + added
