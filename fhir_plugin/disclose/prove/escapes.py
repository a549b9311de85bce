"""The same bytes without their escapes: JSON, percent, HTML, zeros of UTF-16, strings of PDF."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

import numpy as np

_JSON: Final = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+|\\(.)", re.DOTALL)
_UNIT: Final = re.compile(rb"\\u[0-9a-fA-F]{4}")
_BY_ITSELF: Final = re.compile(rb"\\u(?!005[cC]|[dD][89a-fA-F])")
"""A letter that is neither a backslash nor half of one."""
_SINGLE: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_LITERAL: Final = re.compile(rb"\(((?:\\.|[^\\()])*)\)", re.DOTALL)
_OCTAL: Final = re.compile(rb"\\([0-7]{1,3})")
_HEX: Final = re.compile(rb"<([0-9A-Fa-f\s]{4,})>")
_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_ENTITY: Final = re.compile(rb"&(?:#[0-9xX]|[A-Za-z])")
_CONTROL: Final = bytes([*range(1, 9), *range(14, 27), *range(28, 32)])
_SMALL: Final = 2000
"""Bytes up to which they are counted in another way, because that is faster."""
_FOLD: Final = re.compile(rb"[\r\n\t ]+[A-Za-z0-9+/_\-]")
_FOLD_IN_BINARY: Final = re.compile(rb"[\r\n\t ]+[A-Za-z0-9+/_\-]{4}")
_OF_BASE64: Final = np.array([re.match(rb"[A-Za-z0-9+/_\-]", bytes([each])) is not None for each in range(256)])
_IS_CONTROL: Final = np.isin(np.arange(256), list(_CONTROL))
_BLOCK: Final = 1 << 11
_EACH: Final = 16
"""Of a block of that many bytes each sixteenth says whether it is text."""
_ROUNDS: Final = 3
_FEW: Final = 64
"""Different letters written as numbers, each replaced by a search of its own, which is fast."""


def is_text(window: bytes) -> bool:
    """Hardly any control characters: pictures and compressed bytes have one in ten."""
    if len(window) < _SMALL:
        return (len(window) - len(window.translate(None, _CONTROL))) * 50 <= len(window)
    codes = np.frombuffer(window, dtype=np.uint8)
    controls = np.count_nonzero(codes < 32)
    if controls * 50 > len(window):  # those that text may have: zeros of UTF-16, tabs and line ends, escape
        controls -= np.count_nonzero(codes == 0) + np.count_nonzero(codes - np.uint8(9) < 5)
        controls -= np.count_nonzero(codes == 27)
    return int(controls) * 50 <= len(window)


def stretches_of_text(window: bytes) -> list[tuple[int, int]]:
    """Where text stands in what is none on the whole: from which byte to which, a little more rather than less."""
    whole = len(window) // _BLOCK
    codes = np.frombuffer(window, dtype=np.uint8, count=whole * _BLOCK)[::_EACH].reshape(whole, _BLOCK // _EACH)
    texts = (_IS_CONTROL.take(codes).sum(axis=1) * 50 * _EACH <= _BLOCK).nonzero()[0].tolist()
    if is_text(window[whole * _BLOCK :]) and len(window) % _BLOCK:
        texts.append(whole)
    found: list[tuple[int, int]] = []
    for block in texts:
        start, end = max(block - 1, 0) * _BLOCK, min((block + 2) * _BLOCK, len(window))
        if found and start <= found[-1][1]:
            start = found.pop()[0]
        found.append((start, end))
    return found


def unescaped(window: bytes, *, text: bool, simple: bool) -> Iterator[bytes]:
    """Every reading of a window; escapes within escapes up to three deep.

    `simple`: nothing that is looked for holds a backslash. Then the window itself need not be read where every
    backslash in it stands before a quotation mark or a slash: whatever stands in it also stands in what is left
    without them, and ends in the same place, since neither belongs to an id.
    """
    plain = _without_simple(window) if text and simple and b"\\" in window else None
    first = window if plain is None else plain
    yield first
    last = [first]
    seen = [first]
    escapes = (_without_zeros, _json, _percent, _html) if text else (_without_zeros,)
    for _ in range(_ROUNDS):
        new: list[bytes] = []
        for before in last:
            for escape in escapes:
                after = escape(before)
                if after is not before and after not in seen:
                    seen.append(after)
                    new.append(after)
                    yield after
        last = new


def without_line_breaks(window: bytes) -> bytes:
    """For base64, which may be folded."""
    return window.translate(None, b"\r\n\t ")


def may_be_folded(window: bytes, *, text: bool) -> bool:
    """Whether a line ends with four signs of base64 or more, and the next goes on with one; where it is no text, with
    four, since one follows by chance."""
    if b"\n" not in window and b"\r" not in window:
        return False
    codes = np.frombuffer(window, dtype=np.uint8)
    ends = ((codes == 10) | (codes == 13) if b"\r" in window else codes == 10).nonzero()[0]
    for before in range(1, 5):
        ends = ends[ends >= before]
        ends = ends[_OF_BASE64.take(codes.take(ends - before))]
    goes_on = _FOLD if text else _FOLD_IN_BINARY
    return any(goes_on.match(window, place) for place in ends.tolist())


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
    """Where letters of more than one byte may stand: three zeros, each two bytes behind the one before."""
    if b"\0" not in window:
        return window
    zeros = np.frombuffer(window, dtype=np.uint8) == 0
    wide = zeros[:-4] & zeros[2:-2]
    wide &= zeros[4:]
    return window.replace(b"\0", b"") if wide.any() else window


def _without_simple(window: bytes) -> bytes | None:
    """Without the backslashes before quotation marks and slashes; None where there are others."""
    plain = window.replace(b'\\"', b'"')
    if b"\\" in plain:
        plain = plain.replace(b"\\/", b"/")
    return None if b"\\" in plain else plain


def _json(window: bytes) -> bytes:
    if b"\\" not in window:
        return window
    if b"\\\\" in window:
        return _JSON.sub(_one_json, window)
    if b"\\u" in window:
        units = set(_UNIT.findall(window))
        if len(units) > _FEW or any(_BY_ITSELF.match(each) is None for each in units):
            return _JSON.sub(_one_json, window)
        for unit in units:
            window = window.replace(unit, chr(int(unit[2:], 16)).encode("utf-8"))
    for single, meaning in _SINGLE.items():
        if b"\\" + single in window:
            window = window.replace(b"\\" + single, meaning)
    return window.replace(b"\\", b"")


def _one_json(found: re.Match[bytes]) -> bytes:
    single = found.group(1)
    if single is not None:
        return _SINGLE.get(single, single)
    units = bytes.fromhex(found.group().decode("ascii").replace("\\u", ""))
    return units.decode("utf-16-be", "replace").encode("utf-8")


def _percent(window: bytes) -> bytes:
    return unquote_to_bytes(window.replace(b"+", b" ")) if b"%" in window and _PERCENT.search(window) else window


def _html(window: bytes) -> bytes:
    if b"&" not in window or _ENTITY.search(window) is None:
        return window
    text = html.unescape(window.decode("utf-8", "surrogateescape"))
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # an entity that names half a character
        return text.encode("utf-8", "replace")
