"""What the patient's page may do, and nothing else. Everything goes through a `Door`: secret, browser, address.

Before the date of birth is right it says nothing about a person or why they were asked. Nobody at the practice sees a
picture before it is confirmed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from fhir_plugin.capture import receive, sanitise
from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.requests import arrive, record
from fhir_plugin.capture.requests.ends import end_lapsed, finish
from fhir_plugin.capture.requests.link import (
    MOST_BIRTH_DATES,
    LinkRefused,
    closed,
    elsewhere,
    find,
    has_browser,
    hold,
    is_bound_to,
)
from fhir_plugin.capture.requests.page import (
    CHILD,
    STOPS,
    UNDER_16,
    Details,
    Information,
    Picture,
    Stage,
    Visit,
    picture_of,
    pictures_of,
    stage_of,
)
from fhir_plugin.capture.requests.parts import Door, RequestParts, patient_session
from fhir_plugin.capture.requests.request import WITH_PATIENT, Asked, PhotoRequest, RequestState, Said
from fhir_plugin.capture.requests.saying import MOST_NOTES, forbidden, missing_to_send, missing_to_upload, with_said
from fhir_plugin.errors import Incomplete, NotFound, Refused, UnacceptableImage
from mappings.model.identifiers import ImageId
from mappings.model.images import Geometry
from mappings.model.work import WorkKind


class Visits:
    """One per process. Every method raises `LinkRefused` when the link opens nothing for this browser now."""

    def __init__(self, parts: RequestParts) -> None:
        self._parts = parts

    # ------------------------------------------------------------------------------------------- coming in

    def open(self, door: Door) -> Visit:
        """Where this browser stands. Changes nothing: messengers fetch links to show a preview."""
        return self._visit(self._enter(door), door)

    def information(self, door: Door) -> Information:
        return self._information(find(self._parts, door))

    def new_browser(self) -> str:
        """For the cookie of a browser that has none (HttpOnly, Secure, below the link's own path). Kept nowhere."""
        return self._parts.new_secret()

    def check_birth_date(self, door: Door, said: dt.date) -> str:
        """Binds the link to this browser, by the cookie that it was given beforehand; returns the cookie's value.

        The browser has it before it says the date, so that an answer lost on the way locks nobody out: whoever says
        it again from there is inside. Raises `LinkRefused` (`link-cookie`) for a browser that keeps none, `Refused`
        (`birth-date`) when the date is wrong; the last wrong one closes the link and tells the owner.
        """
        self._enter(door)
        parts = self._parts
        with parts.capture.work.transaction():
            request = self._with_patient(door)
            if request.browser_digest:
                if is_bound_to(parts, request, door):
                    return door.browser
                raise elsewhere()
            if not has_browser(door):
                raise LinkRefused("This browser keeps no cookie. Allow cookies and try again.", code="link-cookie")
            if said == request.birth_date:
                bound = replace(request, browser_digest=parts.digest("browser", door.browser), birth_tries=0)
                parts.requests.save(bound.to(RequestState.OPENED, parts.now))
                parts.note(request, "request.opened", request.subject)
                return door.browser
            tries = request.birth_tries + 1
            shut = tries >= MOST_BIRTH_DATES
            parts.requests.save(replace(request, birth_tries=tries, link_closed=shut))
            parts.note(request, "request.birth-date-wrong", "unknown", tries=tries, closed=shut)
            if shut:
                parts.wait_for_person(
                    request,
                    WorkKind.CALL_ME,
                    "The link closed after too many wrong dates of birth. Ring the patient; make a new link if it was "
                    "they, and think of who else may have the phone if it was not.",
                )
        if shut:
            raise closed()
        raise Refused("That is not the date of birth that we know.", code="birth-date")

    # ------------------------------------------------------------------------------------------- not sending

    def decline(self, door: Door, words: str = "") -> None:
        """*I would rather not*: as easy as sending, also before the check. Ends the link; somebody offers another
        way (G-R27, G-R28)."""
        self._end(door, RequestState.DECLINED, WorkKind.DECLINED, "The patient would rather not send a photo.", words)

    def call_me(self, door: Door, words: str = "") -> None:
        """*Call me instead* (G-R3)."""
        self._end(door, RequestState.CALL_ME, WorkKind.CALL_ME, "The patient asks to be called.", words)

    # ------------------------------------------------------------------------------------------- sending

    def say(self, door: Door, said: Said) -> Visit:
        """Keeps what was said; None (and "" for notes) leaves a field as it was.

        Private without having been agreed beforehand: nothing is kept, the link ends, the practice rings. The visit
        that comes back is then `OVER` with state `call-me` (G-R5). Also for what must be talked about first: a child
        who objects, a care worker's picture.
        """
        if len(said.notes) > MOST_NOTES:
            raise Incomplete("This is too long.", fields={"notes": "too-long"})
        self._enter(door)
        parts = self._parts
        with parts.capture.work.transaction():
            request = self._inside(door)
            changed = replace(request, said=with_said(request.said, said, parts.now))
            why = forbidden(changed)
            if why is None:
                parts.requests.save(changed)
            else:
                parts.note(request, "request.stopped", request.subject, why=why)
                self._finish(changed, RequestState.CALL_ME, WorkKind.CALL_ME, STOPS[why])
        if why is not None:
            parts.capture.queue.wake()
            parts.take_back(request)
        return self.open(door)

    def add_picture(self, door: Door, content: bytes, declared_type: str) -> Picture:
        """One picture, whole: sealed in quarantine before anything reads it, then rebuilt in another process.

        Raises `Incomplete` before information was read, private was answered and receiving was agreed to: not a byte
        is kept. `UnacceptableImage`, `Refused` (too-large, too-many-images, duplicate-image): nothing is kept.
        `Unavailable`: it is kept and will be checked.
        """
        self._enter(door)
        parts = self._parts
        with parts.capture.work.transaction():
            request = self._inside(door)
            missing = missing_to_upload(request, parts.capture.policy)
            if missing:
                raise Incomplete("Some questions come before the pictures.", fields=missing)
            if request.capture_id is None:
                request = replace(request, capture_id=arrive.begin_sending(parts, request))
            if request.state is RequestState.OPENED:
                request = request.to(RequestState.SENDING, parts.now)
            parts.requests.save(request)
        capture_id = request.capture_id
        if capture_id is None:
            raise NotFound("this request has no capture", status=404)
        limited = self._limited(request)
        return picture_of(receive.receive(limited, patient_session(request), capture_id, content, declared_type))

    def remove_picture(self, door: Door, image_id: ImageId) -> None:
        """Destroyed at once."""
        request, draft = self._sending(door)
        receive.remove(self._parts.capture, patient_session(request), draft.capture_id, image_id)

    def edit(self, door: Door, image_id: ImageId, geometry: Geometry) -> Picture:
        """Turned, cropped, blacked out anew from what was received."""
        request, draft = self._sending(door)
        return picture_of(
            sanitise.edit(
                self._parts.capture, patient_session(request), draft.capture_id, image_id, geometry, lossless=False
            )
        )

    def thumbnail(self, door: Door, image_id: ImageId) -> tuple[bytes, str]:
        """Of a picture that was checked and not yet sent, and its type."""
        _, draft = self._sending(door)
        small = draft.image(image_id).thumbnail
        if small is None:
            raise NotFound("this picture is no longer waiting", status=404)
        return self._parts.capture.vault.get(small), "image/jpeg"

    def preview(self, door: Door, image_id: ImageId, *, quarter_turns: int = 0) -> bytes:
        """A JPEG of the upright, turned, uncropped picture, for the editor."""
        request, draft = self._sending(door)
        capture = self._parts.capture
        return sanitise.preview(
            capture, patient_session(request), draft.capture_id, image_id, quarter_turns=quarter_turns
        )

    def confirm(self, door: Door) -> Visit:
        """*Send*. From now on the practice has them. Pressing it twice sends once.

        Raises `Incomplete` with what is missing; `Unavailable` while a picture cannot be checked: try again.
        """
        request = self._enter(door)
        if request.state is RequestState.ANSWERED and is_bound_to(self._parts, request, door):
            return self.open(door)
        self._check_what_was_cut_off(door)
        parts = self._parts
        with parts.capture.work.transaction():
            request = self._inside(door)
            outgrown = request.asked is Asked.PARENT and not request.younger_than(
                parts.capture.policy.age_consent, parts.capture.today
            )
            if outgrown:
                parts.note(request, "request.stopped", request.subject, why="outgrown")
                self._finish(request, RequestState.CALL_ME, WorkKind.CALL_ME, STOPS["outgrown"])
            else:
                self._send(request)
        parts.capture.queue.wake()
        parts.take_back(request)
        return self.open(door)

    def withdraw(self, door: Door) -> Visit:
        """*Take them back*, within the window: destroyed at once where nobody has begun to file or must keep them;
        otherwise somebody reviews what was filed and talks with the patient (G-R30, G-R242)."""
        request = self._enter(door)
        parts = self._parts
        with parts.capture.work.transaction():
            request = hold(parts, door)
            if not is_bound_to(parts, request, door):
                raise elsewhere()
            until = request.withdraw_until
            if request.state is not RequestState.ANSWERED or until is None or parts.now > until:
                raise LinkRefused("This can no longer be taken back here. Ring your practice.", code="link-over")
            self._after_withdrawal(request, gone=arrive.take_back(parts, request) is arrive.Sent.GONE)
        return self.open(door)

    # ------------------------------------------------------------------------------------------- inside

    def _send(self, request: PhotoRequest) -> None:
        parts, now = self._parts, self._parts.now
        draft = self._draft(request, for_change=True)
        missing = missing_to_send(request, parts.capture.policy, pictures_of(draft))
        if missing or draft is None:
            raise Incomplete("Something is missing before this can be sent.", fields=missing)
        sent = replace(request, confirmed_at=now).to(RequestState.ANSWERED, now)
        parts.requests.save(sent)
        arrive.arrive(parts, sent, draft)
        record.intend(parts, request, sent)
        parts.note(sent, "request.answered", sent.subject, capture=draft.capture_id, pictures=len(draft.images))

    def _after_withdrawal(self, request: PhotoRequest, *, gone: bool) -> None:
        parts = self._parts
        over = request.to(RequestState.WITHDRAWN, parts.now)
        parts.requests.save(over)
        parts.note(over, "request.withdrawn", over.subject, destroyed=gone)
        if gone:
            finish(parts, over, WorkKind.CAME_BACK, outcome="withdrawn", subject=over.capture_id)
        else:
            parts.wait_for_person(
                over,
                WorkKind.WITHDRAWAL,
                "The patient has withdrawn pictures sent on our request. Hide them, ask for deletion, or keep them "
                "with a reason.",
                subject=over.capture_id or "",
            )
        why = "The patient took their photos back. Ring them: they may still need help."
        parts.wait_for_person(over, WorkKind.CALL_ME, why)
        record.intend(parts, request, over)

    def _enter(self, door: Door) -> PhotoRequest:
        """The request, made over first if its time is."""
        request = find(self._parts, door)
        if end_lapsed(self._parts, request.request_id):
            request = find(self._parts, door)
        return request

    def _with_patient(self, door: Door) -> PhotoRequest:
        request = hold(self._parts, door)
        if request.link_closed:
            raise closed()
        if request.state not in WITH_PATIENT:
            raise LinkRefused("This request is over.", code="link-over", state=request.state)
        return request

    def _inside(self, door: Door) -> PhotoRequest:
        """Only for the browser that passed the check."""
        request = self._with_patient(door)
        if is_bound_to(self._parts, request, door):
            return request
        if request.browser_digest:
            raise elsewhere()
        raise LinkRefused("The date of birth comes first.", code="link-check")

    def _sending(self, door: Door) -> tuple[PhotoRequest, Draft]:
        self._enter(door)
        with self._parts.capture.work.transaction():
            request = self._inside(door)
            draft = self._draft(request)
        if draft is None:
            raise NotFound("nothing was sent yet", status=404)
        return request, draft

    def _draft(self, request: PhotoRequest, *, for_change: bool = False) -> Draft | None:
        """What the patient is sending; None before the first picture and once it is the practice's."""
        if request.capture_id is None:
            return None
        draft = self._parts.capture.drafts.get(request.capture_id, for_change=for_change)
        return draft if draft.state is DraftState.SENDING else None

    def _end(self, door: Door, state: RequestState, kind: WorkKind, why: str, words: str) -> None:
        if len(words) > MOST_NOTES:
            raise Incomplete("This is too long.", fields={"notes": "too-long"})
        self._enter(door)
        parts = self._parts
        with parts.capture.work.transaction():
            request = self._with_patient(door)
            if request.browser_digest and not is_bound_to(parts, request, door):
                raise elsewhere()
            self._finish(request, state, kind, why, words.strip())
        parts.capture.queue.wake()
        parts.take_back(request)

    def _finish(self, request: PhotoRequest, state: RequestState, kind: WorkKind, why: str, words: str = "") -> None:
        parts = self._parts
        sent = arrive.destroy_sent(parts, request, actor=request.subject, why=state)
        over = replace(request.to(state, parts.now), capture_id=None)
        parts.requests.save(over)
        parts.note(over, f"request.{state}", over.subject, verified=over.verified)
        record.intend(parts, request, over)
        said = f" They write: {words}" if words else ""
        unsure = "" if over.verified else " The date of birth was not checked: make sure that it was they."
        parts.wait_for_person(over, kind, f"{why}{arrive.LEFT[sent]}{unsure}{said}")

    def _limited(self, request: PhotoRequest) -> CaptureParts:
        """A capture's parts with the limit of this request (G-R9)."""
        capture = self._parts.capture
        most = min(request.most_pictures, capture.policy.most_images)
        return replace(capture, policy=replace(capture.policy, most_images=most))

    def _check_what_was_cut_off(self, door: Door) -> None:
        """A picture whose checking broke off is checked now, so that nothing unseen by the worker is ever sent."""
        request = self._parts.requests.by_link(self._parts.digest("link", door.secret))
        draft = None if request is None else self._draft(request)
        if request is None or draft is None or not is_bound_to(self._parts, request, door):
            return
        capture, session = self._parts.capture, patient_session(request)
        for image in draft.images:
            if not image.is_clean:
                try:
                    sanitise.edit(capture, session, draft.capture_id, image.image_id, image.geometry, lossless=False)
                except UnacceptableImage:
                    receive.remove(capture, session, draft.capture_id, image.image_id)
                    raise

    def _information(self, request: PhotoRequest) -> Information:
        return Information(
            practice=request.practice,
            phone=request.practice_phone,
            asked=request.asked,
            needs=request.needs,
            expires=request.expires,
            look_within=request.look_within,
            template=request.template,
            policy=self._parts.capture.policy,
        )

    def _visit(self, request: PhotoRequest, door: Door) -> Visit:
        information = self._information(request)
        mine = is_bound_to(self._parts, request, door)
        stage = stage_of(request, mine=mine, now=self._parts.now)
        if stage not in (Stage.OPEN, Stage.SENT):
            left = max(0, MOST_BIRTH_DATES - request.birth_tries)
            return Visit(stage, request.state, information, tries_left=left, mine=mine)
        today = self._parts.capture.today
        draft = self._draft(request)
        policy = self._parts.capture.policy
        missing = missing_to_send(request, policy, pictures_of(draft)) if stage is Stage.OPEN else {}
        return Visit(
            stage,
            request.state,
            information,
            mine=mine,
            details=Details(
                purpose=request.purpose,
                area=request.area,
                alternatives=request.alternatives,
                most_pictures=min(request.most_pictures, policy.most_images),
                private_allowed=request.private_allowed,
                child=request.younger_than(CHILD, today),
                under_16=request.younger_than(UNDER_16, today),
            ),
            said=request.said,
            pictures=() if draft is None else tuple(picture_of(image) for image in draft.images),
            missing=missing,
            withdraw_until=request.withdraw_until if stage is Stage.SENT else None,
        )
