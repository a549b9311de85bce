"""How an EHR asks apps to look: the document behind `smart_style_url` (SMART App Launch 2.2, launch context).

The document is a stranger's text that wants to become a stylesheet, so nothing of it is passed through: colours
become numbers, dimensions become bounded pixels, fonts become plain names. Whatever is not understood is
dropped, key by key. Whether a style is fit to be used, contrast above all, is for the app to judge.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Mapping
from dataclasses import dataclass

from smart_launch.errors import TransportError, UnusableReply
from smart_launch.registry import Issuer
from smart_launch.transport import Transport

MOST_BYTES = 64 * 1024
MOST_SECONDS = 3.0
MOST_FONTS = 8
REM = 16.0
"""Pixels of one rem, as browsers have it unless their user says otherwise."""

_LONGEST = 200
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_NUMBER = r"\d{1,3}(?:\.\d{1,6})?"
_FUNCTION = re.compile(
    rf"(?P<name>rgba?|hsla?)\( *(?P<one>{_NUMBER}%?)(?:deg)?(?P<comma> *, *| +)(?P<two>{_NUMBER}%?)(?P=comma)"
    rf"(?P<three>{_NUMBER}%?)(?: *[,/] *(?P<alpha>(?:{_NUMBER}|\.\d{{1,6}})%?))? *\)",
    re.IGNORECASE | re.ASCII,
)
_LENGTH = re.compile(rf"(?P<number>{_NUMBER}|\.\d{{1,6}})(?P<unit>px|rem)", re.IGNORECASE | re.ASCII)
_FONT = re.compile(r"-?[A-Za-z][A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+){0,5}", re.ASCII)


@dataclass(frozen=True)
class Colour:
    """An sRGB colour: red, green and blue from 0 to 255, opacity from 0 to 1."""

    red: int
    green: int
    blue: int
    alpha: float = 1.0


@dataclass(frozen=True)
class SmartStyle:
    """What is left of a style document. None and an empty tuple mean: the EHR does not say. Dimensions in pixels."""

    color_background: Colour | None = None
    color_error: Colour | None = None
    color_highlight: Colour | None = None
    color_modal_backdrop: Colour | None = None
    color_success: Colour | None = None
    color_text: Colour | None = None
    dim_border_radius: float | None = None
    """0 to 32."""
    dim_font_size: float | None = None
    """6 to 48."""
    dim_spacing_size: float | None = None
    """0 to 64."""
    font_family_body: tuple[str, ...] = ()
    """Plain names, best first, without quotes."""
    font_family_heading: tuple[str, ...] = ()


def fetch_style(url: str, issuer: Issuer, transport: Transport) -> SmartStyle | None:
    """The style at the `smart_style_url` of a launch from this EHR; None if it cannot be had. Never raises.

    Asked only on a host that is registered for the EHR, without a token, once; at most 64 KB and 3 seconds.
    """
    if not issuer.trusts_endpoint(url):
        return None
    try:
        reply = transport.send(
            "GET",
            url,
            headers={"Accept": "application/json"},
            max_bytes=MOST_BYTES,
            read_timeout=MOST_SECONDS,
            total_timeout=MOST_SECONDS,
        )
        document = reply.json() if reply.status == 200 else None
    except (TransportError, UnusableReply):
        return None
    return read_style(document) if isinstance(document, dict) else None


def read_style(document: Mapping[str, object]) -> SmartStyle:
    """What is understood of a style document; the rest is dropped. Never raises."""
    return SmartStyle(
        color_background=_colour(document.get("color_background")),
        color_error=_colour(document.get("color_error")),
        color_highlight=_colour(document.get("color_highlight")),
        color_modal_backdrop=_colour(document.get("color_modal_backdrop")),
        color_success=_colour(document.get("color_success")),
        color_text=_colour(document.get("color_text")),
        dim_border_radius=_pixels(document.get("dim_border_radius"), least=0, most=32),
        dim_font_size=_pixels(document.get("dim_font_size"), least=6, most=48),
        dim_spacing_size=_pixels(document.get("dim_spacing_size"), least=0, most=64),
        font_family_body=_fonts(document.get("font_family_body")),
        font_family_heading=_fonts(document.get("font_family_heading")),
    )


def _text(value: object) -> str:
    return value.strip(" ") if isinstance(value, str) and len(value) <= _LONGEST else ""


def _colour(value: object) -> Colour | None:
    text = _text(value)
    if _HEX.fullmatch(text):
        digits = text[1:] if len(text) == 7 else "".join(digit * 2 for digit in text[1:])
        return Colour(int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))
    found = _FUNCTION.fullmatch(text)
    if found is None:
        return None
    alpha = 1.0 if found["alpha"] is None else _share(found["alpha"], whole=1)
    if found["name"].lower().startswith("rgb"):
        red, green, blue = (_share(found[part], whole=255) for part in ("one", "two", "three"))
    elif "%" in found["one"] or not (found["two"].endswith("%") and found["three"].endswith("%")):
        return None
    else:
        hue = float(found["one"]) % 360 / 360
        saturation, lightness = (_share(found[part], whole=1) for part in ("two", "three"))
        red, green, blue = (part * 255 for part in colorsys.hls_to_rgb(hue, lightness, saturation))
    return Colour(round(red), round(green), round(blue), alpha)


def _share(text: str, *, whole: float) -> float:
    """A number or a percentage of `whole`, never more than it."""
    number = float(text[:-1]) / 100 * whole if text.endswith("%") else float(text)
    return min(number, whole)


def _pixels(value: object, *, least: float, most: float) -> float | None:
    text = _text(value)
    if text == "0":
        return 0.0 if least <= 0 else None
    found = _LENGTH.fullmatch(text)
    if found is None:
        return None
    pixels = float(found["number"]) * (REM if found["unit"].lower() == "rem" else 1)
    return pixels if least <= pixels <= most else None


def _fonts(value: object) -> tuple[str, ...]:
    names = []
    for part in _text(value).split(","):
        name = part.strip(" ")
        if len(name) > 1 and name[0] in "'\"" and name[-1] == name[0]:
            name = name[1:-1]
        if len(name) <= 40 and _FONT.fullmatch(name) and name not in names:
            names.append(name)
    return tuple(names[:MOST_FONTS])
