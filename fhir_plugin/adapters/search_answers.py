"""Whether a resource answers a search, decided on its own JSON.

Used twice: to drop what a FHIR server should not have returned (some ignore a parameter they do not know
and return everything), and as the search of our own companion store. Parameters and their elements: R4
search parameter registry. A reference counts only when it is literal and within the record's own base:
`Patient/1` of another server is another person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]

CONTROLS: Final = frozenset(
    {"_count", "_sort", "_total", "_summary", "_elements", "_format", "_include", "_revinclude"}
)
"""Parameters that shape an answer and select nothing."""

_REFERENCE = re.compile(
    r"^(?:(?P<base>https?://.*)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?$"
)


def _at(*paths: str) -> Callable[[Json], Iterator[Any]]:
    """Every value at any of the dotted paths, lists walked through."""

    def values(resource: Json) -> Iterator[Any]:
        for path in paths:
            yield from _walk(resource, path.split("."))

    return values


def _walk(node: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _walk(item, steps)
    elif not steps:
        if node is not None:
            yield node
    elif isinstance(node, dict):
        yield from _walk(node.get(steps[0]), steps[1:])


TOKENS: Final[Mapping[str, Callable[[Json], Iterator[Any]]]] = {
    "identifier": _at("identifier", "masterIdentifier"),
    "_tag": _at("meta.tag"),
    "_security": _at("meta.security"),
    "_profile": _at("meta.profile"),
    "type": _at("type"),
    "category": _at("category"),
    "status": _at("status"),
    "code": _at("code"),
    "action": _at("action"),
    "outcome": _at("outcome"),
    "scope": _at("scope"),
    "view": _at("view"),
    "site": _at("bodySite"),
}
"""Token parameters: `code`, `system|code`, `|code` or `system|`."""

REFERENCES: Final[Mapping[str, tuple[Callable[[Json], Iterator[Any]], str | None]]] = {
    "patient": (
        _at(
            "subject",
            "patient",
            "for",
            "beneficiary",
            "individual",
            "participant.actor",
            "actor",
            "link.target",
            "target",
            "entity.what",
            "agent.who",
        ),
        "Patient",
    ),
    "subject": (_at("subject", "for"), None),
    "target": (_at("target"), None),
    "focus": (_at("focus"), None),
    "entity": (_at("entity.what"), None),
    "agent": (_at("agent.who"), None),
    "encounter": (_at("encounter", "context.encounter", "item.encounter"), "Encounter"),
    "part-of": (_at("partOf"), None),
    "based-on": (_at("basedOn"), None),
    "owner": (_at("owner"), None),
    "requester": (_at("requester"), None),
    "data": (_at("provision.data.reference"), None),
    "source-reference": (_at("sourceReference"), None),
    "related": (_at("context.related"), None),
}
"""Reference parameters, and the type meant when the value is a bare id."""

CHECKED: Final = frozenset(
    {"_id", "identifier", "_tag", "_security", "patient", "subject", "target", "focus", "entity", "encounter"}
)
"""What is checked on a server's answer. Not `code`, `type`, `category`: a server may know hierarchies."""


def answers(resource: Json, name: str, value: str, *, base: str) -> bool | None:
    """Whether `resource` answers `name=value`; None when this parameter or modifier cannot be judged here.

    Commas are alternatives (`\\,` is a comma). Controls such as `_count` are answered by everything.
    """
    if name.partition(":")[0] in CONTROLS:
        return True
    alternatives = _split(value, ",")
    if name == "_id":
        return resource.get("id") in alternatives
    if name in TOKENS:
        found = list(TOKENS[name](resource))
        return any(_token_is(item, wanted) for item in found for wanted in alternatives)
    if name in REFERENCES:
        elements, default_type = REFERENCES[name]
        if name == "patient" and resource.get("resourceType") == "Patient":
            return None
        found = list(elements(resource))
        return any(_refers(item, wanted, default_type, base) for item in found for wanted in alternatives)
    return None


def literal_target(reference: object, *, base: str) -> tuple[str, str] | None:
    """(type, id) of a literal reference that is relative or within `base`; None for all others."""
    if not isinstance(reference, str) or (match := _REFERENCE.match(reference)) is None:
        return None
    if match["base"] is not None and match["base"] != base:
        return None
    return match["type"], match["id"]


def _refers(element: Any, wanted: str, default_type: str | None, base: str) -> bool:
    if not isinstance(element, dict):
        return False
    found = literal_target(element.get("reference"), base=base)
    if found is None:
        return False
    asked = literal_target(wanted, base=base)
    if asked is not None:
        return found == asked
    return found[1] == wanted and (default_type is None or found[0] == default_type)


def _token_is(element: Any, wanted: str) -> bool:
    parts = _split(wanted, "|")
    system, code = (None, parts[0]) if len(parts) == 1 else (parts[0], "|".join(parts[1:]))
    return any(
        (code in ("", found_code) if system else code == found_code)
        and (system is None or system == (found_system or ""))
        for found_system, found_code in _codings(element)
    )


def _codings(element: Any) -> Iterator[tuple[str | None, str | None]]:
    """(system, code) of a code, Coding, CodeableConcept or Identifier."""
    match element:
        case str():
            yield None, element
        case {"coding": [*codings]}:
            for coding in codings:
                yield from _codings(coding)
        case {"value": str(value)}:
            yield _text(element.get("system")), value
        case {"code": str(code)}:
            yield _text(element.get("system")), code
        case _:
            return


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _split(value: str, separator: str) -> list[str]:
    """Splits at unescaped separators and removes the escapes of R4 (3.1.1.5.7)."""
    parts, part, escaped = [], "", False
    for character in value:
        if escaped:
            part += character if separator == "|" and character in ",|$\\" else "\\" + character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == separator:
            parts.append(part)
            part = ""
        else:
            part += character
    return [*parts, part + ("\\" if escaped else "")]
