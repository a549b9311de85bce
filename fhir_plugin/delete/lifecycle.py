"""Which step of a permanent deletion may follow which: one table, and nothing else decides it.

States are those of the item's Task (R4). What has ended stays ended; destroying begins from an approval alone; and
what failed is tried again by the app itself, under the same approval.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from fhir_plugin.errors import Refused
from mappings.model.deletion import DeletionItem, DeletionState, Happened
from mappings.model.identifiers import Reference

S = DeletionState


class Event(StrEnum):
    """What happens to one item: also the codes of its timeline. `ASKED` begins it and is no step."""

    ASKED = "asked"
    OPENED = "opened"
    """A Guardian has looked at it."""
    MORE_ASKED = "more-asked"
    ANSWERED = "answered"
    SIGNED = "signed"
    """The Guardian approves, and policy asks for a second signature."""
    APPROVED = "approved"
    COSIGNED = "cosigned"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    """Whoever asked, or a privacy officer, no longer wants it."""
    HELD = "held"
    RELEASED = "released"
    VOIDED = "voided"
    """What was approved is no longer what is there, or the approval was taken back."""
    EXPIRED = "expired"
    BEGUN = "begun"
    """From here on the first destroying act may happen."""
    STOPPED = "stopped"
    """It stopped at a place, or something remains."""
    RETRIED = "retried"
    PROVEN = "proven"
    IN_ERROR = "in-error"
    """The request itself was a mistake: made for the wrong chart, or twice."""


_ASKED: Final[dict[Event, DeletionState]] = {
    Event.MORE_ASKED: S.RECEIVED,
    Event.SIGNED: S.RECEIVED,
    Event.APPROVED: S.ACCEPTED,
    Event.REJECTED: S.REJECTED,
    Event.CANCELLED: S.CANCELLED,
    Event.HELD: S.ON_HOLD,
    Event.IN_ERROR: S.ENTERED_IN_ERROR,
}

TABLE: Final[Mapping[DeletionState, Mapping[Event, DeletionState]]] = MappingProxyType(
    {
        S.REQUESTED: {Event.OPENED: S.RECEIVED, **_ASKED},
        S.RECEIVED: {
            **_ASKED,
            Event.OPENED: S.RECEIVED,
            Event.ANSWERED: S.RECEIVED,
            Event.COSIGNED: S.ACCEPTED,
            Event.VOIDED: S.REQUESTED,
            Event.EXPIRED: S.REQUESTED,
        },
        S.ACCEPTED: {
            Event.BEGUN: S.IN_PROGRESS,
            Event.VOIDED: S.REQUESTED,
            Event.EXPIRED: S.REQUESTED,
            Event.CANCELLED: S.CANCELLED,
            Event.HELD: S.ON_HOLD,
            Event.IN_ERROR: S.ENTERED_IN_ERROR,
        },
        S.IN_PROGRESS: {Event.PROVEN: S.COMPLETED, Event.STOPPED: S.FAILED, Event.HELD: S.ON_HOLD},
        S.FAILED: {Event.RETRIED: S.IN_PROGRESS, Event.HELD: S.ON_HOLD},
        S.ON_HOLD: {},
        S.COMPLETED: {},
        S.REJECTED: {},
        S.CANCELLED: {},
        S.ENTERED_IN_ERROR: {},
    }
)
"""(state, event) -> state. A pair that is not here does not happen. What follows a hold depends on what it was held
from: `after`."""

_WHILE_HELD: Final = frozenset({Event.CANCELLED, Event.IN_ERROR, Event.ANSWERED, Event.VOIDED, Event.EXPIRED})
"""What may happen to a held item wherever it may happen to what it was held from."""


class NoSuchStep(Refused):
    """This does not follow from where the item stands now: somebody, or the app itself, was there before."""

    code = "no-such-step"


def after(state: DeletionState, event: Event, held_from: DeletionState | None = None) -> DeletionState:
    """Where the item stands after `event`. `held_from`: of a held one, as kept with it. Raises `NoSuchStep`.

    A held item whose approval is voided or expires stays held; it then goes on from where the approval is asked for.
    """
    if state is not S.ON_HOLD:
        following = TABLE[state].get(event)
    elif held_from is None or Event.HELD not in TABLE[held_from]:
        following = None
    elif event is Event.RELEASED:
        following = held_from
    elif event in _WHILE_HELD and (then := TABLE[held_from].get(event)) is not None:
        following = then if event in (Event.CANCELLED, Event.IN_ERROR) else S.ON_HOLD
    else:
        following = None
    if following is None:
        raise NoSuchStep(f"This image stands at {state.value}: {event.value} cannot follow. Look at it again.")
    return following


def may(item: DeletionItem, event: Event) -> bool:
    """Whether `event` can follow for this item, as far as the table says."""
    try:
        after(item.state, event, item.held_from)
    except NoSuchStep:
        return False
    return True


def moved(
    item: DeletionItem,
    event: Event,
    *,
    at: dt.datetime,
    by: Reference | None = None,
    by_name: str = "",
    words: str = "",
    **changes: Any,
) -> DeletionItem:
    """The item after `event`, with a line on its timeline and other fields as in `changes`. Raises `NoSuchStep`.

    Nothing of an approval is left once it is voided or has expired; nothing that speaks is left once it is destroyed.
    A held one says why it is held; what it said before, or has to say since, it says again when it is let go.
    """
    state = after(item.state, event, item.held_from)
    held_from: DeletionState | None = None
    if state is S.ON_HOLD:
        held_from = item.state if event is Event.HELD else _goes_on_from(item, event)
    line = Happened(event.value, at, by, by_name, words)
    if event in (Event.VOIDED, Event.EXPIRED):
        changes = {"approval": None, "cosigned": None, "expires": None, **changes}
    if event in (Event.BEGUN, Event.RETRIED, Event.PROVEN, Event.APPROVED, Event.COSIGNED, Event.ANSWERED):
        changes = {"why": "", **changes}
    if event is Event.HELD:
        changes["why_before"] = item.why
    elif event is Event.RELEASED:
        changes = {**changes, "why": item.why_before, "why_before": ""}
    elif state is S.ON_HOLD and "why" in changes:
        changes["why_before"] = changes.pop("why")
    elif item.state is S.ON_HOLD:
        changes = {"why": "", **changes, "why_before": ""}
    timeline = (*item.timeline, line)
    next_item = replace(item, **{**changes, "state": state, "held_from": held_from, "timeline": timeline})
    return silent(next_item) if event is Event.PROVEN else next_item


def silent(item: DeletionItem) -> DeletionItem:
    """The item without anything that speaks of what was in the image: who decided, when and by which code stays."""
    return replace(
        item,
        title="",
        picture=None,
        approval=replace(item.approval, words="") if item.approval else None,
        cosigned=replace(item.cosigned, words="") if item.cosigned else None,
        timeline=tuple(replace(each, words="") for each in item.timeline),
    )


def diagram() -> str:
    """The table as a Mermaid state diagram, for `docs/deletion.md`."""
    lines = ["stateDiagram-v2", f"    [*] --> {_name(S.REQUESTED)}: {Event.ASKED.value}"]
    for state, row in TABLE.items():
        lines.extend(f"    {_name(state)} --> {_name(to)}: {event.value}" for event, to in row.items())
    for state, row in TABLE.items():
        if Event.HELD in row:
            lines.append(f"    {_name(S.ON_HOLD)} --> {_name(state)}: {Event.RELEASED.value}, held from there")
    lines.extend(
        f"    {_name(S.ON_HOLD)} --> {_name(TABLE[S.REQUESTED][event])}: {event.value}, unless begun"
        for event in (Event.CANCELLED, Event.IN_ERROR)
    )
    ends = [state for state, row in TABLE.items() if not row and state is not S.ON_HOLD]
    lines.extend(f"    {_name(state)} --> [*]" for state in ends)
    return "\n".join(lines) + "\n"


def _goes_on_from(item: DeletionItem, event: Event) -> DeletionState | None:
    return TABLE[item.held_from][event] if item.held_from is not None else None


def _name(state: DeletionState) -> str:
    """Mermaid takes no hyphen in the name of a state."""
    return state.value.replace("-", "_")
