"""Where resources stand inside a document: entries, contained resources, parameters, outcomes; each place once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fhir_plugin.disclose.redact.strict import Json, is_object


class Place(NamedTuple):
    """`path` names the place within the record, the same in every pass. `full_url` is its Bundle entry's.

    `contained`: it lives inside another resource, where its id means something only there.
    """

    path: str
    resource: Json
    full_url: str | None = None
    contained: bool = False


def places(resource: Json, path: str, full_url: str | None = None, *, contained: bool = False) -> Iterator[Place]:
    """The resource and every resource inside it, the outermost first."""
    yield Place(path, resource, full_url, contained)
    inside = resource.get("contained")
    for number, each in enumerate(inside if isinstance(inside, list) else []):
        if _is_resource(each):
            yield from places(each, f"{path}#{number}", contained=True)
    type_ = resource["resourceType"]
    if type_ == "Bundle":
        entries = resource.get("entry")
        for number, entry in enumerate(entries if isinstance(entries, list) else []):
            if is_object(entry):
                yield from _in_entry(entry, f"{path}/{number}")
        if _is_resource(resource.get("issues")):  # R5
            yield from places(_object(resource["issues"]), f"{path}/issues")
    elif type_ == "Parameters":
        yield from _in_parameters(resource.get("parameter"), path)


def _in_entry(entry: Json, path: str) -> Iterator[Place]:
    url = entry.get("fullUrl")
    if _is_resource(entry.get("resource")):
        yield from places(_object(entry["resource"]), path, url if isinstance(url, str) else None)
    response = entry.get("response")
    if is_object(response) and _is_resource(response.get("outcome")):
        yield from places(_object(response["outcome"]), f"{path}/outcome")


def _in_parameters(parameters: object, path: str) -> Iterator[Place]:
    for number, each in enumerate(parameters if isinstance(parameters, list) else []):
        if is_object(each):
            if _is_resource(each.get("resource")):
                yield from places(_object(each["resource"]), f"{path}/{number}")
            yield from _in_parameters(each.get("part"), f"{path}/{number}")


def _is_resource(value: object) -> bool:
    return is_object(value) and isinstance(value.get("resourceType"), str)


def _object(value: object) -> Json:
    assert is_object(value)
    return value
