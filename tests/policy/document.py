"""The tables of docs/policy.md, from the code. `python -m tests.policy.document` writes them into it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from enum import StrEnum

from fhir_plugin.policy.floors import FLOORS
from fhir_plugin.policy.key import Key
from fhir_plugin.policy.keys_of_choices import CHOICE_KEYS
from fhir_plugin.policy.keys_of_numbers import IDENTITY_KEYS, NUMBER_KEYS, WORK_KEYS
from fhir_plugin.policy.keys_of_words import ATTESTATION_KEYS, RETENTION_KEYS, WORDING_KEYS
from fhir_plugin.policy.pack import shipped_layer, shipped_names
from fhir_plugin.policy.values import Choice, Flag, Kind, Pair
from tests.policy.packs import toml
from tests.shape.project import ROOT

DOCUMENT = ROOT / "docs" / "policy.md"


def allowed(kind: Kind, default: object) -> str:
    """What a key may be, the strict pack's value first."""
    match kind:
        case Choice(values=values):
            options: Sequence[object] = [str(each) for each in values]
        case Pair(no=no, yes=yes):
            options = [no, yes]
        case Flag():
            options = [False, True]
        case _:
            short = toml(default)
            return f"{kind.expected}; `{short}`" if len(short) <= 40 else kind.expected
    ordered = sorted(options, key=lambda each: each != default)
    return ", ".join(f"`{each if isinstance(each, str) else toml(each)}`" for each in ordered)


def table_of_keys(keys: Sequence[Key]) -> str:
    values = shipped_layer("strict").values
    rows = ["| key | what it decides | values, the strict pack's first | floor | from |", "|---|---|---|---|---|"]
    for key in keys:
        cells = (f"`{key.name}`", key.says, allowed(key.kind, values[key.name]), key.floor or "none", key.source)
        rows.append("| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |")
    return "\n".join(rows)


def table_of_texts(keys: Sequence[Key]) -> str:
    rows = ["| key | what it says | from |", "|---|---|---|"]
    rows += [f"| `{key.name}` | {key.says} | {key.source} |" for key in keys]
    return "\n".join(rows)


def table_of_floors() -> str:
    rows = ["| floor | what has to be true | key | from |", "|---|---|---|---|"]
    rows += [f"| {each.name} | {each.message} | `{each.key}` | {each.source} |" for each in FLOORS]
    return "\n".join(rows)


def table_of_packs() -> str:
    rows = ["| name | what it is | goes | review by |", "|---|---|---|---|"]
    for layer in sorted(map(shipped_layer, shipped_names()), key=lambda each: (not each.is_base, each.id)):
        way = "alone, or under overlays" if layer.is_base else "on top of a complete pack"
        rows.append(f"| `{layer.id}` | {layer.values['pack.title']} | {way} | {layer.values['pack.review_by']} |")
    return "\n".join(rows)


class Table(StrEnum):
    """A generated part of the document, between `<!-- x -->` and `<!-- end of x -->`."""

    PACKS = "packs"
    FLOORS = "floors"
    CHOICES = "choices"
    NUMBERS = "numbers"
    TEXTS = "texts"
    ATTESTATIONS = "attestations"


def tables() -> dict[Table, str]:
    return {
        Table.PACKS: table_of_packs(),
        Table.FLOORS: table_of_floors(),
        Table.CHOICES: table_of_keys(CHOICE_KEYS),
        Table.NUMBERS: table_of_keys((*NUMBER_KEYS, *WORK_KEYS)),
        Table.TEXTS: table_of_texts((*IDENTITY_KEYS, *RETENTION_KEYS, *WORDING_KEYS)),
        Table.ATTESTATIONS: table_of_texts(ATTESTATION_KEYS),
    }


def written(text: str) -> str:
    """The document with every generated part as the code has it now."""
    for name, table in tables().items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        assert len(pattern.findall(text)) == 1, f"docs/policy.md has no single place for {name}"
        text = pattern.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)  # type: ignore[misc]  # mypy and default arguments of a lambda
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
    sys.exit(0)
