"""Requests for copies of a record, as cases with a clock: opening, changing, extending, ending, reading the record."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Callable, Sequence

from fhir_plugin.disclose import course
from fhir_plugin.disclose.desk import gather, holding, view
from fhir_plugin.disclose.desk.due import days_left, due_day, first_due_day
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.people import AT_THE_DESK, OFFICERS, SECOND, need, need_own, only_opines, sees_hidden
from fhir_plugin.disclose.desk.said import day_between, with_what_was_said
from fhir_plugin.disclose.desk.standing import for_what_is_said_now
from fhir_plugin.disclose.desk.thinking import Thinking
from fhir_plugin.disclose.desk.values import Facts, words_of_theirs
from fhir_plugin.errors import AlreadyThere, Incomplete, Refused
from mappings.model.disclosure import Mode, Requester, RequesterRow, Reviewer
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, ItemKey
from mappings.model.people import ClinicalSession, Role


class Cases:
    """The first half of the desk."""

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
        found = self._parts.requests.of_patient(session.fhir_base, session.patient_id)
        if only_opines(session):
            return [view.for_professionals(each) for each in found if each.is_open]
        return found if sees_hidden(session) else [view.without_items(each) for each in found]

    def unreadable(self, session: ClinicalSession) -> int:
        """How many requests of this patient stand in no list, since what was noted of them cannot be read."""
        need(session, AT_THE_DESK, "requests for copies of a record")
        return self._parts.requests.unreadable(session.fhir_base, session.patient_id)

    def of_practice(self, session: ClinicalSession) -> Sequence[DisclosureRequest]:
        need(session, SECOND, "requests for copies of a record")
        found = [view.name_and_clock(each) for each in self._parts.requests.open_at(session.fhir_base)]
        return sorted(found, key=lambda each: (due_day(each, self._parts) or dt.date.max, each.created))

    def due(self, request: DisclosureRequest) -> tuple[dt.date | None, int | None]:
        return due_day(request, self._parts), days_left(request, self._parts)

    def begin(self, session: ClinicalSession, facts: Facts, *, once: str = "") -> DisclosureRequest:
        need(session, OFFICERS, "opening a request for a copy of a record")
        parts = self._parts
        problems = {name: text for name, text in _AT_FIRST.items() if not facts.said.get(name, "").strip()}
        if problems:
            raise Incomplete("Something is missing.", fields=problems)
        patient = parts.patient(session)
        request = with_what_was_said(
            DisclosureRequest(
                id=_id_of(session, facts, once) if once else DisclosureId(parts.new_id()),
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
        try:
            with parts.work.transaction():
                parts.requests.add(request)
                holding.hold(parts, session, request)
                holding.list_what_waits(parts, request, session.user.reference)
                parts.note(session, "disclosure.opened", request.id, requester=request.requester)
        except AlreadyThere:
            return self._mine(session, request.id)
        return request

    def change(self, session: ClinicalSession, id: DisclosureId, facts: Facts, *, revision: int) -> DisclosureRequest:
        def said_now(request: DisclosureRequest) -> DisclosureRequest:
            new = with_what_was_said(request, facts.said, rules=self._parts.rules, today=self._parts.today)
            return course.changed(request, **_differences(request, for_what_is_said_now(request, new)))

        return self._change(session, id, revision, "disclosure.changed", said_now)

    def extend(
        self, session: ClinicalSession, id: DisclosureId, reason: str, told: str, *, revision: int
    ) -> DisclosureRequest:
        words = words_of_theirs(reason, "reason", "Say why more time is needed, as the person who asked is told.")
        today = self._parts.today

        def extended(request: DisclosureRequest) -> DisclosureRequest:
            due = first_due_day(request, self._parts)
            if due is None or not self._parts.rules.rows[request.requester].time_limit.more_months:
                raise Refused("The time to answer this request cannot be extended.", code="not-extendable")
            if request.extended_because:
                raise Refused("The time has been extended already.", code="extended-already")
            told_on = day_between(told, request.received, today)
            if told_on is None:
                problem = "Give the day on which you told them. Without that the time is not extended."
                raise Incomplete(problem, fields={"told": problem})
            if told_on > due:
                raise Refused("The time is over: they have to be told before that.", code="extended-late")
            return course.changed(request, extended_because=words, extended_told=told_on)

        return self._change(session, id, revision, "disclosure.extended", extended)

    def refuse(
        self, session: ClinicalSession, id: DisclosureId, reason: str, *, closed: bool, revision: int
    ) -> DisclosureRequest:
        words = words_of_theirs(reason, "reason", "Say why, as the person who asked is told.")
        parts = self._parts
        need(session, OFFICERS, "ending a request for a copy of a record")
        with parts.work.transaction():
            request = self._mine(session, id, for_change=True)
            course.need_revision(request, revision)
            ended = course.refused(request, words, closed=closed)
            parts.requests.save(ended)
            user = session.user
            holding.let_go(parts, ended, user.reference, user.display, "The request has ended.")
            holding.list_what_waits(parts, ended, user.reference)
            holding.forget(parts, id)
            parts.note(session, "disclosure.closed" if closed else "disclosure.refused", id)
        self._thinking.forget(id)
        return ended

    def gather(self, session: ClinicalSession, id: DisclosureId) -> None:
        gather.begin(self._parts, session, id, afterwards=self._list_professionals)

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
            holding.list_what_waits(parts, new, session.user.reference)
        if about or new.gathered is not None:
            self._list_professionals(session, new)
        return new

    def _list_professionals(self, session: ClinicalSession, request: DisclosureRequest) -> None:
        """Whether policy or somebody asks a health professional, on their list."""
        asks = any(each.asks is Reviewer.HEALTH_PROFESSIONAL for each in self._thinking.decision(request).items)
        with self._parts.work.transaction():
            now = self._parts.requests.get(request.id)
            holding.list_what_waits(self._parts, now, session.user.reference, professional=asks)

    def _think_ahead(self, session: ClinicalSession, id: DisclosureId, revision: int) -> None:
        """Works out what is decided before anything is locked: with a large record that takes its time."""
        request = self._mine(session, id)
        course.need_revision(request, revision)
        course.need_changeable(request)
        self._thinking.decision(request)


_AT_FIRST = {"requester": "Choose who asks.", "received": "Give the day on which the request came in."}


def _id_of(session: ClinicalSession, facts: Facts, once: str) -> DisclosureId:
    """The same for the same page with the same words in it. Who goes back and says something else asks anew."""
    said = [session.fhir_base, session.patient_id, session.user.reference, once, sorted(facts.said.items())]
    digest = hashlib.sha256(json.dumps(said).encode()).digest()
    return DisclosureId(str(uuid.UUID(bytes=digest[:16], version=4)))


def _differences(before: DisclosureRequest, after: DisclosureRequest) -> dict[str, object]:
    names = DisclosureRequest.__dataclass_fields__
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
