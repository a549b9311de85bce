"""Bundles: how a transaction is asked, and what its answer says entry by entry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fhir_plugin.adapters.fhir_replies import issue_codes, located, named_in, version_in, version_of
from fhir_plugin.errors import AnswerLost, RecordUnavailable
from fhir_plugin.ports import EntryOutcome, Stored, TransactionEntry

Json = dict[str, Any]

_STATUS = re.compile(r"^\s*(?P<status>[1-5][0-9]{2})\b")


def transaction_bundle(entries: Sequence[TransactionEntry]) -> Json:
    """The Bundle of type `transaction` that asks for `entries`, in their order."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_asked(entry) for entry in entries]}


def outcomes_of(body: Json | None, entries: Sequence[TransactionEntry], what: str) -> list[EntryOutcome]:
    """One outcome per entry, in order; an entry that the answer passes over has status 0.

    Raises `AnswerLost` when the answer is no transaction response at all, or has more entries than were
    asked, so that nobody can say which is which.
    """
    answered = (body or {}).get("entry", [])
    kinds = ("transaction-response", "batch-response")
    if body is None or body.get("resourceType") != "Bundle" or body.get("type") not in kinds:
        raise AnswerLost(f"the answer to {what} is not a transaction response", code="unusable-answer")
    if not isinstance(answered, list) or len(answered) > len(entries):
        raise AnswerLost(f"the answer to {what} does not match what was asked", code="unusable-answer")
    padded = [*answered, *[None] * (len(entries) - len(answered))]
    return [_outcome(said, entry) for said, entry in zip(padded, entries, strict=True)]


def deletion_or_resource(entry: Json, resource_type: str, id: str) -> Json | None:
    """One version of a history: its resource, or a marker for a deletion; None for somebody else's entry."""
    resource = entry.get("resource")
    if isinstance(resource, dict) and resource.get("resourceType") != "OperationOutcome":
        same = resource.get("resourceType") == resource_type and resource.get("id") == id
        return resource if same and not _deletes(entry) else _deleted(entry, resource_type, id) if same else None
    return _deleted(entry, resource_type, id) if _deletes(entry) else None


def entries_of(page: Json, expected: str, what: str) -> list[Json]:
    if page.get("resourceType") != "Bundle" or page.get("type") != expected:
        raise RecordUnavailable(f"{what}: the answer is not a {expected} Bundle", code="unusable-answer")
    entries = page.get("entry", [])
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def next_link(page: Json) -> str | None:
    links = page.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            url: str = link["url"]
            return url
    return None


def matches_in(page: Json) -> int:
    """How many entries of a page are what was asked for: neither included beside it, nor the server's own words."""
    entries = page.get("entry")
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    modes = [entry["search"].get("mode") if isinstance(entry.get("search"), dict) else None for entry in found]
    return sum(mode not in ("include", "outcome") for mode in modes)


def total_of(page: Json) -> int:
    """How many there are, as the server says; 0 where it says nothing, which many do."""
    total = page.get("total")
    return total if isinstance(total, int) and not isinstance(total, bool) else 0


def in_processing_order(entries: Sequence[TransactionEntry]) -> list[int]:
    """Positions in the order R4 prescribes for a transaction: DELETE, then POST, then PUT."""
    rank = {"DELETE": 0, "POST": 1, "PUT": 2}
    return sorted(range(len(entries)), key=lambda position: rank.get(entries[position].method, 3))


def rewrite_references(resource: Json, ids: Mapping[str, str]) -> Json:
    """A copy in which every `reference` or attachment `url` that is a key of `ids` has its value instead."""

    def rewritten(node: Any, key: str) -> Any:
        if isinstance(node, dict):
            return {name: rewritten(value, name) for name, value in node.items()}
        if isinstance(node, list):
            return [rewritten(item, key) for item in node]
        return ids.get(node, node) if key in ("reference", "url") and isinstance(node, str) else node

    copy: Json = rewritten(resource, "")
    return copy


def _asked(entry: TransactionEntry) -> Json:
    request: Json = {"method": entry.method, "url": entry.url}
    if entry.if_match is not None:
        request["ifMatch"] = f'W/"{entry.if_match}"'
    asked: Json = {}
    if entry.full_url is not None:
        asked["fullUrl"] = entry.full_url
    if entry.resource is not None:
        asked["resource"] = entry.resource
    return {**asked, "request": request}


def _outcome(said: object, entry: TransactionEntry) -> EntryOutcome:
    response = said.get("response") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(response, dict):
        return EntryOutcome(0, None, "the server said nothing of this entry")
    match = _STATUS.match(str(response.get("status", "")))
    if match is None:
        return EntryOutcome(0, None, "the server gave no status for this entry")
    status = int(match["status"])
    outcome = response.get("outcome")
    codes = issue_codes(outcome if isinstance(outcome, dict) else None)
    if not 200 <= status < 300:
        return EntryOutcome(status, None, ", ".join(codes))
    if codes:
        return EntryOutcome(0, None, f"{status}, but with an error ({', '.join(codes)})")
    if entry.method == "DELETE":
        return EntryOutcome(status, None)
    resource = said.get("resource") if isinstance(said.get("resource"), dict) else None
    return _accepted(status, located(response.get("location")) or named_in(resource), response, resource, entry)


def _accepted(
    status: int, named: Stored | None, response: Json, resource: Json | None, entry: TransactionEntry
) -> EntryOutcome:
    asked = located(entry.url) if entry.method == "PUT" else None
    named = named or asked
    if named is None:
        return EntryOutcome(0, None, f"{status}, but without saying which resource")
    expected_type = entry.url.partition("/")[0].partition("?")[0]
    if named.resource_type != expected_type or (asked is not None and named.id != asked.id):
        return EntryOutcome(0, None, f"{status}, but for {named.reference}")
    version = named.version or version_in(response.get("etag")) or version_of(resource)
    return EntryOutcome(status, Stored(named.resource_type, named.id, version))


def _deletes(entry: Json) -> bool:
    request = entry.get("request")
    return isinstance(request, dict) and request.get("method") == "DELETE"


def _deleted(entry: Json, resource_type: str, id: str) -> Json:
    response = entry.get("response")
    said = response if isinstance(response, dict) else {}
    meta: Json = {"deleted": True}
    if version := version_in(said.get("etag")):
        meta["versionId"] = version
    if isinstance(said.get("lastModified"), str):
        meta["lastUpdated"] = said["lastModified"]
    return {"resourceType": resource_type, "id": id, "meta": meta}
