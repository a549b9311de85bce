"""The words that go with a capture, as a DocumentReference with inline text (R4, shapes B2)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import Final

from mappings.model.chart_document import DocumentNeed
from mappings.model.filing import ConsultationNote
from mappings.model.identifiers import CaptureId
from mappings.r4 import elements
from mappings.r4.document_reference import document_labels, security_label
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable, NotReadable
from mappings.terminology import systems

CONSULT_NOTE: Final = ("11488-4", "Consult note")
"""LOINC, in R4's c80-doc-typecodes."""

CLINICAL_NOTE: Final = (
    "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
    "clinical-note",
    "Clinical Note",
)
"""US Core's category of notes, where an EHR demands one."""

TEXT: Final = "text/plain; charset=utf-8"


def to_note(note: ConsultationNote, *, needs: Collection[str] = (), id: str | None = None) -> Json:
    """The note as a final document by its author; or as an EHR with these needs (`DocumentNeed`) takes it.

    Raises `NotMappable` for a note without words, an instant without an offset or a label that cannot be written.
    """
    if not note.text.strip():
        raise NotMappable("a note without words", code="empty-note")
    content = note.text.encode("utf-8")
    document: Json = {"resourceType": "DocumentReference"}
    if id is not None:
        document["id"] = id
    document["meta"] = elements.meta(note.labels, note.capture_id)
    document["identifier"] = [{"system": systems.NOTE, "value": note.capture_id}]
    document["status"] = "current"
    document["docStatus"] = "preliminary" if DocumentNeed.PRELIMINARY in needs else "final"
    document["type"] = elements.concept(systems.LOINC, *CONSULT_NOTE)
    if DocumentNeed.CATEGORY in needs:
        document["category"] = [elements.concept(*CLINICAL_NOTE)]
    document["subject"] = elements.reference(note.patient)
    document["date"] = elements.instant(note.recorded_at)
    document["author"] = [elements.reference(note.author, elements.string(note.author_display).strip())]
    document["securityLabel"] = security_label(note.labels)
    document["content"] = [
        {
            "attachment": {
                "contentType": TEXT,
                "data": base64.b64encode(content).decode("ascii"),
                "size": len(content),
            }
        }
    ]
    context: Json = {}
    if note.encounter is not None:
        context["encounter"] = [elements.reference(note.encounter)]
    if DocumentNeed.PERIOD_END in needs:
        context["period"] = dict.fromkeys(("start", "end"), elements.instant(note.recorded_at))
    if context:
        document["context"] = context
    return document


def from_note(json: object) -> ConsultationNote:
    """A note of ours.

    Raises `NotReadable`: wrong-type; not-ours when our identifier, the patient, the author, the moment or readable text
    is missing; entered-in-error.
    """
    document = elements.resource_of_type(json, "DocumentReference")
    if "entered-in-error" in (document.get("status"), document.get("docStatus")):
        raise NotReadable("a note that was entered in error", code="entered-in-error")
    capture_id = elements.identifier_in(document, systems.NOTE)
    patient = elements.reference_of(document.get("subject"))
    authors = list(elements.objects_of(document.get("author")))
    author = elements.reference_of(authors[0]) if authors else None
    recorded_at = elements.parse_instant(document.get("date"))
    text = words_in(document)
    if capture_id is None or patient is None or author is None or recorded_at is None or text is None:
        raise NotReadable("a note that this app did not write", code="not-ours")
    context = elements.object_of(document.get("context"))
    encounters = (elements.reference_of(each) for each in elements.objects_of(context.get("encounter")))
    return ConsultationNote(
        capture_id=CaptureId(capture_id),
        patient=patient,
        encounter=next((each for each in encounters if each is not None), None),
        author=author,
        author_display=elements.text_of(authors[0].get("display")),
        recorded_at=recorded_at,
        text=text,
        labels=document_labels(document),
    )


def words_in(document: Json) -> str | None:
    """What stands in a document itself, as text; None where it does not."""
    for content in elements.objects_of(document.get("content")):
        data = elements.text_of(elements.object_of(content.get("attachment")).get("data"))
        if data:
            try:
                return base64.b64decode(data, validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                return None
    return None
