"""What the app only reads, where R5 says differently what it reads: Practitioner, PractitionerRole, Encounter."""

from __future__ import annotations

from typing import Any, Final

from mappings.r4 import elements
from mappings.r5.aside import concept_or_reference, many, many_parts, one
from mappings.r5.parts import in_concept, out_of_concept
from mappings.r5.shape import (
    Json,
    Shape,
    all_of,
    codes,
    first,
    inner,
    mapped,
    only5,
    renamed,
    to_coding,
    to_concept,
)


def _language_up(concept: Any) -> Json:
    return {"language": concept}


def _language_down(communication: Any) -> Any:
    return elements.object_of(communication).get("language")


PRACTITIONER: Final = Shape(
    "Practitioner",
    (
        only5("deceasedBoolean", one("boolean")),
        only5("deceasedDateTime", one("dateTime")),
        mapped(
            "communication",
            "communication",
            many("CodeableConcept"),
            many_parts(language=one("CodeableConcept"), preferred=one("boolean")),
            all_of(_language_up),
            all_of(_language_down),
        ),
    ),
)

_ENCOUNTER_STATUS: Final = {
    "discharged": "finished",
    "completed": "finished",
    "discontinued": "cancelled",
    "on-hold": "onleave",
}

_PARTICIPANT: Final = Shape("Encounter.participant", (renamed("individual", "actor", one("Reference")),))

ENCOUNTER: Final = Shape(
    "Encounter",
    (
        codes(
            "status",
            {"arrived": "in-progress", "triaged": "in-progress", "onleave": "on-hold", "finished": "completed"},
            _ENCOUNTER_STATUS,
        ),
        mapped(
            "class",
            "class",
            one("Coding"),
            many("CodeableConcept"),
            lambda coding: [to_concept(coding)],
            lambda concepts: to_coding(first(concepts)),
        ),
        mapped(
            "serviceType",
            "serviceType",
            one("CodeableConcept"),
            concept_or_reference(repeats=True),
            lambda concept: [in_concept(concept)],
            lambda given: first(all_of(out_of_concept)(given)),
        ),
        renamed("period", "actualPeriod", one("Period")),
        inner("participant", _PARTICIPANT),
    ),
)
