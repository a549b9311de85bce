"""The request in the record: one CommunicationRequest whose status follows it, through the ledger.

What a request comes to is decided by the patient, when no clinician is signed in. So each intent says only "bring the
record in step"; what that means is read when it runs. Two of them, or one twice, come to the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fhir_plugin.capture.requests.parts import RequestParts
from fhir_plugin.capture.requests.request import Asked, PhotoRequest, RequestState
from fhir_plugin.ledger.intents import Evidence, Intent, IntentState, Plan, Step
from fhir_plugin.ledger.record_steps import ChangeOnce, WriteOnce
from fhir_plugin.ports import ClinicalRecord
from mappings.model.identifiers import IntentId, Reference, RequestId
from mappings.model.people import ClinicalSession
from mappings.r4.communication_request import (
    PhotoAsked,
    PhotoAskedStatus,
    ends_at,
    is_photo_request,
    to_communication_request,
    with_status,
)
from mappings.terminology import systems

KIND = "photo-request"
_NAMESPACE = uuid.UUID("0f3ad8a1-6f2f-4c51-9d9d-0a3f5d7f6c21")

S, P = RequestState, PhotoAskedStatus
STATUS: Mapping[RequestState, PhotoAskedStatus] = {
    S.PREPARED: P.DRAFT,
    S.SENT: P.ACTIVE,
    S.OPENED: P.ACTIVE,
    S.SENDING: P.ACTIVE,
    S.CALL_ME: P.ON_HOLD,
    S.ANSWERED: P.COMPLETED,
    S.WITHDRAWN: P.COMPLETED,
    S.DECLINED: P.REVOKED,
    S.EXPIRED: P.REVOKED,
    S.CANCELLED: P.REVOKED,
}
"""What each state is in the record. A withdrawn answer was an answer; its pictures have their own history."""


def intend(parts: RequestParts, before: PhotoRequest, after: PhotoRequest) -> None:
    """Writes down that the record must follow, if it must; joins the open transaction of the change itself."""
    if after.links and _said_of(before) != _said_of(after):
        _follow(parts, after)


def _said_of(request: PhotoRequest) -> dict[str, str]:
    """What the record says of a request and follows: its status, and until when its link works."""
    return {"status": STATUS[request.state].value, "until": request.expires.isoformat()}


def _follow(parts: RequestParts, after: PhotoRequest) -> None:
    parts.capture.ledger.add(
        Intent(
            id=IntentId(parts.capture.new_id()),
            kind=KIND,
            subject=after.request_id,
            fhir_base=after.fhir_base,
            patient=after.patient,
            user=after.asked_by,
            launch=after.launch,
            created=parts.now,
        )
    )


def resume_for(parts: RequestParts, session: ClinicalSession) -> None:
    """After a launch of this patient by any clinician: what waits for a sign-in goes on under this one."""
    for request in parts.requests.of_patient(session.fhir_base, session.patient_id):
        for intent in parts.capture.ledger.for_subject(request.request_id):
            if intent.state is IntentState.WAITING_FOR_SIGN_IN and parts.capture.engine.adopt(
                intent, session.launch_id
            ):
                parts.capture.engine.run(intent.id)


class FollowRecord:
    """Plans for intents of kind `photo-request`."""

    def __init__(self, parts: RequestParts) -> None:
        self._parts = parts

    def __call__(self, intent: Intent) -> Plan:
        request = self._parts.requests.get(RequestId(intent.subject))
        return _Plan(self._parts, request, self._parts.capture.records(intent.launch))


class _Plan:
    def __init__(self, parts: RequestParts, request: PhotoRequest, record: ClinicalRecord) -> None:
        self._parts = parts
        self._request = request
        self._record = record

    def steps(self) -> Sequence[Step]:
        return [_InStep(self._parts, self._request.request_id, self._record)]

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        current = self._parts.requests.get(self._request.request_id, for_change=True)
        written = evidence[_InStep.name]
        if any(written.get(name) != said for name, said in _said_of(current).items()):
            _follow(self._parts, current)  # it went on while this was written, perhaps after another had written that
        reference = Reference(evidence[_InStep.name]["reference"])
        self._parts.requests.save(replace(current, record=reference))
        self._audit(intent, "request.recorded", reference)

    def abandon(self, intent: Intent) -> None:
        """The record would not take it: the request itself stands, here and in the audit trail."""
        self._audit(intent, "request.not-recorded", intent.subject, reason=intent.reason)

    def _audit(self, intent: Intent, action: str, subject: str, **detail: str) -> None:
        self._parts.capture.audit.append(
            intent.entry(action, {"request": intent.subject, **detail}, policy=self._request.policy, subject=subject)
        )


@dataclass
class _InStep:
    """There once, with the status that the request has when it is written: each act reads it anew."""

    parts: RequestParts = field(repr=False)
    request_id: RequestId
    record: ClinicalRecord = field(repr=False)
    name = "communication-request"

    def happened(self) -> Evidence | None:
        request = self._now()
        there = self._write(request).happened()
        found = None if there is None else self._change(request, there).happened()
        return None if found is None else {**found, **_said_of(request)}

    def do(self) -> Evidence:
        request = self._now()
        write = self._write(request)
        there = write.happened() or write.do()
        return {**self._change(request, there).do(), **_said_of(request)}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        return self._write(self._now()).undo(evidence)

    def _now(self) -> PhotoRequest:
        return self.parts.requests.get(self.request_id)

    def _write(self, request: PhotoRequest) -> WriteOnce:
        capability = self.record.capability()
        ours = capability.takes_our_id("CommunicationRequest") or not capability.holds("CommunicationRequest")
        return WriteOnce(
            name=self.name,
            resource_type="CommunicationRequest",
            our_id=str(uuid.uuid5(_NAMESPACE, request.request_id)) if ours else None,
            search={"patient": request.patient, "identifier": f"{systems.PHOTO_REQUEST}|{request.request_id}"},
            is_ours=lambda resource: is_photo_request(resource, request.request_id, request.patient),
            build=lambda id: to_communication_request(asked_of(request), id=id),
            record=self.record,
        )

    def _change(self, request: PhotoRequest, there: Evidence) -> ChangeOnce:
        status, until = STATUS[request.state], request.expires
        return ChangeOnce(
            name=self.name,
            reference=Reference(there["reference"]),
            change=lambda resource: with_status(resource, status, reason=request.state.value, until=until),
            changed=lambda resource: resource.get("status") == status and ends_at(resource, until),
            record=self.record,
        )


def asked_of(request: PhotoRequest) -> PhotoAsked:
    """What of a request belongs in the record: never the link, the number or a name of somebody else."""
    return PhotoAsked(
        request_id=request.request_id,
        patient=request.subject,
        asked_by=request.asked_by,
        asked_by_name=request.asked_by_name,
        status=STATUS[request.state],
        status_reason=request.state.value,
        purpose=request.purpose,
        area=request.area,
        authored=request.created,
        until=request.expires,
        restricted=request.private_allowed or request.asked is Asked.COMPETENT_CHILD,
    )
