"""The one resume engine: every flow's effects go through it, first time and after every crash.

For each step it writes `trying`, acts, and writes what the world now holds. Where an answer was lost or a
crash left `trying` behind, it asks the world before it acts again. What the server refuses is undone, last
step first; the turn-round is written down before the first undoing act. Running it twice changes nothing.
"""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from fhir_plugin.damage import unless_damaged
from fhir_plugin.errors import (
    AnswerLost,
    PluginError,
    ReadBackMismatch,
    RecordRefused,
    RecordUnavailable,
    Refused,
    SignInNeeded,
    Tampered,
    Unavailable,
)
from fhir_plugin.ledger.intents import (
    Direction,
    Evidence,
    Intent,
    IntentState,
    LedgerStore,
    Outcome,
    Plan,
    Step,
    StepRecord,
    StepState,
)
from fhir_plugin.ports import Clock, UnitOfWork
from mappings.model.identifiers import IntentId, LaunchId

LEASE_SECONDS = 120.0
"""Longer than the longest single call to an EHR, so that a live worker never loses its intent."""
BACKOFF_SECONDS = (5.0, 15.0, 60.0, 300.0, 900.0)
ASKS_BEFORE_A_PERSON = 5
"""How often the world may fail to tell whether something happened before a person is shown it."""
TURNS_ROUND = (RecordRefused, ReadBackMismatch, Refused, Tampered)
"""What no second attempt mends: the server said no, or what we hold cannot be filed."""

PlanFor = Callable[[Intent], Plan]


class LeaseLost(PluginError):
    """Another worker has this intent now; it will finish it."""

    code = "lease-lost"


class Engine:
    """Runs intents to their end. `plans` maps a kind to the function that builds its plan.

    `owner` names this process among all workers; each run has a lease of its own, threads included.
    """

    def __init__(
        self, *, store: LedgerStore, work: UnitOfWork, clock: Clock, plans: Mapping[str, PlanFor], owner: str
    ) -> None:
        self._store = store
        self._work = work
        self._clock = clock
        self._plans = plans
        self._owner = owner
        self._runs = itertools.count()
        self._here = threading.local()

    def run(self, intent_id: IntentId) -> Intent:
        """Takes the intent as far as it goes now and returns where it stands. Never raises for the world's sake."""
        owner = f"{self._owner}/{next(self._runs)}"
        with self._work.transaction():
            intent = self._store.get(intent_id)
            if intent.ended or not self._lease(intent_id, owner):
                return intent
            intent = replace(intent, attempts=intent.attempts + 1)
            # Should this run die, the next one comes after a while: one that always dies must not starve the others.
            self._store.save(replace(intent, next_attempt=self._after_a_while(intent)))
        before = getattr(self._here, "run", None)
        self._here.run = (intent, owner)
        try:
            return self._advance(intent, owner)
        except LeaseLost:
            return self._store.get(intent_id)
        finally:
            self._here.run = before
            self._store.release(intent_id, owner)

    def keep_lease(self) -> None:
        """Called now and then by a step that may take longer than a lease, in the thread that runs it.

        Raises `LeaseLost` where another worker has taken over meanwhile: the step then stops as it stands.
        """
        run = getattr(self._here, "run", None)
        if run is not None:
            intent, owner = run
            with self._work.transaction():
                self._renew(intent, owner)

    def run_due(self) -> list[Intent]:
        """Every intent whose time has come. Safe to call from any number of workers at once."""
        due = self._store.due(self._clock.now())
        ran = [unless_damaged("intent", partial(self.run, intent_id), None) for intent_id in due]
        return [intent for intent in ran if intent is not None]

    def adopt(self, intent: Intent, launch: LaunchId) -> bool:
        """The same user has launched the same patient again: go on under the new launch's token, if that is awaited."""
        with self._work.transaction():
            current = self._store.get(intent.id)
            if current.state is not IntentState.WAITING_FOR_SIGN_IN or current.launch == launch:
                return False
            self._store.save(replace(current, launch=launch, state=IntentState.OPEN, next_attempt=None))
        return True

    # ------------------------------------------------------------------------------------------ inside

    def _lease(self, intent_id: IntentId, owner: str) -> bool:
        return self._store.lease(intent_id, owner, now=self._clock.now(), seconds=LEASE_SECONDS)

    def _advance(self, intent: Intent, owner: str) -> Intent:
        try:
            plan = self._plans[intent.kind](intent)
            if intent.direction is Direction.FORWARD:
                try:
                    return self._go_forward(intent, plan, owner)
                except TURNS_ROUND as error:
                    intent = self._turn_round(intent, owner, error)
            return self._undo(intent, plan, owner)
        except LeaseLost:
            raise
        except SignInNeeded as error:
            return self._hold(intent, owner, IntentState.WAITING_FOR_SIGN_IN, error)
        except Unavailable as error:
            # A person who was told that this is unresolved is not told otherwise because nobody answers.
            unresolved = intent.state is IntentState.UNRESOLVED
            return self._hold(intent, owner, IntentState.UNRESOLVED if unresolved else IntentState.OPEN, error)
        except AnswerLost as error:
            patient = intent.attempts < ASKS_BEFORE_A_PERSON
            return self._hold(intent, owner, IntentState.OPEN if patient else IntentState.UNRESOLVED, error)
        except PluginError as error:
            # Undoing was refused, or the plan cannot be carried out: something of ours may still be current, so a
            # person must look.
            return self._hold(intent, owner, IntentState.UNRESOLVED, error)

    def _go_forward(self, intent: Intent, plan: Plan, owner: str) -> Intent:
        records = self._store.steps(intent.id)
        evidence: dict[str, Evidence] = {}
        for position, step in enumerate(plan.steps()):
            record = records.get(step.name)
            if record is None or record.state is not StepState.DONE:
                evidence[step.name] = self._take(intent, position, step, record, owner)
            else:
                evidence[step.name] = record.evidence
        with self._work.transaction():
            self._renew(intent, owner)
            ended = replace(
                intent, state=IntentState.ENDED, outcome=Outcome.DONE, next_attempt=None, reason="", message=""
            )
            plan.settle(ended, evidence)
            self._store.save(ended)
        return ended

    def _take(self, intent: Intent, position: int, step: Step, record: StepRecord | None, owner: str) -> Evidence:
        with self._work.transaction():
            self._renew(intent, owner)
            self._store.save_step(intent.id, position, StepRecord(step.name, StepState.TRYING))
        evidence = step.happened() if record is not None else None
        if evidence is None:
            try:
                evidence = step.do()
            except AnswerLost:
                evidence = step.happened()
                if evidence is None:
                    raise
        with self._work.transaction():
            self._renew(intent, owner)
            self._store.save_step(intent.id, position, StepRecord(step.name, StepState.DONE, evidence))
        return evidence

    def _turn_round(self, intent: Intent, owner: str, error: PluginError) -> Intent:
        turned = replace(intent, direction=Direction.UNDOING, reason=error.code, message=error.message)
        with self._work.transaction():
            self._renew(intent, owner)
            self._store.save(turned)
        return turned

    def _undo(self, intent: Intent, plan: Plan, owner: str) -> Intent:
        records = self._store.steps(intent.id)
        for position, step in reversed(list(enumerate(plan.steps()))):
            record = records.get(step.name)
            if record is None or record.state is StepState.UNDONE:
                continue
            with self._work.transaction():
                self._renew(intent, owner)
            evidence = record.evidence if record.state is StepState.DONE else step.happened()
            remains = tuple(step.undo(evidence)) if evidence is not None else ()
            with self._work.transaction():
                self._renew(intent, owner)
                self._store.save_step(intent.id, position, StepRecord(step.name, StepState.UNDONE))
                intent = replace(intent, residue=tuple(dict.fromkeys((*intent.residue, *remains))))
                self._store.save(intent)
        with self._work.transaction():
            self._renew(intent, owner)
            ended = replace(intent, state=IntentState.ENDED, outcome=Outcome.NOTHING_CURRENT, next_attempt=None)
            plan.abandon(ended)
            self._store.save(ended)
        return ended

    def _hold(self, intent: Intent, owner: str, state: IntentState, error: PluginError) -> Intent:
        undoing = intent.direction is Direction.UNDOING  # what turned it round is what a person must know
        retry_after = error.retry_after if isinstance(error, RecordUnavailable) else None
        with self._work.transaction():
            self._renew(intent, owner)
            current = self._store.get(intent.id)  # with the residue of what has been undone in this run
            held = replace(
                current,
                state=state,
                reason=intent.reason if undoing else error.code,
                message=intent.message if undoing else error.message,
                next_attempt=self._after_a_while(intent, retry_after),
            )
            self._store.save(held)
        return held

    def _after_a_while(self, intent: Intent, retry_after: float | None = None) -> dt.datetime:
        wait = BACKOFF_SECONDS[min(intent.attempts, len(BACKOFF_SECONDS)) - 1]
        return self._clock.now() + dt.timedelta(seconds=max(wait, retry_after or 0))

    def _renew(self, intent: Intent, owner: str) -> None:
        """Before every act and every writing down. Whoever ran this in between has counted an attempt, even if the
        lease is free again by now: then what this run knows is out of date."""
        if not self._lease(intent.id, owner) or self._store.get(intent.id).attempts != intent.attempts:
            raise LeaseLost("another worker has taken this intent over")
