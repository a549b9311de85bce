"""Single acts upon a record that flows other than filing share: one resource written once, one resource changed.

Each can be asked of the world whether it happened, and undone; see `ledger.intents`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhir_plugin.errors import AnswerLost, Gone, NotFound, ReadBackMismatch, RecordRefused, VersionConflict
from fhir_plugin.ledger.intents import Evidence
from fhir_plugin.ports import ClinicalRecord, Json, Stored
from mappings.model.identifiers import Reference

WITHOUT_STATUS = frozenset({"AuditEvent", "Provenance"})
"""Types that cannot be marked as entered in error: R4 gives them no status."""
TRIES = 3
"""How often a change is made anew over a version that somebody wrote meanwhile, before a person is asked."""


@dataclass
class WriteOnce:
    """One resource with our identifier: under an id of ours where the record takes one, else found by identifier.

    `search` is what finds it; `is_ours` says whether what was found is it, for what a server found is not believed.
    """

    name: str
    resource_type: str
    our_id: str | None
    search: Mapping[str, str]
    is_ours: Callable[[Json], bool] = field(repr=False)
    build: Callable[[str | None], Json] = field(repr=False)
    record: ClinicalRecord = field(repr=False)

    def happened(self) -> Evidence | None:
        if self.our_id is not None:
            try:
                found = self.record.read(self.resource_type, self.our_id)
            except (NotFound, Gone):
                return None
            return None if found.get("status") == "entered-in-error" else _evidence(found)
        return self._oldest()

    def do(self) -> Evidence:
        resource = self.build(self.our_id)
        stored = self.record.put(resource) if self.our_id is not None else self.record.create(resource)
        found = self.record.read(stored.resource_type, stored.id)
        if not self.is_ours(found):
            raise ReadBackMismatch(f"{stored.reference} is not what was written")
        try:
            return (self._oldest() if self.our_id is None else None) or _evidence(found)
        except AnswerLost:  # it cannot be searched, so its answer is all there is
            return _evidence(found)

    def _oldest(self) -> Evidence | None:
        """What bears our identifier, once: some servers, and proxies before them, write a create twice.

        Raises `AnswerLost` where the record cannot be searched for it.
        """
        try:
            answer = self.record.search(self.resource_type, self.search)
        except RecordRefused as refused:
            raise AnswerLost(f"this server would not say whether {self.name} was written") from refused
        ours = [each for each in answer if self.is_ours(each) and each.get("status") != "entered-in-error"]
        if not ours:
            return None
        first, *doubles = sorted(ours, key=_age)
        for double in doubles:
            self.undo(_evidence(double))
        return _evidence(first)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        resource_type, id = evidence["reference"].split("/")
        try:
            self.record.delete(resource_type, id)
        except RecordRefused:
            if resource_type in WITHOUT_STATUS:
                return (f"{evidence['reference']} remains: this server does not delete it",)
            with contextlib.suppress(NotFound, Gone):
                resource = self.record.read(resource_type, id)
                self.record.put({**resource, "status": "entered-in-error"})
                return (f"{evidence['reference']} remains, marked as entered in error",)
        return ()


@dataclass
class SignedOnce(WriteOnce):
    """A signed Provenance, written once. Where the server chooses ids and cannot be asked for it, only its answer says
    that it is there; an answer that was lost is then for a person, never for a second try."""

    def _oldest(self) -> Evidence | None:
        try:
            return super()._oldest()
        except RecordRefused as refused:
            raise AnswerLost(f"this server cannot be asked whether {self.name} was written") from refused

    def do(self) -> Evidence:
        try:
            return super().do()
        except (NotFound, Gone) as error:
            raise ReadBackMismatch("the EHR said that it stored this, and does not have it") from error


@dataclass
class ChangeOnce:
    """One resource changed over the version that was read (If-Match), until it says what it shall.

    `change` is applied to what is there, also when somebody wrote another version meanwhile; `changed` says whether
    it is so. It is not undone: what a person said stands, and who repeats it repeats it.
    """

    name: str
    reference: Reference
    change: Callable[[Json], Json] = field(repr=False)
    changed: Callable[[Json], bool] = field(repr=False)
    record: ClinicalRecord = field(repr=False)

    def happened(self) -> Evidence | None:
        resource = self._read()
        return _evidence(resource) if self.changed(resource) else None

    def do(self) -> Evidence:
        for tries_left in reversed(range(TRIES)):
            resource = self._read()
            if self.changed(resource):
                return _evidence(resource)
            try:
                self.record.put(self.change(resource), version=_version(resource))
                break
            except VersionConflict:
                if not tries_left:
                    raise
        resource = self._read()
        if not self.changed(resource):
            raise ReadBackMismatch(f"{self.reference} does not say what was written")
        return _evidence(resource)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return ()

    def _read(self) -> Json:
        resource_type, id = self.reference.split("/")
        return self.record.read(resource_type, id)


def _version(resource: Json) -> str | None:
    meta: Any = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return str(version) if version is not None else None


def _evidence(resource: Json) -> Evidence:
    stored = Stored(str(resource["resourceType"]), str(resource["id"]), _version(resource))
    return {"reference": stored.reference, "version": stored.version or ""}


def _age(resource: Json) -> tuple[str, str]:
    meta: Any = resource.get("meta")
    updated = meta.get("lastUpdated", "") if isinstance(meta, dict) else ""
    return (str(updated), str(resource["id"]))
