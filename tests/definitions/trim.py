"""Make `r4.json.xz` from the npm package hl7.fhir.r4.examples 4.0.1, and `r5.json.xz` from hl7.fhir.r5.core 5.0.0:
`python -m tests.definitions.trim PACKAGE.tgz`.

It keeps the StructureDefinitions of the resources that this project writes or serves, every datatype, and the value
sets of their required and extensible bindings, expanded here: the validator's own expansion knows neither imported
value sets nor the v3 hierarchies. A value set over a code system that the package does not hold (LOINC,
SNOMED CT, BCP 13, UCUM) is kept only when it lists its codes. Prose is dropped. The output is the same, byte for byte,
whenever the input is.
"""

from __future__ import annotations

import json
import lzma
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

RESOURCES = (
    "AuditEvent",
    "Binary",
    "Bundle",
    "CapabilityStatement",
    "Communication",
    "CommunicationRequest",
    "Condition",
    "Consent",
    "Device",
    "DocumentReference",
    "DomainResource",
    "Encounter",
    "Flag",
    "List",
    "Location",
    "Media",
    "Observation",
    "OperationOutcome",
    "Organization",
    "Parameters",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "Resource",
    "StructureDefinition",
    "Task",
    "TestReport",
)

EXTENSIONS = ("http://hl7.org/fhir/StructureDefinition/data-absent-reason",)

R5_RESOURCES = (
    "AuditEvent",
    "Binary",
    "CommunicationRequest",
    "Consent",
    "DocumentReference",
    "DomainResource",
    "Encounter",
    "OperationOutcome",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Provenance",
    "QuestionnaireResponse",
    "RelatedPerson",
    "Resource",
    "Task",
)
"""What this project writes to an R5 server or reads of it in R5's own words."""

_DEFINITION_KEYS = (
    "resourceType",
    "id",
    "url",
    "version",
    "name",
    "status",
    "kind",
    "abstract",
    "context",
    "type",
    "baseDefinition",
    "derivation",
)
_ELEMENT_KEYS = (
    "id",
    "path",
    "sliceName",
    "min",
    "max",
    "base",
    "contentReference",
    "type",
    "constraint",
    "isModifier",
    "binding",
    "slicing",
)


def trimmed(package: Path, types: tuple[str, ...]) -> list[Json]:
    """The definitions to keep, in a stable order: of these resources, and of every datatype."""
    structures: dict[str, Json] = {}
    value_sets: dict[str, Json] = {}
    code_systems: dict[str, Json] = {}
    for resource in _resources(package):
        kept = {"StructureDefinition": structures, "ValueSet": value_sets, "CodeSystem": code_systems}
        kept[resource["resourceType"]][resource["url"]] = resource
    chosen = [one for one in structures.values() if _wanted(one, types)]
    expansion = _Expansion(value_sets, code_systems)
    bound = sorted({url for one in chosen for url in _bound_value_sets(one)})
    expanded = [found for url in bound if (found := expansion.value_set(url)) is not None]
    return [_structure(one) for one in sorted(chosen, key=lambda one: str(one["url"]))] + expanded


def _resources(package: Path) -> Iterator[Json]:
    wanted = ("package/StructureDefinition-", "package/ValueSet-", "package/CodeSystem-")
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            if member.name.startswith(wanted) and (stream := archive.extractfile(member)) is not None:
                yield json.loads(stream.read())


def _wanted(structure: Json, types: tuple[str, ...]) -> bool:
    if structure["url"] in EXTENSIONS:
        return True
    if structure.get("derivation") == "constraint":
        return False
    return structure["kind"] in ("complex-type", "primitive-type") or structure["type"] in types


def _structure(structure: Json) -> Json:
    kept = {key: structure[key] for key in _DEFINITION_KEYS if key in structure}
    kept["snapshot"] = {"element": [_element(element) for element in structure["snapshot"]["element"]]}
    return kept


def _element(element: Json) -> Json:
    kept: Json = {}
    for key, value in element.items():
        if key == "constraint":
            kept[key] = [
                {name: one[name] for name in ("key", "severity", "human", "expression") if name in one} for one in value
            ]
        elif key == "binding":
            kept[key] = {name: value[name] for name in ("strength", "valueSet") if name in value}
        elif key in _ELEMENT_KEYS or key.startswith(("fixed", "pattern")):
            kept[key] = value
    return kept


def _bound_value_sets(structure: Json) -> Iterator[str]:
    for element in structure["snapshot"]["element"]:
        binding = element.get("binding", {})
        if binding.get("strength") in ("required", "extensible") and "valueSet" in binding:
            yield binding["valueSet"].partition("|")[0]


class _Expansion:
    """Value sets as lists of codes; None for what cannot be listed from the package alone."""

    def __init__(self, value_sets: dict[str, Json], code_systems: dict[str, Json]) -> None:
        self._value_sets = value_sets
        self._code_systems = code_systems

    def value_set(self, url: str) -> Json | None:
        definition = self._value_sets.get(url)
        codes = self._codes(url, frozenset())
        if definition is None or codes is None:
            return None
        by_system: dict[str, list[Json]] = {}
        for (system, code), display in sorted(codes.items()):
            by_system.setdefault(system, []).append({"code": code} | ({"display": display} if display else {}))
        include = [{"system": system, "concept": concepts} for system, concepts in by_system.items()]
        return {
            "resourceType": "ValueSet",
            "id": definition["id"],
            "url": url,
            "version": definition.get("version"),
            "name": definition.get("name"),
            "status": definition["status"],
            "compose": {"include": include},
        }

    def _codes(self, url: str, seen: frozenset[str]) -> dict[tuple[str, str], str | None] | None:
        definition = self._value_sets.get(url)
        if definition is None or url in seen:
            return None
        compose = definition.get("compose", {})
        codes: dict[tuple[str, str], str | None] = {}
        for include in compose.get("include", []):
            part = self._part(include, seen | {url})
            if part is None:
                return None
            codes |= part
        for exclude in compose.get("exclude", []):
            part = self._part(exclude, seen | {url})
            if part is None:
                return None
            codes = {key: display for key, display in codes.items() if key not in part}
        return codes

    def _part(self, include: Json, seen: frozenset[str]) -> dict[tuple[str, str], str | None] | None:
        sets: list[dict[tuple[str, str], str | None]] = []
        if "system" in include:
            listed = self._listed(include)
            if listed is None:
                return None
            sets.append({(include["system"], code): display for code, display in listed.items()})
        for url in include.get("valueSet", []):
            imported = self._codes(url.partition("|")[0], seen)
            if imported is None:
                return None
            sets.append(imported)
        common = set(sets[0]).intersection(*sets[1:])
        return {key: display for key, display in sets[0].items() if key in common}

    def _listed(self, include: Json) -> dict[str, str | None] | None:
        system = self._code_systems.get(include["system"])
        concepts = list(_concepts(system.get("concept", []), ())) if system else []
        displays = {concept["code"]: concept.get("display") for concept, _parents in concepts}
        if "concept" in include:
            return {one["code"]: one.get("display") or displays.get(one["code"]) for one in include["concept"]}
        if not concepts:
            return None
        parents: dict[str, set[str]] = {}
        for concept, above in concepts:
            parents.setdefault(concept["code"], set()).update(above)
            parents[concept["code"]].update(
                one["valueCode"] for one in concept.get("property", []) if one.get("code") == "subsumedBy"
            )
        chosen = set(displays)
        for rule in include.get("filter", []):
            if rule["op"] not in ("is-a", "descendent-of") or rule["property"] not in ("concept", "code"):
                return None
            below = {code for code in displays if rule["value"] in _ancestors(code, parents)}
            chosen &= below | ({rule["value"]} if rule["op"] == "is-a" else set())
        return {code: displays[code] for code in chosen}


def _concepts(concepts: list[Json], above: tuple[str, ...]) -> Iterator[tuple[Json, tuple[str, ...]]]:
    for concept in concepts:
        yield concept, above
        yield from _concepts(concept.get("concept", []), (*above, concept["code"]))


def _ancestors(code: str, parents: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(parents.get(code, ()))
    while waiting:
        parent = waiting.pop()
        if parent not in found:
            found.add(parent)
            waiting.extend(parents.get(parent, ()))
    return found


if __name__ == "__main__":
    _package = Path(sys.argv[1])
    _is_r5 = _package.name.startswith("hl7.fhir.r5.")
    _definitions = trimmed(_package, R5_RESOURCES if _is_r5 else RESOURCES)
    _text = json.dumps(_definitions, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    _output = Path(__file__).with_name("r5.json.xz" if _is_r5 else "r4.json.xz")
    _output.write_bytes(lzma.compress(_text.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME))
    sys.stderr.write(f"{_output.name}: {len(_definitions)} definitions, {_output.stat().st_size} bytes\n")
