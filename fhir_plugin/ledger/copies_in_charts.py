"""What becomes of a copy in a chart that takes no images, once its image is relabelled, moved or not to be seen there.

The whole image is kept by this app: taking a copy out of the chart loses nothing. Each act looks at what the chart
shows afterwards and says that, whatever the EHR answered.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from typing import Final, Protocol

from fhir_plugin.errors import Gone, NotFound, RecordRefused, VersionConflict
from fhir_plugin.ledger.record_steps import TRIES
from fhir_plugin.ports import ChartCopies, ClinicalRecord, Clock, Json, KeptImages, Worklist
from mappings.model.identifiers import Reference, WorkId
from mappings.model.labels import Label
from mappings.model.work import WorkItem, WorkKind
from mappings.model.writeback import ChartCopy, CopyState
from mappings.r4 import elements
from mappings.r4.relabelled import labels_of_image, relabelled
from mappings.r4.tombstone import ENTERED_IN_ERROR, is_tombstone, to_tombstone

_SUBJECT: Final = "chart-copy/"
_TO_FILE: Final = (
    "This EHR takes nothing from an app. A signed file of this picture waits to be filed in the chart by hand: "
    "download it from its receipt, file it, and say so here."
)
_TAKE_OUT: Final = (
    "A copy of this picture is in the chart and must not be there any more, and this EHR lets no app take it out. Take "
    "it out by hand, and say so here."
)
_FIND_THE_FILE: Final = (
    "A file of this picture was made to be filed by hand, and must be nowhere any more. Look in the chart, and "
    "wherever the file was kept; take it out, and say so here."
)


EMPTIED: Final = b"A copy of a picture was here. It was taken back."
"""Stands in a document that an EHR lets be changed and not be emptied: it says nothing of the picture."""


class InChart(StrEnum):
    """What the chart shows of one copy."""

    SHOWN = "shown"
    MARKED = "marked"
    """Still there, as entered in error."""
    EMPTIED = "emptied"
    """Our tombstone, or a document with our notice alone: it says nothing."""
    GONE = "gone"
    UNSEEN = "unseen"
    """This launch may not look, or there is nothing to look at."""


def looked_at(record: ClinicalRecord, copy: ChartCopy) -> InChart:
    """What stands in the chart now. Raises what no answer raises (`Unavailable`, `SignInNeeded`)."""
    if copy.document is None or not record.capability_of(copy.document).may("DocumentReference", "read"):
        return InChart.UNSEEN
    try:
        resource = record.read(*copy.document.split("/"))
    except (NotFound, Gone):
        return InChart.GONE
    except RecordRefused:
        return InChart.UNSEEN
    if is_tombstone(resource) or is_emptied(resource):
        return InChart.EMPTIED
    said = {elements.text_of(resource.get(name)) for name in ("status", "docStatus")}
    return InChart.MARKED if ENTERED_IN_ERROR in said else InChart.SHOWN


def state_of(copy: ChartCopy, found: InChart) -> CopyState:
    """How a copy stands that was to be taken out, by what the chart shows now."""
    if copy.state is CopyState.GONE and found in (InChart.GONE, InChart.UNSEEN):
        return CopyState.GONE  # somebody has looked and said so
    if found is InChart.GONE:
        return CopyState.GONE
    if found in (InChart.EMPTIED, InChart.MARKED):
        return CopyState.TAKEN_BACK
    return CopyState.REMOVE_BY_HAND


def take_out(record: ClinicalRecord, copy: ChartCopy) -> CopyState:
    """Deletes it; what is not deleted is written over with words that say nothing, what is not written over is marked
    as entered in error, and what takes neither is for a person. Safe twice."""
    if copy.document is None:
        return state_of(copy, InChart.UNSEEN)
    for reference in (copy.binary, copy.document):
        if reference is not None:
            with suppress(RecordRefused):
                record.delete(*reference.split("/"))
    found = looked_at(record, copy)
    if found in (InChart.SHOWN, InChart.MARKED):
        for over in (to_tombstone, emptied, _in_error, _status_alone):
            if over in (_in_error, _status_alone) and found is InChart.MARKED:
                break
            with suppress(RecordRefused):
                _put_over(record, copy.document, over)
            found = looked_at(record, copy)
            if found is not InChart.SHOWN:
                break
    return state_of(copy, found)


def relabel(record: ClinicalRecord, copy: ChartCopy, labels: Sequence[Label]) -> bool:
    """Whether the copy in the chart says these labels now. An EHR that keeps none says no, and it is not an error."""
    if copy.document is None or looked_at(record, copy) is not InChart.SHOWN:
        return False
    with suppress(RecordRefused):
        _put_over(record, copy.document, lambda resource: relabelled(resource, labels))
    try:
        return set(labels_of_image(record.read(*copy.document.split("/")))) == set(labels)
    except RecordRefused:
        return False


def emptied(resource: Json) -> Json:
    """The document with our notice as its content, for an EHR that demands everything else of a document."""
    kept = {name: value for name, value in resource.items() if name not in ("description", "text", "relatesTo")}
    context = elements.object_of(resource.get("context"))
    if context:
        kept["context"] = {name: value for name, value in context.items() if name != "related"}
    notice = {"contentType": "text/plain", "data": base64.b64encode(EMPTIED).decode("ascii")}
    return {**kept, "status": ENTERED_IN_ERROR, "content": [{"attachment": notice}]}


def is_emptied(resource: Json) -> bool:
    """Whether it is what `emptied` makes, and shows nothing else."""
    if resource.get("status") != ENTERED_IN_ERROR or any(name in resource for name in ("description", "relatesTo")):
        return False
    contents = elements.objects_of(resource.get("content"))
    attachments = [elements.object_of(each.get("attachment")) for each in contents]
    if len(attachments) != 1 or "related" in elements.object_of(resource.get("context")):
        return False
    [attachment] = attachments
    said = elements.text_of(attachment.get("data")) == base64.b64encode(EMPTIED).decode("ascii")
    return said and not {"title", "url"} & set(attachment)


def _in_error(resource: Json) -> Json:
    marked = {**resource, "status": ENTERED_IN_ERROR}
    return {**marked, "docStatus": ENTERED_IN_ERROR} if "docStatus" in resource else marked


def _status_alone(resource: Json) -> Json:
    """For an EHR that lets nobody take back that somebody has signed it."""
    return {**resource, "status": ENTERED_IN_ERROR}


class _Over(Protocol):
    def __call__(self, resource: Json, /) -> Json: ...


def _put_over(record: ClinicalRecord, document: Reference, over: _Over) -> None:
    """Over the version that was read. Raises `RecordRefused` where this EHR changes no documents."""
    for tries_left in reversed(range(TRIES)):
        resource = record.read(*document.split("/"))
        wanted = over(resource)
        if wanted == resource:
            return
        if not record.capability_of(document).may("DocumentReference", "update"):
            raise RecordRefused("this EHR changes no documents", status=405, code="not-changed-here")
        try:
            record.put(wanted, version=elements.version_of(resource))
            return
        except VersionConflict:
            if not tries_left:
                raise


# ------------------------------------------------------------------------------------------ the register


class SaysWhenLate(Protocol):
    """Of policy, what a list needs."""

    @property
    def work_hours(self) -> Mapping[WorkKind, int]: ...


class WithCopies(Protocol):
    """Of the ports of a flow, what following a copy needs."""

    @property
    def copies(self) -> ChartCopies: ...
    @property
    def worklist(self) -> Worklist: ...
    @property
    def kept(self) -> KeptImages: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def policy(self) -> SaysWhenLate: ...
    @property
    def new_id(self) -> Callable[[], str]: ...


def stands(parts: WithCopies, copy: ChartCopy, state: CopyState, *, by: Reference) -> ChartCopy:
    """Writes down, in the open transaction, how a copy stands now; what a person has to do goes on the list, and what
    nobody has to do any more leaves it. `by`: whose act it follows. Safe twice."""
    changed = copy if copy.state is state else replace(copy, state=state, since=parts.clock.now())
    if state is CopyState.GONE:
        changed = replace(changed, digest="")
    if changed != copy:
        parts.copies.save(changed)
    remind(parts, changed, by=by)
    return changed


def remind(parts: WithCopies, copy: ChartCopy, *, by: Reference) -> None:
    """What a person has to do about it is on the list, once; and nothing where nobody has to do anything."""
    by_hand = copy.state in (CopyState.REMOVE_BY_HAND, CopyState.TO_FILE)
    for item in parts.worklist.of_patient(copy.fhir_base, copy.patient):
        if item.kind is WorkKind.CHART_COPY and item.subject == worked_on(copy):
            held = parts.worklist.get(item.id, for_change=True)
            said = replace(held, words=_words(copy)) if by_hand else _ended(held, parts.clock.now(), by)
            if said != held:
                parts.worklist.save(said)
            return
    if not by_hand:
        return
    now = parts.clock.now()
    filed = [each for each in parts.kept.of_patient(copy.fhir_base, copy.patient) if each.reference == copy.image]
    parts.worklist.add(
        WorkItem(
            id=WorkId(parts.new_id()),
            kind=WorkKind.CHART_COPY,
            fhir_base=copy.fhir_base,
            patient=copy.patient,
            subject=worked_on(copy),
            created=now,
            due=now + dt.timedelta(hours=parts.policy.work_hours[WorkKind.CHART_COPY]),
            owner=by,
            patient_name=next((each.patient_name for each in filed), ""),
            words=_words(copy),
        )
    )


def worked_on(copy: ChartCopy) -> str:
    """What an item of the list about this copy is about."""
    return f"{_SUBJECT}{copy.id}"


def copy_of_item(copies: ChartCopies, item: WorkItem) -> ChartCopy | None:
    """The copy that an item of the list is about; None for any other item."""
    id = item.subject.removeprefix(_SUBJECT)
    return next((each for each in copies.of_patient(item.fhir_base, item.patient) if each.id == id), None)


def in_charts(copies: Iterable[ChartCopy]) -> list[ChartCopy]:
    """Those of which something may be somewhere still."""
    return [each for each in copies if each.state is not CopyState.GONE]


def _words(copy: ChartCopy) -> str:
    if copy.state is CopyState.TO_FILE:
        return _TO_FILE
    return _TAKE_OUT if copy.document is not None else _FIND_THE_FILE


def _ended(item: WorkItem, now: dt.datetime, by: Reference) -> WorkItem:
    return replace(item, done_at=now, done_by=by, words="", outcome="settled")
