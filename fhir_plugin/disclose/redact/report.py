"""What became of each resource, and why: types, ids, rules and counts, never content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.disclose.redact.places import Place
from mappings.model.disclosure import Reason, Redact, Release, Review, Reviewer, Verdict, Withhold

_SOURCE: Final = "FHIR R4 security labels; DS4P IG 1.0.0"
_RULES: Final = {
    "about-withheld-only": "It says nothing but what concerns something that is not included.",
    "audit-not-disclosed": "The log of who used the record is not part of it.",
    "bundle-label": "The whole collection carries a label that nothing inside it explains.",
    "bundle-without-first": "Its first part, without which the rest cannot stand, is not included.",
    "cannot-stand-alone": "It cannot be complete without something that is not included.",
    "contained-needs-review": "A part inside it needs a person's look first.",
    "file-damaged": "It holds a file that is damaged, so nobody here could look into it; a person has to.",
    "file-encrypted": "It holds a file that is encrypted, so nobody here could look into it; a person has to.",
    "file-packed-otherwise": "It holds a file that is packed in a way that is not read here; a person has to look.",
    "file-too-large": "It holds a file that is too large to look into here; a person has to look.",
    "finding-about-withheld": "It holds a finding about something that is not included; somebody must look.",
    "free-text-names-withheld": "Its free text names something that is not included; a person has to read it.",
    "free-text-may-speak-of-withheld": "Its free text may speak of an image that is not included; somebody must look.",
    "human-narrative": "A person wrote its summary, and something in it is not included; a person has to read it.",
    "modifier-extension": "An extension that changes its meaning concerns something that is not included.",
    "not-base64": "It holds a file that cannot be read, so nobody here could look into it; a person has to.",
    "request-names-withheld": "The request around it names something that is not included.",
    "same-as-withheld": "It goes by the same name as something that is not included.",
    "stub": "It says only that something is not included.",
    "unknown-resource-type": "This kind of resource is not known here; a person has to look.",
    "unread-label": "Its security labels cannot be read; a person has to look.",
}


def reason(rule: str) -> Reason:
    """Why the redactor itself, not policy, keeps something back."""
    return Reason(rule=rule, text=_RULES[rule], source=_SOURCE)


def withheld_by(rule: str) -> Withhold:
    return Withhold(reason(rule))


def review_by(rule: str) -> Review:
    return Review(reason(rule), by=Reviewer.OFFICER)


_WORDS: Final[dict[type[Verdict], str]] = {
    Release: "release",
    Redact: "redact",
    Withhold: "withhold",
    Review: "review",
}


@dataclass(frozen=True)
class Finding:
    """What became of one resource. `within`: the document or line that it came from.

    `cuts`: how often each kind of pointer was taken out of a resource that goes out.
    """

    type: str
    id: str
    verdict: Verdict
    within: str = ""
    cuts: tuple[tuple[str, int], ...] = ()

    @property
    def word(self) -> str:
        """release, redact, withhold or review."""
        return _WORDS[type(self.verdict)]

    def as_json(self) -> dict[str, object]:
        """One row of the report."""
        row: dict[str, object] = {
            "type": self.type,
            "id": self.id,
            "verdict": self.word,
            "rule": self.verdict.reason.rule,
            "reason": self.verdict.reason.text,
        }
        if self.cuts:
            row["cut"] = dict(self.cuts)
        if self.within:
            row["in"] = self.within
        return row


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of each verdict, and how many went out with something taken out (`changed`)."""
    found: Counter[str] = Counter(release=0, redact=0, withhold=0, review=0, changed=0)
    for each in findings:
        found[each.word] += 1
        found["changed"] += bool(each.cuts)
    return dict(found)


@dataclass(frozen=True)
class Part:
    """One document, or one line of an NDJSON file. `line` is 0 for a whole document, else counted from 1."""

    name: str
    data: bytes = field(repr=False)
    line: int = 0

    @property
    def place(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


@dataclass(frozen=True)
class RedactedRecord:
    """What may go out, in the order in which it came, and what became of every resource.

    `kept_back`: what does not go out. `common`: ids and titles of it that something that goes out bears as well.
    """

    parts: tuple[Part, ...]
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    kept_back: tuple[Place, ...] = field(default=(), repr=False)
    common: frozenset[str] = field(default=frozenset(), repr=False)
