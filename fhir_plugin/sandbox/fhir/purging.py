"""What removes versions for good: HAPI's $expunge, and what other servers have in its place.

Which one is there, and whether it does what it says, is the personality's (`purge`, `purge_answers`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fhir_plugin.sandbox.fhir.exchange import Call, Reply
from fhir_plugin.sandbox.fhir.operations import parameters_of_call
from fhir_plugin.sandbox.fhir.outcome import FhirError, Issue, operation_outcome
from fhir_plugin.sandbox.fhir.parameters import resource_types
from fhir_plugin.sandbox.fhir.session import Version
from fhir_plugin.sandbox.fhir.unit import Unit

_EXPUNGE_LIMIT = 1000
_REQUESTS = {
    "$erase": ("POST", "erase"),
    "$purge": ("DELETE", "google-purge"),
    "$purge-history": ("DELETE", "purge-history"),
    "_history": ("DELETE", "delete-history"),
}
"""Last step of the path -> method, and the `purge` of the personalities that answer to it."""


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
    if unit.personality.purge not in ("expunge", "medplum-expunge"):
        raise FhirError(404, "not-supported", "This server has no $expunge")
    for one in [resource_type] if resource_type else sorted(resource_types() - unit.personality.absent_types):
        unit.require(one, "$expunge")
    _check_allowed(unit)
    if unit.personality.purge == "medplum-expunge":
        return _said(_removed(unit, _found(unit, resource_type, id), everything=True))
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
    found = _found(unit, resource_type, id)
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
        return _removed(unit, found, everything=True)
    if options.previous_versions:
        return _removed(unit, found, limit=options.limit)
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
    for part in parameters_of_call(call):
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


# -------------------------------------------------------------------------------------- its likes


def purge(unit: Unit, call: Call, resource_type: str, id: str, name: str) -> Reply:
    """POST $erase takes every version; DELETE $purge, $purge-history and _history every one but the current."""
    method, means = _REQUESTS[name]
    if unit.personality.purge != means or call.method != method:
        status = 405 if name == "_history" else 404
        raise FhirError(status, "not-supported", f"This server has no {call.method} of {name}")
    unit.require(resource_type, "$expunge")
    _check_allowed(unit)
    found = _found(unit, resource_type, id)
    if name == "$erase" and unit.personality.erase_needs_reason:
        given = {part.get("name"): part.get("valueString") for part in parameters_of_call(call)}
        if not given.get("reason"):
            raise FhirError(400, "required", "$erase needs a reason", expression="Parameters.parameter")
    return _said(_removed(unit, found, everything=name == "$erase"))


def _check_allowed(unit: Unit) -> None:
    if unit.personality.purge_answers == "forbidden":
        raise FhirError(403, "forbidden", "Only an administrator may remove versions here")


def _found(unit: Unit, resource_type: str | None, id: str | None) -> Version:
    found = unit.session.current(resource_type, id) if resource_type is not None and id is not None else None
    if found is None or not _in_reach(unit, found):
        raise FhirError(404, "not-found", f"There is no {resource_type or 'resource'}/{(id or '')[:64]}")
    return found


def _removed(unit: Unit, found: Version, *, everything: bool = False, limit: int = -1) -> int:
    """How many versions went, or are said to have gone: `lies` keeps all, `half` keeps the oldest and the current."""
    match unit.personality.purge_answers:
        case "lies":
            return found.version
        case "half":
            numbers = range(2, found.version)
            return sum(unit.session.expunge_previous(found.key, version=number) for number in numbers)
    if everything:
        return unit.session.expunge(found.key)
    return unit.session.expunge_previous(found.key, limit=limit)


def _said(count: int) -> Reply:
    return Reply(200, operation_outcome([Issue("informational", f"{count} versions removed", "information")]))
