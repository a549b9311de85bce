"""Every pair of a state and an event: what follows, or that nothing does."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from fhir_plugin.delete.lifecycle import TABLE, Event, NoSuchStep, after, diagram, may, moved
from mappings.model.deletion import (
    TERMINAL,
    BoundImage,
    DeletionItem,
    DeletionState,
    Happened,
    ItemId,
    Principle,
    Signed,
)
from mappings.model.identifiers import Reference, VaultId
from tests.fakes.clock import START

S, E = DeletionState, Event
HOUR = dt.timedelta(hours=1)
SIGNED = Signed(Reference("Practitioner/g"), "Dr G", START, frozenset(Principle), "words that speak")

UNDECIDED = {
    E.OPENED: S.RECEIVED,
    E.MORE_ASKED: S.RECEIVED,
    E.SIGNED: S.RECEIVED,
    E.APPROVED: S.ACCEPTED,
    E.REJECTED: S.REJECTED,
    E.CANCELLED: S.CANCELLED,
    E.IN_ERROR: S.ENTERED_IN_ERROR,
    E.HELD: S.ON_HOLD,
}
EXPECTED = {
    S.REQUESTED: UNDECIDED,
    S.RECEIVED: {
        **UNDECIDED,
        E.ANSWERED: S.RECEIVED,
        E.COSIGNED: S.ACCEPTED,
        E.VOIDED: S.REQUESTED,
        E.EXPIRED: S.REQUESTED,
    },
    S.ACCEPTED: {
        E.BEGUN: S.IN_PROGRESS,
        E.VOIDED: S.REQUESTED,
        E.EXPIRED: S.REQUESTED,
        E.CANCELLED: S.CANCELLED,
        E.IN_ERROR: S.ENTERED_IN_ERROR,
        E.HELD: S.ON_HOLD,
    },
    S.IN_PROGRESS: {E.PROVEN: S.COMPLETED, E.STOPPED: S.FAILED, E.HELD: S.ON_HOLD},
    S.FAILED: {E.RETRIED: S.IN_PROGRESS, E.HELD: S.ON_HOLD},
}
"""Written down a second time, so that a change of the table is a decision and not a slip."""
WHILE_HELD = {
    S.REQUESTED: {E.RELEASED: S.REQUESTED, E.CANCELLED: S.CANCELLED, E.IN_ERROR: S.ENTERED_IN_ERROR},
    S.RECEIVED: {
        E.RELEASED: S.RECEIVED,
        E.CANCELLED: S.CANCELLED,
        E.IN_ERROR: S.ENTERED_IN_ERROR,
        E.ANSWERED: S.ON_HOLD,
        E.VOIDED: S.ON_HOLD,
        E.EXPIRED: S.ON_HOLD,
    },
    S.ACCEPTED: {
        E.RELEASED: S.ACCEPTED,
        E.CANCELLED: S.CANCELLED,
        E.IN_ERROR: S.ENTERED_IN_ERROR,
        E.VOIDED: S.ON_HOLD,
        E.EXPIRED: S.ON_HOLD,
    },
    S.IN_PROGRESS: {E.RELEASED: S.IN_PROGRESS},
    S.FAILED: {E.RELEASED: S.FAILED},
}


def item(state: DeletionState, held_from: DeletionState | None = None) -> DeletionItem:
    return DeletionItem(
        ItemId("i"),
        BoundImage(Reference("Media/one"), "1", "digest"),
        state=state,
        held_from=held_from,
        title="a title that speaks",
        picture=VaultId("v"),
        approval=SIGNED,
        expires=START + HOUR,
        why="before",
        timeline=(Happened("asked", START, Reference("Practitioner/gp"), "Dr A", "words that speak"),),
    )


@pytest.mark.parametrize(("state", "event"), list(itertools.product(DeletionState, Event)))
def test_every_pair(state: DeletionState, event: Event) -> None:
    expected = EXPECTED.get(state, {}).get(event)  # of a held one nothing, unless it is known what it was held from
    if expected is None:
        with pytest.raises(NoSuchStep):
            after(state, event)
    else:
        assert after(state, event) is expected
    assert may(item(state), event) is (expected is not None)


@pytest.mark.parametrize(("held_from", "event"), list(itertools.product(DeletionState, Event)))
def test_every_pair_while_held(held_from: DeletionState, event: Event) -> None:
    expected = WHILE_HELD.get(held_from, {}).get(event)
    if expected is None:
        with pytest.raises(NoSuchStep):
            after(S.ON_HOLD, event, held_from)
    else:
        assert after(S.ON_HOLD, event, held_from) is expected


def test_what_ended_stays_ended_and_destroying_begins_from_an_approval_alone() -> None:
    assert all(not TABLE[state] for state in TERMINAL)
    into = {(state, event) for state, row in TABLE.items() for event, to in row.items() if to is S.IN_PROGRESS}
    assert into == {(S.ACCEPTED, E.BEGUN), (S.FAILED, E.RETRIED)}
    assert {state for state, row in TABLE.items() if S.COMPLETED in row.values()} == {S.IN_PROGRESS}
    approvals = {event for row in TABLE.values() for event, to in row.items() if to is S.ACCEPTED}
    assert approvals == {E.APPROVED, E.COSIGNED}
    assert set(TABLE) == set(DeletionState)


def test_a_step_is_on_the_timeline() -> None:
    by = Reference("Practitioner/g")
    found = moved(item(S.REQUESTED), E.REJECTED, at=START, by=by, by_name="Dr G", words="Not this one.")
    assert found.state is S.REJECTED
    assert found.timeline[-1] == Happened("rejected", START, by, "Dr G", "Not this one.")
    with pytest.raises(NoSuchStep):
        moved(found, E.APPROVED, at=START)


@pytest.mark.parametrize("event", [E.VOIDED, E.EXPIRED])
def test_nothing_of_an_approval_is_left_once_it_is_void(event: Event) -> None:
    for before in (item(S.ACCEPTED), item(S.ON_HOLD, S.ACCEPTED)):
        found = moved(before, event, at=START, why="because")
        assert (found.approval, found.cosigned, found.expires) == (None, None, None)
        asked_again = moved(found, E.RELEASED, at=START) if found.state is S.ON_HOLD else found
        assert (asked_again.state, asked_again.why, asked_again.why_before) == (S.REQUESTED, "because", "")


@pytest.mark.parametrize("state", [S.REQUESTED, S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.FAILED])
def test_it_goes_on_where_it_was_held(state: DeletionState) -> None:
    held = moved(item(state), E.HELD, at=START, why="legal-hold")
    assert (held.state, held.held_from, held.why, held.why_before) == (S.ON_HOLD, state, "legal-hold", "before")
    gone_on = moved(held, E.RELEASED, at=START)
    assert (gone_on.state, gone_on.held_from, gone_on.why, gone_on.why_before) == (state, None, "before", "")
    assert gone_on.approval == SIGNED


def test_nothing_that_speaks_is_left_once_it_is_destroyed() -> None:
    found = moved(item(S.IN_PROGRESS), E.PROVEN, at=START, words="the last words that speak")
    assert "speak" not in repr([found.title, *(each.words for each in found.timeline)])
    assert found.approval is not None
    assert (found.title, found.picture, found.approval.words) == ("", None, "")
    assert (found.approval.by, found.image.digest) == (SIGNED.by, "digest")
    assert [each.event for each in found.timeline] == ["asked", "proven"]


def test_the_diagram_is_the_table() -> None:
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    for state, row in TABLE.items():
        for event, to in row.items():
            drawn = f"    {state.value.replace('-', '_')} --> {to.value.replace('-', '_')}: {event.value}"
            assert drawn in lines
    assert sum(line.endswith("--> [*]") for line in lines) == len(TERMINAL)
