"""The policy engine: a situation and the pack in force in, one ruling out. Pure: no clock, no store, no memory.

Each rule says what it finds (`policy.rules`); here it is put together. An act is `NO` if any rule stops it, `NOT_YET`
while a question of it is open or something else is waited for, and `YES` otherwise. Silence means no: an answer that
is not there is never taken for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from fhir_plugin.policy.case import Case, who_decides
from fhir_plugin.policy.clock_times import clock_time
from fhir_plugin.policy.findings import Ask, Due, Finding, Flagged, Second, Stop, Wait, Warn
from fhir_plugin.policy.offered import offered
from fhir_plugin.policy.questions import Kind, Question, catalogue
from fhir_plugin.policy.rules import (
    carers,
    chaperone,
    children,
    consent,
    deciding,
    exempt,
    fast_path,
    intimate,
    other_uses,
    safeguarding,
    unsolicited,
    video,
)
from fhir_plugin.policy.ruling import Act, May, OpenQuestion, Reason, Ruling, WorkDue
from mappings.model.situation import Situation, Wish
from mappings.model.work import WorkKind

if TYPE_CHECKING:
    from fhir_plugin.policy.pack import PolicyPack

RULES = tuple(
    chain.from_iterable(
        group.RULES
        for group in (
            fast_path,
            deciding,
            consent,
            exempt,
            children,
            intimate,
            chaperone,
            unsolicited,
            carers,
            video,
            safeguarding,
            other_uses,
        )
    )
)

SECOND_REFUSED = Reason(
    "second-person-refused",
    "The second person did not agree.",
    "Do not go on. Offer another way of being assessed.",
    "X10, X25",
)
URGENT = Reason(
    "urgent",
    "It goes on without the second person because it cannot wait.",
    "Somebody reviews it within 24 hours.",
    "X10, X25",
)

_GROUNDS = {
    Act.REVEAL: Reason("may-look", "It may be looked at by the person who decides.", source="G-R308"),
    Act.STORE: Reason("face-to-face-parity", "It would have been kept face to face.", source="G-R155"),
    Act.DESCRIBE: Reason("description-suffices", "A written description is enough.", source="G-R154"),
    Act.DISCARD: Reason("discarded", "It is not needed and is never filed.", source="G-R270"),
}
_WISHED = {
    Wish.STORE: frozenset({Act.REVEAL, Act.STORE}),
    Wish.DESCRIBE: frozenset({Act.REVEAL, Act.DESCRIBE}),
    Wish.DISCARD: frozenset({Act.REVEAL, Act.DISCARD}),
    None: frozenset({Act.REVEAL, Act.STORE, Act.DESCRIBE}),
}

__all__ = ["RULES", "rule", "trace", "who_decides"]


def rule(situation: Situation, pack: PolicyPack) -> Ruling:
    """What is still to be asked of this situation, what stops, and what may be done so far (G-R and X beside each).

    `questions`, `stops`, `second_person` and its work are those of the acts that the clinician wishes for; while
    nothing is wished for, those of storing and describing. Every act is decided whatever is wished for.
    """
    return _Sheet(Case(situation, pack)).ruling()


def trace(situation: Situation, pack: PolicyPack) -> list[dict[str, str]]:
    """Which rule says what, in the order of the rules: for `explain`, with no word of an answer in it."""
    case, told = Case(situation, pack), []
    for each in RULES:
        name = f"{each.__module__.rpartition('.')[2]}.{each.__name__}"
        told += [{"rule": name, "says": _in_words(finding)} for finding in each(case)]
    return told


def _in_words(finding: Finding) -> str:
    match finding:
        case Ask(name, _, acts, problem, optional):
            wait = "may be said" if optional else f"needed to {_named(acts)}"
            return f"asks {name} ({wait}){': ' + problem if problem else ''}"
        case Stop(acts, reason):
            return f"stops {_named(acts)}: {reason.code}"
        case Wait(acts, reason):
            return f"waits before {_named(acts)}: {reason.code}"
        case Second(acts, reason):
            return f"wants a second person to {_named(acts)}: {reason.code}"
        case Warn(reason):
            return f"warns: {reason.code}"
        case Due(work):
            return f"puts on a list: {work.kind}"
        case Flagged(name):
            return f"flags: {name}"


def _named(acts: frozenset[Act]) -> str:
    return ", ".join(act for act in Act if act in acts)


class _Sheet:
    """Where the findings about one case are put together."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._shown = _WISHED[case.said.wish]
        self._asked: dict[str, _Asked] = {}
        self._stops: list[Stop] = []
        self._waits: list[Wait] = []
        self._seconds: list[Second] = []
        self._warnings: list[Reason] = []
        self._due: list[WorkDue] = []
        self._flags: set[str] = set()
        for each in RULES:
            for finding in each(case):
                self._take(finding)
        self._second_person()

    def _take(self, finding: Finding) -> None:
        match finding:
            case Ask():
                known = self._asked.get(finding.id)
                if known is None:
                    self._asked[finding.id] = known = _Asked(finding.why)
                known.add(finding)
            case Stop():
                self._stops.append(finding)
            case Wait():
                self._waits.append(finding)
            case Second():
                self._seconds.append(finding)
            case Warn(reason):
                self._warnings.append(reason)
            case Due(work):
                self._due.append(work)
            case Flagged(name):
                self._flags.add(name)

    def _second_person(self) -> None:
        """True: agreed. False: refused, which stops. Nobody yet: it waits, or goes on with a reason and a review."""
        said = self._case.said
        if not self._seconds or said.second_person is True:
            return
        acts: frozenset[Act] = frozenset().union(*(each.acts for each in self._seconds))
        if said.second_person is False:
            self._stops.append(Stop(acts, SECOND_REFUSED))
            return
        self._take(Ask("urgent_reason", "Only if it cannot wait for the second person.", acts, optional=True))
        hours = self._case.pack.work_hours
        if self._case.long_enough("urgent_reason"):
            kind, words = WorkKind.URGENT_REVIEW, "It went on without a second person: review it."
            self._warnings += [URGENT] if self._wants_second else []
        else:
            kind, words = WorkKind.SECOND_PERSON, "A colleague asks for a second person’s decision about an image."
            self._waits += [Wait(each.acts, each.reason) for each in self._seconds]
        if self._wants_second:
            self._due.append(WorkDue(kind, hours[kind], words, "X10, X25"))

    @property
    def _wants_second(self) -> bool:
        """Whether what the clinician wishes for needs one: describing may go on where only keeping would."""
        return any(each.acts & self._shown for each in self._seconds)

    def ruling(self) -> Ruling:
        case = self._case
        questions = [self._question(catalogue()[name], asked) for name, asked in self._asked.items()]
        acts = {act: self._may(act, questions) for act in Act}
        listed = [each for each in questions if self._asked[each.id].acts & self._shown]
        notices = [Reason("policy-notice", text, source="X26") for text in case.pack.notices(case.said.today)]
        return Ruling(
            pack=case.pack.reference,
            acts=acts,
            reasons={act: tuple(self._reasons(act, acts[act])) for act in Act},
            questions=tuple(sorted(listed, key=lambda each: _position()[each.id])),
            stops=_once(each.reason for each in self._stops if each.acts & self._shown),
            warnings=_once(chain(self._warnings, notices)),
            work=tuple(dict.fromkeys(self._due)),
            flags=frozenset(self._flags),
            second_person=self._wants_second,
        )

    def _question(self, question: Question, asked: _Asked) -> OpenQuestion:
        return OpenQuestion(
            id=question.id,
            why=asked.why,
            sources=question.sources,
            needed_for=asked.needed_for,
            answered=self._answered(question),
            problem=asked.problem or self._too_long(question),
            offered=tuple(offered(question.id, self._case.pack, self._case.said.today).items()),
        )

    def _too_long(self, question: Question) -> str:
        if question.kind is not Kind.TEXT:
            return ""
        length = len(getattr(self._case.said, question.id).strip())
        return f"Shorten this to {question.longest} characters. It has {length}." if length > question.longest else ""

    def _answered(self, question: Question) -> bool:
        answer = getattr(self._case.said, question.id)
        match question.kind:
            case Kind.TEXT:
                return self._case.long_enough(question.id)
            case Kind.TICK:
                return True
            case Kind.SITE:
                return answer is True
            case Kind.TIME:
                return clock_time(answer) is not None
            case Kind.OFFERED:
                return bool(answer)
            case _:
                return answer is not None

    def _may(self, act: Act, questions: list[OpenQuestion]) -> May:
        if any(act in stop.acts for stop in self._stops):
            return May.NO
        waits = any(act in wait.acts for wait in self._waits)
        if waits or any(act in each.needed_for and (not each.answered or each.problem) for each in questions):
            return May.NOT_YET
        return May.YES

    def _reasons(self, act: Act, may: May) -> Iterator[Reason]:
        match may:
            case May.NO:
                yield from _once(stop.reason for stop in self._stops if act in stop.acts)
            case May.NOT_YET:
                yield from _once(wait.reason for wait in self._waits if act in wait.acts)
            case May.YES:
                yield _GROUNDS[act]


@cache
def _position() -> dict[str, int]:
    return {name: number for number, name in enumerate(catalogue())}


class _Asked:
    """One question, as all rules together ask it."""

    def __init__(self, why: str) -> None:
        self.why = why
        self.acts: frozenset[Act] = frozenset()
        self.needed_for: frozenset[Act] = frozenset()
        self.problem = ""

    def add(self, ask: Ask) -> None:
        if not ask.optional and not self.needed_for:
            self.why = ask.why  # why it is needed says more than why it may be said
        self.acts |= ask.acts
        if not ask.optional:
            self.needed_for |= ask.acts
        self.problem = self.problem or ask.problem


def _once(reasons: Iterator[Reason]) -> tuple[Reason, ...]:
    return tuple({reason.code: reason for reason in reasons}.values())
