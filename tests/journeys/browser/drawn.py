"""Drawn photographs: no body anywhere, but what a clinical photograph has: a subject, a scale, a camera's metadata."""

from __future__ import annotations

import datetime as dt
import io
import math
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

CAMERA = "CanaryCam"
"""In every drawn photograph's metadata; in nothing that is filed."""
_GROUND = ((226, 205, 188), (214, 190, 172), (232, 214, 200), (221, 200, 178))
_MARK = ((150, 60, 52), (112, 74, 52), (186, 84, 92), (96, 58, 66))
_GPS = {1: "N", 2: (53.0, 57.0, 30.0), 3: "W", 4: (1.0, 5.0, 0.0)}


def disc(seed: int, size: tuple[int, int] = (1200, 900)) -> Image.Image:
    """A coloured, ragged disc on a plain ground, with a ruler below it."""
    rough = random.Random(seed)
    width, height = size
    image = Image.new("RGB", size, _GROUND[seed % len(_GROUND)])
    draw = ImageDraw.Draw(image)
    middle, radius = (width * 0.5, height * 0.45), height * (0.18 + 0.04 * (seed % 3))
    for ring in range(9, 0, -1):
        edge = [
            (
                middle[0] + radius * ring / 9 * rough.uniform(0.9, 1.1) * math.cos(step * math.tau / 60),
                middle[1] + radius * ring / 9 * rough.uniform(0.9, 1.1) * math.sin(step * math.tau / 60),
            )
            for step in range(60)
        ]
        tint = tuple(round(tone + (9 - ring) * 5) for tone in _MARK[seed % len(_MARK)])
        draw.polygon(edge, fill=tint)
    image = image.filter(ImageFilter.GaussianBlur(height / 180))
    _rule(ImageDraw.Draw(image), width, height)
    return image


def leaf(size: tuple[int, int] = (1200, 900)) -> Image.Image:
    """A leaf with veins, and a ruler: plainly no patient."""
    width, height = size
    image = Image.new("RGB", size, (238, 236, 228))
    draw = ImageDraw.Draw(image)
    left, right, middle = width * 0.2, width * 0.8, height * 0.42
    steps = [step / 60 for step in range(61)]
    bulge = [math.sin(math.pi * step) ** 0.8 * height * 0.24 for step in steps]
    across = [left + (right - left) * step for step in steps]
    upper = [(x, middle - rise) for x, rise in zip(across, bulge, strict=True)]
    lower = [(x, middle + rise) for x, rise in zip(across, bulge, strict=True)]
    draw.polygon([*upper, *reversed(lower)], fill=(92, 138, 84))
    draw.line([(left - width * 0.06, middle), (right, middle)], fill=(62, 96, 58), width=max(3, height // 120))
    for x, rise in list(zip(across, bulge, strict=True))[8:54:6]:
        for side in (-1, 1):
            tip = (x + rise * 0.45, middle + side * rise * 0.8)
            draw.line([(x, middle), tip], fill=(70, 108, 64), width=max(2, height // 220))
    draw.ellipse([width * 0.56, height * 0.3, width * 0.62, height * 0.37], fill=(150, 112, 60))
    image = image.filter(ImageFilter.GaussianBlur(height / 450))
    _rule(ImageDraw.Draw(image), width, height)
    return image


def _rule(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    top, bottom = height * 0.8, height * 0.92
    draw.rectangle([width * 0.1, top, width * 0.9, bottom], fill=(250, 250, 246), outline=(90, 90, 90), width=2)
    for tick in range(41):
        x = width * (0.1 + 0.8 * tick / 40)
        long = height * (0.06 if tick % 10 == 0 else 0.045 if tick % 5 == 0 else 0.025)
        draw.line([(x, top), (x, top + long)], fill=(60, 60, 60), width=2)


def as_photograph(image: Image.Image, taken: dt.datetime) -> bytes:
    """As a telephone would write it: with its maker, the place and the time."""
    exif = Image.Exif()
    exif[0x010F] = CAMERA
    exif.get_ifd(0x8769)[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    exif.get_ifd(0x8825).update(_GPS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, exif=exif)
    return out.getvalue()


def draw_photographs(folder: Path, count: int, *, size: tuple[int, int] = (1200, 900)) -> list[Path]:
    """Files as a clinician would choose them: their names say what no URL and no page may repeat."""
    now = dt.datetime.now().astimezone()
    paths = []
    for number in range(count):
        path = folder / f"Whitlock Anand leg {number}.jpg"
        path.write_bytes(as_photograph(disc(number, size), now))
        paths.append(path)
    return paths
