"""Whether a resource keeps the official R4 definitions: `issues(resource)`, empty when it does.

Two checkers with different eyes. pyrofile-validator walks the StructureDefinitions (elements, types, cardinalities,
invariants, extensions with their contexts) and codes without their system. `bindings` looks again at every
coded element with its system and display. Both read `r4.json.xz` (see NOTICE and trim.py) and the extensions that
this project publishes; both are built once per process.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import lzma
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pyrofile_validator.config import ValidatorConfig
from pyrofile_validator.core.engine import Validator

Json = dict[str, Any]

_HERE: Final = Path(__file__).parent

_NOT_FAULTS: Final = frozenset(
    {
        # The resource stands alone here: what it refers to is checked where the whole set is at hand.
        "reference.unresolved",
        # A modifier *element* (status, scope) is reported under this name; it is there because R4 requires it.
        "modifierExtension.present",
        # dom-6 is a recommendation to add a narrative; ours would repeat content under the labels for no reader.
        "invariant.dom-6",
        # Codes without their system: `bindings` below looks at both.
        "terminology.extensible",
        "profile.element.binding.extensible",
        "terminology.required",
        "profile.element.binding.required",
    }
)

_CHOICE_IN_BACKBONE: Final = re.compile(r"\.value\[x\]")
"""pyrofile 0.3.0 looks for an element called `value[x]` in nested backbone elements and never finds it
(Task.input, AuditEvent.entity.detail, Parameters.parameter)."""

_CHOICE_FIELDS: Final = frozenset({("Annotation", "author")})
"""Complex types whose choice elements pyrofile 0.3.0 does not know by their written names (authorReference)."""


@cache
def definitions() -> tuple[Json, ...]:
    """The official definitions in `r4.json.xz` and this project's own extensions."""
    official = json.loads(lzma.decompress((_HERE / "r4.json.xz").read_bytes()))
    r5 = json.loads((_HERE / "r5-attachment.json").read_bytes())
    folder = resources.files("mappings.profiles") / "extensions"
    ours = [json.loads(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    return (*official, *r5, *ours)


def issues(resource: Json) -> list[str]:
    """What is wrong with one resource, a line each: code, path and reason; empty when nothing is."""
    found = [f"{one.code} {one.path}: {one.message}" for one in _structural_issues(resource)]
    return found + list(bindings(resource))


def _structural_issues(resource: Json) -> Iterator[Any]:
    with contextlib.redirect_stdout(io.StringIO()):  # fhirpathpy prints what trace() sees
        report = _validator().validate_resource(resource)
    for issue in report.issues:
        if issue.code in _NOT_FAULTS or issue.code.startswith("invariant.unsupported"):
            continue
        if issue.code.endswith("cardinality.min") and _CHOICE_IN_BACKBONE.search(f"{issue.path} {issue.message}"):
            continue
        if issue.code == "datatype.unknown-field" and any(
            f"Unknown field {field}" in issue.message and issue.message.endswith(f"in {type_name}")
            for type_name, field in _CHOICE_FIELDS
        ):
            continue
        yield issue


@cache
def _validator() -> Validator:
    folder = Path(tempfile.mkdtemp(prefix="r4-definitions-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for number, definition in enumerate(definitions()):
        (folder / f"{number:04}.json").write_text(json.dumps(definition), encoding="utf-8")
    config = {"fhirVersion": "R4", "terminology": {"mode": "local"}, "localPackagePaths": [str(folder)]}
    return Validator(ValidatorConfig.load_dict(config))


# ------------------------------------------------------------------------------------------------ bindings


def bindings(resource: Json) -> Iterator[str]:
    """Codes that are not in the value set R4 binds them to, and displays that are not the code system's.

    Required: every code. Extensible: codes of a system that the value set draws on, for which a code of its own would
    have been at hand. Where R4's value set cannot be listed (media types, languages), nothing is said.
    """
    yield from _walk(resource, str(resource.get("resourceType")), str(resource.get("resourceType")))


def _walk(element: Json, type_name: str, path: str) -> Iterator[str]:
    for name, value in element.items():
        for place, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
            here = f"{path}.{name}" if place is None else f"{path}.{name}[{place}]"
            found = _element_definition(type_name, name)
            if found is None:
                if isinstance(item, dict) and "resourceType" in item:
                    yield from _walk(item, item["resourceType"], here)
                continue
            definition, child_type = found
            yield from _bound(definition, item, here)
            if isinstance(item, dict):
                yield from _walk(item, str(item.get("resourceType", child_type)), here)


def _bound(definition: Json, item: object, path: str) -> Iterator[str]:
    binding = definition.get("binding", {})
    codes = _value_sets().get(str(binding.get("valueSet", "")).partition("|")[0])
    strength = binding.get("strength")
    if codes is None or strength not in ("required", "extensible"):
        return
    if isinstance(item, str):
        if strength == "required" and not any(code == item for _system, code in codes):
            yield f"binding.required {path}: {item!r} is not in {binding['valueSet']}"
        return
    codings = item.get("coding", [item]) if isinstance(item, dict) else []
    systems = {system for system, _code in codes}
    for coding in codings:
        key = (coding.get("system"), coding.get("code"))
        if key not in codes and (strength == "required" or key[0] in systems):
            yield f"binding.{strength} {path}: {key[0]}|{key[1]} is not in {binding['valueSet']}"
        official = codes.get(key)
        if official and coding.get("display") not in (None, official, official.strip()):
            yield f"display {path}: {coding['display']!r} is not {official!r}"


@cache
def _value_sets() -> dict[str, dict[tuple[str, str], str | None]]:
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
def _elements() -> dict[str, Json]:
    return {
        element["path"]: element
        for one in definitions()
        if one["resourceType"] == "StructureDefinition" and one.get("derivation") != "constraint"
        for element in one["snapshot"]["element"]
    }


@cache
def _element_definition(type_name: str, name: str) -> tuple[Json, str] | None:
    """The definition of an element of a type or backbone path, and the type or path its children are under."""
    elements = _elements()
    definition = elements.get(f"{type_name}.{name}")
    if definition is None:
        for cut in range(len(name) - 1, 0, -1):
            definition = elements.get(f"{type_name}.{name[:cut]}[x]")
            if definition is not None:
                kinds = [one["code"] for one in definition.get("type", [])]
                return definition, next((kind for kind in kinds if kind.lower() == name[cut:].lower()), name[cut:])
        return None
    if "contentReference" in definition:
        return definition, str(definition["contentReference"]).partition("#")[2]
    kind = definition["type"][0]["code"] if definition.get("type") else ""
    return definition, f"{type_name}.{name}" if kind in ("BackboneElement", "Element") else kind


def official_display(system: str, code: str) -> str | None:
    """The display that R4's own value sets give a code; None when they do not list it."""
    for codes in _value_sets().values():
        if (system, code) in codes:
            return codes[system, code]
    return None
