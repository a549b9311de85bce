"""The Guardian's queue: requests for permanent deletion of every patient of this EHR, oldest first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from flask import request
from flask.typing import ResponseReturnValue

from fhir_plugin.web.access import launched
from fhir_plugin.web.deleting import guardian_words as words
from fhir_plugin.web.deleting.places import GUARDIAN, guarding, list_page, offices, today
from fhir_plugin.web.deleting.words import REASONS
from fhir_plugin.web.disclosing.leaves import leaf
from mappings.model.deletion import DeletionCase, DeletionState
from mappings.model.people import ClinicalSession

MOST = 50
"""Requests on one page."""


@dataclass(frozen=True)
class Line:
    """One request in the queue. No image, no title, no words: only what it needs to be found and put in order."""

    case: DeletionCase
    what: str
    why: str
    left: str
    late: bool
    clock: str = ""
    """How long there is to answer the patient who asked."""
    clock_late: bool = False
    waits: int = 0
    held: int = 0
    own: bool = field(default=False)
    """Asked for by the person who reads this: somebody else decides."""


def line_of(session: ClinicalSession, case: DeletionCase, day: dt.date) -> Line:
    """The line of one request as it stands on `day`."""
    left, late = words.days_left(case.due, day)
    clock, clock_late = "", False
    if case.reply_due is not None and case.replied is None:
        clock, clock_late = words.days_left(case.reply_due, day)
    return Line(
        case,
        words.images(len(case.items)),
        REASONS[case.reason][0],
        left,
        late,
        clock,
        clock_late,
        len(words.undecided(case)),
        sum(each.state is DeletionState.ON_HOLD for each in case.items),
        is_own(session, case),
    )


def is_own(session: ClinicalSession, case: DeletionCase) -> bool:
    """Whether this person asked for it, by whichever login: then somebody else decides."""
    return case.requested_by in (session.user.person, session.user.reference)


@guarding.get("/guardian")
@launched(*GUARDIAN, requests_only=True)
def queue(session: ClinicalSession) -> ResponseReturnValue:
    """What waits for a decision, oldest first; what was decided and is under way below it. Nothing is decided here:
    each image on its own case's page."""
    day = today()
    lines = [line_of(session, each, day) for each in offices().decisions.queue(session)]
    waiting = leaf([each for each in lines if each.waits], request.args.get("page"), MOST)
    return list_page(
        "guardian_queue.html",
        session,
        lines=waiting.here,
        leaf=waiting,
        others=[each for each in lines if not each.waits],
    )


def waiting_words(session: ClinicalSession) -> list[str]:
    """What waits for a Guardian, in a sentence each, for where they arrive."""
    if not session.user.roles & frozenset(GUARDIAN):
        return []
    day = today()
    lines = [line_of(session, each, day) for each in offices().decisions.queue(session)]
    waiting = [each for each in lines if each.waits and not each.own]
    late = sum(each.late or each.clock_late for each in waiting)
    if not waiting:
        return []
    number = len(waiting)
    said = f"{number} request{'' if number == 1 else 's'} for permanent deletion wait{'s' if number == 1 else ''}"
    return [f"{said} for your decision" + (f", {late} of them late" if late else "")]
