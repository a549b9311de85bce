"""What an open request puts in place, and what goes when it ends.

While it is open nothing of this patient is destroyed or hidden with loss: to do so after somebody has asked is an
offence (Data Protection Act 2018, section 173; Freedom of Information Act 2000, section 77; G-R255). What waits for a
person stands on the worklist.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

from fhir_plugin.disclose.desk import gathered
from fhir_plugin.disclose.desk.due import due_day
from fhir_plugin.disclose.desk.parts import DeskParts
from fhir_plugin.disclose.desk.pictures import cuts_of
from fhir_plugin.errors import NotFound
from fhir_plugin.ports import Compartment
from mappings.model.disclosure_request import DisclosureId, DisclosureRequest, RequestState
from mappings.model.identifiers import Reference, WorkId
from mappings.model.people import ClinicalSession
from mappings.model.practice import Hold, HoldKind
from mappings.model.work import WorkItem, WorkKind

NO_LIMIT: Final = dt.timedelta(days=30)
"""When a request counts as late where no law says so."""
_WORDS: Final = {
    WorkKind.DISCLOSURE: "A copy of the record is due.",
    WorkKind.DISCLOSURE_SECOND: "What goes out of a record was signed once. Somebody else has to look and sign, too.",
    WorkKind.HARM_OPINION: "Would it cause serious harm, were the patient to see it? Open the chart to answer.",
}


def hold(parts: DeskParts, session: ClinicalSession, request: DisclosureRequest) -> None:
    """From now on. Joins the open transaction. The hold goes by the request's own id."""
    parts.holds.add(
        Hold(
            id=request.id,
            kind=HoldKind.ACCESS_REQUEST,
            fhir_base=request.fhir_base,
            patient=request.patient,
            since=parts.clock.now(),
            by=session.user.reference,
            by_name=session.user.display,
            words=f"A request for a copy of the record came in on {request.received.isoformat()}.",
            policy=parts.policy.reference,
            follows=request.id,
        )
    )


def let_go(parts: DeskParts, request: DisclosureRequest, by: Reference, by_name: str, why: str) -> None:
    """The request has ended. Joins the open transaction; idempotent."""
    try:
        found = parts.holds.get(request.id, for_change=True)
    except NotFound:
        return
    if found.lifted is None:
        parts.holds.save(
            replace(found, lifted=parts.clock.now(), lifted_by=by, lifted_by_name=by_name, lifted_because=why)
        )


def list_what_waits(
    parts: DeskParts, request: DisclosureRequest, by: Reference, *, professional: bool | None = None
) -> None:
    """Puts on the worklist what waits for somebody, and takes off what does not. Joins the open transaction.

    `professional`: whether a health professional is asked; None where that is not known, which changes nothing.
    """
    now = parts.clock.now()
    due = _due(parts, request, WorkKind.DISCLOSURE, now)
    open_items = parts.worklist.of_patient(request.fhir_base, request.patient)
    here = {item.kind: item for item in open_items if item.kind in _WORDS and item.subject == request.id}
    asked = WorkKind.HARM_OPINION in here if professional is None else professional
    wanted = {
        WorkKind.DISCLOSURE: request.is_open,
        WorkKind.DISCLOSURE_SECOND: request.state is RequestState.WAITS_FOR_SECOND,
        WorkKind.HARM_OPINION: request.is_open and asked,
    }
    for kind, waits in wanted.items():
        item = here.get(kind)
        if item is None:
            if waits:
                parts.worklist.add(_item(parts, request, kind, now))
        elif not waits:
            parts.worklist.save(replace(item, done_at=now, done_by=by, outcome=request.state.value))
        elif kind is WorkKind.DISCLOSURE and item.due != due:
            parts.worklist.save(replace(item, due=due))


def tidy(parts: DeskParts) -> int:
    """Destroys what was read for requests that have ended, and takes them off the worklist; returns how many."""
    found: dict[DisclosureId, DisclosureRequest | None] = {}
    for item in parts.vault.items(compartment=Compartment.PACKAGE_PART):
        kind, _, rest = item.owner.partition("/")
        id = DisclosureId(rest.rpartition("/")[0])
        if kind != "disclosure" or not id or id in found:
            continue
        try:
            found[id] = parts.requests.get(id)
        except NotFound:
            found[id] = None
    ended = [id for id, request in found.items() if request is None or not request.is_open]
    for id in ended:
        with parts.work.transaction():
            forget(parts, id)
            request = found[id]
            if request is not None:
                by = request.second or request.first
                list_what_waits(parts, request, by.by if by is not None else request.created_by)
    return len(ended)


def forget(parts: DeskParts, id: DisclosureId) -> None:
    """Destroys what was read and made for this request, but no package. Joins the open transaction; idempotent."""
    gathered.forget(parts.vault, id)
    for item in parts.vault.items(compartment=Compartment.PACKAGE_PART, owner=cuts_of(id)):
        parts.vault.destroy(item.vault_id)


def _item(parts: DeskParts, request: DisclosureRequest, kind: WorkKind, now: dt.datetime) -> WorkItem:
    first = request.first.by if request.first is not None else None
    return WorkItem(
        id=WorkId(parts.new_id()),
        kind=kind,
        fhir_base=request.fhir_base,
        patient=request.patient,
        subject=request.id,
        created=now,
        due=_due(parts, request, kind, now),
        patient_name=request.patient_name,
        words=_WORDS[kind],
        not_by=first if kind is WorkKind.DISCLOSURE_SECOND else None,
    )


def _due(parts: DeskParts, request: DisclosureRequest, kind: WorkKind, now: dt.datetime) -> dt.datetime:
    day = due_day(request, parts)
    if kind is not WorkKind.DISCLOSURE:
        return now + dt.timedelta(hours=parts.policy.work_hours[kind])
    if day is None:
        return request.created + NO_LIMIT
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
