"""A request to a patient for photographs as R4 CommunicationRequest: that, why and of what; never how to open it.

No link, telephone number or name of anybody but the clinician goes into the record. What a child asked for without
their parents, and what is private, is labelled so that the patient's online record and a proxy do not show it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from mappings.model.identifiers import PatientId, Reference, RequestId
from mappings.model.labels import RESTRICTED
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable
from mappings.terminology import systems

TITLE: Final = "Request for a photograph"
_CATEGORY: Final = ("http://terminology.hl7.org/CodeSystem/communication-category", "instruction", "Instruction")
_MEDIUM: Final = ("http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", "ONLINEWRIT", "online written")
"""Later editions have SMSWRIT; that of R4 does not."""


class PhotoAskedStatus(StrEnum):
    """R4 request-status, as far as a request for photographs comes."""

    DRAFT = "draft"
    ACTIVE = "active"
    ON_HOLD = "on-hold"
    REVOKED = "revoked"
    COMPLETED = "completed"


@dataclass(frozen=True)
class PhotoAsked:
    """`status_reason`: our own word for where it stands. `restricted`: not for the online record or a proxy."""

    request_id: RequestId
    patient: Reference
    asked_by: Reference
    asked_by_name: str = field(repr=False)
    status: PhotoAskedStatus
    status_reason: str
    purpose: str = field(repr=False)
    area: str = field(repr=False)
    authored: dt.datetime
    until: dt.datetime
    restricted: bool


def to_communication_request(asked: PhotoAsked, *, id: str | None = None) -> Json:
    """Raises `NotMappable` for one without a reason or without what is asked for."""
    purpose, area = elements.string(asked.purpose).strip(), elements.string(asked.area).strip()
    if not purpose or not area:
        raise NotMappable("a request says why and of what", code="empty-request")
    resource: Json = {"resourceType": "CommunicationRequest"}
    if id is not None:
        resource["id"] = id
    if asked.restricted:
        resource["meta"] = {"security": elements.security((RESTRICTED,))}
    resource["identifier"] = [{"system": systems.PHOTO_REQUEST, "value": asked.request_id}]
    resource["status"] = asked.status.value
    resource["statusReason"] = _why(asked.status_reason)
    resource["category"] = [{**elements.concept(*_CATEGORY), "text": TITLE}]
    resource["medium"] = [elements.concept(*_MEDIUM)]
    resource["subject"] = {"reference": asked.patient}
    resource["payload"] = [{"contentString": f"{TITLE}: {area}"}]
    resource["occurrencePeriod"] = {
        "start": elements.instant(asked.authored),
        "end": elements.instant(asked.until),
    }
    resource["authoredOn"] = elements.instant(asked.authored)
    resource["requester"] = elements.reference(asked.asked_by, elements.string(asked.asked_by_name).strip() or None)
    resource["reasonCode"] = [{"text": purpose}]
    return resource


def with_status(resource: Json, status: PhotoAskedStatus, *, reason: str, until: dt.datetime | None = None) -> Json:
    """The same, where it stands now, and `until` when its link works. Everything else that a server added stays."""
    changed = {**resource, "status": status.value, "statusReason": _why(reason)}
    if until is not None:
        period: Any = resource.get("occurrencePeriod")
        kept = period if isinstance(period, dict) else {}
        changed["occurrencePeriod"] = {**kept, "end": elements.instant(until)}
    return changed


def ends_at(resource: Json, until: dt.datetime) -> bool:
    """Whether it says this end, to the second: servers keep instants in their own spelling."""
    period: Any = resource.get("occurrencePeriod")
    try:
        said = dt.datetime.fromisoformat(period["end"])
        return abs(said - until) < dt.timedelta(seconds=1)
    except (KeyError, TypeError, ValueError):  # none, or one without a zone, is not this one
        return False


def status_of(resource: Json) -> PhotoAskedStatus | None:
    """None for a status that we never write, or none."""
    try:
        return PhotoAskedStatus(resource.get("status", ""))
    except (ValueError, TypeError):
        return None


def is_photo_request(resource: Json, request_id: RequestId, patient: PatientId) -> bool:
    """Whether it is this request of this patient: what a search found is not believed."""
    subject: Any = resource.get("subject")
    about = subject.get("reference") if isinstance(subject, dict) else None
    return (
        resource.get("resourceType") == "CommunicationRequest"
        and elements.identifier_in(resource, systems.PHOTO_REQUEST) == request_id
        and isinstance(about, str)
        and (about == f"Patient/{patient}" or about.endswith(f"/Patient/{patient}"))
    )


def _why(reason: str) -> Json:
    return elements.concept(systems.PHOTO_REQUEST_STATE, reason)
