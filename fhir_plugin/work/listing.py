"""Who an item is with today, and what each person sees of it.

Nothing lies unseen because somebody is on leave (G-R304): while its owner is away an item is with the cover; where
nobody covers, or the cover is away too, it is nobody's; and what is nobody's or late is on everybody's list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.model.identifiers import PatientId, Reference, WorkId
from mappings.model.people import ClinicalSession, Role
from mappings.model.practice import Absence
from mappings.model.work import WorkItem, WorkKind

FOR_CLINICIANS = frozenset(
    {
        WorkKind.SAFEGUARDING,
        WorkKind.HARM_OPINION,
        WorkKind.DELETION_COSIGN,
        WorkKind.DELETION_MORE_ASKED,
        WorkKind.DELETION_APPROVED,
        WorkKind.DELETION_REJECTED,
        WorkKind.DELETION_REPLY,
        WorkKind.BREACH,
    }
)
"""Kinds that say more than whom to ask: triage sees that something waits, not what."""
AT_THE_DESK = frozenset(
    {WorkKind.DISCLOSURE, WorkKind.DISCLOSURE_SECOND, WorkKind.DELETION, WorkKind.DELETION_NOT_PROVEN}
)
"""Kinds that wait at the disclosure desk, with the Caldicott Guardian or in the privacy officer's register, which have
lists of their own: on nobody else's."""


class Whose(StrEnum):
    """Which part of the list somebody looks at."""

    MINE = "mine"
    """What is with me, and what everybody must see: nobody's, and what is late."""
    NOBODY = "nobody"
    ALL = "all"


@dataclass(frozen=True)
class Holder:
    """Who sees to an item today. `standing_in_for`: the owner who is away."""

    user: Reference
    name: str = field(repr=False)
    standing_in_for: str = field(default="", repr=False)


@dataclass(frozen=True)
class Listed:
    """One line of the list, as much of it as this person may see.

    `kind` None: something for a clinician. `words` are empty for those who route without looking. `hours` since it
    came, `hours_late` since it was due. `here`: it is about the patient of this launch.
    """

    id: WorkId
    kind: WorkKind | None
    patient: PatientId
    patient_name: str = field(repr=False)
    subject: str
    created: dt.datetime
    due: dt.datetime
    hours: int
    late: bool
    hours_late: int
    owner: Reference | None
    holder: Holder | None
    cover_name: str = field(repr=False)
    words: str = field(repr=False)
    mine: bool
    not_for_me: bool
    """The person who asked for a second one cannot be that second one."""
    here: bool
    beside_the_chart: bool
    """Its owner alone sees to it, at whatever chart: the line says of nobody that it is about them."""


def holder_of(item: WorkItem, away: Mapping[Reference, Absence]) -> Holder | None:
    """The owner; while they are away the item's own cover, else theirs; None where the chain ends with nobody."""
    if item.owner is None:
        return None
    user, name, seen = item.owner, item.owner_name, {item.owner}
    if user in away:
        absence = away[user]
        user, name = (item.cover, item.cover_name) if item.cover else (absence.cover, absence.cover_name)
        while user in away and user not in seen:
            seen.add(user)
            user, name = away[user].cover, away[user].cover_name
        if user in seen or user in away:
            return None
    if user == item.not_by:
        return None
    return Holder(user, name, "" if user == item.owner else item.owner_name or item.owner)


def away_on(absences: Iterable[Absence], day: dt.date) -> dict[Reference, Absence]:
    """Who is away on `day`."""
    return {absence.user: absence for absence in absences if absence.on(day)}


def listed(
    items: Iterable[WorkItem], session: ClinicalSession, away: Mapping[Reference, Absence], now: dt.datetime
) -> list[Listed]:
    """The lines for this person, in the order given; nothing of another EHR."""
    here = [item for item in items if item.fhir_base == session.fhir_base and item.kind not in AT_THE_DESK]
    return [_line(item, session, away, now) for item in here]


def chosen(lines: Iterable[Listed], whose: Whose, kind: WorkKind | None) -> list[Listed]:
    """The part of the list that somebody asked for."""
    of_kind = [line for line in lines if kind is None or line.kind is kind]
    if whose is Whose.ALL:
        return of_kind
    if whose is Whose.NOBODY:
        return [line for line in of_kind if line.holder is None]
    return [line for line in of_kind if line.mine or line.holder is None or line.late]


def counts(lines: Sequence[Listed]) -> dict[Whose, int]:
    """How many lines each part of the list has."""
    return {whose: len(chosen(lines, whose, None)) for whose in Whose}


def _line(item: WorkItem, session: ClinicalSession, away: Mapping[Reference, Absence], now: dt.datetime) -> Listed:
    clinician = Role.CLINICIAN in session.user.roles
    holder = holder_of(item, away)
    me = session.user.reference
    beside = item.beside_the_chart
    return Listed(
        id=item.id,
        kind=item.kind if clinician or item.kind not in FOR_CLINICIANS else None,
        patient=item.patient,
        patient_name=item.patient_name,
        subject=item.subject if clinician and (not beside or item.owner == me) else "",
        created=item.created,
        due=item.due,
        hours=_hours(now - item.created),
        late=item.late(now),
        hours_late=_hours(now - item.due),
        owner=item.owner,
        holder=holder,
        cover_name=item.cover_name,
        words=item.words if clinician else "",
        mine=(holder is not None and holder.user == me) or item.owner in (me, session.user.person),
        not_for_me=item.not_by in (me, session.user.person),
        here=not beside and (item.fhir_base, item.patient) == (session.fhir_base, session.patient_id),
        beside_the_chart=beside,
    )


def _hours(passed: dt.timedelta) -> int:
    return max(0, int(passed.total_seconds() // 3600))
