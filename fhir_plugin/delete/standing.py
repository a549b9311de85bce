"""How a request for permanent deletion stands now: keeping a change of it, what forbids it, and what time does to it.

Whoever changes a case does it with `changed`, in a transaction in which the case was read `for_change`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from fhir_plugin.damage import unless_damaged
from fhir_plugin.delete.lifecycle import Event, may, moved, silent
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.waiting import list_what_waits
from fhir_plugin.errors import NotFound
from fhir_plugin.policy.holds import reasons
from fhir_plugin.policy.ruling import May, Reason
from fhir_plugin.policy.uses import Deletion, Verdict, permanent_deletion
from fhir_plugin.ports import AuditEntry
from mappings.model.deletion import (
    TERMINAL,
    BoundImage,
    CaseId,
    DeletionCase,
    DeletionItem,
    DeletionState,
    ItemId,
    Signed,
)
from mappings.model.people import ClinicalSession, Patient, Role

SYSTEM: Final = "system"
SKEW: Final = dt.timedelta(minutes=5)
"""Clocks of two workers may differ by so much. An approval from further ahead is none."""
HOLDS: Final = frozenset(
    {DeletionState.REQUESTED, DeletionState.RECEIVED, DeletionState.ACCEPTED, DeletionState.FAILED}
)
"""What a hold stops by itself. What is in progress asks before every act, and stops where it stands."""

_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.\-]{1,64}")


def changed(
    parts: DeleteParts, case: DeletionCase, *items: DeletionItem, session: ClinicalSession | None = None, **fields: Any
) -> DeletionCase:
    """Keeps the case with these items as they are now, as the next revision, and its lines of the worklist.

    Joins the open transaction; raises `AnswersChanged` where somebody was first. Nothing that speaks stays with a case
    of which all has ended and something is destroyed. Pictures for the Guardian go with the decision.
    """
    mine = {each.id: each for each in items}
    after = replace(
        case, items=tuple(mine.get(each.id, each) for each in case.items), revision=case.revision + 1, **fields
    )
    after = _without_words(after)
    for before, now in zip(case.items, after.items, strict=True):
        if before.picture is not None and (now.picture != before.picture or _needs_no_picture(now)):
            parts.vault.destroy(before.picture)
    after = replace(after, items=tuple(_without_picture(each) for each in after.items))
    parts.cases.save(after)
    list_what_waits(parts, after)
    parts.told(after, session)
    return after


def note(
    parts: DeleteParts,
    case: DeletionCase,
    action: str,
    subject: str,
    session: ClinicalSession | None = None,
    **detail: str | int | bool,
) -> None:
    """An audit entry about the patient of the case, whoever's launch it is, or the app's own; in the open transaction.

    Times, ids and codes only.
    """
    parts.audit.append(
        AuditEntry(
            action=action,
            actor=session.user.reference if session is not None else SYSTEM,
            patient=f"Patient/{case.patient}",
            launch=session.launch_id if session is not None else None,
            subject=subject,
            policy=parts.policy.reference,
            detail={"case": case.id, **detail},
        )
    )


def held(parts: DeleteParts, case: DeletionCase) -> tuple[Reason, ...]:
    """Why nothing of this patient may be destroyed now; nothing when nothing holds."""
    return reasons(parts.holds.of_patient(case.fhir_base, case.patient))


def item_of(case: DeletionCase, id: ItemId) -> DeletionItem:
    """Raises `NotFound` for an image of another request."""
    try:
        return case.item(id)
    except KeyError:
        raise NotFound("there is no such image in this request", status=404) from None


def verdict(parts: DeleteParts, case: DeletionCase, approval: Signed | None, cosigned: Signed | None) -> Verdict:
    """What policy says to these signatures today, by the roles that those people have now (G-R305, X5)."""
    roles: frozenset[Role] = frozenset()
    if approval is not None:
        roles = parts.roles(case.fhir_base, approval.login or approval.by)
    asked = Deletion(
        requested_by=case.requested_by,
        approved_by=approval.by if approval else None,
        approver_roles=roles,
        cosigned_by=cosigned.by if cosigned else None,
        open_concern=bool(held(parts, case)),
    )
    return permanent_deletion(asked, parts.policy)


def forbidden(parts: DeleteParts, case: DeletionCase, item: DeletionItem) -> tuple[Event, str] | None:
    """Whether this may not be destroyed now, by whoever approved it: what becomes of it, and why as a code. None: it
    may. Asked before it begins, and of what is in progress before every destroying act.

    An approval has to be in force when it begins. Once it has begun it is carried through under the same approval,
    unless something holds it or the approval was never one.
    """
    if stopping := held(parts, case):
        return Event.HELD, stopping[0].code
    begun = item.state in (DeletionState.IN_PROGRESS, DeletionState.FAILED)
    if not begun and item.state is not DeletionState.ACCEPTED:
        return Event.VOIDED, "not-approved"
    if item.approval is None:
        return Event.VOIDED, "not-approved"
    now = parts.clock.now()
    if not begun and (item.expires is None or now >= item.expires):
        return Event.EXPIRED, "expired"
    if max(each.at for each in (item.approval, item.cosigned) if each is not None) > now + SKEW:
        return Event.VOIDED, "clock"
    found = verdict(parts, case, item.approval, item.cosigned)
    return None if found.may is May.YES else (Event.VOIDED, found.reasons[0].code)


def other_person(case: DeletionCase, patient: Patient) -> str:
    """Whether the EHR says something else of the patient than when it was asked for: a code, empty when it does not.

    A merged record goes by another number; somebody who has died decides no more (G-R262).
    """
    if patient.id != case.patient:
        return "patient-changed"
    if patient.nhs_number and _digits(patient.nhs_number) != _digits(case.nhs_number):
        return "patient-changed"
    return "patient-deceased" if patient.deceased and not case.deceased else ""


def patient_seen(parts: DeleteParts, session: ClinicalSession) -> int:
    """At a launch: approvals given of a patient who was another, or alive, are asked for again; returns how many."""
    with parts.work.transaction():
        ids = [each.id for each in parts.cases.of_patient(session.fhir_base, session.patient_id) if each.open]
    if not ids:
        return 0
    patient = parts.patient(session)
    return sum(_patient_seen(parts, session, patient, id) for id in ids)


def void(parts: DeleteParts, id: CaseId, item: ItemId, *, why: str, image: BoundImage | None = None) -> DeletionCase:
    """The app takes an approval back: what was approved is not what is there. `image`: as it is there now; the next
    approval is of that. Raises `NoSuchStep` where there is no approval."""
    with parts.work.transaction():
        case = parts.cases.get(id, for_change=True)
        before = item_of(case, item)
        changes: dict[str, Any] = {"why": why}
        if image is not None:
            changes.update(image=image, picture=None)
        after = moved(before, Event.VOIDED, at=parts.clock.now(), **changes)
        note(parts, case, "deletion.voided", item, why=why)
        return changed(parts, case, after)


def look(parts: DeleteParts, id: CaseId) -> bool:
    """What time and holds do to one case, now: held, let go, expired. Whether anything changed. Safe at any time."""
    with parts.work.transaction():
        case = parts.cases.get(id, for_change=True)
        stopping, now = held(parts, case), parts.clock.now()
        after = [_looked_at(each, stopping, now) for each in case.items]
        new = [each for each, before in zip(after, case.items, strict=True) if each != before]
        if not new:
            list_what_waits(parts, case)
            return False
        for item in new:
            note(parts, case, f"deletion.{item.timeline[-1].event}", item.id, why=item.why)
        changed(parts, case, *new)
        return True


def tidy(parts: DeleteParts) -> int:
    """Looks at every case whose time it is; returns how many changed. One that cannot be read stops none of the
    others, and nothing is destroyed under it: who destroys reads it first."""
    ids = parts.cases.due(parts.clock.now())
    return sum(unless_damaged("deletions", partial(look, parts, id), False) for id in ids)


def each_moved(
    items: Iterable[DeletionItem], event: Event, change: Callable[[DeletionItem], DeletionItem]
) -> list[DeletionItem]:
    """Those for which `event` can follow, changed."""
    return [change(each) for each in items if may(each, event)]


# ---------------------------------------------------------------------------------------------- inside


def _looked_at(item: DeletionItem, stopping: tuple[Reason, ...], now: dt.datetime) -> DeletionItem:
    if stopping and item.state in HOLDS:
        item = moved(item, Event.HELD, at=now, why=stopping[0].code)
    elif not stopping and item.state is DeletionState.ON_HOLD:
        item = moved(item, Event.RELEASED, at=now)
    if item.expires is not None and now >= item.expires and may(item, Event.EXPIRED):
        item = moved(item, Event.EXPIRED, at=now, why="expired")
    return item


def _patient_seen(parts: DeleteParts, session: ClinicalSession, patient: Patient, id: CaseId) -> int:
    with parts.work.transaction():
        case = parts.cases.get(id, for_change=True)
        why = other_person(case, patient)
        if not why or not case.open:
            return 0
        now = parts.clock.now()
        voided = each_moved(case.items, Event.VOIDED, partial(moved, event=Event.VOIDED, at=now, why=why))
        for item in voided:
            note(parts, case, "deletion.voided", item.id, session, why=why)
        changed(
            parts,
            case,
            *voided,
            session=session,
            deceased=case.deceased or patient.deceased,
            nhs_number=patient.nhs_number or case.nhs_number,
        )
        return len(voided)


def _without_words(case: DeletionCase) -> DeletionCase:
    """What was asked for in words goes with the last image, where anything was destroyed: the reason's code stays."""
    if case.open or all(each.state is not DeletionState.COMPLETED for each in case.items):
        return case
    described = case.described if _REFERENCE.fullmatch(case.described) else ""
    items = tuple(silent(each) for each in case.items)
    return replace(case, words="", instead="", described=described, items=items)


def _without_picture(item: DeletionItem) -> DeletionItem:
    return replace(item, picture=None) if _needs_no_picture(item) else item


def _needs_no_picture(item: DeletionItem) -> bool:
    """Destroyed with the decision: who approves may look until it is carried out."""
    return item.state in TERMINAL or item.state in (DeletionState.IN_PROGRESS, DeletionState.FAILED)


def _digits(number: str) -> str:
    return "".join(number.split())
