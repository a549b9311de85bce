"""A Media or DocumentReference of any server with other labels, and all else as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mappings.model.identifiers import Reference
from mappings.model.labels import Label
from mappings.r4 import elements
from mappings.r4.document_reference import document_labels, security_label
from mappings.r4.elements import Json
from mappings.terminology.labels import UNREADABLE

_BINARY: Final = re.compile(r"Binary/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?", re.ASCII)


def labels_of_image(resource: Json) -> tuple[Label, ...]:
    """What it says in every place where it can; for a DocumentReference reference and document together."""
    if resource.get("resourceType") == "DocumentReference":
        return document_labels(resource)
    return elements.labels_of(resource)


def relabelled(resource: Json, labels: Sequence[Label]) -> Json:
    """The resource with exactly these labels. A coding that is there already stays as it is written; what nobody can
    read stays if `labels` says so (`UNREADABLE`).

    Raises `NotMappable` for a label that cannot be written.
    """
    meta = elements.object_of(resource.get("meta"))
    written = [label for label in labels if label != UNREADABLE]
    there = {(coding.get("system"), coding.get("code")): coding for coding in elements.objects_of(meta.get("security"))}
    codings = [there.get((each["system"], each["code"]), each) for each in elements.security(written)]
    if UNREADABLE in labels:
        codings += [
            each for each in elements.objects_of(meta.get("security")) if UNREADABLE in elements.labels_in(each)
        ]
    changed = {**resource, "meta": {**meta, "security": codings}}
    if resource.get("resourceType") == "DocumentReference":
        unread = [each for each in elements.objects_of(resource.get("securityLabel")) if _unreadable(each)]
        changed["securityLabel"] = [*security_label(written), *(unread if UNREADABLE in labels else [])]
    return changed


def _unreadable(concept: Json) -> bool:
    codings = concept.get("coding")
    return not codings or UNREADABLE in elements.labels_in(codings)


def binaries_of(resource: Json, *, base: str) -> list[Reference]:
    """The Binaries that hold what the resource shows, where they lie in this record."""
    if resource.get("resourceType") == "DocumentReference":
        contents = [elements.object_of(each.get("attachment")) for each in elements.objects_of(resource.get("content"))]
    else:
        contents = [elements.object_of(resource.get("content"))]
    urls = [elements.text_of(content.get("url")).removeprefix(f"{base.rstrip('/')}/") for content in contents]
    return [Reference(f"Binary/{found[1]}") for url in urls if (found := _BINARY.fullmatch(url))]
