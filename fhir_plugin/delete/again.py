"""Looking again, on a schedule, for what could not be proven: under a launch of that patient, or it waits for one.

What an administrator has removed meanwhile is found to be gone; what was never destroyed is tried again, under the same
approval. Nobody's access is kept for it: without a live launch of that patient by somebody who may carry it on, nothing
is asked, and the item says that somebody has to open that chart. Each vain look doubles the time until the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial

from fhir_plugin.damage import unless_damaged
from fhir_plugin.delete.execute import MAY_CARRY_ON, begin, carry_out
from fhir_plugin.delete.parts import DeleteParts
from mappings.model.deletion import CaseId, DeletionCase, DeletionItem, DeletionState, ItemId
from mappings.model.identifiers import FhirBase, PatientId
from mappings.model.people import ClinicalSession

LiveSessions = Callable[[FhirBase, PatientId], Sequence[ClinicalSession]]
"""The launches of a patient that have not ended, newest first."""


def is_due(item: DeletionItem, now: dt.datetime) -> bool:
    """Whether it is time to look again."""
    return item.state is DeletionState.FAILED and item.look_again is not None and item.look_again <= now


def look_again(parts: DeleteParts, live: LiveSessions) -> int:
    """Everything whose time has come and for which somebody's launch is live; returns how many were looked at."""
    ids = parts.cases.due(parts.clock.now())
    return sum(unless_damaged("deletions", partial(_of_case, parts, live, id), 0) for id in ids)


def look_again_for(parts: DeleteParts, session: ClinicalSession) -> int:
    """At a launch of that patient: what has waited for it. Behind the request; returns how many."""
    if not may_look(session):
        return 0
    cases = parts.cases.of_patient(session.fhir_base, session.patient_id)
    due = [(case.id, each.id) for case in cases for each in case.items if is_due(each, parts.clock.now())]
    for case_id, item_id in due:
        parts.background.begin(f"destruction {item_id}", partial(look_at, parts, session, case_id, item_id))
    return len(due)


def look_at(parts: DeleteParts, session: ClinicalSession, case_id: CaseId, item_id: ItemId) -> DeletionItem:
    """Carries one item on under this launch, as far as it goes; returns how it stands then.

    Raises as `fhir_plugin.delete.execute.begin`.
    """
    with parts.work.transaction():
        case = parts.cases.get(case_id, for_change=True)
        intent = begin(parts, session, case, case.item(item_id))
    parts.engine.adopt(parts.ledger.get(intent), session.launch_id)
    carry_out(parts, intent)
    with parts.work.transaction():
        return parts.cases.get(case_id).item(item_id)


def may_look(session: ClinicalSession) -> bool:
    """Whether this launch is of a chart, and of somebody who may carry a destruction on."""
    return not session.requests_only and bool(session.user.roles & MAY_CARRY_ON)


def who_may_look(case: DeletionCase, live: LiveSessions) -> ClinicalSession | None:
    """The newest launch under which it can go on now; None: somebody has to open that chart."""
    return next((each for each in live(case.fhir_base, case.patient) if may_look(each)), None)


def _of_case(parts: DeleteParts, live: LiveSessions, id: CaseId) -> int:
    with parts.work.transaction():
        case = parts.cases.get(id)
    due = [each for each in case.items if is_due(each, parts.clock.now())]
    session = who_may_look(case, live) if due else None
    if session is None:
        return 0
    for item in due:
        look_at(parts, session, case.id, item.id)
    return len(due)
