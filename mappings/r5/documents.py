"""DocumentReference, QuestionnaireResponse and Binary's neighbours: R4 beside R5 (R5 changes: documentreference.html).

R5 folds Media into DocumentReference: the size of a picture and the part of the body are elements there, in R4
extensions. Everything of R4's `context` moves up one level.
"""

from __future__ import annotations

from typing import Any, Final

from mappings.r4 import elements
from mappings.r5.aside import Kind, concept_or_reference, many, many_parts, one, parts
from mappings.r5.parts import in_concept, out_of_concept
from mappings.r5.shape import Json, Rule, Shape, all_of, inner, listed, mapped, only4, only5, to_coding, told
from mappings.r5.shape import to_concept as concept_of
from mappings.terminology import systems

RELATION: Final = "http://hl7.org/fhir/document-relationship-type"
ATTESTED: Final = {"coding": [{"system": "http://hl7.org/fhir/composition-attestation-mode", "code": "professional"}]}
_CONTEXT: Final[dict[str, Kind]] = {
    "encounter": many("Reference"),
    "event": many("CodeableConcept"),
    "period": one("Period"),
    "facilityType": one("CodeableConcept"),
    "practiceSetting": one("CodeableConcept"),
    "sourcePatientInfo": one("Reference"),
    "related": many("Reference"),
}
_DOC_STATUS: Final = {
    "registered": "preliminary",
    "partial": "preliminary",
    "corrected": "amended",
    "appended": "amended",
    "cancelled": "entered-in-error",
    "deprecated": "entered-in-error",
}
"""What R4 has no code for, by the nearest one; `unknown` has none."""


def _context_up(part: Json) -> Json:
    context = elements.object_of(part.get("context"))
    said: Json = {name: context[name] for name in ("period", "facilityType", "practiceSetting") if name in context}
    if "encounter" in context:
        said["context"] = context["encounter"]
    if "event" in context:
        said["event"] = [in_concept(each) for each in elements.objects_of(context["event"])]
    return said


def _context_down(part: Json) -> Json:
    context: Json = {name: part[name] for name in ("period", "facilityType", "practiceSetting") if name in part}
    if meetings := [each for each in elements.objects_of(part.get("context")) if not _is_appointment(each)]:
        context["encounter"] = meetings
    if events := all_of(out_of_concept)(part.get("event")):
        context["event"] = events
    return {"context": context} if context else {}


def _is_appointment(reference: Json) -> bool:
    return elements.text_of(reference.get("reference")).startswith("Appointment/") or (
        reference.get("type") == "Appointment"
    )


def _attester_up(authenticator: Any) -> Json | list[Json]:
    return [{"mode": ATTESTED, "party": authenticator}]


def _attester_down(attesters: Any) -> Any:
    parties = [each["party"] for each in elements.objects_of(attesters) if "party" in each]
    return parties[0] if parties else None


_CONTENT: Final = Shape(
    "DocumentReference.content",
    (
        mapped(
            "format",
            "profile",
            one("Coding"),
            many_parts(valueCoding=one("Coding"), valueUri=one("uri"), valueCanonical=one("canonical")),
            lambda coding: [{"valueCoding": coding}],
            lambda profiles: next(
                (p["valueCoding"] for p in elements.objects_of(profiles) if "valueCoding" in p), None
            ),
        ),
    ),
)
_RELATES: Final = Shape(
    "DocumentReference.relatesTo",
    (
        mapped(
            "code",
            "code",
            one("code"),
            one("CodeableConcept"),
            lambda code: concept_of({"system": RELATION, "code": code}),
            lambda concept: elements.object_of(to_coding(concept)).get("code"),
        ),
    ),
)

DOCUMENT_REFERENCE: Final = Shape(
    "DocumentReference",
    (
        only4("masterIdentifier", one("Identifier")),
        only5("version", one("string")),
        only5("basedOn", many("Reference")),
        mapped(
            "docStatus",
            "docStatus",
            one("code"),
            one("code"),
            lambda code: code,
            lambda code: _DOC_STATUS.get(code, code) if isinstance(code, str) and code != "unknown" else None,
        ),
        only5("modality", many("CodeableConcept")),
        Rule(
            {"context": parts(**_CONTEXT)},
            {
                "context": many("Reference"),
                "event": concept_or_reference(repeats=True),
                "period": one("Period"),
                "facilityType": one("CodeableConcept"),
                "practiceSetting": one("CodeableConcept"),
            },
            _context_up,
            _context_down,
        ),
        told(
            systems.BODY_SITE_EXTENSION,
            "valueCodeableConcept",
            "bodySite",
            concept_or_reference(repeats=True),
            in_concept,
            out_of_concept,
        ),
        mapped(
            "authenticator",
            "attester",
            one("Reference"),
            many_parts(mode=one("CodeableConcept"), time=one("dateTime"), party=one("Reference")),
            _attester_up,
            _attester_down,
        ),
        inner("relatesTo", _RELATES),
        inner("content", _CONTENT),
    ),
)

QUESTIONNAIRE_RESPONSE: Final = Shape("QuestionnaireResponse", (listed("identifier", "identifier", "Identifier"),))
