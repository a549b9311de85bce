"""The practice's list across patients: looking, taking, giving, covering, finishing. The web's one door to it.

Everything is for people of the same EHR only. What an item is about is opened at that patient's chart: this app
never leads from one patient's launch into another's record (G-R126, G-R308).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.ledger.copies_in_charts import copy_of_item
from fhir_plugin.work.listing import Listed, Whose, away_on, chosen, counts, holder_of, listed
from fhir_plugin.work.outcomes import ENDINGS, Ending, ending
from fhir_plugin.work.parts import WorkParts
from mappings.model.identifiers import Reference, WorkId
from mappings.model.people import ClinicalSession, Role
from mappings.model.practice import Absence, Colleague
from mappings.model.work import WorkItem, WorkKind
from mappings.model.writeback import CopyState

KNOWN_FOR = dt.timedelta(days=400)
"""Somebody who has not worked here for longer is offered no more as an owner or a cover."""
LONGEST_ABSENCE = dt.timedelta(days=366)
FOLLOW_UP_HOURS = 24


class Practice:
    """What waits for people, for the people of one EHR."""

    def __init__(self, parts: WorkParts) -> None:
        self._parts = parts

    # ------------------------------------------------------------------------------------------ looking

    def seen(self, session: ClinicalSession) -> None:
        """At a launch: from now on work can be given to this person."""
        user = session.user
        with self._parts.work.transaction():
            self._parts.colleagues.seen(
                Colleague(session.fhir_base, user.reference, self._parts.clock.now(), user.display, user.roles)
            )

    def listed(
        self, session: ClinicalSession, whose: Whose = Whose.MINE, kind: WorkKind | None = None
    ) -> tuple[list[Listed], dict[Whose, int]]:
        """The lines asked for, what is due first coming first; and how many each part of the list has."""
        lines = self._lines(session, self._parts.worklist.of_practice(session.fhir_base))
        return chosen(lines, whose, kind), counts(lines)

    def at_chart(self, session: ClinicalSession) -> list[Listed]:
        """What is open about the patient of this launch, the longest waiting first."""
        lines = self._lines(session, self._parts.worklist.of_patient(session.fhir_base, session.patient_id))
        return [line for line in lines if line.here]

    def item(self, session: ClinicalSession, id: WorkId) -> WorkItem:
        """One item about the patient of this launch. For every other launch it does not exist."""
        item = self._known(session, id)
        if item.patient != session.patient_id or item.beside_the_chart:
            raise NotFound(f"there is no work item {id}", status=404)
        return item

    def line(self, session: ClinicalSession, id: WorkId) -> Listed:
        """The same as a line of the list."""
        return self._lines(session, [self.item(session, id)])[0]

    def endings(self, item: WorkItem) -> tuple[Ending, ...]:
        """How somebody may say that it is done; nothing where it ends on a page of its own."""
        return ENDINGS.get(item.kind, ())

    def clinicians(self, session: ClinicalSession) -> list[Colleague]:
        """Whom work can be given to: clinicians who have worked here from this EHR lately, by name."""
        since = self._parts.clock.now() - KNOWN_FOR
        people = self._parts.colleagues.at(session.fhir_base, since=since)
        return [each for each in people if Role.CLINICIAN in each.roles]

    def absences(self, session: ClinicalSession) -> list[Absence]:
        """Who is away today or will be."""
        today = self._parts.today
        return [each for each in self._parts.absences.at(session.fhir_base) if each.last_day >= today]

    def late(self) -> list[WorkItem]:
        """Everything open and overdue at any EHR: for whoever runs this installation."""
        return self._parts.worklist.late(self._parts.clock.now())

    # ------------------------------------------------------------------------------------------ doing

    def take(self, session: ClinicalSession, id: WorkId, *, owner_seen: str) -> WorkItem:
        """It is mine now. `owner_seen`: who had it on the page, so that of two who take it one learns so."""
        return self.give(session, id, session.user.reference, owner_seen=owner_seen)

    def give(self, session: ClinicalSession, id: WorkId, to: Reference | None, *, owner_seen: str) -> WorkItem:
        """Gives it to somebody, or back to everybody. Whoever does so needs to know nothing of what it is about."""
        self._need_staff(session)
        with self._parts.work.transaction():
            item = self._open(session, id)
            if (item.owner or "") != owner_seen:
                raise Refused(
                    "Somebody else has taken or passed on this item meanwhile. Look at the list again.",
                    code="taken-meanwhile",
                )
            person = self._clinician(session, to) if to is not None else None
            if to is not None and to == item.not_by:
                raise NotAllowed(
                    "Whoever asked for a second person cannot be that person. Choose somebody else.", code="not-by"
                )
            given = replace(item, owner=to, owner_name=person.name if person else "", cover=None, cover_name="")
            self._parts.worklist.save(given)
            self._parts.note(session, "work.given", item.id, item.patient, to=to or "nobody", kind=item.kind)
        return given

    def cover(self, session: ClinicalSession, id: WorkId, by: Reference | None) -> WorkItem:
        """Who sees to this one item while its owner is away, in place of the owner's usual cover."""
        self._need_staff(session)
        with self._parts.work.transaction():
            item = self._open(session, id)
            person = self._clinician(session, by) if by is not None else None
            if by is not None and by in (item.owner, item.not_by):
                raise Refused("Somebody else covers than the owner.", code="cover-is-owner")
            covered = replace(item, cover=by, cover_name=person.name if person else "")
            self._parts.worklist.save(covered)
            self._parts.note(session, "work.covered", item.id, item.patient, by=by or "nobody")
        return covered

    def finish(self, session: ClinicalSession, id: WorkId, code: str, words: str = "") -> WorkItem:
        """Says that it is done, and how. Only at this patient's chart, and by a clinician."""
        if Role.CLINICIAN not in session.user.roles:
            raise NotAllowed("Only clinicians say that something is done. Ask the person named.", code="role")
        said = words.strip()
        with self._parts.work.transaction():
            self.item(session, id)
            item = self._open(session, id)
            chosen_ending = ending(item.kind, code)
            if chosen_ending is None:
                raise Incomplete("Say how it ended.", fields={"outcome": "Choose how it ended."})
            if chosen_ending.needs_words and not said:
                raise Incomplete("Say more.", fields={"words": "Say in a sentence what was done and why."})
            if item.not_by in (session.user.reference, session.user.person):
                raise NotAllowed("Somebody else than you has to look at this: you asked for it.", code="not-by")
            self._copy_says(item, code)
            done = self._done(session, item, code, said)
            if item.kind is WorkKind.URGENT_REVIEW and code == "not-agreed":
                self._follow_up(session, item, said)
        return done

    def set_away(
        self, session: ClinicalSession, user: Reference, cover: Reference, first: dt.date, last: dt.date
    ) -> None:
        """From the first to the last day, both included, `cover` sees to what is this person's."""
        self._need_staff(session)
        if not self._parts.today <= last or not first <= last or last - first > LONGEST_ABSENCE:
            raise Incomplete(
                "These days cannot be.",
                fields={"last_day": "The last day is today or later, and not before the first."},
            )
        if user == cover:
            raise Incomplete("Somebody else covers.", fields={"cover": "Choose somebody else as the cover."})
        person, stand_in = self._clinician(session, user), self._clinician(session, cover)
        with self._parts.work.transaction():
            self._parts.absences.set(Absence(session.fhir_base, user, cover, first, last, person.name, stand_in.name))
            self._parts.note(
                session,
                "work.away",
                user,
                None,
                cover=cover,
                first_day=first.isoformat(),
                last_day=last.isoformat(),
            )

    def end_away(self, session: ClinicalSession, user: Reference) -> None:
        """They are back. Idempotent."""
        self._need_staff(session)
        with self._parts.work.transaction():
            self._parts.absences.end(session.fhir_base, user)
            self._parts.note(session, "work.back", user, None)

    # ------------------------------------------------------------------------------------------ inside

    def _lines(self, session: ClinicalSession, items: list[WorkItem]) -> list[Listed]:
        away = away_on(self._parts.absences.at(session.fhir_base), self._parts.today)
        return listed(items, session, away, self._parts.clock.now())

    def _known(self, session: ClinicalSession, id: WorkId, *, for_change: bool = False) -> WorkItem:
        item = self._parts.worklist.get(id, for_change=for_change)
        if item.fhir_base != session.fhir_base:
            raise NotFound(f"there is no work item {id}", status=404)
        return item

    def _open(self, session: ClinicalSession, id: WorkId) -> WorkItem:
        item = self._known(session, id, for_change=True)
        if item.done_at is not None:
            raise Refused("Somebody has done this meanwhile. Look at the list again.", code="done-meanwhile")
        if item.beside_the_chart:
            raise Refused(
                "Only the colleague who was asked can see to this. Who asked can ask somebody else.",
                code="only-who-was-asked",
            )
        return item

    def _done(self, session: ClinicalSession, item: WorkItem, code: str, said: str) -> WorkItem:
        done = finished(item, session, self._parts.clock.now(), code, said)
        self._parts.worklist.save(done)
        self._parts.note(session, "work.done", item.id, item.patient, kind=item.kind, outcome=code)
        return done

    def _copy_says(self, item: WorkItem, code: str) -> None:
        """What somebody has seen with their own eyes, of what no app may look at or change."""
        if item.kind is not WorkKind.CHART_COPY:
            return
        copy = copy_of_item(self._parts.copies, item)
        if copy is None:
            return
        if code == "filed" and copy.state is not CopyState.TO_FILE:
            why = "This one has to be taken out of the chart. Say when it is gone."
            raise Incomplete(why, fields={"outcome": why})
        state = CopyState.FILED_BY_HAND if code == "filed" else CopyState.GONE
        changed = replace(copy, state=state, since=self._parts.clock.now())
        self._parts.copies.save(changed if state is not CopyState.GONE else replace(changed, digest=""))

    def _follow_up(self, session: ClinicalSession, item: WorkItem, said: str) -> None:
        """Who went on without a second person, and was not agreed with, has to look again the next day."""
        now = self._parts.clock.now()
        away = away_on(self._parts.absences.at(session.fhir_base), self._parts.today)
        follow = replace(
            item,
            id=WorkId(self._parts.new_id()),
            kind=WorkKind.FOLLOW_UP,
            subject=f"{item.subject}#not-agreed",
            created=now,
            due=now + dt.timedelta(hours=FOLLOW_UP_HOURS),
            owner=item.not_by,
            owner_name="",
            not_by=None,
            cover=None,
            cover_name="",
            words=f"{session.user.display} did not agree with what was decided: {said}",
            done_at=None,
        )
        names = {each.user: each.name for each in self._parts.colleagues.at(session.fhir_base, since=now - KNOWN_FOR)}
        follow = replace(follow, owner_name=names.get(item.not_by, "") if item.not_by else "")
        if holder_of(follow, away) is None:
            follow = replace(follow, owner=None, owner_name="")
        self._parts.worklist.add(follow)

    def _clinician(self, session: ClinicalSession, user: Reference) -> Colleague:
        for each in self.clinicians(session):
            if each.user == user:
                return each
        raise Incomplete("Choose one of the people offered.", fields={"to": "Choose one of the people offered."})

    def _need_staff(self, session: ClinicalSession) -> None:
        if not session.user.roles & {Role.CLINICIAN, Role.TRIAGE}:
            raise NotAllowed("Your role does not include the practice’s list.", code="role")


def finished(item: WorkItem, session: ClinicalSession, now: dt.datetime, code: str, said: str) -> WorkItem:
    """The item as done by this person, with what they said added to its words."""
    words = "\n".join(each for each in (item.words, f"{session.user.display}: {said}" if said else "") if each)
    return replace(item, done_at=now, done_by=session.user.reference, outcome=code, words=words)
