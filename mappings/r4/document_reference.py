"""DocumentReference: the same photograph where a server has no Media (R4, shapes B2).

The labels stand twice: `meta.security` labels the reference, `securityLabel` the document. Readers take both and
believe the stricter. What R4 has no element for (site, size in pixels) stands in extensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mappings.model.filing import LabelledImage, RecordedImage
from mappings.model.identifiers import Reference
from mappings.model.labels import Label
from mappings.r4 import elements
from mappings.r4.body_site import body_site_concept
from mappings.r4.elements import Json
from mappings.r4.media import IMAGE, VIDEO, arrival_note, attachment, plays, recorded, show_online_extension
from mappings.terminology import systems
from mappings.terminology.labels import UNREADABLE

PHOTOGRAPH: Final = ("72170-4", "Photographic image Unspecified body region Document")
"""LOINC, in R4's own value set for DocumentReference.type (c80-doc-typecodes)."""


def to_document_reference(
    labelled: LabelledImage, *, binary_url: str, id: str | None = None, status: str = "current"
) -> Json:
    """The DocumentReference of a labelled image whose bytes are, or will be, at `binary_url`.

    `description` holds the purpose and how the image arrived, on lines of their own. Raises `NotMappable` for an
    instant without an offset or a label that cannot be written.
    """
    document: Json = {"resourceType": "DocumentReference"}
    if id is not None:
        document["id"] = id
    document["meta"] = elements.meta(labelled.labels, labelled.capture_id)
    site = body_site_concept(labelled.site, labelled.laterality)
    document["extension"] = [{"url": systems.BODY_SITE_EXTENSION, "valueCodeableConcept": site}]
    if labelled.show_online is not None:
        document["extension"].append(show_online_extension(labelled.show_online))
    document["identifier"] = [{"system": systems.IMAGE, "value": labelled.image.image_id}]
    document["status"] = status
    document["type"] = elements.concept(systems.LOINC, *PHOTOGRAPH)
    document["category"] = [elements.concept(systems.MEDIA_TYPE, *(VIDEO if labelled.image.is_video else IMAGE))]
    document["subject"] = elements.reference(labelled.patient)
    document["date"] = elements.instant(labelled.recorded_at)
    document["author"] = [elements.reference(labelled.recorded_by)]
    document["description"] = "\n".join(filter(str.strip, (elements.string(labelled.purpose), arrival_note(labelled))))
    document["securityLabel"] = security_label(labelled.labels)
    content = attachment(labelled, binary_url)
    content["extension"] = [
        {"url": systems.R5_ATTACHMENT_HEIGHT, "valuePositiveInt": labelled.image.height},
        {"url": systems.R5_ATTACHMENT_WIDTH, "valuePositiveInt": labelled.image.width},
    ]
    if labelled.image.seconds is not None:
        content["extension"].append({"url": systems.R5_ATTACHMENT_DURATION, "valueDecimal": labelled.image.seconds})
    document["content"] = [{"attachment": content}]
    context: Json = {}
    if labelled.encounter is not None:
        context["encounter"] = [elements.reference(labelled.encounter)]
    if labelled.ended is not None:
        context["period"] = recorded(labelled)
    if context:
        document["context"] = context
    return document


def from_document_reference(json: object) -> RecordedImage:
    """Any server's DocumentReference as a gallery needs it; of several contents the first image.

    `taken` is the attachment's creation; `note` the description. Raises `NotReadable` for another type or a missing id.
    """
    document = elements.resource_of_type(json, "DocumentReference")
    content = _image_attachment(document)
    site = next(elements.extensions_of(document, systems.BODY_SITE_EXTENSION), {})
    status = elements.text_of(document.get("status")) or "unknown"
    if document.get("docStatus") == "entered-in-error":
        status = "entered-in-error"
    return RecordedImage(
        reference=Reference(f"DocumentReference/{elements.id_of(document)}"),
        version=elements.version_of(document),
        status=status,
        labels=document_labels(document),
        taken=elements.parse_date_time(content.get("creation")),
        recorded=elements.parse_instant(document.get("date")),
        site=elements.concept_words(site.get("valueCodeableConcept")),
        content_type=elements.text_of(content.get("contentType")),
        content_url=elements.text_of(content.get("url")) or None,
        inline=bool(elements.text_of(content.get("data"))),
        note=elements.text_of(document.get("description")),
        ours=elements.identifier_in(document, systems.IMAGE) is not None,
        capture_id=elements.capture_of(document),
        seconds=_seconds(content),
        ended=elements.parse_date_time(
            elements.object_of(elements.object_of(document.get("context")).get("period")).get("end")
        ),
    )


def holds_image(json: object) -> bool:
    """Whether a DocumentReference has a still image among its contents."""
    document = elements.resource_of_type(json, "DocumentReference")
    return elements.text_of(_image_attachment(document).get("contentType")).lower().startswith("image/")


def holds_video(json: object) -> bool:
    """Whether a DocumentReference has no still image among its contents, but a video that a browser plays."""
    document = elements.resource_of_type(json, "DocumentReference")
    return plays(elements.text_of(_image_attachment(document).get("contentType")))


def _seconds(content: Json) -> float | None:
    told = next(elements.extensions_of(content, systems.R5_ATTACHMENT_DURATION), {})
    return elements.seconds_of(told.get("valueDecimal"))


def document_labels(document: Json) -> tuple[Label, ...]:
    """The labels of the reference and of the document, together: the most that either says."""
    labels = elements.labels_of(document)
    if "securityLabel" not in document:
        return labels
    snapshot = document["securityLabel"]
    concepts = snapshot if isinstance(snapshot, list) else [snapshot]
    for concept in concepts:
        codings = elements.object_of(concept).get("coding")
        labels = elements.merged_labels((labels, elements.labels_in(codings) if codings else (UNREADABLE,)))
    return labels


def security_label(labels: Sequence[Label]) -> list[Json]:
    """R4 `DocumentReference.securityLabel`: one concept for each label."""
    return [{"coding": [each]} for each in elements.security(labels)]


def _image_attachment(document: Json) -> Json:
    attachments = [
        elements.object_of(content.get("attachment")) for content in elements.objects_of(document.get("content"))
    ]
    for each in attachments:
        if elements.text_of(each.get("contentType")).lower().startswith("image/"):
            return each
    for each in attachments:
        if plays(elements.text_of(each.get("contentType"))):
            return each
    return attachments[0] if attachments else {}
