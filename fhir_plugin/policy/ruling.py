"""What the engine answers: what is still to be asked, what stops, and what may be done with the image so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mappings.model.work import WorkKind


class May(StrEnum):
    """Whether an act is allowed: `NOT_YET` while a question of it is open, `NO` when it stops here."""

    YES = "yes"
    NOT_YET = "not-yet"
    NO = "no"


class Act(StrEnum):
    """What may be done with an image."""

    REVEAL = "reveal"
    """Show its pixels to the person who decides."""
    STORE = "store"
    DESCRIBE = "describe"
    """Write what was seen, then destroy it: never filed."""
    DISCARD = "discard"


@dataclass(frozen=True)
class Reason:
    """`code` is stable; `text` says what, `action` what to do now, `source` the guidance (G-R... or X...)."""

    code: str
    text: str
    action: str = ""
    source: str = ""


@dataclass(frozen=True)
class OpenQuestion:
    """A question that this situation needs: `id` as in `questions.toml` and in the form; `why` in a sentence.

    `needed_for`: the acts that wait for it. `problem`: what is wrong with the present answer, where there is one.
    `offered`: value and words of what the pack in force lets one choose, for a question of that kind.
    """

    id: str
    why: str
    sources: tuple[str, ...]
    needed_for: frozenset[Act]
    answered: bool
    problem: str = ""
    offered: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class WorkDue:
    """Something for somebody's list when the decision is carried out. `hours` until it counts as late."""

    kind: WorkKind
    hours: int
    words: str
    source: str


@dataclass(frozen=True)
class Ruling:
    """One decision so far. Stored with pack and answers wherever it is acted upon."""

    pack: str
    """Id and version of the pack in force (X26)."""
    acts: Mapping[Act, May]
    reasons: Mapping[Act, tuple[Reason, ...]]
    """Why each act stands as it does, for acts that are not simply allowed; and the grounds for those that are."""
    questions: tuple[OpenQuestion, ...]
    """Every question that applies, answered or not, in the order to ask."""
    stops: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    work: tuple[WorkDue, ...]
    flags: frozenset[str]
    """What makes it other than the fast path: intimate, under-18, no-capacity, unsolicited, carer, video, deceased."""
    second_person: bool = False
    """Somebody else has to agree before it goes on (unless the urgent path is taken)."""

    @property
    def open(self) -> tuple[OpenQuestion, ...]:
        """What is still to be answered or mended. What no act waits for (`needed_for` is empty) may stay unanswered."""
        return tuple(each for each in self.questions if each.problem or (each.needed_for and not each.answered))
