"""Ways to spoil an example, and one spoilt example with what a validator has to say of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
NORMAL: Final = {"system": CONFIDENTIALITY, "code": "N", "display": "normal"}


@dataclass(frozen=True)
class Spoilt:
    """`example`: type and id. `because`: a part of what the validator says, that names the element or the rule."""

    profile: str
    example: str
    how: str
    spoil: Callable[[Json], None]
    because: str

    def of(self, resource: Json) -> Json:
        spoilt = copy.deepcopy(resource)
        self.spoil(spoilt)
        assert spoilt != resource
        return spoilt


def without(*path: str | int) -> Callable[[Json], None]:
    """Takes out what stands at a place."""

    def spoil(resource: Json) -> None:
        holder = _at(resource, path[:-1])
        del holder[path[-1]]

    return spoil


def put(value: object, *path: str | int) -> Callable[[Json], None]:
    """Puts something at a place."""

    def spoil(resource: Json) -> None:
        _at(resource, path[:-1])[path[-1]] = copy.deepcopy(value)

    return spoil


def more(value: object, *path: str | int) -> Callable[[Json], None]:
    """One more in a list, which may not be there yet."""

    def spoil(resource: Json) -> None:
        _at(resource, path[:-1]).setdefault(path[-1], []).append(copy.deepcopy(value))

    return spoil


def _at(resource: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        resource = resource[step]
    return resource


def without_extension(code: str) -> Callable[[Json], None]:
    """Without the extension of ours of this name."""

    def spoil(resource: Json) -> None:
        kept = [each for each in resource["extension"] if not each["url"].endswith(f":{code}")]
        resource["extension"] = kept

    return spoil


def without_agent(code: str) -> Callable[[Json], None]:
    def spoil(resource: Json) -> None:
        resource["agent"] = [each for each in resource["agent"] if each["type"]["coding"][0]["code"] != code]

    return spoil


def without_label(resource: Json) -> None:
    meta = resource["meta"]
    meta["security"] = [each for each in meta["security"] if each["system"] != CONFIDENTIALITY] or [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PHY"}
    ]


def ended(resource: Json) -> None:
    resource["provision"]["provision"][0]["period"]["end"] = "2027-01-01"
