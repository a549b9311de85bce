"""What was decided about one image, each with reasons that could be read aloud and their source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """`code` is stable; `text` says what, `action` what to do now, `source` the guidance (G-R... or X...)."""

    code: str
    text: str
    action: str = ""
    source: str = ""


@dataclass(frozen=True)
class Store:
    """File the image with its labels."""

    reasons: tuple[Reason, ...]
    policy: str


@dataclass(frozen=True)
class DescribeOnly:
    """Write what was seen, then destroy the image: never filed."""

    reasons: tuple[Reason, ...]
    policy: str


@dataclass(frozen=True)
class Discard:
    """Destroy the image: never filed, nothing to describe."""

    reasons: tuple[Reason, ...]
    policy: str


@dataclass(frozen=True)
class Hold:
    """More is needed before anybody may decide. Stopping loses nothing."""

    reasons: tuple[Reason, ...]
    policy: str


Verdict = Store | DescribeOnly | Discard | Hold
