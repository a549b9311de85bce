"""docs/deletion-proof.md names every place of a proof and every reason, in the words that people read."""

from __future__ import annotations

from fhir_plugin.delete.places import PLACES, UNASKED
from tests.shape.project import ROOT


def test_every_place_and_every_reason_is_in_the_document() -> None:
    text = (ROOT / "docs" / "deletion-proof.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for codes in (PLACES, UNASKED):
        for code, words in codes.items():
            assert f"| `{code}` | {words} |" in rows
