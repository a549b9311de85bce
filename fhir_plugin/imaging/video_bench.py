"""What cleaning a video costs, against decoding and coding it anew with nothing else, in turns within one run."""

from __future__ import annotations

import hashlib
import io
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from fhir_plugin.imaging.video import frame_encoder
from mappings.model.identifiers import ImageId, Sha256
from mappings.model.images import CleanImage, ReceivedImage, VideoTerms

SECONDS = 2
RATE = 30
SIZE = (1920, 1080)


class _Worker(Protocol):
    def clean(self, received: ReceivedImage, *, video: VideoTerms | None = ...) -> CleanImage: ...

    def pids(self) -> list[int]: ...


def measure_video(worker: _Worker, *, rounds: int) -> dict[str, Any]:
    """Medians of `rounds` runs on a drawn film of `SECONDS`; `times_real_time` is the wait as a part of its length."""
    try:
        content = draw_film()
    except ImportError:
        return {"skipped": "the extra `video` is not installed"}
    received = ReceivedImage(ImageId("bench"), content, "video/mp4", Sha256(hashlib.sha256(content).hexdigest()))
    worker.clean(received, video=VideoTerms())
    bare, cleaned = [], []
    for _ in range(rounds):
        bare.append(_timed(lambda: bare_transcode(content)))
        cleaned.append(_timed(lambda: worker.clean(received, video=VideoTerms())))
    took = statistics.median(cleaned)
    return {
        "bytes": len(content),
        "film_seconds": SECONDS,
        "bare": round(statistics.median(bare), 3),
        "cleaned": round(took, 3),
        "ratio": round(took / statistics.median(bare), 3),
        "times_real_time": round(took / SECONDS, 3),
        "frames_a_second": round(SECONDS * RATE / took, 1),
        "clean_bytes": len(worker.clean(received, video=VideoTerms()).content),
    }


def draw_film() -> bytes:
    """1080p, thirty frames a second: a gradient that moves, with grain. Raises ImportError without PyAV."""
    import av

    out, chance = io.BytesIO(), np.random.default_rng(7)
    grain = chance.integers(0, 24, (SIZE[1], SIZE[0], 1), dtype=np.uint8)
    down, across = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    with av.open(out, "w", format="mp4") as target:
        stream: Any = target.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(SECONDS * RATE):
            ground = ((across + 6 * number) // 12 % 180 + down // 20).astype(np.uint8)
            pixels = np.roll(grain, 5 * number, axis=1) + ground[:, :, None]
            frame = av.VideoFrame.from_ndarray(np.repeat(pixels, 3, axis=2), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            for packet in stream.encode(frame):
                target.mux(packet)
        for packet in stream.encode(None):
            target.mux(packet)
    return out.getvalue()


def bare_transcode(content: bytes) -> bytes:
    """The least that a rebuild can be: decode, encode with the same settings."""
    import av

    out = io.BytesIO()
    name, options = frame_encoder("mp4")
    with av.open(io.BytesIO(content), "r") as source, av.open(out, "w", format="mp4") as target:
        stream: Any = target.add_stream(name, rate=RATE, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.thread_count = 2
        source.streams.video[0].thread_type = "AUTO"
        for frame in source.decode(video=0):
            for packet in stream.encode(frame):
                target.mux(packet)
        for packet in stream.encode(None):
            target.mux(packet)
    return out.getvalue()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
