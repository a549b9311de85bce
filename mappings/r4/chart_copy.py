"""A copy of an image for a chart that takes no images, as a DocumentReference with its content inside (R4).

It is known again by an identifier of ours; that it is a copy of which image stands in `context.related`, by the
image's identifier: a literal reference would point nowhere at the EHR, where the image is not.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Collection

from mappings.model.chart_document import ChartDocument, DocumentNeed
from mappings.model.identifiers import ImageId
from mappings.r4 import elements
from mappings.r4.document_reference import PHOTOGRAPH, security_label
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable
from mappings.r4.note import CLINICAL_NOTE, CONSULT_NOTE
from mappings.terminology import systems


def to_chart_copy(document: ChartDocument, *, needs: Collection[str] = (), id: str | None = None) -> Json:
    """The DocumentReference, as an EHR with these needs (`DocumentNeed`) takes it. It has one content, always.

    Raises `NotMappable`: no-encounter where one is demanded and there is none; an instant without an offset or a label
    that cannot be written.
    """
    if DocumentNeed.ENCOUNTER in needs and document.encounter is None:
        raise NotMappable("this EHR files documents only within an encounter", code="no-encounter")
    written: Json = {"resourceType": "DocumentReference"}
    if id is not None:
        written["id"] = id
    written["meta"] = elements.meta(document.labels, document.capture_id)
    written["identifier"] = [{"system": systems.CHART_COPY, "value": document.id}]
    written["status"] = "current"
    written["docStatus"] = "preliminary" if DocumentNeed.PRELIMINARY in needs else "final"
    photograph = document.shows_picture and DocumentNeed.NOTE_TYPE not in needs
    written["type"] = elements.concept(systems.LOINC, *(PHOTOGRAPH if photograph else CONSULT_NOTE))
    if DocumentNeed.CATEGORY in needs:
        written["category"] = [elements.concept(*CLINICAL_NOTE)]
    written["subject"] = elements.reference(document.patient)
    written["date"] = elements.instant(document.recorded_at)
    written["author"] = [elements.reference(document.author, elements.string(document.author_display).strip())]
    written["description"] = elements.string(document.title)
    written["securityLabel"] = security_label(document.labels)
    written["content"] = [{"attachment": _attachment(document)}]
    written["context"] = _context(document, needs)
    return written


def copied_image(json: object) -> ImageId | None:
    """Of which image of ours this DocumentReference is a copy, by what it says itself; None for any other."""
    document = elements.resource_of_type(json, "DocumentReference")
    if elements.identifier_in(document, systems.CHART_COPY) is None:
        return None
    for related in elements.objects_of(elements.object_of(document.get("context")).get("related")):
        identifier = elements.object_of(related.get("identifier"))
        if identifier.get("system") == systems.IMAGE and isinstance(identifier.get("value"), str):
            return ImageId(identifier["value"])
    return None


def _attachment(document: ChartDocument) -> Json:
    plain = document.content_type.startswith("text/plain")
    return {
        "contentType": f"{document.content_type}; charset=utf-8" if plain else document.content_type,
        "data": base64.b64encode(document.content).decode("ascii"),
        "size": len(document.content),
        "hash": base64.b64encode(hashlib.sha1(document.content, usedforsecurity=False).digest()).decode("ascii"),
        "title": elements.string(document.title),
        "creation": elements.instant(document.recorded_at),
    }


def _context(document: ChartDocument, needs: Collection[str]) -> Json:
    image = {"system": systems.IMAGE, "value": document.image_id}
    context: Json = {"related": [{"type": "Media", "identifier": image}]}
    if document.encounter is not None:
        context["encounter"] = [elements.reference(document.encounter)]
    start = document.taken if isinstance(document.taken, dt.datetime) else None
    if DocumentNeed.PERIOD_END in needs:
        began = min(start or document.recorded_at, document.recorded_at)
        context["period"] = {"start": elements.instant(began), "end": elements.instant(document.recorded_at)}
    return context
