"""Screenshots, as far as a file tells: it names no camera, and is of the kind or shape that screens are saved in.

A guess that only asks a question; nothing is refused or decided by it.
"""

from __future__ import annotations

from typing import Final

from mappings.model.images import CleanImage

CAMERA: Final = "phone or camera model"
"""What cleaning says that it removed where a file named its camera."""
TALL: Final = 1.95
"""Screens of telephones are at least so much longer than wide; cameras take 4:3, 3:2 and 16:9."""
DESKTOPS: Final = frozenset(
    {(1280, 800), (1366, 768), (1440, 900), (1536, 864), (1600, 900), (1680, 1050), (1920, 1080), (1920, 1200)}
    | {(2560, 1080), (2560, 1440), (2560, 1600), (2880, 1800), (3440, 1440), (3840, 2160)}
)


def looks_like_screen(image: CleanImage, declared_type: str) -> bool:
    """Whether somebody should say what this picture is. `image` as it came: not cropped yet."""
    if image.is_video or CAMERA in image.removed:
        return False
    if "image/png" in (declared_type, image.content_type):
        return True
    long, short = max(image.width, image.height), min(image.width, image.height)
    return (image.width, image.height) in DESKTOPS or (short > 0 and long / short >= TALL)
