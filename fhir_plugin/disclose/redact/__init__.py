"""Redaction on the parsed JSON: what a judge withholds leaves no pointer, copy, count or word behind.

Pure: no files, no network, no clock. Fails closed: what cannot be read without ambiguity, is not known or may speak of
what is withheld stays out, and is listed.
"""

from __future__ import annotations

from fhir_plugin.disclose.redact.blocks import BlockReport, BlockSurvey, Glance, Surveyed
from fhir_plugin.disclose.redact.documents import lines, read_part, redact_documents, redact_stream
from fhir_plugin.disclose.redact.redaction import Redaction
from fhir_plugin.disclose.redact.report import Finding, Part, RedactedRecord
from fhir_plugin.disclose.redact.strict import UnreadableRecord
from fhir_plugin.disclose.redact.watch import Watch

__all__ = [
    "BlockReport",
    "BlockSurvey",
    "Finding",
    "Glance",
    "Part",
    "RedactedRecord",
    "Redaction",
    "Surveyed",
    "UnreadableRecord",
    "Watch",
    "lines",
    "read_part",
    "redact_documents",
    "redact_stream",
]
