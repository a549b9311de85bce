"""What goes in and out of the desk beside the request itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.errors import Incomplete
from mappings.model.identifiers import Reference

MOST_WORDS: Final = 2000
"""Characters of one field."""

REVEAL_REASONS: Final = (
    "To decide whether it goes out",
    "To check that it is this patient’s",
    "To black out part of it",
    "To give an opinion about harm",
    "To check what will be sent before signing",
)
"""Why somebody opens a picture at the desk, beside the reasons of policy: none of those is direct care. Goes into the
log word for word."""


@dataclass(frozen=True)
class Facts:
    """What the officer says about a request; every field as typed, right or wrong. Keys: the fields of
    `DisclosureRequest` of the same name (`requester`, `received`, `recipient`, `relationship`, `identity_checked`,
    `identity_on`, `purpose`, `consent`, `authority`, `competence`, `agrees`: yes, no or empty, `mode`, `watermark`:
    yes or no). Days as `2026-11-23`. A field that is not there stays as it was."""

    said: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class ItemWords:
    """One item in full, as JSON-free facts: pairs of label and value, and its narrative as plain text."""

    facts: tuple[tuple[str, str], ...] = field(repr=False)
    text: str = field(repr=False)
    before: str = field(repr=False)
    """The resource as the record holds it, pretty-printed."""
    after: str | None = field(repr=False)
    """As it would go out; None where it would not."""


@dataclass(frozen=True)
class Accounted:
    """One disclosure that was made, as the patient may be told (G-R: accounting of disclosures)."""

    on: dt.datetime
    recipient: str = field(repr=False)
    right: str
    purpose: str
    items: int
    images: int
    signed_by: str = field(repr=False)
    reference: Reference | None = None
    look_first: bool = False
    """Somebody has to decide whether the patient is told of this one: the police or safeguarding asked."""

    @property
    def token(self) -> str:
        """Names this line among others."""
        return f"{self.on:%Y%m%dT%H%M%S%f}"


def words_of_theirs(text: str, field: str, problem: str) -> str:
    """What somebody typed, without spaces around it. Raises `Incomplete` (`field`) where it is empty or too long."""
    words = text.strip()
    if not words:
        raise Incomplete(problem, fields={field: problem})
    if len(words) > MOST_WORDS:
        raise Incomplete("That is too long.", fields={field: f"Write at most {MOST_WORDS} characters."})
    return words
