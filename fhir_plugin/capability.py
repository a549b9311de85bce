"""What one EHR's server can do for this launch: one value that write, disclose and delete all ask.

It is what the CapabilityStatement says, narrowed by the scopes that were granted and corrected by what is
known of the vendor. It is never found out by writing to a real chart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

ROUND_A_DOCUMENT = 16 * 1024
"""Bytes of JSON around the content of a document or an image."""

SCOPES = (
    "openid",
    "fhirUser",
    "offline_access",
    "patient/Patient.rs",
    "patient/Media.cruds",
    "patient/DocumentReference.cruds",
    "patient/Binary.cruds",
    "patient/Consent.cruds",
    "patient/QuestionnaireResponse.cruds",
    "patient/Provenance.cruds",
    "patient/AuditEvent.cruds",
    "patient/CommunicationRequest.cruds",
    "patient/Task.cruds",
    "user/Practitioner.rs",
    "user/PractitionerRole.rs",
)
"""What this app asks an EHR for, unless the EHR's entry says otherwise; each thing for what it files or reads."""

DESK_SCOPES = (
    "openid",
    "fhirUser",
    "offline_access",
    "patient/*.rs",
    "patient/Provenance.cruds",
    "patient/AuditEvent.cruds",
    "user/Practitioner.rs",
    "user/PractitionerRole.rs",
)
"""What a launch at the disclosure desk's own address asks for: to read the whole record, which is what a request for a
copy reaches, and to write down what was given out. Only where the EHR's entry names it (`privileged_scopes`), and only
there: nobody else's token opens a whole record (docs/adr/0026)."""


class Source(StrEnum):
    """Where something that is known of a server family comes from."""

    SEEN = "seen"
    """By running it."""
    DOCUMENTS = "documents"
    """Its vendor's; nobody here has run it."""
    NOTES = "notes"
    """Written by others who used it; nobody here has."""


@dataclass(frozen=True)
class Known:
    """One thing that is known of a server family: what, why it is believed, and from where. For people to read."""

    what: str
    value: str
    reason: str
    source: Source


@dataclass(frozen=True)
class VendorFacts:
    """What is known of a server family and its CapabilityStatement does not say. None: unknown, try and look."""

    name: str = "unknown"
    title: str = ""
    """As people call it."""
    raw_binary: bool | None = None
    rewrites_urn_in_attachments: bool | None = None
    atomic_transaction: bool | None = None
    max_body_bytes: int | None = None
    obeys_online_record_flag: bool = False
    denied: frozenset[tuple[str, str]] = frozenset()
    """(resource type, interaction) pairs that the server claims and does not do."""
    document_types: frozenset[str] | None = None
    """MIME types that a DocumentReference may hold. None: any, as far as is known."""
    largest_document: int | None = None
    """Bytes of one attachment, decoded."""
    document_needs: frozenset[str] = frozenset()
    """What a DocumentReference must carry there: values of `DocumentNeed`."""
    known: tuple[Known, ...] = field(default=(), repr=False, compare=False)
    """All of it, with its reasons, and what no field says, for people to read."""


@dataclass(frozen=True)
class Discovery:
    """What the EHR's SMART configuration says beside its CapabilityStatement. Nothing is decided by `scopes`: the list
    need not be whole, and promises what the server itself does not do (eCW)."""

    capabilities: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Capability:
    """Ask `may(type, interaction)`; interaction is FHIR's word: create, read, update, delete, search-type, ..."""

    fhir_version: str
    software: str = ""
    interactions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    system_interactions: frozenset[str] = frozenset()
    update_create: frozenset[str] = frozenset()
    conditional_create: frozenset[str] = frozenset()
    search_params: Mapping[str, frozenset[str]] = field(default_factory=dict)
    operations: frozenset[str] = frozenset()
    granted: Callable[[str, str], bool] = field(default=lambda _type, _interaction: True, repr=False)
    """(resource type, interaction) -> allowed by the granted scopes."""
    vendor: VendorFacts = VendorFacts()
    refused_size: int | None = None
    """Bytes of the smallest request body that this server has refused as too large; None where it never has."""
    refused_types: frozenset[str] = frozenset()
    """MIME types of which this server has refused the bytes, whatever it says of Binary."""
    scopes: tuple[str, ...] = ()
    """As they were granted; empty where that is not known, or the server is open."""
    discovery: Discovery | None = None

    @property
    def body_limit(self) -> int | None:
        """The largest request body worth trying, in bytes; None: any."""
        known = [self.vendor.max_body_bytes, self.refused_size - 1 if self.refused_size else None]
        return min((each for each in known if each is not None), default=None)

    @property
    def document_limit(self) -> int | None:
        """The largest document worth trying inside a DocumentReference, in bytes before base64; None: any."""
        body = self.body_limit
        known = [self.vendor.largest_document, None if body is None else max(0, (body - ROUND_A_DOCUMENT) * 3 // 4)]
        return min((each for each in known if each is not None), default=None)

    def claims(self, resource_type: str, interaction: str) -> bool:
        """Whether the CapabilityStatement says so, believed or not, granted or not."""
        return interaction in self.interactions.get(resource_type, frozenset())

    def offers(self, resource_type: str, interaction: str) -> bool:
        """Whether the server does this, as far as is known, whatever this launch was granted."""
        return self.claims(resource_type, interaction) and (resource_type, interaction) not in self.vendor.denied

    def may(self, resource_type: str, interaction: str) -> bool:
        """Whether the server says that it does this, and this launch was granted it."""
        return self.offers(resource_type, interaction) and self.granted(resource_type, interaction)

    def holds(self, resource_type: str) -> bool:
        """Whether resources of this type are written to the EHR; otherwise the companion store keeps them."""
        return self.may(resource_type, "create") or self.takes_our_id(resource_type)

    def takes_our_id(self, resource_type: str) -> bool:
        """Whether PUT with an id of ours creates (R4 `updateCreate`)."""
        return resource_type in self.update_create and self.may(resource_type, "update")

    def changes_labels(self, resource_type: str, *, remove: bool) -> bool:
        """Whether labels can be added to, or taken from, a resource without writing it (HAPI's `$meta-add` and
        `$meta-delete`): told for the type or for all, to a launch that may change that type."""
        name = "$meta-delete" if remove else "$meta-add"
        told = {name, f"{resource_type}/{name}"} & self.operations
        return bool(told) and self.may(resource_type, "update")

    def takes_document(self, content_type: str) -> bool:
        """Whether a DocumentReference with this MIME type is worth trying."""
        types = self.vendor.document_types
        known = (types is None or content_type in types) and content_type not in self.refused_types
        return known and self.holds("DocumentReference")

    @property
    def may_transact(self) -> bool:
        """Whether a transaction is worth trying. Only its answer, entry by entry, proves that it was one."""
        return "transaction" in self.system_interactions and self.vendor.atomic_transaction is not False

    def searches(self, resource_type: str, parameter: str) -> bool:
        return self.may(resource_type, "search-type") and parameter in self.search_params.get(
            resource_type, frozenset()
        )
