"""The definitions that resources are checked against: HL7's, and this project's extensions."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

_HERE: Final = Path(__file__).parent
_more: list[Json] = []


@cache
def definitions() -> tuple[Json, ...]:
    """The official definitions in `r4.json.xz` and this project's own extensions."""
    official = json.loads(lzma.decompress((_HERE / "r4.json.xz").read_bytes()))
    r5 = json.loads((_HERE / "r5-attachment.json").read_bytes())
    folder = resources.files("mappings.profiles") / "extensions"
    ours = [json.loads(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    return (*official, *r5, *ours, *_more)


def know_also(more: Iterable[Json]) -> None:
    """Know more definitions in this process than are kept here. Before `validator` is first used."""
    _more.extend(more)
    for each in (definitions, value_sets, elements, primitive_formats, extensions):
        each.cache_clear()


@cache
def questionnaires() -> dict[str, Json]:
    """This project's questionnaires by canonical URL with version."""
    folder = resources.files("mappings.profiles") / "questionnaires"
    ours = [json.loads(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    return {f"{one['url']}|{one['version']}": one for one in ours}


@cache
def value_sets() -> dict[str, dict[tuple[str, str], str | None]]:
    """For each value set that can be listed: the display of each system and code."""
    return {
        one["url"]: {
            (include["system"], concept["code"]): concept.get("display")
            for include in one["compose"]["include"]
            for concept in include["concept"]
        }
        for one in definitions()
        if one["resourceType"] == "ValueSet"
    }


@cache
def elements() -> dict[str, dict[str, Json]]:
    """For each type and backbone path: its direct children by name, choices as `value[x]`."""
    found: dict[str, dict[str, Json]] = {}
    for one in definitions():
        if one["resourceType"] == "StructureDefinition" and one.get("derivation") != "constraint":
            for element in one["snapshot"]["element"]:
                parent, dot, name = element["path"].rpartition(".")
                if dot:
                    found.setdefault(parent, {})[name] = element
    return found


@cache
def primitive_formats() -> dict[str, str]:
    """The regular expression that R4 gives each primitive type."""
    formats: dict[str, str] = {}
    for name, children in elements().items():
        for kind in children.get("value", {}).get("type", []):
            for extension in kind.get("extension", []):
                if extension["url"] == "http://hl7.org/fhir/StructureDefinition/regex":
                    formats[name] = extension["valueString"]
    return formats


@cache
def extensions() -> dict[str, Json]:
    """The known extensions by URL."""
    return {
        one["url"]: one
        for one in definitions()
        if one["resourceType"] == "StructureDefinition"
        and one.get("derivation") == "constraint"
        and one["type"] == "Extension"
    }


def official_display(system: str, code: str) -> str | None:
    """The display that R4's own value sets give a code; None when they do not list it."""
    for codes in value_sets().values():
        if (system, code) in codes:
            return codes[system, code]
    return None
