"""SMART scopes, v1, v2 and granular, as the server that grants them reads them.

Source: SMART App Launch 2.2, "Scopes for requesting clinical data" (SMART-R119 to R150).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

URI_PREFIX = "http://smarthealthit.org/fhir/scopes/"
"""A scope may be written as a URI under this prefix (SMART-R219)."""

_CLINICAL = re.compile(
    r"(?P<level>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]{1,63})\."
    r"(?P<how>read|write|\*|[a-z]+)(?:\?(?P<query>[^\s]+))?"
)
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_V2 = re.compile(r"(?=.)c?r?u?d?s?")
_LAUNCH_CONTEXT = re.compile(r"launch/[a-z]{1,63}(?:\?role=[^\s&]+)?")
_PLAIN = frozenset({"openid", "fhirUser", "profile", "launch", "offline_access", "online_access"})
_FHIR_USER_ALIASES = {"profile"}

INTERACTIONS = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search": "s",
    "search-type": "s",
    "history-type": "s",
    "$everything": "r",
    "$validate": "",
    "$expunge": "d",
}
"""FHIR interaction or operation -> the letter of `.cruds` that it needs. What is not listed needs every one."""


@dataclass(frozen=True)
class ClinicalScope:
    """One `level/Type.letters?query`, e.g. `patient/Observation.rs?category=laboratory`."""

    level: str
    resource_type: str
    letters: frozenset[str]
    query: tuple[tuple[str, str], ...] = ()
    """Search parameters that the resource must match, all of them; a value may be `system|code` or `code`."""

    def covers(self, resource_type: str, interaction: str) -> bool:
        """Whether the type and the interaction are inside this scope, the resource itself apart."""
        needed = frozenset(INTERACTIONS.get(interaction, "cruds"))
        return self.resource_type in ("*", resource_type) and needed <= self.letters


@dataclass(frozen=True)
class GrantedScopes:
    """What was granted, parsed, with the text that the client is told."""

    text: str
    clinical: tuple[ClinicalScope, ...]
    plain: frozenset[str]

    def at_level(self, level: str) -> bool:
        return any(scope.level == level for scope in self.clinical)


def parse_clinical(text: str) -> ClinicalScope | None:
    """The clinical scope that `text` spells, or None. `.dus` and other orders are no scopes (SMART-R125)."""
    match = _CLINICAL.fullmatch(text)
    if match is None:
        return None
    how = match["how"]
    letters = _V1.get(how, how)
    if not _V2.fullmatch(letters):
        return None
    query: tuple[tuple[str, str], ...] = ()
    if match["query"] is not None:
        if how in _V1:
            return None
        query = tuple(parse_qsl(match["query"], keep_blank_values=True))
        if not query or any(not name or not value for name, value in query):
            return None
    return ClinicalScope(match["level"], match["type"], frozenset(letters), query)


def is_launch_context(text: str) -> bool:
    """Whether this asks for launch context by type, as `launch/patient` does (SMART-R152 to R158)."""
    return _LAUNCH_CONTEXT.fullmatch(text) is not None


def _known(text: str) -> bool:
    return text in _PLAIN or is_launch_context(text) or parse_clinical(text) is not None


def parse(text: str) -> GrantedScopes:
    """Parse a scope string that this server has granted before."""
    return _collect(text.split())


def grant(
    requested: str | None, *, allowed: frozenset[str] | None = None, levels: Iterable[str] = ("patient", "user")
) -> GrantedScopes:
    """Grant what of `requested` this server understands, and drop the rest without a word (SMART-R147).

    `allowed` is the registered scope list of the client, exactly compared; None leaves it free.
    `levels` are the levels that the flow can serve (`system` for backend services only).
    """
    levels = frozenset(levels)
    kept: list[str] = []
    for raw in (requested or "").split():
        text = raw.removeprefix(URI_PREFIX)
        clinical = parse_clinical(text)
        if clinical is not None and clinical.level not in levels:
            continue
        if not _known(text) or (allowed is not None and text not in allowed) or raw in kept:
            continue
        kept.append(raw)
    return _collect(kept)


def narrow(text: str, most: Mapping[str, str], *, v1: bool = False) -> str:
    """What a server grants that gives no more than `most` (type or `*` -> letters of `cruds`; empty: no bound), and
    perhaps answers in v1's spelling, which cannot say less than `read` or `write`. Twice is as good as once."""
    kept: list[str] = []
    for raw in text.split():
        scope = parse_clinical(raw.removeprefix(URI_PREFIX))
        if scope is None:
            spelled = [raw]
        else:
            letters = scope.letters & set(most.get(scope.resource_type, most.get("*", ""))) if most else scope.letters
            spelled = _spelled(scope, letters, raw, v1=v1)
        kept += [each for each in spelled if each not in kept]
    return " ".join(kept)


def _spelled(scope: ClinicalScope, letters: frozenset[str], raw: str, *, v1: bool) -> list[str]:
    name, mark, asked = raw.partition("?")
    head, query = name.rpartition(".")[0], mark + asked
    if not letters:
        return []
    if v1 and not query:
        return [f"{head}.{how}" for how in ("read", "write") if letters & set(_V1[how])]
    if letters == scope.letters:
        return [raw]
    return [f"{head}.{''.join(each for each in 'cruds' if each in letters)}{query}"]


def _collect(texts: Iterable[str]) -> GrantedScopes:
    texts = tuple(texts)
    bare = [text.removeprefix(URI_PREFIX) for text in texts]
    clinical = tuple(scope for text in bare if (scope := parse_clinical(text)) is not None)
    plain = frozenset(text for text in bare if text in _PLAIN or is_launch_context(text))
    if plain & _FHIR_USER_ALIASES:
        plain |= {"fhirUser"}
    return GrantedScopes(" ".join(texts), clinical, plain)
