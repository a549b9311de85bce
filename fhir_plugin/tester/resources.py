"""Each resource that was written: as it was sent, as it came back, what is different, and what a validator says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from fhir_plugin.tester import shown
from fhir_plugin.tester.validating import R4, validators_words
from fhir_plugin.tester.watching import Said

Json = dict[str, Any]

_REFERENCE: Final = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/[^/?]+)?$")
_TYPE: Final = re.compile(r"/(?P<type>[A-Z][A-Za-z]+)$")
_SERVERS_OWN: Final = frozenset({"versionId", "lastUpdated", "source"})
"""Of `meta`: what every server writes itself."""


@dataclass(frozen=True)
class Written:
    """One write of one resource. `reference`: where it is; what was asked where nobody knows."""

    number: int
    """Of the exchange that wrote it."""
    method: str
    reference: str
    status: str
    sent: Json
    back: Json | None
    """None: it was never read."""
    as_bytes: bool = False
    """It was read as bytes: what else it carries did not come along."""
    said_of_sent: tuple[str, ...] = field(default=())
    said_of_back: tuple[str, ...] = field(default=())

    @property
    def difference(self) -> list[str]:
        """As a unified diff, without what every server writes itself. Empty: it came back as it was sent."""
        if self.back is None:
            return []
        sent = {name: self.sent.get(name) for name in self.back} if self.as_bytes else self.sent
        before, after = (shown.pretty(_without_servers_own(each)).splitlines() for each in (sent, self.back))
        return list(difflib.unified_diff(before, after, "as it was sent", "as it came back", lineterm="", n=2))

    @property
    def words(self) -> str:
        """What became of it, in a few words."""
        if self.back is None:
            return "not read back"
        changed = sum(line[0] in "+-" and line[:3] not in ("+++", "---") for line in self.difference)
        lines = "1 line" if changed == 1 else f"{changed} lines"
        if changed:
            return f"came back with {lines} different"
        return "its bytes came back as they were sent" if self.as_bytes else "came back as it was sent"


class _Write(NamedTuple):
    one: Said
    method: str
    reference: str
    status: str
    sent: Json
    answer: Json | None


def written(said: Sequence[Said], version: str = R4) -> list[Written]:
    """Every write of a launch, in order. `version`: which FHIR the server speaks."""
    writes = [each for one in said for each in _writes(one)]
    found = []
    for index, each in enumerate(writes):
        until = next((later.one.number for later in writes[index + 1 :] if later.reference == each.reference), None)
        back, raw = _read_between(said, each.reference, each.one.number, until)
        back = each.answer if back is None else back
        found.append(
            Written(
                number=each.one.number,
                method=each.method,
                reference=each.reference,
                status=each.status,
                sent=each.sent,
                back=back,
                as_bytes=raw,
                said_of_sent=validators_words(each.sent, version),
                said_of_back=() if raw else validators_words(back, version),
            )
        )
    return found


def _writes(one: Said) -> Iterator[_Write]:
    body = one.request_json
    if one.method not in ("POST", "PUT") or not 200 <= one.status < 500:
        return
    if body is None:
        if one.request_bytes and one.request_headers:
            sent: Json = {
                "resourceType": "Binary",
                "contentType": _header(one, "content-type"),
                "data": one.request_bytes,
            }
            if context := _header(one, "x-security-context"):
                sent["securityContext"] = {"reference": context}
            yield _Write(one, one.method, _where(one, sent), str(one.status), sent, _resource(one.response_json))
        return
    if body.get("resourceType") == "Bundle" and body.get("type") in ("transaction", "batch"):
        yield from _entries(one, body)
    elif isinstance(body.get("resourceType"), str):
        yield _Write(one, one.method, _where(one, body), str(one.status), body, _resource(one.response_json))


def _entries(one: Said, bundle: Json) -> Iterator[_Write]:
    answers = (one.response_json or {}).get("entry")
    answers = answers if isinstance(answers, list) else []
    for index, entry in enumerate(bundle.get("entry") or []):
        sent = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(sent, dict):
            continue
        answer = answers[index] if index < len(answers) and isinstance(answers[index], dict) else {}
        told, asked = _object(answer.get("response")), _object(entry.get("request"))
        reference = _reference_in(str(told.get("location", ""))) or str(asked.get("url", ""))
        status = str(told.get("status", one.status))
        method = f"{asked.get('method', '')} in a {bundle['type']}"
        yield _Write(one, method, reference, status, sent, _resource(answer.get("resource")))


def _read_between(said: Sequence[Said], reference: str, after: int, until: int | None) -> tuple[Json | None, bool]:
    """The last that was seen of it before it was written again, and whether that was bytes alone."""
    found: Json | None = None
    raw = False
    for one in said:
        if one.number <= after or (until is not None and one.number >= until) or one.status != 200:
            continue
        if one.method != "GET" or _reference_in(urlsplit(one.url).path) != reference:
            continue
        if one.response_json is not None and one.response_json.get("resourceType") == reference.partition("/")[0]:
            found, raw = one.response_json, False
        elif one.response_bytes and reference.startswith("Binary/"):
            found = {"resourceType": "Binary", "contentType": _answered(one), "data": one.response_bytes}
            raw = True
    return found, raw


def _where(one: Said, sent: Json) -> str:
    for header in ("location", "content-location"):
        if found := _reference_in(_answered(one, header)):
            return found
    back = one.response_json or {}
    if back.get("resourceType") == sent["resourceType"] and isinstance(back.get("id"), str):
        return f"{sent['resourceType']}/{back['id']}"
    path = urlsplit(one.url).path
    return _reference_in(path) or (_TYPE.search(path) or {"type": sent["resourceType"]})["type"]


def _reference_in(text: str) -> str:
    found = _REFERENCE.search(urlsplit(text).path)
    return f"{found['type']}/{found['id']}" if found else ""


def _object(found: object) -> Json:
    return found if isinstance(found, dict) else {}


def _resource(found: object) -> Json | None:
    usable = isinstance(found, dict) and found.get("resourceType") not in (None, "OperationOutcome", "Bundle")
    return found if usable and isinstance(found, dict) else None


def _header(one: Said, name: str) -> str:
    return next((value for key, value in one.request_headers.items() if key.lower() == name), "")


def _answered(one: Said, name: str = "content-type") -> str:
    return next((value for key, value in one.response_headers.items() if key.lower() == name), "")


def _without_servers_own(resource: Json) -> Json:
    kept = {name: value for name, value in resource.items() if name != "id"}
    if isinstance(kept.get("meta"), dict):
        kept["meta"] = {name: value for name, value in kept["meta"].items() if name not in _SERVERS_OWN}
        if not kept["meta"]:
            del kept["meta"]
    return kept
