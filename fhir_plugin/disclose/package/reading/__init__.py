"""The record in plain words, from the FHIR JSON that goes out and nothing else: every field, known or not, by date."""

from fhir_plugin.disclose.package.reading.entries import Entry, Reading, Shown, facts_of
from fhir_plugin.disclose.package.reading.fact import Fact
from fhir_plugin.disclose.package.reading.narrative import plain_narrative, safe_narrative

__all__ = ["Entry", "Fact", "Reading", "Shown", "facts_of", "plain_narrative", "safe_narrative"]
