"""Every element path that can point at something or hold an attachment: `python -m tests.definitions.pointers PACKAGE`.

PACKAGE is the npm package hl7.fhir.r4.examples 4.0.1; R4B and R5 come from the models of fhir.resources. Written is
`pointers.json`: for each version and resource type its paths, such as `item*/answer*/valueReference:Reference=Resource`
(`*`: it repeats; behind the kind what a Reference may name, of those that the tests count). Every datatype that
points is entered once in each version, at the first resource that has it. The output is the same, byte for byte,
whenever the input is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.definitions.shapes import class_name, model_classes, structures

Json = dict[str, Any]

FILE: Final = Path(__file__).with_name("pointers.json")
VERSIONS: Final = ("R4", "R4B", "R5")
_MODELS: Final = {"R4B": "fhir.resources.R4B", "R5": "fhir.resources"}
_POINTING: Final = ("Reference", "canonical", "uri", "url", "Attachment", "CodeableReference")
_COUNTED: Final = ("Media", "DocumentReference", "Resource")
_ABSTRACT: Final = ("Resource", "DomainResource", "CanonicalResource", "MetadataResource")
_WHOLE: Final = ("Extension", "Resource", "Narrative", "Meta")
"""Not gone into: an extension can stand anywhere, and has tests of its own."""


@dataclass(frozen=True)
class PointerPath:
    """One path in a resource of `type`: `steps`, each with whether it repeats. `targets` of those that are counted."""

    type: str
    steps: tuple[tuple[str, bool], ...]
    kind: str
    targets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return ".".join([self.type, *(step for step, _repeats in self.steps)])

    def written(self) -> str:
        steps = "/".join(step + "*" * repeats for step, repeats in self.steps)
        return f"{steps}:{self.kind}" + ("=" + ",".join(self.targets) if self.targets else "")


@cache
def pointer_paths(version: str) -> tuple[PointerPath, ...]:
    """All of one version, as `pointers.json` has them."""
    found = []
    for type_, paths in json.loads(FILE.read_text("utf-8"))[version].items():
        for path in paths:
            where, _, kind = path.partition(":")
            kind, _, targets = kind.partition("=")
            steps = tuple((step.rstrip("*"), step.endswith("*")) for step in where.split("/"))
            found.append(PointerPath(type_, steps, kind, tuple(targets.split(",")) if targets else ()))
    return tuple(found)


# ---------------------------------------------------------------------------------------- from the R4 definitions


def of_definitions(definitions: list[Json]) -> Iterator[PointerPath]:
    """Every path of the official definitions of R4."""
    by_type = {str(one["type"]): one for one in definitions}
    entered: set[str] = set()
    for type_ in sorted(by_type):
        if by_type[type_]["kind"] == "resource" and type_ not in _ABSTRACT:
            yield from _in_definition(by_type, type_, type_, (), entered)


def _in_definition(
    by_type: dict[str, Json], type_: str, inside: str, above: tuple[tuple[str, bool], ...], entered: set[str]
) -> Iterator[PointerPath]:
    elements = by_type[inside]["snapshot"]["element"]
    repeats = {one["path"]: one["max"] != "1" for one in elements}
    for element in elements[1:]:
        parts = element["path"].split(".")
        named = [(step, repeats[".".join(parts[: at + 2])]) for at, step in enumerate(parts[1:])]
        for one in element.get("type", []):
            code = str(one["code"])
            last = named[-1][0].replace("[x]", code[0].upper() + code[1:])
            steps = (*above, *named[:-1], (last, named[-1][1]))
            if code in _POINTING:
                targets = {url.rpartition("/")[2] for url in one.get("targetProfile", [])}
                yield PointerPath(type_, steps, code, tuple(each for each in _COUNTED if each in targets))
            if code not in _WHOLE and code not in entered and by_type.get(code, {}).get("kind") == "complex-type":
                if code in ("BackboneElement", "Element"):
                    continue
                entered.add(code)
                yield from _in_definition(by_type, type_, code, steps, entered)


# ----------------------------------------------------------------------------------------------- from the models


def of_models(package: str) -> Iterator[PointerPath]:
    """Every path of the models of one version."""
    classes = model_classes(package)
    entered: set[str] = set()
    for name in sorted(classes):
        if issubclass(classes[name], classes["Resource"]) and name not in _ABSTRACT:
            yield from _in_model(classes, name, classes[name], (), entered, frozenset({name}))


def _in_model(
    classes: Json, type_: str, model: Any, above: tuple[tuple[str, bool], ...], entered: set[str], over: frozenset[str]
) -> Iterator[PointerPath]:
    for field, info in model.model_fields.items():
        extra = info.json_schema_extra or {}
        if field in ("resource_type", "fhir_comments", "id") or field.endswith("__ext"):
            continue
        if not extra.get("element_property"):
            continue
        annotation = str(info.annotation)
        kind = class_name(info.annotation) or next(
            (one for one in ("canonical", "uri", "url") if f"{one.capitalize()}()" in annotation), ""
        )
        step = (str(info.alias or field), "List[" in annotation or "list[" in annotation)
        steps = (*above, step)
        if kind in _POINTING:
            targets = set(extra.get("enum_reference_types") or ())
            yield PointerPath(type_, steps, kind, tuple(each for each in _COUNTED if each in targets))
        found = classes.get(kind)
        if found is None or kind in _WHOLE or kind in over or issubclass(found, classes["Resource"]):
            continue
        if not issubclass(found, classes["BackboneElement"]):
            if kind in entered:
                continue
            entered.add(kind)
        yield from _in_model(classes, type_, found, steps, entered, over | {kind})


def main(package: Path) -> None:
    found = {"R4": list(of_definitions(list(structures(package))))}
    found |= {version: list(of_models(models)) for version, models in _MODELS.items()}
    versions = []
    for version, paths in found.items():
        by_type: dict[str, list[str]] = {}
        for path in paths:
            by_type.setdefault(path.type, []).append(path.written())
        lines = ",\n".join(f"{json.dumps(type_)}: {json.dumps(each)}" for type_, each in by_type.items())
        versions.append(f"{json.dumps(version)}: {{\n{lines}\n}}")
    FILE.write_text("{\n" + ",\n".join(versions) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
