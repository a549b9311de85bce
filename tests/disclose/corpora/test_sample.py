"""The sample of the official examples, each withheld once; the whole package is run on demand (docs/disclosure.md)."""

from __future__ import annotations

from tests.disclose.corpora.__main__ import issues
from tests.disclose.corpora.each_withheld import run
from tests.disclose.corpora.reading import SAMPLE, examples


def test_each_example_withheld_leaks_nothing_and_loses_nothing() -> None:
    corpus = examples(SAMPLE)
    assert len({each.type for each in corpus}) > 120
    outcome = run(corpus, list(range(len(corpus))), issues)
    assert outcome.faults == []
    assert outcome.counts["equal in meaning"] == outcome.counts["bystanders"] > 2000
    assert outcome.counts["checked by their definition"] > 100
