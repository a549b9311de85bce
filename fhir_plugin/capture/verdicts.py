"""What was decided about one image, each with reasons that could be read aloud and their source."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_plugin.policy.ruling import Reason


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
