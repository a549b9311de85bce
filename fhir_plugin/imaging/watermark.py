"""Who looks, and when, burnt into the pixels: a photograph of the screen says where it came from (G-R222)."""

from __future__ import annotations

import io
import unicodedata

from PIL import Image, ImageDraw, ImageFont

from fhir_plugin.imaging.clean import look
from fhir_plugin.imaging.rebuild import shrunk, upright_pixels

MOST_LETTERS = 120
LONGEST_SIDE = 2000
"""Of what is shown, in pixels: enough to judge, and no second original."""
_QUALITY = 88
_QUALITY_BELOW = 95
_OPACITY = 110
"""Of 255: readable over every ground, and what lies under it stays visible."""
_ANGLE = 28
_APART = 5
"""Lines stand this many heights of a letter apart."""


def plain_letters(words: str) -> str:
    """What the font that comes with the decoder can draw: accents go, other scripts become a question mark."""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", words) if not unicodedata.combining(letter))
    plain = bare.encode("ascii", "replace").decode()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in plain).split())[:MOST_LETTERS]


def mark(content: bytes, words: str) -> bytes:
    """A JPEG without metadata, at most `LONGEST_SIDE`, `words` in lines all over it. Raises `UnacceptableImage`."""
    image, _ = upright_pixels(look(content), at_least=LONGEST_SIDE)
    if max(image.size) > LONGEST_SIDE:
        image = shrunk(image, LONGEST_SIDE)
    ground = Image.new("RGB", image.size, (255, 255, 255))
    ground.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    ground.paste(Image.new("RGB", image.size, (255, 255, 255)), mask=_lines(image.size, words, inner=True))
    ground.paste(Image.new("RGB", image.size, (0, 0, 0)), mask=_lines(image.size, words, inner=False))
    out = io.BytesIO()
    ground.info = {}
    ground.save(out, "JPEG", quality=_QUALITY, subsampling="4:2:0", comment=b"", exif=b"")
    return out.getvalue()


def mark_below(content: bytes, words: str) -> bytes:
    """A JPEG without metadata at its full size, `words` in black on a white strip under it: nothing of the picture is
    covered. Raises `UnacceptableImage`."""
    image, _ = upright_pixels(look(content))
    lines, letter = _fitted(plain_letters(words), image.width)
    font = ImageFont.load_default(letter)
    high = int(len(lines) * letter * 1.4 + letter)
    whole = Image.new("RGB", (image.width, image.height + high), (255, 255, 255))
    whole.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    pen = ImageDraw.Draw(whole)
    for number, line in enumerate(lines):
        pen.text((letter // 2, image.height + letter * (0.4 + 1.4 * number)), line, fill=(0, 0, 0), font=font)
    out = io.BytesIO()
    whole.save(out, "JPEG", quality=_QUALITY_BELOW, subsampling="4:4:4", comment=b"", exif=b"")
    return out.getvalue()


def _fitted(words: str, width: int) -> tuple[list[str], int]:
    """The words in lines that fit under the picture, and the height of their letters in pixels."""
    letter = max(10, width // 50)
    font = ImageFont.load_default(letter)
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width - letter:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""], letter


def _lines(size: tuple[int, int], words: str, *, inner: bool) -> Image.Image:
    """Where the letters (`inner`), or a thin edge around them, cover the picture: slanted, over the whole of it."""
    width, height = size
    letter = max(10, min(width, height) // 28)
    font = ImageFont.load_default(letter)
    side = int((width**2 + height**2) ** 0.5) + letter
    text = plain_letters(words) + "    "
    line = text * (int(side / max(1.0, font.getlength(text))) + 2)
    sheet = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(sheet)
    for number, top in enumerate(range(0, side, _APART * letter)):
        at = (-(number % 3) * font.getlength(text) / 3, top)
        if inner:
            pen.text(at, line, fill=_OPACITY, font=font)
        else:
            pen.text(at, line, fill=_OPACITY, font=font, stroke_width=1, stroke_fill=_OPACITY)
            pen.text(at, line, fill=0, font=font)
    turned = sheet.rotate(_ANGLE, resample=Image.Resampling.BICUBIC)
    left, top = (side - width) // 2, (side - height) // 2
    return turned.crop((left, top, left + width, top + height))
