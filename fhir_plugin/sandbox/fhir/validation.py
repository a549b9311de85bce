"""Whether a resource may be written: the shape of FHIR's JSON, then the R4 models of fhir.resources.

The models only look; what is stored is what was sent (they rewrite decimals and times on a round trip).
"""

from __future__ import annotations

import base64
import importlib
import re
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from fhir_plugin.sandbox.fhir.outcome import FhirError, Issue, Json
from fhir_plugin.sandbox.fhir.parameters import resource_types
from fhir_plugin.sandbox.fhir.primitives import check_primitives, decode_base64
from fhir_plugin.sandbox.fhir.references import ID, without

_MOST_ISSUES = 20
_MODEL_CRASHES = (AttributeError, TypeError, KeyError, IndexError, ValueError, ArithmeticError)
"""What the models raise, beside ValidationError, on JSON of an unexpected shape (a number for a url, say)."""
_CONTENT_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+( *;[ -~]*)?", re.ASCII)
_BINARY_ELEMENTS = {"resourceType", "id", "meta", "implicitRules", "language", "contentType", "securityContext", "data"}


def validate(resource: Json) -> None:
    """Raises `FhirError`: 400 for JSON that is not FHIR's, 422 for a resource that is not R4."""
    resource_type = resource.get("resourceType")
    if not isinstance(resource_type, str) or resource_type not in resource_types():
        raise FhirError(400, "structure", "resourceType is missing, or not a type of R4", expression="resourceType")
    _check_shape(resource, resource_type)
    if "id" in resource and not (isinstance(resource["id"], str) and ID.fullmatch(resource["id"])):
        raise FhirError(
            422, "value", "An id has 1 to 64 letters, digits, hyphens and dots", expression=f"{resource_type}.id"
        )
    if resource_type == "Binary":
        _check_binary(resource)
        return
    try:
        parsed = _model(resource_type).model_validate(resource)
    except ValidationError as error:
        issues = [
            Issue(
                _issue_code(str(found["type"])), str(found["msg"]), expression=_expression(resource_type, found["loc"])
            )
            for found in error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_ISSUES]
        ]
        raise FhirError(422, "invalid", "", issues=issues) from None
    except _MODEL_CRASHES:
        text = f"This does not have the shape of a {resource_type}"
        raise FhirError(422, "structure", text, expression=resource_type) from None
    check_primitives(resource, parsed, resource_type)


def split_binary(resource: Json) -> tuple[Json, bytes | None]:
    """A Binary without its data, and the data; anything else as it is. The resource must have been validated."""
    if resource["resourceType"] != "Binary":
        return resource, None
    return without(resource, "data"), decode_base64(resource.get("data", ""))


def join_binary(resource: Json, content: bytes) -> Json:
    """A Binary with its data again."""
    return {**resource, "data": base64.b64encode(content).decode("ascii")} if content else resource


@cache
def _model(resource_type: str) -> type[BaseModel]:
    module = importlib.import_module(f"fhir.resources.R4B.{resource_type.lower()}")
    model: type[BaseModel] = getattr(module, resource_type)
    return model


@cache
def mandatory_elements(resource_type: str) -> frozenset[str]:
    """Elements that R4 requires: they stay under `_elements`."""
    fields = _model(resource_type).model_fields.values()
    return frozenset(
        str(field.alias)
        for field in fields
        if field.alias and isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("element_required")
    ) | {str(field.alias) for field in fields if field.alias and field.is_required()}


def _check_shape(resource: Json, resource_type: str) -> None:
    """R4 json: no empty objects, arrays or strings, no null outside an array of primitives."""
    pending: list[tuple[Any, str]] = [(resource, resource_type)]
    while pending:
        value, where = pending.pop()
        if value is None or value == "" or value == {} or value == []:
            what = "null" if value is None else "empty"
            raise FhirError(400, "structure", f"FHIR JSON has no {what} values", expression=where)
        if isinstance(value, dict):
            pending.extend((child, f"{where}.{key}") for key, child in value.items())
        elif isinstance(value, list):
            pending.extend((child, f"{where}[{n}]") for n, child in enumerate(value) if child is not None)


def _check_binary(resource: Json) -> None:
    if unknown := set(resource) - _BINARY_ELEMENTS:
        raise FhirError(422, "structure", "Binary has no such element", expression=f"Binary.{min(unknown)}")
    content_type = resource.get("contentType")
    if not isinstance(content_type, str) or not _CONTENT_TYPE.fullmatch(content_type):
        raise FhirError(422, "required", "Binary needs a MIME type", expression="Binary.contentType")
    context = resource.get("securityContext")
    if context is not None and not isinstance(context, dict):
        raise FhirError(422, "structure", "This is a Reference", expression="Binary.securityContext")
    data = resource.get("data")
    try:
        if data is not None:
            decode_base64(data)
    except (ValueError, AttributeError):
        raise FhirError(422, "value", "This is not base64", expression="Binary.data") from None


def _issue_code(kind: str) -> str:
    if "missing" in kind:
        return "required"
    return "structure" if kind in ("extra_forbidden", "model_type", "model_attributes_type") else "value"


def _expression(resource_type: str, location: tuple[int | str, ...]) -> str:
    path = resource_type
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path
