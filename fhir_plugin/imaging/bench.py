"""What cleaning costs, as ratios to the least that it could cost, taken in turns within one run."""

from __future__ import annotations

import hashlib
import io
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image, ImageCms, ImageOps

from fhir_plugin.imaging.clean import clean, look
from fhir_plugin.imaging.colour_spaces import DISPLAY_P3
from fhir_plugin.imaging.lossless import strip
from fhir_plugin.imaging.profiles import profile_of
from fhir_plugin.imaging.rebuild import JPEG_QUALITY, THUMBNAIL_SIDE, subsampling_of, upright_pixels
from fhir_plugin.imaging.ssim import structural_similarity
from fhir_plugin.imaging.video_bench import measure_video
from mappings.model.identifiers import ImageId, Sha256
from mappings.model.images import UNCHANGED, CleanImage, ReceivedImage, VideoTerms

PHOTO_SIZE = (4032, 3024)
GOAL_RATIO = 1.2
GOAL_LOSSLESS_RATIO = 0.1
GOAL_MEGABYTES = 200

Figures = dict[str, Any]


class _Worker(Protocol):
    def clean(self, received: ReceivedImage, *, lossless: bool = ..., video: VideoTerms | None = ...) -> CleanImage: ...

    def pids(self) -> list[int]: ...


def measure(worker: _Worker, *, rounds: int, photos: Mapping[str, bytes]) -> Figures:
    """Medians of `rounds` runs, seconds unless said otherwise."""
    figures: Figures = {"rounds": rounds}
    figures["jpeg_12_megapixels"] = _measure_jpeg(worker, draw_photo(), rounds)
    figures["jpeg_12_megapixels_display_p3"] = _measure_jpeg(worker, draw_photo(profile_of(DISPLAY_P3)), rounds)
    figures["video_1080p"] = measure_video(worker, rounds=max(1, rounds // 3))
    for name, content in photos.items():
        received = _received(content)
        worker.clean(received)
        figures[name] = {"cleaned": _median(lambda r=received: worker.clean(r), rounds)}  # type: ignore[misc]  # bound now
    return figures


def _measure_jpeg(worker: _Worker, content: bytes, rounds: int) -> Figures:
    received = _received(content)
    worker.clean(received)
    bare, cleaned, stripped = [], [], []
    for _ in range(rounds):
        bare.append(_timed(lambda: bare_rebuild(content)))
        cleaned.append(_timed(lambda: worker.clean(received)))
        stripped.append(_timed(lambda: _strip_only(content)))
    figures: Figures = {
        "bytes": len(content),
        "bare": round(statistics.median(bare), 4),
        "cleaned": round(statistics.median(cleaned), 4),
        "lossless_strip": round(statistics.median(stripped), 4),
        "lossless_with_thumbnail_and_worker": _median(lambda: worker.clean(received, lossless=True), rounds),
        "worker_peak_megabytes": max(map(peak_megabytes, worker.pids())),
    }
    figures["ratio"] = round(figures["cleaned"] / figures["bare"], 3)
    figures["ratio_goal"] = GOAL_RATIO
    figures["lossless_ratio"] = round(figures["lossless_strip"] / figures["cleaned"], 3)
    figures["lossless_ratio_goal"] = GOAL_LOSSLESS_RATIO
    figures["megabytes_goal"] = GOAL_MEGABYTES
    figures.update(_fidelity(content))
    return figures


def draw_photo(icc: bytes | None = None, size: tuple[int, int] | None = None) -> bytes:
    """A camera-like JPEG, the same each time: skin-like gradients, edges, grain; lying on its side (orientation 6)."""
    width, height = size or PHOTO_SIZE
    random = np.random.default_rng(12)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    ground = 150 + 60 * np.sin(across / 310) * np.cos(down / 270) + 25 * np.sin((across + 2 * down) / 37)
    spot = ((across - width * 0.4) ** 2 + (down - height * 0.5) ** 2) < (min(width, height) / 5) ** 2
    photo = np.stack((ground + 35, ground - 10 - 45 * spot, ground - 30 - 55 * spot), axis=-1)
    del ground, down, across
    photo += random.normal(0, 5, (height, width, 1)).astype(np.float32)
    image = Image.fromarray(photo.clip(0, 255).astype(np.uint8), "RGB")
    exif = Image.Exif()
    exif[0x0110] = "Bench"
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95, exif=exif, icc_profile=icc)
    return out.getvalue()


def bare_rebuild(content: bytes) -> tuple[bytes, bytes]:
    """The least that a rebuild can be: decode, transpose, convert colours if there is a profile, encode, thumbnail."""
    image: Image.Image = Image.open(io.BytesIO(content))
    icc = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if icc:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"))
        image = converted if converted is not None else image
    out, small = io.BytesIO(), io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=subsampling_of(look(content), UNCHANGED))
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    image.save(small, "JPEG")
    return out.getvalue(), small.getvalue()


def _strip_only(content: bytes) -> str:
    stripped, _ = strip(look(content))
    return hashlib.sha256(stripped).hexdigest()


def _fidelity(content: bytes) -> Figures:
    """How like the clean picture is to the pixels it was made from, both in sRGB and upright."""
    image = clean(_received(content))
    before, _ = upright_pixels(look(content))
    after = Image.open(io.BytesIO(image.content))
    return {
        "ssim": round(structural_similarity(np.asarray(before.convert("L")), np.asarray(after.convert("L"))), 5),
        "clean_bytes": len(image.content),
    }


def _received(content: bytes) -> ReceivedImage:
    return ReceivedImage(ImageId("bench"), content, "image/jpeg", Sha256(hashlib.sha256(content).hexdigest()))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _median(work: Callable[[], object], rounds: int) -> float:
    return round(statistics.median(_timed(work) for _ in range(rounds)), 4)


def peak_megabytes(pid: int) -> int:
    """The most resident memory a process ever had; 0 where the system does not tell (not Linux)."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0
