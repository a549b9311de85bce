"""How verdicts and ways of filing are said."""

from __future__ import annotations

from typing import Final

from fhir_plugin.capture.ladder_words import SHORT
from fhir_plugin.conformance.results import Verdict, Word
from mappings.model.writeback import Rung

WORDS: Final = {
    Verdict.PASSED: "works",
    Verdict.UNAVAILABLE: "the server cannot",
    Verdict.FAILED: "the server says it can, and does not",
    Verdict.NOT_RUN: "not tried",
}
SIGNS: Final = {Verdict.PASSED: "✓", Verdict.UNAVAILABLE: "–", Verdict.FAILED: "✗", Verdict.NOT_RUN: "·"}

CELLS: Final = {
    Word.CAN: "says so",
    Word.NOT_GRANTED: "not granted to this sign-in",
    Word.KNOWN_NOT: "says so, and is known not to",
    Word.NOT_SAID: "does not say so",
}
CELL_SIGNS: Final = {Word.CAN: "✓", Word.NOT_GRANTED: "⊘", Word.KNOWN_NOT: "✗", Word.NOT_SAID: "–"}


def gets(rung: Rung) -> str:
    """What a chart gets where images are filed in this way."""
    return f"the chart gets {SHORT[rung]}{'' if rung.whole else '; the app keeps the image itself'}"
