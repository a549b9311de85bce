"""What a rule finds in a case. Rules only say; the engine puts together what they said."""

from __future__ import annotations

from typing import NamedTuple

from fhir_plugin.policy.ruling import Act, Reason, WorkDue

Acts = frozenset[Act]


class Ask(NamedTuple):
    """A question that applies, and the acts that wait for its answer. `problem`: what is wrong with the present one.

    `optional`: it is shown with these acts, and none of them waits for it.
    """

    id: str
    why: str
    acts: Acts
    problem: str = ""
    optional: bool = False


class Stop(NamedTuple):
    """These acts are not allowed. No answer elsewhere takes it back."""

    acts: Acts
    reason: Reason


class Wait(NamedTuple):
    """These acts wait for something that is not an answer: a second person, a call that was not taken."""

    acts: Acts
    reason: Reason


class Second(NamedTuple):
    """Somebody else has to agree to these acts first, or it is so urgent that they follow (X10, X25)."""

    acts: Acts
    reason: Reason


class Warn(NamedTuple):
    reason: Reason


class Due(NamedTuple):
    work: WorkDue


class Flagged(NamedTuple):
    """What makes it other than the fast path."""

    name: str


Finding = Ask | Stop | Wait | Second | Warn | Due | Flagged
