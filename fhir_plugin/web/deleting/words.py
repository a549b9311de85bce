"""How hiding and permanent deletion are said: the three acts, reasons, states, what happened. Never just "delete"."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from fhir_plugin.delete.lifecycle import Event
from fhir_plugin.delete.places import place_words, unasked_words
from fhir_plugin.delete.waiting import MORE_ASKED
from mappings.model.deletion import (
    TERMINAL,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    Happened,
    Looked,
)
from mappings.model.hiding import HidingReason, HidingState


class Act(NamedTuple):
    """One of the three acts, as the picture's own page offers it: each with what it does, and what it does not."""

    endpoint: str
    name: str
    does: str
    does_not: str


ACTS: Final = (
    Act(
        "deleting.hide",
        "Hide from record",
        "Nobody sees it in the ordinary view any more, and it can be restored.",
        "It destroys nothing.",
    ),
    Act(
        "deleting.wrong_patient",
        "Wrong patient",
        "For a picture of somebody else: it is hidden and marked as entered in error at once, and its permanent "
        "deletion is asked for.",
        "It does not file it for the right patient: that is done in their own chart.",
    ),
    Act(
        "deleting.new",
        "Request permanent deletion",
        "Asks the Caldicott Guardian to have it destroyed for good.",
        "Until they approve, nothing about it changes; it is not hidden either.",
    ),
)
"""In the order of what they cost. A picture that was never filed is discarded where it was added."""

ON_ITS_WAY: Final = frozenset({HidingState.HIDING, HidingState.RESTORING})
HIDING_REASONS: Final[Mapping[HidingReason, str]] = MappingProxyType(
    {
        HidingReason.PATIENT_ASKED: "The patient asked for it",
        HidingReason.WITHDRAWN: "Consent was withdrawn",
        HidingReason.NOT_NEEDED: "It is no longer needed for care",
        HidingReason.POOR_QUALITY: "It is of no use: blurred, or taken twice",
        HidingReason.WRONG_PATIENT: "It is of another patient",
        HidingReason.OTHER: "Another reason",
    }
)
OFFERED_TO_HIDE: Final = tuple(each for each in HidingReason if each is not HidingReason.WRONG_PATIENT)
"""A picture of somebody else has an act of its own."""

HIDING_STATES: Final[Mapping[HidingState, tuple[str, str]]] = MappingProxyType(
    {
        HidingState.HIDING: (
            "Hidden here, on its way to the EHR",
            "This app shows it to nobody. The EHR is being told; that goes on by itself.",
        ),
        HidingState.HIDDEN: ("Hidden", "The EHR holds a note in its place, without the picture."),
        HidingState.HIDDEN_HERE_ONLY: (
            "Hidden in this app only",
            "The EHR did not take the change: this app shows it to nobody, other systems may still show it.",
        ),
        HidingState.RESTORING: (
            "On its way back",
            "It stays hidden until it is proven to be in the record exactly as it was.",
        ),
    }
)

REASONS: Final[Mapping[DeletionReason, tuple[str, str]]] = MappingProxyType(
    {
        DeletionReason.WRONG_PATIENT: (
            "It is of another patient",
            "Use Wrong patient on the picture’s page instead: that hides it at once, too.",
        ),
        DeletionReason.NO_CONSENT: ("It was kept without consent", ""),
        DeletionReason.WITHDRAWN: ("Consent was withdrawn", "That alone erases nothing: say why hiding is not enough."),
        DeletionReason.ERASURE_REQUEST: (
            "The patient asks for it to be erased",
            "UK GDPR, Article 17. They are answered within one month, whatever is decided.",
        ),
        DeletionReason.OBJECTION: (
            "The patient objects to it being kept",
            "UK GDPR, Article 21. They are answered within one month, whatever is decided.",
        ),
        DeletionReason.RETENTION_ENDED: ("The time for keeping it is over", ""),
        DeletionReason.COURT_ORDER: ("A court orders it", ""),
        DeletionReason.OTHER: ("Another reason", "Say which in your own words."),
    }
)

STATES: Final[Mapping[DeletionState, tuple[str, str]]] = MappingProxyType(
    {
        DeletionState.REQUESTED: (
            "Waits for the Caldicott Guardian",
            "Nothing has been destroyed, and nothing about the picture has changed.",
        ),
        DeletionState.RECEIVED: (
            "The Caldicott Guardian is looking at it",
            "Nothing has been destroyed, and nothing about the picture has changed.",
        ),
        DeletionState.ACCEPTED: ("Approved, not destroyed yet", "The picture is still there."),
        DeletionState.IN_PROGRESS: (
            "Being destroyed",
            "It goes on by itself, and cannot be undone any more.",
        ),
        DeletionState.ON_HOLD: ("Held", "Nothing of it is destroyed while something forbids it."),
        DeletionState.COMPLETED: (
            "Destroyed and proven",
            "Every place that this app can ask was looked at, and nothing of it was found.",
        ),
        DeletionState.FAILED: (
            "Not proven to be destroyed",
            "Something remains, or could not be looked at. It is looked at again by itself.",
        ),
        DeletionState.REJECTED: ("Refused by the Caldicott Guardian", "The picture stays in the record."),
        DeletionState.CANCELLED: ("Taken back", "The picture stays in the record."),
        DeletionState.ENTERED_IN_ERROR: ("Asked for by mistake", "The picture stays in the record."),
    }
)

BEGUN: Final = ("Being carried out", "It has been begun, and goes on by itself: you need not stay on this page.")
"""Approved, and somebody has pressed: nothing need have been destroyed yet."""

EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Event.ASKED: "Permanent deletion requested",
        Event.OPENED: "Opened by the Caldicott Guardian",
        Event.MORE_ASKED: "The Caldicott Guardian asked for more",
        Event.ANSWERED: "Answered",
        Event.SIGNED: "Approved by the first of two people",
        Event.APPROVED: "Approved",
        Event.COSIGNED: "Approved by the second of two people",
        Event.REJECTED: "Refused",
        Event.CANCELLED: "Taken back",
        Event.HELD: "Held: something forbids destroying it",
        Event.RELEASED: "Nothing holds it any more",
        Event.VOIDED: "The approval no longer counts: something has changed since",
        Event.EXPIRED: "The approval ran out before it was carried out",
        Event.BEGUN: "Destroying began",
        Event.STOPPED: "Stopped, or something remains",
        Event.RETRIED: "Tried again",
        Event.PROVEN: "Destroyed, and proven",
        Event.IN_ERROR: "Marked as asked for by mistake",
    }
)
"""Each line of a timeline as people read it."""


class Place(StrEnum):
    """Where a stop of a journey lies."""

    PASSED = "passed"
    HERE = "here"
    AHEAD = "ahead"


class Stop(NamedTuple):
    """One stop on the way of an item."""

    words: str
    place: Place


_WAY: Final = ("Requested", "Caldicott Guardian", "Approved", "Being destroyed", "Destroyed and proven")
_AT: Final[Mapping[DeletionState, int]] = MappingProxyType(
    {
        DeletionState.REQUESTED: 0,
        DeletionState.RECEIVED: 1,
        DeletionState.ACCEPTED: 2,
        DeletionState.IN_PROGRESS: 3,
        DeletionState.FAILED: 3,
        DeletionState.COMPLETED: 4,
    }
)
_ENDED_AT: Final[Mapping[DeletionState, int]] = MappingProxyType(
    {DeletionState.REJECTED: 1, DeletionState.CANCELLED: 0, DeletionState.ENTERED_IN_ERROR: 0}
)


def journey(item: DeletionItem) -> list[Stop]:
    """The stops of an item's way, ended ones and held ones with a stop of their own."""
    if item.state in _ENDED_AT:
        passed = _WAY[: _ENDED_AT[item.state] + 1]
        return [*(Stop(each, Place.PASSED) for each in passed), Stop(STATES[item.state][0], Place.HERE)]
    here = _AT[item.held_from or DeletionState.REQUESTED] if item.state is DeletionState.ON_HOLD else _AT[item.state]
    way = list(_WAY)
    if item.state is DeletionState.FAILED:
        way[3] = "Not proven"
    if item.state is DeletionState.ON_HOLD:
        return [
            *(Stop(each, Place.PASSED) for each in way[: here + 1]),
            Stop("Held", Place.HERE),
            *(Stop(each, Place.AHEAD) for each in way[here + 1 :]),
        ]
    return [
        Stop(each, Place.PASSED if at < here else Place.HERE if at == here else Place.AHEAD)
        for at, each in enumerate(way)
    ]


def event_words(code: str) -> str:
    """A code that is not known here is told as it is."""
    return EVENTS.get(code, code.replace("-", " ").capitalize())


def more_asked(item: DeletionItem) -> Happened | None:
    """The Guardian's question that nobody has answered yet."""
    why = item.why_before if item.held_from is not None else item.why
    if why != MORE_ASKED:
        return None
    return next((line for line in reversed(item.timeline) if line.event == Event.MORE_ASKED), None)


def mid_sentence(said: str) -> str:
    """Without its capital at the beginning: for the middle of a sentence. Names keep theirs."""
    return said[:1].lower() + said[1:]


def is_over(item: DeletionItem) -> bool:
    """Nothing follows."""
    return item.state in TERMINAL


def places_of(item: DeletionItem) -> list[tuple[str, Looked]]:
    """Where was looked for it, each place in words; nothing while nobody has looked."""
    return [(place_words(each.place), each) for each in item.proof.places] if item.proof else []


def why_unasked(looked: Looked) -> str:
    """Why a place could not be looked at, in words; empty when it was."""
    return unasked_words(looked.unasked) if looked.unasked else ""


def purged_words(code: str) -> str:
    """One kind of place that has been emptied already."""
    return _PURGED.get(code, place_words(code).lower())


_PURGED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "references": "what pointed to it",
        "vault": "this app’s own copies",
        "binary": "the picture’s bytes in the record",
        "image": "its entry in the record",
        "history": "its earlier versions",
        "chart-copies": "its copies in the chart",
    }
)


def in_short(case: DeletionCase) -> str:
    """How a whole request stands in half a sentence: what waits for whoever asked comes first."""
    if any(more_asked(item) is not None for item in case.items):
        return "The Caldicott Guardian asks for more"
    states = [item.state for item in case.items]
    first = next((state for state in _TELLING if state in states), states[0])
    words = STATES[first][0]
    others = len(states) - states.count(first)
    if len(states) == 1:
        return words
    return f"{words}: {states.count(first)} of {len(states)}" if others else f"{words}: all {len(states)}"


_TELLING: Final = (
    DeletionState.FAILED,
    DeletionState.ACCEPTED,
    DeletionState.ON_HOLD,
    DeletionState.IN_PROGRESS,
    DeletionState.RECEIVED,
    DeletionState.REQUESTED,
    DeletionState.REJECTED,
    DeletionState.COMPLETED,
)
"""Of several, the state that says most to whoever asked."""
