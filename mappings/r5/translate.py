"""Resources from R4 to R5 and back, with whatever they hold: contained ones, entries of a Bundle, attachments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mappings.r4 import elements
from mappings.r4.errors import NotMappable
from mappings.r5.consents import CONSENT
from mappings.r5.documents import DOCUMENT_REFERENCE, QUESTIONNAIRE_RESPONSE
from mappings.r5.events import AUDIT_EVENT, PROVENANCE
from mappings.r5.parts import ATTACHMENT, ATTACHMENTS
from mappings.r5.requests import COMMUNICATION_REQUEST, TASK
from mappings.r5.shape import Json, Shape

SHAPES: Final[dict[str, Shape]] = {
    shape.path: shape
    for shape in (
        AUDIT_EVENT,
        COMMUNICATION_REQUEST,
        CONSENT,
        DOCUMENT_REFERENCE,
        PROVENANCE,
        QUESTIONNAIRE_RESPONSE,
        TASK,
    )
}
"""The types that the app writes. All others pass as they are, save their attachments: it reads of them only what is the
same in both (and `mappings.r4.private_signs` what is not)."""

_HOLDERS: Final = {"Bundle": ("entry", "resource"), "Parameters": ("parameter", "resource")}


def to_r5(resource: Json) -> Json:
    """What an R5 server gets of an R4 resource. `from_r5` gives back what went in.

    Raises `NotMappable` (`not-in-r5`) for a type that R5 does not have and this project writes (Media).
    """
    kind = resource.get("resourceType")
    if kind == "Media":
        raise NotMappable("R5 has no Media: an image is a DocumentReference there", code="not-in-r5")
    translated: Json = _with_attachments(_within(resource, to_r5), ATTACHMENT.up)
    shape = SHAPES.get(kind) if isinstance(kind, str) else None
    up: Json = shape.up(translated) if shape is not None else translated
    return up


def from_r5(resource: Json) -> Json:
    """An R5 resource as R4, whoever wrote it; what R4 has no element for is set aside in it. Never refuses."""
    kind = resource.get("resourceType")
    shape = SHAPES.get(kind) if isinstance(kind, str) else None
    translated: Json = shape.down(resource) if shape is not None else resource
    whole: Json = _with_attachments(_within(translated, from_r5), ATTACHMENT.down)
    return whole


def _within(resource: Json, translate: Callable[[Json], Json]) -> Json:
    """With every resource inside translated, too."""
    held = resource
    if isinstance(held.get("contained"), list):
        held = {
            **held,
            "contained": [translate(each) if isinstance(each, dict) else each for each in held["contained"]],
        }
    place = _HOLDERS.get(elements.text_of(resource.get("resourceType")))
    if place is not None and isinstance(held.get(place[0]), list):
        held = {**held, place[0]: [_entry(each, place[1], translate) for each in held[place[0]]]}
    return held


def _entry(entry: Any, name: str, translate: Callable[[Json], Json]) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get(name), dict):
        return entry
    return {**entry, name: translate(entry[name])}


def _with_attachments(node: Any, translate: Callable[[Any], Any], name: str = "") -> Any:
    """Every attachment translated; resources inside are left to `_within`."""
    if isinstance(node, list):
        return [_with_attachments(each, translate, name) for each in node]
    if not isinstance(node, dict) or (name in ("resource", "contained") and "resourceType" in node):
        return node
    inner = {key: _with_attachments(value, translate, key) for key, value in node.items()}
    return translate(inner) if name in ATTACHMENTS else inner
