"""References in resources: reading them, finding them, and giving them new targets within a transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fhir_plugin.sandbox.fhir.outcome import Json

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""R4 datatypes, id."""

_LITERAL = re.compile(
    r"(?P<base>https?://[^?#]+/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?"
)


@dataclass(frozen=True)
class Target:
    """Where a literal reference goes on this server."""

    resource_type: str
    id: str
    version: str | None = None


def read_reference(text: str, base: str) -> Target | None:
    """The target of `Type/id[/_history/v]`, relative or below `base`; None for anything else."""
    match = _LITERAL.fullmatch(text)
    if match is None or (match["base"] and match["base"].rstrip("/") != base.rstrip("/")):
        return None
    return Target(match["type"], match["id"], match["version"])


def strings_of(value: object, *keys: str) -> Iterator[str]:
    """Every string that is the value of one of these keys, at any depth."""
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield from (item[key] for key in keys if isinstance(item.get(key), str))
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


Rewriting = Literal["everywhere", "references-only", "any-string"]

_URI_ELEMENTS = re.compile(
    r"reference|url|uri|system|source|implicitRules|profile|policy|definition|resource|canonical"
    r"|instantiates(Uri|Canonical)|value(Uri|Url|Uuid|Oid|Canonical)|\w+(Uri|Url|Canonical)"
)
"""Elements of type Reference, uri, url, oid, uuid and canonical: what R4 says a transaction rewrites."""


def rewrite(value: Any, targets: Mapping[str, str], how: Rewriting) -> Any:
    """A copy of `value` in which what points at a key of `targets` points at its value.

    R4 http, "replacing hyperlinks": references and uri-like elements, and links in the narrative. The two
    other ways are those of servers that do less or more.
    """

    def replace(key: str, text: str) -> str:
        if how == "references-only":
            return targets.get(text, text) if key == "reference" else text
        if how == "any-string" or _URI_ELEMENTS.fullmatch(key):
            return targets.get(text, text)
        if key == "div":
            return _rewrite_links(text, targets)
        return text

    return _map_strings(value, "", replace)


def _rewrite_links(narrative: str, targets: Mapping[str, str]) -> str:
    return re.sub(
        r"""((?:href|src)\s*=\s*)(["'])(.*?)\2""",
        lambda match: f"{match[1]}{match[2]}{targets.get(match[3], match[3])}{match[2]}",
        narrative,
    )


def _map_strings(value: Any, key: str, replace: Callable[[str, str], str]) -> Any:
    if isinstance(value, str):
        return replace(key, value)
    if isinstance(value, dict):
        return {name: _map_strings(child, name, replace) for name, child in value.items()}
    if isinstance(value, list):
        return [_map_strings(child, key, replace) for child in value]
    return value


def without(resource: Json, *keys: str) -> Json:
    """A shallow copy without these elements."""
    return {key: value for key, value in resource.items() if key not in keys}
