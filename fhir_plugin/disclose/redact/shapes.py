"""Which resource types there are in R4, R4B and R5, and what must be there: from `shapes.json`.

The table is made from the official definitions by `python -m tests.definitions.shapes`. It holds only elements that
lead to a required one; everything else can be cut wherever it stands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Shapes:
    """`required`: by owner, names of the elements that must be there (`value[x]` for a choice). `kinds`: by owner and
    element, the owner of what is inside."""

    resources: frozenset[str]
    required: dict[str, frozenset[str]]
    kinds: dict[str, dict[str, str]]

    def must_have(self, owner: str, name: str) -> bool:
        """Whether an object of this kind is not valid without this element."""
        needed = self.required.get(owner)
        if not needed:
            return False
        return name in needed or any(name.startswith(one[:-3]) for one in needed if one.endswith("[x]"))

    def inside(self, owner: str, name: str) -> str:
        """The kind of what stands there; empty where nothing in it is required."""
        return self.kinds.get(owner, {}).get(name, "")


@cache
def shapes() -> Shapes:
    """The table, read once."""
    table = json.loads(resources.files(__package__).joinpath("shapes.json").read_text(encoding="utf-8"))
    return Shapes(
        resources=frozenset(table["resources"]),
        required={owner: frozenset(names) for owner, names in table["required"].items()},
        kinds=table["kinds"],
    )
