"""The person who consents for a patient, inside the Consent (R4 RelatedPerson, contained).

All that is known is what a clinician typed: a name and a relationship. R4 contains what cannot be identified by
itself, and an EHR would take a RelatedPerson of its own for a contact or a proxy of the patient (ADR 16).
"""

from __future__ import annotations

from typing import Final

from mappings.model.consent import ConsentGiver
from mappings.model.identifiers import Reference
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.terminology import systems
from mappings.terminology.consent import GRANTOR_WORDS, RELATIONSHIP_CODES

GIVER_ID: Final = "giver"
GIVER_REFERENCE: Final = "#giver"


def also_id(number: int) -> str:
    """The id of somebody who was asked beside the giver; `number` from 1."""
    return f"also-{number}"


def to_related_person(giver: ConsentGiver, patient: Reference, *, id: str = GIVER_ID) -> Json:
    """Who consents and by what right; no label, as R4 forbids one inside (dom-5): its Consent carries them."""
    codings = [elements.coding(systems.GRANTOR, giver.right.value, GRANTOR_WORDS[giver.right])]
    if giver.right in RELATIONSHIP_CODES:
        codings.append(elements.coding(systems.ROLE_CODE, *RELATIONSHIP_CODES[giver.right]))
    relationship: Json = {"coding": codings}
    if giver.relationship.strip():
        relationship["text"] = elements.string(giver.relationship).strip()
    person: Json = {
        "resourceType": "RelatedPerson",
        "id": id,
        "patient": elements.reference(patient),
        "relationship": [relationship],
    }
    if giver.name.strip():
        person["name"] = [{"text": elements.string(giver.name).strip()}]
    return person


def giver_in(resource: Json, *, id: str = GIVER_ID) -> Json:
    """The person inside a Consent; empty where there is none."""
    for inside in elements.objects_of(resource.get("contained")):
        if inside.get("resourceType") == "RelatedPerson" and inside.get("id") == id:
            return inside
    return {}


def name_in(person: Json) -> str:
    """The name as it was typed; empty where there is none."""
    return next((elements.text_of(name.get("text")) for name in elements.objects_of(person.get("name"))), "")


def relationship_in(person: Json) -> str:
    """The relationship in the words that were typed; empty where there are none."""
    return next((elements.text_of(one.get("text")) for one in elements.objects_of(person.get("relationship"))), "")
