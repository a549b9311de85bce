"""Which of our profiles a resource keeps. None of them claims one in `meta.profile`: see ADR 39."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mappings.r4 import elements
from mappings.r4.destruction_trace import DELETED, ERASED
from mappings.r4.disclosure_event import ACTION
from mappings.r4.elements import Json
from mappings.terminology import systems

_BY_IDENTIFIER: Final = {
    "DocumentReference": {
        systems.CHART_COPY: "chart-copy",
        systems.NOTE: "consultation-note",
        systems.CONCERN: "safeguarding-concern",
        systems.IMAGE: "photograph-document",
    },
    "Media": {systems.IMAGE: "photograph"},
    "Consent": {systems.CONSENT: "photograph-consent"},
    "QuestionnaireResponse": {systems.DECISION: "photograph-decision"},
    "CommunicationRequest": {systems.PHOTO_REQUEST: "photograph-request"},
    "Task": {systems.DELETION_ITEM: "deletion-of-image", systems.DELETION: "deletion-request"},
}
_BY_STATEMENT: Final = {
    systems.STATEMENT_EXTENSION: "filing-provenance",
    systems.LABEL_STATEMENT_EXTENSION: "label-provenance",
    systems.HIDING_STATEMENT_EXTENSION: "hiding-provenance",
    systems.DESTRUCTION_STATEMENT_EXTENSION: "destruction-provenance",
    systems.DISCLOSURE_STATEMENT_EXTENSION: "disclosure-provenance",
}
_BY_ACTION: Final = {
    ACTION: "disclosure-audit-event",
    DELETED: "destruction-audit-event",
    ERASED: "destruction-audit-event",
}
_WHERE_IMAGES_STAND: Final = {"Media": "photograph", "DocumentReference": "photograph-document"}


def profile_of(resource: Json) -> str | None:
    """The id of the profile of ours that a resource was written by; None for what this app did not write."""
    kind = elements.text_of(resource.get("resourceType"))
    if (stands := _WHERE_IMAGES_STAND.get(kind)) is not None:
        tags = {each.get("system") for each in elements.objects_of(elements.object_of(resource.get("meta")).get("tag"))}
        if systems.TOMBSTONE in tags:
            return f"destroyed-{stands}"
        if systems.HIDDEN in tags and not {"bodySite", "extension"} & resource.keys():
            return f"hidden-{stands}"
    if kind == "Provenance":
        return next((_BY_STATEMENT[url] for url in _statements(resource) if url in _BY_STATEMENT), None)
    if kind == "AuditEvent":
        action = elements.code_in({"coding": resource.get("subtype")}, systems.AUDIT_ACTION)
        return None if action is None else _BY_ACTION.get(action, "image-audit-event")
    by_identifier = _BY_IDENTIFIER.get(kind, {})
    return next((name for system, name in by_identifier.items() if elements.identifier_in(resource, system)), None)


def _statements(provenance: Json) -> Iterator[str]:
    for signature in elements.objects_of(provenance.get("signature")):
        for extension in elements.objects_of(signature.get("extension")):
            yield elements.text_of(extension.get("url"))
