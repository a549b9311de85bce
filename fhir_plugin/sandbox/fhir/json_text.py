"""JSON in and out, unchanged: decimals keep their digits (FHIR R4 datatypes, decimal), keys their order.

What RFC 8259 leaves open is closed here: duplicate keys, NaN, lone surrogates, anything but UTF-8 and
anything too deep are refused with 400.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn, Self

from fhir_plugin.sandbox.fhir.outcome import FhirError, Json

MAX_DEPTH = 64
"""Levels of objects and arrays in one resource. Real ones stay under twenty."""

_MARK = f"\x02{secrets.token_hex(12)}:"
_MARK_WRITTEN = json.dumps(_MARK)[:-1]
_MARKED = re.compile(re.escape(_MARK_WRITTEN) + '([^"]*)"')
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class ExactDecimal(Decimal):
    """A number that remembers how it was written: 1.50 stays 1.50."""

    text: str

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __copy__(self) -> Self:
        return self


def parse(content: bytes) -> Json:
    """The JSON object in `content`. Raises `FhirError` 400 for anything else."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _bad("The body is not UTF-8") from None
    value = parse_text(text)
    if not isinstance(value, dict):
        raise _bad("The body must be one JSON object")
    return value


def parse_text(text: str) -> Any:
    """Any JSON value, checked as `parse` does. Raises `FhirError` 400."""
    try:
        value = json.loads(text, parse_float=ExactDecimal, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise _bad("The JSON is nested too deeply") from None
    except ValueError:  # malformed, or an integer of thousands of digits
        raise _bad("The body is not well-formed JSON") from None
    _check(value)
    return value


def parse_stored(text: str) -> Json:
    """What `write_text` made; already checked, so without the checks."""
    value: Json = json.loads(text, parse_float=ExactDecimal)
    return value


def write_text(value: object, *, pretty: bool = False) -> str:
    """JSON text: keys in their order, decimals as they were written."""
    text = json.dumps(
        value,
        ensure_ascii=False,
        default=_mark_decimal,
        separators=None if pretty else (",", ":"),
        indent=2 if pretty else None,
    )
    return _MARKED.sub(r"\1", text) if _MARK_WRITTEN in text else text


def write(value: object, *, pretty: bool = False) -> bytes:
    """`write_text` in UTF-8."""
    return write_text(value, pretty=pretty).encode()


def _mark_decimal(value: object) -> str:
    if isinstance(value, Decimal):
        return _MARK + (value.text if isinstance(value, ExactDecimal) else str(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def _refuse_constant(_name: str) -> NoReturn:
    raise _bad("NaN and Infinity are not JSON")


def _unique(pairs: Sequence[tuple[str, Any]]) -> Json:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _bad("A JSON object has the same key twice")
    return made


def _check(value: object) -> None:
    """Depth and characters, without recursion: FHIR strings hold no control characters (R4 datatypes, string)."""
    pending: list[tuple[object, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            if not item.isprintable() and _FORBIDDEN.search(item):
                raise _bad("A string holds a control character or half a surrogate pair")
            continue
        if not isinstance(item, dict | list):
            continue
        if depth > MAX_DEPTH:
            raise _bad(f"The JSON is nested more than {MAX_DEPTH} levels deep")
        if isinstance(item, dict):
            pending.extend((key, depth) for key in item)
            pending.extend((child, depth + 1) for child in item.values())
        else:
            pending.extend((child, depth + 1) for child in item)


def _bad(text: str) -> FhirError:
    return FhirError(400, "structure", text)
