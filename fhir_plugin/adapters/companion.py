"""The companion store: what an EHR refuses to hold, behind the same port, in our own database.

The same FHIR JSON, the same searches, versions and tombstones. Sealed at rest (each version bound to its base,
type, id and number, so that rows cannot be swapped); only the ids, the patient's logical id and the times are
columns. A search opens what it may match, narrowed by `_id` or patient, so searching without either reads every
resource of that type. The content of a Binary lies in the vault (`companion_bytes`).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import sqlalchemy as sa

from fhir_plugin.adapters.companion_bytes import CompanionBytes
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.fhir_bundles import in_processing_order, rewrite_references
from fhir_plugin.adapters.fhir_json import dump, parse_object
from fhir_plugin.adapters.fhir_meta import with_labels
from fhir_plugin.adapters.fhir_urls import resource_path
from fhir_plugin.adapters.keys import KeyUse, MasterKeys
from fhir_plugin.adapters.search_answers import CONTROLS, REFERENCES, TOKENS, answers, literal_target
from fhir_plugin.adapters.tables import companion_history, companion_resources
from fhir_plugin.capability import Capability, VendorFacts
from fhir_plugin.errors import Gone, NotFound, RecordRefused, VersionConflict
from fhir_plugin.ports import BinaryContent, ClinicalRecord, Clock, EntryOutcome, Stored, TransactionEntry, Vault
from mappings.model.identifiers import FhirBase, Reference

Json = dict[str, Any]

HELD_TYPES: Final = frozenset(
    {
        "AuditEvent",
        "Basic",
        "Binary",
        "Communication",
        "CommunicationRequest",
        "Consent",
        "DocumentReference",
        "Flag",
        "List",
        "Media",
        "Provenance",
        "QuestionnaireResponse",
        "Task",
    }
)
"""What may be kept beside a record. Patients and encounters belong to the EHR."""

_INTERACTIONS: Final = frozenset({"read", "vread", "history-instance", "create", "update", "delete", "search-type"})
_PARAMETERS: Final = frozenset({"_id", *TOKENS, *REFERENCES})

_AT_ONCE: Final = 200

_current, _past = companion_resources, companion_history


class CompanionRecord:
    """`ClinicalRecord` for one FHIR base, on our database. Without a `vault` it keeps no Binary."""

    def __init__(
        self, database: Database, masters: MasterKeys, fhir_base: FhirBase, clock: Clock, vault: Vault | None = None
    ) -> None:
        self._database = database
        self._masters = masters
        self._base = FhirBase(fhir_base.rstrip("/"))
        self._clock = clock
        self._bytes = CompanionBytes(vault, self._base) if vault is not None else None

    @property
    def base(self) -> FhirBase:
        """The EHR's base: references here mean the same things as over there."""
        return self._base

    def capability(self) -> Capability:
        held = HELD_TYPES if self._bytes is not None else HELD_TYPES - {"Binary"}
        return Capability(
            fhir_version="4.0.1",
            software="companion",
            interactions=dict.fromkeys(held, _INTERACTIONS),
            system_interactions=frozenset({"transaction"}),
            update_create=held,
            conditional_create=held,
            search_params=dict.fromkeys(held, _PARAMETERS),
            operations=frozenset({"$meta-add", "$meta-delete"}),
            vendor=VendorFacts(name="companion", raw_binary=False, atomic_transaction=True),
        )

    # ------------------------------------------------------------------ reading

    def capability_of(self, _reference: Reference) -> Capability:
        return self.capability()

    def searchable(self, resource_type: str) -> bool:
        return self.capability().may(resource_type, "search-type")

    def beside(self, _resource_types: frozenset[str]) -> ClinicalRecord:
        """Itself: there is no companion store beside this one."""
        return self

    def read(self, resource_type: str, id: str) -> Json:
        path = resource_path(resource_type, id)
        with self._database.connection() as connection:
            row = connection.execute(sa.select(_current).where(*self._is(_current, resource_type, id))).first()
        if row is None:
            raise NotFound(f"read {path}: 404", status=404)
        if row.deleted:
            raise Gone(f"read {path}: 410", status=410)
        return self._opened(row)

    def read_version(self, resource_type: str, id: str, version: str) -> Json:
        path = resource_path(resource_type, id, version)
        row = next((row for row in self._versions(resource_type, id) if str(row.version) == version), None)
        if row is None:
            raise NotFound(f"read {path}: 404", status=404)
        if row.deleted:
            raise Gone(f"read {path}: 410", status=410)
        return self._opened(row)

    def history(self, resource_type: str, id: str) -> list[Json]:
        path = resource_path(resource_type, id)
        rows = self._versions(resource_type, id)
        if not rows:
            raise NotFound(f"history of {path}: 404", status=404)
        return [self._opened(row) for row in rows]

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        resource_path(resource_type)
        for name in params:
            if name not in _PARAMETERS | CONTROLS:
                message = f"search {resource_type}: a parameter that is not known here"
                raise RecordRefused(message, status=400, code="search-parameter")
        query = sa.select(_current).where(
            _current.c.fhir_base == self._base,
            _current.c.type == resource_type,
            _current.c.deleted.is_(False),
        )
        if "_id" in params:
            query = query.where(_current.c.id.in_(params["_id"].split(",")))
        if patients := _patients_asked(params, self._base):
            query = query.where(sa.or_(_current.c.patient.in_(patients), _current.c.patient.is_(None)))
        with self._database.connection() as connection:
            rows = connection.execute(query.order_by(_current.c.last_updated.desc(), _current.c.id)).all()
        opened = (self._opened(row) for row in rows)
        return [resource for resource in opened if self._matches(resource, params)]

    def read_binary(self, url: str) -> BinaryContent:
        """Of the current version alone: what a Binary held before is shredded."""
        target = literal_target(url, base=self._base)
        if target is None or target[0] != "Binary":
            raise RecordRefused("the image lies outside this record", code="outside-base")
        resource = self.read("Binary", target[1])
        version = url.partition("/_history/")[2]
        if self._bytes is None or (version and version != resource["meta"]["versionId"]):
            raise NotFound(f"read {resource_path(*target)}: nothing is kept of it", status=404)
        return BinaryContent(self._bytes.content(target[1]), str(resource.get("contentType", "")))

    # ------------------------------------------------------------------ writing

    def create(self, resource: Json, *, if_none_exist: str | None = None) -> Stored:
        resource_type = self._held_type(resource.get("resourceType"))
        with self._database.transaction():
            if if_none_exist is not None:
                self._database.lock(f"companion/{self._base}/{resource_type}")
                found = self.search(resource_type, dict(parse_qsl(if_none_exist, keep_blank_values=True)))
                if len(found) > 1:
                    raise VersionConflict(f"create {resource_type}: {len(found)} exist already", status=412)
                if found:
                    return _stored(found[0])
            return self._write({**resource, "id": str(uuid.uuid4())}, None)

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        self._held_type(resource.get("resourceType"))
        with self._database.transaction():
            return self._write(resource, version)

    def add_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        self._change_labels(reference, add=codings)

    def remove_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        self._change_labels(reference, remove=codings)

    def _change_labels(self, reference: Reference, *, add: Sequence[Json] = (), remove: Sequence[Json] = ()) -> None:
        with self._database.transaction():
            resource = self.read(*reference.split("/"))
            self._write({**resource, "meta": with_labels(resource.get("meta"), add=add, remove=remove)}, None)

    def delete(self, resource_type: str, id: str) -> None:
        resource_path(resource_type, id)
        with self._database.transaction():
            row = self._locked(resource_type, id)
            if row is not None and not row.deleted:
                self._shred(resource_type, id)
                self._replace(resource_type, id, row, None)

    def purge(self, reference: Reference) -> int:
        """Every version, whether it was deleted or not, as if it had never been; returns how many there were."""
        resource_type, _, id = reference.partition("/")
        resource_path(resource_type, id)
        with self._database.transaction():
            self._locked(resource_type, id)
            self._shred(resource_type, id)
            gone = 0
            with self._database.writing() as connection:
                for table in (_past, _current):
                    gone += connection.execute(sa.delete(table).where(*self._is(table, resource_type, id))).rowcount
            return gone

    def transact(self, entries: Sequence[TransactionEntry]) -> list[EntryOutcome]:
        """All or nothing, in one database transaction. A refusal is raised and nothing is kept."""
        ids = {
            entry.full_url: f"{entry.url}/{uuid.uuid4()}"
            for entry in entries
            if entry.method == "POST" and entry.full_url is not None
        }
        targets = [entry.url for entry in entries if entry.method != "POST"]
        if len(set(targets)) != len(targets):
            raise RecordRefused("a transaction names one resource twice", status=400)
        outcomes: dict[int, EntryOutcome] = {}
        with self._database.transaction():
            for position in in_processing_order(entries):
                outcomes[position] = self._do(entries[position], ids)
        return [outcomes[position] for position in range(len(entries))]

    def create_binary(
        self, content: bytes, content_type: str, *, id: str | None, security_context: Reference | None
    ) -> Stored:
        """Row and bytes in one transaction. Refused where this store has no vault (`type-not-supported`)."""
        self._held_type("Binary")
        resource: Json = {"resourceType": "Binary", "id": id or str(uuid.uuid4()), "contentType": content_type}
        if security_context is not None:
            resource["securityContext"] = {"reference": security_context}
        with self._database.transaction():
            stored = self._write(resource, None)
            if self._bytes is not None:
                self._bytes.keep(stored.id, content)
        return stored

    # ------------------------------------------------------------------ rows

    def _do(self, entry: TransactionEntry, ids: Mapping[str, str]) -> EntryOutcome:
        if entry.method == "DELETE":
            resource_type, _, id = entry.url.partition("/")
            self.delete(resource_type, id)
            return EntryOutcome(204, None)
        if entry.resource is None or entry.method not in ("POST", "PUT"):
            raise RecordRefused("a transaction entry that is not understood", status=400)
        resource = rewrite_references(entry.resource, ids)
        self._held_type(resource.get("resourceType"))
        if entry.method == "PUT":
            if entry.url != f"{resource.get('resourceType')}/{resource.get('id')}":
                raise RecordRefused("a transaction entry whose URL is not its resource's", status=400)
        else:
            new = ids.get(entry.full_url or "", "").rpartition("/")[2]
            resource = {**resource, "id": new or str(uuid.uuid4())}
        stored = self._write(resource, entry.if_match)
        return EntryOutcome(201 if stored.version == "1" else 200, stored)

    def _write(self, resource: Json, expected: str | None) -> Stored:
        resource_type, id = str(resource["resourceType"]), str(resource.get("id"))
        path = resource_path(resource_type, id)
        row = self._locked(resource_type, id)
        actual = str(row.version) if row is not None and not row.deleted else None
        if expected is not None and expected != actual:
            raise VersionConflict(f"put {path}: 412", status=412)
        if resource_type == "Binary" and self._bytes is not None:
            resource = self._bytes.taken_from(resource)
        return Stored(resource_type, id, str(self._replace(resource_type, id, row, resource)))

    def _replace(self, resource_type: str, id: str, row: sa.Row[Any] | None, resource: Json | None) -> int:
        """Makes `resource` (None: a tombstone) the current version and `row` a past one; returns its number."""
        version = 1 if row is None else row.version + 1
        now = self._clock.now()
        values = {
            "fhir_base": self._base,
            "type": resource_type,
            "id": id,
            "version": version,
            "patient": row.patient if row is not None and resource is None else self._patient_of(resource),
            "last_updated": now,
            "deleted": resource is None,
            "sealed": None if resource is None else self._sealed(resource, version, now),
        }
        with self._database.writing() as connection:
            if row is None:
                connection.execute(sa.insert(_current).values(values))
            else:
                connection.execute(sa.insert(_past).values(dict(row._mapping)))
                where = self._is(_current, resource_type, id)
                connection.execute(sa.update(_current).where(*where).values(values))
        return version

    def _locked(self, resource_type: str, id: str) -> sa.Row[Any] | None:
        """The current row, which nobody else changes until this transaction ends."""
        self._database.lock(f"companion/{self._base}/{resource_type}/{id}")
        with self._database.writing() as connection:
            return connection.execute(sa.select(_current).where(*self._is(_current, resource_type, id))).first()

    def _versions(self, resource_type: str, id: str) -> list[sa.Row[Any]]:
        """Newest first."""
        with self._database.connection() as connection:
            now = connection.execute(sa.select(_current).where(*self._is(_current, resource_type, id))).all()
            past = sa.select(_past).where(*self._is(_past, resource_type, id))
            return [*now, *connection.execute(past.order_by(_past.c.version.desc())).all()]

    def _is(self, table: sa.Table, resource_type: str, id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return (table.c.fhir_base == self._base, table.c.type == resource_type, table.c.id == id)

    def _sealed(self, resource: Json, version: int, now: dt.datetime) -> bytes:
        instant = now.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        given = resource.get("meta")
        meta = {**(given if isinstance(given, dict) else {}), "versionId": str(version), "lastUpdated": instant}
        bound_to = _bound_to(self._base, str(resource["resourceType"]), str(resource["id"]), version)
        return self._masters.seal(KeyUse.COMPANION, dump({**resource, "meta": meta}), bound_to=bound_to)

    def _opened(self, row: sa.Row[Any]) -> Json:
        if row.deleted:
            meta = {"deleted": True, "versionId": str(row.version)}
            return {"resourceType": row.type, "id": row.id, "meta": meta}
        bound_to = _bound_to(row.fhir_base, row.type, row.id, row.version)
        return parse_object(self._masters.open(KeyUse.COMPANION, row.sealed, bound_to=bound_to))

    def _matches(self, resource: Json, params: Mapping[str, str]) -> bool:
        return all(answers(resource, name, value, base=self._base) for name, value in params.items())

    def _patient_of(self, resource: Json | None) -> str | None:
        """The one patient it is about; None when it names none, or more than one."""
        patients = set(_patients_in(resource or {}, self._base))
        return patients.pop() if len(patients) == 1 else None

    def _shred(self, resource_type: str, id: str) -> None:
        if resource_type == "Binary" and self._bytes is not None:
            self._bytes.destroy(id)

    def _held_type(self, resource_type: object) -> str:
        if not isinstance(resource_type, str) or not self.capability().holds(resource_type):
            message = "the companion store does not keep resources of that type"
            raise RecordRefused(message, status=404, code="type-not-supported")
        return resource_type


def seal_again(database: Database, masters: MasterKeys) -> int:
    """Seals every version of every base under the current master key; returns how many were under an old one.

    In batches, each a transaction of its own; until it has returned, the old master is still needed.
    """
    done = 0
    for table in (_current, _past):
        key = (table.c.fhir_base, table.c.type, table.c.id, table.c.version)
        with database.connection() as connection:
            names = connection.execute(sa.select(*key).where(table.c.sealed.is_not(None))).all()
        for start in range(0, len(names), _AT_ONCE):
            with database.writing() as connection:
                for name in names[start : start + _AT_ONCE]:
                    this = [column == value for column, value in zip(key, name, strict=True)]
                    sealed = connection.execute(sa.select(table.c.sealed).where(*this)).scalar()
                    if sealed is None or masters.is_current(sealed):
                        continue
                    bound_to = _bound_to(*name)
                    fresh = masters.seal(
                        KeyUse.COMPANION,
                        masters.open(KeyUse.COMPANION, sealed, bound_to=bound_to),
                        bound_to=bound_to,
                    )
                    connection.execute(sa.update(table).where(*this).values(sealed=fresh))
                    done += 1
    return done


def _bound_to(fhir_base: str, resource_type: str, id: str, version: int) -> tuple[str, ...]:
    return ("companion", fhir_base, resource_type, id, str(version))


def _stored(resource: Json) -> Stored:
    return Stored(resource["resourceType"], resource["id"], resource["meta"]["versionId"])


def _patients_in(resource: Json, base: str) -> Iterator[str]:
    elements, _ = REFERENCES["patient"]
    for element in elements(resource):
        target = literal_target(element.get("reference"), base=base) if isinstance(element, dict) else None
        if target is not None and target[0] == "Patient":
            yield target[1]


def _patients_asked(params: Mapping[str, str], base: str) -> list[str]:
    """Patient ids that any answer must be about; empty when the search does not say."""
    if "patient" in params:
        values = params["patient"].split(",")
        targets = [literal_target(value, base=base) for value in values]
        return [target[1] if target else value for target, value in zip(targets, values, strict=True)]
    return []
