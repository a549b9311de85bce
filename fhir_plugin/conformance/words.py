"""How verdicts and ways of filing are said."""

from __future__ import annotations

from typing import Final

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

RUNGS: Final = {
    Rung.TRANSACTION: "whole, in one transaction",
    Rung.SEQUENCE: "whole, as Media and Binary one after the other",
    Rung.DOCUMENT_BINARY: "whole, as a DocumentReference with its Binary",
    Rung.DOCUMENT_INLINE: "whole, inside one resource",
    Rung.PDF: "kept by the app; the chart gets a page (PDF) with the picture",
    Rung.XHTML: "kept by the app; the chart gets a page (HTML) with the picture",
    Rung.TEXT_NOTE: "kept by the app; the chart gets words that say where it is",
    Rung.SIGNED_EXPORT: "kept by the app; a person files a signed copy by hand",
}
WHY_NOT: Final = {
    "no-images": "it takes no images",
    "no-media": "it takes no Media",
    "no-binary": "it has no Binary",
    "no-transaction": "it offers no transaction that can be trusted",
    "ids": "it gives its own ids",
    "too-large": "an image of this size is too large for it",
    "video": "it is no picture",
    "type-refused": "it takes no document of that type",
}
