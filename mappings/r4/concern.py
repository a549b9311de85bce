"""A safeguarding concern as a note in the record: DocumentReference with inline text (R4, shapes B2).

A document, and not a Flag: it is the type that every EHR already takes from this app, so that those who treat the
patient see it where they look (G-R259, G-R289). See ADR 19.
"""

from __future__ import annotations

import base64
from typing import Final

from mappings.model.labels import RESTRICTED
from mappings.model.practice import Hold
from mappings.r4 import elements
from mappings.r4.document_reference import security_label
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable
from mappings.r4.note import TEXT
from mappings.terminology import systems

NOTE: Final = ("34109-9", "Note")
"""LOINC, in R4's c80-doc-typecodes."""
TITLE: Final = "Safeguarding concern"


def to_concern(hold: Hold, *, id: str | None = None) -> Json:
    """The note of a concern by the person who raised it. Raises `NotMappable` for one without words."""
    if not hold.words.strip():
        raise NotMappable("a concern without words", code="empty-note")
    content = concern_text(hold).encode("utf-8")
    document: Json = {"resourceType": "DocumentReference"}
    if id is not None:
        document["id"] = id
    document["meta"] = {"security": elements.security((RESTRICTED,))}
    document["identifier"] = [{"system": systems.CONCERN, "value": hold.id}]
    document["status"] = "current"
    document["docStatus"] = "final"
    document["type"] = {**elements.concept(systems.LOINC, *NOTE), "text": TITLE}
    document["subject"] = {"reference": f"Patient/{hold.patient}"}
    document["date"] = elements.instant(hold.since)
    document["author"] = [elements.reference(hold.by, elements.string(hold.by_name).strip() or None)]
    document["description"] = TITLE
    document["securityLabel"] = security_label((RESTRICTED,))
    document["content"] = [
        {"attachment": {"contentType": TEXT, "data": base64.b64encode(content).decode("ascii"), "size": len(content)}}
    ]
    return document


def concern_text(hold: Hold) -> str:
    """What the note says."""
    told = hold.told.strip() or "nobody yet"
    about = f"About: {hold.about.strip()}\n" if hold.about.strip() else ""
    return f"{TITLE}\n{about}Concern: {hold.words.strip()}\nTold: {told}\n"


def is_concern(json: Json, hold_id: str) -> bool:
    """Whether it is the note of this concern."""
    return json.get("resourceType") == "DocumentReference" and (
        elements.identifier_in(json, systems.CONCERN) == hold_id
    )
