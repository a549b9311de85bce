"""Which interaction a method and a path ask for (R4 http, summary table)."""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.sandbox.fhir import interactions, labels, operations, purging, searching
from fhir_plugin.sandbox.fhir.bundles import conditional_target, on_target, patch_operations
from fhir_plugin.sandbox.fhir.capability_statement import capability_statement
from fhir_plugin.sandbox.fhir.exchange import Call, Reply, read_query
from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.sandbox.fhir.parameters import resource_types
from fhir_plugin.sandbox.fhir.unit import Unit

PATCH_TYPE = "application/json-patch+json"
FORM_TYPE = "application/x-www-form-urlencoded"


def is_write(call: Call) -> bool:
    """Whether the store may be changed: everything but reads, searches and what only computes."""
    computes = call.path and call.path[-1] in ("_search", "$everything", "$validate")
    return call.method not in ("GET", "HEAD") and not computes


def answer(unit: Unit, call: Call) -> Reply:
    """Carries out one interaction. Raises `FhirError`, 404 and 405 included."""
    method = "GET" if call.method == "HEAD" else call.method
    match (method, call.path):
        case ("GET", ("metadata",)):
            return Reply(200, capability_statement(unit.personality, call.base))
        case ("GET", ("_history",)):
            return searching.history(unit, call)
        case ("POST", ("$expunge",)):
            return purging.expunge(unit, call)
        case (_, (resource_type, *rest)) if resource_type in resource_types():
            return _answer_type(unit, call, method, resource_type, tuple(rest))
        case (_, (unknown, *_)) if unknown not in ("metadata", "_history", "$expunge"):
            raise FhirError(404, "not-supported", f"This server has no {unknown[:64]!r}")
    raise _not_here(call)


def _answer_type(unit: Unit, call: Call, method: str, resource_type: str, rest: tuple[str, ...]) -> Reply:
    match (method, rest):
        case ("GET", ()):
            return searching.search(unit, call, resource_type)
        case ("POST", ("_search",)):
            return searching.search(unit, _with_form(call), resource_type)
        case ("POST", ()):
            return interactions.create(unit, call, resource_type)
        case ("PUT" | "PATCH" | "DELETE", ()):
            return _answer_condition(unit, call, method, resource_type)
        case ("GET", ("_history",)):
            return searching.history(unit, call, resource_type)
        case ("POST", ("$expunge",)):
            return purging.expunge(unit, call, resource_type)
        case ("POST", ("$validate",)):
            return operations.validate_only(unit, call, resource_type)
        case (_, (id, *more)) if not id.startswith(("_", "$")):
            return _answer_instance(unit, call, method, resource_type, id, tuple(more))
        case (_, (unknown, *_)) if unknown not in ("_search", "_history", "$expunge", "$validate"):
            raise FhirError(404, "not-supported", f"This server has no {unknown[:64]!r} on {resource_type}")
    raise _not_here(call)


def _answer_instance(unit: Unit, call: Call, method: str, resource_type: str, id: str, rest: tuple[str, ...]) -> Reply:
    match (method, rest):
        case ("GET", ()):
            return interactions.read(unit, call, resource_type, id)
        case ("PUT", ()):
            return interactions.update(unit, call, resource_type, id)
        case ("PATCH", ()):
            return interactions.patch(unit, call, resource_type, id, _operations(call))
        case ("DELETE", ()):
            return interactions.delete(unit, call, resource_type, id)
        case ("GET", ("_history",)):
            return searching.history(unit, call, resource_type, id)
        case ("GET", ("_history", version)):
            return interactions.vread(unit, call, resource_type, id, version)
        case ("POST", ("$expunge",)):
            return purging.expunge(unit, call, resource_type, id)
        case ("POST", ("_history", version, "$expunge")):
            return purging.expunge(unit, call, resource_type, id, version)
        case ("POST", ("$erase",)) | ("DELETE", ("$purge" | "$purge-history" | "_history",)):
            return purging.purge(unit, call, resource_type, id, rest[0])
        case ("POST", ("$meta-add" | "$meta-delete" as operation,)):
            return labels.change_meta(unit, call, resource_type, id, remove=operation == "$meta-delete")
        case ("GET" | "POST", ("$everything",)) if resource_type == "Patient":
            return operations.everything(unit, call, id)
        case (_, () | ("_history",) | ("_history", _) | ("$expunge",)):
            raise _not_here(call)
    raise FhirError(404, "not-supported", f"This server has no {rest[0][:64]!r} on {resource_type}/{id[:64]}")


def _answer_condition(unit: Unit, call: Call, method: str, resource_type: str) -> Reply:
    if not call.query:
        raise _not_here(call)
    unit.require(resource_type, {"PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method])
    id = conditional_target(unit, call, resource_type)
    if id is None:
        return interactions.nothing_deleted(unit, resource_type)
    return _answer_instance(unit, on_target(call, id), method, resource_type, id, ())


def _operations(call: Call) -> object:
    """From HTTP the patch comes as its own type, in a Bundle as a Binary."""
    if call.patch is not None:
        return call.patch
    return patch_operations(call.body)


def _with_form(call: Call) -> Call:
    """The parameters of POST _search: those in the body join those in the URL."""
    if call.content is None:
        return call
    try:
        form = read_query(call.content.decode("utf-8"))
    except UnicodeDecodeError:
        raise FhirError(400, "structure", "The form is not UTF-8") from None
    return replace(call, query=call.query + form, content=None)


def _not_here(call: Call) -> FhirError:
    where = "/".join(call.path)[:100] or "the base"
    return FhirError(405, "not-supported", f"{call.method} is not done on {where}")
