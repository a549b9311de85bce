"""What asking a patient works with: stores of requests and of tries, the practice's messaging, a capture's parts."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.requests.necessity import plain
from fhir_plugin.capture.requests.request import PhotoRequest
from fhir_plugin.errors import Incomplete, Unavailable
from fhir_plugin.ports import AuditEntry, Messages
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference, RequestId, WorkId
from mappings.model.people import ClinicalSession, User
from mappings.model.work import WorkItem, WorkKind

log = structlog.get_logger(__name__)


class PhotoRequestStore(Protocol):
    """Requests, sealed at rest. Every method joins the open transaction."""

    def add(self, request: PhotoRequest) -> None: ...

    def get(self, request_id: RequestId, *, for_change: bool = False) -> PhotoRequest:
        """Raises `NotFound`. `for_change` keeps others from changing it until the transaction ends."""

    def by_link(self, link_digest: str, *, for_change: bool = False) -> PhotoRequest | None:
        """The one request whose link has this digest. One look into an index: cheap however many ask."""

    def save(self, request: PhotoRequest) -> None: ...

    def of_patient(self, fhir_base: FhirBase, patient: PatientId) -> list[PhotoRequest]:
        """Newest first. One that cannot be read is left out, and counted by `unreadable`."""

    def unreadable(self, fhir_base: FhirBase, patient: PatientId) -> int:
        """How many requests of this patient are kept and cannot be read."""

    def last_practice(self, fhir_base: FhirBase) -> tuple[str, str]:
        """Name and telephone number of the practice as the newest request at this EHR gave them; empty if none did."""

    def lapsed(self, now: dt.datetime) -> list[RequestId]:
        """Requests that are not over although their time is."""

    def old(self, before: dt.datetime) -> list[RequestId]:
        """Requests that wait for nobody at their link, were made before, and are not reduced yet."""


class LinkTries(Protocol):
    """How often a network address has asked for links that do not exist."""

    def count(self, who: str, *, since: dt.datetime) -> int:
        """Tries of `who` in a stretch that began after `since`. Writes nothing."""

    def add(self, who: str, *, now: dt.datetime, since: dt.datetime) -> int:
        """One more; a stretch that began before `since` is over and a new one begins. Returns how many it has now."""

    def forget(self, before: dt.datetime) -> int:
        """Drops stretches that began before; returns how many."""


@dataclass(frozen=True)
class Door:
    """Who asks at the patient's page: the secret in the path, this browser's cookie, a name for the address."""

    secret: str = field(repr=False)
    browser: str = field(default="", repr=False)
    """The cookie's value; empty: none was sent."""
    address: str = field(default="", repr=False)


@dataclass(frozen=True)
class RequestParts:
    capture: CaptureParts
    requests: PhotoRequestStore
    tries: LinkTries
    messages: Messages
    link_of: Callable[[str], str]
    """The address of the patient's page for a secret."""
    new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    """256 bits, 43 characters of base64url."""

    def digest(self, purpose: str, value: str) -> str:
        """Keyed, so that a stolen database opens no link. `purpose` keeps one secret from passing as another."""
        hashed = hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
        return self.capture.vault.keyed_digest(f"photo-request/{purpose}/".encode() + hashed)

    def take_back(self, request: PhotoRequest) -> None:
        """Keeps the message of a link that is dead from being sent, if it waits still. After the commit that ends it:
        what is not taken back now goes when its link would have expired."""
        if request.message:
            try:
                self.messages.take_back(request.message)
            except (OSError, Unavailable) as error:
                log.error("message-not-taken-back", request=request.request_id, kind=type(error).__name__)

    def justification(self, words: str) -> str:
        """A keyed digest of a reason, however it is spaced and spelt."""
        return self.digest("justification", plain(words))

    @property
    def now(self) -> dt.datetime:
        return self.capture.clock.now()

    def note(self, request: PhotoRequest, action: str, actor: Reference | str, **detail: str | int | bool) -> None:
        """An audit entry in the open transaction: ids and codes only."""
        self.capture.audit.append(
            AuditEntry(
                action=action,
                actor=actor,
                patient=f"Patient/{request.patient}",
                launch=request.launch,
                subject=request.request_id,
                policy=request.policy,
                detail=detail,
            )
        )

    def wait_for_person(
        self, request: PhotoRequest, kind: WorkKind, words: str, *, subject: str = "", due: dt.datetime | None = None
    ) -> WorkItem:
        """An item for the owner, with cover; due when the policy says, unless `due` does."""
        return self.capture.worklist.add(
            WorkItem(
                id=WorkId(self.capture.new_id()),
                kind=kind,
                fhir_base=request.fhir_base,
                patient=request.patient,
                subject=subject or request.request_id,
                created=self.now,
                due=due or self.now + dt.timedelta(hours=self.capture.policy.work_hours[kind]),
                owner=request.owner,
                owner_name=request.owner_name,
                cover=request.cover,
                cover_name=request.cover_name,
                patient_name=request.patient_name,
                words=words,
            )
        )


def patient_session(request: PhotoRequest) -> ClinicalSession:
    """The patient at the link, as somebody who sends: no user of the EHR, so no clinician's draft is ever theirs."""
    if not request.patient:
        raise Incomplete("This request has no patient.")
    return ClinicalSession(
        launch_id=LaunchId(f"request-{request.request_id}"),
        fhir_base=request.fhir_base,
        issuer=request.fhir_base,
        patient_id=request.patient,
        user=User(request.subject, ""),
    )
