"""HAPI's operations on `meta` alone: `$meta-add` and `$meta-delete` on an instance, which make no new version."""

from __future__ import annotations

from typing import Any

from fhir_plugin.sandbox.fhir.exchange import Call, Reply
from fhir_plugin.sandbox.fhir.outcome import FhirError, Json
from fhir_plugin.sandbox.fhir.unit import Unit

_LISTS = ("profile", "security", "tag")


def change_meta(unit: Unit, call: Call, resource_type: str, id: str, *, remove: bool) -> Reply:
    """POST [type]/[id]/$meta-add or $meta-delete with Parameters: `meta` (valueMeta). Answers with `meta` as it is
    now; profiles, labels and tags are sets."""
    name = "$meta-delete" if remove else "$meta-add"
    if not unit.personality.meta_operations:
        raise FhirError(404, "not-supported", f"This server has no {name}")
    unit.require(resource_type, "update")
    found = unit.visible(unit.session.current(resource_type, id))
    if found is None:
        raise FhirError(404, "not-found", f"There is no {resource_type}/{id[:64]}")
    asked = _asked(call)
    meta = dict(found.resource.get("meta", {}))
    for element in _LISTS:
        there, said = _list(meta.get(element)), {_key(each) for each in _list(asked.get(element))}
        if remove:
            now = [each for each in there if _key(each) not in said]
        else:
            known = {_key(each) for each in there}
            now = [*there, *(each for each in _list(asked.get(element)) if _key(each) not in known)]
        meta.pop(element, None)
        if now:
            meta[element] = now
    body = {**found.resource, "meta": meta}
    unit.require_reach(body)
    unit.session.amend(found, body, base=call.base)
    return Reply(200, {"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": meta}]})


def _asked(call: Call) -> Json:
    parts = call.body.get("parameter") if call.body.get("resourceType") == "Parameters" else None
    for part in _list(parts):
        if isinstance(part, dict) and part.get("name") == "meta" and isinstance(part.get("valueMeta"), dict):
            meta: Json = part["valueMeta"]
            return meta
    raise FhirError(400, "required", "The body must be Parameters with a meta", expression="Parameters.parameter")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _key(item: object) -> object:
    return (item.get("system"), item.get("code")) if isinstance(item, dict) else item
