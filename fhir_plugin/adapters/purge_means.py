"""How servers get rid of old versions, as data: one TOML file per way in `purge/`, each with its source.

A way is chosen by what is known of the server's family and by what its CapabilityStatement tells; never by trying,
for what is tried has been done.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from fhir_plugin.capability import Capability
from fhir_plugin.ports import PurgeMeans

Json = dict[str, Any]

_KNOWN: Final = {
    "name",
    "words",
    "ask",
    "reaches_history",
    "families",
    "operation",
    "interaction",
    "untold",
    "strangers",
    "later",
    "not_for",
    "request",
}
_REQUEST: Final = {"method", "path", "parameters"}


@dataclass(frozen=True)
class PurgeWay:
    """One way, and how it is asked for.

    `families`: whose servers do it so; `untold`: even where their CapabilityStatement does not tell of it.
    `strangers`: any server that tells of `operation` or `interaction` is asked so. `later`: done after it has answered.
    `method` and `path` are empty where there is nothing to ask; `{patient}` in a parameter is the patient's id.
    """

    means: PurgeMeans
    families: frozenset[str] = frozenset()
    operation: str = ""
    interaction: str = ""
    untold: bool = False
    strangers: bool = False
    later: bool = False
    not_for: frozenset[str] = frozenset()
    method: str = ""
    path: str = ""
    parameters: Sequence[Mapping[str, Any]] = field(default=())

    def told(self, capability: Capability, resource_type: str) -> bool:
        """Whether the server says that it does this, for the type or for all."""
        if self.interaction:
            return self.interaction in capability.interactions.get(resource_type, frozenset())
        return bool({self.operation, f"{resource_type}/{self.operation}"} & capability.operations)

    def body(self, patient: str | None) -> Json | None:
        """The Parameters to send; None: nothing is sent. Without a patient, none is named."""
        told = [dict(each) for each in self.parameters if patient is not None or "{patient}" not in each.values()]
        if not told:
            return None
        filled = [{key: patient if value == "{patient}" else value for key, value in each.items()} for each in told]
        return {"resourceType": "Parameters", "parameter": filled}


def way_for(capability: Capability, resource_type: str) -> PurgeWay:
    """How this server gets rid of versions of this type; the way called `none` where nothing is known."""
    known = [way for way in ways() if capability.vendor.name in way.families]
    strange = [way for way in ways() if way.strangers]
    for way in known:
        if (way.untold or way.told(capability, resource_type)) and resource_type not in way.not_for:
            return way
    if any(resource_type in way.not_for for way in known):
        return none()
    return next((way for way in strange if way.told(capability, resource_type)), none())


def none() -> PurgeWay:
    """Nothing is known, and nothing is asked."""
    return next(way for way in ways() if way.means.name == "none")


@cache
def ways() -> tuple[PurgeWay, ...]:
    """Every way there is a file for, in the order of the files' names. Raises `ValueError` for a file that is wrong."""
    folder = resources.files(__package__) / "purge"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return tuple(read_way(tomllib.loads(f.read_text("utf-8"))) for f in files)


def read_way(data: Json) -> PurgeWay:
    """One file. Raises `ValueError` for what nobody reads, and `KeyError` for what is missing."""
    request = data.get("request", {})
    if unknown := (data.keys() - _KNOWN) | (request.keys() - _REQUEST):
        raise ValueError(f"the way {data.get('name')} says what nobody reads: {sorted(unknown)}")
    means = PurgeMeans(name=data["name"], words=data["words"], reaches_history=data["reaches_history"], ask=data["ask"])
    return PurgeWay(
        means=means,
        families=frozenset(data.get("families", ())),
        operation=data.get("operation", ""),
        interaction=data.get("interaction", ""),
        untold=data.get("untold", False),
        strangers=data.get("strangers", False),
        later=data.get("later", False),
        not_for=frozenset(data.get("not_for", ())),
        method=request.get("method", ""),
        path=request.get("path", ""),
        parameters=tuple(request.get("parameters", ())),
    )
