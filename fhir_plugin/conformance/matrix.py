"""What a server says that it does, type by type, and the way of filing that follows: nothing is asked for it."""

from __future__ import annotations

from typing import Final

from fhir_plugin.capability import Capability
from fhir_plugin.capture.ladder import ladder
from fhir_plugin.capture.ladder_words import BECAUSE, SHORT
from fhir_plugin.conformance.results import Row, Way, Word
from fhir_plugin.conformance.words import gets

TYPES: Final = (
    "Patient",
    "Media",
    "DocumentReference",
    "Binary",
    "Consent",
    "Provenance",
    "AuditEvent",
    "Task",
    "QuestionnaireResponse",
    "CommunicationRequest",
)
INTERACTIONS: Final = ("create", "read", "update", "delete", "search-type", "history-instance")


def matrix_of(capability: Capability) -> tuple[Row, ...]:
    """A row for each type that the app reads or writes."""
    return tuple(Row(each, tuple(_word(capability, each, what) for what in INTERACTIONS)) for each in TYPES)


def _word(capability: Capability, resource_type: str, interaction: str) -> Word:
    if interaction not in capability.interactions.get(resource_type, frozenset()):
        return Word.NOT_SAID
    if (resource_type, interaction) in capability.vendor.denied:
        return Word.KNOWN_NOT
    return Word.CAN if capability.granted(resource_type, interaction) else Word.NOT_GRANTED


def way_of(capability: Capability, size: int) -> Way:
    """How a JPEG of `size` bytes would be filed."""
    found = ladder(capability, largest=size, content_types=frozenset({"image/jpeg"}))
    passed = tuple((SHORT[each.rung], BECAUSE[each.why]) for each in found.passed)
    return Way(str(found.rung), gets(found.rung), passed, tuple(sorted(found.beside)))
