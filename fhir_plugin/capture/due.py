"""What a capture puts on somebody's list, and takes off it: always in the transaction of the act itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

from fhir_plugin.capture.draft import Draft
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.policy.ruling import WorkDue
from mappings.model.identifiers import Reference, WorkId
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkItem, WorkKind


def put_on_list(
    parts: CaptureParts,
    session: ClinicalSession,
    draft: Draft,
    work: WorkDue,
    *,
    patient_name: str = "",
    owned: bool = True,
    not_by: Reference | None = None,
    subject: str = "",
) -> WorkItem:
    """One item about this capture, or about `subject`. Joins the open transaction; an open one of the same kind about
    the same stays as it is.

    `owned`: the person who acts owns it; a review by somebody else is nobody's yet.
    """
    now = parts.clock.now()
    return parts.worklist.add(
        WorkItem(
            id=WorkId(parts.new_id()),
            kind=work.kind,
            fhir_base=draft.fhir_base,
            patient=draft.patient,
            subject=subject or draft.capture_id,
            created=now,
            due=now + dt.timedelta(hours=work.hours),
            owner=session.user.reference if owned else None,
            owner_name=session.user.display if owned else "",
            patient_name=patient_name,
            words=work.words,
            not_by=not_by,
        )
    )


def put_all_on_list(
    parts: CaptureParts, session: ClinicalSession, draft: Draft, work: Iterable[WorkDue], *, patient_name: str
) -> None:
    """What a ruling says is due when it is carried out. A review is for somebody else than who decided.

    Emptying a mailbox or device comes after filing, and on the list with it (`capture.afterwards`); a concern
    is there since it was said (`capture.concern`).
    """
    for each in work:
        if each.kind in (WorkKind.SOURCE, WorkKind.SAFEGUARDING):
            continue
        reviewed = each.kind in (WorkKind.URGENT_REVIEW, WorkKind.SECOND_PERSON)
        put_on_list(
            parts,
            session,
            draft,
            each,
            patient_name=patient_name,
            owned=not reviewed,
            not_by=session.user.person if reviewed else None,
        )


def take_off_list(
    parts: CaptureParts, session: ClinicalSession, draft: Draft, kind: WorkKind, *, outcome: str
) -> WorkItem | None:
    """The open item of this kind about this capture is done. None: there is none."""
    for item in parts.worklist.of_patient(draft.fhir_base, draft.patient):
        if (item.kind, item.subject) == (kind, draft.capture_id):
            return finish(parts, session, item, outcome=outcome)
    return None


def finish(parts: CaptureParts, session: ClinicalSession, item: WorkItem, *, outcome: str) -> WorkItem:
    """Somebody has done it. `outcome` is a code."""
    done = replace(item, done_at=parts.clock.now(), done_by=session.user.reference, outcome=outcome)
    parts.worklist.save(done)
    return done
