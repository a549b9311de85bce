"""The record is told how a request for permanent deletion stands: Tasks, written after each step, never believed.

What was decided is in our case; a Task says it to everybody else. Each carries a seal: the revision of the case and a
keyed digest of all that it says. What is read back with another seal, or none, or an older one than we know of, was
edited behind our back: then what was approved by it is void and goes to a person, and the Task is told anew.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from fhir_plugin.delete.lifecycle import Event, may, moved
from fhir_plugin.delete.parts import DeleteParts
from fhir_plugin.delete.standing import changed
from fhir_plugin.errors import (
    AnswerLost,
    Gone,
    NotFound,
    ReadBackMismatch,
    RecordRefused,
    SignInNeeded,
    VersionConflict,
)
from fhir_plugin.ledger.intents import Evidence, Intent, Plan, Step, StepState
from fhir_plugin.ledger.record_steps import TRIES
from fhir_plugin.ports import ClinicalRecord, Json
from mappings.model.deletion import TERMINAL, CaseId, DeletionCase, DeletionItem, Happened, ItemId
from mappings.model.identifiers import IntentId, LaunchId, Reference
from mappings.model.people import ClinicalSession
from mappings.r4 import elements
from mappings.r4.deletion_seal import differences, sealed, sealed_revision, told
from mappings.r4.deletion_task import is_deletion_task, to_deletion_parent, to_deletion_task
from mappings.terminology import systems

KIND: Final = "deletion-task"
EDITED: Final = "task-edited"
"""The Task says something that we did not write."""
GONE: Final = "task-gone"
"""The Task that we wrote is not there any more."""
WORDS: Final[Mapping[str, str]] = {
    EDITED: "The task in the record was changed by somebody else",
    GONE: "The task in the record was removed by somebody else",
}
_NAMESPACE: Final = uuid.UUID("3f0b6a1c-53b0-4ab1-9b93-5e3f0c7d2a61")


def tell(parts: DeleteParts, case: DeletionCase, *, launch: LaunchId, user: Reference) -> IntentId:
    """Writes down, in the open transaction, that the record is told how this case stands: as it stands by then. Called
    again for the same revision it is told once. `launch`: of this patient; `carry_out`, `resume_for` and the engine
    carry it out."""
    id = IntentId(str(uuid.uuid5(_NAMESPACE, f"{case.id}/{case.revision}")))
    with suppress(NotFound):
        return parts.ledger.get(id).id
    parts.ledger.add(
        Intent(
            id=id,
            kind=KIND,
            subject=case.id,
            fhir_base=case.fhir_base,
            patient=case.patient,
            user=user,
            launch=launch,
            created=parts.clock.now(),
        )
    )
    return id


def carry_out(parts: DeleteParts, intent: IntentId) -> None:
    """Tells it now as far as that goes; the rest is told by itself."""
    if not parts.engine.run(intent).ended:
        parts.queue.wake(after_seconds=5)


def resume_for(parts: DeleteParts, session: ClinicalSession) -> None:
    """After a launch of this patient, whoever's: what waits for a sign-in is told under it."""
    for case in parts.cases.of_patient(session.fhir_base, session.patient_id):
        for intent in parts.ledger.for_subject(case.id):
            if intent.kind == KIND and not intent.ended and parts.engine.adopt(intent, session.launch_id):
                parts.queue.wake()


def edited(parts: DeleteParts, record: ClinicalRecord, case: DeletionCase, item: DeletionItem) -> str:
    """What is wrong with the Task of an item, or with its parent, as the record has them now: `EDITED`, `GONE`, or
    empty, also where it was never told.

    Raises as the record does: what cannot be read is not unedited.
    """
    for each in (None, item):
        found = _look(parts, record, case, each)
        if found.wrong:
            return found.wrong
    return ""


def not_told(parts: DeleteParts, record: ClinicalRecord, case: DeletionCase, item: DeletionItem) -> bool:
    """Whether the record has no Task of an item, or one of ours that says how it stood before. Raises as the record."""
    found = _look(parts, record, case, item)
    if found.task is None or found.wrong:
        return found.task is None and not found.wrong
    return bool(_where(case, item, found.task))


@dataclass(frozen=True)
class Tellings:
    """Plans for intents of kind `deletion-task`."""

    parts: DeleteParts

    def __call__(self, intent: Intent) -> Plan:
        case = self.parts.cases.get(CaseId(intent.subject))
        return _Telling(self.parts, case, intent)


class _Telling:
    def __init__(self, parts: DeleteParts, case: DeletionCase, intent: Intent) -> None:
        self._parts = parts
        self._case = case
        self._intent = intent

    def steps(self) -> Sequence[Step]:
        record = self._parts.records(self._intent.launch)
        items: tuple[ItemId | None, ...] = (None, *(each.id for each in self._case.items))
        return [_TaskStep(self._parts, record, self._intent, each) for each in items]

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        """The items say where their Tasks are."""
        case = self._parts.cases.get(CaseId(intent.subject), for_change=True)
        items = tuple(replace(item, task=Reference(evidence[_name(item.id)]["reference"])) for item in case.items)
        if items != case.items:
            self._parts.cases.save(replace(case, items=items, revision=case.revision + 1))

    def abandon(self, intent: Intent) -> None:
        """The record would not take them: our case stands, and its next step is told again."""
        self._parts.audit.append(
            intent.entry("deletion.not-told", {"reason": intent.reason}, policy=self._case.policy, outcome="failure")
        )


@dataclass
class _TaskStep:
    """One Task, made to say how its item (None: the whole case) stands, over the version that was read."""

    parts: DeleteParts
    record: ClinicalRecord
    intent: Intent
    item: ItemId | None

    @property
    def name(self) -> str:
        return _name(self.item)

    def happened(self) -> Evidence | None:
        found, case = self._found()
        return self._evidence(found.task, case) if self._says(found, case) else None

    def do(self) -> Evidence:
        for tries_left in reversed(range(TRIES)):
            found, case = self._found()
            if found.wrong:
                case = self._void(case, found)
            elif self._says(found, case):
                return self._evidence(found.task, case)
            try:
                self._write(found.task, case)
                break
            except VersionConflict:
                if not tries_left:
                    raise
        found, case = self._found()
        if found.wrong or found.task is None:
            raise ReadBackMismatch("a Task does not say what was written", code="task-not-kept")
        return self._evidence(found.task, case)

    def undo(self, evidence: Evidence) -> Sequence[str]:
        """What was told stands: it was so."""
        return ()

    # ------------------------------------------------------------------------------------------ inside

    def _found(self) -> tuple[_Found, DeletionCase]:
        """The Task first and the case after it: what the case says is then never older than what the Task says."""
        case = self.parts.cases.get(CaseId(self.intent.subject))
        found = _look(self.parts, self.record, case, None if self.item is None else case.item(self.item))
        return found, self.parts.cases.get(case.id)

    def _says(self, found: _Found, case: DeletionCase) -> bool:
        if found.task is None or found.wrong:
            return False
        return not differences(told(self._content(case)), found.task)

    def _content(self, case: DeletionCase) -> Json:
        at = self.parts.clock.now()
        id = self._our_id(case)
        if self.item is None:
            return to_deletion_parent(case, at=at, id=id)
        steps = self.parts.ledger.steps(self.intent.id)
        parent = Reference(steps[_name(None)].evidence["reference"])
        return to_deletion_task(case, case.item(self.item), parent=parent, at=at, id=id)

    def _our_id(self, case: DeletionCase) -> str | None:
        capability = self.record.capability()
        if capability.holds("Task") and not capability.takes_our_id("Task"):
            return None
        return case.id if self.item is None else self.item

    def _write(self, there: Json | None, case: DeletionCase) -> None:
        task = sealed(self._content(case), case.revision, self.parts.vault.keyed_digest)
        if there is not None:
            try:
                self.record.put({**task, "id": there["id"]}, version=elements.version_of(there))
            except RecordRefused as refused:
                if isinstance(refused, VersionConflict) or self.record.capability().may("Task", "update"):
                    raise
                raise SignInNeeded("this launch may not change the Tasks of this patient") from refused
        elif "id" in task:
            self.record.put(task)
        else:
            self.record.create(task)

    def _evidence(self, task: Json | None, case: DeletionCase) -> Evidence:
        if task is None:
            raise ReadBackMismatch("a Task is not there any more", code="task-not-kept")
        revision = sealed_revision(task, self.parts.vault.keyed_digest)
        return {
            "reference": f"Task/{task['id']}",
            "version": elements.version_of(task) or "",
            "revision": str(case.revision if revision is None else revision),
            "ehr": "yes" if self.record.capability().may("Task", "read") else "",
        }

    def _void(self, case: DeletionCase, found: _Found) -> DeletionCase:
        """Written down before the Task is told anew, once for each version of it that somebody has written."""
        parts, at = self.parts, self.parts.clock.now()
        version = elements.version_of(found.task) if found.task is not None else None
        words = f"{WORDS[found.wrong]} ({version or 'no version'})"
        with parts.work.transaction():
            case = parts.cases.get(case.id, for_change=True)
            meant = [each for each in case.items if self.item in (None, each.id)]
            after = [_voided(each, found.wrong, words, at) for each in meant]
            if after == meant:
                return case
            case = changed(parts, case, *after)
            parts.audit.append(
                self.intent.entry(
                    "deletion.task-edited",
                    {"why": found.wrong, "elements": ",".join(found.elements) or "all"},
                    policy=case.policy,
                    subject=self.item or case.id,
                )
            )
        return case


@dataclass(frozen=True)
class _Found:
    """A Task as the record has it. `wrong`: what is wrong with it; `elements`: where, as far as that can be told."""

    task: Json | None
    wrong: str = ""
    elements: tuple[str, ...] = ()


def _look(parts: DeleteParts, record: ClinicalRecord, case: DeletionCase, item: DeletionItem | None) -> _Found:
    before = _told_before(parts, case, item)
    task = _read(record, case, item, before)
    if task is None:
        return _Found(None, GONE if before is not None else "")
    revision = sealed_revision(task, parts.vault.keyed_digest)
    ours = is_deletion_task(task, case=case.id, item=item.id if item is not None else None)
    if revision is None or not ours:
        return _Found(task, EDITED, _where(case, item, task))
    rolled_back = before is not None and revision < int(before["revision"])
    return _Found(task, EDITED if rolled_back else "")


def _where(case: DeletionCase, item: DeletionItem | None, task: Json) -> tuple[str, ...]:
    parent = next((elements.reference_of(each) for each in elements.objects_of(task.get("partOf"))), None)
    at = case.created
    expected = to_deletion_parent(case, at=at) if item is None else to_deletion_task(case, item, parent=parent, at=at)
    return differences(told(expected), task)


def _told_before(parts: DeleteParts, case: DeletionCase, item: DeletionItem | None) -> Evidence | None:
    """What was written down when this Task was told last; None where it never was."""
    name = _name(None if item is None else item.id)
    found = [
        step.evidence
        for intent in parts.ledger.for_subject(case.id)
        if intent.kind == KIND
        and (step := parts.ledger.steps(intent.id).get(name)) is not None
        and step.state is StepState.DONE
    ]
    return max(found, key=lambda evidence: int(evidence["revision"]), default=None)


def _read(
    record: ClinicalRecord, case: DeletionCase, item: DeletionItem | None, before: Evidence | None
) -> Json | None:
    if before is not None:
        if before["ehr"] and not record.capability().may("Task", "read"):
            raise SignInNeeded("this launch may not read the Tasks of this patient")
        with suppress(NotFound, Gone):
            return record.read(*before["reference"].split("/"))
    capability = record.capability()
    if not capability.holds("Task") or capability.takes_our_id("Task"):
        with suppress(NotFound, Gone):
            return record.read("Task", case.id if item is None else item.id)
        return None
    system, value = (systems.DELETION, str(case.id)) if item is None else (systems.DELETION_ITEM, str(item.id))
    try:
        answer = record.search("Task", {"patient": case.patient, "identifier": f"{system}|{value}"})
    except RecordRefused as refused:
        raise AnswerLost("this server would not say whether a Task was written") from refused
    ours = [each for each in answer if is_deletion_task(each, case=case.id, item=item.id if item else None)]
    return min(ours, key=lambda each: (elements.text_of(each["meta"].get("lastUpdated")), each["id"]), default=None)


def _voided(item: DeletionItem, wrong: str, words: str, at: dt.datetime) -> DeletionItem:
    """Nothing is approved any more by what somebody has edited since. What has begun is told, and asks by itself."""
    if item.approval is not None and may(item, Event.VOIDED):
        return moved(item, Event.VOIDED, at=at, words=words, why=wrong)
    if item.state in TERMINAL or any(each.words == words for each in item.timeline):
        return item
    return replace(item, timeline=(*item.timeline, Happened(wrong, at, words=words)))


def _name(item: ItemId | None) -> str:
    return "parent" if item is None else f"item-{item}"
