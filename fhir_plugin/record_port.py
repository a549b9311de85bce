"""The clinical record, in our words: one of the ports (`fhir_plugin.ports` gives it to everybody)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fhir_plugin.capability import Capability
from mappings.model.identifiers import FhirBase, Reference

Json = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """A resource as the server said it stored it. `version` is None where the server does not version."""

    resource_type: str
    id: str
    version: str | None = None

    @property
    def reference(self) -> Reference:
        return Reference(f"{self.resource_type}/{self.id}")


@dataclass(frozen=True)
class BinaryContent:
    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True)
class TransactionEntry:
    """`PUT` with `resource["id"]` ours, `POST` with a `full_url` (urn:uuid:...), or `DELETE` of `url`."""

    method: str
    url: str
    resource: Json | None = None
    full_url: str | None = None
    if_match: str | None = None


@dataclass(frozen=True)
class EntryOutcome:
    """What the server said of one entry. `status` is the number in entry.response.status; 0 where it said none."""

    status: int
    stored: Stored | None
    message: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class ClinicalRecord(Protocol):
    """A FHIR R4 record: the EHR's server, our companion store, or the two as one.

    Raises `RecordUnavailable` when it surely did not happen, `AnswerLost` when nobody knows, `SignInNeeded`
    on a dead token, and `RecordRefused` (NotFound, Gone, VersionConflict, TooLarge) when the server said no.
    Never follows a link to another host. Resources go in and come out as plain JSON, numbers untouched.
    """

    @property
    def base(self) -> FhirBase: ...

    def capability(self) -> Capability: ...

    def beside(self, resource_types: frozenset[str]) -> ClinicalRecord:
        """The same record, in which new resources of these types are kept in the companion store whatever the EHR
        holds; the record itself where there is no companion store."""

    def capability_of(self, reference: Reference) -> Capability:
        """What can be done with this very resource: the companion store's capability where it lives there. A change of
        what is there asks this; `capability` is about what can be filed in the record itself."""

    def searchable(self, resource_type: str) -> bool:
        """Whether a search of this type misses nothing that this app filed: in the record, or in the companion store
        where that is where the type is kept."""

    def read(self, resource_type: str, id: str) -> Json: ...

    def read_version(self, resource_type: str, id: str, version: str) -> Json: ...

    def history(self, resource_type: str, id: str) -> list[Json]:
        """The entries' resources, newest first; a deletion is `{"resourceType", "id", "meta": {"deleted": true}}`."""

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """All pages (bounded); only resources of `resource_type`. Ask with `handling=strict`, and check what comes
        back: some servers ignore a parameter they do not know and return everything."""

    def create(self, resource: Json, *, if_none_exist: str | None = None) -> Stored:
        """POST: the server chooses the id. Not idempotent."""

    def put(self, resource: Json, *, version: str | None = None) -> Stored:
        """PUT to `resource["id"]`; with `version`, only over that version (If-Match)."""

    def add_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        """`$meta-add`: these in `meta.security`, and nothing else of the resource touched. It may make no version.

        Raises `RecordRefused` (`operation-not-supported`) where `capability().changes_labels` says no.
        """

    def remove_labels(self, reference: Reference, codings: Sequence[Json]) -> None:
        """`$meta-delete`: none of these in `meta.security` any more, where a PUT would only ever add to them."""

    def delete(self, resource_type: str, id: str) -> None:
        """Idempotent: gone or never there is not an error."""

    def transact(self, entries: Sequence[TransactionEntry]) -> list[EntryOutcome]:
        """One outcome per entry, in order. A 200 outside proves nothing: look at every outcome."""

    def create_binary(
        self, content: bytes, content_type: str, *, id: str | None, security_context: Reference | None
    ) -> Stored:
        """Raw where the server takes it, else as JSON with spliced base64. With `id`, by PUT."""

    def read_binary(self, url: str) -> BinaryContent:
        """`url` as found in an attachment: relative or absolute, within `base` only. Whatever form the server
        answers in (raw, or Binary as JSON), the decoded bytes."""
