"""Task and CommunicationRequest: R4 beside R5 (R5 task.html, communicationrequest.html)."""

from __future__ import annotations

from typing import Any, Final

from mappings.r4 import elements
from mappings.r5.aside import concept_or_reference, many, many_parts, one, parts
from mappings.r5.parts import always, in_concept, out_of_concept, reasons
from mappings.r5.shape import Json, Rule, Shape, all_of, inner, listed, mapped, only5

FULFIL: Final = ("http://hl7.org/fhir/CodeSystem/task-code", "fulfill")


def _is_fulfilment(part: Json) -> bool:
    """R5 tsk-1: only then may there be a restriction."""
    codings = elements.codings_of(part.get("code"))
    return "focus" in part and any((each.get("system"), each.get("code")) == FULFIL for each in codings)


def _limits_up(part: Json) -> Json:
    same: Json = {name: part[name] for name in ("code", "focus") if name in part}
    restriction = part.get("restriction")
    if restriction is None:
        return same
    if _is_fulfilment(part):
        return {**same, "restriction": restriction}
    period = elements.object_of(restriction).get("period")
    return same if period is None else {**same, "requestedPeriod": period}


def _limits_down(part: Json) -> Json:
    same: Json = {name: part[name] for name in ("code", "focus") if name in part}
    if "restriction" in part:
        return {**same, "restriction": part["restriction"]}
    if "requestedPeriod" in part and not _is_fulfilment(part):
        return {**same, "restriction": {"period": part["requestedPeriod"]}}
    return same


_RESTRICTION: Final = parts(repetitions=one("positiveInt"), period=one("Period"), recipient=many("Reference"))
_SAME: Final = {"code": one("CodeableConcept"), "focus": one("Reference")}

TASK: Final = Shape(
    "Task",
    (
        mapped(
            "statusReason",
            "statusReason",
            one("CodeableConcept"),
            concept_or_reference(repeats=False),
            in_concept,
            out_of_concept,
        ),
        only5("doNotPerform", one("boolean")),
        mapped(
            "performerType",
            "requestedPerformer",
            many("CodeableConcept"),
            concept_or_reference(repeats=True),
            all_of(in_concept),
            all_of(out_of_concept),
        ),
        only5("performer", many_parts(function=one("CodeableConcept"), actor=one("Reference"))),
        reasons(repeats=False),
        Rule(
            {**_SAME, "restriction": _RESTRICTION},
            {**_SAME, "restriction": _RESTRICTION, "requestedPeriod": one("Period")},
            _limits_up,
            _limits_down,
        ),
    ),
)


def _words_up(words: Any) -> Json:
    return {"text": words}


def _words_down(concept: Any) -> Any:
    return elements.object_of(concept).get("text")


_PAYLOAD: Final = Shape(
    "CommunicationRequest.payload",
    (mapped("contentString", "contentCodeableConcept", one("string"), one("CodeableConcept"), _words_up, _words_down),),
)

COMMUNICATION_REQUEST: Final = Shape(
    "CommunicationRequest",
    (
        always("intent", "order", one("code")),
        reasons(repeats=True),
        listed("sender", "informationProvider", "Reference"),
        inner("payload", _PAYLOAD),
    ),
)
