"""AuditEvent and Provenance: R4 beside R5 (R5 auditevent.html, provenance.html).

R5 gives both an element for the patient, by which alone its servers find them; R4 says it among the entities or
targets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mappings.r4 import elements
from mappings.r5.aside import NEVER, Kind, concept_or_reference, many, many_parts, one, parts
from mappings.r5.parts import in_concept, out_of_concept, patient_of
from mappings.r5.shape import (
    Json,
    Rule,
    Shape,
    all_of,
    codes,
    inner,
    mapped,
    only4,
    only5,
    renamed,
    to_coding,
    to_concept,
)
from mappings.terminology import systems

OUTCOME: Final = "http://terminology.hl7.org/CodeSystem/audit-event-outcome"
NOBODY: Final[Json] = {"extension": [{"url": systems.DATA_ABSENT_EXTENSION, "valueCode": "unknown"}]}
"""R5 wants to know of every agent who it was; R4 lets one be known by its role alone."""


def _kinds_up(part: Json) -> Json:
    kind, subtypes = part.get("type"), part.get("subtype")
    said: Json = {} if kind is None else {"category": [to_concept(kind)]}
    codings = list(elements.objects_of(subtypes))
    if codings or kind is not None:
        said["code"] = {"coding": codings or [kind]}
    return said


def _kinds_down(part: Json) -> Json:
    categories, code = list(elements.objects_of(part.get("category"))), elements.object_of(part.get("code"))
    codings = list(elements.objects_of(code.get("coding")))
    kind = next((found for each in categories if (found := to_coding(each)) is not None), None)
    if kind is None and codings:
        kind = codings[0]
    said: Json = {} if kind is None else {"type": kind}
    if codings and codings != [kind]:
        said["subtype"] = codings
    return said


def _outcome_up(part: Json) -> Json:
    if "outcome" not in part:
        return {}
    said: Json = {"code": {"system": OUTCOME, "code": part["outcome"]}}
    if "outcomeDesc" in part:
        said["detail"] = [{"text": part["outcomeDesc"]}]
    return {"outcome": said}


def _outcome_down(part: Json) -> Json:
    outcome = elements.object_of(part.get("outcome"))
    code = elements.object_of(outcome.get("code"))
    said: Json = {}
    if code.get("system") == OUTCOME and "code" in code:
        said["outcome"] = code["code"]
    elif code.get("system") == "http://hl7.org/fhir/issue-severity":
        known = {"success": "0", "information": "0", "warning": "4", "error": "8", "fatal": "12"}
        said["outcome"] = known.get(elements.text_of(code.get("code")), "8")
    words = [elements.text_of(each.get("text")) for each in elements.objects_of(outcome.get("detail"))]
    if words and words[0]:
        said["outcomeDesc"] = words[0]
    return said


def _who_up(part: Json) -> Json:
    return {"who": part.get("who", NOBODY)}


def _who_down(part: Json) -> Json:
    return {} if part.get("who") == NOBODY else part


def _network_up(network: Any) -> Any:
    return elements.object_of(network).get("address")


def _network_down(address: Any) -> Any:
    return {"address": address}


def _detail_type_up(words: Any) -> Json:
    return {"text": words}


def _detail_type_down(concept: Any) -> Any:
    said = elements.object_of(concept)
    codes = [elements.text_of(each.get("code")) for each in elements.objects_of(said.get("coding"))]
    return said.get("text") or elements.concept_words(said) or next(filter(None, codes), None)


def _patient_among_entities(part: Json) -> Json:
    return _patient_in([entity.get("what") for entity in elements.objects_of(part.get("entity"))])


def _patient_among_targets(part: Json) -> Json:
    return _patient_in(list(elements.objects_of(part.get("target"))))


def _patient_in(references: list[Any]) -> Json:
    for each in references:
        path = elements.text_of(elements.object_of(each).get("reference")).partition("/_history/")[0]
        if path.startswith("Patient/"):
            return {"patient": {"reference": path}}
    return {}


_AUDIT_AGENT: Final = Shape(
    "AuditEvent.agent",
    (
        only4("altId", one("string")),
        only4("name", one("string")),
        only4("media", one("Coding")),
        Rule({"who": one("Reference")}, {"who": one("Reference")}, _who_up, _who_down),
        mapped(
            "network",
            "networkString",
            parts(address=one("string"), type=one("code")),
            one("string"),
            _network_up,
            _network_down,
        ),
        only5("networkUri", one("uri")),
        only5("networkReference", one("Reference")),
        renamed("purposeOfUse", "authorization", many("CodeableConcept")),
    ),
)
_SOURCE: Final = Shape(
    "AuditEvent.source",
    (
        mapped(
            "site",
            "site",
            one("string"),
            one("Reference"),
            lambda words: {"display": words},
            lambda site: elements.object_of(site).get("display"),
        ),
        mapped("type", "type", many("Coding"), many("CodeableConcept"), all_of(to_concept), all_of(to_coding)),
    ),
)
_DETAIL: Final = Shape(
    "AuditEvent.entity.detail",
    (
        mapped("type", "type", one("string"), one("CodeableConcept"), _detail_type_up, _detail_type_down),
        *(
            only5(f"value{each[0].upper()}{each[1:]}", one(each))
            for each in (
                "Quantity",
                "CodeableConcept",
                "boolean",
                "integer",
                "Range",
                "Ratio",
                "time",
                "dateTime",
                "Period",
            )
        ),
    ),
)
_ENTITY: Final = Shape(
    "AuditEvent.entity",
    (
        only4("type", one("Coding")),
        mapped("role", "role", one("Coding"), one("CodeableConcept"), to_concept, to_coding),
        only4("lifecycle", one("Coding")),
        mapped(
            "securityLabel",
            "securityLabel",
            many("Coding"),
            many("CodeableConcept"),
            all_of(to_concept),
            all_of(to_coding),
        ),
        only4("name", one("string")),
        only4("description", one("string")),
        inner("detail", _DETAIL),
    ),
)

_AGENT5: Final[dict[str, Kind]] = {
    "type": one("CodeableConcept"),
    "role": many("CodeableConcept"),
    "who": one("Reference"),
    "requestor": one("boolean"),
    "location": one("Reference"),
    "policy": many("uri"),
    "networkReference": one("Reference"),
    "networkUri": one("uri"),
    "networkString": one("string"),
    "authorization": many("CodeableConcept"),
}
_ENTITY_WITH_AGENT: Final = Shape(_ENTITY.path, (*_ENTITY.rules, only5("agent", many_parts(**_AGENT5))))


def _entities_up(part: Json) -> Json:
    return {**_entities(part, _ENTITY_WITH_AGENT.up), **_patient_among_entities(part)}


def _entities_down(part: Json) -> Json:
    return _entities(part, _ENTITY_WITH_AGENT.down)


def _entities(part: Json, say: Callable[[Any], Any]) -> Json:
    """What is no list stays as it is: it is wrong in both versions."""
    if "entity" not in part:
        return {}
    entities = part["entity"]
    return {"entity": [say(each) for each in entities] if isinstance(entities, list) else entities}


AUDIT_EVENT: Final = Shape(
    "AuditEvent",
    (
        Rule(
            {"type": one("Coding"), "subtype": many("Coding")},
            {"category": many("CodeableConcept"), "code": one("CodeableConcept")},
            _kinds_up,
            _kinds_down,
        ),
        only5("severity", one("code")),
        renamed("period", "occurredPeriod", one("Period")),
        only5("occurredDateTime", one("dateTime")),
        Rule(
            {"outcome": one("code"), "outcomeDesc": one("string")},
            {"outcome": parts(code=one("Coding"), detail=many("CodeableConcept"))},
            _outcome_up,
            _outcome_down,
        ),
        renamed("purposeOfEvent", "authorization", many("CodeableConcept")),
        only5("basedOn", many("Reference")),
        only5("encounter", one("Reference")),
        inner("agent", _AUDIT_AGENT),
        inner("source", _SOURCE),
        Rule(
            {"entity": NEVER},
            {"entity": NEVER, "patient": one("Reference")},
            _entities_up,
            _entities_down,
        ),
    ),
)

_PROVENANCE_ENTITY: Final = Shape(
    "Provenance.entity", (codes("role", {"derivation": "source"}, {"instantiates": "source"}),)
)

PROVENANCE: Final = Shape(
    "Provenance",
    (
        patient_of("target", _patient_among_targets),
        mapped(
            "reason",
            "authorization",
            many("CodeableConcept"),
            concept_or_reference(repeats=True),
            all_of(in_concept),
            all_of(out_of_concept),
        ),
        only5("basedOn", many("Reference")),
        only5("encounter", one("Reference")),
        inner("entity", _PROVENANCE_ENTITY),
    ),
)
