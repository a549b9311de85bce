"""The desk: what its pages ask for, for the person and the patient of one launch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from fhir_plugin.disclose.desk import course, gather, holding, items, outgoing, pictures, signing, view
from fhir_plugin.disclose.desk.deciding import Decision
from fhir_plugin.disclose.desk.due import days_left, due_day
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.people import AT_THE_DESK, DECIDES, OFFICERS, PROFESSIONALS, SECOND, need, need_own
from fhir_plugin.disclose.desk.said import MOST_WORDS, with_what_was_said
from fhir_plugin.disclose.desk.thinking import Thinking
from fhir_plugin.disclose.desk.values import REVEAL_REASONS, Accounted, Facts, ItemWords
from fhir_plugin.disclose.desk.wording import words_and_change
from fhir_plugin.disclose.package.preview import readable_html
from fhir_plugin.disclose.send.earlier import Told
from fhir_plugin.disclose.send.earlier import accounting as told
from fhir_plugin.disclose.send.fetching import pieces_of
from fhir_plugin.disclose.send.parts import ToSend
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from mappings.model.disclosure import Mode, Opinion, Requester, RequesterRow
from mappings.model.disclosure_request import (
    Decided,
    DeskView,
    DisclosureId,
    DisclosureRequest,
    ItemKey,
    RequestState,
)
from mappings.model.identifiers import IntentId, LaunchId
from mappings.model.images import Geometry
from mappings.model.people import ClinicalSession, Role


class Desk:
    """Answers `fhir_plugin.web.disclosing.contract.Desk`."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts
        self._thinking = Thinking(parts)

    @property
    def parts(self) -> DeskParts:
        """What the desk works with: for a disclosure without a screen."""
        return self._parts

    # ------------------------------------------------------------------------------------------ requests

    def rows(self) -> Sequence[RequesterRow]:
        return tuple(self._parts.rules.rows[each] for each in Requester)

    def allowed_modes(self, requester: Requester) -> Sequence[Mode]:
        return tuple(Mode) if self._parts.rules.rows[requester].silent else (Mode.MARKED,)

    def of_patient(self, session: ClinicalSession) -> Sequence[DisclosureRequest]:
        need(session, AT_THE_DESK, "requests for copies of a record")
        return self._parts.requests.of_patient(session.fhir_base, session.patient_id)

    def of_practice(self, session: ClinicalSession) -> Sequence[DisclosureRequest]:
        need(session, SECOND, "requests for copies of a record")
        found = [view.name_and_clock(each) for each in self._parts.requests.open_at(session.fhir_base)]
        return sorted(found, key=lambda each: (due_day(each, self._parts.rules) or dt.date.max, each.created))

    def due(self, request: DisclosureRequest) -> tuple[dt.date | None, int | None]:
        rules = self._parts.rules
        return due_day(request, rules), days_left(request, rules, self._parts.today)

    def begin(self, session: ClinicalSession, facts: Facts) -> DisclosureRequest:
        need(session, OFFICERS, "opening a request for a copy of a record")
        parts = self._parts
        problems = {name: text for name, text in _AT_FIRST.items() if not facts.said.get(name, "").strip()}
        if problems:
            raise Incomplete("Something is missing.", fields=problems)
        patient = parts.patient(session)
        request = with_what_was_said(
            DisclosureRequest(
                id=DisclosureId(parts.new_id()),
                fhir_base=session.fhir_base,
                patient=session.patient_id,
                requester=Requester.PATIENT,
                received=parts.today,
                created=parts.clock.now(),
                created_by=session.user.reference,
                created_by_name=session.user.display,
                patient_name=patient.name,
                born=patient.birth_date,
            ),
            facts.said,
            rules=parts.rules,
            today=parts.today,
        )
        with parts.work.transaction():
            parts.requests.add(request)
            holding.hold(parts, session, request)
            parts.note(session, "disclosure.opened", request.id, requester=request.requester)
        return request

    def change(self, session: ClinicalSession, id: DisclosureId, facts: Facts, *, revision: int) -> DisclosureRequest:
        def said_now(request: DisclosureRequest) -> DisclosureRequest:
            new = with_what_was_said(request, facts.said, rules=self._parts.rules, today=self._parts.today)
            return course.changed(request, **_differences(request, new))

        return self._change(session, id, revision, "disclosure.changed", said_now)

    def extend(self, session: ClinicalSession, id: DisclosureId, reason: str, *, revision: int) -> DisclosureRequest:
        words = _words(reason, "reason", "Say why more time is needed, as the person who asked is told.")

        def extended(request: DisclosureRequest) -> DisclosureRequest:
            due, left = self.due(request)
            if due is None or not self._parts.rules.rows[request.requester].time_limit.more_months:
                raise Refused("The time to answer this request cannot be extended.", code="not-extendable")
            if request.extended_because:
                raise Refused("The time has been extended already.", code="extended-already")
            if left is not None and left < 0:
                raise Refused("The time is over: it can only be extended before that.", code="extended-late")
            return course.changed(request, extended_because=words)

        return self._change(session, id, revision, "disclosure.extended", extended)

    def refuse(
        self, session: ClinicalSession, id: DisclosureId, reason: str, *, closed: bool, revision: int
    ) -> DisclosureRequest:
        words = _words(reason, "reason", "Say why, as the person who asked is told.")
        parts = self._parts
        need(session, OFFICERS, "ending a request for a copy of a record")
        with parts.work.transaction():
            request = self._mine(session, id, for_change=True)
            course.need_revision(request, revision)
            ended = course.refused(request, words, closed=closed)
            parts.requests.save(ended)
            holding.let_go(parts.holds, ended, session, "The request has ended.", parts=parts)
            parts.note(session, "disclosure.closed" if closed else "disclosure.refused", id)
        return ended

    def gather(self, session: ClinicalSession, id: DisclosureId) -> None:
        gather.begin(self._parts, session, id)

    # ------------------------------------------------------------------------------------------ looking

    def view(self, session: ClinicalSession, id: DisclosureId) -> DeskView:
        need(session, AT_THE_DESK, "requests for copies of a record")
        request = self._mine(session, id)
        decision = self._thinking.decision(request) if request.gathered is not None and request.is_open else None
        return view.view(self._parts, session, request, decision)

    def words(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> ItemWords:
        """Written down: whoever reads an item has asked for it by name."""
        request, decision = self._looked_at(session, id)
        view.need_item(session, decision, key)
        said = words_and_change(decision, key)
        with self._parts.work.transaction():
            self._parts.note(session, "disclosure.item-read", key, request=request.id)
        return said

    def reveal(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, reason: str) -> None:
        request, decision = self._looked_at(session, id)
        if reason not in (*REVEAL_REASONS, *self._parts.policy.reveal_reasons):
            raise NotAllowed("Choose a reason before opening a picture.", code="reason-needed")
        if not view.need_item(session, decision, key).is_image:
            raise NotFound("this item holds no picture", status=404)
        with self._parts.work.transaction():
            self._parts.note(session, view.REVEALED, key, request=request.id, reason=reason)

    def picture(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> tuple[bytes, str]:
        request, decision = self._opened(session, id, key)
        with self._parts.work.transaction():
            self._parts.note(session, "disclosure.picture-seen", key, request=request.id)
        return pictures.shown(self._parts, request, decision.gathered, key)

    def upright(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, quarter_turns: int) -> bytes:
        _request, decision = self._opened(session, id, key)
        return pictures.upright(self._parts, decision.gathered, key, quarter_turns)

    # ------------------------------------------------------------------------------------------ deciding

    def decide(
        self,
        session: ClinicalSession,
        id: DisclosureId,
        keys: Sequence[ItemKey],
        decided: Decided | None,
        reason: str,
        *,
        revision: int,
    ) -> DisclosureRequest:
        words = "" if decided is None else _words(reason, "reason", "Say why, in a sentence.")
        rules, now = self._parts.rules, self._parts.clock.now()

        def overridden(request: DisclosureRequest) -> DisclosureRequest:
            decision = self._thinking.decision(request)
            return items.overridden(session, request, decision, keys, decided, words, rules=rules, now=now)

        said = decided.value if decided is not None else "as-proposed"
        return self._change(
            session, id, revision, "disclosure.decided", overridden, DECIDES, about=keys, decided=said, items=len(keys)
        )

    def read(self, session: ClinicalSession, id: DisclosureId, key: ItemKey, *, revision: int) -> DisclosureRequest:
        def read(request: DisclosureRequest) -> DisclosureRequest:
            return items.words_read(session, request, self._thinking.decision(request), key)

        return self._change(session, id, revision, "disclosure.words-cleared", read, DECIDES, about=(key,))

    def ask_opinion(
        self, session: ClinicalSession, id: DisclosureId, key: ItemKey, words: str, *, revision: int
    ) -> DisclosureRequest:
        said = _words(words, "words", "Say what you ask, and why.")

        def asked(request: DisclosureRequest) -> DisclosureRequest:
            return items.asked_for_opinion(session, request, self._thinking.decision(request), key, said)

        return self._change(session, id, revision, "disclosure.opinion-asked", asked, DECIDES, about=(key,))

    def opine(
        self,
        session: ClinicalSession,
        id: DisclosureId,
        key: ItemKey,
        opinion: Opinion,
        words: str,
        *,
        revision: int,
    ) -> DisclosureRequest:
        said = _words(words, "words", "Say why you think so.")
        now = self._parts.clock.now()

        def opined(request: DisclosureRequest) -> DisclosureRequest:
            return items.opined(session, request, self._thinking.decision(request), key, opinion, said, now=now)

        return self._change(
            session, id, revision, "disclosure.opinion-given", opined, PROFESSIONALS, about=(key,), opinion=opinion
        )

    def accept_unread(
        self, session: ClinicalSession, id: DisclosureId, reason: str, *, revision: int
    ) -> DisclosureRequest:
        words = _words(reason, "reason", "Say why the copy goes out without these parts.")

        def accepted(request: DisclosureRequest) -> DisclosureRequest:
            if not request.not_read or request.gathered is None:
                raise Refused("Nothing is missing of what was read.", code="nothing-unread")
            return course.changed(request, accepted_unread=words)

        return self._change(session, id, revision, "disclosure.unread-accepted", accepted)

    def black_out(
        self, session: ClinicalSession, id: DisclosureId, key: ItemKey, geometry: Geometry, *, revision: int
    ) -> DisclosureRequest:
        need(session, OFFICERS, "blacking out parts of a picture")
        request, decision = self._opened(session, id, key)
        course.need_revision(request, revision)
        course.need_changeable(request)
        made = pictures.cut(self._parts, id, decision.gathered, key, geometry)

        def cut(request: DisclosureRequest) -> DisclosureRequest:
            others = {each: vault_id for each, vault_id in request.black_outs.items() if each != key}
            before = request.black_outs.get(key)
            if before is not None:
                self._parts.vault.destroy(before)
            return course.changed(request, black_outs=others if made is None else {**others, key: made})

        return self._change(
            session, id, revision, "disclosure.blacked-out", cut, about=(key,), parts=len(geometry.black_out)
        )

    # ------------------------------------------------------------------------------------------ sending

    def sign(
        self, session: ClinicalSession, id: DisclosureId, name: str, *, about: str, revision: int
    ) -> DisclosureRequest:
        parts, now = self._parts, self._parts.clock.now()
        need(session, SECOND, "signing what goes out of a record")
        self._think_ahead(session, id, revision)
        intent: IntentId | None = None
        with parts.work.transaction():
            request = self._mine(session, id, for_change=True)
            course.need_revision(request, revision)
            course.need_changeable(request)
            decision = self._thinking.decision(request)
            missing = view.what_is_missing(parts, request, decision)
            new = signing.with_signature(session, request, decision, missing, name, about, now)
            parts.requests.save(new)
            second = new.second is not None
            parts.note(session, "disclosure.signed", id, about=about, second=second, state=new.state)
            if new.state is RequestState.MAKING and parts.start_sending is not None:
                intent = parts.start_sending(parts, session, new)
        if intent is not None:
            parts.background.begin(f"disclosure {id}", partial(self._make, intent))
        return new

    def preview(self, session: ClinicalSession, id: DisclosureId) -> str:
        need(session, SECOND, "looking at what goes out of a record")
        request, decision = self._looked_at(session, id)
        return readable_html(outgoing.contents_of(self._parts, request, decision))

    def prepare(self, request: DisclosureRequest, launch: LaunchId) -> ToSend:
        """What a signed request sends: for whoever makes the package."""
        decision = self._thinking.decision(request)
        return ToSend(
            digest=decision.digest,
            contents=outgoing.contents_of(self._parts, request, decision),
            needles=outgoing.needles_of(self._parts, request, decision),
        )

    def package(self, session: ClinicalSession, id: DisclosureId) -> tuple[str, Iterator[bytes]]:
        need(session, SECOND, "fetching what goes out of a record")
        request = self._mine(session, id)
        return f"record-{request.created:%Y-%m-%d}-{request.id[:8]}.zip", pieces_of(self._parts, session, request)

    def accounting(self, session: ClinicalSession) -> Sequence[Accounted]:
        need(session, AT_THE_DESK, "what was sent of a record")
        return [_accounted(each) for each in told(self._parts, self._parts.rules, session)]

    def _make(self, intent: IntentId) -> None:
        if not self._parts.engine.run(intent).ended:
            self._parts.queue.wake(after_seconds=5)

    # ------------------------------------------------------------------------------------------ inside

    def _mine(self, session: ClinicalSession, id: DisclosureId, *, for_change: bool = False) -> DisclosureRequest:
        return need_own(session, self._parts.requests.get(id, for_change=for_change))

    def _change(
        self,
        session: ClinicalSession,
        id: DisclosureId,
        revision: int,
        action: str,
        change: Callable[[DisclosureRequest], DisclosureRequest],
        roles: frozenset[Role] = OFFICERS,
        *,
        about: Sequence[ItemKey] = (),
        **detail: str | int | bool,
    ) -> DisclosureRequest:
        need(session, roles, "working on a request for a copy of a record")
        parts = self._parts
        if about:
            self._think_ahead(session, id, revision)
        with parts.work.transaction():
            request = self._mine(session, id, for_change=True)
            course.need_revision(request, revision)
            course.need_changeable(request)
            new = change(request)
            parts.requests.save(new)
            parts.note(session, action, id, **detail, **({"about": " ".join(about)} if about else {}))
        return new

    def _think_ahead(self, session: ClinicalSession, id: DisclosureId, revision: int) -> None:
        """Works out what is decided before anything is locked: with a large record that takes its time."""
        request = self._mine(session, id)
        course.need_revision(request, revision)
        self._thinking.decision(request)

    def _looked_at(self, session: ClinicalSession, id: DisclosureId) -> tuple[DisclosureRequest, Decision]:
        need(session, AT_THE_DESK, "requests for copies of a record")
        request = self._mine(session, id)
        return request, self._thinking.decision(request)

    def _opened(self, session: ClinicalSession, id: DisclosureId, key: ItemKey) -> tuple[DisclosureRequest, Decision]:
        """For a picture that this launch has opened with a reason."""
        request, decision = self._looked_at(session, id)
        view.need_item(session, decision, key)
        if key not in view.revealed(self._parts, session, request):
            raise NotAllowed("Choose a reason before opening a picture.", code="reveal-first")
        return request, decision


_AT_FIRST = {"requester": "Choose who asks.", "received": "Give the day on which the request came in."}


def _differences(before: DisclosureRequest, after: DisclosureRequest) -> dict[str, object]:
    names = DisclosureRequest.__dataclass_fields__
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}


def _words(text: str, field: str, problem: str) -> str:
    words = text.strip()
    if not words:
        raise Incomplete(problem, fields={field: problem})
    if len(words) > MOST_WORDS:
        raise Incomplete("That is too long.", fields={field: f"Write at most {MOST_WORDS} characters."})
    return words


def _accounted(each: Told) -> Accounted:
    return Accounted(
        on=each.on,
        recipient=each.recipient or each.title,
        right=each.right,
        purpose=each.purpose,
        items=each.items,
        images=each.images,
        signed_by=", ".join(each.signed_by),
        reference=each.event,
    )
