"""A world in which acts happen or not, answers get lost, servers refuse, tokens die and processes crash."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fhir_plugin.errors import AnswerLost, ReadBackMismatch, RecordRefused, RecordUnavailable, SignInNeeded
from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import Evidence, Intent, LedgerStore
from fhir_plugin.ports import UnitOfWork
from mappings.model.identifiers import FhirBase, IntentId, LaunchId, PatientId, Reference
from tests.fakes.clock import START, FakeClock
from tests.fakes.ledger import FakeLedger
from tests.fakes.unit_of_work import FakeUnitOfWork

STEPS = ("bytes", "image", "provenance", "verify")


class Crash(BaseException):
    """The process dies here."""


class Happening(StrEnum):
    """What becomes of one act."""

    WELL = "well"
    LOST = "happens, and the answer is lost"
    UNHEARD = "does not happen, and the answer is lost"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    SIGNED_OUT = "the token is dead"
    MISMATCH = "what is there is not what was sent"
    CRASH_BEFORE = "dies before the act"
    CRASH_AFTER = "dies after the act"
    OVERTAKEN = "sleeps past its lease after the act, while another worker runs"


@dataclass
class World:
    """`current` counts what is there by step. `coming` says what becomes of the next acts; after that all is well."""

    clock: FakeClock
    current: Counter[str] = field(default_factory=Counter)
    coming: list[Happening] = field(default_factory=list)
    mute: bool = False
    """Nobody can tell whether something happened."""
    undeletable: frozenset[str] = frozenset()
    acts: list[str] = field(default_factory=list)
    overtake: Callable[[], None] = lambda: None

    def act(self, name: str, effect: Callable[[], None]) -> None:
        happening = self.coming.pop(0) if self.coming else Happening.WELL
        match happening:
            case Happening.UNHEARD:
                raise AnswerLost(f"{name} was not answered")
            case Happening.REFUSED:
                raise RecordRefused(f"{name} was refused", status=422)
            case Happening.UNAVAILABLE:
                raise RecordUnavailable(f"{name} was not sent")
            case Happening.SIGNED_OUT:
                raise SignInNeeded("launch again")
            case Happening.MISMATCH:
                raise ReadBackMismatch(f"{name} is not what was sent")
            case Happening.CRASH_BEFORE:
                raise Crash
        self.acts.append(name)
        effect()
        match happening:
            case Happening.LOST:
                raise AnswerLost(f"{name} was not answered")
            case Happening.CRASH_AFTER:
                raise Crash
            case Happening.OVERTAKEN:
                self.clock.advance(minutes=5)
                self.overtake()


@dataclass
class WorldStep:
    name: str
    world: World

    def happened(self) -> Evidence | None:
        if self.world.mute:
            raise AnswerLost(f"nobody can tell of {self.name}")
        return {"reference": self.name} if self.world.current[self.name] else None

    def do(self) -> Evidence:
        self.world.act(self.name, lambda: self.world.current.update([self.name]))
        return {"reference": self.name}

    def undo(self, evidence: Evidence) -> Sequence[str]:
        assert evidence["reference"] == self.name
        if self.name in self.world.undeletable:
            return (f"{self.name} remains",)
        self.world.act(
            f"undo {self.name}", lambda: self.world.current.update({self.name: -self.world.current[self.name]})
        )
        return (f"{self.name} has an old version",)


@dataclass
class WorldPlan:
    world: World
    settled: dict[int, Intent]
    abandoned: dict[int, Intent]

    def steps(self) -> Sequence[WorldStep]:
        return [WorldStep(name, self.world) for name in STEPS]

    def settle(self, intent: Intent, evidence: Mapping[str, Evidence]) -> None:
        assert {name: each["reference"] for name, each in evidence.items()} == {name: name for name in STEPS}
        self.settled[len(self.settled)] = intent

    def abandon(self, intent: Intent) -> None:
        self.abandoned[len(self.abandoned)] = intent


class MortalUnitOfWork(FakeUnitOfWork):
    """Dies at the commit whose number comes up, before it or after it."""

    def __init__(self) -> None:
        super().__init__()
        self.die_in: int | None = None
        self.die_before = False
        self.dead = False
        self._depth = 0

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        if self.dead:
            raise Crash  # a dead process writes nothing, not even on its way out
        dies = False
        with super().transaction():
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            if self._depth == 0 and self.die_in is not None:
                self.die_in -= 1
                dies = self.die_in <= 0
                if dies:
                    self.die_in, self.dead = None, True
                    if self.die_before:
                        raise Crash
        if dies:
            raise Crash


class Bench:
    """One ledger, one world, two workers. Everything is in memory unless a store is given."""

    def __init__(
        self,
        *,
        store: LedgerStore | None = None,
        work: UnitOfWork | None = None,
        clock: FakeClock | None = None,
        undeletable: frozenset[str] = frozenset(),
    ) -> None:
        self.clock = clock or FakeClock()
        self.mortal = MortalUnitOfWork()
        self.work: UnitOfWork = work or self.mortal
        self.store: LedgerStore = store or FakeLedger(self.mortal)
        self.world = World(self.clock, undeletable=undeletable)
        self.settled: dict[int, Intent] = self.mortal.table()
        self.abandoned: dict[int, Intent] = self.mortal.table()
        plan = WorldPlan(self.world, self.settled, self.abandoned)
        self.one, self.other = (
            Engine(store=self.store, work=self.work, clock=self.clock, plans={"capture": lambda _: plan}, owner=owner)
            for owner in ("one", "other")
        )
        self.world.overtake = lambda: self._in_another_process(lambda: self.other.run(self.id))
        self.id = IntentId("i1")
        self.store.add(
            Intent(
                id=self.id,
                kind="capture",
                subject="c1",
                fhir_base=FhirBase("https://ehr.example/fhir"),
                patient=PatientId("p1"),
                user=Reference("Practitioner/gp"),
                launch=LaunchId("l1"),
                created=START - dt.timedelta(seconds=1),
            )
        )

    @property
    def intent(self) -> Intent:
        return self.store.get(self.id)

    def run(self, *happenings: Happening) -> Intent:
        """One run of the first worker in which these things happen; a crash ends it and is survived."""
        self.world.coming = list(happenings)
        self._in_another_process(lambda: self.one.run(self.id))
        self.world.coming = []
        return self.intent

    def die_at_commit(self, number: int, *, before: bool) -> None:
        self.mortal.die_in, self.mortal.die_before = number, before
        self._in_another_process(lambda: self.one.run(self.id))
        self.mortal.die_in = None

    def later(self) -> None:
        self.clock.advance(hours=1)

    def until_settled(self) -> Intent:
        """A good day: everything answers, the user signs in again."""
        self.world.coming, self.world.mute = [], False
        for _ in range(8):
            self.later()
            self.one.adopt(self.intent, LaunchId("l-again"))
            self.one.run_due()
        return self.intent

    def _in_another_process(self, work: Callable[[], object]) -> None:
        with contextlib.suppress(Crash):
            work()
        self.mortal.dead = False
