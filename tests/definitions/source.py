"""The definitions that resources are checked against: HL7's, and this project's extensions.

Of R4, unless asked within `in_r5()`.
"""

from __future__ import annotations

import contextlib
import json
import lzma
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

_HERE: Final = Path(__file__).parent
_more: list[Json] = []
_version: Final = ContextVar("_version", default="r4")


@contextlib.contextmanager
def in_r5() -> Iterator[None]:
    """Everything here is of R5 inside."""
    token = _version.set("r5")
    try:
        yield
    finally:
        _version.reset(token)


def definitions() -> tuple[Json, ...]:
    """The official definitions and this project's own extensions."""
    return _definitions(_version.get())


def know_also(more: Iterable[Json]) -> None:
    """Know more definitions of R4 in this process than are kept here. Before `validator` is first used."""
    _more.extend(more)
    for each in (_definitions, _value_sets, _elements, _primitive_formats, _extensions):
        each.cache_clear()


@cache
def questionnaires() -> dict[str, Json]:
    """This project's questionnaires by canonical URL with version."""
    folder = resources.files("mappings.profiles") / "questionnaires"
    ours = [json.loads(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    return {f"{one['url']}|{one['version']}": one for one in ours}


def value_sets() -> dict[str, dict[tuple[str, str], str | None]]:
    """For each value set that can be listed: the display of each system and code."""
    return _value_sets(_version.get())


def elements() -> dict[str, dict[str, Json]]:
    """For each type and backbone path: its direct children by name, choices as `value[x]`."""
    return _elements(_version.get())


def primitive_formats() -> dict[str, str]:
    """The regular expression that FHIR gives each primitive type."""
    return _primitive_formats(_version.get())


def extensions() -> dict[str, Json]:
    """The known extensions by URL."""
    return _extensions(_version.get())


def official_display(system: str, code: str) -> str | None:
    """The display that R4's own value sets give a code; None when they do not list it."""
    for codes in value_sets().values():
        if (system, code) in codes:
            return codes[system, code]
    return None


@cache
def _definitions(version: str) -> tuple[Json, ...]:
    official = json.loads(lzma.decompress((_HERE / f"{version}.json.xz").read_bytes()))
    folder = resources.files("mappings.profiles") / "extensions"
    ours = [json.loads(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    if version == "r5":
        return (*official, *ours)
    return (*official, *json.loads((_HERE / "r5-attachment.json").read_bytes()), *ours, *_more)


@cache
def _value_sets(version: str) -> dict[str, dict[tuple[str, str], str | None]]:
    return {
        one["url"]: {
            (include["system"], concept["code"]): concept.get("display")
            for include in one["compose"]["include"]
            for concept in include["concept"]
        }
        for one in _definitions(version)
        if one["resourceType"] == "ValueSet"
    }


@cache
def _elements(version: str) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = {}
    for one in _definitions(version):
        if one["resourceType"] == "StructureDefinition" and one.get("derivation") != "constraint":
            for element in one["snapshot"]["element"]:
                parent, dot, name = element["path"].rpartition(".")
                if dot:
                    found.setdefault(parent, {})[name] = element
    return found


@cache
def _primitive_formats(version: str) -> dict[str, str]:
    formats: dict[str, str] = {}
    for name, children in _elements(version).items():
        for kind in children.get("value", {}).get("type", []):
            for extension in kind.get("extension", []):
                if extension["url"] == "http://hl7.org/fhir/StructureDefinition/regex":
                    formats[name] = extension["valueString"]
    return formats


@cache
def _extensions(version: str) -> dict[str, Json]:
    return {
        one["url"]: one
        for one in _definitions(version)
        if one["resourceType"] == "StructureDefinition"
        and one.get("derivation") == "constraint"
        and one["type"] == "Extension"
    }
