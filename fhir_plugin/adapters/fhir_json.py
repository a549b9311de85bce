"""FHIR JSON in and out, without rewriting anybody's numbers and without image bytes in an encoder.

Reading is strict: what two parsers could understand differently is refused (duplicate keys, NaN, a byte
order mark, anything but UTF-8, absurd depth). Decimals come in as `decimal.Decimal` and go out with every
digit, because FHIR says that the precision of a decimal is significant (R4, Datatypes, decimal).
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn, cast

from mappings.model.identifiers import Reference

Json = dict[str, Any]

DEEPEST = 100
"""Levels of nesting. Real resources stay below twenty; a bomb does not."""


class UnusableJson(ValueError):
    """This is not JSON that can be trusted. The message names the fault, never the content."""


def parse_object(content: bytes) -> Json:
    """The one JSON object in `content`. Raises `UnusableJson`."""
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise UnusableJson("starts with a byte order mark")
    try:
        text = content.decode("utf-8")
        value = json.loads(
            text, parse_float=_decimal, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates
        )
    except UnicodeDecodeError:
        raise UnusableJson("is not UTF-8") from None
    except UnusableJson:
        raise
    except (ValueError, ArithmeticError):
        # from None: the parser's own message quotes the text
        raise UnusableJson("is not JSON") from None
    except RecursionError:
        raise UnusableJson("is nested too deeply") from None
    if not isinstance(value, dict):
        raise UnusableJson("is not a JSON object")
    _check_depth_and_text(value)
    return cast("Json", value)


def dump(value: object) -> bytes:
    """UTF-8 JSON, compact; a `Decimal` keeps every digit. Raises `UnusableJson` on what JSON cannot say."""
    try:
        return "".join(_pieces(value)).encode("utf-8")
    except RecursionError:
        raise UnusableJson("is nested too deeply") from None
    except UnicodeEncodeError:
        raise UnusableJson("holds half a character") from None


def binary_json(content: bytes, content_type: str, *, id: str | None, security_context: Reference | None) -> bytes:
    """A Binary resource as JSON with the base64 of `content` spliced in: no JSON encoder sees the bytes."""
    head: Json = {"resourceType": "Binary"}
    if id is not None:
        head["id"] = id
    head["contentType"] = content_type
    if security_context is not None:
        head["securityContext"] = {"reference": security_context}
    return b"".join((dump(head)[:-1], b',"data":"', binascii.b2a_base64(content, newline=False), b'"}'))


def decode_base64(text: str) -> bytes:
    """The bytes of a FHIR base64Binary; whitespace inside is allowed, nothing else. Raises `UnusableJson`."""
    try:
        packed = b"".join(text.encode("ascii").split())
        if len(packed) % 4:  # Python's strict mode lets one superfluous "=" pass
            raise UnusableJson("holds broken base64")
        return binascii.a2b_base64(packed, strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise UnusableJson("holds broken base64") from None


def _decimal(digits: str) -> Decimal:
    return Decimal(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise UnusableJson(f"holds {name}, which is not a JSON number")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnusableJson("has a key twice")
    return found


def _check_depth_and_text(root: Json) -> None:
    """Iterative, so that the check itself cannot be driven into recursion."""
    level: list[Any] = [root]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for node in level:
            children = [*node.keys(), *node.values()] if isinstance(node, dict) else node
            for child in children:
                if isinstance(child, (dict, list)):
                    below.append(child)
                elif isinstance(child, str) and not child.isascii() and _has_half_a_character(child):
                    raise UnusableJson("holds half a character")
        if not below:
            return
        level = below
    raise UnusableJson("is nested too deeply")


def _has_half_a_character(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _pieces(value: object) -> Iterator[str]:
    match value:
        case None | bool() | str() | int():
            yield json.dumps(value, ensure_ascii=False)
        case Decimal():
            if not value.is_finite():
                raise UnusableJson("holds a number that JSON cannot say")
            yield str(value)
        case float():
            try:
                yield json.dumps(value, allow_nan=False)
            except ValueError:
                raise UnusableJson("holds a number that JSON cannot say") from None
        case dict():
            opening = "{"
            for key, item in value.items():
                if not isinstance(key, str):
                    raise UnusableJson("has a key that is not text")
                yield f"{opening}{json.dumps(key, ensure_ascii=False)}:"
                yield from _pieces(item)
                opening = ","
            yield "}" if opening == "," else "{}"
        case list() | tuple():
            opening = "["
            for item in value:
                yield opening
                yield from _pieces(item)
                opening = ","
            yield "]" if opening == "," else "[]"
        case _:
            raise UnusableJson(f"holds a {type(value).__name__}, which JSON cannot say")
