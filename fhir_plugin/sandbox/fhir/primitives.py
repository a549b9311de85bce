"""What the models of fhir.resources let pass: JSON types that they convert, and codes that R4 does not know.

R4 json: booleans and numbers are JSON booleans and numbers, everything else is a string. R4 terminologies: a
code with a required binding is one of its value set.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import BaseModel

from fhir_plugin.sandbox.fhir.outcome import FhirError, Issue

_MOST_ISSUES = 20
_CODE = re.compile(r"[A-Za-z0-9_.\-]+|[<>=]=?|!=")
_OPEN = frozenset({("CapabilityStatement", "format")})
"""Codes that the models list although R4 lets them be any MIME type."""


def check_primitives(resource: dict[str, Any], parsed: BaseModel, resource_type: str) -> None:
    """`parsed` is the model made from `resource`. Raises `FhirError` 422 naming the elements."""
    issues = list(_issues_in(resource, parsed, resource_type))
    if issues:
        raise FhirError(422, "value", "", issues=issues[:_MOST_ISSUES])


def _issues_in(raw: Any, parsed: BaseModel, where: str) -> Iterator[Issue]:
    for name, element, codes in _elements(type(parsed)):
        if element in raw:
            yield from _issues(raw[element], getattr(parsed, name), codes, f"{where}.{element}")


def _issues(raw: Any, parsed: Any, codes: frozenset[str], where: str) -> Iterator[Issue]:
    if isinstance(raw, list) and isinstance(parsed, list):
        for number, (one, model) in enumerate(zip(raw, parsed, strict=False)):
            yield from _issues(one, model, codes, f"{where}[{number}]")
    elif isinstance(parsed, BaseModel):
        if isinstance(raw, dict):
            yield from _issues_in(raw, parsed, where)
    elif raw is not None and parsed is not None and (text := _fault(raw, parsed, codes)):
        yield Issue("code-invalid" if "code" in text else "value", text, expression=where)


def _fault(raw: Any, parsed: Any, codes: frozenset[str]) -> str | None:
    if isinstance(parsed, bool) or isinstance(raw, bool):
        return (
            None if isinstance(raw, bool) and isinstance(parsed, bool) else "This must be a JSON boolean, or must not"
        )
    if isinstance(parsed, Decimal):
        return None if isinstance(raw, int | Decimal) else "This must be a JSON number"
    if isinstance(parsed, int):
        return None if isinstance(raw, int) else "This must be a JSON integer"
    if not isinstance(raw, str):
        return "This must be a JSON string"
    if codes and raw not in codes:
        return "This code is not in the value set that R4 requires"
    if isinstance(parsed, bytes):
        try:
            decode_base64(raw)
        except ValueError:
            return "This is not base64"
    return None


def decode_base64(text: str) -> bytes:
    """R4 datatypes, base64Binary: white space is let through, nothing else is. Raises `ValueError`."""
    return base64.b64decode("".join(text.split()), validate=True)


@cache
def _elements(model: type[BaseModel]) -> tuple[tuple[str, str, frozenset[str]], ...]:
    """(attribute, element, codes of its required binding) of a model."""
    found = list[tuple[str, str, frozenset[str]]]()
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        values = extra.get("enum_values")
        codes = [str(value) for value in values] if isinstance(values, list) else []
        known = all(_CODE.fullmatch(code) for code in codes) and (model.__name__, name) not in _OPEN
        found.append((name, str(field.alias or name), frozenset(codes) if known else frozenset()))
    return tuple(found)
