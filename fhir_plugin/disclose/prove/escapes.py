"""The same bytes without their escapes: JSON, percent, HTML, zeros of UTF-16, strings of PDF."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

_JSON: Final = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+|\\(.)", re.DOTALL)
_SINGLE: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_CONTROL: Final = bytes([*range(1, 9), *range(14, 27), *range(28, 32)])
_LITERAL: Final = re.compile(rb"\(((?:\\.|[^\\()])*)\)", re.DOTALL)
_OCTAL: Final = re.compile(rb"\\([0-7]{1,3})")
_HEX: Final = re.compile(rb"<([0-9A-Fa-f\s]{4,})>")
_ROUNDS: Final = 3


def is_text(window: bytes) -> bool:
    """Hardly any control characters: pictures and compressed bytes have one in ten."""
    controls = len(window) - len(window.translate(None, _CONTROL))
    return controls * 50 <= len(window)


def unescaped(window: bytes) -> Iterator[bytes]:
    """Every reading of a window, itself first; escapes within escapes up to three deep."""
    yield window
    seen, last = {window}, [window]
    escapes = (_without_zeros, _json, _percent, _html) if is_text(window) else (_without_zeros,)
    for _ in range(_ROUNDS):
        new = []
        for before in last:
            for escape in escapes:
                after = escape(before)
                if after not in seen:
                    seen.add(after)
                    new.append(after)
                    yield after
        last = new


def without_line_breaks(window: bytes) -> bytes:
    """For base64, which may be folded."""
    return window.translate(None, b"\r\n\t ")


def json_unescaped(window: bytes) -> bytes:
    return _json(window)


def strings_of_pdf(window: bytes) -> Iterator[bytes]:
    """What the strings of a PDF say, one after the other, with and without a space between them."""
    literals = [_OCTAL.sub(_octal, each) for each in _LITERAL.findall(window)]
    plain = [re.sub(rb"\\(.)", rb"\1", each, flags=re.DOTALL) for each in literals]
    if plain:
        yield from _with_and_without_zeros(b"".join(plain))
        yield from _with_and_without_zeros(b" ".join(plain))
    digits = [re.sub(rb"\s", b"", each) for each in _HEX.findall(window)]
    if digits:
        yield from _with_and_without_zeros(
            b"".join(bytes.fromhex((each + b"0" * (len(each) % 2)).decode()) for each in digits)
        )


def _with_and_without_zeros(text: bytes) -> Iterator[bytes]:
    yield text
    if b"\0" in text:
        yield text.replace(b"\0", b"")


def _octal(found: re.Match[bytes]) -> bytes:
    return bytes([int(found.group(1), 8) & 255])


def _without_zeros(window: bytes) -> bytes:
    return window.replace(b"\0", b"")


def _json(window: bytes) -> bytes:
    if b"\\" not in window:
        return window
    if b"\\u" in window or b"\\\\" in window:
        return _JSON.sub(_one_json, window)
    for single, meaning in _SINGLE.items():
        window = window.replace(b"\\" + single, meaning)
    return window.replace(b"\\", b"")


def _one_json(found: re.Match[bytes]) -> bytes:
    single = found.group(1)
    if single is not None:
        return _SINGLE.get(single, single)
    units = bytes.fromhex(found.group().decode("ascii").replace("\\u", ""))
    return units.decode("utf-16-be", "replace").encode("utf-8")


def _percent(window: bytes) -> bytes:
    return unquote_to_bytes(window.replace(b"+", b" ")) if b"%" in window else window


def _html(window: bytes) -> bytes:
    if b"&" not in window:
        return window
    text = html.unescape(window.decode("utf-8", "surrogateescape"))
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # an entity that names half a character
        return text.encode("utf-8", "replace")
