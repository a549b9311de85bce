"""The table of docs/profiles.md, from the profiles themselves: `python -m tests.profiles.listed` writes it anew."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

from mappings.profiles.examples import examples
from mappings.profiles.shape import profiles
from tests.profiles.spoilt import REFUSED

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "profiles.md"
_BETWEEN: Final = re.compile(r"(<!-- Written by [^\n]+ -->\n).*?(<!-- End -->)", re.DOTALL)


def table() -> str:
    """One row for each profile."""
    kept, refused = Counter(each.profile for each in examples()), Counter(each.profile for each in REFUSED)
    lines = ["| profile | of | what it is | examples | must fail |", "|---|---|---|---:|---:|"]
    for each in profiles():
        id = each["id"]
        lines.append(f"| `{id}` | {each['type']} | {each['description']} | {kept[id]} | {refused[id]} |")
    return "\n".join(lines)


def written(document: str) -> str:
    """The document with the table as it is now."""
    return _BETWEEN.sub(lambda found: f"{found[1]}\n{table()}\n\n{found[2]}", document)


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), encoding="utf-8")
