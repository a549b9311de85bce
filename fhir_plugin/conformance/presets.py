"""Well-known public sandboxes, as data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Preset:
    """One public sandbox. `open`: nobody signs in there."""

    name: str
    fhir_base: str
    words: str
    open: bool
    vendor: str | None


@cache
def presets() -> dict[str, Preset]:
    """By name."""
    read = tomllib.loads((resources.files(__package__) / "presets.toml").read_text("utf-8"))
    return {
        name: Preset(name, line["fhir_base"], line["words"], bool(line["open"]), line.get("vendor"))
        for name, line in read.items()
    }
