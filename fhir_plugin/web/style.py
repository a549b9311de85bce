"""The look of the EHR that framed us, where it is safe: its style as a few CSS custom properties of our own making.

Served from our own origin below the launch (the policy allows no other styles), under a name made of the style's
URL, which is its version (SMART App Launch 2.2, `smart_style_url`). What is never taken over: the colours of
errors, warnings, sensitive images and keyboard focus, and the patient banner; they mean something. Colours come
as a whole set or not at all: text, background and highlight must be readable on each other and on our white
panels (WCAG 2.2, 1.4.3 and 1.4.11). A style that cannot be had costs nobody more than a moment: the page is
then as it always is.
"""

from __future__ import annotations

import colorsys
import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from flask import Blueprint, Flask, Response, abort, current_app, url_for

from fhir_plugin.web.access import (
    KeptSession,
    SessionStore,
    bound_to_this_browser,
    launched,
    remembered_in_this_request,
)
from fhir_plugin.web.security import launch_of_request
from mappings.model.identifiers import LaunchId
from mappings.model.people import ClinicalSession, Role
from smart_launch import Issuer, IssuerRegistry, Transport, UnknownIssuer
from smart_launch.style import Colour, SmartStyle, fetch_style

CONTEXT_KEY = "smart_style_url"
"""Where a launch session's context keeps the URL."""

MOST_KEPT = 64
MOST_AT_ONCE = 4
PATIENCE_SECONDS = 0.25
"""How long a page may wait for its look. Whatever comes later is there for the next page."""
AGAIN_SECONDS = 60.0
"""How soon a style that could not be had is asked for again."""

GROUND, PANEL = Colour(0xF0, 0xF4, 0xF5), Colour(0xFF, 0xFF, 0xFF)
INK, SOFT, HIGHLIGHT = Colour(0x21, 0x2B, 0x32), Colour(0x4C, 0x62, 0x72), Colour(0x00, 0x5E, 0xB8)
"""Our own: the page, what stands on it, its text, its quieter text, its links and buttons."""
ERROR = Colour(0xD5, 0x28, 0x1B)
READABLE = 4.5
VISIBLE = 3.0

LEAST_FONT, MOST_FONT = 16.0, 20.0
_GENERIC = frozenset({"serif", "sans-serif", "monospace", "system-ui"})
_SYSTEM = frozenset({"-apple-system", "blinkmacsystemfont"})
_NO_LETTERS = re.compile(r"dings|symbol|marlett|icon|emoji|awesome|glyph|barcode|ornament", re.IGNORECASE)


# ------------------------------------------------------------------------------------------ what is safe


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 black to 1 white (WCAG 2.2). Opacity is not looked at."""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue)


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def style_sheet(style: SmartStyle) -> str:
    """The stylesheet for a style: one rule of custom properties, or nothing where nothing of it is fit."""
    values = {**_colours(style), **_signs(style), **_sizes(style), **_fonts(style)}
    return ":root{" + "".join(f"--app-{name}:{value};" for name, value in values.items()) + "}\n" if values else ""


def _colours(style: SmartStyle) -> dict[str, str]:
    """Background, text and highlight: all or none."""
    given = (style.color_background, style.color_text, style.color_highlight)
    if not any(given):
        return {}
    ground, text, highlight = (own or ours for own, ours in zip(given, (GROUND, INK, HIGHLIGHT), strict=True))
    opaque = all(colour.alpha == 1 for colour in (ground, text, highlight))
    readable = all(contrast(words, under) >= READABLE for words in (text, highlight) for under in (ground, PANEL))
    if not opaque or not readable or contrast(INK, ground) < READABLE:
        return {}
    tint = _mixed(highlight, PANEL, 0.09)
    if min(contrast(words, tint) for words in (text, highlight, SOFT)) < READABLE:
        tint = PANEL
    return {
        "ground": _hex(ground),
        "text": _hex(text),
        "deep": _hex(text),
        "soft": _hex(SOFT if contrast(SOFT, ground) >= READABLE else text),
        "error": _hex(next((red for red in (ERROR, _darker(ERROR, 0.75)) if contrast(red, ground) >= READABLE), text)),
        "blue": _hex(highlight),
        "blue-hover": _hex(_darker(highlight, 0.75)),
        "blue-dark": _hex(_darker(highlight, 0.5)),
        "visited": _hex(highlight),
        "tint": _hex(tint),
        "button": _hex(highlight),
        "button-hover": _hex(_darker(highlight, 0.75)),
        "button-dark": _hex(_darker(highlight, 0.5)),
    }


def _signs(style: SmartStyle) -> dict[str, str]:
    """What is judged alone: a success that still reads as green, a backdrop from which white panels stand out."""
    found = {}
    success, backdrop = style.color_success, style.color_modal_backdrop
    if success and success.alpha == 1 and contrast(success, PANEL) >= READABLE:
        hue, _, saturation = colorsys.rgb_to_hls(success.red / 255, success.green / 255, success.blue / 255)
        if 80 <= hue * 360 <= 180 and saturation > 0.2:
            found["green"] = _hex(success)
    if backdrop and contrast(backdrop, PANEL) >= VISIBLE:
        share = round((backdrop.alpha if backdrop.alpha < 1 else 0.6) * 100)
        found["backdrop"] = f"rgb({backdrop.red} {backdrop.green} {backdrop.blue} / {min(max(share, 30), 80)}%)"
    return found


def _sizes(style: SmartStyle) -> dict[str, str]:
    found = {}
    if style.dim_font_size is not None and (size := min(max(style.dim_font_size, LEAST_FONT), MOST_FONT)) > LEAST_FONT:
        found["size"] = f"{round(size / LEAST_FONT * 100, 2):g}%"  # of what the person has set in the browser
    if style.dim_border_radius is not None:
        found["radius"] = f"{round(min(style.dim_border_radius, 12), 2):g}px"
        found["radius-small"] = f"{round(min(style.dim_border_radius, 8), 2):g}px"
    if style.dim_spacing_size is not None:
        found["space"] = f"{round(min(max(style.dim_spacing_size, 6), 12), 2):g}px"
    return found


def _fonts(style: SmartStyle) -> dict[str, str]:
    found = {}
    for name, families in (("body", style.font_family_body), ("heading", style.font_family_heading)):
        if fit := [family for family in families if not _NO_LETTERS.search(family)]:
            found[f"font-{name}"] = ",".join([*dict.fromkeys(map(_family, fit)), "arial", "sans-serif"])
    return found


def _family(name: str) -> str:
    if name.lower() in _SYSTEM:
        return "system-ui"
    return name.lower() if name.lower() in _GENERIC else f'"{name}"'


def _hex(colour: Colour) -> str:
    return f"#{colour.red:02x}{colour.green:02x}{colour.blue:02x}"


def _darker(colour: Colour, share: float) -> Colour:
    return Colour(round(colour.red * share), round(colour.green * share), round(colour.blue * share))


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    pairs = ((one.red, other.red), (one.green, other.green), (one.blue, other.blue))
    return Colour(*(round(a * share + b * (1 - share)) for a, b in pairs))


# ------------------------------------------------------------------------------------------ how it is had


class _Asked:
    """One style that was asked for; `sheet` says something once `done`."""

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.done = threading.Event()
        self.sheet: str | None = None


class StyleSheets:
    """Stylesheets of this process, by issuer and style URL. Asked for beside the page, at most `MOST_AT_ONCE`."""

    def __init__(
        self,
        fetch: Callable[[str, Issuer, Transport], SmartStyle | None] = fetch_style,
        *,
        now: Callable[[], float] = time.monotonic,
        most: int = MOST_KEPT,
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._most = most
        self._lock = threading.Lock()
        self._asked: OrderedDict[tuple[str, str], _Asked] = OrderedDict()
        self._running = 0

    def begin(self, url: str, issuer: Issuer, transport: Transport) -> None:
        """Asks for it if nobody has, and does not wait."""
        self._ask(url, issuer, transport)

    def get(self, url: str, issuer: Issuer, transport: Transport, *, patience: float = PATIENCE_SECONDS) -> str | None:
        """The stylesheet; None if it could not be had, or not yet, after `patience` seconds."""
        asked = self._ask(url, issuer, transport)
        if asked is None or not asked.done.wait(patience):
            return None
        return asked.sheet

    def _ask(self, url: str, issuer: Issuer, transport: Transport) -> _Asked | None:
        key = (issuer.name, url)
        with self._lock:
            asked = self._asked.get(key)
            if asked is not None and not self._worth_another_try(asked):
                self._asked.move_to_end(key)
                return asked
            if self._running >= MOST_AT_ONCE:
                return None
            self._running += 1
            asked = self._asked[key] = _Asked(self._now())
            while len(self._asked) > self._most:
                self._asked.popitem(last=False)
        threading.Thread(target=self._work, args=(asked, url, issuer, transport), daemon=True).start()
        return asked

    def _worth_another_try(self, asked: _Asked) -> bool:
        return asked.done.is_set() and asked.sheet is None and self._now() - asked.moment >= AGAIN_SECONDS

    def _work(self, asked: _Asked, url: str, issuer: Issuer, transport: Transport) -> None:
        try:
            style = self._fetch(url, issuer, transport)
            asked.sheet = None if style is None else style_sheet(style)
        finally:
            transport.close()
            with self._lock:
                self._running -= 1
            asked.done.set()


class StyleParts(Protocol):
    """What this module asks of the app's parts, for launches that have a style."""

    @property
    def sessions(self) -> SessionStore: ...
    @property
    def registry(self) -> IssuerRegistry: ...
    @property
    def transport(self) -> Transport: ...


def register_style(app: Flask) -> None:
    """Adds the stylesheet of a launch, and `ehr_style()` for templates: its address, or nothing."""
    sheets = StyleSheets()
    blueprint = Blueprint("style", __name__, url_prefix="/l/<launch>")

    @blueprint.get("/style-<key>.css")
    @launched(*Role, touches=False, requests_only=True)
    def sheet(session: ClinicalSession, key: str) -> Response:
        """Our words for the EHR's style; empty, and not kept, where there is none to be had."""
        parts = cast(StyleParts, current_app.extensions["fhir_plugin"])
        url = _style_url(parts.sessions.get(session.launch_id).context)
        issuer = _issuer_of(parts, session.issuer) if url else None
        if issuer is None or key != _key(url):
            abort(404)
        found = sheets.get(url, issuer, parts.transport)
        response = Response(found or "", content_type="text/css; charset=utf-8")
        response.headers["Cache-Control"] = "no-store" if found is None else "private, max-age=86400, immutable"
        return response

    def ehr_style() -> str:
        # From what this request has read already: a template, that of an error above all, asks no database.
        kept: KeptSession | None = remembered_in_this_request().get(LaunchId(launch_of_request() or ""))
        url = _style_url(kept.context) if kept is not None else ""
        if (
            kept is None
            or not url
            or not kept.context.get("roles")
            or not bound_to_this_browser(kept.browser_binding_hash)
        ):
            return ""
        parts = cast(StyleParts, current_app.extensions["fhir_plugin"])
        issuer = _issuer_of(parts, kept.issuer)
        if issuer is None:
            return ""
        sheets.begin(url, issuer, parts.transport)
        return url_for("style.sheet", launch=kept.launch_id, key=_key(url))

    app.register_blueprint(blueprint)
    app.jinja_env.globals["ehr_style"] = ehr_style


def _style_url(context: Mapping[str, object]) -> str:
    url = context.get(CONTEXT_KEY)
    return url if isinstance(url, str) else ""


def _issuer_of(parts: StyleParts, name: str) -> Issuer | None:
    try:
        return parts.registry.named(name)
    except UnknownIssuer:
        return None


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]
