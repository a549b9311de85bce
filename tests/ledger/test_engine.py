"""The engine: whatever happens in the world, an intent ends truthfully, once, and for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fhir_plugin.adapters.ledger_store import DatabaseLedger
from fhir_plugin.errors import AnswerLost, VersionConflict
from fhir_plugin.ledger.engine import ASKS_BEFORE_A_PERSON, BACKOFF_SECONDS
from fhir_plugin.ledger.intents import Direction, Intent, IntentState, Outcome, StepState
from mappings.model.identifiers import IntentId, LaunchId
from tests.conftest import OwnStores
from tests.ledger.world import STEPS, Bench, Crash, Happening

HAPPENINGS = st.lists(st.sampled_from(Happening), max_size=12)


def check_truth(bench: Bench, before: Intent | None = None) -> None:
    """What must hold at every moment."""
    intent, world = bench.intent, bench.world
    assert max(world.current.values(), default=0) <= 1, f"something is there twice: {world.current}"
    there = {name for name in STEPS if world.current[name]}
    if intent.outcome is Outcome.DONE:
        assert there == set(STEPS)
        assert {record.state for record in bench.store.steps(bench.id).values()} == {StepState.DONE}
    if intent.outcome is Outcome.NOTHING_CURRENT:
        assert there <= bench.world.undeletable
        assert all(any(name in line for line in intent.residue) for name in there)
    assert (intent.outcome is None) == (not intent.ended)
    assert len(bench.settled) + len(bench.abandoned) == intent.ended, "it ended twice, or without saying so"
    if before is not None:
        assert not (before.direction is Direction.UNDOING and intent.direction is Direction.FORWARD)
        assert set(before.residue) <= set(intent.residue), "residue was forgotten"
        if before.ended:
            assert intent == before


def test_all_well_is_done_in_order() -> None:
    bench = Bench()
    ended = bench.run()
    assert (ended.state, ended.outcome, ended.reason) == (IntentState.ENDED, Outcome.DONE, "")
    assert bench.world.acts == list(STEPS)
    assert len(bench.settled) == 1
    check_truth(bench)


@pytest.mark.parametrize("happening", Happening)
@pytest.mark.parametrize("position", range(len(STEPS)))
def test_one_thing_goes_wrong_and_it_ends_truthfully(happening: Happening, position: int) -> None:
    bench = Bench()
    bench.run(*[Happening.WELL] * position, happening)
    check_truth(bench)
    ended = bench.until_settled()
    check_truth(bench)
    refused = happening in (Happening.REFUSED, Happening.MISMATCH)
    assert ended.outcome is (Outcome.NOTHING_CURRENT if refused else Outcome.DONE)
    assert (len(bench.settled), len(bench.abandoned)) == ((0, 1) if refused else (1, 0))
    if not refused:
        assert bench.world.acts == list(STEPS)
    else:
        assert bench.world.acts[position:] == [f"undo {name}" for name in reversed(STEPS[:position])]
        assert ended.reason in ("record-refused", "read-back-mismatch")


@pytest.mark.parametrize("happening", Happening)
@pytest.mark.parametrize("position", range(2))
def test_one_thing_goes_wrong_while_undoing_and_it_is_still_undone(happening: Happening, position: int) -> None:
    bench = Bench()
    bench.run(Happening.WELL, Happening.WELL, Happening.REFUSED, *[Happening.WELL] * position, happening)
    assert bench.intent.direction is Direction.UNDOING
    check_truth(bench)
    ended = bench.until_settled()
    assert ended.outcome is Outcome.NOTHING_CURRENT
    assert ended.reason == "record-refused"  # what turned it round, not what delayed it
    assert ended.residue == ("image has an old version", "bytes has an old version")
    check_truth(bench)


def test_an_undo_that_is_refused_is_shown_to_a_person_and_tried_again() -> None:
    bench = Bench()
    held = bench.run(Happening.WELL, Happening.REFUSED, Happening.REFUSED)
    assert held.state is IntentState.UNRESOLVED
    assert bench.world.current["bytes"] == 1
    bench.later()
    bench.run(Happening.UNAVAILABLE)
    assert bench.intent.state is IntentState.UNRESOLVED, "a person was told; silence does not take that back"
    assert bench.until_settled().outcome is Outcome.NOTHING_CURRENT


def test_a_world_that_cannot_tell_is_shown_to_a_person_after_a_while() -> None:
    bench = Bench()
    bench.run(Happening.LOST)
    assert bench.intent.state is IntentState.OPEN or bench.intent.ended
    bench = Bench()
    bench.world.mute = True
    states = []
    for _ in range(ASKS_BEFORE_A_PERSON + 1):
        states.append(bench.run(Happening.LOST).state)
        bench.later()
    assert states[0] is IntentState.OPEN
    assert states[-1] is IntentState.UNRESOLVED
    assert bench.world.acts == ["bytes"], "it acted again without knowing"
    assert bench.until_settled().outcome is Outcome.DONE


def test_what_remains_is_listed() -> None:
    bench = Bench(undeletable=frozenset({"bytes"}))
    ended = bench.run(Happening.WELL, Happening.WELL, Happening.MISMATCH)
    assert ended.residue == ("image has an old version", "bytes remains")
    check_truth(bench)


def test_a_dead_token_waits_for_its_user_and_goes_on_under_the_new_launch() -> None:
    bench = Bench()
    held = bench.run(Happening.WELL, Happening.SIGNED_OUT)
    assert (held.state, held.reason) == (IntentState.WAITING_FOR_SIGN_IN, "sign-in-needed")
    bench.later()
    assert bench.one.run_due() == [], "nobody but the user can help"
    assert not bench.one.adopt(held, held.launch), "the launch whose sign-in has ended is no new one"
    assert bench.one.adopt(held, LaunchId("l2"))
    (ended,) = bench.one.run_due()
    assert (ended.launch, ended.outcome) == ("l2", Outcome.DONE)
    assert bench.world.acts == list(STEPS)
    assert not bench.one.adopt(ended, LaunchId("l3"))
    assert bench.intent.launch == "l2"


def test_an_intent_that_waits_is_not_run_before_its_time() -> None:
    bench = Bench()
    bench.run(Happening.UNAVAILABLE)
    assert bench.one.run_due() == []
    bench.clock.advance(seconds=BACKOFF_SECONDS[0])
    assert [each.outcome for each in bench.one.run_due()] == [Outcome.DONE]


def test_waits_grow_to_a_limit() -> None:
    bench = Bench()
    waits = []
    for _ in range(len(BACKOFF_SECONDS) + 2):
        held = bench.run(Happening.UNAVAILABLE)
        assert held.next_attempt is not None
        waits.append((held.next_attempt - bench.clock.now()).total_seconds())
        bench.later()
    assert waits == [*BACKOFF_SECONDS, BACKOFF_SECONDS[-1], BACKOFF_SECONDS[-1]]


def test_a_run_that_dies_every_time_does_not_starve_the_others() -> None:
    bench = Bench()
    bench.store.add(replace(bench.intent, id=IntentId("i0"), created=bench.intent.created.replace(year=2020)))
    bench.world.coming = [Happening.CRASH_BEFORE]
    with pytest.raises(Crash):
        bench.one.run_due()
    bench.world.coming = []
    assert [each.id for each in bench.one.run_due()] == ["i1"]


def test_a_plan_that_cannot_be_built_is_shown_to_a_person() -> None:
    bench = Bench()

    def cannot(_: Intent) -> None:
        raise VersionConflict("the draft is gone", status=409)

    bench.one._plans = {"capture": cannot}  # type: ignore[dict-item]  # a plan that is never built
    assert bench.run().state is IntentState.UNRESOLVED


def test_two_workers_never_run_one_intent_at_once() -> None:
    bench = Bench()
    seen: list[Intent] = []
    bench.world.overtake = lambda: seen.append(bench.other.run(bench.id))
    real = bench.clock.advance
    bench.clock.advance = lambda **_: None  # type: ignore[method-assign]  # the lease does not run out
    bench.run(Happening.OVERTAKEN)
    bench.clock.advance = real  # type: ignore[method-assign]  # as it was
    assert [each.state for each in seen] == [IntentState.OPEN]
    assert bench.world.acts == list(STEPS)
    assert bench.intent.outcome is Outcome.DONE


@pytest.mark.parametrize("after", [Happening.WELL, Happening.REFUSED, Happening.UNAVAILABLE, Happening.UNHEARD])
def test_a_worker_that_slept_past_its_lease_changes_nothing(after: Happening) -> None:
    """The other worker ended it, turned it round, or holds it: the sleeper's knowledge is out of date."""
    bench = Bench()
    bench.run(Happening.WELL, Happening.OVERTAKEN, after)
    check_truth(bench)
    held, acts = bench.intent, list(bench.world.acts)
    assert acts.count("image") == 1
    assert (held.outcome, held.state) == {
        Happening.WELL: (Outcome.DONE, IntentState.ENDED),
        Happening.REFUSED: (Outcome.NOTHING_CURRENT, IntentState.ENDED),
        Happening.UNAVAILABLE: (None, IntentState.OPEN),
        Happening.UNHEARD: (None, IntentState.OPEN),
    }[after]
    bench.until_settled()
    check_truth(bench, held)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("number", range(1, 14))
def test_dying_at_any_commit_loses_nothing(number: int, before: bool) -> None:
    bench = Bench()
    bench.die_at_commit(number, before=before)
    assert max(bench.world.current.values(), default=0) <= 1
    assert bench.until_settled().outcome is Outcome.DONE
    assert bench.world.acts == list(STEPS), "an act was repeated although the world could be asked"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("number", range(1, 14))
def test_dying_at_any_commit_of_an_undo_leaves_nothing_current(number: int, before: bool) -> None:
    bench = Bench()
    bench.world.coming = [Happening.WELL, Happening.WELL, Happening.REFUSED]
    bench.die_at_commit(number, before=before)
    bench.world.coming = bench.world.coming[:1]
    bench.later()
    bench.world.coming = [Happening.REFUSED] if bench.intent.direction is Direction.FORWARD else []
    bench.one.run(bench.id)
    assert bench.until_settled().outcome is Outcome.NOTHING_CURRENT or bench.intent.outcome is Outcome.DONE
    there = {name for name in STEPS if bench.world.current[name]}
    assert there == (set() if bench.intent.outcome is Outcome.NOTHING_CURRENT else set(STEPS))


@given(first=HAPPENINGS, second=HAPPENINGS, mute=st.booleans(), kept=st.frozensets(st.sampled_from(STEPS)))
@settings(max_examples=150, deadline=None)
def test_whatever_happens_it_ends_truthfully_and_then_stays(
    first: list[Happening], second: list[Happening], mute: bool, kept: frozenset[str]
) -> None:
    bench = Bench(undeletable=kept)
    for happenings in (first, second):
        before = bench.intent
        bench.world.mute = mute
        bench.run(*happenings)
        check_truth(bench, before)
        bench.later()
    ended = bench.until_settled()
    assert ended.ended
    check_truth(bench)
    acts = list(bench.world.acts)
    assert bench.one.run_due() == []
    assert bench.one.run(bench.id) == ended
    assert (bench.world.acts, bench.intent) == (acts, ended)


class Ledger(RuleBasedStateMachine):
    """Rules in any order: runs in which anything happens, two workers, sleeping, signing in, muteness."""

    @initialize(kept=st.frozensets(st.sampled_from(STEPS)))
    def start(self, kept: frozenset[str]) -> None:
        self.bench = Bench(undeletable=kept)
        self.before = self.bench.intent

    @rule(happenings=HAPPENINGS)
    def run(self, happenings: list[Happening]) -> None:
        self.bench.run(*happenings)

    @rule(happenings=HAPPENINGS)
    def run_due(self, happenings: list[Happening]) -> None:
        self.bench.world.coming = list(happenings)
        self.bench._in_another_process(self.bench.other.run_due)
        self.bench.world.coming = []

    @rule(number=st.integers(1, 12), before=st.booleans())
    def die(self, number: int, before: bool) -> None:
        self.bench.die_at_commit(number, before=before)

    @rule(seconds=st.sampled_from([1, 60, 600, 7200]))
    def wait(self, seconds: int) -> None:
        self.bench.clock.advance(seconds=seconds)

    @rule(launch=st.sampled_from(["l2", "l3"]))
    def sign_in(self, launch: str) -> None:
        self.bench.one.adopt(self.bench.intent, LaunchId(launch))

    @rule(mute=st.booleans())
    def fall_silent(self, mute: bool) -> None:
        self.bench.world.mute = mute

    @precondition(lambda self: self.bench.intent.ended)
    @rule()
    def what_has_ended_cannot_be_saved(self) -> None:
        with pytest.raises(VersionConflict):
            self.bench.store.save(replace(self.bench.intent, state=IntentState.OPEN))

    @invariant()
    def the_ledger_tells_the_truth(self) -> None:
        if hasattr(self, "bench"):
            check_truth(self.bench, self.before)
            self.before = self.bench.intent

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.until_settled()
            check_truth(self.bench, self.before)
            assert self.bench.intent.ended


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)


@given(first=HAPPENINGS, second=HAPPENINGS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_on_our_own_database(own: OwnStores, first: list[Happening], second: list[Happening]) -> None:
    with own.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM intent_steps")
        connection.exec_driver_sql("DELETE FROM intents")
    bench = Bench(store=DatabaseLedger(own.database, own.clock), work=own.database, clock=own.clock)
    for happenings in (first, second):
        bench.run(*happenings)
        check_truth(bench)
        bench.later()
    assert bench.until_settled().ended
    check_truth(bench)


def test_answer_lost_is_no_refusal() -> None:
    """The one distinction on which everything rests."""
    bench = Bench()
    assert bench.run(Happening.UNHEARD).direction is Direction.FORWARD
    assert AnswerLost.code == bench.intent.reason
