"""What one test of the suite finds, and all that any of them may find."""

from __future__ import annotations

from dataclasses import dataclass, field

CODES = frozenset(
    """
    launch-url-invalid launch-url-not-http launch-url-not-https
    redirect-uri-invalid redirect-uri-not-http redirect-uri-not-https redirect-uri-missing
    jwks-unusable secret-missing no-authorization no-access
    response-type client-id redirect-missing redirect-none-registered redirect-unregistered launch state aud
    challenge method scope
    grant-type assertion-type backend-scope public-client-id code-missing code-unknown token-redirect pkce
    backend-refresh refresh-assertion-type refresh-unknown
    assertion-unreadable typ iss sub assertion-aud exp jti-missing jti-reused signature basic
    token-unused
    """.split()  # noqa: SIM905
)
"""All that any check may find."""


@dataclass(frozen=True)
class Problem:
    code: str
    says: str


@dataclass
class Verdict:
    """What one test of the suite finds. Skipped tests have judged nothing."""

    number: str
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def result(self) -> str:
        return "skip" if self.skipped else "fail" if self.problems else "pass"

    @property
    def codes(self) -> set[str]:
        return {problem.code for problem in self.problems}

    def error(self, code: str, says: str) -> None:
        assert code in CODES
        self.problems.append(Problem(code, says))
