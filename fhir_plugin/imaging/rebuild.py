"""From looked-at bytes to pixels, and from pixels to a new file in which nothing else is."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from fhir_plugin.imaging.anatomy import Anatomy, Kind
from fhir_plugin.imaging.colour import to_srgb
from fhir_plugin.imaging.refusals import refuse
from mappings.model.images import UNCHANGED, Geometry, Region

JPEG_QUALITY = 95
"""With colour at full resolution (or as in the source), luminance SSIM to the decoded original stays above 0.98."""
THUMBNAIL_SIDE = 320
"""Longest side of a thumbnail, in pixels."""
_THUMBNAIL_QUALITY = 80
_PREVIEW_QUALITY = 80
_BLOCK = 8
_HEIC_THREADS = 2
"""Tiles are decoded side by side: half the wait for the person, the same CPU time."""

_DECODING_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    RuntimeError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
)
"""What Pillow and libheif raise on broken data."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED = {1: Image.Transpose.ROTATE_270, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_90}
_PLUGINS: dict[Kind, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    Kind.JPEG: JpegImagePlugin.JpegImageFile,
    Kind.PNG: PngImagePlugin.PngImageFile,
    Kind.WEBP: WebPImagePlugin.WebPImageFile,
}


@dataclass(frozen=True)
class Rebuilt:
    """A new file made from pixels, with its thumbnail."""

    content: bytes
    content_type: str
    width: int
    height: int
    thumbnail: bytes
    colours_converted: bool


def rebuild(anatomy: Anatomy, geometry: Geometry = UNCHANGED) -> Rebuilt:
    """Upright, in sRGB, turned, blacked out and cropped as asked; JPEG, or PNG where something shows through."""
    image, converted = upright_pixels(anatomy)
    image = apply_geometry(image, geometry)
    return Rebuilt(
        content=_encode(image, subsampling_of(anatomy, geometry)),
        content_type="image/png" if image.mode == "RGBA" else "image/jpeg",
        width=image.width,
        height=image.height,
        thumbnail=thumbnail(image),
        colours_converted=converted,
    )


def upright_pixels(anatomy: Anatomy, *, at_least: int | None = None) -> tuple[Image.Image, bool]:
    """The picture as it should be seen, mode RGB, L or (only where something shows through) RGBA, in sRGB.

    With `at_least`, a JPEG may come smaller, but not below that longest side: much faster. The second value
    says whether colours had to be converted.
    """
    image = _plain_mode(_decode(anatomy, at_least))
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    if image.mode == "RGBA":
        image = image.convert("RGB")
    image, converted = to_srgb(image, anatomy.icc, anatomy.primaries)
    if alpha is not None:
        image = image.convert("RGB")
        # What nobody can see must not be there either.
        image.paste((0, 0, 0), mask=alpha.point([255] + [0] * 255))
        image.putalpha(alpha)
    if anatomy.orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[anatomy.orientation])
    image.info = {}
    return image, converted


def _decode(anatomy: Anatomy, at_least: int | None) -> Image.Image:
    try:
        if anatomy.kind is Kind.HEIC:
            return _decode_heic(anatomy)
        image = _PLUGINS[anatomy.kind](io.BytesIO(anatomy.essential))
        if image.size != (anatomy.width, anatomy.height):
            raise refuse("damaged")
        if at_least is not None and image.mode in ("RGB", "L"):
            image.draft(image.mode, _draft_size(image.size, at_least))
        image.load()
    except _DECODING_ERRORS as error:
        raise refuse("damaged") from error
    return image


def _draft_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(size))
    return max(1, math.ceil(size[0] * scale)), max(1, math.ceil(size[1] * scale))


def _decode_heic(anatomy: Anatomy) -> Image.Image:
    import pi_heif

    pi_heif.options.DECODE_THREADS = _HEIC_THREADS
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    picture = pi_heif.open_heif(anatomy.essential, convert_hdr_to_8bit=True, bgr_mode=False)
    width, height = picture.size
    if width * height > anatomy.width * anatomy.height:
        raise refuse("damaged")
    image: Image.Image = picture.to_pillow()
    return image


def _plain_mode(image: Image.Image) -> Image.Image:
    """RGB, L, CMYK or RGBA, whatever it was."""
    if image.mode in ("RGB", "L", "CMYK"):
        return image.convert("RGBA") if "transparency" in image.info else image
    if image.mode.startswith("I"):
        # 16-bit greys: convert() would clip, not scale.
        return image.convert("I").point([level >> 8 for level in range(65536)], "L")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "P" and "transparency" not in image.info:
        return image.convert("RGB")
    if image.mode in ("P", "LA", "PA", "La", "RGBa", "RGBA"):
        return image.convert("RGBA")
    return image.convert("RGB")


def apply_geometry(image: Image.Image, geometry: Geometry) -> Image.Image:
    """Turns, blacks out, crops: in that order, regions being fractions of the turned, uncropped picture."""
    if geometry.quarter_turns:
        image = image.transpose(_TURNED[geometry.quarter_turns])
    whole = image.size
    left, top = 0, 0
    if geometry.crop is not None:
        box = _crop_box(geometry.crop, whole)
        left, top = box[:2]
        image = image.crop(box)
    black = 0 if image.mode == "L" else (0, 0, 0) if image.mode == "RGB" else (0, 0, 0, 255)
    for region in geometry.black_out:
        box = _cover(region, whole, origin=(left, top), block=1 if image.mode == "RGBA" else _BLOCK)
        clipped = (max(box[0], 0), max(box[1], 0), min(box[2], image.width), min(box[3], image.height))
        if clipped[0] < clipped[2] and clipped[1] < clipped[3]:
            image.paste(black, clipped)
    return image


def _crop_box(region: Region, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The nearest whole pixels."""
    width, height = size
    box = (
        round(region.left * width),
        round(region.top * height),
        round(region.right * width),
        round(region.bottom * height),
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        raise refuse("region-too-small")
    return box


def _cover(region: Region, size: tuple[int, int], *, origin: tuple[int, int], block: int) -> tuple[int, int, int, int]:
    """All blocks that the region touches, in the cropped picture.

    A JPEG block is compressed as a whole: were it half black, its ripples would show inside the black.
    """
    return (
        math.floor((math.floor(region.left * size[0]) - origin[0]) / block) * block,
        math.floor((math.floor(region.top * size[1]) - origin[1]) / block) * block,
        math.ceil((math.ceil(region.right * size[0]) - origin[0]) / block) * block,
        math.ceil((math.ceil(region.bottom * size[1]) - origin[1]) / block) * block,
    )


def subsampling_of(anatomy: Anatomy, geometry: Geometry) -> str:
    """Redness is a finding: colour is halved only where the camera had halved it on the same grid of pixels.

    Never beside a black-out: neighbours would share their colour with the black.
    """
    same_grid = geometry.crop is None and not geometry.black_out
    return "4:2:0" if anatomy.halved_colour and same_grid else "4:4:4"


def _encode(image: Image.Image, subsampling: str) -> bytes:
    out = io.BytesIO()
    if image.mode == "RGBA":
        image.save(out, "PNG", compress_level=4)
    else:
        _save_jpeg(image, out, JPEG_QUALITY, subsampling)
    return out.getvalue()


def _save_jpeg(image: Image.Image, out: io.BytesIO, quality: int, subsampling: str) -> None:
    image.info = {}
    image.save(out, "JPEG", quality=quality, subsampling=subsampling, comment=b"", exif=b"")


def thumbnail(image: Image.Image) -> bytes:
    """A JPEG of at most `THUMBNAIL_SIDE`, from pixels that are already clean; what shows through becomes white."""
    return _small_jpeg(image, THUMBNAIL_SIDE, _THUMBNAIL_QUALITY)


def preview_jpeg(image: Image.Image, longest_side: int) -> bytes:
    """A JPEG for the editor, of at most `longest_side`; what shows through becomes white."""
    return _small_jpeg(image, longest_side, _PREVIEW_QUALITY)


def _small_jpeg(image: Image.Image, longest_side: int, quality: int) -> bytes:
    small = image if max(image.size) <= longest_side else shrunk(image, longest_side)
    if small.mode == "RGBA":
        ground = Image.new("RGB", small.size, (255, 255, 255))
        ground.paste(small, mask=small.getchannel("A"))
        small = ground
    out = io.BytesIO()
    _save_jpeg(small, out, quality, "4:2:0")
    return out.getvalue()


def shrunk(image: Image.Image, longest_side: int) -> Image.Image:
    """Smaller, in proportion: its longest side is `longest_side`."""
    scale = longest_side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
