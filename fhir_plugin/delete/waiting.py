"""What of a request for permanent deletion waits for whom: on the worklist while it waits, and no longer.

Everything is drawn from the case as it stands, so that it may be done again at any time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fhir_plugin.delete.clock import end_of
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.ports import AuditEntry
from mappings.model.deletion import DeletionCase, DeletionItem, DeletionState
from mappings.model.identifiers import Reference, WorkId
from mappings.model.work import WorkItem, WorkKind

MORE_ASKED: Final = "more-asked"
AWAITS_COSIGN: Final = "awaits-cosign"
"""`DeletionItem.why` of an item that is `RECEIVED` and waits for somebody else than the Guardian."""

_UNDECIDED: Final = (DeletionState.REQUESTED, DeletionState.RECEIVED)
WORDS: Final[Mapping[WorkKind, str]] = {
    WorkKind.DELETION: "A permanent deletion is asked for. The Caldicott Guardian decides.",
    WorkKind.DELETION_COSIGN: "The Caldicott Guardian approves a permanent deletion. Somebody else signs as well.",
    WorkKind.DELETION_MORE_ASKED: "The Caldicott Guardian asks something about the deletion that you asked for.",
    WorkKind.DELETION_APPROVED: "Approved. It is carried out at this patient’s chart, before the approval runs out.",
    WorkKind.DELETION_NOT_PROVEN: "It stopped, or something remains. Look at what it says and what is to be done.",
    WorkKind.DELETION_REPLY: "The patient asked for this, and has to be answered, whatever is decided.",
}
"""Without any word of what is in an image."""


def waits(case: DeletionCase) -> frozenset[WorkKind]:
    """Who has something to do now. Nobody does about what is held: it goes on when nothing holds it any more."""
    found = {kind for item in case.items if (kind := _waits(item)) is not None}
    if case.reply_due is not None and case.replied is None:
        found.add(WorkKind.DELETION_REPLY)
    return frozenset(found)


def list_what_waits(parts: DeleteParts, case: DeletionCase) -> None:
    """Puts on the worklist what waits for somebody, and takes off what does not. Joins the open transaction."""
    wanted, now = waits(case), parts.clock.now()
    open_items = parts.worklist.of_patient(case.fhir_base, case.patient)
    here = {each.kind: each for each in open_items if each.kind in WORDS and each.subject == case.id}
    for kind, item in here.items():
        if kind not in wanted:
            parts.worklist.save(replace(item, done_at=now, outcome="no-longer"))
            _note(parts, case, "work.done", item)
    for kind in WORDS:
        if kind in wanted and kind not in here:
            parts.worklist.add(_item(parts, case, kind, now))


def say_rejected(parts: DeleteParts, case: DeletionCase) -> None:
    """Whoever asked learns of it on their list, and says themselves that they know. Joins the open transaction."""
    parts.worklist.add(_item(parts, case, WorkKind.DELETION_REJECTED, parts.clock.now()))


def _waits(item: DeletionItem) -> WorkKind | None:
    if item.state in _UNDECIDED:
        return {MORE_ASKED: WorkKind.DELETION_MORE_ASKED, AWAITS_COSIGN: WorkKind.DELETION_COSIGN}.get(
            item.why, WorkKind.DELETION
        )
    if item.state is DeletionState.ACCEPTED:
        return WorkKind.DELETION_APPROVED
    return WorkKind.DELETION_NOT_PROVEN if item.state is DeletionState.FAILED else None


def _item(parts: DeleteParts, case: DeletionCase, kind: WorkKind, now: dt.datetime) -> WorkItem:
    theirs = kind not in (WorkKind.DELETION, WorkKind.DELETION_COSIGN, WorkKind.DELETION_NOT_PROVEN)
    return WorkItem(
        id=WorkId(parts.new_id()),
        kind=kind,
        fhir_base=case.fhir_base,
        patient=case.patient,
        subject=case.id,
        created=now,
        due=_due(parts, case, kind, now),
        owner=case.requested_by if theirs else None,
        owner_name=case.requested_by_name if theirs else "",
        patient_name=case.patient_name,
        words=WORDS.get(kind, "The Caldicott Guardian has not approved it, and says why on the request."),
        not_by=None if theirs else _not_by(case, kind),
    )


def _not_by(case: DeletionCase, kind: WorkKind) -> Reference | None:
    """Who can by no means do it. That a co-signer is not the Guardian either, signing looks at."""
    return None if kind is WorkKind.DELETION_NOT_PROVEN else case.requested_by


def _due(parts: DeleteParts, case: DeletionCase, kind: WorkKind, now: dt.datetime) -> dt.datetime:
    if kind is WorkKind.DELETION:
        return end_of(case.due)
    if kind is WorkKind.DELETION_REPLY and case.reply_due is not None:
        return end_of(case.reply_due)
    late = now + dt.timedelta(hours=parts.policy.work_hours[kind])
    ends = [each.expires for each in case.items if each.expires is not None]
    return min([late, *ends]) if kind in (WorkKind.DELETION_APPROVED, WorkKind.DELETION_COSIGN) else late


def _note(parts: DeleteParts, case: DeletionCase, action: str, item: WorkItem) -> None:
    parts.audit.append(
        AuditEntry(
            action=action,
            actor="system",
            patient=f"Patient/{case.patient}",
            subject=item.id,
            policy=parts.policy.reference,
            detail={"kind": item.kind.value, "case": case.id},
        )
    )
