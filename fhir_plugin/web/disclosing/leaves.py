"""Long lists a leaf at a time: a record of three thousand entries, a practice with five hundred requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Leaf(Generic[T]):
    """Some of a list. `number` from 1; `first` and `last` of those here, counted from 1, of `whole`."""

    here: tuple[T, ...] = field(repr=False)
    number: int
    leaves: int
    first: int
    last: int
    whole: int

    @property
    def before(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def after(self) -> int | None:
        return self.number + 1 if self.number < self.leaves else None


def leaf(things: Sequence[T], said: str | None, size: int) -> Leaf[T]:
    """The leaf of that number as an address says it; what is no number, or too large, gives the nearest that is."""
    leaves = max(1, -(-len(things) // size))
    number = int(said) if said and said.isdecimal() and len(said) < 7 else 1
    number = min(max(number, 1), leaves)
    start = (number - 1) * size
    here = tuple(things[start : start + size])
    return Leaf(here, number, leaves, start + 1 if here else 0, start + len(here), len(things))
