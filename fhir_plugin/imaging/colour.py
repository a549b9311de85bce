"""Whatever colour space a picture is in, the clean one is in sRGB: correct without a profile, everywhere."""

from __future__ import annotations

import io

from PIL import Image, ImageChops, ImageCms

from fhir_plugin.imaging.colour_spaces import Primaries
from fhir_plugin.imaging.profiles import profile_of

_SPACE_OF_MODE = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
_PROBE_STEPS = 17
_INVISIBLE = 1
"""Levels of 255 by which a conversion may change a colour and still be left out."""


def to_srgb(image: Image.Image, icc: bytes | None, primaries: Primaries | None) -> tuple[Image.Image, bool]:
    """The picture (mode RGB, L or CMYK, no alpha) in sRGB as RGB or L, and whether its colours had to be converted.

    A profile that is broken or made for another kind of picture is as if absent, as viewers have it.
    Relative colorimetric with black-point compensation, as browsers do it.
    """
    if icc is None and primaries is not None:
        icc = profile_of(primaries)
    transform = _transform(image.mode, icc) if icc is not None else None
    if transform is None or _changes_nothing(image.mode, transform):
        return (image.convert("RGB") if image.mode == "CMYK" else image), False
    if image.mode == "RGB":
        ImageCms.applyTransform(image, transform, inPlace=True)
        return image, True
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ImageCms.PyCMSError("no picture came out of the conversion")
    return converted, True


def _transform(mode: str, icc: bytes) -> ImageCms.ImageCmsTransform | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space != _SPACE_OF_MODE.get(mode):
            return None
        return ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _changes_nothing(mode: str, transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether colours spread over the whole space come out as they went in: most profiles are sRGB by another name."""
    probe = _probe(mode)
    if probe is None:
        return False
    converted = ImageCms.applyTransform(probe, transform)
    if converted is None:
        return False
    worst = ImageChops.difference(probe.convert("RGB"), converted).getextrema()
    return all(isinstance(band, tuple) and band[1] <= _INVISIBLE for band in worst)


def _probe(mode: str) -> Image.Image | None:
    if mode == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    if mode != "RGB":
        return None
    levels = [255 * step // (_PROBE_STEPS - 1) for step in range(_PROBE_STEPS)]
    colours = bytes(level for r in levels for g in levels for b in levels for level in (r, g, b))
    return Image.frombytes("RGB", (_PROBE_STEPS**2, _PROBE_STEPS), colours)
