"""Every element of a resource beside its definition: is it known, as often as it may be, of its form, its code bound?

Required bindings: every code. Extensible ones: codes of a system that the value set draws on, which therefore had a
code of its own. Where R4's value set cannot be listed (media types, languages) nothing is said. Invariants are not
its business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.definitions.source import Json, elements, extensions, primitive_formats, value_sets

_NO_FORMAT = frozenset({"boolean", "xhtml"})
_NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "decimal"})


def walk(resource: Json) -> Iterator[str]:
    """What is wrong, a line each."""
    kind = str(resource.get("resourceType"))
    yield from _object(resource, kind, kind)


def _object(value: Json, kind: str, path: str) -> Iterator[str]:
    known = elements().get(kind)
    if known is None:
        yield f"type.unknown {path}: no definition of {kind}"
        return
    present: set[str] = set()
    for name, inner in value.items():
        if name == "resourceType":
            continue
        if name.startswith("_"):  # a primitive without a value, only with extensions, is there
            twin = _definition(known, name[1:])
            if twin is not None and name[1:] not in value:
                present.add(twin[0]["path"])
            continue
        found = _definition(known, name)
        if found is None:
            yield f"element.unknown {path}.{name}"
            continue
        element, inner_kind = found
        if element["path"] in present:
            yield f"choice.multiple {path}.{name}"
        present.add(element["path"])
        yield from _values(inner, element, inner_kind, f"{path}.{name}")
    for element in known.values():
        if element["min"] > 0 and element["path"] not in present:
            yield f"element.missing {path}: {element['path']} is required"
    if kind == "Extension":
        yield from _extension(value, path)


def _values(value: object, element: Json, kind: str, path: str) -> Iterator[str]:
    repeats = element.get("base", element)["max"] != "1"
    if isinstance(value, list) is not repeats:
        yield f"cardinality {path}: {'an array' if repeats else 'no array'} is expected"
        return
    values = value if isinstance(value, list) else [value]
    if not values or (element["max"].isdigit() and len(values) > int(element["max"])):
        yield f"cardinality {path}: {len(values)} values"
    for place, item in enumerate(values):
        here = f"{path}[{place}]" if repeats else path
        if kind in primitive_formats() or kind in _NO_FORMAT:
            yield from _primitive(item, kind, here)
        elif not isinstance(item, dict):
            yield f"type {here}: {kind} is an object"
            continue
        else:
            named = item.get("resourceType")  # a list where R5 Consent.provision has an element of that name
            yield from _object(item, named if isinstance(named, str) else kind, here)
        yield from _bound(element, item, here)


def _definition(known: dict[str, Json], name: str) -> tuple[Json, str] | None:
    element = known.get(name)
    if element is None:
        for choice, candidate in known.items():
            if choice.endswith("[x]") and name.startswith(choice[:-3]):
                for one in candidate["type"]:
                    code = str(one["code"])
                    if name == choice[:-3] + code[0].upper() + code[1:]:
                        return candidate, code
        return None
    if "contentReference" in element:
        return element, str(element["contentReference"]).partition("#")[2]
    code = str(element["type"][0]["code"])
    if code.startswith("http://hl7.org/fhirpath/System."):
        code = code.rpartition(".")[2].lower()
    return element, str(element["path"]) if code in ("BackboneElement", "Element") else code


def _primitive(value: object, kind: str, path: str) -> Iterator[str]:
    if kind == "boolean":
        wrong = not isinstance(value, bool)
    elif kind in _NUMBERS:
        wrong = isinstance(value, bool) or not isinstance(value, int | float) or not _fits(str(value), kind)
    else:
        wrong = not isinstance(value, str) or not value or not _fits(value, kind)
    if wrong:
        yield f"format {path}: not a {kind}"


def _fits(text: str, kind: str) -> bool:
    if kind == "xhtml":
        return text.startswith("<div")
    if kind == "base64Binary":  # R4's expression backtracks for ever on long values
        dense = "".join(text.split())
        return re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", dense) is not None and len(dense) % 4 == 0
    return re.fullmatch(primitive_formats()[kind], text) is not None


def _bound(element: Json, item: object, path: str) -> Iterator[str]:
    binding = element.get("binding", {})
    codes = value_sets().get(str(binding.get("valueSet", "")).partition("|")[0])
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


def _extension(value: Json, path: str) -> Iterator[str]:
    definition = extensions().get(str(value.get("url")))
    if definition is None:
        return
    view: Json = definition.get("snapshot") or definition["differential"]
    named = {element["id"]: element for element in view["element"]}
    allowed = named.get("Extension.value[x]", {})
    if allowed.get("max") != "0":
        kinds = [str(one["code"]) for one in allowed.get("type", [])]
        if kinds and not any("value" + kind[0].upper() + kind[1:] in value for kind in kinds):
            yield f"extension.value {path}: {' or '.join(kinds)} is expected"
    slices = {
        element["sliceName"]: element
        for element in named.values()
        if element["path"] == "Extension.extension" and "sliceName" in element
    }
    found = [str(each.get("url")) for each in value.get("extension", [])]
    for name, element in slices.items():
        count = found.count(name)
        if count < element["min"] or (element["max"] != "*" and count > int(element["max"])):
            yield f"extension.part {path}: {count} times {name}"
    if slices and set(found) - set(slices):
        yield f"extension.part {path}: a part that is not defined"
