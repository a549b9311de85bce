"""Where the promises of `ClinicalRecord` are tried: a place, its patient and what is put there."""

from __future__ import annotations

import tomllib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from fhir_plugin.errors import Gone, NotFound, RecordRefused, VersionConflict
from fhir_plugin.ports import ClinicalRecord, Stored
from mappings.model.identifiers import Reference

Json = dict[str, Any]
OURS: Final = "https://fhir-plugin.example/identifier//capture"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
RESTRICTED: Final = {"system": CONFIDENTIALITY, "code": "R"}
NORMAL: Final = {"system": CONFIDENTIALITY, "code": "N"}
SENSITIVE: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SEX"}


@dataclass
class Place:
    """One implementation under test: its record, two patients in it, and how it is known to deviate."""

    name: str
    record: ClinicalRecord
    patient: Reference
    other_patient: Reference
    deviations: frozenset[str] = frozenset()
    made: list[Stored] = field(default_factory=list)

    def deviates(self, name: str) -> bool:
        return name in self.deviations

    @property
    def error_of_deleted(self) -> type[RecordRefused]:
        """What reading something raises that was deleted."""
        return NotFound if self.deviates("forgets-what-is-deleted") else Gone

    def media(self, **changes: Any) -> Json:
        """A Media with an identifier that nobody else has, about `patient`."""
        return {
            "resourceType": "Media",
            "meta": {"security": [dict(RESTRICTED), dict(SENSITIVE)], "tag": [{"system": OURS, "code": "t1"}]},
            "identifier": [{"system": OURS, "value": f"a b&c+d/{uuid.uuid4()}"}],
            "status": "completed",
            "subject": {"reference": self.patient},
            "content": {"contentType": "image/jpeg", "title": "no picture"},
            **changes,
        }

    def make(self, **changes: Any) -> tuple[Stored, Json]:
        """A Media in the record, by whichever way gives it an id."""
        resource = self.media(**changes)
        stored = self.record.create(resource)
        return stored, resource

    def put(self, resource: Json) -> Stored:
        """Over what is there. Where that needs If-Match, it is refused without, and nothing is changed. Raises
        `RecordRefused` where nothing is ever changed."""
        if not self.deviates("if-match-required"):
            return self.record.put(resource)
        before = self.record.read(resource["resourceType"], resource["id"])
        with pytest.raises(VersionConflict):
            self.record.put(resource)
        assert self.record.read(resource["resourceType"], resource["id"]) == before
        return self.record.put(resource, version=before["meta"]["versionId"])


Promise = Callable[[Place], None]


def deviations_of(name: str) -> frozenset[str]:
    """How this place is known to differ, by the names that its promises ask for."""
    known = tomllib.loads(Path(__file__).with_name("record_deviations.toml").read_text("utf-8"))
    return frozenset(known.get(name, ()) if name.startswith("beside-") else known[name])


def our_id() -> str:
    return f"p-{uuid.uuid4()}"


def key_of(resource: Json) -> dict[str, str]:
    """The search for the one resource with this identifier."""
    identifier = resource["identifier"][0]
    return {"identifier": f"{identifier['system']}|{identifier['value']}"}


def content_of(resource: Json) -> Json:
    """Without what the server adds."""
    return {key: value for key, value in resource.items() if key not in ("id", "meta", "text")}


def labels_of(resource: Json) -> set[tuple[str, str]]:
    return {(label["system"], label["code"]) for label in resource.get("meta", {}).get("security", [])}
