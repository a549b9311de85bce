"""Copies in a chart that takes no images: each shares what is decided about its image, and never goes out without it.

Which document is a copy of what, this app's register knows; what a document says of itself counts as well, so that a
register that was lost gives nothing out. An EHR may have dropped the copy's labels: those of its image hold for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fhir_plugin.disclose.decide.facts import Fact, Said
from fhir_plugin.disclose.desk.gathered import Gathered, binaries_in
from fhir_plugin.disclose.desk.parts import DeskParts
from mappings.model.disclosure import Reason, Redact, Release, Review, Verdict, Withhold, openness
from mappings.model.disclosure_request import DisclosureRequest, ItemKey
from mappings.r4 import elements
from mappings.r4.chart_copy import copied_image
from mappings.terminology import systems

TITLE: Final = "Copy of a picture, for the chart"
_COPY: Final = Reason(
    "chart-copy", "It is a copy of a picture for the chart: what is decided about the picture holds for it.", "G-R254"
)
_NOWHERE: Final = Withhold(
    Reason("chart-copy-alone", "It is a copy of a picture that is not in this record any more.", "G-R254")
)

Copies = Mapping[ItemKey, frozenset[ItemKey]]
"""Of each copy, the images that it shows."""


def copies_in(parts: DeskParts, request: DisclosureRequest, gathered: Gathered) -> Copies:
    """What of the record is a copy, and of what. An image is its own key where it is here, and where it is not."""
    found: dict[ItemKey, set[ItemKey]] = {}
    by_image: dict[str, ItemKey] = {}
    for key, resource in gathered.by_key.items():
        value = elements.identifier_in(dict(resource), systems.IMAGE)
        if value is not None and resource["resourceType"] in ("Media", "DocumentReference"):
            by_image[value] = key
    for copy in parts.copies.of_patient(request.fhir_base, request.patient):
        for reference in (copy.document, copy.binary):
            if reference is not None and ItemKey(reference) in gathered.by_key:
                found.setdefault(ItemKey(reference), set()).add(ItemKey(copy.image))
    for key, resource in gathered.by_key.items():
        image = copied_image(dict(resource)) if resource["resourceType"] == "DocumentReference" else None
        if image is not None:
            found.setdefault(key, set()).add(by_image.get(image, ItemKey(f"Media/{image}")))
    for key in tuple(found):
        for binary in binaries_in(gathered.by_key[key]):
            if ItemKey(binary) in gathered.by_key:
                found.setdefault(ItemKey(binary), set()).update(found[key])
    return {key: frozenset(images - {key}) for key, images in found.items() if images - {key}}


def with_images_facts(facts: Mapping[ItemKey, frozenset[Fact]], copies: Copies) -> dict[ItemKey, frozenset[Fact]]:
    """What is true of an image is true of its copies, but that they are one."""
    whole = dict(facts)
    for key, images in copies.items():
        theirs = frozenset().union(*(facts.get(image, frozenset()) for image in images))
        whole[key] = facts[key] | (theirs - {Fact.IMAGE})
    return whole


def with_images_labels(said: Mapping[ItemKey, Said], copies: Copies) -> dict[ItemKey, Said]:
    whole = dict(said)
    for key, images in copies.items():
        theirs = frozenset().union(*(said[image].labels for image in images if image in said))
        whole[key] = replace(said[key], labels=said[key].labels | theirs)
    return whole


def shared(
    verdicts: Mapping[ItemKey, Verdict], copies: Copies, *, overridden: frozenset[ItemKey]
) -> dict[ItemKey, Verdict]:
    """With each copy as its image. Somebody may keep a copy back whose image goes out, and not the other way round."""
    whole = dict(verdicts)
    for key, images in copies.items():
        theirs = [verdicts.get(image, _NOWHERE) for image in images]
        strictest = min(theirs, key=openness)
        if key in overridden and openness(verdicts[key]) <= openness(strictest):
            continue
        whole[key] = _as(strictest)
    return whole


def _as(verdict: Verdict) -> Verdict:
    match verdict:
        case Release():
            return Release(_COPY)
        case Review():
            return Review(_COPY, verdict.by)
        case Redact():
            return Redact(_COPY)
        case _:
            return Withhold(verdict.reason if verdict is _NOWHERE else _COPY)
