"""Operations of R4: Patient/$everything and $validate. What purges is in `purging`."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_plugin.sandbox.fhir.dates import date_range
from fhir_plugin.sandbox.fhir.exchange import Call, Reply
from fhir_plugin.sandbox.fhir.interactions import whole
from fhir_plugin.sandbox.fhir.outcome import FhirError, Issue, Json, operation_outcome
from fhir_plugin.sandbox.fhir.parameters import patient_compartment, resource_types
from fhir_plugin.sandbox.fhir.references import read_reference, strings_of
from fhir_plugin.sandbox.fhir.searching import PAGE, page_size
from fhir_plugin.sandbox.fhir.session import Version
from fhir_plugin.sandbox.fhir.unit import Unit
from fhir_plugin.sandbox.fhir.validation import validate

# ------------------------------------------------------------------------------------- $everything


def everything(unit: Unit, call: Call, id: str) -> Reply:
    """GET or POST Patient/[id]/$everything: the compartment, what it refers to, its Binaries and Provenances."""
    unit.require("Patient", "read")
    patient = unit.visible(unit.session.current("Patient", id))
    if patient is None:
        raise FhirError(404, "not-found", f"There is no Patient/{id[:64]}")
    asked = _asked(call)
    path = f"{call.base}/Patient/{id}/$everything"
    offset = 0
    if token := asked.get(PAGE):
        kept = unit.session.kept_result(token)
        text = asked.get("_offset", "0")
        if kept is None or kept[0].get("path") != path or not (text.isdecimal() and len(text) < 10):
            raise FhirError(410, "not-found", "This page is no longer kept: ask again")
        found, offset, count = kept[1], int(text), int(kept[0]["count"])
    else:
        found, count = _everything(unit, call, patient, asked), _count(unit, asked)
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    bundle["link"] = [{"relation": "self", "url": path}]
    if offset + count < len(found):
        token = token or unit.session.keep_result({"path": path, "count": count}, found)
        bundle["link"].append({"relation": "next", "url": f"{path}?{PAGE}={token}&_offset={offset + count}"})
    page = [unit.visible(unit.session.by_key(key)) for key in found[offset : offset + count]]
    entries = [
        {"fullUrl": f"{call.base}/{version.reference}", "resource": whole(unit, version), "search": {"mode": "match"}}
        for version in page
        if version
    ]
    if entries:
        bundle["entry"] = entries
    return Reply(200, bundle)


def _everything(unit: Unit, call: Call, patient: Version, asked: dict[str, str]) -> list[int]:
    found = {patient.key: patient}
    for resource_type, codes in patient_compartment().items():
        for key in unit.session.select(
            "SELECT DISTINCT key FROM reference WHERE type = ? AND target_type = 'Patient' AND target_id = ?"  # noqa: S608
            f" AND param IN ({', '.join('?' * len(codes))}) ORDER BY key",
            (resource_type, patient.id, *codes),
        ):
            _keep(unit, found, unit.session.by_key(key))
    for version in list(found.values()):
        for text in strings_of(version.resource, "reference", "url"):
            if (target := read_reference(text, call.base)) and target.resource_type != "Patient":
                _keep(unit, found, unit.session.current(target.resource_type, target.id))
    for version in list(found.values()):
        for key in unit.session.select(
            "SELECT DISTINCT key FROM reference WHERE type = 'Provenance' AND param = 'target'"
            " AND target_type = ? AND target_id = ? ORDER BY key",
            (version.type, version.id),
        ):
            _keep(unit, found, unit.session.by_key(key))
    types = set(filter(None, asked.get("_type", "").split(",")))
    since = date_range(asked["_since"]) if "_since" in asked else (0, 0)
    if since is None:
        raise FhirError(400, "value", "_since must be an instant")
    return [
        key for key, version in found.items() if (not types or version.type in types) and version.updated >= since[0]
    ]


def _keep(unit: Unit, found: dict[int, Version], version: Version | None) -> None:
    if (
        version is not None
        and version.key not in found
        and version.type not in unit.personality.absent_types
        and unit.access.allows(version.type, "search-type")
        and (seen := unit.visible(version))
    ):
        found[seen.key] = seen


def _asked(call: Call) -> dict[str, str]:
    """Parameters of an operation, from the query or from a Parameters resource."""
    asked = dict(call.query)
    for part in parameters_of_call(call):
        for key, value in part.items():
            if key.startswith("value") and isinstance(part.get("name"), str) and isinstance(value, str | int):
                asked[part["name"]] = str(value)
    return asked


def _count(unit: Unit, asked: dict[str, str]) -> int:
    text = asked.get("_count", str(unit.personality.max_count))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise FhirError(400, "value", "_count must be a whole number")
    return page_size(unit.personality, int(text))


def parameters_of_call(call: Call) -> Iterable[Json]:
    """The parts of a Parameters resource in the body; nothing without a body. Raises `FhirError` 400."""
    if call.resource is None:
        return []
    if call.resource.get("resourceType") != "Parameters":
        raise FhirError(400, "structure", "The body must be a Parameters resource", expression="resourceType")
    parts = call.resource.get("parameter", [])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise FhirError(400, "structure", "parameter must be a list of objects", expression="Parameters.parameter")
    return parts


# --------------------------------------------------------------------------------------- $validate


def validate_only(unit: Unit, call: Call, resource_type: str) -> Reply:
    """POST [type]/$validate: 200 with what a write would say; nothing is stored."""
    unit.require(resource_type, "$validate")
    resource = call.body
    for part in parameters_of_call(call) if resource.get("resourceType") == "Parameters" else []:
        if part.get("name") == "resource" and isinstance(part.get("resource"), dict):
            resource = part["resource"]
    if resource.get("resourceType") != resource_type or resource_type not in resource_types():
        raise FhirError(400, "invalid", f"The body must be a {resource_type}", expression="resourceType")
    try:
        validate(resource)
    except FhirError as error:
        return Reply(200, error.outcome)
    return Reply(200, operation_outcome([Issue("informational", "No issues", "information")]))
