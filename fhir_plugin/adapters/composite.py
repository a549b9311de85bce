"""One record, two places: the EHR's server, and the companion store for what the EHR refuses to hold.

Where a resource goes is decided by its type (`home`): what the EHR says that it holds goes there. An EHR may
refuse at write time what its CapabilityStatement promises. For the types that the app can keep itself
(`MOVABLE`) such a refusal (403, 404, 405, 501, or 400 and 422 with the issue `not-supported`) sends the resource
to the companion store, unless the EHR already has that very resource; every other refusal is raised.

References stay literal: `Media/x` in a companion Provenance is the EHR's `Media/x`.

Where a chart takes no image, filing asks for the same record `beside` those types: the whole image goes to the
companion store, its bytes too, and everybody else finds it there, because what lives in a place is changed there.
What is written about such an image afterwards (`FOLLOWS`: a Provenance, a Task) follows it: an EHR that checks
references would refuse one that points to nothing of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Literal

from fhir_plugin.adapters.fhir_bundles import rewrite_references
from fhir_plugin.adapters.search_answers import CONTROLS, literal_target
from fhir_plugin.capability import Capability
from fhir_plugin.errors import Gone, NotFound, RecordRefused
from fhir_plugin.ports import BinaryContent, ClinicalRecord, EntryOutcome, Stored, TransactionEntry
from mappings.model.identifiers import FhirBase, Reference

Json = dict[str, Any]
Home = Literal["ehr", "companion"]

MOVABLE: Final = frozenset(
    {"AuditEvent", "CommunicationRequest", "Consent", "Provenance", "QuestionnaireResponse", "Task"}
)
FOLLOWS: Final = frozenset({"Binary", "DocumentReference", "Media"})
"""What is about one of these that lives here goes here too, where it may (`MOVABLE`)."""


class CompositeRecord:
    """What flows see. They never ask where a resource lives, except to tell a person (`home`)."""

    def __init__(
        self, ehr: ClinicalRecord, companion: ClinicalRecord, *, kept_beside: frozenset[str] = frozenset()
    ) -> None:
        self._ehr = ehr
        self._companion = companion
        self._kept_beside = kept_beside
        self._refused: set[str] = set()

    @property
    def base(self) -> FhirBase:
        return self._ehr.base

    def capability(self) -> Capability:
        """The EHR's alone: what is asked of it is what can be filed in the record itself."""
        return self._ehr.capability()

    def capability_of(self, reference: Reference) -> Capability:
        """Of the place where it lives; the EHR's where it lives nowhere."""
        return self._holder_of(reference).capability()

    def searchable(self, resource_type: str) -> bool:
        in_ehr = self._ehr.capability().may(resource_type, "search-type")
        return in_ehr or (
            self.home(resource_type) == "companion" and self._companion.capability().may(resource_type, "search-type")
        )

    def beside(self, resource_types: frozenset[str]) -> CompositeRecord:
        """The same two places; new resources of these types are written to the companion store."""
        return CompositeRecord(self._ehr, self._companion, kept_beside=resource_types)

    def home(self, resource_type: str) -> Home:
        """Where a new resource of this type is written."""
        if resource_type in self._kept_beside:
            return "companion"
        held = self._ehr.capability().holds(resource_type) and resource_type not in self._refused
        return "ehr" if held or resource_type == "Binary" else "companion"

    # ------------------------------------------------------------------ reading

    def read(self, resource_type: str, id: str) -> Json:
        refused: RecordRefused | None = None
        if resource_type in self._kept_beside:  # looked for where it is put, whatever the EHR answers meanwhile
            with suppress(NotFound):
                return self._companion.read(resource_type, id)
        if self._ehr_may(resource_type, "read"):
            try:
                return self._ehr.read(resource_type, id)
            except RecordRefused as error:
                refused = error
        try:
            return self._companion.read(resource_type, id)
        except NotFound:
            if refused is not None:
                raise refused from None
            raise

    def read_version(self, resource_type: str, id: str, version: str) -> Json:
        refused: RecordRefused | None = None
        if self._ehr_may(resource_type, "read"):
            try:
                return self._ehr.read_version(resource_type, id, version)
            except RecordRefused as error:
                refused = error
        try:
            return self._companion.read_version(resource_type, id, version)
        except NotFound:
            if refused is not None:
                raise refused from None
            raise

    def history(self, resource_type: str, id: str) -> list[Json]:
        """Of both places, the EHR's versions first: after a deletion one has to look at each."""
        found: list[Json] = []
        refused: RecordRefused | None = None
        if self._ehr_may(resource_type, "read"):
            try:
                found += self._ehr.history(resource_type, id)
            except RecordRefused as error:
                refused = error
        try:
            found += self._companion.history(resource_type, id)
        except NotFound:
            if refused is not None:
                raise refused from None
            if not found:
                raise
        return found

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """Both places; a resource in both is the EHR's.

        Where new resources of the type go to the companion store, the EHR is asked only if it advertises the
        parameters: nothing of ours is missed. Where they go to the EHR and it cannot be searched, that is
        refused (`search-not-supported`), for a short answer would look like a whole one.
        """
        found: dict[str, Json] = {}
        capability = self._ehr.capability()
        if self.home(resource_type) == "ehr":
            if not capability.may(resource_type, "search-type"):
                message = f"search {resource_type}: the record cannot be searched for that"
                raise RecordRefused(message, status=403, code="search-not-supported")
            ask_ehr = True
        else:
            selecting = [name for name in params if name not in CONTROLS and name != "_id"]
            ask_ehr = capability.may(resource_type, "search-type") and all(
                capability.searches(resource_type, name) for name in selecting
            )
        if self._companion.capability().may(resource_type, "search-type"):
            found.update((r["id"], r) for r in self._companion.search(resource_type, params))
        if ask_ehr:
            found.update((r["id"], r) for r in self._ehr.search(resource_type, params))
        return list(found.values())

    def read_binary(self, url: str) -> BinaryContent:
        """What lives here is read here: an EHR is not asked for bytes that it does not have."""
        target = literal_target(url, base=self.base)
        if target is not None and self._lives_here(*target):
            return self._companion.read_binary(url)
        return self._ehr.read_binary(url)

    # ------------------------------------------------------------------ writing

    def create(self, resource: Json, *, if_none_exist: str | None = None) -> Stored:
        resource_type = str(resource.get("resourceType"))
        if self.home(resource_type) == "companion" or self._is_about_ours(resource):
            return self._companion.create(resource, if_none_exist=if_none_exist)
        try:
            return self._ehr.create(resource, if_none_exist=if_none_exist)
        except RecordRefused as refused:
            if not self._moves(resource_type, refused):
                raise
        return self._companion.create(resource, if_none_exist=if_none_exist)

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        resource_type, id = str(resource.get("resourceType")), str(resource.get("id"))
        if self._lives_here(resource_type, id):
            return self._companion.put(resource, version=version)
        if self._is_new_here(resource_type, id, resource):
            return self._companion.put(resource, version=version)
        try:
            return self._ehr.put(resource, version=version)
        except RecordRefused as refused:
            if not self._moves(resource_type, refused) or self._lives_there(resource_type, id):
                raise
        return self._companion.put(resource, version=version)

    def add_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        self._holder_of(reference).add_labels(reference, codings)

    def remove_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        self._holder_of(reference).remove_labels(reference, codings)

    def _holder_of(self, reference: Reference) -> ClinicalRecord:
        resource_type, _, id = reference.partition("/")
        return self._companion if self._lives_here(resource_type, id) else self._ehr

    def delete(self, resource_type: str, id: str) -> None:
        """In both places, because a crash between them may have left it in both."""
        here = self._lives_here(resource_type, id)
        if here:
            self._companion.delete(resource_type, id)
        if self._lives_there(resource_type, id) or (not here and self.home(resource_type) == "ehr"):
            self._ehr.delete(resource_type, id)

    def transact(self, entries: Sequence[TransactionEntry]) -> list[EntryOutcome]:
        """The EHR's part first, then ours; outcomes in the order of `entries`.

        When the EHR's part fails, ours is not tried (status 0). When ours fails after the EHR's succeeded,
        its outcomes say so and nothing is raised, because something has been written.
        """
        ours = [position for position, entry in enumerate(entries) if self._goes_here(entry)]
        theirs = [position for position in range(len(entries)) if position not in ours]
        ids = {
            entry.full_url: f"{entry.url}/{uuid.uuid4()}"
            for entry in (entries[position] for position in ours)
            if entry.method == "POST" and entry.full_url is not None
        }
        outcomes: dict[int, EntryOutcome] = {}
        if theirs:
            asked = [_rewritten(entries[position], ids) for position in theirs]
            outcomes.update(zip(theirs, self._ehr.transact(asked), strict=True))
        if not all(outcome.ok for outcome in outcomes.values()):
            skipped = EntryOutcome(0, None, "not tried: the EHR's part of the transaction did not succeed")
            outcomes.update(dict.fromkeys(ours, skipped))
        elif ours:
            for position, outcome in outcomes.items():
                full_url = entries[position].full_url
                if full_url is not None and outcome.stored is not None:
                    ids[full_url] = outcome.stored.reference
            outcomes.update(self._transact_here(entries, ours, ids, alone=not theirs))
        return [outcomes[position] for position in range(len(entries))]

    def create_binary(
        self, content: bytes, content_type: str, *, id: str | None, security_context: Reference | None
    ) -> Stored:
        here = self.home("Binary") == "companion" or (id is not None and self._lives_here("Binary", id))
        place = self._companion if here else self._ehr
        return place.create_binary(content, content_type, id=id, security_context=security_context)

    # ------------------------------------------------------------------ where

    def _transact_here(
        self, entries: Sequence[TransactionEntry], ours: Sequence[int], ids: Mapping[str, str], *, alone: bool
    ) -> dict[int, EntryOutcome]:
        asked = [_as_put(_rewritten(entries[position], ids), ids) for position in ours]
        try:
            return dict(zip(ours, self._companion.transact(asked), strict=True))
        except RecordRefused as refused:
            if alone:
                raise
            return dict.fromkeys(ours, EntryOutcome(refused.status, None, refused.code))

    def _goes_here(self, entry: TransactionEntry) -> bool:
        resource_type, _, id = entry.url.partition("/")
        if id and self._lives_here(resource_type, id):
            return True
        return self._is_new_here(resource_type, id, entry.resource or {})

    def _is_new_here(self, resource_type: str, id: str, resource: Json) -> bool:
        """Whether what does not live here yet is to. Of what is kept beside, the EHR is not asked: the id is ours."""
        if resource_type in self._kept_beside:
            return True
        here = self.home(resource_type) == "companion" or self._is_about_ours(resource)
        return here and not (id and self._lives_there(resource_type, id))

    def _is_about_ours(self, resource: Json) -> bool:
        if resource.get("resourceType") not in MOVABLE:
            return False
        targets = {literal_target(each, base=self.base) for each in _literal(resource)}
        return any(target is not None and target[0] in FOLLOWS and self._lives_here(*target) for target in targets)

    def _lives_here(self, resource_type: str, id: str) -> bool:
        try:
            self._companion.read(resource_type, id)
        except (NotFound, Gone):
            return False
        return True

    def _lives_there(self, resource_type: str, id: str) -> bool:
        """Whether the EHR shows it to us: one that is hidden (403) cannot be written over either."""
        if not self._ehr_may(resource_type, "read"):
            return False
        try:
            self._ehr.read(resource_type, id)
        except RecordRefused:
            return False
        return True

    def _ehr_may(self, resource_type: str, interaction: str) -> bool:
        return self._ehr.capability().may(resource_type, interaction)

    def _moves(self, resource_type: str, refused: RecordRefused) -> bool:
        """Whether the EHR's refusal sends a resource of this type to us; remembers types it does not know."""
        if resource_type not in MOVABLE:
            return False
        if refused.code == "type-not-supported":
            self._refused.add(resource_type)
            return True
        return refused.code == "forbidden" or (isinstance(refused, NotFound) and refused.status == 404)


def _literal(node: object) -> Iterator[str]:
    """Every literal reference in a resource."""
    if isinstance(node, list):
        for each in node:
            yield from _literal(each)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "reference" and isinstance(value, str):
                yield value
            else:
                yield from _literal(value)


def _rewritten(entry: TransactionEntry, ids: Mapping[str, str]) -> TransactionEntry:
    if entry.resource is None:
        return entry
    return replace(entry, resource=rewrite_references(entry.resource, ids))


def _as_put(entry: TransactionEntry, ids: Mapping[str, str]) -> TransactionEntry:
    """A POST whose id has been given out already, because the EHR's part may refer to it."""
    url = ids.get(entry.full_url or "") if entry.method == "POST" else None
    if url is None or entry.resource is None:
        return entry
    return replace(entry, method="PUT", url=url, resource={**entry.resource, "id": url.rpartition("/")[2]})
