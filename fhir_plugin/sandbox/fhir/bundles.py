"""Batch and transaction (R4 http, batch/transaction).

A transaction is one unit: its entries run in the order DELETE, POST, PUT and PATCH, GET, what they call each
other by `urn:uuid` is replaced, and nothing stays of it if one of them fails.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from fhir_plugin.sandbox.fhir.dates import instant
from fhir_plugin.sandbox.fhir.exchange import Call, Reply, split_url
from fhir_plugin.sandbox.fhir.interactions import require_client_id
from fhir_plugin.sandbox.fhir.json_text import parse_text
from fhir_plugin.sandbox.fhir.matching import find_matches
from fhir_plugin.sandbox.fhir.outcome import FhirError, Json
from fhir_plugin.sandbox.fhir.references import ID, rewrite, strings_of, without
from fhir_plugin.sandbox.fhir.unit import Unit

Answer = Callable[[Unit, Call], Reply]
"""Carries out one interaction in a unit."""

ENTRY_LIMIT = 1000
_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]+\?")
_CONDITIONS = {
    "ifMatch": "if-match",
    "ifNoneMatch": "if-none-match",
    "ifNoneExist": "if-none-exist",
    "ifModifiedSince": "if-modified-since",
}


@dataclass(frozen=True)
class Entry:
    """One entry of a Bundle that asks for something. `identity`: the (type, id) it writes, once known."""

    number: int
    call: Call
    full_url: str | None
    identity: tuple[str, str] | None = None
    matched: bool = False
    """A conditional create that found its resource: nothing is written."""

    @property
    def expression(self) -> str:
        return f"Bundle.entry[{self.number}]"


def read_entries(bundle: Json, outer: Call) -> list[Entry]:
    """Raises `FhirError` 400 for a Bundle that is none, or an entry without a request."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise FhirError(400, "structure", "Bundle.entry must be a list", expression="Bundle.entry")
    if len(entries) > ENTRY_LIMIT:
        raise FhirError(413, "too-long", f"More than {ENTRY_LIMIT} entries", expression="Bundle.entry")
    return [read_entry(entry, number, outer) for number, entry in enumerate(entries)]


def read_entry(entry: object, number: int, outer: Call) -> Entry:
    """One entry as a call of its own. Raises `FhirError` 400."""
    where = f"Bundle.entry[{number}]"
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(request, dict):
        raise FhirError(400, "required", "An entry needs a request", expression=where)
    method, url, full_url = request.get("method"), request.get("url"), entry.get("fullUrl")
    if not isinstance(method, str) or method not in _ORDER:
        raise FhirError(400, "value", "request.method is not one of R4", expression=f"{where}.request.method")
    if not isinstance(url, str) or not (full_url is None or isinstance(full_url, str)):
        raise FhirError(400, "required", "An entry needs request.url", expression=f"{where}.request.url")
    resource = entry.get("resource")
    if resource is not None and not isinstance(resource, dict):
        raise FhirError(400, "structure", "entry.resource must be an object", expression=f"{where}.resource")
    headers = {"accept": "application/fhir+json"}
    if "prefer" in outer.headers:
        headers["prefer"] = outer.headers["prefer"]
    for element, header in _CONDITIONS.items():
        if (value := request.get(element)) is not None:
            if not isinstance(value, str):
                raise FhirError(400, "structure", f"request.{element} must be a string", expression=where)
            headers[header] = value
    try:
        path, query = split_url(url, outer.base)
    except FhirError as error:
        raise error.within(where) from None
    return Entry(number, Call(method, path, outer.base, query, headers, resource), full_url)


# -------------------------------------------------------------------------------------------- batch


def answer_entry(entry: Entry, unit: Unit, answer: Answer) -> Json:
    """One entry of a batch, as a response entry. Raises `FhirError`."""
    if not entry.call.path:
        raise FhirError(400, "not-supported", "A Bundle inside a Bundle is not carried out")
    return response_entry(entry, answer(unit, entry.call))


def response_entry(entry: Entry, reply: Reply) -> Json:
    """What the answer's Bundle says of one entry."""
    response: Json = {"status": str(reply.status)}
    if "Location" in reply.headers:
        response["location"] = reply.headers["Location"]
    if "ETag" in reply.headers:
        response["etag"] = reply.headers["ETag"]
    if reply.version is not None:
        response["lastModified"] = instant(reply.version.moment)
    made: Json = {}
    reading = entry.call.method in ("GET", "HEAD")
    if reply.resource is not None and (reading or entry.call.wants == "representation"):
        made["resource"] = reply.resource
    elif reply.resource is not None and reply.resource["resourceType"] == "OperationOutcome":
        response["outcome"] = reply.resource
    return {**made, "response": response}


def failed_entry(error: FhirError) -> Json:
    """What the answer's Bundle says of an entry that was refused."""
    return {"response": {"status": str(error.status), "outcome": error.outcome}}


# -------------------------------------------------------------------------------------- transaction


def run_transaction(unit: Unit, entries: Sequence[Entry], answer: Answer) -> list[Json]:
    """Response entries in the order asked. Raises `FhirError` for the whole, naming the entry at fault."""
    _refuse_doubled_urls(entries)
    resolved = list[Entry]()
    for entry in entries:
        with _blame(entry):
            resolved.append(_resolve(unit, entry))
    _refuse_overlaps(resolved)
    targets = _targets(resolved)
    ready = list[Entry]()
    for entry in resolved:
        with _blame(entry):
            ready.append(_rewritten(unit, entry, targets))
    answers: dict[int, Json] = {}
    for entry in sorted(ready, key=lambda entry: _ORDER[entry.call.method]):
        with _blame(entry):
            answers[entry.number] = response_entry(entry, answer(unit, entry.call))
    unit.verify()
    return [answers[number] for number in range(len(entries))]


@contextmanager
def _blame(entry: Entry) -> Iterator[None]:
    try:
        yield
    except FhirError as error:
        raise error.within(entry.expression) from None


def _refuse_doubled_urls(entries: Sequence[Entry]) -> None:
    seen = set[str]()
    for entry in entries:
        if entry.full_url and entry.call.method in ("POST", "PUT"):
            if entry.full_url in seen:
                raise FhirError(400, "duplicate", "Two entries have the same fullUrl", expression=entry.expression)
            seen.add(entry.full_url)


def _resolve(unit: Unit, entry: Entry) -> Entry:
    """Who is written: an id for each create, the match of each condition. Nothing runs yet."""
    call = entry.call
    if call.method == "POST" and len(call.path) == 1 and not call.path[0].startswith(("_", "$")):
        return _resolve_create(unit, entry, call.path[0])
    if call.method in ("PUT", "DELETE", "PATCH") and len(call.path) == 1 and call.query:
        return _resolve_condition(unit, entry, call.path[0])
    if call.method in ("PUT", "DELETE", "PATCH"):
        if len(call.path) != 2 or not ID.fullmatch(call.path[1]):
            raise FhirError(400, "value", "request.url must be Type/id", expression="request.url")
        return replace(entry, identity=(call.path[0], call.path[1]))
    if call.method in ("GET", "HEAD") and call.path:
        return entry
    raise FhirError(400, "not-supported", "A transaction does not do this", expression="request.url")


def _resolve_create(unit: Unit, entry: Entry, resource_type: str) -> Entry:
    unit.require(resource_type, "create")
    condition = entry.call.headers.get("if-none-exist")
    if condition is not None and unit.personality.conditional_create == "honoured":
        matches = find_matches(unit, resource_type, condition, entry.call.base)
        if len(matches) > 1:
            raise FhirError(412, "multiple-matches", "ifNoneExist matches more than one resource")
        if matches:
            return replace(entry, identity=(resource_type, matches[0].id), matched=True)
    id = unit.session.new_id(unit.personality.server_ids, resource_type)
    call = replace(entry.call, promised_id=id, headers=without(dict(entry.call.headers), "if-none-exist"))
    return replace(entry, call=call, identity=(resource_type, id))


def _resolve_condition(unit: Unit, entry: Entry, resource_type: str) -> Entry:
    call = entry.call
    unit.require(resource_type, {"PUT": "update", "DELETE": "delete", "PATCH": "patch"}[call.method])
    id = conditional_target(unit, call, resource_type)
    if id is None:
        return replace(entry, identity=None)
    return replace(entry, call=on_target(call, id), identity=(resource_type, id))


def conditional_target(unit: Unit, call: Call, resource_type: str) -> str | None:
    """The id that a conditional PUT, PATCH or DELETE is about; None for a DELETE that matches nothing."""
    matches = find_matches(unit, resource_type, urlencode(call.query), call.base)
    if len(matches) > 1:
        raise FhirError(412, "multiple-matches", "The condition matches more than one resource")
    own = call.resource.get("id") if call.resource and call.method == "PUT" else None
    if matches:
        if own not in (None, matches[0].id):
            raise FhirError(400, "invalid", "The resource has another id than the one that matches")
        return matches[0].id
    if call.method == "DELETE":
        return None
    if call.method == "PATCH":
        raise FhirError(404, "not-found", "The condition matches nothing")
    if isinstance(own, str) and ID.fullmatch(own):
        require_client_id(unit, own)
        return own
    return unit.session.new_id(unit.personality.server_ids, resource_type)


def on_target(call: Call, id: str) -> Call:
    """A conditional call as one on `Type/id`, its resource with that id."""
    resource = call.resource
    if resource is not None and call.method == "PUT":
        resource = {"resourceType": resource.get("resourceType"), "id": id, **resource}
    return replace(call, path=(call.path[0], id), query=(), resource=resource)


def _refuse_overlaps(entries: Sequence[Entry]) -> None:
    """R4: identities of DELETE, POST, PUT and PATCH must not overlap."""
    seen = set[tuple[str, str]]()
    for entry in entries:
        if entry.identity is None or entry.matched:
            continue
        if entry.identity in seen:
            text = f"Two entries are about {'/'.join(entry.identity)}"
            raise FhirError(400, "duplicate", text, expression=entry.expression)
        seen.add(entry.identity)


def _targets(entries: Sequence[Entry]) -> dict[str, str]:
    """fullUrl to Type/id, for all that is created or written."""
    targets = dict[str, str]()
    for entry in entries:
        if entry.identity and entry.full_url and entry.call.method in ("POST", "PUT"):
            reference = "/".join(entry.identity)
            targets[entry.full_url] = reference
            if entry.call.method == "POST" and not entry.full_url.startswith("urn:"):
                targets["/".join(entry.full_url.rsplit("/", 2)[-2:])] = reference
    return targets


def _rewritten(unit: Unit, entry: Entry, targets: Mapping[str, str]) -> Entry:
    resource = entry.call.resource
    if resource is None:
        return entry
    found = dict(targets)
    for reference in strings_of(resource, "reference"):
        if reference not in found and _CONDITIONAL.match(reference):
            found[reference] = _conditional_reference(unit, reference, entry.call.base)
    changed = rewrite(resource, found, unit.personality.urn_rewriting)
    if entry.call.method == "PUT":
        changed["id"] = resource.get("id", changed.get("id"))
    return replace(entry, call=replace(entry.call, resource=changed))


def _conditional_reference(unit: Unit, reference: str, base: str) -> str:
    resource_type, _, query = reference.partition("?")
    unit.require(resource_type, "search-type")
    matches = find_matches(unit, resource_type, query, base)
    if len(matches) != 1:
        raise FhirError(412, "multiple-matches", "A conditional reference must match exactly one resource")
    return matches[0].reference


def patch_operations(resource: Json) -> object:
    """The JSON Patch that a PATCH entry carries as a Binary (R4 http, patch in a transaction)."""
    if resource.get("resourceType") != "Binary" or resource.get("contentType") != "application/json-patch+json":
        raise FhirError(415, "not-supported", "PATCH takes a Binary of application/json-patch+json")
    try:
        return parse_text(base64.b64decode(resource.get("data", ""), validate=True).decode("utf-8"))
    except (binascii.Error, UnicodeDecodeError, TypeError, ValueError):
        raise FhirError(400, "structure", "The patch is not base64 of UTF-8 JSON") from None
