"""Our profiles: what every resource that this app writes keeps beyond base R4, as StructureDefinitions.

Each is a file in `resources/`: what a person reads and changes. A key of its `[elements]` is a path below the type,
slices as `path:slice`, in the order of the base definition. Its value is a table:

  card = "1..*"        how often (`min` and `max`)
  by = "value:system"  slice by what stands at this path: discriminator type and path; open
  to = ["Patient"]     a Reference to these types, and no others
  types = ["Period"]   of a choice, these types
  ext = "grantor"      an extension of ours, by its id
  bind = "grantor"     a value set of ours, by its id; with `strength`
  constraint = [...]   FHIRPath invariants: key, severity, human, expression

and everything else stands in the ElementDefinition as it is written (short, fixedUri, patternCoding, ...). A key that
begins with @ stands for a group of `resources/common.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from mappings.profiles.publishing import canonical, published

Json = dict[str, Any]

_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
_OURS: Final = frozenset({"card", "by", "to", "types", "ext", "bind", "strength"})


def profile_url(name: str) -> str:
    """The canonical URL of a profile of ours, by its id."""
    return canonical("profile", name)


def extension_url(name: str) -> str:
    """The canonical URL of an extension of ours, by its id."""
    return canonical("extension", name)


def value_set_url(name: str) -> str:
    """The canonical URL of a value set of ours, by its id."""
    return canonical("value-set", name)


@cache
def profiles() -> tuple[Json, ...]:
    """Every profile of ours, in order of ids."""
    folder = resources.files("mappings.profiles") / "resources"
    files = (each for each in folder.iterdir() if each.name.endswith(".toml") and each.name != "common.toml")
    read = [tomllib.loads(each.read_text("utf-8")) for each in files]
    return tuple(_structure(each) for each in sorted(read, key=lambda one: str(one["id"])))


@cache
def _groups() -> Mapping[str, Mapping[str, Json]]:
    text = (resources.files("mappings.profiles") / "resources" / "common.toml").read_text("utf-8")
    groups: Mapping[str, Mapping[str, Json]] = tomllib.loads(text)["groups"]
    return groups


def _structure(told: Json) -> Json:
    resource_type = told["type"]
    root: Json = {"id": resource_type, "path": resource_type, "short": told["title"], "definition": told["description"]}
    if "constraint" in told:
        root["constraint"] = [_invariant(each, told["id"]) for each in told["constraint"]]
    return {
        "resourceType": "StructureDefinition",
        "id": told["id"],
        "url": profile_url(told["id"]),
        **published(told["title"], told["description"]),
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": resource_type,
        "baseDefinition": _BASE + resource_type,
        "derivation": "constraint",
        "differential": {"element": [root, *_elements(told["elements"], resource_type, told["id"])]},
    }


def _elements(told: Mapping[str, Json], resource_type: str, profile: str) -> Iterator[Json]:
    sliced: set[str] = set()
    for name, value in _spelled_out(told):
        parent, _dot, last = name.rpartition(".")
        if last.startswith("extension:"):
            holder = f"{parent}.extension" if parent else "extension"
            if holder not in sliced:
                sliced.add(holder)
                yield _element(holder, {"by": "value:url"}, resource_type, profile)
        yield _element(name, value, resource_type, profile)


def _spelled_out(told: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for name, value in told.items():
        if name.startswith("@"):
            yield from _groups()[name[1:]].items()
        else:
            yield name, value


def _element(name: str, told: Json, resource_type: str, profile: str) -> Json:
    last = name.rpartition(".")[2]
    element: Json = {
        "id": f"{resource_type}.{name}",
        "path": f"{resource_type}." + ".".join(part.partition(":")[0] for part in name.split(".")),
    }
    if ":" in last:
        element["sliceName"] = last.partition(":")[2]
    if "by" in told:
        kind, _, path = told["by"].partition(":")
        element["slicing"] = {"discriminator": [{"type": kind, "path": path}], "ordered": False, "rules": "open"}
    if "card" in told:
        low, _, high = told["card"].partition("..")
        element |= {"min": int(low), "max": high}
    if types := _types(told):
        element["type"] = types
    for key, value in told.items():
        if key == "constraint":
            element["constraint"] = [_invariant(each, profile) for each in value]
        elif key not in _OURS:
            element[key] = value
    if "bind" in told:
        element["binding"] = {"strength": told["strength"], "valueSet": value_set_url(told["bind"])}
    return element


def _types(told: Json) -> list[Json]:
    if "ext" in told:
        return [{"code": "Extension", "profile": [extension_url(told["ext"])]}]
    targets = [_BASE + each for each in told.get("to", [])]
    if targets:
        return [{"code": "Reference", "targetProfile": targets}]
    return [{"code": each} for each in told.get("types", [])]


def _invariant(told: Json, profile: str) -> Json:
    return {**told, "source": profile_url(profile)}
