"""What one version of FHIR has no element for, set aside in extensions of the other and taken back from there.

HL7's own rule for it (R5 versions.html, "Extensions for converting between versions"): the extension is named after the
version and the element, and an element with parts is an extension with an extension for each part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mappings.r4 import elements

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """The type of an element: one datatype, or parts of their own. `many`: it repeats. Neither: it is never set aside,
    because its own parts are."""

    datatype: str = ""
    many: bool = False
    parts: Mapping[str, Kind] = field(default_factory=dict)


def one(datatype: str) -> Kind:
    return Kind(datatype)


def many(datatype: str) -> Kind:
    return Kind(datatype, many=True)


def parts(**named: Kind) -> Kind:
    return Kind(parts=named)


def many_parts(**named: Kind) -> Kind:
    return Kind(many=True, parts=named)


def concept_or_reference(*, repeats: bool) -> Kind:
    """R5 CodeableReference, which R4 has no datatype for."""
    return Kind(many=repeats, parts={"concept": one("CodeableConcept"), "reference": one("Reference")})


NEVER: Final = Kind()


def url_of(version: str, path: str) -> str:
    """The extension for an element of another version: `url_of("4.0", "Consent.scope")`."""
    return f"http://hl7.org/fhir/{version}/StructureDefinition/extension-{path}"


def set_aside(url: str, kind: Kind, value: Any) -> list[Json]:
    """The extensions that hold the value of one element."""
    values = value if kind.many and isinstance(value, list) else [value]
    return [_held(url, kind, each) for each in values]


def taken_back(url: str, kind: Kind, extensions: Sequence[Json]) -> Any:
    """The value of one element as it was; None where nothing is set aside for it."""
    values = [_value(kind, each) for each in extensions if each.get("url") == url]
    if not values:
        return None
    return values if kind.many else values[0]


def _held(url: str, kind: Kind, value: Any) -> Json:
    if not kind.parts or not isinstance(value, dict):
        return {"url": url, _slot(kind.datatype): value}
    held: Json = {"url": url}
    if "id" in value:
        held["id"] = value["id"]
    held["extension"] = [*elements.objects_of(value.get("extension"))]
    for name, inner in kind.parts.items():
        if name in value:
            held["extension"] += set_aside(name, inner, value[name])
    return held


def _value(kind: Kind, extension: Json) -> Any:
    slot = _slot(kind.datatype)
    if not kind.parts or slot in extension:
        return extension.get(slot)
    value: Json = {"id": extension["id"]} if "id" in extension else {}
    inner = list(elements.objects_of(extension.get("extension")))
    if own := [each for each in inner if each.get("url") not in kind.parts]:
        value["extension"] = own
    for name, part in kind.parts.items():
        found = taken_back(name, part, inner)
        if found is not None:
            value[name] = found
    return value


def _slot(datatype: str) -> str:
    named = datatype or "string"  # parts that came as no object
    return f"value{named[0].upper()}{named[1:]}"
