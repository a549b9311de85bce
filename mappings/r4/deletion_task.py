"""A request for permanent deletion as R4 Tasks: one parent for the case, one for each image through `partOf`.

The Tasks are told, not asked: what was decided is in our case. They hold codes, ids, times and a keyed digest; no
title, site or word that anybody typed. R4 lets a Task leave a terminal state and change in any way; `differences` says
where one is not as we told it (shapes B5).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from mappings.model.deletion import (
    CaseId,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    ItemId,
    Signed,
)
from mappings.model.identifiers import Reference
from mappings.model.labels import RESTRICTED
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.terminology import audit, systems

PERMANENT_DELETION: Final = ("permanent-deletion", "Permanent deletion")
CASE_WORDS: Final = "Request for the permanent deletion of images"
ITEM_WORDS: Final = "Permanent deletion of one image"
_GUARDIAN: Final = ("R5105", "Caldicott Guardian")
_LITERAL: Final = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}", re.ASCII)
_SERVER_PLACES: Final = ("binary", "image", "history", "record")

AWAITING: Final = "awaiting-caldicott"
MORE: Final = "awaiting-second-signature"
APPROVED: Final = "approved"
HELD: Final = "legal-hold"
PURGED_SERVER: Final = "purged-server"
PURGED_STORE: Final = "purged-store"
WRITTEN: Final = "evidence-written"
NOT_PROVEN: Final = "not-proven"

STEP_WORDS: Final = {
    AWAITING: "Waiting for the Caldicott Guardian",
    MORE: "Waiting for a second signature",
    APPROVED: "Approved; nothing has been destroyed",
    HELD: "On hold",
    PURGED_STORE: "Destroyed in the app's own store",
    PURGED_SERVER: "Destroyed in the record; not yet proven",
    WRITTEN: "Destroyed and proven; the evidence is written",
    NOT_PROVEN: "Not proven: something remains, or could not be looked at",
}


@dataclass(frozen=True)
class RecordedTask:
    """What a Task of ours says. What cannot be read is None or empty."""

    reference: Reference
    version: str | None
    state: DeletionState | None
    step: str | None
    case: CaseId | None
    item: ItemId | None
    """None on the parent."""
    focus: Reference | None
    """None once there is nothing to refer to."""
    patient: Reference | None
    requester: Reference | None
    owner: Reference | None
    part_of: Reference | None
    reason: DeletionReason | None
    image_version: str
    digest: str
    until: dt.datetime | dt.date | None
    authored: dt.datetime | None
    modified: dt.datetime | None


def to_deletion_parent(case: DeletionCase, *, at: dt.datetime, id: str | None = None) -> Json:
    """The Task of the whole request: it says what its items say together. `at`: when it is told.

    Raises `NotMappable` for an instant without an offset.
    """
    task = _begun(case, id)
    task["identifier"] = [{"system": systems.DELETION, "value": case.id}]
    state = case_state(case)
    task["status"] = state.value
    _about(task, case, CASE_WORDS)
    _times(task, case, at)
    task["requester"] = who(case.requested_by, case.requested_by_name)
    task["performerType"] = [elements.concept(systems.SDS_JOB_ROLE_NAME, *_GUARDIAN)]
    task["reasonCode"] = elements.concept(systems.DELETION_REASON, case.reason.value)
    task["restriction"] = {"period": {"end": elements.date_time(case.due)}}
    task["input"] = [*_inputs(case)]
    return task


def to_deletion_task(
    case: DeletionCase,
    item: DeletionItem,
    *,
    parent: Reference | None,
    at: dt.datetime,
    id: str | None = None,
) -> Json:
    """The Task of one image, as it stands. `at`: when it is told.

    Once the image is destroyed its focus is no reference that a server could not follow, but our identifier of what
    was there. Raises `NotMappable` for an instant without an offset.
    """
    task = _begun(case, id)
    task["identifier"] = [{"system": systems.DELETION_ITEM, "value": item.id}]
    if parent is not None:
        task["partOf"] = [elements.reference(parent)]
    task["status"] = item.state.value
    if item.why:
        task["statusReason"] = elements.concept(systems.DELETION_WHY, item.why)
    step = step_of(item)
    if step is not None:
        task["businessStatus"] = elements.concept(systems.DELETION_STEP, step, STEP_WORDS[step])
    _about(task, case, ITEM_WORDS, focus=focus_of(item))
    _times(task, case, at)
    task["requester"] = who(case.requested_by, case.requested_by_name)
    task["performerType"] = [elements.concept(systems.SDS_JOB_ROLE_NAME, *_GUARDIAN)]
    decided = item.approval or item.rejection
    if decided is not None:
        task["owner"] = who(decided.by, decided.by_name)
    task["reasonCode"] = elements.concept(systems.DELETION_REASON, case.reason.value)
    task["restriction"] = {"period": _period(case, item, decided)}
    task["input"] = [
        *_inputs(case),
        *([typed("version", {"valueString": item.image.version})] if item.image.version else []),
        *([typed("digest", {"valueString": item.image.digest})] if item.image.digest else []),
    ]
    outputs = [*_outputs(item)]
    if outputs:
        task["output"] = outputs
    return task


def from_deletion_task(json: object) -> RecordedTask:
    """Any Task. Raises `NotReadable` for another type or a missing id."""
    task = elements.resource_of_type(json, "Task")
    inputs = {
        code: elements.text_of(each.get("valueString"))
        for each in elements.objects_of(task.get("input"))
        if (code := elements.code_in(each.get("type"), systems.DELETION_TASK)) is not None
    }
    group = elements.object_of(task.get("groupIdentifier"))
    item = elements.identifier_in(task, systems.DELETION_ITEM)
    case = elements.text_of(group.get("value")) if group.get("system") == systems.DELETION else ""
    status, reason = task.get("status"), elements.code_in(task.get("reasonCode"), systems.DELETION_REASON)
    period = elements.object_of(elements.object_of(task.get("restriction")).get("period"))
    return RecordedTask(
        reference=Reference(f"Task/{elements.id_of(task)}"),
        version=elements.version_of(task),
        state=DeletionState(status) if isinstance(status, str) and status in set(DeletionState) else None,
        step=elements.code_in(task.get("businessStatus"), systems.DELETION_STEP),
        case=CaseId(case) if case else None,
        item=ItemId(item) if item else None,
        focus=elements.reference_of(task.get("focus")),
        patient=elements.reference_of(task.get("for")),
        requester=elements.reference_of(task.get("requester")),
        owner=elements.reference_of(task.get("owner")),
        part_of=next((elements.reference_of(each) for each in elements.objects_of(task.get("partOf"))), None),
        reason=DeletionReason(reason) if reason in set(DeletionReason) else None,
        image_version=inputs.get("version", ""),
        digest=inputs.get("digest", ""),
        until=elements.parse_date_time(period.get("end")),
        authored=elements.parse_instant(task.get("authoredOn")),
        modified=elements.parse_instant(task.get("lastModified")),
    )


def is_deletion_task(json: Json, *, case: CaseId, item: ItemId | None) -> bool:
    """Whether it is the Task of this item, or with None of this case: what a search found is not believed."""
    system, value = (systems.DELETION_ITEM, item) if item is not None else (systems.DELETION, case)
    return json.get("resourceType") == "Task" and elements.identifier_in(json, system) == value


def step_of(item: DeletionItem) -> str | None:
    """Task.businessStatus: how far it has come, where the status alone does not say it."""
    match item.state:
        case DeletionState.REQUESTED | DeletionState.RECEIVED:
            return MORE if item.approval is not None else AWAITING
        case DeletionState.ACCEPTED:
            return APPROVED
        case DeletionState.ON_HOLD:
            return HELD
        case DeletionState.IN_PROGRESS:
            if any(place.startswith(_SERVER_PLACES) for place in item.purged):
                return PURGED_SERVER
            return PURGED_STORE if item.purged else APPROVED
        case DeletionState.COMPLETED:
            return WRITTEN
        case DeletionState.FAILED:
            return NOT_PROVEN
        case _:
            return None


def case_state(case: DeletionCase) -> DeletionState:
    """What the parent says: the least finished of its items, and done only when all are."""
    states = {item.state for item in case.items}
    return next((each for each in _LEAST_FIRST if each in states), DeletionState.CANCELLED)


_LEAST_FIRST: Final = (
    DeletionState.IN_PROGRESS,
    DeletionState.FAILED,
    DeletionState.ON_HOLD,
    DeletionState.REQUESTED,
    DeletionState.RECEIVED,
    DeletionState.ACCEPTED,
    DeletionState.COMPLETED,
    DeletionState.REJECTED,
    DeletionState.CANCELLED,
    DeletionState.ENTERED_IN_ERROR,
)


def focus_of(item: DeletionItem) -> Json:
    """The image as a reference while it is there; as our identifier once the record's own may be gone."""
    gone = item.state in (DeletionState.IN_PROGRESS, DeletionState.COMPLETED, DeletionState.FAILED)
    return destroyed(item.image.reference, item.image.version) if gone else elements.reference(item.image.reference)


def destroyed(reference: Reference, version: str = "") -> Json:
    """R4 Reference to what is in the record no more: servers refuse a literal one."""
    value = f"{reference}/_history/{version}" if version else reference
    return {
        "type": reference.split("/")[0],
        "identifier": {"system": systems.DESTROYED, "value": value},
        "display": "What was permanently deleted",
    }


# ------------------------------------------------------------------------------------------ parts


def _begun(case: DeletionCase, id: str | None) -> Json:
    task: Json = {"resourceType": "Task"}
    if id is not None:
        task["id"] = id
    task["meta"] = {"security": elements.security((RESTRICTED,))}
    task["groupIdentifier"] = {"system": systems.DELETION, "value": case.id}
    return task


def _about(task: Json, case: DeletionCase, words: str, *, focus: Json | None = None) -> None:
    task["intent"] = "order"
    task["code"] = {
        "coding": [
            elements.coding(systems.DELETION_TASK, *PERMANENT_DELETION),
            elements.coding(systems.ISO_21089_LIFECYCLE, *audit.DESTROY),
        ]
    }
    task["description"] = words
    if focus is not None:
        task["focus"] = focus
    task["for"] = elements.reference(Reference(f"Patient/{case.patient}"))


def _times(task: Json, case: DeletionCase, at: dt.datetime) -> None:
    """R4 inv-1: the last change is not before the first; a clock that went back must not make it so. Both in UTC, as
    some servers compare them as text."""
    for moment in (case.created, at):
        elements.instant(moment)  # refuses one without an offset
    task["authoredOn"] = elements.instant(case.created.astimezone(dt.UTC))
    task["lastModified"] = elements.instant(max(at, case.created).astimezone(dt.UTC))


def in_record(by: Reference) -> bool:
    """Whether it is a reference that a server can follow; what the app did by itself, for one, has none."""
    return _LITERAL.fullmatch(by) is not None


def who(by: Reference, name: str = "") -> Json:
    """R4 Reference to a person, or words where the record has nobody to refer to."""
    if not in_record(by):
        return {"display": "The app itself" if by == "system" else "Somebody whom this record does not hold"}
    return elements.reference(by, elements.string(name).strip() or None)


def _period(case: DeletionCase, item: DeletionItem, decided: Signed | None) -> Json:
    """Until when: the due date while it is asked for, the end of the approval once there is one."""
    if item.approval is None or item.expires is None or decided is None or item.expires < decided.at:
        return {"end": elements.date_time(case.due)}
    return {"start": elements.instant(decided.at), "end": elements.instant(item.expires)}


def _inputs(case: DeletionCase) -> list[Json]:
    given = [
        typed("reason", {"valueCode": case.reason.value}),
        typed("due", {"valueDate": case.due.isoformat()}),
    ]
    if _LITERAL.fullmatch(case.described):
        given.append(typed("description", {"valueReference": elements.reference(Reference(case.described))}))
    if case.policy:
        given.append(typed("policy", {"valueUri": elements.policy_uri(case.policy)}))
    return given


def _outputs(item: DeletionItem) -> list[Json]:
    given = []
    if item.proof is not None:
        given.append(typed("proof", {"valueCode": "proven" if item.proof.proven else "not-proven"}))
    if item.certificate is not None:
        given.append(typed("certificate", {"valueString": item.certificate}))
    return given


def typed(code: str, value: Json) -> Json:
    """An input or output of R4 Task, with our code for what it is."""
    return {"type": elements.concept(systems.DELETION_TASK, code), **value}
