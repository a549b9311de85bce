"""What one EHR can do for one launch, for people: a few sentences for a clinician, and every reason for a tester.

Pure: CapabilityStatement, SMART configuration, granted scopes, what is known of the vendor and what was refused as too
large are in the one `Capability`; here they are laid side by side, and where two of them contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fhir_plugin.capability import Capability, Known
from fhir_plugin.capture.foretell import forecast_of
from fhir_plugin.capture.ladder_words import Forecast
from fhir_plugin.capture.place import Asked
from fhir_plugin.policy.pack import PolicyPack
from smart_launch.scope import parse_resource_scope

TYPICAL_BYTES: Final = 5_000_000
"""A photograph of 12 megapixels, as a telephone makes it."""
VIDEO_BYTES: Final = 20_000_000

TYPES: Final = (
    "Media",
    "Binary",
    "DocumentReference",
    "Consent",
    "Provenance",
    "QuestionnaireResponse",
    "AuditEvent",
    "Task",
    "CommunicationRequest",
)
"""What this app writes, the image first."""
CALLED: Final = {
    "Media": "images",
    "Binary": "the files of images",
    "DocumentReference": "notes and documents",
    "Consent": "consent",
    "Provenance": "signed provenance",
    "QuestionnaireResponse": "how it was decided",
    "AuditEvent": "who did what",
    "Task": "what somebody is asked to do",
    "CommunicationRequest": "messages that were sent",
}
INTERACTIONS: Final = ("create", "update", "read", "search-type", "delete", "history-instance")


class Standing(StrEnum):
    """How one interaction stands."""

    YES = "yes"
    NOT_GRANTED = "not granted"
    KNOWN_NOT_TO = "claimed, known not to"
    NO = "no"


@dataclass(frozen=True)
class Row:
    """One resource type: where new ones go, and how each of `INTERACTIONS` stands. `own_ids`: PUT creates."""

    resource_type: str
    called: str
    kept_in: str
    own_ids: bool
    cells: tuple[Standing, ...]


@dataclass(frozen=True)
class Case:
    """What becomes of one kind of image."""

    what: str
    forecast: Forecast


@dataclass(frozen=True)
class ThisEhr:
    """One page's worth."""

    software: str
    fhir_version: str
    family: str
    """What it is taken for, as people call it."""
    cases: tuple[Case, ...]
    kept_beside: tuple[str, ...]
    """What the EHR does not hold and this app keeps, in words."""
    removal: str
    rows: tuple[Row, ...]
    known: tuple[Known, ...]
    contradictions: tuple[str, ...]
    transaction: str
    body_limit: int | None
    learnt_limit: int | None
    learnt_types: tuple[str, ...]
    document_limit: int | None
    document_types: tuple[str, ...] | None
    document_needs: tuple[str, ...]
    scopes: tuple[str, ...]
    smart_capabilities: tuple[str, ...]
    asked_smart: bool
    """Whether a SMART configuration could be read."""


def this_ehr(capability: Capability, policy: PolicyPack, *, encounter: bool = True) -> ThisEhr:
    """All of it, for a launch with or without an encounter, under the policy in force."""
    vendor = capability.vendor
    types = vendor.document_types
    discovery = capability.discovery
    return ThisEhr(
        software=capability.software,
        fhir_version=capability.fhir_version,
        family=vendor.title or vendor.name,
        cases=tuple(_cases(capability, policy, encounter=encounter)),
        kept_beside=tuple(CALLED[each] for each in TYPES if not capability.holds(each)),
        removal=_removal(capability),
        rows=tuple(_row(capability, each) for each in TYPES),
        known=vendor.known,
        contradictions=tuple(contradictions(capability)),
        transaction=_transaction(capability),
        body_limit=capability.body_limit,
        learnt_limit=capability.refused_size,
        learnt_types=tuple(sorted(capability.refused_types)),
        document_limit=capability.document_limit,
        document_types=None if types is None else tuple(sorted(types)),
        document_needs=tuple(sorted(vendor.document_needs)),
        scopes=capability.scopes,
        smart_capabilities=tuple(sorted(discovery.capabilities)) if discovery else (),
        asked_smart=discovery is not None,
    )


def _cases(capability: Capability, policy: PolicyPack, *, encounter: bool) -> Iterator[Case]:
    for what, size, kind, restricted in (
        ("A photograph of 5 MB", TYPICAL_BYTES, "image/jpeg", False),
        ("An intimate or private photograph, or one of a child", TYPICAL_BYTES, "image/jpeg", True),
        ("A video of 20 MB", VIDEO_BYTES, "video/mp4", False),
    ):
        asked = Asked(
            largest=size,
            content_types=frozenset({kind}),
            words_only=policy.chart_copy_words_only,
            all_restricted=restricted,
            reduce=policy.chart_copy_reduce,
            encounter=encounter,
        )
        yield Case(what, forecast_of(capability, asked, any_restricted=restricted))


def _row(capability: Capability, resource_type: str) -> Row:
    held = capability.holds(resource_type)
    return Row(
        resource_type=resource_type,
        called=CALLED[resource_type],
        kept_in="EHR" if held else "this app",
        own_ids=capability.takes_our_id(resource_type),
        cells=tuple(standing(capability, resource_type, each) for each in INTERACTIONS),
    )


def standing(capability: Capability, resource_type: str, interaction: str) -> Standing:
    """How one interaction stands, the first reason against it."""
    if not capability.claims(resource_type, interaction):
        return Standing.NO
    if not capability.offers(resource_type, interaction):
        return Standing.KNOWN_NOT_TO
    return Standing.YES if capability.may(resource_type, interaction) else Standing.NOT_GRANTED


def _removal(capability: Capability) -> str:
    """What this EHR lets the app do about what is in the chart already."""
    held = [each for each in ("Media", "DocumentReference") if capability.holds(each)]
    if not held:
        return "Nothing of ours is in this chart, so nothing has to be removed from it."
    if any(capability.may(each, "delete") for each in held):
        return "What this app filed can be deleted here; whether old versions go too is looked at each time."
    if any(capability.may(each, "update") for each in held):
        return "What this app filed cannot be deleted here: it is marked as entered in error."
    return "What this app filed can neither be deleted nor changed here: a person has to do it in the EHR."


def _transaction(capability: Capability) -> str:
    if "transaction" not in capability.system_interactions:
        return "no"
    return "yes" if capability.may_transact else "claimed, known not to be atomic"


def contradictions(capability: Capability) -> Iterator[str]:
    """Where what is claimed, configured, granted and known do not agree. What the server itself does not offer is
    never done, whatever the others promise."""
    written = [each for each in TYPES if each != "Binary"]
    denied = sorted(f"{kind} {what}" for kind, what in capability.vendor.denied if capability.claims(kind, what))
    if denied:
        yield f"Its CapabilityStatement claims what it is known not to do: {', '.join(denied)}."
    unoffered = [each for each in written if not offers_new(capability, each)]
    if granted := _named_for_writing(capability.scopes, unoffered):
        yield f"Scopes were granted to create what its CapabilityStatement does not offer: {', '.join(granted)}."
    withheld = [each for each in TYPES if offers_new(capability, each) and not capability.holds(each)]
    if withheld:
        yield f"It offers to create, and this launch was not granted: {', '.join(withheld)}."
    if capability.discovery is not None:
        if promised := _named_for_writing(capability.discovery.scopes, unoffered):
            said = ", ".join(promised)
            yield f"Its SMART configuration names scopes to create what its CapabilityStatement does not offer: {said}."
        able = capability.discovery.capabilities
        unlisted = sorted({_spelling(each) for each in capability.scopes if parse_resource_scope(each)} - able)
        if able and unlisted:
            said = ", ".join(unlisted)
            yield f"Scopes were granted in a spelling that its SMART configuration does not list: {said}."
    if "transaction" in capability.system_interactions and capability.vendor.atomic_transaction is False:
        yield "It claims transactions, and is known not to undo the rest when one part fails."


def _named_for_writing(scopes: Iterable[str], types: Iterable[str]) -> list[str]:
    """Of these types, those that a scope names outright for creating: `*` promises nothing of any one type."""
    named = [scope for scope in map(parse_resource_scope, scopes) if scope is not None and scope.resource_type != "*"]
    return [each for each in types if any(scope.covers(each, "c") for scope in named)]


def _spelling(scope: str) -> str:
    """The SMART capability of a resource scope's spelling."""
    rights = scope.partition("?")[0].rpartition(".")[2]
    return "permission-v1" if rights in ("read", "write", "*") else "permission-v2"


def offers_new(capability: Capability, resource_type: str) -> bool:
    """Whether the server takes new resources of this type from anybody, by POST or by PUT with an id of ours."""
    by_put = resource_type in capability.update_create and capability.offers(resource_type, "update")
    return by_put or capability.offers(resource_type, "create")
