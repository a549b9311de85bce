"""`RecordPurge` over a `FakeRecord`: honest, or telling the lies that real servers tell."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from fhir_plugin.adapters.fhir_purge import ACCEPTS
from fhir_plugin.adapters.purge_means import ways
from fhir_plugin.errors import RecordRefused
from fhir_plugin.ports import Answered, BinaryContent, PurgeMeans
from mappings.model.identifiers import PatientId, Reference
from tests.fakes.record import FakeRecord

Json = dict[str, Any]


class PurgeLie(StrEnum):
    """What a server may do while it says that all is well, or that it cannot."""

    KEEPS = "says that it purged and keeps everything"
    HALF = "says that it purged and keeps the oldest version"
    FORBIDDEN = "says 403"


class FakeRecordPurge:
    """`means`: the name of a way in `adapters/purge`; `none` purges nothing and says so."""

    def __init__(
        self,
        record: FakeRecord,
        *,
        means: str = "expunge",
        lies: frozenset[PurgeLie] = frozenset(),
        everything: bool = True,
    ) -> None:
        self.record = record
        self.lies = lies
        self._means = next(way.means for way in ways() if way.means.name == means)
        self._offers_everything = everything

    def means(self, resource_type: str) -> PurgeMeans:
        return self._means

    def purge(self, reference: Reference) -> Mapping[str, str]:
        self.record.on_call("purge", reference)
        if not self._means.reaches_history:
            return {"companion": "nothing", "ehr": "no-means"}
        if PurgeLie.FORBIDDEN in self.lies:
            raise RecordRefused(f"purge of {reference}: 403", status=403, code="forbidden")
        there = bool(self.record.versions_of(reference))
        if PurgeLie.KEEPS not in self.lies:
            self.record.forget_versions(reference, keep_oldest=PurgeLie.HALF in self.lies)
        self.record.writes += 1
        self.record.after_write("purge", reference)
        return {"companion": "nothing", "ehr": "done" if there else "absent"}

    def everything(self, patient: PatientId) -> Iterator[Json]:
        self.record.on_call("everything", f"Patient/{patient}")
        if not self._offers_everything:
            raise RecordRefused("$everything", status=405, code="operation-not-supported")
        about = f"Patient/{patient}"
        return iter([each for each in self.record.stored() if _is_about(each, about)])

    def binary_answers(self, reference: Reference, versions: Sequence[str]) -> list[Answered]:
        self.record.on_call("binary_answers", reference)
        found = self.record.versions_of(reference)
        current = max(found, key=int, default="")
        asked = [("read", current), *((f"vread {each}", each) for each in versions)]
        return [_answer(f"{name} {accept}", found, version, accept) for name, version in asked for accept in ACCEPTS]

    def versions(self, reference: Reference) -> Mapping[str, Json | None]:
        self.record.on_call("versions", reference)
        return {
            version: None if resource is None else _whole(resource, content)
            for version, (resource, content) in self.record.versions_of(reference).items()
        }


def _whole(resource: Json, held: BinaryContent | None) -> Json:
    return resource if held is None else {**resource, "data": base64.b64encode(held.content).decode("ascii")}


def _answer(
    asked: str, found: Mapping[str, tuple[Json | None, BinaryContent | None]], version: str, accept: str
) -> Answered:
    if version not in found:
        return Answered(asked, 404)
    resource, held = found[version]
    if resource is None:
        return Answered(asked, 410)
    if accept == "application/fhir+xml":
        return Answered(asked, 406)
    if "json" in accept:
        return Answered(asked, 200, json.dumps(_whole(resource, held)).encode())
    return Answered(asked, 200, None if held is None else held.content)


def _is_about(resource: Json, patient: str) -> bool:
    return f'"{patient}"' in json.dumps(resource) or f"{resource['resourceType']}/{resource['id']}" == patient
