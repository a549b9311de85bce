"""Reading JSON so that no two readers can disagree about it, and writing it so that numbers keep their digits.

A label that one parser sees and another does not is a leak (duplicate keys, UTF-16, a byte order mark). What can be
read in two ways is therefore refused, never repaired.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Final, TypeGuard

from fhir_plugin.errors import Refused

MAX_DEPTH: Final = 100
"""How deep objects and arrays may nest. FHIR's own resources stay under 30."""

Json = dict[str, object]

_LONGEST_EXPONENT: Final = 8

_BOM: Final = b"\xef\xbb\xbf"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class UnreadableRecord(Refused):
    """The JSON cannot be read without ambiguity; nothing of it is passed on. `code` says why:

    byte-order-mark, control-character, depth, duplicate-key, not-json, not-a-resource, not-utf8, number, surrogate.
    """

    code = "unreadable-record"


class Exact(Decimal):
    """A number that is written as it was read: 72.50 stays 72.50, 1E2 stays 1E2."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Exact:
        number = super().__new__(cls, text)
        number.text = text
        return number


class AsItCame(dict[str, object]):
    """An object of which only so much is known as is needed. `raw`: the bytes that it was read from, which are written
    in its place as long as it is not changed."""

    __slots__ = ("raw",)

    def __init__(self, known: Json, raw: bytes) -> None:
        super().__init__(known)
        self.raw = raw


def is_object(value: object) -> TypeGuard[Json]:
    """Whether this is a JSON object; its keys are then strings."""
    return isinstance(value, dict)


def read_resource(data: bytes) -> Json:
    """One resource from its bytes. Raises `UnreadableRecord`."""
    value = read(data)
    if not is_object(value) or not isinstance(value.get("resourceType"), str):
        raise UnreadableRecord("A document must be one FHIR resource with a resourceType.", code="not-a-resource")
    return value


def read(data: bytes) -> object:
    """One JSON value from its bytes. Raises `UnreadableRecord`."""
    if data.startswith(_BOM):
        raise UnreadableRecord("The document starts with a byte order mark.", code="byte-order-mark")
    if b"\0" in data:
        raise UnreadableRecord("The document holds a NUL character or is UTF-16.", code="control-character")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableRecord("The document is not UTF-8.", code="not-utf8") from None
    try:
        value: object = json.loads(
            text, parse_float=_float, parse_int=_int, parse_constant=_constant, object_pairs_hook=_object
        )
    except json.JSONDecodeError:
        raise UnreadableRecord("The document is not one JSON value.", code="not-json") from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(value)
    if _ESCAPED_SURROGATE.search(text):
        _check_characters(value)
    if "\\u0000" in text:
        _check_characters(value)
    return value


def write(value: object) -> bytes:
    """JSON as UTF-8 without white space, keys in the order they have."""
    out: list[str] = []
    _write(value, out)
    return "".join(out).encode("utf-8")


def _write(value: object, out: list[str]) -> None:
    if isinstance(value, str):
        out.append(encode_basestring(value))
    elif isinstance(value, AsItCame):
        out.append(value.raw.decode("utf-8"))
    elif is_object(value):
        lead = "{"
        for key, inner in value.items():
            out.append(f"{lead}{encode_basestring(key)}:")
            _write(inner, out)
            lead = ","
        out.append("}" if value else "{}")
    elif isinstance(value, list):
        lead = "["
        for inner in value:
            out.append(lead)
            _write(inner, out)
            lead = ","
        out.append("]" if value else "[]")
    elif isinstance(value, Exact):
        out.append(value.text)
    elif value is None or isinstance(value, bool | int):
        out.append("null" if value is None else str(value).lower())
    elif isinstance(value, float | Decimal) and math.isfinite(value):
        out.append(str(value))
    else:
        raise TypeError(f"{type(value).__name__} is not JSON")


def _object(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableRecord("An object has the same key twice.", code="duplicate-key")
    return found


def _float(text: str) -> Exact:
    if len(text) > 1000 or len(text.lower().partition("e")[2]) > _LONGEST_EXPONENT:
        raise UnreadableRecord("A number has more than 1,000 digits.", code="number")
    return Exact(text)


def _int(text: str) -> int | Exact:
    if len(text) > 18 or text == "-0":
        if len(text) > 1000:
            raise UnreadableRecord("A number has more than 1,000 digits.", code="number")
        return Exact(text)
    return int(text)


def _constant(_text: str) -> object:
    raise UnreadableRecord("NaN and Infinity are not JSON.", code="number")


def _too_deep() -> UnreadableRecord:
    return UnreadableRecord(f"The document nests deeper than {MAX_DEPTH} levels.", code="depth")


def _check_depth(value: object) -> None:
    if depth_of(value) > MAX_DEPTH:
        raise _too_deep()


def depth_of(value: object) -> int:
    """How deep objects and arrays nest in a value; of what nests too deep, only that it does."""
    level = [value]
    depth = 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        below: list[object] = []
        for each in level:
            inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            below.extend(one for one in inner if isinstance(one, dict | list))
        level = below
    return depth


def _check_characters(value: object) -> None:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if _SURROGATE.search(each):
                raise UnreadableRecord("A text holds half of a character.", code="surrogate")
            if "\0" in each:
                raise UnreadableRecord("A text holds a NUL character.", code="control-character")
        elif isinstance(each, dict):
            waiting.extend(each)
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
