"""Files of policy: one base, and overlays that name only what they change.

What the organisation's own file says stands above a specialty's overlay, which stands above a setting's, which stands
above the base: the organisation decided last, and knows its own clinics. Two overlays of one level that say different
things about one key are refused, so that the order of their names never decides anything.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from fhir_plugin.policy.contents import UnusablePack
from fhir_plugin.policy.floors import LONGEST_UNREVIEWED_YEARS, years_after
from fhir_plugin.policy.keys import BY_NAME, KEYS
from fhir_plugin.policy.values import Words, WrongValue

ANY = "any"
_KIND = "pack.kind"
_JOINED = frozenset({"pack.sources", "guidance.links"})
"""Lists to which an overlay adds: what it rests on comes on top of what the base rests on."""
NAMES_TOGETHER = frozenset(
    f"pack.{each}" for each in ("id", "version", "title", "organisation", "specialty", "setting")
)
"""What a combination writes together from the names of its layers."""
_OWN = frozenset(key.name for key in KEYS if key.identity)


class Level(IntEnum):
    """Whose word a layer is; the higher one counts."""

    BASE = 0
    SETTING = 1
    SPECIALTY = 2
    ORGANISATION = 3


@dataclass(frozen=True)
class Layer:
    """One file, read but not yet combined: raw TOML values by key, and a reason for each decision in it."""

    id: str
    version: str
    level: Level
    values: Mapping[str, Any] = field(repr=False)
    reasons: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)

    @property
    def is_base(self) -> bool:
        return self.level is Level.BASE


def read_layer(text: str) -> Layer:
    """One file. Raises `UnusablePack` naming the key that is unknown, wrong, missing or without a reason."""
    try:
        top = tomllib.loads(text)
        reasons = _reasons(top.pop("reasons", {}))
        values = dict(_flat(top))
    except (ValueError, RecursionError) as error:  # also a number too long or tables too deep to read
        raise UnusablePack("the policy pack is not valid TOML") from error
    kind = values.pop(_KIND, None)
    if kind not in ("base", "overlay"):
        raise UnusablePack(f"the policy key {_KIND} is not one of base, overlay")
    for name in values:
        if name not in BY_NAME:
            raise UnusablePack(f"the policy pack has the unknown key {_shown(name)}")
    _look_at(values, whole=kind == "base")
    for name in values:
        if BY_NAME[name].reasoned and name not in reasons:
            raise UnusablePack(f"the policy pack gives no reason for the key {name}: say it in [reasons]")
    for name in reasons:
        if name not in values:
            raise UnusablePack(f"the policy pack gives a reason for {_shown(name)}, which it does not say")
    written, review = values["pack.written_on"], values["pack.review_by"]
    if not written < review <= years_after(written, LONGEST_UNREVIEWED_YEARS):
        raise UnusablePack(
            "pack.review_by is below the floor reviewed-in-time: "
            "a pack is reviewed after it was written, within three years (X26, G-R342)"
        )
    return Layer(values["pack.id"], values["pack.version"], _level(kind, values), values, reasons, text)


def _look_at(values: Mapping[str, Any], *, whole: bool) -> None:
    """Every value is of its kind; what has to be there is."""
    for key in KEYS:
        if key.name not in values:
            if whole or key.identity:
                raise UnusablePack(f"the policy pack lacks the key {key.name}")
            continue
        try:
            key.kind.read(values[key.name])
        except WrongValue as error:
            raise UnusablePack(f"the policy key {key.name} has a value that is not {error}") from error


def _level(kind: str, values: Mapping[str, Any]) -> Level:
    if kind == "base":
        return Level.BASE
    if values["pack.organisation"] != ANY:
        return Level.ORGANISATION
    if values["pack.specialty"] != ANY:
        return Level.SPECIALTY
    if values["pack.setting"] != ANY:
        return Level.SETTING
    raise UnusablePack("an overlay is for somebody: pack.organisation, pack.specialty or pack.setting names whom")


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        if "." in key:  # a quoted name would stand beside the table that it spells
            raise UnusablePack(f"the policy pack has the unknown key {_shown(prefix + key)}")
        if isinstance(value, dict):
            if not value:
                raise UnusablePack(f"the policy pack has an empty table, {_shown(prefix + key)}")
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _reasons(table: object) -> dict[str, str]:
    if not isinstance(table, dict):
        raise UnusablePack("the policy pack's reasons are not a table")
    for name, reason in table.items():
        try:
            Words().read(reason)
        except WrongValue as error:
            raise UnusablePack(f"the policy pack's reason for {_shown(name)} is not {error}") from error
    return table


def _shown(name: str) -> str:
    """An unknown key, cut short and without anything that a terminal or page would obey."""
    return "".join(each if each.isprintable() and each not in "<>&" else "?" for each in name[:60])


def combine(layers: Sequence[Layer]) -> Combined:
    """What the layers say together. Raises `UnusablePack` for layers that do not go together."""
    if sum(each.is_base for each in layers) != 1:
        raise UnusablePack("a policy is one complete pack (base) and any number of overlays on it")
    if len({each.id for each in layers}) != len(layers):
        raise UnusablePack("a policy names each of its packs once")
    ordered = sorted(layers, key=lambda each: (each.level, each.id))
    values: dict[str, Any] = {}
    by: dict[str, Layer] = {}
    for layer in ordered:
        for name, value in layer.values.items():
            if name in _JOINED:
                values[name] = [*values.get(name, ()), *(each for each in value if each not in values.get(name, ()))]
                by.setdefault(name, layer)
            elif name not in _OWN:
                values[name], by[name] = value, layer
    for name, deciding in by.items():
        for other in ordered:
            level_with = other.level == deciding.level and name not in _JOINED
            if level_with and other.values.get(name, values[name]) != values[name]:
                raise UnusablePack(
                    f"the overlays {other.id} and {deciding.id} say different things about {name}: "
                    "let the organisation's own file decide it"
                )
    return Combined(
        values={**values, **_named_together(ordered)},
        reasons={name: layer.reasons.get(name, "") for name, layer in by.items()},
        deciding={name: layer.id for name, layer in by.items()},
    )


@dataclass(frozen=True)
class Combined:
    """Raw values by key; for each key that is a decision the reason, and the id of the layer that decided."""

    values: Mapping[str, Any]
    reasons: Mapping[str, str]
    deciding: Mapping[str, str]


def _named_together(ordered: Sequence[Layer]) -> dict[str, Any]:
    """Who the combination is: every id and version; the first review date; the highest layer's approval."""
    versions = [each.version for each in ordered]
    last = ordered[-1].values
    whom = {}
    for key in ("pack.organisation", "pack.specialty", "pack.setting"):
        named = dict.fromkeys(each.values[key] for each in ordered if each.values[key] != ANY)
        whom[key] = " + ".join(named) or ANY
    return {
        "pack.id": "+".join(each.id for each in ordered),
        "pack.version": versions[0] if len(set(versions)) == 1 else "+".join(versions),
        "pack.title": ", ".join(each.values["pack.title"] for each in ordered),
        "pack.written_on": max(each.values["pack.written_on"] for each in ordered),
        "pack.review_by": min(each.values["pack.review_by"] for each in ordered),
        "pack.approved_by": last["pack.approved_by"],
        "pack.approved_on": last["pack.approved_on"],
        **whom,
    }
