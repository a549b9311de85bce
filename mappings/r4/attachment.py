"""Bytes inside a resource, where a server has no Binary (R4 Attachment). For small images: servers limit bodies."""

from __future__ import annotations

import base64
import binascii

from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.errors import NotReadable


def attachment_of(resource: Json) -> Json:
    """The one attachment of a Media, or the first of a DocumentReference; empty where there is none."""
    content = resource.get("content")
    if isinstance(content, list):
        return elements.object_of(elements.object_of(content[0] if content else None).get("attachment"))
    return elements.object_of(content)


def with_inline_content(resource: Json, content: bytes) -> Json:
    """The same Media or DocumentReference with its bytes inside instead of an address."""
    inside = {key: value for key, value in attachment_of(resource).items() if key != "url"}
    inside["data"] = base64.b64encode(content).decode("ascii")
    if isinstance(resource.get("content"), list):
        first, *others = resource["content"]
        return {**resource, "content": [{**first, "attachment": inside}, *others]}
    return {**resource, "content": inside}


def inline_content(resource: Json) -> bytes:
    """The bytes inside a Media or DocumentReference. Raises `NotReadable` (broken-data) when they are not base64."""
    text = "".join(elements.text_of(attachment_of(resource).get("data")).split())
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotReadable("the bytes inside are not base64", code="broken-data") from error
    if base64.b64encode(content).decode("ascii") != text:  # Python lets superfluous padding pass
        raise NotReadable("the bytes inside are not base64", code="broken-data")
    return content
