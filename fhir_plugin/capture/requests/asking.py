"""What a clinician does with requests at a chart: prepare, link, cancel, look, take what came back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.requests import arrive, record
from fhir_plugin.capture.requests.ends import end_lapsed, finish, settle_finished
from fhir_plugin.capture.requests.necessity import USED_BEFORE
from fhir_plugin.capture.requests.parts import RequestParts
from fhir_plugin.capture.requests.prepare import (
    Facts,
    confirmed_number,
    message_text,
    need_askable,
    need_known,
    prepare,
)
from fhir_plugin.capture.requests.request import LIVE, WITH_PATIENT, PhotoRequest, RequestState, Said
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused, Unavailable, WrongPatient
from mappings.model.identifiers import CaptureId, Reference, RequestId
from mappings.model.people import ClinicalSession, Patient, Role
from mappings.model.practice import Colleague
from mappings.model.work import WorkKind

MOST_LINKS = 5
"""Links for one request: whoever needs more prepares a new one, with a reason of its own."""


@dataclass(frozen=True)
class Issued:
    """What is shown once: the secret is kept nowhere. `handed_over`: the practice's messaging has taken the text."""

    request: PhotoRequest
    link: str = field(repr=False)
    text: str = field(repr=False)
    handed_over: bool


@dataclass(frozen=True)
class Standing:
    """Where a request stands and who holds it. `draft`: of the capture that came back; `with_user`: who has it now."""

    request: PhotoRequest
    draft: DraftState | None = None
    with_user: Reference | None = None
    pictures: int = 0


class Requests:
    """One per process. Every method is done for exactly the session's patient and EHR, by a clinician."""

    def __init__(self, parts: RequestParts) -> None:
        self._parts = parts

    def of_patient(self, session: ClinicalSession) -> list[Standing]:
        """Newest first, brought up to date."""
        self._need_clinician(session)
        parts = self._parts
        for request in parts.requests.of_patient(session.fhir_base, session.patient_id):
            end_lapsed(parts, request.request_id)
            settle_finished(parts, request)
        return [self._standing(each) for each in parts.requests.of_patient(session.fhir_base, session.patient_id)]

    def unreadable(self, session: ClinicalSession) -> int:
        """How many of this patient's requests are kept and cannot be read: a page that lists them says so."""
        self._need_clinician(session)
        return self._parts.requests.unreadable(session.fhir_base, session.patient_id)

    def get(self, session: ClinicalSession, request_id: RequestId) -> Standing:
        """Raises `NotFound` for a request at another chart."""
        self._need_clinician(session)
        end_lapsed(self._parts, self._mine(session, request_id).request_id)
        return self._standing(self._mine(session, request_id))

    def facts(self, session: ClinicalSession, patient: Patient, covers: Sequence[Colleague]) -> Facts:
        """What nobody types. Raises `Refused` (`no-birth-date`, `deceased`) where no link can be made."""
        self._need_clinician(session)
        self._need_this(session, patient)
        earlier = self._parts.requests.of_patient(session.fhir_base, session.patient_id)
        facts = Facts(
            session=session,
            patient=patient,
            policy=self._parts.capture.policy,
            now=self._parts.now,
            earlier=tuple(each.necessity.justification for each in earlier),
            covers=tuple(covers),
        )
        need_known(facts)
        return facts

    @property
    def today(self) -> dt.date:
        return self._parts.capture.today

    def last_practice(self, session: ClinicalSession) -> tuple[str, str]:
        """Name and number of the practice as last given at this EHR, to spare typing."""
        return self._parts.requests.last_practice(session.fhir_base)

    def prepare(self, facts: Facts, form: Mapping[str, str]) -> PhotoRequest:
        """Keeps a request whose every question is answered. No link exists yet. Raises `Incomplete`."""
        parts = self._parts
        request = prepare(form, facts, RequestId(parts.capture.new_id()))
        used = {
            each.justification_digest
            for each in parts.requests.of_patient(request.fhir_base, request.patient)
            if each.reduced
        }
        if parts.justification(request.necessity.justification) in used:
            raise Incomplete("This was the reason of an earlier request.", fields={"justification": USED_BEFORE})
        with parts.capture.work.transaction():
            parts.requests.add(request)
            parts.note(request, "request.prepared", request.asked_by, private=request.private_allowed)
        return request

    def issue(
        self, session: ClinicalSession, patient: Patient, request_id: RequestId, form: Mapping[str, str], *, seen: str
    ) -> Issued:
        """A link for a number that was confirmed just now; an earlier link of this request is dead, and what was
        begun with it is destroyed. `seen`: the state that the page showed, so that of two who do this one learns so.

        `patient`: as the record names them now. Raises `Incomplete` while the number is not confirmed, `Refused` when
        they have died or have grown past what was prepared.
        """
        self._need_this(session, patient)
        number, how = confirmed_number(form)
        parts, now = self._parts, self._parts.now
        self.get(session, request_id)
        secret = parts.new_secret()
        with parts.capture.work.transaction():
            before = self._mine(session, request_id, for_change=True)
            self._as_seen(before, seen)
            if before.links >= MOST_LINKS:
                raise Refused("Too many links were made for this request. Prepare a new one.", code="too-many-links")
            born = need_askable(before, patient, parts.capture.policy, self.today)
            arrive.destroy_sent(parts, before, actor=session.user.reference, why="new-link")
            request = replace(
                before.to(RequestState.SENT, now),
                birth_date=born,
                patient_name=patient.name,
                number=number,
                number_confirmed=how,
                link_digest=parts.digest("link", secret),
                browser_digest="",
                birth_tries=0,
                link_closed=False,
                said=Said(),
                capture_id=None,
                expires=now + before.lasts,
                launch=session.launch_id,
                links=before.links + 1,
            )
            parts.requests.save(request)
            finish(parts, request, WorkKind.CALL_ME, outcome="new-link", by=session.user.reference)
            parts.note(request, "request.sent", session.user.reference, links=request.links, confirmed=how)
            record.intend(parts, before, request)
        parts.capture.queue.wake()
        parts.take_back(before)
        link = parts.link_of(secret)
        text = message_text(request, parts.capture.policy, link, until=_until(request.expires))
        return Issued(request, link, text, handed_over=self._hand_over(request, text))

    def cancel(self, session: ClinicalSession, request_id: RequestId, *, seen: str) -> PhotoRequest:
        """The link is dead at once; what was begun with it is destroyed."""
        parts = self._parts
        self.get(session, request_id)
        with parts.capture.work.transaction():
            before = self._mine(session, request_id, for_change=True)
            self._as_seen(before, seen)
            over = replace(before.to(RequestState.CANCELLED, parts.now), launch=session.launch_id)
            arrive.destroy_sent(parts, before, actor=session.user.reference, why="cancelled")
            over = replace(over, capture_id=None)
            parts.requests.save(over)
            finish(parts, over, WorkKind.CALL_ME, outcome="cancelled", by=session.user.reference)
            parts.note(over, "request.cancelled", session.user.reference)
            record.intend(parts, before, over)
        parts.capture.queue.wake()
        parts.take_back(before)
        return over

    def cover(self, session: ClinicalSession, request_id: RequestId, by: Colleague, *, seen: str) -> PhotoRequest:
        """Somebody else covers from now on. What is on the worklist already is passed on there."""
        parts = self._parts
        with parts.capture.work.transaction():
            before = self._mine(session, request_id, for_change=True)
            self._as_seen(before, seen)
            if before.state not in LIVE:
                raise Refused("This request is over: pass on its item of the practice's list.", code="request-state")
            if by.user == before.owner:
                raise Refused("Somebody else covers than the owner.", code="cover-is-owner")
            covered = replace(before, cover=by.user, cover_name=by.name)
            parts.requests.save(covered)
            parts.note(covered, "request.covered", session.user.reference, by=by.user)
        return covered

    def take(self, session: ClinicalSession, capture_id: CaptureId, *, from_user: Reference) -> RequestId:
        """Takes a capture that came back, from the person whom the page showed; see `arrive.take`."""
        return arrive.take(self._parts.capture, session, capture_id, from_user=from_user)

    def resume_for(self, session: ClinicalSession) -> None:
        """After a launch: what of this patient's requests waits for a sign-in reaches the record."""
        record.resume_for(self._parts, session)

    # ------------------------------------------------------------------------------------------- inside

    def _standing(self, request: PhotoRequest) -> Standing:
        if request.capture_id is None or request.state in LIVE:
            return Standing(request)
        draft = self._parts.capture.drafts.get(request.capture_id)
        return Standing(request, draft.state, draft.user, len(draft.images))

    def _hand_over(self, request: PhotoRequest, text: str) -> bool:
        parts = self._parts
        try:
            message = parts.messages.hand_over(request.number, text, expires=request.expires)
        except Unavailable:
            return False
        with parts.capture.work.transaction():
            current = parts.requests.get(request.request_id, for_change=True)
            told = replace(current, message=message)
            waits = current.link_digest == request.link_digest and current.state in WITH_PATIENT
            if waits:
                parts.requests.save(told)
        if not waits:  # ended, or replaced by another link, while this one was handed over
            parts.take_back(told)
        return waits

    def _as_seen(self, request: PhotoRequest, seen: str) -> None:
        if seen_as(request) != seen:
            raise Refused("Somebody has changed this request meanwhile. Look again.", code="request-state")

    def _mine(self, session: ClinicalSession, request_id: RequestId, *, for_change: bool = False) -> PhotoRequest:
        request = self._parts.requests.get(request_id, for_change=for_change)
        if (request.fhir_base, request.patient) != (session.fhir_base, session.patient_id):
            raise NotFound(f"there is no request {request_id}", status=404)
        return request

    def _need_this(self, session: ClinicalSession, patient: Patient) -> None:
        if patient.id != session.patient_id:
            raise WrongPatient("This page belongs to another patient. Nothing was written.")

    def _need_clinician(self, session: ClinicalSession) -> None:
        if Role.CLINICIAN not in session.user.roles:
            raise NotAllowed("Only clinicians ask patients for photos. Ask one of them.", code="role")


def seen_as(request: PhotoRequest) -> str:
    """What a page sends back to say which standing of the request it showed."""
    return f"{request.state}/{request.links}"


def _until(moment: dt.datetime) -> str:
    return f"{moment.day} {moment:%B}"
