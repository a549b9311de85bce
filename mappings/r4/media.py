"""Media: one photograph or video in the record (R4 Media, shapes B1; labels A12).

The bytes stay in a Binary that `content.url` points to; title, file name and inline data are never written.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from mappings.model.filing import LabelledImage, RecordedImage
from mappings.model.identifiers import Reference
from mappings.model.images import Photographer
from mappings.model.situation import Made
from mappings.r4 import elements
from mappings.r4.body_site import body_site_concept
from mappings.r4.elements import Json
from mappings.terminology import systems
from mappings.terminology.photographs import ARRIVAL_WORDS, MADE_WORDS, PHOTOGRAPHER_WORDS

IMAGE: Final = ("image", "Image")
VIDEO: Final = ("video", "Video")
PHOTOGRAPHY: Final = ("XC", "External-camera Photography")
"""DICOM PS3.16 CID 29, the only standard modality for a camera photograph (R4's own list has none)."""
OTHER: Final = ("OT", "Other")
"""DICOM PS3.16 CID 29: what no camera took of the patient."""


def to_media(labelled: LabelledImage, *, binary_url: str, id: str | None = None, status: str = "completed") -> Json:
    """The Media of a labelled image whose bytes are, or will be, at `binary_url` (a URL or `urn:uuid:...`).

    `operator` is the recording clinician where they pressed the shutter themselves; anybody else is named in
    Provenance. Raises `NotMappable` for an instant without an offset or a label that cannot be written.
    """
    image = labelled.image
    media: Json = {"resourceType": "Media"}
    if id is not None:
        media["id"] = id
    media["meta"] = elements.meta(labelled.labels, labelled.capture_id)
    if labelled.show_online is not None:
        media["extension"] = [show_online_extension(labelled.show_online)]
    media["identifier"] = [{"system": systems.IMAGE, "value": image.image_id}]
    media["status"] = status
    media["type"] = elements.concept(systems.MEDIA_TYPE, *(VIDEO if image.is_video else IMAGE))
    media["modality"] = modality(labelled.made)
    media["subject"] = elements.reference(labelled.patient)
    if labelled.encounter is not None:
        media["encounter"] = elements.reference(labelled.encounter)
    if labelled.ended is not None:
        media["createdPeriod"] = recorded(labelled)
    elif labelled.captured is not None:
        media["createdDateTime"] = elements.date_time(labelled.captured)
    media["issued"] = elements.instant(labelled.recorded_at)
    if labelled.photographer is Photographer.CLINICIAN:
        media["operator"] = elements.reference(labelled.recorded_by)
    purpose = elements.string(labelled.purpose)
    if purpose.strip():
        media["reasonCode"] = [{"text": purpose}]
    media["bodySite"] = body_site_concept(labelled.site, labelled.laterality)
    media["height"] = image.height
    media["width"] = image.width
    if image.seconds is not None:
        media["duration"] = image.seconds
    media["content"] = attachment(labelled, binary_url)
    author = {"authorReference": elements.reference(labelled.recorded_by)}
    by_practitioner = labelled.recorded_by.startswith("Practitioner/")  # R4 Annotation.author: no PractitionerRole
    media["note"] = [
        {
            **(author if by_practitioner else {}),
            "time": elements.instant(labelled.recorded_at),
            "text": arrival_note(labelled),
        }
    ]
    return media


def from_media(json: object) -> RecordedImage:
    """Any server's Media as a gallery needs it: ours or foreign, whole or with parts missing.

    Missing or partial dates are None, unknown labels are kept, unreadable ones count as restricted. Raises
    `NotReadable` for another type or a missing id.
    """
    media = elements.resource_of_type(json, "Media")
    content = elements.object_of(media.get("content"))
    return RecordedImage(
        reference=Reference(f"Media/{elements.id_of(media)}"),
        version=elements.version_of(media),
        status=elements.text_of(media.get("status")) or "unknown",
        labels=elements.labels_of(media),
        taken=elements.parse_date_time(media.get("createdDateTime"))
        or elements.parse_date_time(elements.object_of(media.get("createdPeriod")).get("start")),
        recorded=elements.parse_instant(media.get("issued")),
        site=elements.concept_words(media.get("bodySite")),
        content_type=elements.text_of(content.get("contentType")),
        content_url=elements.text_of(content.get("url")) or None,
        inline=bool(elements.text_of(content.get("data"))),
        note="\n".join(
            filter(None, (elements.text_of(note.get("text")) for note in elements.objects_of(media.get("note"))))
        ),
        ours=elements.identifier_in(media, systems.IMAGE) is not None,
        capture_id=elements.capture_of(media),
        seconds=elements.seconds_of(media.get("duration")),
        ended=elements.parse_date_time(elements.object_of(media.get("createdPeriod")).get("end")),
    )


def modality(made: Made) -> Json:
    """R4 CodeableConcept of how it was made. A still of a live video comes from a camera, too; a copy does not."""
    concept = elements.concept(systems.DICOM, *(OTHER if made is Made.SCREEN else PHOTOGRAPHY))
    return concept | ({"text": MADE_WORDS[made]} if made is not Made.CAMERA else {})


def recorded(labelled: LabelledImage) -> Json:
    """R4 Period of a recording whose end is known (G-R208)."""
    period = {"start": labelled.captured, "end": labelled.ended}
    return {name: elements.date_time(moment) for name, moment in period.items() if moment is not None}


def is_video(json: object) -> bool:
    """Whether a Media is a video of a kind that a browser plays (MP4 or WebM), by type and content type together."""
    media = elements.resource_of_type(json, "Media")
    kind = elements.code_in(media.get("type"), systems.MEDIA_TYPE, systems.MEDIA_CATEGORY)
    return kind in ("video", None, "") and plays(
        elements.text_of(elements.object_of(media.get("content")).get("contentType"))
    )


def plays(content_type: str) -> bool:
    """Whether this is a type of video that a gallery can play."""
    return content_type.split(";")[0].strip().lower() in ("video/mp4", "video/webm")


def is_photograph(json: object) -> bool:
    """Whether a Media may be a still image: a type that says so in either system, else its content type, else yes.

    Only a resource that clearly is video or audio is left out: a gallery must not lose what it cannot classify.
    """
    media = elements.resource_of_type(json, "Media")
    kind = elements.code_in(media.get("type"), systems.MEDIA_TYPE, systems.MEDIA_CATEGORY)
    if kind in ("image", "video", "audio"):
        return kind == "image"
    content_type = elements.text_of(elements.object_of(media.get("content")).get("contentType"))
    return not content_type.lower().startswith(("video/", "audio/"))


def show_online(json: Json) -> bool | None:
    """Whether the patient's online record may show it, as filed; None where that was not asked."""
    for extension in elements.extensions_of(json, systems.SHOW_ONLINE_EXTENSION):
        if isinstance(extension.get("valueBoolean"), bool):
            return bool(extension["valueBoolean"])
    return None


def show_online_extension(value: bool) -> Json:
    """Our extension for "show in the patient's online record": R4 has no element for it."""
    return {"url": systems.SHOW_ONLINE_EXTENSION, "valueBoolean": value}


def attachment(labelled: LabelledImage, binary_url: str) -> Json:
    """R4 Attachment by reference. `hash` is the base64 SHA-1 that R4 asks for, a checksum and no proof."""
    image = labelled.image
    digest = hashlib.sha1(image.content, usedforsecurity=False).digest()
    content: Json = {
        "contentType": image.content_type,
        "url": binary_url,
        "size": len(image.content),
        "hash": base64.b64encode(digest).decode("ascii"),
    }
    if labelled.captured is not None:
        content["creation"] = elements.date_time(labelled.captured)
    return content


def arrival_note(labelled: LabelledImage) -> str:
    """How the image arrived and who took it, for people to read in any viewer."""
    what = "Video" if labelled.image.is_video else MADE_WORDS[labelled.made]
    return f"{ARRIVAL_WORDS[labelled.arrival]} {what} taken by: {PHOTOGRAPHER_WORDS[labelled.photographer].lower()}."
