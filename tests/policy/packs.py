"""Packs for tests, written as TOML from the keys of a shipped one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from fhir_plugin.policy.keys import BY_NAME
from fhir_plugin.policy.pack import shipped_layer

BASES = ("strict", "gp-inform-only", "nhs-intimate-2020")
OVERLAYS = ("dermatology", "paediatrics", "sexual-health", "wounds")


def toml(value: Any) -> str:
    """One value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return repr(value)


def written(values: Mapping[str, Any], kind: str, reasons: Mapping[str, str]) -> str:
    """A file that says these keys, with a reason for each that needs one."""
    lines = [f'pack.kind = "{kind}"', *(f"{name} = {toml(value)}" for name, value in values.items())]
    needed = [name for name in values if name in BY_NAME and BY_NAME[name].reasoned]
    lines += ["[reasons]", *(f"{toml(name)} = {toml(reasons.get(name, 'for a test'))}" for name in needed)]
    return "\n".join(lines) + "\n"


def base(*without: str, on: Any = "strict", **changed: Any) -> str:
    """A shipped pack, without some keys and with others changed; `__` in a name stands for the dot. `on`: its name."""
    layer = shipped_layer(on)
    changes = {name.replace("__", "."): value for name, value in changed.items()}
    values = {name: value for name, value in {**layer.values, **changes}.items() if name not in without}
    return written(values, "base", layer.reasons)


def overlay(changes: Mapping[str, Any] | None = None, **names: str) -> str:
    """An overlay that says `changes`. `specialty="x"`, `setting="x"`, `organisation="x"`: for whom; `id`, `version`."""
    identity = {
        "pack.id": "test-overlay",
        "pack.version": "1",
        "pack.title": "An overlay",
        "pack.written_on": dt.date(2026, 11, 22),
        "pack.review_by": dt.date(2027, 11, 30),
        "pack.approved_by": "",
        "pack.approved_on": "not-yet",
        "pack.organisation": "any",
        "pack.specialty": "any",
        "pack.setting": "any",
        "pack.sources": [{"cited": "T", "title": "A test", "date": "2026", "note": "Of today."}],
        **{f"pack.{name}": value for name, value in names.items()},
    }
    return written({**identity, **(changes or {})}, "overlay", {})
