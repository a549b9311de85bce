"""Which pack is in force: the one that the settings name, or else the last good one. A clinic never stops at midnight.

Pure: `fhir_plugin.adapters.packs` reads the files and keeps what was in force.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fhir_plugin.policy.contents import PolicyPack, UnusablePack
from fhir_plugin.policy.layers import Layer
from fhir_plugin.policy.pack import load_pack, parse_pack


@dataclass(frozen=True)
class KeptPack:
    """A pack as it once was in force, whole. `texts`: TOML of its layers. `since`: when it last came into force."""

    reference: str
    texts: tuple[str, ...] = field(repr=False)
    since: dt.datetime

    def load(self) -> PolicyPack:
        """Raises `UnusablePack` where this version of the app asks for more than it says."""
        return parse_pack(*self.texts)


@dataclass(frozen=True)
class InForce:
    """`pack` from now on. `keep`: its texts, where it is not yet kept as the last good one; else None."""

    pack: PolicyPack
    keep: tuple[str, ...] | None


def put_together(layers: Sequence[Layer], own: Layer | None) -> list[Layer]:
    """The layers that the settings name, with the organisation's own file: on top of them, or as the base of them."""
    if own is None:
        return list(layers)
    if own.is_base:
        return [own, *layers[1:]]
    return [*layers, own]


def choose(
    configured: Callable[[], Sequence[Layer]],
    last: KeptPack | None,
    kept: Callable[[str], KeptPack | None] = lambda _reference: None,
) -> InForce:
    """What is in force. `configured` reads what the settings name; `kept` finds an earlier pack by its reference.

    Raises `UnusablePack` where what is configured cannot be used and there is no last good pack: then nobody has
    decided anything, and the app must not start.
    """
    try:
        layers = configured()
        pack = load_pack(layers)
        same_version_says_the_same(pack, kept(pack.reference))
    except UnusablePack as error:
        return InForce(_last_good(last, error), None)
    texts = tuple(layer.text for layer in sorted(layers, key=lambda each: not each.is_base))
    as_before = last is not None and last.reference == pack.reference and last.texts == texts
    return InForce(pack, None if as_before else texts)


def same_version_says_the_same(pack: PolicyPack, before: KeptPack | None) -> None:
    """A decision stores id and version only: they have to mean one thing for ever (X26, G-R342).

    Raises `UnusablePack` where `before`, the pack of that reference, said something else.
    """
    if before is None:
        return
    try:
        meant = before.load()
    except UnusablePack:
        return  # an older app kept it, and this one cannot read it any more: nothing to compare with
    if meant != pack:
        raise UnusablePack(
            f"pack.version: {pack.reference} was in force before and said something else; give the changed pack a "
            "new version"
        )


def _last_good(last: KeptPack | None, error: UnusablePack) -> PolicyPack:
    if last is None:
        raise UnusablePack(
            f"{error.message}. There is no earlier pack to stay with, so the app does not start: "
            "mend the pack, or name one that comes with the app"
        ) from error
    try:
        return replace(last.load(), stayed_because=error.message)
    except UnusablePack as older:
        raise UnusablePack(
            f"{error.message}. The last good one, {last.reference}, cannot be used either: {older.message}"
        ) from error
