"""What one resource says about itself that deciding depends on: its kind, its labels wherever they stand, its place.

It reads the parsed JSON, never a model: what a model does not know would be lost. Everything that should be a label
and cannot be read is said so (`Fact.UNREADABLE_LABEL`); nothing is passed over in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from mappings.model.labels import CONFIDENTIALITY, Label
from mappings.terminology.private_signs import words_in
from mappings.terminology.resource_types import RESOURCE_TYPES
from mappings.terminology.systems import BODY_SITE_EXTENSION, CHART_COPY, IMAGE

INLINE_LABEL: Final = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"
"""DS4P IG 1.0.0: a label on one element, as `valueCoding`."""


class Fact(StrEnum):
    """What rules speak about, from the least to the most particular."""

    ANY = "any"
    IMAGE = "image"
    AUDIT = "audit"
    LABELS_ELSEWHERE = "labels-elsewhere"
    UNKNOWN_TYPE = "unknown-type"
    UNKNOWN_LABEL = "unknown-label"
    UNREADABLE_LABEL = "unreadable-label"
    LOOKS_PRIVATE = "looks-private"
    OTHER_PURPOSE = "other-purpose"
    COMPARTMENT = "compartment"
    NO_REDISCLOSURE = "no-redisclosure"
    CONSENT_NEEDED = "consent-needed"
    RESTRICTED = "restricted"
    SENSITIVE = "sensitive"
    VERY_RESTRICTED = "very-restricted"
    VIOLENCE = "violence"
    REMOVE = "remove"
    APPROVAL = "approval"
    TABOO = "taboo"
    CONFIDED = "confided"
    IN_ERROR = "in-error"
    HIDDEN = "hidden"
    HARM = "harm"


@dataclass(frozen=True)
class Said:
    """What one resource says. `key`: `Type/id`, empty without an id.

    `labels`: every label on it or in it. `unreadable`: something that should be a label is none. `site_codes`,
    `site_words`: the place on the body, of pictures. `context`: the resource whose labels hold for this Binary.
    `is_bytes`: a Binary, which cannot say what it shows. `image_id`: how this app identified an image; `copied`: of
    which image a document of this app is a copy, for a chart that takes no images, and may have dropped its labels.
    """

    key: str
    kind: str | None
    labels: frozenset[Label]
    unreadable: bool
    image: bool
    in_error: bool
    site_codes: frozenset[str]
    site_words: frozenset[str]
    context: str | None
    is_bytes: bool
    image_id: str = ""
    copied: str = ""


_PICTURES: Final = ("image/", "video/", "application/dicom")
_OF_IMAGES: Final = frozenset({"Media", "DocumentReference"})
_IMAGE_KINDS: Final = frozenset({"Media", "ImagingStudy", "ImagingSelection"})


def read(resource: Mapping[str, Any]) -> Said:
    """Read one resource. It never raises for what it finds: hostile content is unreadable or unknown."""
    kind = resource.get("resourceType")
    known = kind if isinstance(kind, str) and kind in RESOURCE_TYPES else None
    id_ = resource.get("id")
    reading = _Reading()
    reading.walk(resource)
    image = reading.picture or known in _IMAGE_KINDS or (known == "DocumentReference" and _may_be_a_picture(resource))
    context = resource.get("securityContext") if known == "Binary" else None
    return Said(
        key=f"{known}/{id_}" if known and isinstance(id_, str) and id_ else "",
        kind=known,
        labels=frozenset(reading.labels),
        unreadable=reading.unreadable,
        image=image or (known == "Binary" and _may_be_a_picture({"content": [{"attachment": resource}]})),
        in_error=image and resource.get("status") == "entered-in-error",
        site_codes=frozenset(reading.site_codes) if image else frozenset(),
        site_words=frozenset(reading.site_words) if image else frozenset(),
        context=None if context is None else _reference(context),
        is_bytes=known == "Binary",
        image_id=_identified(resource.get("identifier"), IMAGE) if known in _OF_IMAGES else "",
        copied=_copied(resource) if known == "DocumentReference" else "",
    )


def _copied(document: Mapping[str, Any]) -> str:
    """The image that it is a copy of; `?` for a copy that does not say of which."""
    if not _identified(document.get("identifier"), CHART_COPY):
        return ""
    context = document.get("context")
    related = context.get("related") if isinstance(context, dict) else None
    for each in related if isinstance(related, list) else [related]:
        found = _identified(each.get("identifier"), IMAGE) if isinstance(each, dict) else ""
        if found:
            return found
    return "?"


def _identified(value: object, system: str) -> str:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict) and each.get("system") == system and isinstance(each.get("value"), str):
            return str(each["value"])
    return ""


def _reference(value: object) -> str:
    """Where a Binary's labels stand; empty for what names no place."""
    text = value.get("reference") if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""


def _may_be_a_picture(document: Mapping[str, Any]) -> bool:
    """A document whose bytes are a picture, or of which nobody says what its bytes are."""
    contents = document.get("content")
    if not isinstance(contents, list) or not contents:
        return True
    for content in contents:
        attachment = content.get("attachment") if isinstance(content, dict) else None
        type_ = attachment.get("contentType") if isinstance(attachment, dict) else None
        if not isinstance(type_, str) or type_.strip().lower().startswith(_PICTURES):
            return True
    return False


class _Reading:
    """One walk over one resource, without recursion: depth costs memory, not the stack."""

    def __init__(self) -> None:
        self.labels: set[Label] = set()
        self.site_codes: set[str] = set()
        self.site_words: set[str] = set()
        self.unreadable = False
        self.picture = False

    def walk(self, resource: Mapping[str, Any]) -> None:
        waiting: list[Any] = [resource]
        while waiting:
            node = waiting.pop()
            if type(node) is list:
                waiting.extend(node)
            elif type(node) is dict:
                self._look(node, waiting)

    def _look(self, node: dict[str, Any], waiting: list[Any]) -> None:
        for name, value in node.items():
            kind = type(value)
            if kind is dict or kind is list:
                if name in _SPECIAL:
                    self._special(name, value)
                waiting.append(value)
            elif name == "contentType" and kind is str:
                self.picture = self.picture or value.strip().lower().startswith(_PICTURES)
            elif name in _LABELLED:
                self.unreadable = True
            elif name == "url" and value == INLINE_LABEL:
                self.coding(node.get("valueCoding"))
        if node.get("resourceType") == "Composition" and ("confidentiality" in node or "_confidentiality" in node):
            self.coding({"system": CONFIDENTIALITY, "code": node.get("confidentiality")})

    def _special(self, name: str, value: Any) -> None:
        if name == "meta":
            self._meta(value)
        elif name == "securityLabel":
            for each in value if isinstance(value, list) else [value]:
                self._concept(each)
        elif name in _SITES:
            self._site(value)
        else:
            for each in value if isinstance(value, list) else [value]:
                self._extension(each)

    def _meta(self, meta: Any) -> None:
        if not isinstance(meta, dict):
            self.unreadable = True
            return
        security = meta.get("security")
        if isinstance(security, list):
            for each in security:
                self.coding(each)
        elif security is not None or "_security" in meta:
            self.unreadable = True
        tags = meta.get("tag")
        for tag in tags if isinstance(tags, list) else []:
            if isinstance(tag, dict) and tag.get("system") in _LABEL_SYSTEMS:
                self.coding(tag)

    def _concept(self, value: Any) -> None:
        """A CodeableConcept, or a Coding where some elements have one."""
        codings = value.get("coding") if isinstance(value, dict) and "coding" in value else [value]
        if not isinstance(codings, list) or not codings:
            self.unreadable = True
            return
        for each in codings:
            self.coding(each)

    def _extension(self, value: Any) -> None:
        if not isinstance(value, dict):
            return
        url = value.get("url")
        if isinstance(url, str) and (
            url == BODY_SITE_EXTENSION or url.endswith((".bodySite", "-bodySite", "/bodySite"))
        ):
            self._site([part for name, part in value.items() if name.startswith("value")])
        if url != INLINE_LABEL:
            coding = value.get("valueCoding")
            if isinstance(coding, dict) and coding.get("system") == CONFIDENTIALITY:
                self.coding(coding)

    def coding(self, value: Any) -> None:
        """One label. Two are the same when system and code are; whatever is no such pair cannot be read."""
        system = value.get("system") if isinstance(value, dict) else None
        code = value.get("code") if isinstance(value, dict) else None
        if isinstance(system, str) and isinstance(code, str) and system and code:
            self.labels.add(Label(system, code))
        else:
            self.unreadable = True

    def _site(self, value: Any) -> None:
        for node in _dicts_in(value):
            for name in ("code", "display", "text"):
                text = node.get(name)
                if isinstance(text, str):
                    self.site_words |= words_in(text[:500])
                    if name == "code":
                        self.site_codes.add(text)


_SITES: Final = frozenset({"bodySite", "view", "location", "includedStructure"})
_SPECIAL: Final = frozenset({"meta", "securityLabel", "extension", "modifierExtension"}) | _SITES
_LABELLED: Final = frozenset({"meta", "securityLabel"})
_LABEL_SYSTEMS: Final = frozenset({CONFIDENTIALITY, "http://terminology.hl7.org/CodeSystem/v3-ActCode"})


def _dicts_in(value: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
