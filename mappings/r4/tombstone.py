"""What stands in the place of an image that was permanently deleted, where a server keeps the resource (R4).

A server refuses to delete what others refer to, or keeps the last version readable: then at least that version says
nothing. No title, site, device, note, date, identifier or address of bytes; only that something was here, whose it was,
and that it counts no more (G-R264, G-R270).
"""

from __future__ import annotations

from typing import Any, Final

from mappings.model.labels import RESTRICTED
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable
from mappings.terminology import systems

CODE: Final = "permanently-deleted"
ENTERED_IN_ERROR: Final = "entered-in-error"
_ABSENT: Final = {"extension": [{"url": systems.DATA_ABSENT_EXTENSION, "valueCode": "masked"}]}
_BY_THE_SERVER: Final = frozenset({"versionId", "lastUpdated", "source", "profile"})
"""What servers write into `meta` by themselves, as plain strings."""
_CODED: Final = frozenset({"security", "tag"})
"""What some servers never take away once it was there (R4 http.html: labels and tags are merged on update)."""
_OF_A_CODING: Final = frozenset({"system", "code", "display", "version", "userSelected"})


def to_tombstone(resource: Json) -> Json:
    """What is PUT over an image, of the same id; nothing of `resource` but its type, id and whose it is.

    Raises `NotMappable` (not-an-image) for another type than Media and DocumentReference, `NotReadable` without an id.
    """
    kind = resource.get("resourceType")
    tombstone: Json = {"resourceType": kind, "id": elements.id_of(resource)}
    tombstone["meta"] = {
        "security": elements.security((RESTRICTED,)),
        "tag": [elements.coding(systems.TOMBSTONE, CODE)],
    }
    tombstone["status"] = ENTERED_IN_ERROR
    subject = elements.reference_of(resource.get("subject"))
    if subject is not None and subject.startswith("Patient/"):
        tombstone["subject"] = elements.reference(subject)
    if kind == "Media":
        tombstone["content"] = _absent()
    elif kind == "DocumentReference":
        tombstone["content"] = [{"attachment": _absent()}]
    else:
        raise NotMappable("only an image leaves a tombstone", code="not-an-image")
    return tombstone


def is_tombstone(resource: Json) -> bool:
    """Whether it is one of ours and holds nothing else: then whoever finds it has found nothing.

    Exact: one element more, and it is what it looks like. Of `meta`, what a server writes or keeps by itself is
    let through as long as it is codes and plain strings.
    """
    if resource.get("resourceType") not in ("Media", "DocumentReference"):
        return False
    meta = resource.get("meta")
    if not isinstance(meta, dict) or not _is_tagged(meta) or not all(_plain(*each) for each in meta.items()):
        return False
    try:
        expected = to_tombstone(resource)
    except (NotMappable, ValueError):
        return False
    found = {**resource, "meta": 0}
    subject = elements.object_of(found.get("subject"))
    if set(subject) <= {"reference", "type"} and elements.reference_of(subject) is not None:
        found["subject"] = {"reference": elements.reference_of(subject)}
    return found == {**expected, "meta": 0}


def _absent() -> Json:
    return {"extension": [dict(each) for each in _ABSENT["extension"]]}


def _is_tagged(meta: Json) -> bool:
    tags = elements.objects_of(meta.get("tag"))
    return any(tag.get("system") == systems.TOMBSTONE and tag.get("code") == CODE for tag in tags)


def _plain(name: str, value: Any) -> bool:
    if name in _BY_THE_SERVER:
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))
    if name not in _CODED or not isinstance(value, list):
        return False
    return all(isinstance(each, dict) and set(each) <= _OF_A_CODING for each in value)
