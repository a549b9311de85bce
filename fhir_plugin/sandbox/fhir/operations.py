"""Operations: Patient/$everything (R4), $validate (R4), and HAPI's $expunge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

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

_EXPUNGE_LIMIT = 1000


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
    for part in _parameters(call):
        for key, value in part.items():
            if key.startswith("value") and isinstance(part.get("name"), str) and isinstance(value, str | int):
                asked[part["name"]] = str(value)
    return asked


def _count(unit: Unit, asked: dict[str, str]) -> int:
    text = asked.get("_count", str(unit.personality.max_count))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise FhirError(400, "value", "_count must be a whole number")
    return page_size(unit.personality, int(text))


# ---------------------------------------------------------------------------------------- $expunge


@dataclass(frozen=True)
class ExpungeOptions:
    """HAPI's parameters: what to remove for good. `limit`: at most so many versions."""

    deleted_resources: bool = False
    previous_versions: bool = False
    everything: bool = False
    limit: int = _EXPUNGE_LIMIT


def expunge(
    unit: Unit, call: Call, resource_type: str | None = None, id: str | None = None, version: str | None = None
) -> Reply:
    """POST $expunge on everything, a type, a resource or one of its old versions."""
    if unit.personality.expunge == "refused":
        code = "forbidden" if unit.personality.expunge_status == 403 else "not-supported"
        raise FhirError(unit.personality.expunge_status, code, "This server does not expunge")
    for one in [resource_type] if resource_type else sorted(resource_types() - unit.personality.absent_types):
        unit.require(one, "$expunge")
    options = _expunge_options(call)
    if id is not None and resource_type is not None:
        count = _expunge_one(unit, options, resource_type, id, version)
    else:
        count = 0
        for key in unit.session.keys(resource_type):
            if count >= options.limit and not options.everything:
                break
            found = unit.session.by_key(key)
            if found is not None and _in_reach(unit, found):
                count += _expunge_key(unit, replace(options, limit=options.limit - count), found)
    answer = {"resourceType": "Parameters", "parameter": [{"name": "count", "valueInteger": count}]}
    return Reply(200, answer)


def _expunge_one(unit: Unit, options: ExpungeOptions, resource_type: str, id: str, version: str | None) -> int:
    found = unit.session.current(resource_type, id)
    if found is None or not _in_reach(unit, found):
        raise FhirError(404, "not-found", f"There is no {resource_type}/{id[:64]}")
    if version is None:
        return _expunge_key(unit, options, found)
    if not version.isdecimal() or len(version) > 9 or unit.session.version(resource_type, id, int(version)) is None:
        raise FhirError(404, "not-found", f"There is no version {version[:20]} of {found.reference}")
    if int(version) == found.version and not (found.deleted and options.deleted_resources):
        raise FhirError(412, "conflict", "The current version is not expunged: delete the resource first")
    if int(version) == found.version:
        return unit.session.expunge(found.key)
    if not (options.previous_versions or options.everything):
        return 0
    return unit.session.expunge_previous(found.key, version=int(version))


def _expunge_key(unit: Unit, options: ExpungeOptions, found: Version) -> int:
    if options.everything or (options.deleted_resources and found.deleted):
        return unit.session.expunge(found.key)
    if options.previous_versions:
        return unit.session.expunge_previous(found.key, limit=options.limit)
    return 0


def _in_reach(unit: Unit, version: Version) -> bool:
    """A deletion is judged by the last version with content."""
    shown: Version | None = version
    number = version.version
    while shown is None or shown.deleted:
        number -= 1
        if number < 1:
            return True
        shown = unit.session.version(version.type, version.id, number)
    return unit.access.sees(shown.resource)


def _expunge_options(call: Call) -> ExpungeOptions:
    options = ExpungeOptions()
    names = {
        "expungeDeletedResources": "deleted_resources",
        "expungePreviousVersions": "previous_versions",
        "expungeEverything": "everything",
    }
    for part in _parameters(call):
        name = part.get("name")
        if name == "limit":
            limit = part.get("valueInteger")
            if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit < 10**9:
                raise FhirError(400, "value", "limit must be a positive valueInteger")
            options = replace(options, limit=limit)
        elif isinstance(name, str) and name in names:
            if not isinstance(part.get("valueBoolean"), bool):
                raise FhirError(400, "value", f"{name} must have a valueBoolean")
            changes: dict[str, bool] = {names[name]: part["valueBoolean"]}
            options = replace(options, **changes)
        else:
            raise FhirError(400, "not-supported", "$expunge has no such parameter", expression="Parameters.parameter")
    return options


def _parameters(call: Call) -> Iterable[Json]:
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
    for part in _parameters(call) if resource.get("resourceType") == "Parameters" else []:
        if part.get("name") == "resource" and isinstance(part.get("resource"), dict):
            resource = part["resource"]
    if resource.get("resourceType") != resource_type or resource_type not in resource_types():
        raise FhirError(400, "invalid", f"The body must be a {resource_type}", expression="resourceType")
    try:
        validate(resource)
    except FhirError as error:
        return Reply(200, error.outcome)
    return Reply(200, operation_outcome([Issue("informational", "No issues", "information")]))
