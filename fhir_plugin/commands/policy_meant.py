"""Which policy pack a command means: a name, a file, one that was in force before, or what is in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fhir_plugin.adapters.packs import DatabasePacks
    from fhir_plugin.policy.contents import PolicyPack
    from fhir_plugin.settings import Settings


def is_file(what: str) -> bool:
    """Whether `what` means a file, not the name of a pack."""
    return what.endswith(".toml") or Path(what).is_file()


def pack_meant(what: str | None, base: str | None, settings: Settings, *, in_force: bool = False) -> PolicyPack:
    """The pack that `what` means. Raises `UnusablePack`.

    `in_force`: without `what`, the last good one is meant where what the settings name cannot be used.
    """
    from fhir_plugin.adapters.packs import configured_layers, read_layer_file
    from fhir_plugin.policy.in_force import choose, put_together
    from fhir_plugin.policy.pack import load_pack, shipped_layers, shipped_pack

    if what is None:
        if in_force:
            kept = kept_packs(settings)
            last = kept.last() if kept else None
            return choose(
                lambda: configured_layers(settings.policy, settings.policy_file),
                last,
                kept.kept if kept else lambda _reference: None,
            ).pack
        return load_pack(configured_layers(settings.policy, settings.policy_file))
    if is_file(what):
        return load_pack(put_together(shipped_layers(base or settings.policy), read_layer_file(Path(what))))
    if "/" in what and (kept := kept_packs(settings)) is not None and (earlier := kept.kept(what)) is not None:
        return earlier.load()
    return shipped_pack(what)


def kept_packs(settings: Settings) -> DatabasePacks | None:
    """What this installation keeps; None where there is no installation yet. Nothing is made by looking."""
    from fhir_plugin.adapters.clock import SystemClock
    from fhir_plugin.adapters.database import Database
    from fhir_plugin.adapters.packs import DatabasePacks

    if not settings.database_url and not (settings.state / "plugin.sqlite").exists():
        return None
    packs = DatabasePacks(Database(settings.database), SystemClock())
    return packs if packs.exist() else None
