"""Requests whose time is over, and what of the worklist is finished with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from fhir_plugin.capture.requests import record
from fhir_plugin.capture.requests.arrive import Sent, destroy_sent
from fhir_plugin.capture.requests.decided import DECIDED, decided
from fhir_plugin.capture.requests.link import STRETCH
from fhir_plugin.capture.requests.parts import RequestParts
from fhir_plugin.capture.requests.request import LIVE, PhotoRequest, RequestState
from fhir_plugin.errors import PluginError
from fhir_plugin.ledger.intents import IntentState
from mappings.model.identifiers import CaptureId, Reference, RequestId
from mappings.model.work import WorkKind

log = structlog.get_logger(__name__)


def end_lapsed(parts: RequestParts, request_id: RequestId) -> bool:
    """Makes one request over if its time is: what was not confirmed is destroyed, its owner told. Safe to repeat."""
    request = parts.requests.get(request_id)
    if request.state not in LIVE or parts.now < request.expires:
        return False
    with parts.capture.work.transaction():
        request = parts.requests.get(request_id, for_change=True)
        if request.state not in LIVE or parts.now < request.expires:
            return False
        was = request.state
        sealed = destroy_sent(parts, request, actor="system", why="expired") is Sent.SEALED
        over = replace(request.to(RequestState.EXPIRED, parts.now), capture_id=None)
        parts.requests.save(over)
        parts.note(over, "request.expired", "system", was=was)
        record.intend(parts, request, over)
        if was not in (RequestState.PREPARED, RequestState.CALL_ME):  # of the one nobody knows, the other has its item
            words = {
                RequestState.SENT: "The link was not opened.",
                RequestState.OPENED: "The link was opened, and nothing was sent.",
                RequestState.SENDING: "Pictures were begun and never sent; "
                + ("something holds them: they are sealed, unseen." if sealed else "they were destroyed."),
            }[was]
            parts.wait_for_person(over, WorkKind.REQUEST_EXPIRED, f"{words} Ask the patient how they are.")
    parts.take_back(request)
    return True


def tidy(parts: RequestParts) -> int:
    """Everything whose time is over; returns how many requests ended. Safe at any time, in any number of processes."""
    ended = sum(_unless_damaged(end_lapsed, parts, each) for each in parts.requests.lapsed(parts.now))
    parts.tries.forget(parts.now - STRETCH)
    try:
        parts.messages.forget_expired(parts.now)
    except OSError as error:  # its files are looked at again next time
        log.error("outbox-not-tidied", kind=type(error).__name__)
    for each in parts.requests.old(parts.now - parts.capture.policy.requests_kept):
        _unless_damaged(reduce, parts, each)
    return ended


def reduce(parts: RequestParts, request_id: RequestId) -> bool:
    """Leaves the bones of a request that has been over, and its pictures decided on, for as long as the policy keeps
    them readable. What was decided is in the record, and who did what in the audit trail. Safe to repeat."""
    kept = parts.capture.policy.requests_kept
    with parts.capture.work.transaction():
        request = parts.requests.get(request_id, for_change=True)
        if request.reduced or request.state in LIVE or parts.now - (request.changed or request.created) < kept:
            return False
        if any(each.state is not IntentState.ENDED for each in parts.capture.ledger.for_subject(request_id)):
            return False  # the record has still to be told what it was
        if request.capture_id is not None:
            draft = parts.capture.drafts.get(request.capture_id)
            if draft.state not in DECIDED or parts.now - draft.updated < kept:
                return False
        parts.requests.save(request.to_bones(parts.justification(request.necessity.justification)))
        parts.note(request, "request.reduced", "system")
    return True


def _unless_damaged(end: Callable[[RequestParts, RequestId], bool], parts: RequestParts, request_id: RequestId) -> bool:
    """One request that cannot be read, or whose pictures cannot, keeps no other patient's from going on."""
    try:
        return end(parts, request_id)
    except (PluginError, OSError, ValueError, KeyError, TypeError) as error:
        log.error("request-not-tidied", request=request_id, kind=type(error).__name__)
        return False


def finish(
    parts: RequestParts,
    request: PhotoRequest,
    kind: WorkKind,
    *,
    outcome: str,
    by: Reference | None = None,
    subject: str | None = None,
) -> None:
    """Takes this request's item of that kind off the list; joins the open transaction."""
    about = subject or request.request_id
    for item in parts.capture.worklist.of_patient(request.fhir_base, request.patient):
        if item.kind is kind and item.subject == about:
            parts.capture.worklist.save(replace(item, done_at=parts.now, done_by=by, outcome=outcome))


def settle_finished(parts: RequestParts, request: PhotoRequest) -> None:
    """Takes *came back* off the list where its pictures were decided on; for what a crash left there."""
    if request.capture_id is None or request.state is not RequestState.ANSWERED:
        return
    with parts.capture.work.transaction():
        decided(parts.capture, parts.capture.drafts.get(CaptureId(request.capture_id)))
