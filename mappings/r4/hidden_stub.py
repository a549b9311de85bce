"""What stands in the place of an image that is hidden from the record, where a server takes it (R4).

The picture itself lies sealed in our vault and comes back exactly as it was. Until then the resource says only that
something is hidden here and whose it is: no title, site, date, device, note or address of bytes (G-R264). Valid R4 in
each of its forms, because servers differ in what they take.
"""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Final

from mappings.model.labels import OBSERVATION_VALUE, RESTRICTED, VERY_RESTRICTED, Label
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable
from mappings.r4.relabelled import labels_of_image, relabelled
from mappings.terminology import systems
from mappings.terminology.labels import UNREADABLE

MASKED: Final = Label(OBSERVATION_VALUE, "MASKED")
"""Its content is concealed: HL7 v3-ObservationValue, security alteration integrity."""
ENTERED_IN_ERROR: Final = "entered-in-error"
TITLE: Final = "Hidden from the record"
_ALLOWED: Final = frozenset(
    {"resourceType", "id", "meta", "status", "subject", "identifier", "content", "text", "language"}
)
_IN_ATTACHMENT: Final = frozenset({"contentType", "data", "title", "size", "hash"})
_ABSENT: Final = {"url": systems.DATA_ABSENT_EXTENSION, "valueCode": "masked"}


class Form(StrEnum):
    """How much of it a server took, from most to least hidden."""

    PICTURE = "picture"
    """A neutral picture that says that one is hidden stands in its place."""
    EMPTY = "empty"
    """Content without data."""
    MARKED = "marked"
    """What was there is still there, labelled as hidden and, of a wrong patient, marked as entered in error."""


def hidden_stub(resource: Json, *, act: str, form: Form, picture: bytes, wrong_patient: bool) -> Json:
    """What is PUT over an image, of the same id. `act`: the intent, by which it is known again; `picture`: a PNG.

    Raises `NotMappable` (not-an-image) for another type than Media and DocumentReference.
    """
    kind = resource.get("resourceType")
    if kind not in ("Media", "DocumentReference"):
        raise NotMappable("only an image is hidden", code="not-an-image")
    status = ENTERED_IN_ERROR if wrong_patient else elements.text_of(resource.get("status"))
    tag = elements.coding(systems.HIDDEN, act)
    if form is Form.MARKED:
        marked = relabelled(resource, [*labels_of_image(resource), *_added(resource)])
        meta = elements.object_of(marked.get("meta"))
        return {**marked, "status": status, "meta": {**meta, "tag": [*_other_tags(meta), tag]}}
    stub: Json = {"resourceType": kind, "id": elements.id_of(resource)}
    stub["meta"] = {"security": elements.security(stub_labels(resource)), "tag": [tag]}
    if own := [each for each in elements.objects_of(resource.get("identifier")) if each.get("system") == systems.IMAGE]:
        stub["identifier"] = own
    stub["status"] = status
    subject = elements.reference_of(resource.get("subject"))
    if subject is not None:
        stub["subject"] = elements.reference(subject)
    attachment = _drawn(picture) if form is Form.PICTURE else {"extension": [dict(_ABSENT)]}
    stub["content"] = attachment if kind == "Media" else [{"attachment": attachment}]
    return stub


def stub_labels(resource: Json) -> tuple[Label, ...]:
    """Restricted, or as strict as it was, and that it is masked; why it was sensitive is nobody's business now."""
    strictest = VERY_RESTRICTED if VERY_RESTRICTED in labels_of_image(resource) else RESTRICTED
    return (strictest, MASKED)


def act_of(resource: Json) -> str | None:
    """The act that hid it; None for what is not tagged as hidden."""
    tags = elements.objects_of(elements.object_of(resource.get("meta")).get("tag"))
    found = [elements.text_of(tag.get("code")) for tag in tags if tag.get("system") == systems.HIDDEN]
    return found[-1] if found else None


def form_of(resource: Json, *, picture: bytes) -> Form | None:
    """How a resource hides what was there; None for one that does not.

    Exact: with one element more than a stub has, or other bytes than `picture`, it is not a stub. Then it is marked, if
    it says so by label and tag. Of a stub these may be lost: some servers keep neither, and what is gone is gone.
    """
    attachments = _attachments(resource)
    tags = elements.objects_of(elements.object_of(resource.get("meta")).get("tag"))
    destroyed = any(tag.get("system") == systems.TOMBSTONE for tag in tags)
    if set(resource) <= _ALLOWED and len(attachments) == 1 and not destroyed:
        [attachment] = attachments
        drawn = base64.b64encode(picture).decode("ascii")
        if set(attachment) <= _IN_ATTACHMENT and attachment.get("data") == drawn:
            return Form.PICTURE
        if attachment == {"extension": [_ABSENT]}:
            return Form.EMPTY
    is_marked = MASKED in elements.labels_of(resource) and act_of(resource) is not None
    return Form.MARKED if is_marked else None


def _added(resource: Json) -> list[Label]:
    """What a resource that stays as it is says on top of its own labels."""
    there = [label for label in labels_of_image(resource) if label != UNREADABLE]
    return [label for label in stub_labels(resource) if label not in there]


def _drawn(picture: bytes) -> Json:
    return {"contentType": "image/png", "data": base64.b64encode(picture).decode("ascii"), "title": TITLE}


def _attachments(resource: Json) -> list[Json]:
    if resource.get("resourceType") == "DocumentReference":
        return [elements.object_of(each.get("attachment")) for each in elements.objects_of(resource.get("content"))]
    return list(elements.objects_of(resource.get("content")))


def _other_tags(meta: Json) -> list[Json]:
    return [tag for tag in elements.objects_of(meta.get("tag")) if tag.get("system") != systems.HIDDEN]
