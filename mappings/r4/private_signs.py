"""Whether an image looks private although nothing labels it so: by its site, its kind, or where it comes from.

Read from any server's Media or DocumentReference; what cannot be read says nothing here. A sign is a question for a
clinician, never a label.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum

from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.terminology import systems
from mappings.terminology.private_signs import List, private_site_codes, private_words, words_in


class Sign(StrEnum):
    """Why it looks private."""

    SITE = "site"
    KIND = "kind"
    CLINIC = "clinic"


def private_signs(image: Json, *, encounter: Json | None = None, sites: Collection[str] = ()) -> tuple[Sign, ...]:
    """The signs of one image. `encounter`: the one that it was made in, where it may be read; `sites`: the policy's own
    SNOMED CT codes of private places, beside the list of this project."""
    private = private_site_codes() | set(sites)
    found = []
    where = list(_sites(image))
    codes = {
        elements.text_of(each.get("code"))
        for each in elements.codings_of(where)
        if each.get("system") in (systems.SNOMED_CT, None)
    }
    if codes & private or _says(_words_of(where), "sites"):
        found.append(Sign.SITE)
    if _says(_kind_words(image), "kinds", "sites"):
        found.append(Sign.KIND)
    if _says(_clinic_words(image, encounter or {}), "clinics"):
        found.append(Sign.CLINIC)
    return tuple(found)


def encounter_of(image: Json) -> str | None:
    """The literal reference of the encounter that it was made in: the first, where there are more."""
    context = elements.object_of(image.get("context"))
    for each in (*elements.objects_of(image.get("encounter")), *elements.objects_of(context.get("encounter"))):
        reference = elements.reference_of(each)
        if reference is not None and reference.startswith("Encounter/"):
            return reference
    return None


def _sites(image: Json) -> Iterator[Json]:
    yield from elements.objects_of(image.get("bodySite"))
    for extension in elements.extensions_of(image, systems.BODY_SITE_EXTENSION):
        yield from elements.objects_of(extension.get("valueCodeableConcept"))
    context = elements.object_of(image.get("context"))
    yield from elements.objects_of(context.get("event"))


def _kind_words(image: Json) -> Iterator[str]:
    for name in ("type", "modality", "view", "category", "reasonCode"):
        yield from _words_of(elements.objects_of(image.get(name)))
    yield elements.text_of(image.get("description"))
    yield elements.text_of(image.get("deviceName"))
    contents = elements.objects_of(image.get("content"))
    for content in contents:
        yield elements.text_of(content.get("title"))
        yield elements.text_of(elements.object_of(content.get("attachment")).get("title"))


def _clinic_words(image: Json, encounter: Json) -> Iterator[str]:
    context = elements.object_of(image.get("context"))
    for concept in (context.get("practiceSetting"), context.get("facilityType"), encounter.get("serviceType")):
        yield from _words_of(elements.objects_of(concept))
    yield from _words_of(elements.objects_of(encounter.get("type")))
    places = [elements.object_of(each.get("location")) for each in elements.objects_of(encounter.get("location"))]
    named = (image.get("encounter"), image.get("operator"), image.get("author"), image.get("custodian"))
    for reference in (*named, context.get("encounter"), encounter.get("serviceProvider"), *places):
        for each in elements.objects_of(reference):
            yield elements.text_of(each.get("display"))


def _words_of(concepts: Iterable[Json]) -> Iterator[str]:
    for each in concepts:
        concept = elements.object_of(each.get("concept", each))  # R5 says it one level deeper
        yield elements.text_of(concept.get("text"))
        for coding in elements.objects_of(concept.get("coding")):
            yield elements.text_of(coding.get("display"))


def _says(texts: Iterable[str], *lists: List) -> bool:
    known = frozenset().union(*map(private_words, lists))
    return any(known & words_in(text) for text in texts)
