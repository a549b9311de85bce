"""How verdicts are said."""

from __future__ import annotations

from typing import Final

from fhir_plugin.conformance.results import Verdict

WORDS: Final = {
    Verdict.PASSED: "works",
    Verdict.UNAVAILABLE: "the server cannot",
    Verdict.FAILED: "the server says it can, and does not",
    Verdict.NOT_RUN: "not tried",
}
SIGNS: Final = {Verdict.PASSED: "✓", Verdict.UNAVAILABLE: "–", Verdict.FAILED: "✗", Verdict.NOT_RUN: "·"}
