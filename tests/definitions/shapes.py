"""Make what the redactor and its tests know about FHIR: `python -m tests.definitions.shapes PACKAGE.tgz`.

PACKAGE is the npm package hl7.fhir.r4.examples 4.0.1; R4B and R5 come from fhir.resources. Written are

- `fhir_plugin/disclose/redact/shapes.json`: every resource type, and which elements must be there, so that taking one
  out leaves a resource that still keeps its definition. What one version requires counts for all: too much is cut then,
  never too little.

The element paths for the canaries come from `pointers.py`.
The output is the same, byte for byte, whenever the input is.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import tarfile
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SHAPES = Path(__file__).parents[2] / "fhir_plugin" / "disclose" / "redact" / "shapes.json"

_ABSTRACT = ("Resource", "DomainResource")
_WHOLE = ("Extension", "Resource", "Narrative")
"""Cut as a whole wherever they stand, so that what they require never matters."""


class Shapes:
    """What is required and which complex type stands where, gathered over versions."""

    def __init__(self) -> None:
        self.resources: set[str] = set()
        self.required: dict[str, set[str]] = {}
        self.kinds: dict[str, dict[str, str]] = {}

    def add(self, owner: str, name: str, kind: str | None, required: bool) -> None:
        if required and name not in ("id", "resourceType"):
            self.required.setdefault(owner, set()).add(name)
        if kind is not None and kind not in _WHOLE:
            self.kinds.setdefault(owner, {}).setdefault(name, kind)

    def as_json(self) -> Json:
        """Only what leads to a required element: the rest can be cut wherever it stands."""
        matters = set(self.required)
        grown = True
        while grown:
            more = {owner for owner, kinds in self.kinds.items() if matters & set(kinds.values())} - matters
            matters |= more
            grown = bool(more)
        kinds = {
            owner: {name: kind for name, kind in sorted(names.items()) if kind in matters}
            for owner, names in sorted(self.kinds.items())
        }
        return {
            "resources": sorted(self.resources),
            "required": {owner: sorted(names) for owner, names in sorted(self.required.items())},
            "kinds": {owner: names for owner, names in kinds.items() if names},
        }


def structures(package: Path) -> Iterator[Json]:
    """The StructureDefinitions of the resources and datatypes themselves, no profiles."""
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            if member.name.startswith("package/StructureDefinition-"):
                stream = archive.extractfile(member)
                assert stream is not None
                definition = json.loads(stream.read())
                if definition.get("derivation") != "constraint" and definition["kind"] in ("resource", "complex-type"):
                    yield definition


def add_r4(shapes: Shapes, definitions: list[Json]) -> None:
    """What the official R4 definitions say."""
    for definition in definitions:
        if definition["kind"] == "resource" and definition["type"] not in _ABSTRACT:
            shapes.resources.add(definition["type"])
        for element in definition["snapshot"]["element"][1:]:
            owner, _, name = element["path"].rpartition(".")
            kinds = [one["code"] for one in element.get("type", [])]
            for at, kind in choices(element["path"], name, kinds, element):
                shapes.add(owner, at, kind, False)
            shapes.add(owner, name, None, element["min"] > 0)


def choices(path: str, name: str, kinds: list[str], element: Json) -> Iterator[tuple[str, str | None]]:
    """Each name that an element has in JSON, with its complex type if it has one."""
    if "contentReference" in element:
        yield name, element["contentReference"].removeprefix("#")
        return
    for kind in kinds:
        at = name.replace("[x]", kind[0].upper() + kind[1:])
        if kind in ("BackboneElement", "Element"):
            yield at, path
        else:
            yield at, kind if kind[0].isupper() else None


def add_models(shapes: Shapes, package: str) -> None:
    """What the models of fhir.resources say: R4B, and R5."""
    classes = model_classes(package)
    domain = classes["Resource"]
    for name, model in sorted(classes.items()):
        if issubclass(model, domain):
            if name not in _ABSTRACT:
                shapes.resources.add(name)
            _add_model(shapes, classes, name, model, set())
    for name in sorted(set(shapes.required) | {"Annotation", "Signature"}):
        if name in classes and not issubclass(classes[name], domain):
            _add_model(shapes, classes, name, classes[name], set())


def model_classes(package: str) -> dict[str, Any]:
    """Every model of one version of FHIR, by the name of its type."""
    home = importlib.import_module(package)
    classes: dict[str, Any] = {}
    for module in sorted(one.name for one in pkgutil.iter_modules(home.__path__)):
        if module in ("fhirtypes", "fhirresourcemodel", "tests") or module.startswith("_"):
            continue
        for value in vars(importlib.import_module(f"{package}.{module}")).values():
            if isinstance(value, type) and "__resource_type__" in vars(value):
                classes[value.__dict__["__resource_type__"]] = value
    return classes


def _add_model(shapes: Shapes, classes: dict[str, Any], owner: str, model: Any, above: set[str]) -> None:
    backbone = classes["BackboneElement"]
    for field, info in model.model_fields.items():
        extra = info.json_schema_extra or {}
        if field in ("resource_type", "fhir_comments") or field.endswith("__ext") or not extra.get("element_property"):
            continue
        name = info.alias or field
        choice = extra.get("one_of_many")
        required = bool(info.is_required() or extra.get("element_required"))
        if choice:
            shapes.add(owner, f"{choice}[x]", None, bool(extra.get("one_of_many_required")))
        kind = class_name(info.annotation)
        found = classes.get(kind or "")
        if found is None:
            shapes.add(owner, name, None, required and not choice)
        elif issubclass(found, backbone) and found is not backbone and kind not in above and kind not in _SHARED:
            shapes.add(owner, name, f"{owner}.{name}", required and not choice)
            _add_model(shapes, classes, f"{owner}.{name}", found, above | {str(kind)})
        else:
            shapes.add(owner, name, kind if kind in _SHARED or kind not in above else owner, required and not choice)


_SHARED = ("Dosage", "ElementDefinition", "Timing", "DataRequirement")


def class_name(annotation: Any) -> str | None:
    """The FHIR type that a field of a model holds; None for a primitive."""
    for one in (annotation, *_inner(annotation)):
        model = getattr(one, "_model_klass", None)
        if isinstance(model, str):
            return model.rpartition(".")[2]
    return None


def _inner(annotation: Any) -> Iterator[Any]:
    for one in typing.get_args(annotation):
        yield one
        yield from _inner(one)


def main(package: Path) -> None:
    definitions = list(structures(package))
    shapes = Shapes()
    add_r4(shapes, definitions)
    for models in ("fhir.resources.R4B", "fhir.resources"):
        add_models(shapes, models)
    parts = [f"{json.dumps(name)}: {_block(value)}" for name, value in shapes.as_json().items()]
    SHAPES.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _block(value: Any) -> str:
    """One line for each owner: what changes can be seen."""
    if isinstance(value, list):
        return json.dumps(value)
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(inner)}" for key, inner in value.items()) + "\n}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
