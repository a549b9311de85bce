"""OperationOutcome: what a server complained of, without its words (R4 OperationOutcome).

Servers echo names, dates and whole resources in `diagnostics`, `details.text` and even in codes, so only what
R4 itself defines comes through: severities, issue types, message codes and plain element paths.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mappings.r4 import elements
from mappings.r4.elements import Json

_MOST_ISSUES: Final = 8
_MOST_PATHS: Final = 4
_SEVERITIES: Final = ("fatal", "error", "warning", "information")

ISSUE_TYPES: Final = frozenset(
    [
        "invalid",
        "structure",
        "required",
        "value",
        "invariant",
        "security",
        "login",
        "unknown",
        "expired",
        "forbidden",
        "suppressed",
        "processing",
        "not-supported",
        "duplicate",
        "multiple-matches",
        "not-found",
        "deleted",
        "too-long",
        "code-invalid",
        "extension",
        "too-costly",
        "business-rule",
        "conflict",
        "transient",
        "lock-error",
        "no-store",
        "exception",
        "timeout",
        "incomplete",
        "throttled",
        "informational",
    ]
)
"""R4 issue-type, http://hl7.org/fhir/issue-type."""

_MESSAGE_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/operation-outcome"
_MESSAGE_CODE: Final = re.compile(r"MSG_[A-Z_]{2,40}", re.ASCII)
_PATH: Final = re.compile(r"[A-Z][A-Za-z]{2,40}(?:\.[a-z][A-Za-z]{1,40}(?:\[\d{1,3}\]|\[x\])?){0,8}", re.ASCII)


@dataclass(frozen=True)
class Complaint:
    """One issue. `code` is an R4 issue type, or "unknown"; `paths` are element paths without any value."""

    severity: str
    code: str
    message_code: str | None
    paths: tuple[str, ...]

    def __str__(self) -> str:
        words = f"{self.severity} {self.code}"
        if self.message_code:
            words += f" {self.message_code}"
        return f"{words} at {', '.join(self.paths)}" if self.paths else words


def from_operation_outcome(json: object) -> tuple[Complaint, ...]:
    """At most eight issues, the worst first. Anything that is no OperationOutcome gives none."""
    outcome = elements.object_of(json)
    if outcome.get("resourceType") != "OperationOutcome":
        return ()
    complaints = [_complaint(issue) for issue in elements.objects_of(outcome.get("issue"))]
    return tuple(sorted(complaints, key=lambda one: _SEVERITIES.index(one.severity))[:_MOST_ISSUES])


def summary(json: object) -> str:
    """The same in one line that is safe to log and to show; empty when there is nothing to say."""
    return "; ".join(str(complaint) for complaint in from_operation_outcome(json))


def to_operation_outcome(*, code: str, text: str, severity: str = "error", expressions: Sequence[str] = ()) -> Json:
    """An OperationOutcome of ours with one issue; `text` is for people and carries no content of a record."""
    issue: Json = {"severity": severity, "code": code, "details": {"text": text}}
    if expressions:
        issue["expression"] = list(expressions)
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _complaint(issue: Json) -> Complaint:
    severity = elements.text_of(issue.get("severity"))
    code = elements.text_of(issue.get("code"))
    message = elements.code_in(issue.get("details"), _MESSAGE_SYSTEM) or ""
    expressions = issue.get("expression")
    paths = [
        text
        for text in (expressions if isinstance(expressions, list) else [])
        if isinstance(text, str) and _PATH.fullmatch(text)
    ]
    return Complaint(
        severity=severity if severity in _SEVERITIES else "error",
        code=code if code in ISSUE_TYPES else "unknown",
        message_code=message if _MESSAGE_CODE.fullmatch(message) else None,
        paths=tuple(paths[:_MOST_PATHS]),
    )
