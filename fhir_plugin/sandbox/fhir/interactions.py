"""The RESTful interactions on one resource (R4 http): read, vread, create, update, patch, delete.

Every function takes a `Unit` and a `Call` and returns a `Reply`, or raises `FhirError`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from email.utils import format_datetime, parsedate_to_datetime

from fhir_plugin.sandbox.fhir.dates import microseconds
from fhir_plugin.sandbox.fhir.exchange import FHIR_JSON, Call, Reply, read_tags
from fhir_plugin.sandbox.fhir.limits import as_kept, check_demands, check_limits
from fhir_plugin.sandbox.fhir.matching import find_matches
from fhir_plugin.sandbox.fhir.outcome import FhirError, Issue, Json, operation_outcome
from fhir_plugin.sandbox.fhir.patching import apply_patch
from fhir_plugin.sandbox.fhir.references import ID, without
from fhir_plugin.sandbox.fhir.session import Method, Version
from fhir_plugin.sandbox.fhir.unit import Unit
from fhir_plugin.sandbox.fhir.validation import join_binary, split_binary, validate

_VERSION = re.compile(r"[1-9]\d{0,8}")


# ------------------------------------------------------------------------------------------ reading


def read(unit: Unit, call: Call, resource_type: str, id: str) -> Reply:
    """GET [type]/[id]."""
    unit.require(resource_type, "read")
    found = unit.session.current(resource_type, id)
    if found is None:
        raise _not_found(resource_type, id)
    if found.deleted:
        raise FhirError(410, "deleted", f"{found.reference} has been deleted", headers=_stamps(found))
    return _shown(unit, call, found)


def vread(unit: Unit, call: Call, resource_type: str, id: str, version: str) -> Reply:
    """GET [type]/[id]/_history/[vid]."""
    unit.require(resource_type, "vread")
    found = unit.session.version(resource_type, id, int(version)) if _VERSION.fullmatch(version) else None
    if found is None:
        raise _not_found(resource_type, id, version)
    if found.deleted:
        raise FhirError(410, "deleted", f"{found.reference} version {version} is its deletion")
    if unit.personality.old_versions_after_delete == "gone":
        now = unit.session.current(resource_type, id)
        if now is None or now.deleted:
            raise FhirError(410, "deleted", f"{found.reference} has been deleted")
    return _shown(unit, call, found)


def whole(unit: Unit, version: Version) -> Json:
    """The resource as JSON, a Binary with its data."""
    if version.type != "Binary":
        return version.resource
    return join_binary(version.resource, unit.session.content(version) or b"")


def _shown(unit: Unit, call: Call, version: Version) -> Reply:
    resource = version.resource
    if not unit.access.sees(resource):
        if unit.personality.hidden_status == 403:
            raise FhirError(403, "forbidden", "This resource is outside your access")
        raise _not_found(version.type, version.id)
    stamps = _stamps(version)
    if _unchanged(call, version):
        return Reply(304, headers=stamps)
    if version.type == "Binary" and not _wants_json(call):
        if unit.personality.binary_reads == "json-only":
            raise FhirError(406, "not-supported", f"A Binary is given as {FHIR_JSON} only")
        context = resource.get("securityContext", {}).get("reference")
        if isinstance(context, str) and context.isascii() and context.isprintable():
            stamps["X-Security-Context"] = context
        return Reply(
            200,
            content=unit.session.content(version) or b"",
            content_type=str(resource["contentType"]),
            headers=stamps,
        )
    return Reply(200, whole(unit, version), headers=stamps)


def _wants_json(call: Call) -> bool:
    """R4 binary: as a resource when a FHIR type is asked for, else in its own type."""
    asked = call.first("_format") or call.headers.get("accept", "")
    return any(
        kind.split(";")[0].strip().lower() in (FHIR_JSON, "application/json", "json", "text/json")
        for kind in asked.split(",")
    )


def _unchanged(call: Call, version: Version) -> bool:
    if tags := call.headers.get("if-none-match"):
        return bool({"*", str(version.version)} & set(read_tags(tags)))
    if since := call.headers.get("if-modified-since"):
        try:
            return microseconds(parsedate_to_datetime(since)) // 1_000_000 >= version.updated // 1_000_000
        except (ValueError, TypeError):
            return False
    return False


# ------------------------------------------------------------------------------------------ writing


def create(unit: Unit, call: Call, resource_type: str) -> Reply:
    """POST [type]; an id in the body is not looked at."""
    unit.require(resource_type, "create")
    resource = _accepted(unit, call, resource_type)
    if (condition := call.headers.get("if-none-exist")) is not None and _conditional(unit):
        matches = find_matches(unit, resource_type, condition, call.base)
        if len(matches) > 1:
            raise FhirError(412, "multiple-matches", "If-None-Exist matches more than one resource")
        if matches:
            return _written(unit, call, matches[0], 200, sent=False)
    new_id = call.promised_id or unit.session.new_id(unit.personality.server_ids, resource_type)
    return _store(unit, call, without(resource, "id"), new_id, "POST", 201)


def update(unit: Unit, call: Call, resource_type: str, id: str) -> Reply:
    """PUT [type]/[id], which creates where the server takes ids from clients."""
    unit.require(resource_type, "update")
    _check_id(id)
    resource = _accepted(unit, call, resource_type)
    if call.content is not None:
        resource = {"resourceType": "Binary", "id": id, **without(resource, "resourceType", "id")}
    if resource.get("id") != id:
        raise FhirError(400, "invalid", "The resource must have the id of the URL", expression=f"{resource_type}.id")
    before = unit.session.current(resource_type, id)
    if before is not None and not before.deleted:
        unit.require_reach(before.resource)
        if unit.personality.if_match == "required" and "if-match" not in call.headers:
            raise FhirError(412, "conflict", "An update needs If-Match")
    check_match(call, before)
    if before is not None and not before.deleted:
        return _store(unit, call, resource, id, "PUT", 200, before)
    if before is None:
        require_client_id(unit, id)
    return _store(unit, call, resource, id, "PUT", 201)


def patch(unit: Unit, call: Call, resource_type: str, id: str, operations: object) -> Reply:
    """PATCH [type]/[id] with a JSON Patch (RFC 6902)."""
    unit.require(resource_type, "patch")
    before = unit.visible(unit.session.current(resource_type, id))
    if before is None:
        raise _not_found(resource_type, id)
    check_match(call, before)
    patched = apply_patch(before.resource, operations)
    if patched.get("resourceType") != resource_type or patched.get("id") != id:
        raise FhirError(422, "business-rule", "A patch changes neither resourceType nor id")
    validate(patched)
    check_limits(unit.personality, patched)
    return _store(unit, call, patched, id, "PATCH", 200, before)


def delete(unit: Unit, call: Call, resource_type: str, id: str) -> Reply:
    """DELETE [type]/[id]; what is not there, or was deleted before, is no error."""
    unit.require(resource_type, "delete")
    before = unit.session.current(resource_type, id)
    if before is None or before.deleted:
        check_match(call, None)
        return _deleted(unit, before, f"{resource_type} was not there")
    unit.require_reach(before.resource)
    check_match(call, before)
    gone = unit.session.delete(before)
    unit.deleted.append(gone)
    return _deleted(unit, gone, f"{gone.reference} deleted")


def nothing_deleted(unit: Unit, resource_type: str) -> Reply:
    """The answer to a conditional delete that matches nothing."""
    return _deleted(unit, None, f"No {resource_type} matches")


def check_match(call: Call, before: Version | None) -> None:
    """If-Match and If-None-Match on a write. Raises `FhirError` 412."""
    current = str(before.version) if before and not before.deleted else None
    if (wanted := call.headers.get("if-match")) is not None:
        tags: Sequence[str] = read_tags(wanted)
        if current is None or not {"*", current} & set(tags):
            raise FhirError(412, "conflict", f"If-Match does not name the current version, which is {current}")
    unwanted = call.headers.get("if-none-match")
    if unwanted is not None and current is not None and {"*", current} & set(read_tags(unwanted)):
        raise FhirError(412, "conflict", "If-None-Match names the current version")


def require_client_id(unit: Unit, id: str) -> None:
    """Whether a client may choose this id. Raises `FhirError`: 405, or 400 for one that is only digits."""
    rule = unit.personality.client_ids
    if rule == "refused":
        raise FhirError(405, "not-supported", "This server chooses the ids: there is nothing to update here")
    if rule == "not-numeric" and id.isdigit():
        raise FhirError(400, "value", "An id from a client needs at least one character that is not a digit")


def _accepted(unit: Unit, call: Call, resource_type: str) -> Json:
    """The resource in the body, valid and within this server's limits."""
    resource = _raw_binary(call) if call.content is not None else call.body
    if resource.get("resourceType") != resource_type:
        raise FhirError(400, "invalid", f"The body must be a {resource_type}", expression="resourceType")
    check_limits(unit.personality, resource, content=call.content)
    validate(resource)
    check_demands(unit.personality, resource, user=unit.access.user)
    return as_kept(unit.personality, resource)


def _raw_binary(call: Call) -> Json:
    resource: Json = {"resourceType": "Binary", "contentType": call.content_type}
    if context := call.headers.get("x-security-context"):
        resource["securityContext"] = {"reference": context}
    return resource


def _conditional(unit: Unit) -> bool:
    return unit.personality.conditional_create == "honoured"


def _store(
    unit: Unit, call: Call, resource: Json, id: str, method: Method, status: int, before: Version | None = None
) -> Reply:
    body, content = split_binary(resource)
    if call.content is not None:
        content = call.content
        if unit.personality.raw_binary == "as-text":
            content = content.decode("utf-8", "replace").encode()
    body = _with_meta(unit, body, before)
    unit.require_reach({**body, "id": id})
    version = unit.session.write(body, id, method, base=call.base, content=content)
    unit.written.append(version)
    return _written(unit, call, version, status, sent=method != "PATCH")


def _with_meta(unit: Unit, resource: Json, before: Version | None) -> Json:
    """meta as this personality keeps it; `resource` itself is left alone."""
    rule = unit.personality.meta
    meta = dict(resource.get("meta", {}))
    if rule == "dropped":
        meta = {}
    elif rule == "rewritten":
        kept = {"security": meta["security"][::-1]} if "security" in meta else {}
        own = {"system": "https://sandbox.example/filed-by", "code": "interface"}
        others = [each for each in meta.get("tag", [])[::-1] if each != own]
        profile = [f"https://sandbox.example/{resource['resourceType']}"]
        meta = {"profile": profile, **kept, "tag": [own, *others]}
    elif rule == "merged" and before is not None:
        old = before.resource.get("meta", {})
        for element in ("profile", "security", "tag"):
            added = [item for item in old.get(element, []) if item not in meta.get(element, [])]
            if added:
                meta[element] = [*meta.get(element, []), *added]
    if unit.personality.meta_source:
        meta["source"] = f"#{uuid.uuid4().hex[:16]}"
    return {**resource, "meta": meta} if meta or "meta" in resource else resource


# ------------------------------------------------------------------------------------------ answers


def _written(unit: Unit, call: Call, version: Version, status: int, *, sent: bool) -> Reply:
    """`sent`: the caller has sent all of it. What was there before is shown to those who may read."""
    headers = _stamps(version)
    if status == 201 or not sent:
        headers["Location"] = location(unit, version)
    readable = sent or unit.access.allows(version.type, "read")
    match call.wants:
        case "minimal":
            shown = None
        case None if unit.personality.returns == "minimal":
            shown = None
        case _ if not readable:
            shown = None
        case "OperationOutcome":
            text = f"{version.reference} version {version.version}"
            shown = operation_outcome([Issue("informational", text, "information")])
        case "representation":
            shown = whole(unit, version)
        case _:
            shown = None if version.type == "Binary" else version.resource
    return Reply(status, shown, headers=headers, version=version)


def location(unit: Unit, version: Version) -> str:
    """Location as this personality writes it."""
    path = version.reference
    if unit.personality.location != "without-version":
        path += f"/_history/{version.version}"
    if unit.personality.location == "relative":
        return path
    return f"{(unit.personality.location_base or unit.base).rstrip('/')}/{path}"


def _deleted(unit: Unit, version: Version | None, text: str) -> Reply:
    headers = {"ETag": f'W/"{version.version}"'} if version else {}
    if unit.personality.delete_status == 204:
        return Reply(204, headers=headers)
    return Reply(200, operation_outcome([Issue("informational", text, "information")]), headers=headers)


def _stamps(version: Version) -> dict[str, str]:
    moment = version.moment.replace(microsecond=0)
    return {"ETag": f'W/"{version.version}"', "Last-Modified": format_datetime(moment, usegmt=True)}


def _check_id(id: str) -> None:
    if not ID.fullmatch(id):
        raise FhirError(400, "value", "An id has 1 to 64 letters, digits, hyphens and dots")


def _not_found(resource_type: str, id: str, version: str | None = None) -> FhirError:
    text = f"There is no {resource_type}/{id[:64]}" + (f" version {version[:20]}" if version else "")
    return FhirError(404, "not-found", text)
