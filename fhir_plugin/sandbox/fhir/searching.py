"""Search and history (R4 search, R4 http history): what is found, page by page, as a Bundle.

What the first page found is kept, so that later pages neither repeat nor miss anything; each page looks
again at whether a resource is still there and still within the caller's reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from fhir_plugin.sandbox.fhir.dates import date_range, instant
from fhir_plugin.sandbox.fhir.exchange import Call, Reply
from fhir_plugin.sandbox.fhir.finding import find_keys
from fhir_plugin.sandbox.fhir.including import included
from fhir_plugin.sandbox.fhir.interactions import whole
from fhir_plugin.sandbox.fhir.outcome import FhirError, Issue, Json, operation_outcome
from fhir_plugin.sandbox.fhir.personality import Personality
from fhir_plugin.sandbox.fhir.query import TRANSPORT_PARAMETERS, Query, parse_query
from fhir_plugin.sandbox.fhir.session import Version
from fhir_plugin.sandbox.fhir.unit import Unit
from fhir_plugin.sandbox.fhir.validation import mandatory_elements

PAGE = "_page"
"""The token of what a search found, in next links: `Type?_page=TOKEN&_offset=N`."""

_METHOD_STATUS = {"POST": "201", "PUT": "200", "PATCH": "200", "DELETE": "204"}
_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}


def search(unit: Unit, call: Call, resource_type: str) -> Reply:
    """GET [type]?..., POST [type]/_search, and their later pages."""
    unit.require(resource_type, "search-type")
    if token := call.first(PAGE):
        return _later_page(unit, call, resource_type, token)
    query = _parse(unit, call, resource_type, call.query)
    return _search_page(unit, call, query, find_keys(unit.session, query, unit.reaches), 0, None)


def _parse(unit: Unit, call: Call, resource_type: str, params: Sequence[tuple[str, str]]) -> Query:
    rule = unit.personality.unknown_parameters
    strict = rule == "error" or (rule == "named" and call.strict)
    query = parse_query(resource_type, params, strict=strict, known=unit.personality.searches, base=call.base)
    for condition in query.conditions:
        for other in condition.types():
            unit.authorise(other, "search-type")
    return query


def _later_page(unit: Unit, call: Call, resource_type: str, token: str) -> Reply:
    kept = unit.session.kept_result(token)
    offset = call.first("_offset") or "0"
    if kept is None or kept[0].get("type") != resource_type or not (offset.isdecimal() and len(offset) < 10):
        raise FhirError(410, "not-found", "This page is no longer kept: search again")
    request, found = kept
    query = _parse(unit, call, resource_type, [(name, value) for name, value in request["params"]])
    return _search_page(unit, call, query, found, int(offset), token)


def _search_page(unit: Unit, call: Call, query: Query, found: Sequence[int], offset: int, token: str | None) -> Reply:
    count = page_size(unit.personality, query.count)
    bundle: Json = {"resourceType": "Bundle", "type": "searchset"}
    counting = query.summary == "count" or query.count == 0
    how = unit.personality.total
    asked = counting or query.total == "accurate"
    if (asked and how != "never") or (how == "always" and query.total != "none"):
        bundle["total"] = len(found)
    path = f"{call.base}/{query.resource_type}"
    bundle["link"] = [_link("self", path + _query_string(query.understood))]
    entries = list[Json]()
    if not counting:
        if offset + count < len(found):
            request = {"type": query.resource_type, "params": list(query.understood)}
            token = token or unit.session.keep_result(request, found)
            bundle["link"].append(_link("next", f"{path}?{PAGE}={token}&_offset={offset + count}"))
        page = [
            version for key in found[offset : offset + count] if (version := unit.visible(unit.session.by_key(key)))
        ]
        entries.extend(_entry(unit, call, query, version, "match") for version in page)
        others = included(unit, query, page)
        entries.extend(_entry(unit, call, query, version, "include") for version in others)
    if query.ignored:
        entries.append(_ignored(query))
    if entries:
        bundle["entry"] = entries
    return Reply(200, bundle)


def page_size(personality: Personality, asked: int | None) -> int:
    """How many matches one page holds."""
    return min(asked or personality.default_count, personality.max_count)


def _entry(unit: Unit, call: Call, query: Query, version: Version, mode: str) -> Json:
    resource = whole(unit, version)
    return {
        "fullUrl": f"{call.base}/{version.reference}",
        "resource": _reduced(resource, query) if mode == "match" else resource,
        "search": {"mode": mode},
    }


def _reduced(resource: Json, query: Query) -> Json:
    """`_elements` and `_summary`, tagged SUBSETTED (R4 search)."""
    if query.elements:
        kept = {"resourceType", "id", "meta", *query.elements, *mandatory_elements(query.resource_type)}
    elif query.summary == "text":
        kept = {"resourceType", "id", "meta", "text", *mandatory_elements(query.resource_type)}
    elif query.summary == "data":
        kept = set(resource) - {"text"}
    else:
        return resource
    made = {key: value for key, value in resource.items() if key.lstrip("_") in kept}
    meta = dict(made["meta"])
    meta["tag"] = [*meta.get("tag", []), _SUBSETTED]
    return {**made, "meta": meta}


def _ignored(query: Query) -> Json:
    issues = [
        Issue("not-supported", f"Search parameter {name!r} is not known here and was ignored", "warning")
        for name in query.ignored
    ]
    return {"resource": operation_outcome(issues), "search": {"mode": "outcome"}}


def _query_string(params: Sequence[tuple[str, str]]) -> str:
    return "?" + urlencode(params, quote_via=quote) if params else ""


def _link(relation: str, url: str) -> Json:
    return {"relation": relation, "url": url}


# ------------------------------------------------------------------------------------------ history


def history(unit: Unit, call: Call, resource_type: str | None = None, id: str | None = None) -> Reply:
    """GET _history of a resource, a type or everything: newest first, deletions included."""
    _require_history(unit, resource_type, id)
    path = "/".join(part for part in (call.base, resource_type, id, "_history") if part)
    if token := call.first(PAGE):
        kept = unit.session.kept_result(token)
        offset = call.first("_offset") or "0"
        if kept is None or kept[0].get("path") != path or not (offset.isdecimal() and len(offset) < 10):
            raise FhirError(410, "not-found", "This page is no longer kept: ask again")
        return _history_page(unit, call, path, kept[1], int(offset), int(kept[0]["count"]), token)
    since = _since(call)
    found = [
        sequence
        for sequence in unit.session.history(resource_type, id, since=since)
        if _seen(unit, unit.session.by_sequence(sequence), one=id is not None)
    ]
    if id is not None and not found and not (since and unit.session.history(resource_type, id)):
        raise FhirError(404, "not-found", f"There is no {resource_type}/{id[:64]}")
    return _history_page(unit, call, path, found, 0, _count(unit, call), None)


def _require_history(unit: Unit, resource_type: str | None, id: str | None) -> None:
    if resource_type is not None:
        unit.require(resource_type, "history-instance" if id else "history-type")
    elif not unit.personality.does("system", "history-system"):
        raise FhirError(405, "not-supported", "This server keeps no history of everything")


def _seen(unit: Unit, version: Version | None, *, one: bool) -> bool:
    """Deletions have no content to judge by: shown where the version before it is within reach."""
    if version is None:
        return False
    if not one and not unit.access.allows(version.type, "history-type"):
        return False
    shown: Version | None = version
    number = version.version
    while shown is None or shown.deleted:
        number -= 1
        if number < 1:
            return unit.access.allows(version.type, "history-type" if not one else "history-instance")
        shown = unit.session.version(version.type, version.id, number)
    return unit.access.sees(shown.resource)


def _history_page(
    unit: Unit, call: Call, path: str, found: Sequence[int], offset: int, count: int, token: str | None
) -> Reply:
    bundle: Json = {"resourceType": "Bundle", "type": "history", "total": len(found)}
    bundle["link"] = [_link("self", path)]
    if offset + count < len(found) and count:
        token = token or unit.session.keep_result({"path": path, "count": count}, found)
        bundle["link"].append(_link("next", f"{path}?{PAGE}={token}&_offset={offset + count}"))
    one = len(call.path) > 2
    versions = [unit.session.by_sequence(sequence) for sequence in found[offset : offset + count]]
    entries = [_history_entry(unit, call, version) for version in versions if version and _seen(unit, version, one=one)]
    if entries:
        bundle["entry"] = entries
    return Reply(200, bundle)


def _history_entry(unit: Unit, call: Call, version: Version) -> Json:
    entry: Json = {"fullUrl": f"{call.base}/{version.reference}"}
    if not version.deleted:
        entry["resource"] = whole(unit, version)
    url = version.type if version.method == "POST" else version.reference
    entry["request"] = {"method": version.method, "url": url}
    entry["response"] = {
        "status": "201" if version.version == 1 else _METHOD_STATUS[version.method],
        "etag": f'W/"{version.version}"',
        "lastModified": instant(version.moment),
    }
    return entry


def _since(call: Call) -> int | None:
    for name, _ in call.query:
        if name not in ("_since", "_count", *TRANSPORT_PARAMETERS) and call.strict:
            raise FhirError(400, "not-supported", f"History has no parameter {name[:64]!r} here")
    since = call.first("_since")
    if since is None:
        return None
    found = date_range(since)
    if found is None:
        raise FhirError(400, "value", "_since must be an instant")
    return found[0]


def _count(unit: Unit, call: Call) -> int:
    asked = call.first("_count")
    if asked is None:
        return unit.personality.default_count
    if not asked.isascii() or not asked.isdecimal() or len(asked) > 9:
        raise FhirError(400, "value", "_count must be a whole number")
    return min(int(asked), unit.personality.max_count)
