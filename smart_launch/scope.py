"""SMART scopes: what to ask for, and what was granted (SMART App Launch 2.2, Scopes and Launch Context).

Servers grant in either syntax, split, widen, narrow or reorder what was asked; only what was granted counts.
v1 `read` is v2 `rs`, `write` is `cud`, `*` is `cruds`. v2 letters must stand in the order c, r, u, d, s:
anything else grants nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote

from smart_launch.errors import Misconfigured

URI_PREFIX = "http://smarthealthit.org/fhir/scopes/"
"""Of SMART's scopes where a scope must be a URI (SMART-R219)."""
OPENID_URI_PREFIX = "http://openid.net/specs/openid-connect-core-1_0#"
"""Of the scopes of OpenID Connect Core where a scope must be a URI (SMART-R220)."""

_OPENID = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
_LAUNCH = re.compile(r"launch/(?P<type>[A-Za-z]{1,64})(?:\?role=(?P<role>[^\s&?=]{1,256}))?")

_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_RESOURCE = re.compile(
    r"(?P<level>patient|user|system)/(?P<type>[A-Z][A-Za-z]{0,63}|\*)\."
    r"(?:(?P<v1>read|write|\*)|(?P<v2>c?r?u?d?s?))(?:\?(?P<query>\S+))?"
)
_LETTER_OF = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search-type": "s",
    "history-type": "s",
    "search-system": "s",
    "history-system": "s",
}


@dataclass(frozen=True)
class ResourceScope:
    """One scope on resources. `letters` is a subset of "cruds" in that order; `query` narrows it (granular)."""

    level: str
    resource_type: str
    letters: str
    query: tuple[tuple[str, str], ...] = ()

    def covers(self, resource_type: str, letter: str) -> bool:
        """Whether this scope reaches to that letter on that type, leaving the query aside."""
        return letter in self.letters and self.resource_type in {"*", resource_type}

    def reaches(self, other: ResourceScope) -> bool:
        """Whether everything that the other allows is allowed by this one too."""
        return (
            self.level == other.level
            and self.resource_type in {"*", other.resource_type}
            and set(other.letters) <= set(self.letters)
            and set(self.query) <= set(other.query)
        )

    def as_v2(self) -> str:
        """`patient/Media.cruds`, with its query if it has one."""
        text = f"{self.level}/{self.resource_type}.{self.letters}"
        pairs = (f"{_in_query(name)}={_in_query(value)}" for name, value in self.query)
        return text + ("?" + "&".join(pairs) if self.query else "")

    def as_v1(self) -> tuple[str, ...]:
        """The v1 scopes that reach at least as far; v1 has no single letters and no queries."""
        stem = f"{self.level}/{self.resource_type}."
        reads, writes = set(self.letters) & set("rs"), set(self.letters) & set("cud")
        if reads and writes:
            return (stem + "*",) if set(self.letters) == set("cruds") else (stem + "read", stem + "write")
        return (stem + "read",) if reads else (stem + "write",) if writes else ()


def as_uri(scope: str) -> str:
    """A scope as a URI, for where only URIs are taken (SMART-R219, R220); one that is a URI stays."""
    if ":" in scope.partition("?")[0]:
        return scope
    return (OPENID_URI_PREFIX if scope in _OPENID else URI_PREFIX) + scope


def from_uri(scope: str) -> str:
    """What `as_uri` made of a scope, undone; any other text stays."""
    short = scope.removeprefix(OPENID_URI_PREFIX)
    return short if short in _OPENID else scope.removeprefix(URI_PREFIX)


def launch_scope(resource_type: str, *, role: str = "") -> str:
    """The scope that asks for a resource as launch context, such as `launch/diagnosticreport?role=previous`.

    Types are written in lower case; one scope names one role at most, so ask several times for several
    (SMART-R155 to R158). Raises `Misconfigured` for what is no type or no role.
    """
    text = f"launch/{resource_type.lower()}" + (f"?role={role}" if role else "")
    if not is_launch_scope(text):
        raise Misconfigured("A launch scope names one resource type, and one role at most.")
    return text


def is_launch_scope(text: str) -> bool:
    """Whether a text asks for one resource as launch context, as `launch_scope` writes it."""
    return _LAUNCH.fullmatch(text) is not None


def _in_query(text: str) -> str:
    """Percent-encoded only where a scope list or its query would otherwise be read wrongly."""
    return quote(text, safe="/:|,.*$@!'()~-_;")


def parse_resource_scope(text: str) -> ResourceScope | None:
    """One scope on resources in v1, v2 or URI form, or None if it is something else or undefined."""
    match = _RESOURCE.fullmatch(text.removeprefix(URI_PREFIX))
    if match is None:
        return None
    letters = _V1[match["v1"]] if match["v1"] else match["v2"]
    if not letters:
        return None
    query = match["query"]
    if query is None:
        return ResourceScope(match["level"], match["type"], letters)
    if match["v1"]:
        return None  # granular scopes exist in v2 only
    pairs = _pairs(query)
    return ResourceScope(match["level"], match["type"], letters, pairs) if pairs else None


def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(parse_qsl(query, strict_parsing=True, max_num_fields=20))
    except ValueError:
        return ()


@dataclass(frozen=True)
class GrantedScopes:
    """What a server granted. Order and repetition do not matter; what is not understood grants nothing."""

    texts: frozenset[str]

    @classmethod
    def parse(cls, scope: str) -> GrantedScopes:
        """From the space-separated `scope` of a token response; URI forms are kept in their short form."""
        return cls(frozenset(from_uri(text) for text in scope.split()))

    def __str__(self) -> str:
        return " ".join(sorted(self.texts))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.texts))

    @property
    def resources(self) -> tuple[ResourceScope, ...]:
        """The scopes on resources, sorted by their text."""
        found = (parse_resource_scope(text) for text in sorted(self.texts))
        return tuple(scope for scope in found if scope is not None)

    def allows(self, resource_type: str, interaction: str) -> bool:
        """Whether an interaction (FHIR's word: create, read, vread, update, patch, delete, search-type,
        history-instance, history-type) on a type is granted at all, perhaps only under `conditions`.

        The server may still refuse or filter silently; both are legal.
        """
        letter = _LETTER_OF.get(interaction)
        return letter is not None and any(scope.covers(resource_type, letter) for scope in self.resources)

    def conditions(self, resource_type: str, interaction: str) -> tuple[tuple[tuple[str, str], ...], ...]:
        """The granular queries of which one must be met (each: all of its parameters); () if unconditional."""
        letter = _LETTER_OF.get(interaction, "-")
        queries = [scope.query for scope in self.resources if scope.covers(resource_type, letter)]
        return () if () in queries else tuple(dict.fromkeys(queries))

    def levels(self, resource_type: str, interaction: str) -> frozenset[str]:
        """By which levels (`patient`, `user`, `system`) an interaction is granted."""
        letter = _LETTER_OF.get(interaction, "-")
        return frozenset(scope.level for scope in self.resources if scope.covers(resource_type, letter))

    @property
    def needs_patient(self) -> bool:
        """Whether anything was granted for one patient only, who must then be named."""
        return any(scope.level == "patient" for scope in self.resources)

    def includes(self, scope: str) -> bool:
        """Whether one scope, in any form, lies within what was granted (SMART-R108)."""
        asked = parse_resource_scope(scope)
        if asked is None:
            return from_uri(scope) in self.texts
        return all(
            any(granted.reaches(replace(asked, letters=letter)) for granted in self.resources)
            for letter in asked.letters
        )

    @property
    def context(self) -> frozenset[str]:
        """The launch scopes granted: `launch`, `launch/patient`, `launch/encounter`, ..."""
        return frozenset(text for text in self.texts if text == "launch" or text.startswith("launch/"))

    @property
    def may_refresh(self) -> bool:
        """Whether a refresh token was granted, for offline or online use."""
        return bool(self.texts & {"offline_access", "online_access"})

    @property
    def identity(self) -> frozenset[str]:
        """Which of `openid`, `fhirUser`, `profile` were granted."""
        return self.texts & {"openid", "fhirUser", "profile"}


def request_scopes(
    wanted: Iterable[str], *, v2: bool, v1: bool, ehr_launch: bool, context: Iterable[str] = ("patient",)
) -> str:
    """The `scope` to ask for: the wanted ones, in a syntax the server speaks.

    `v2` and `v1` are what it advertises (`permission-v2`, `permission-v1`): v2 is taken if it speaks it, v1
    only if it speaks nothing else, and the text as written if it says nothing. An EHR launch adds `launch`
    (SMART-R35) and drops nothing; a standalone launch drops `launch` and asks for the wanted context: `patient`
    for `launch/patient` (SMART-R152), any type with or without a role, as `launch_scope` writes it. In v2, scopes
    that differ in their letters only become one (SMART-R131). v1 cannot be as narrow as v2: what was granted must
    be looked at. Raises `Misconfigured` for a launch scope that is none.
    """
    chosen: dict[str, None] = {}
    if ehr_launch:
        chosen["launch"] = None
    else:
        chosen.update(dict.fromkeys(_launch_scope_of(f"launch/{name}") for name in context))
    for text in _factored(wanted) if v2 else wanted:
        if text == "launch":
            continue
        scope = parse_resource_scope(text)
        if scope is None or not (v1 or v2):
            chosen[_launch_scope_of(text) if text.startswith("launch/") else text] = None
        elif v2:
            chosen[scope.as_v2()] = None
        else:
            chosen.update(dict.fromkeys(scope.as_v1()))
    return " ".join(chosen)


def _launch_scope_of(text: str) -> str:
    resource_type, _, role = text.removeprefix("launch/").partition("?role=")
    return launch_scope(resource_type, role=role)


def _factored(wanted: Iterable[str]) -> list[str]:
    """The same scopes with the letters of each level, type and query together, each where it first stood."""
    found: dict[ResourceScope | str, str] = {}
    for text in wanted:
        scope = parse_resource_scope(text)
        if scope is None:
            found[text] = text
        else:
            key = replace(scope, letters="")
            letters = {*scope.letters, *found.get(key, "")}
            found[key] = "".join(letter for letter in "cruds" if letter in letters)
    return [key if isinstance(key, str) else replace(key, letters=letters).as_v2() for key, letters in found.items()]
