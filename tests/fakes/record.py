"""A FHIR record in memory, and the same record telling lies that real servers tell.

`FakeRecord` is honest. Each `Lie` is one way in which a server says that all is well and it is not; a contract
suite that does not notice a lie is worth nothing (`tests/contracts/test_record_lies.py`).
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from fhir_plugin.adapters.fhir_bundles import in_processing_order, rewrite_references
from fhir_plugin.adapters.fhir_meta import with_labels
from fhir_plugin.adapters.search_answers import CONTROLS, REFERENCES, TOKENS, answers
from fhir_plugin.capability import Capability, VendorFacts
from fhir_plugin.errors import (
    AnswerLost,
    Gone,
    NotFound,
    RecordRefused,
    RecordUnavailable,
    TooLarge,
    VersionConflict,
)
from fhir_plugin.ports import BinaryContent, ClinicalRecord, Clock, EntryOutcome, Stored, TransactionEntry
from mappings.model.identifiers import FhirBase, Reference
from tests.fakes.clock import FakeClock
from tests.fakes.lies import Lie as Lie

Json = dict[str, Any]

TYPES = frozenset(
    {
        "AuditEvent",
        "Binary",
        "Communication",
        "CommunicationRequest",
        "Condition",
        "Consent",
        "DocumentReference",
        "Encounter",
        "Media",
        "Observation",
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Provenance",
        "QuestionnaireResponse",
        "RelatedPerson",
        "Task",
    }
)
_INTERACTIONS = frozenset({"read", "vread", "history-instance", "create", "update", "delete", "search-type"})


class FakeRecord:
    """`ClinicalRecord` in memory.

    `types` are the types that it holds; `refuses` maps a type to the error that a write of it raises, whatever
    the capability says; `largest` is the most bytes of a Binary; `our_ids` says whether PUT creates;
    `merges_labels`: a PUT only ever adds to `meta.security`, as HAPI does; `meta_operations`: `$meta-add` and
    `$meta-delete`.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        base: str = "https://ehr.example/fhir",
        *,
        lies: frozenset[Lie] = frozenset(),
        types: frozenset[str] = TYPES,
        refuses: Mapping[str, RecordRefused] | None = None,
        transactions: bool = True,
        our_ids: bool = True,
        largest: int | None = None,
        merges_labels: bool = False,
        meta_operations: bool = True,
    ) -> None:
        self._clock = clock or FakeClock()
        self._base = FhirBase(base)
        self.lies = lies
        self._types = types
        self._refuses = dict(refuses or {})
        self._transactions = transactions
        self._our_ids = our_ids
        self._largest = largest
        self._merges_labels = merges_labels
        self._meta_operations = meta_operations
        self._versions: dict[tuple[str, str], list[Json]] = {}
        self._bytes: dict[tuple[str, str], list[BinaryContent]] = {}
        self._ids = itertools.count(1)
        self.writes = 0
        self.on_call: Callable[[str, str], None] = lambda _call, _what: None
        """Called before each call with its name and `Type/id`: raise here to be down, refuse or be slow."""
        self.after_write: Callable[[str, str], None] = lambda _call, _what: None
        """Called after each write took effect: raise `AnswerLost` here to lose the answer."""

    @property
    def base(self) -> FhirBase:
        return self._base

    def capability(self) -> Capability:
        held = self._types
        return Capability(
            fhir_version="4.0.1",
            software="fake",
            interactions=dict.fromkeys(held, _INTERACTIONS),
            system_interactions=frozenset({"transaction"} if self._transactions else ()),
            update_create=held if self._our_ids else frozenset(),
            conditional_create=held,
            search_params=dict.fromkeys(held, frozenset({"_id", *TOKENS, *REFERENCES})),
            operations=frozenset({"$meta-add", "$meta-delete"} if self._meta_operations else ()),
            vendor=VendorFacts(name="fake", raw_binary=True),
        )

    # ------------------------------------------------------------------ what is really there

    def stored(self, resource_type: str | None = None) -> list[Json]:
        """Every current resource, whatever the lies: for the test to look at."""
        current = [versions[-1] for versions in self._versions.values() if not _is_deleted(versions[-1])]
        return [copy.deepcopy(r) for r in current if resource_type in (None, r["resourceType"])]

    def versions_of(self, reference: Reference) -> dict[str, tuple[Json | None, BinaryContent | None]]:
        """Every version by its number, oldest first: its resource and a Binary's bytes; None twice for a deletion."""
        content = iter(self._bytes.get(_key(reference), ()))
        return {
            each["meta"]["versionId"]: (None, None) if _is_deleted(each) else (copy.deepcopy(each), next(content, None))
            for each in self._versions.get(_key(reference), ())
        }

    def forget_versions(self, reference: Reference, *, keep_oldest: bool = False) -> None:
        """As `$expunge` does: what was deleted goes, of what is there the earlier versions; or not the oldest one."""
        versions, content = self._versions.pop(key := _key(reference), []), self._bytes.pop(key, [])
        end = None if versions and _is_deleted(versions[-1]) else -1
        del versions[int(keep_oldest) : -1 if keep_oldest else end], content[int(keep_oldest) : end]
        if versions:
            self._versions[key], self._bytes[key] = versions, content

    def lose_answer(self, *at: int) -> None:
        """Each write whose number is in `at` (from 1) takes effect, and its answer is lost."""

        def lose(call: str, what: str) -> None:
            if self.writes in at:
                raise AnswerLost(f"{call} {what} was not answered")

        self.after_write = lose

    def go_down(self) -> None:
        """From now on every call raises `RecordUnavailable`, nothing done."""

        def refuse(call: str, what: str) -> None:
            raise RecordUnavailable(f"{call} {what} was not sent")

        self.on_call = refuse

    # ------------------------------------------------------------------ reading

    def capability_of(self, _reference: Reference) -> Capability:
        return self.capability()

    def searchable(self, resource_type: str) -> bool:
        return self.capability().may(resource_type, "search-type")

    def beside(self, _resource_types: frozenset[str]) -> ClinicalRecord:
        """Itself: there is no companion store beside this one."""
        return self

    def read(self, resource_type: str, id: str) -> Json:
        self.on_call("read", f"{resource_type}/{id}")
        return copy.deepcopy(self._existing(resource_type, id))

    def read_version(self, resource_type: str, id: str, version: str) -> Json:
        self.on_call("read_version", f"{resource_type}/{id}")
        versions = self._versions.get((resource_type, id), [])
        for resource in versions:
            if resource["meta"]["versionId"] == version:
                if _is_deleted(resource):
                    raise Gone(f"{resource_type}/{id}", status=410)
                return copy.deepcopy(versions[-1] if Lie.FORGETS_VERSIONS in self.lies else resource)
        if Lie.INVENTS in self.lies:
            return {"resourceType": resource_type, "id": id, "meta": {"versionId": version}}
        raise NotFound(f"{resource_type}/{id}", status=404)

    def history(self, resource_type: str, id: str) -> list[Json]:
        self.on_call("history", f"{resource_type}/{id}")
        versions = self._versions.get((resource_type, id))
        if not versions:
            raise NotFound(f"{resource_type}/{id}", status=404)
        return copy.deepcopy(versions[::-1])

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        self.on_call("search", resource_type)
        found = [] if Lie.FINDS_NOTHING in self.lies else self.stored(resource_type)
        if Lie.FINDS_EVERYTHING in self.lies:
            return found
        if unknown := set(params) - set(TOKENS) - set(REFERENCES) - CONTROLS - {"_id"}:
            raise RecordRefused(f"search by {sorted(unknown)}", status=400)
        return [r for r in found if all(answers(r, n, v, base=self._base) for n, v in params.items())]

    def read_binary(self, url: str) -> BinaryContent:
        prefix = f"{self._base}/"
        self.on_call("read_binary", url.removeprefix(prefix))
        if Lie.INVENTS in self.lies:
            return BinaryContent(b"?", "image/jpeg")
        if "://" in url and not url.startswith(prefix):
            raise RecordRefused("outside", code="outside-base")
        _, _, id = url.removeprefix(prefix).partition("/")
        self._existing("Binary", id)
        content = self._bytes[("Binary", id)][-1]
        if Lie.CORRUPTS_BYTES in self.lies:
            return BinaryContent(content.content[:-1] + b"?", content.content_type)
        return content

    # ------------------------------------------------------------------ writing

    def create(self, resource: Json, *, if_none_exist: str | None = None) -> Stored:
        resource_type = str(resource.get("resourceType"))
        self.on_call("create", resource_type)
        self._check_type(resource_type, on_type=True)
        if if_none_exist is not None:
            params = dict(parse_qsl(if_none_exist))
            found = [r for r in self.stored(resource_type) if self._answers_all(r, params)]
            if found:
                return _stored(found[0])
        stored = self._keep({**resource, "id": self._new_id()})
        if Lie.DOUBLES in self.lies:
            self._keep({**resource, "id": self._new_id()})
        return self._done("create", stored)

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        resource_type, id = str(resource["resourceType"]), str(resource["id"])
        self.on_call("put", f"{resource_type}/{id}")
        return self._done("put", self._put(resource, version))

    def add_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        self._change_labels("add_labels", reference, add=codings)

    def remove_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        self._change_labels("remove_labels", reference, remove=codings)

    def _change_labels(
        self, call: str, reference: Reference, *, add: Sequence[Json] = (), remove: Sequence[Json] = ()
    ) -> None:
        """In the current version itself, as HAPI does: no version says that a label was changed."""
        self.on_call(call, reference)
        resource_type, id = reference.split("/")
        if not self._meta_operations:
            raise RecordRefused(call, status=405, code="operation-not-supported")
        resource = self._existing(resource_type, id)
        if Lie.KEEPS_LABELS not in self.lies:
            self.tamper(reference, lambda meta: with_labels(meta, add=add, remove=remove))
        self._done(call, _stored(resource))

    def tamper(self, reference: str, change: Callable[[Json], Json]) -> None:
        """`meta` of the current version changed past everybody, without a new version."""
        resource_type, id = reference.split("/")
        resource = self._existing(resource_type, id)
        resource["meta"] = change(resource["meta"])

    def delete(self, resource_type: str, id: str) -> None:
        self.on_call("delete", f"{resource_type}/{id}")
        self._delete(resource_type, id)
        self._done("delete", Stored(resource_type, id))

    def transact(self, entries: Sequence[TransactionEntry]) -> list[EntryOutcome]:
        self.on_call("transact", str(len(entries)))
        before, content = copy.deepcopy(self._versions), {k: list(v) for k, v in self._bytes.items()}
        ids = {e.full_url: f"{e.url}/{self._new_id()}" for e in entries if e.full_url and e.method == "POST"}
        outcomes: dict[int, EntryOutcome] = {}
        for position in in_processing_order(entries):
            try:
                outcomes[position] = self._do(entries[position], ids)
            except RecordRefused as refused:
                if Lie.TRANSACTION_AS_BATCH not in self.lies:
                    self._versions, self._bytes = before, content
                    raise
                outcomes[position] = EntryOutcome(refused.status, None, refused.code)
        self.writes += 1
        self.after_write("transact", str(len(entries)))
        return [outcomes[position] for position in range(len(entries))]

    def create_binary(
        self, content: bytes, content_type: str, *, id: str | None, security_context: Reference | None
    ) -> Stored:
        self.on_call("create_binary", f"Binary/{id}")
        self._check_type("Binary", on_type=id is None)
        if self._largest is not None and len(content) > self._largest:
            raise TooLarge("Binary", status=413)
        if id is not None and not self._our_ids and ("Binary", id) not in self._versions:
            raise RecordRefused("no ids of yours", status=405, code="type-not-supported")
        resource: Json = {"resourceType": "Binary", "id": id or self._new_id(), "contentType": content_type}
        if security_context is not None:
            resource["securityContext"] = {"reference": security_context}
        stored = self._keep(resource)
        self._bytes.setdefault(("Binary", stored.id), []).append(BinaryContent(bytes(content), content_type))
        return self._done("create_binary", stored)

    # ------------------------------------------------------------------ inside

    def _do(self, entry: TransactionEntry, ids: Mapping[str, str]) -> EntryOutcome:
        if entry.method == "DELETE":
            self._delete(*entry.url.split("/"))
            return EntryOutcome(204, None)
        resource = rewrite_references(entry.resource or {}, ids)
        if entry.method == "PUT":
            stored = self._put(resource, entry.if_match)
        else:
            self._check_type(entry.url, on_type=True)
            stored = self._keep({**resource, "id": ids.get(entry.full_url or "", f"/{self._new_id()}").split("/")[1]})
        return EntryOutcome(201 if stored.version == "1" else 200, stored)

    def _put(self, resource: Json, version: str | None) -> Stored:
        resource_type, id = str(resource["resourceType"]), str(resource["id"])
        self._check_type(resource_type, on_type=False)
        versions = self._versions.get((resource_type, id), [])
        current = versions[-1] if versions and not _is_deleted(versions[-1]) else None
        if current is None and not self._our_ids:
            raise RecordRefused("no ids of yours", status=405, code="type-not-supported")
        actual = current["meta"]["versionId"] if current is not None else None
        if version is not None and version != actual and Lie.IGNORES_VERSION not in self.lies:
            raise VersionConflict(f"{resource_type}/{id}", status=412)
        if Lie.NEW_IDS in self.lies:
            resource = {**resource, "id": self._new_id()}
        if self._merges_labels and current is not None:
            resource = {**resource, "meta": with_labels(resource.get("meta"), add=current["meta"].get("security", []))}
        return self._keep(resource)

    def _delete(self, resource_type: str, id: str) -> None:
        versions = self._versions.get((resource_type, id))
        if versions and not _is_deleted(versions[-1]) and Lie.DELETES_NOTHING not in self.lies:
            meta = {"deleted": True, "versionId": _next(versions)}
            versions.append({"resourceType": resource_type, "id": id, "meta": meta})

    def _keep(self, resource: Json) -> Stored:
        key = (str(resource["resourceType"]), str(resource["id"]))
        versions = self._versions.get(key, [])
        kept = copy.deepcopy(resource)
        meta = {**kept.get("meta", {}), "versionId": _next(versions)}
        meta["lastUpdated"] = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if Lie.DROPS_LABELS in self.lies:
            meta.pop("security", None)
        kept["meta"] = meta
        if Lie.STORES_NOTHING not in self.lies:
            self._versions.setdefault(key, []).append(kept)
        return _stored(kept)

    def _existing(self, resource_type: str, id: str) -> Json:
        versions = self._versions.get((resource_type, id))
        if not versions:
            raise NotFound(f"{resource_type}/{id}", status=404)
        if _is_deleted(versions[-1]):
            raise Gone(f"{resource_type}/{id}", status=410)
        return versions[-1]

    def _check_type(self, resource_type: str, *, on_type: bool) -> None:
        if resource_type in self._refuses:
            raise self._refuses[resource_type]
        if resource_type not in self._types and Lie.TAKES_ANY_TYPE not in self.lies:
            status = 404 if on_type else 405
            raise RecordRefused(resource_type, status=status, code="type-not-supported")

    def _answers_all(self, resource: Json, params: Mapping[str, str]) -> bool:
        return all(answers(resource, name, value, base=self._base) for name, value in params.items())

    def _done(self, call: str, stored: Stored) -> Stored:
        self.writes += 1
        self.after_write(call, stored.reference)
        return stored

    def _new_id(self) -> str:
        return f"s{next(self._ids)}"


def _next(versions: Sequence[Json]) -> str:
    return str(int(versions[-1]["meta"]["versionId"]) + 1) if versions else "1"


def _key(reference: str) -> tuple[str, str]:
    resource_type, _, id = reference.partition("/")
    return resource_type, id


def _is_deleted(resource: Json) -> bool:
    return resource["meta"].get("deleted") is True


def _stored(resource: Json) -> Stored:
    return Stored(resource["resourceType"], resource["id"], resource["meta"]["versionId"])
