"""JSON Patch (RFC 6902) on a resource: a copy is changed, or nothing."""

from __future__ import annotations

import copy
from typing import cast

import jsonpatch
import jsonpointer

from fhir_plugin.sandbox.fhir.outcome import FhirError, Json

_MOST_OPERATIONS = 500
_MOST_NODES = 200_000
_MEMBERS = {
    "add": {"path", "value"},
    "remove": {"path"},
    "replace": {"path", "value"},
    "move": {"path", "from"},
    "copy": {"path", "from"},
    "test": {"path", "value"},
}


def apply_patch(resource: Json, operations: object) -> Json:
    """Raises `FhirError`: 400 for what is no JSON Patch, 422 for one that does not fit this resource."""
    if not isinstance(operations, list) or not operations:
        raise FhirError(400, "structure", "A JSON Patch is a list of operations (RFC 6902)")
    if len(operations) > _MOST_OPERATIONS:
        raise FhirError(400, "too-costly", f"More than {_MOST_OPERATIONS} operations")
    patched = copy.deepcopy(resource)
    for number, operation in enumerate(operations):
        _check(operation, number)
        try:
            patched = cast(Json, jsonpatch.JsonPatch([operation]).apply(patched))
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, IndexError):
            raise FhirError(422, "processing", f"Operation {number} does not fit the resource") from None
        if not isinstance(patched, dict):
            raise FhirError(422, "processing", f"Operation {number} leaves no resource")
        if operation["op"] == "copy" and _nodes(patched) > _MOST_NODES:
            raise FhirError(422, "too-costly", f"Operation {number} makes the resource too large")
    return patched


def _check(operation: object, number: int) -> None:
    if not isinstance(operation, dict) or not isinstance(operation.get("op"), str):
        raise FhirError(400, "structure", f"Operation {number} has no op")
    needed = _MEMBERS.get(operation["op"])
    if needed is None or not needed <= set(operation):
        raise FhirError(400, "structure", f"Operation {number} is not one of RFC 6902")
    if any(not isinstance(operation.get(member, ""), str) for member in ("path", "from")):
        raise FhirError(400, "structure", f"Operation {number} has a path that is no string")


def _nodes(value: object) -> int:
    count, pending = 0, [value]
    while pending and count <= _MOST_NODES:
        item = pending.pop()
        count += 1 + (len(item) // 1000 if isinstance(item, str) else 0)
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return count
