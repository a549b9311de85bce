"""`RecordPurge` for one launch: the EHR's server, asked as its family is asked, and our companion store.

Purging first empties our own store, so that a refusal of the EHR holds up nothing of ours. Looking believes nobody:
what `_history` tells is one source, every version number that may answer is another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.fhir_bundles import entries_of
from fhir_plugin.adapters.fhir_json import UnusableJson, dump
from fhir_plugin.adapters.fhir_record import PAGE_SIZE, FhirServerRecord
from fhir_plugin.adapters.fhir_replies import FHIR_JSON, body_of, issue_codes, refusal, version_of
from fhir_plugin.adapters.fhir_urls import resource_path
from fhir_plugin.adapters.purge_means import PurgeWay, way_for
from fhir_plugin.errors import AnswerLost, Gone, NotFound, RecordRefused, SignInNeeded
from fhir_plugin.ports import Answered, ClinicalRecord, PurgeMeans
from mappings.model.identifiers import PatientId, Reference
from smart_launch.transport import Reply

Json = dict[str, Any]

ACCEPTS: Final = (
    "*/*",
    "image/*",
    "application/octet-stream",
    "application/fhir+json",
    "application/json",
    "application/fhir+xml",
)
"""Under which a Binary's bytes may come: in their own type, inside JSON or inside XML."""

MOST_VERSIONS: Final = 500
"""Of one resource. More could not be looked at one by one, and that is said instead of stopping short."""

_MISSES: Final = 5
"""So many numbers in a row that no version has: then there are no more."""


class FhirPurge:
    """`RecordPurge` over `ehr`, with its token, and over `companion`. `patient`: whose launch it is."""

    def __init__(self, ehr: FhirServerRecord, companion: CompanionRecord, patient: PatientId | None) -> None:
        self._ehr = ehr
        self._companion = companion
        self._patient = patient

    def means(self, resource_type: str) -> PurgeMeans:
        return self._way(resource_type).means

    def _way(self, resource_type: str) -> PurgeWay:
        resource_path(resource_type)
        return way_for(self._ehr.capability(), resource_type)

    # ------------------------------------------------------------------ purging

    def purge(self, reference: Reference) -> Mapping[str, str]:
        """`companion`: `done` or `nothing`; `ehr`: `done`, `accepted` (to be done later), `absent` (it says that there
        is no such resource), `no-type` or `no-means` (nothing was asked). Raises as for any write."""
        resource_type, _, id = reference.partition("/")
        path = resource_path(resource_type, id)
        here = "done" if self._companion.purge(reference) else "nothing"
        return {"companion": here, "ehr": self._purge_there(resource_type, path)}

    def _purge_there(self, resource_type: str, path: str) -> str:
        if not self._has(resource_type):
            return "no-type"
        way = self._way(resource_type)
        if not way.path:
            return "no-means"
        what = f"{way.path} of {path}"
        body = way.body(self._patient)
        reply = self._ehr.sender.ask(
            way.method,
            f"{self._ehr.base}/{path}/{way.path}",
            what,
            headers={} if body is None else {"Content-Type": FHIR_JSON},
            content=None if body is None else dump(body),
        )
        codes = _errors_in(reply)
        if reply.status in (404, 410) and "not-supported" not in codes:
            return "absent"
        if reply.status in (404, 410):
            raise RecordRefused(f"{what}: {reply.status}", status=reply.status, code="type-not-supported")
        if not 200 <= reply.status < 300:
            raise refusal(reply, what, writing=True)
        if codes:
            raise AnswerLost(f"{what}: {reply.status}, but with an error ({', '.join(codes)})", code="unusable-answer")
        return "accepted" if way.later or reply.status == 202 else "done"

    # ------------------------------------------------------------------ looking

    def everything(self, patient: PatientId) -> Iterator[Json]:
        path, what = resource_path("Patient", patient), f"$everything of Patient/{patient}"
        if "Patient/$everything" not in self._ehr.capability().operations:
            raise RecordRefused(f"{what}: not offered here", status=405, code="operation-not-supported")
        return self._everything(f"{self._ehr.base}/{path}/$everything?_count={PAGE_SIZE}", what)

    def _everything(self, url: str, what: str) -> Iterator[Json]:
        for page in self._ehr.sender.pages(url, what):
            for entry in entries_of(page, "searchset", what):
                if isinstance(entry.get("resource"), dict):
                    yield entry["resource"]

    def binary_answers(self, reference: Reference, versions: Sequence[str]) -> list[Answered]:
        """An answer that says nothing of what is there (401, 408, 425, 429, 5xx) is raised, not given."""
        id = reference.removeprefix("Binary/")
        asked = [("read", resource_path("Binary", id))]
        asked += [(f"vread {each}", resource_path("Binary", id, each)) for each in versions]
        answers = [self._answer(name, where, accept) for name, where in asked for accept in ACCEPTS]
        return answers + self._here(reference)

    def _here(self, reference: Reference) -> list[Answered]:
        """What the companion store answers, where it ever had it."""
        try:
            content = self._companion.read_binary(reference).content
        except NotFound:
            return []
        except Gone:
            return [Answered("companion */*", 410, None)]
        return [Answered("companion */*", 200, content)]

    def _answer(self, name: str, path: str, accept: str) -> Answered:
        what = f"{name} of a Binary as {accept}"
        reply = self._ehr.sender.ask("GET", f"{self._ehr.base}/{path}", what, headers={"Accept": accept})
        if reply.status in (401, 408, 425, 429) or (reply.status >= 500 and reply.status != 501):
            raise refusal(reply, what, writing=False)
        return Answered(f"{name} {accept}", reply.status, reply.content or None)

    def versions(self, reference: Reference) -> Mapping[str, Json | None]:
        """Versions of the companion store have `companion/` before their number."""
        resource_type, _, id = reference.partition("/")
        resource_path(resource_type, id)
        found: dict[str, Json | None] = {}
        if self._has(resource_type):
            found |= _versions_at(self._ehr, resource_type, id)
        here = _told(self._companion, resource_type, id)
        return found | {f"companion/{version}": resource for version, resource in here.items()}

    def _has(self, resource_type: str) -> bool:
        """A Binary is there even where nothing tells of it: some servers take one all the same."""
        return resource_type == "Binary" or resource_type in self._ehr.capability().interactions


def _versions_at(record: ClinicalRecord, resource_type: str, id: str) -> dict[str, Json | None]:
    """What `_history` tells, what each told version answers, and every number up to some that nothing answers to."""
    found = _told(record, resource_type, id)
    asked = [version for version, resource in found.items() if resource is None and not version.startswith("untold-")]
    if len(found) > MOST_VERSIONS:
        raise RecordRefused(f"versions of {resource_type}/{id}: too many to look at", code="too-many-versions")
    for version in asked:
        found |= _answered(record, resource_type, id, version)
    number, misses, last = 0, 0, max((int(each) for each in found if each.isdecimal()), default=0)
    while misses < _MISSES or number < last:
        number += 1
        if number > MOST_VERSIONS:
            raise RecordRefused(f"versions of {resource_type}/{id}: too many to look at", code="too-many-versions")
        if str(number) in found:
            misses = 0
            continue
        answered = _answered(record, resource_type, id, str(number))
        misses = 0 if any(resource is not None for resource in answered.values()) else misses + 1
        found |= answered
    return found


def _told(record: ClinicalRecord, resource_type: str, id: str) -> dict[str, Json | None]:
    """By `_history`. Not found, or gone, is no answer against: then the versions are asked one by one."""
    found: dict[str, Json | None] = {}
    try:
        told = record.history(resource_type, id)
    except (NotFound, Gone):
        return found
    for position, resource in enumerate(told):
        version = version_of(resource) or f"untold-{position}"
        meta = resource.get("meta")
        found[version] = None if isinstance(meta, dict) and meta.get("deleted") is True else resource
    return found


def _answered(record: ClinicalRecord, resource_type: str, id: str, version: str) -> dict[str, Json | None]:
    """What a version answers by itself: its content, None for a deletion, nothing where there is none."""
    try:
        return {version: record.read_version(resource_type, id, version)}
    except Gone:
        return {version: None}
    except NotFound:
        return {}
    except RecordRefused as refused:
        if refused.code == "type-not-supported":  # no vread here: `_history` is all that anybody can read
            return {}
        raise


def _errors_in(reply: Reply) -> list[str]:
    if reply.status == 401:
        raise SignInNeeded("the EHR's token is not accepted any more")
    try:
        return issue_codes(body_of(reply))
    except UnusableJson:
        return []
