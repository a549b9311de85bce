"""OperationOutcome for every error, and the one exception that carries it through the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Issue:
    """One line of an OperationOutcome. `code` is from the R4 value set issue-type."""

    code: str
    text: str
    severity: str = "error"
    expression: str | None = None


class FhirError(Exception):
    """The request is refused. `status` is the HTTP status; `issues` become the OperationOutcome.

    Texts name elements, parameters and ids, never content.
    """

    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        *,
        expression: str | None = None,
        headers: Mapping[str, str] | None = None,
        issues: Sequence[Issue] = (),
    ) -> None:
        super().__init__(f"{status} {code}: {text}")
        self.status = status
        self.issues = tuple(issues) or (Issue(code, text, expression=expression),)
        self.headers = dict(headers or {})

    def within(self, expression: str) -> FhirError:
        """The same error, as seen from the Bundle that holds the entry at `expression`."""
        issues = [
            Issue(
                issue.code,
                issue.text,
                issue.severity,
                f"{expression}.{issue.expression}" if issue.expression else expression,
            )
            for issue in self.issues
        ]
        return FhirError(self.status, issues[0].code, issues[0].text, headers=self.headers, issues=issues)

    @property
    def outcome(self) -> Json:
        """The OperationOutcome."""
        return operation_outcome(self.issues)


def operation_outcome(issues: Sequence[Issue]) -> Json:
    """An OperationOutcome with one issue each."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}


def _issue(issue: Issue) -> Json:
    # Names that the caller chose are repeated in texts: whatever is in them, the answer must be FHIR JSON.
    text = "".join(character if character.isprintable() else "\ufffd" for character in issue.text)
    made: Json = {"severity": issue.severity, "code": issue.code, "diagnostics": text}
    if issue.expression:
        made["expression"] = [issue.expression]
    return made
