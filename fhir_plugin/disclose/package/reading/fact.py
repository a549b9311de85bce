"""What a reader is told: a label with words."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fact:
    """A label with words, or with facts of its own."""

    label: str
    value: str | tuple[Fact, ...] = field(repr=False)
