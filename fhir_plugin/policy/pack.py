"""Policy packs: what an organisation decided, as data. The engine that reads them decides nothing itself.

`shipped_pack("strict+dermatology")` is one of the packs that come with the app; `load_pack` combines any layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from fhir_plugin.policy.contents import (
    Attestation,
    PolicyPack,
    Said,
    UnusablePack,
    Wording,
)
from fhir_plugin.policy.floors import stand_on
from fhir_plugin.policy.keys import BY_NAME, KEYS
from fhir_plugin.policy.layers import NAMES_TOGETHER, Layer, combine, read_layer
from fhir_plugin.policy.values import WrongValue
from mappings.model.work import WorkKind

__all__ = [
    "PolicyPack",
    "UnusablePack",
    "load_pack",
    "parse_pack",
    "shipped_layer",
    "shipped_layers",
    "shipped_names",
    "shipped_pack",
]


def parse_pack(text: str, *overlays: str) -> PolicyPack:
    """A pack from the TOML of a base and of overlays. Raises `UnusablePack` naming the key, or the floor."""
    return load_pack([read_layer(each) for each in (text, *overlays)])


def load_pack(layers: Sequence[Layer]) -> PolicyPack:
    """What these layers say together, on or above every floor. Raises `UnusablePack`."""
    combined = combine(layers)
    read: dict[str, Any] = {}
    for name, value in combined.values.items():
        if name in NAMES_TOGETHER:  # each part was of its kind
            read[name] = value
            continue
        try:
            read[name] = BY_NAME[name].kind.read(value)
        except WrongValue as error:
            raise UnusablePack(f"the policy key {name} has a value that is not {error}") from error
    said = tuple(
        Said(
            key.name,
            combined.values[key.name],
            combined.reasons.get(key.name) or key.source,
            combined.deciding.get(key.name, ""),
        )
        for key in KEYS
    )
    return stand_on(_pack(read, said))


def _pack(read: Mapping[str, Any], said: tuple[Said, ...]) -> PolicyPack:
    fields: dict[str, Any] = {}
    wording: dict[str, str] = {}
    attestations: list[Attestation] = []
    hours: dict[WorkKind, int] = {}
    for key in KEYS:
        value = read[key.name]
        part, _, name = key.field.partition(".")
        match part:
            case "wording":
                wording[name] = value
            case "attestations":
                attestations.append(Attestation(name, value, key.says, tuple(key.source.split(", "))))
            case "work_hours":
                hours[WorkKind(name)] = value
            case _:
                fields[part] = value
    return PolicyPack(
        **fields, wording=Wording(**wording), attestations=tuple(attestations), work_hours=hours, said=said
    )


def shipped_names() -> tuple[str, ...]:
    """The names of the packs and overlays that come with the app."""
    return tuple(sorted(each.name.removesuffix(".toml") for each in _folder().iterdir() if each.name.endswith(".toml")))


@cache
def shipped_layer(name: str) -> Layer:
    """One file that comes with the app. Raises `UnusablePack` for a name that is not among them."""
    if name not in shipped_names():
        raise UnusablePack("no policy pack of that name comes with the app: " + ", ".join(shipped_names()) + " do")
    return read_layer((_folder() / f"{name}.toml").read_text("utf-8"))


def shipped_layers(names: str) -> list[Layer]:
    """The files of `base+overlay+overlay`."""
    return [shipped_layer(name.strip()) for name in names.split("+")]


def shipped_pack(names: str = "strict") -> PolicyPack:
    """A pack that comes with the app, with its overlays: `strict`, `strict+dermatology`."""
    return load_pack(shipped_layers(names))


def _folder() -> Any:
    return resources.files("fhir_plugin.policy") / "packs"
