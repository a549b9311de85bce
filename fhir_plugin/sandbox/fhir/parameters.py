"""The search parameters of each resource type, read once from `search_parameters.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

Kind = Literal["token", "flag", "reference", "date", "string", "uri"]

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Step:
    """One element of a path: its name, whether it is a choice (`name[x]`), and a filter on a child."""

    name: str
    choice: bool = False
    where: tuple[str, str] | None = None


@dataclass(frozen=True)
class SearchParameter:
    """One search parameter of one type. `targets` empty: a reference may go to any type."""

    code: str
    kind: Kind
    paths: tuple[tuple[Step, ...], ...]
    targets: frozenset[str] = frozenset()

    @property
    def table(self) -> str:
        """The index table that holds its values."""
        return "token" if self.kind == "flag" else self.kind


def _step(text: str) -> Step:
    name, _, where = text.partition("{")
    choice = name.endswith("[x]")
    key, _, value = where.rstrip("}").partition("=")
    return Step(name.removesuffix("[x]"), choice, (key, value) if where else None)


def _parameter(code: str, line: str) -> SearchParameter:
    left, _, right = line.partition(" -> ")
    kind, _, paths = left.partition(" ")
    return SearchParameter(
        code,
        cast(Kind, kind),
        tuple(tuple(_step(step) for step in path.strip().split(".")) for path in paths.split("|")),
        frozenset(right.split()),
    )


COMMON: Mapping[str, SearchParameter] = {
    code: _parameter(code, line)
    for code, line in {
        "_id": "token id",
        "_lastUpdated": "date meta.lastUpdated",
        "_tag": "token meta.tag",
        "_security": "token meta.security",
        "_profile": "uri meta.profile",
        "_source": "uri meta.source",
    }.items()
}
"""What every type can be searched by (R4 search, Resource)."""


@cache
def _tables() -> Mapping[str, Mapping[str, SearchParameter]]:
    with (_HERE / "search_parameters.toml").open("rb") as file:
        read = tomllib.load(file)
    return {
        resource_type: {**COMMON, **{code: _parameter(code, line) for code, line in lines.items()}}
        for resource_type, lines in read.items()
    }


def resource_types() -> frozenset[str]:
    """Every R4 type that can be stored."""
    return frozenset(_tables())


def parameters_of(resource_type: str) -> Mapping[str, SearchParameter]:
    """By code, the common ones included. Raises `KeyError` for an unknown type."""
    return _tables()[resource_type]


@cache
def patient_compartment() -> Mapping[str, tuple[str, ...]]:
    """Resource type to the reference parameters that put a resource into a patient's compartment."""
    with (_HERE / "compartments.toml").open("rb") as file:
        return {resource_type: tuple(codes) for resource_type, codes in tomllib.load(file)["Patient"].items()}
